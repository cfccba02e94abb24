/* A share of the server: its store and its rules. Built from the configuration; the list is replaced as a whole when it is
 * read anew, old shares live on while trees refer to them. */
#ifndef SERVER_SHARE_H
#define SERVER_SHARE_H

#include "base/list.h"
#include "vfs/vfs.h"

struct fsa;
struct net_watch;
struct srv;

enum srv_share_kind { SRV_SHARE_DISK, SRV_SHARE_IPC };

struct srv_share {
	_Atomic uint32_t refs;
	struct list_node link;
	enum srv_share_kind kind;
	char name[81];            /* UTF-8 */
	char path[4096], comment[256];
	bool read_only, encrypt, guest, hidden, access_based_enumeration, acl_flags_as_set, no_streams;
	bool no_notify, no_local_changes, kernel_oplocks, mirror_locks, short_names, show_dot_files;
	bool restrict_exclusive_opens, force_shared_delete, force_level2_oplocks; /* 3.3.1.6 */
	char (*hide_files)[256];  /* patterns of names that are shown as hidden */
	size_t hide_count;
	char (*users)[256];       /* NULL: every user of the store */
	size_t user_count;
	char (*admins)[256];
	size_t admin_count;
	struct vfs *vfs;          /* NULL for IPC$ */
	struct fsa *fsa;          /* the nodes of this store */
	struct srv_tunnel *tunnel; /* with short_names */
	struct srv *_Atomic lease_srv; /* with kernel_oplocks: the server, from the first lease on */
	struct net_watch *_Atomic local; /* waits for changes by local programs, from the first watch on; set under srv.local_lock */
	uint32_t volume_serial;
	_Atomic uint32_t current_uses;
	_Atomic bool retired;     /* no longer in the list: nobody will come back to its opens */
};

struct srv_share *srv_share_ref(struct srv_share *s);
void srv_share_put(struct srv_share *s);
/* Whether the share shows files of this name, the last component of the path, as HIDDEN. */
bool srv_share_hides(const struct srv_share *s, struct slice path);

#endif
