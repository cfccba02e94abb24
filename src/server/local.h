/* What local programs change in a share, as the store tells of it (vfs.h), and who hears of it. */
#ifndef SERVER_LOCAL_H
#define SERVER_LOCAL_H

#include "server/open.h"

struct srv_share;

/* From now on changes in the open's directory are heard of; filter: FSA_CHANGE_*. NULL: the share does not want to, or cannot. */
struct vfs_watch *srv_local_watch(struct srv_open *o, uint32_t filter, bool tree);
/* Reads what there is and tells it. On a worker, or by a test. */
void srv_local_read(struct srv_share *share);

#endif
