/* What local programs change in a share, as the store tells of it (vfs.h), and who hears of it. */
#ifndef SERVER_LOCAL_H
#define SERVER_LOCAL_H

#include "server/open.h"

struct srv_share;

/* From now on changes in the open's directory are heard of; filter: FSA_CHANGE_*. NULL: the share does not want to, or cannot. */
struct vfs_watch *srv_local_watch(struct srv_open *o, uint32_t filter, bool tree);
/* Local programs that open the file have to wait as long as o caches what it writes: first the file is kept from them, false where that
 * cannot be, then the open is entered and gets its oplock, or (stays false) none. */
bool srv_local_keep_off(struct srv_open *o) MUST_USE;
void srv_local_kept_off(struct srv_open *o, bool stays, struct fsa_breaks *b);
/* The oplock is gone, or still there. */
void srv_local_let_in(struct srv_open *o);
/* The request may go on waiting for a lease that keeps the store from a file. */
bool srv_local_patient(struct srv_request *r);
/* Parks the request for a while, after which it starts again; longer each time. As srv_request_park. */
ntstatus srv_local_pause(struct srv_request *r) MUST_USE;
/* The same for a CREATE, with its answer where it cannot wait. */
struct srv_result srv_local_wait(struct srv_request *r);

/* Reads what there is and tells it. On a worker, or by a test. */
void srv_local_read(struct srv_share *share);

#endif
