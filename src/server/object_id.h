/* Object ids of files ([MS-FSCC] 2.1.3) and the id of the volume they are born on. */
#ifndef SERVER_OBJECT_ID_H
#define SERVER_OBJECT_ID_H

#include "server/request.h"
#include "server/share.h"

/* A name of the volume that stays the same, from what else stays the same. */
void srv_volume_id(const struct srv_share *share, const struct vfs_volume *v, uint8_t id[16]);

struct srv_result srv_object_id_create_or_get(struct srv_request *r, const struct smb2_ioctl_req *in, struct smb2_ioctl_rsp *out);
struct srv_result srv_object_id_get(struct srv_request *r, const struct smb2_ioctl_req *in, struct smb2_ioctl_rsp *out);
struct srv_result srv_object_id_delete(struct srv_request *r, const struct smb2_ioctl_req *in, struct smb2_ioctl_rsp *out);

#endif
