/* CHANGE_NOTIFY's watches, and what the other commands say into them. */
#ifndef SERVER_NOTIFY_H
#define SERVER_NOTIFY_H

#include "server/open.h"

struct srv_share;

/* `what` (FSA_CHANGE_*) of the open's file has changed. */
void srv_changed(struct srv_open *o, uint32_t action, uint32_t what);
/* The same for another path, by means of o. */
void srv_changed_path(struct srv_share *s, const struct srv_open *o, uint32_t action, uint32_t what, struct slice path);
/* It wrote: whoever watches hears of it now; leases on its directory end when it is closed, however often it writes until then. */
void srv_written(struct srv_open *o);
void srv_written_closed(struct srv_open *o);
/* Whether anybody watches or holds a lease on a directory: if not, names need not be found out. */
bool srv_changes_matter(const struct srv_share *s);
/* A file had the path `from` and has that of the open now. */
void srv_changed_name(struct srv_open *o, struct slice from);
/* A local program has made this change. */
void srv_changed_locally(struct srv_share *share, const struct vfs_change *change);
/* Local changes have been lost: whoever watches has to look for himself. */
void srv_changes_lost(struct srv_share *share);
/* The open's directory is to be deleted: whoever watches it gets DELETE_PENDING. */
void srv_directory_deleted(struct srv_open *o);
/* The filter bit of a name: files and directories are watched apart. */
uint32_t srv_change_of_name(const struct srv_open *o);

/* A watch of an open directory, made by its first CHANGE_NOTIFY. */
struct srv_watch;
struct srv_result srv_watch_wait(struct srv_request *r, const struct smb2_change_notify_req *in, struct smb2_change_notify_rsp *out);
/* The handle is closed: whoever waits gets NOTIFY_CLEANUP (3.3.5.10). */
void srv_watch_close(struct srv_open *o);
void srv_watch_free(struct srv_watch *w);

#endif
