/* A row of cmd_ioctl.c's table. */
#ifndef SERVER_FSCTL_INTERFACES_H
#define SERVER_FSCTL_INTERFACES_H

#include "server/request.h"

struct srv_result srv_fsctl_interfaces(struct srv_request *r, const struct smb2_ioctl_req *in, struct smb2_ioctl_rsp *out);

#endif
