/* The commands' handlers, one file each (cmd_NAME.c). Shape and preconditions: request.h. */
#ifndef SERVER_CMD_H
#define SERVER_CMD_H

#include "server/request.h"

/* A private request of the smbtorture test suite. */
#define FSCTL_TEST_UNACKED 0x83848003u

struct srv_result cmd_negotiate(struct srv_request *r, const struct smb2_negotiate_req *in, struct smb2_negotiate_rsp *out);
struct srv_result cmd_session_setup(struct srv_request *r, const struct smb2_session_setup_req *in, struct smb2_session_setup_rsp *out);
struct srv_result cmd_logoff(struct srv_request *r, const struct smb2_empty *in, struct smb2_empty *out);
struct srv_result cmd_tree_connect(struct srv_request *r, const struct smb2_tree_connect_req *in, struct smb2_tree_connect_rsp *out);
struct srv_result cmd_tree_disconnect(struct srv_request *r, const struct smb2_empty *in, struct smb2_empty *out);
struct srv_result cmd_create(struct srv_request *r, const struct smb2_create_req *in, struct smb2_create_rsp *out);
struct srv_result cmd_close(struct srv_request *r, const struct smb2_close_req *in, struct smb2_close_rsp *out);
struct srv_result cmd_flush(struct srv_request *r, const struct smb2_flush_req *in, struct smb2_empty *out);
struct srv_result cmd_read(struct srv_request *r, const struct smb2_read_req *in, struct smb2_read_rsp *out);
struct srv_result cmd_write(struct srv_request *r, const struct smb2_write_req *in, struct smb2_write_rsp *out);
struct srv_result cmd_lock(struct srv_request *r, const struct smb2_lock_req *in, struct smb2_empty *out);
struct srv_result cmd_ioctl(struct srv_request *r, const struct smb2_ioctl_req *in, struct smb2_ioctl_rsp *out);
struct srv_result cmd_echo(struct srv_request *r, const struct smb2_empty *in, struct smb2_empty *out);
struct srv_result cmd_query_directory(struct srv_request *r, const struct smb2_query_directory_req *in, struct smb2_query_directory_rsp *out);
struct srv_result cmd_change_notify(struct srv_request *r, const struct smb2_change_notify_req *in, struct smb2_change_notify_rsp *out);
struct srv_result cmd_query_info(struct srv_request *r, const struct smb2_query_info_req *in, struct smb2_query_info_rsp *out);
struct srv_result cmd_set_info(struct srv_request *r, const struct smb2_set_info_req *in, struct smb2_empty *out);
struct srv_result cmd_oplock_break(struct srv_request *r, const struct smb2_break *in, struct smb2_break *out);

#endif
