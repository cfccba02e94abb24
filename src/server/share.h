/* A share of the server: its store and its rules. Built from the configuration; the list is replaced as a whole when it is
 * read anew, old shares live on while trees refer to them. Where the path depends on who connects, trees have instances of the share. */
#ifndef SERVER_SHARE_H
#define SERVER_SHARE_H

#include "base/htab.h"
#include "base/list.h"
#include "vfs/vfs.h"

struct fsa;
struct srv_instances;
struct net_watch;
struct srv;

enum srv_share_kind { SRV_SHARE_DISK, SRV_SHARE_IPC };

struct srv_share {
	_Atomic uint32_t refs;
	struct list_node link;
	enum srv_share_kind kind;
	/* The rules: constant, and an instance has all of them from the configured share but the path. */
#define SRV_SHARE_FIRST_RULE name
	char name[81];            /* UTF-8 */
	char path[4096], comment[256];
	bool follow_symlinks, create_path;
	bool read_only, encrypt, guest, hidden, access_based_enumeration, acl_flags_as_set, no_streams;
	bool smb1, ntlmv1;        /* clients of SMB1 see it; those who log on by NTLMv1, too */
	bool no_notify, no_local_changes, kernel_oplocks, mirror_locks, short_names, show_dot_files;
	bool restrict_exclusive_opens, force_shared_delete, force_level2_oplocks; /* 3.3.1.6 */
	char (*hide_files)[256];  /* patterns of names that are shown as hidden */
	size_t hide_count;
	char (*users)[256];       /* NULL: every user of the store */
	size_t user_count;
	char (*admins)[256];
	size_t admin_count;
#define SRV_SHARE_BEHIND_RULES vfs
	struct vfs *vfs;          /* NULL for IPC$, and for a share that has instances */
	struct fsa *fsa;          /* the nodes of this store */
	struct srv_tunnel *tunnel; /* with short_names */
	struct srv *_Atomic lease_srv; /* with kernel_oplocks: the server, from the first lease on */
	struct net_watch *_Atomic local; /* waits for changes by local programs, from the first watch on; set under srv.local_lock */
	uint32_t volume_serial;
	_Atomic uint32_t current_uses;
	_Atomic unsigned store_waits; /* how often lately CREATEs waited for the store, see store_wait.h */
	_Atomic bool retired;     /* no longer in the list: nobody will come back to its opens; see srv_share_retired */

	/* A configured share whose path varies has instances instead of a store, see share_instance.h. */
	struct srv_instances *instances;
	struct srv_share *of;     /* of an instance: the configured share, referenced, to which users, admins and hide_files belong */
	struct htab_node by_path; /* of an instance, in of->instances */
	char owner[256];          /* of an instance: for whom it was made, as limits count; "": a guest */
};

struct srv_share *srv_share_ref(struct srv_share *s);
void srv_share_put(struct srv_share *s);
/* The share that the configuration names: of an instance the one it is of, else itself. */
struct srv_share *srv_share_configured(struct srv_share *s);
bool srv_share_retired(const struct srv_share *s);
/* Opens the directory s->path, of which `fixed` bytes lead to a directory and the rest goes down from it (vfs_posix_open_beneath); all of it: an
 * ordinary path. Then the share can be used. `why` has at least 256 bytes. */
ntstatus srv_share_open_store(struct srv_share *s, size_t fixed, char *why) MUST_USE;
/* Whether the share shows files of this name, the last component of the path, as HIDDEN. */
bool srv_share_hides(const struct srv_share *s, struct slice path);

#endif
