/* One CREATE on its way through the phases of [MS-SMB2] 3.3.5.9: contexts (create_contexts.c), path (create_path.c), options and
 * rights (create_access.c), the open itself with disposition and share modes (create_open.c, create_stream.c), the answer (create_reply.c).
 * cmd_create.c calls them in order; no other file includes this. */
#ifndef SERVER_CREATE_H
#define SERVER_CREATE_H

#include "server/durable.h"
#include "server/oplock.h"
#include "server/request.h"
#include "server/session.h"
#include "server/srv.h"

/* [MS-SMB2] 2.2.13 */
enum { CREATE_SUPERSEDE, CREATE_OPEN, CREATE_CREATE, CREATE_OPEN_IF, CREATE_OVERWRITE, CREATE_OVERWRITE_IF };
enum { ACTION_SUPERSEDED, ACTION_OPENED, ACTION_CREATED, ACTION_OVERWRITTEN };
enum {
	OPTION_DIRECTORY_FILE = 0x1, OPTION_WRITE_THROUGH = 0x2, OPTION_SEQUENTIAL_ONLY = 0x4, OPTION_NO_INTERMEDIATE_BUFFERING = 0x8,
	OPTION_SYNC_ALERT = 0x10, OPTION_SYNC_NONALERT = 0x20, OPTION_NON_DIRECTORY_FILE = 0x40, OPTION_NO_EA_KNOWLEDGE = 0x200,
	OPTION_DELETE_ON_CLOSE = 0x1000, OPTION_OPEN_BY_FILE_ID = 0x2000, OPTION_RESERVE_OPFILTER = 0x100000,
	OPTION_OPEN_REPARSE_POINT = 0x200000
};
enum { OPLOCK_LEVEL_LEASE = 0xFF };

/* What the request's contexts ask for, 2.2.13.2. */
struct create_contexts {
	bool mxac, mxac_timed, qfid, alsi, timewarp, shared_disk;
	bool dhnq, dhnc, dh2q, dh2c, app_instance;
	struct smb2_file_id reconnect_id;   /* of DHnC and DH2C */
	struct guid create_guid, app;       /* of DH2Q and DH2C; of the application */
	uint32_t durable_timeout_ms;
	bool any_lease;                /* RqLs is there, whatever the level: */
	struct slice rqls;
	uint64_t mxac_time, allocation;
	struct slice ea_list, secdesc;
	struct vfs_ea *eas;
	size_t ea_count;
	bool leased;                   /* asks for a lease that can be granted here ... */
	struct srv_lease_wish lease;
	uint8_t lease_state;           /* ... FSA_CACHE_* */
};

struct create_op {
	struct srv_request *r;
	const struct smb2_create_req *in;
	struct create_contexts ctx;
	const struct secdesc *parent;  /* set on the directory of a file that may be made; NULL: none */
	struct vfs_stat parent_stat;   /* of that directory, descriptor or not */
	struct vfs_file *parent_file;  /* the same, open while something may be made in it */
	struct slice name;             /* checked, without stream part and trailing separator */
	struct slice stream;           /* of a named stream: its name; else empty */
	bool must_be_directory, must_be_file;
	bool quota_index;              /* where NTFS keeps quotas */
	uint32_t desired;              /* generic bits mapped */
	uint32_t granted, maximal;     /* what the open got; what it could have got */
	uint32_t action;
	bool made_file;                /* for a stream, its file was made */
	bool lease_known;              /* the lease that is asked for is there, and so must be its file */
	struct vfs_open_result found;
	struct srv_open *open;
	struct fsa_got got;            /* what the client may cache, for the answer */
	bool tell_durable;             /* ... and whether that has a durable response */
};

/* Writing dispositions of a file that is there already. */
static inline bool create_overwrites(const struct create_op *op)
{
	uint32_t d = op->in->create_disposition;

	return d == CREATE_SUPERSEDE || d == CREATE_OVERWRITE || d == CREATE_OVERWRITE_IF;
}

ntstatus create_contexts_parse(struct create_op *op) MUST_USE;
ntstatus create_path_check(struct create_op *op) MUST_USE;
ntstatus create_options_check(struct create_op *op) MUST_USE;
ntstatus create_access_check(struct create_op *op) MUST_USE;
/* Rights of an open of an existing file: fills granted and maximal from op->found.stat. */
ntstatus create_access_grant(struct create_op *op) MUST_USE;
/* What could be had of op->found. */
uint32_t create_access_maximal(struct create_op *op);
/* Whether the directory lets a file be made in it: ACCESS_DENIED. Fills op->parent. */
ntstatus create_parent_check(struct create_op *op) MUST_USE;
/* ... and the share, with all that the file is to have; what keeps it from being made matters only if it is not there yet. */
ntstatus create_may_make(struct create_op *op) MUST_USE;
/* What a new file is to be, by the request and, once that has been asked, its directory. */
uint32_t create_attributes(const struct create_op *op);
/* Opens, creates or overwrites; op->open is in no table yet. PENDING: an oplock has to break first (r->awaited). */
ntstatus create_open_execute(struct create_op *op) MUST_USE;
/* The two steps to a named stream. First its file, in op->found; then, rights having been granted, the stream in place of it. When
 * the second step fails the file is the caller's to close. */
ntstatus create_stream_file(struct create_op *op) MUST_USE;
ntstatus create_stream_open(struct create_op *op) MUST_USE;
/* Removes the file again if it was made for the stream. */
void create_stream_undo_file(struct create_op *op, struct vfs_file *file);
/* Takes back what create_open_execute did, file included if it made it. */
void create_open_undo(struct create_op *op);
ntstatus create_reply_fill(struct create_op *op, struct smb2_create_rsp *out) MUST_USE;
/* create_durable.c. Before the open: what there may be of a durable open, or of somebody else's, for this CREATE. op->open is set when this one is
 * a replay, whose answer is that of an open that there is. */
ntstatus create_durable_begin(struct create_op *op) MUST_USE;
/* When the open has been made: it may last. */
void create_durable_grant(struct create_op *op);
/* 3.3.5.9.7, 3.3.5.9.12: the whole CREATE with DHnC or DH2C, which gives back an open that there is. */
ntstatus create_reconnect(struct create_op *op, struct smb2_create_rsp *out) MUST_USE;
/* The same for a replay that found such an open. */
ntstatus create_replay(struct create_op *op, struct smb2_create_rsp *out) MUST_USE;
/* 2.2.2.2.1, for STOPPED_ON_SYMLINK. */
void create_symlink_error(struct create_op *op);

/* A pipe of IPC$. */
struct srv_result create_pipe(struct srv_request *r, const struct smb2_create_req *in, struct smb2_create_rsp *out);

#endif
