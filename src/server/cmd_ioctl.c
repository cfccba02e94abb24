/* IOCTL: [MS-SMB2] 2.2.31, 2.2.32, 3.3.5.15. A row of the table is a control code; what no row names the file system does not
 * support. */
#include "server/cmd.h"
#include "server/conn.h"
#include "server/fsctl_interfaces.h"
#include "server/object_id.h"
#include "server/open.h"
#include "server/pipe.h"
#include "wire/fsctl.h"

enum { IOCTL_IS_FSCTL = 1 };

struct fsctl {
	uint32_t code;
	bool without_open; /* FileId is all-ones (B447) */
	struct srv_result (*run)(struct srv_request *r, const struct smb2_ioctl_req *in, struct smb2_ioctl_rsp *out);
};

/* [MS-SMB2] 3.3.5.15.12: whatever does not fit ends the connection without a word. */
static struct srv_result validate_negotiate(struct srv_request *r, const struct smb2_ioctl_req *in, struct smb2_ioctl_rsp *out)
{
	struct wire w;

	if (in->max_output_response < 24 || !srv_payload_alloc(r, 24))
		return srv_drop();
	w = wire_encoder(r->payload.data, 0, r->payload.cap);
	if (!proto_server_validate(&r->conn->proto, in->input, &w) || !wire_ok(&w))
		return srv_drop();
	r->payload.len = w.pos;
	out->output = srv_payload_slice(r);
	return srv_reply(STATUS_SUCCESS);
}

/* [MS-SMB2] 3.3.5.15.2: this server is not DFS capable. */
static struct srv_result dfs_get_referrals(struct srv_request *r, const struct smb2_ioctl_req *in, struct smb2_ioctl_rsp *out)
{
	(void)r;
	(void)in;
	(void)out;
	return srv_reply(STATUS_FS_DRIVER_REQUIRED);
}

/* [MS-SMB2] 3.3.5.15.3 */
static struct srv_result pipe_transceive(struct srv_request *r, const struct smb2_ioctl_req *in, struct smb2_ioctl_rsp *out)
{
	if (!r->open->pipe)
		return srv_reply(STATUS_INVALID_DEVICE_REQUEST);
	return srv_pipe_transceive(r, in->input, in->max_output_response, &out->output);
}

/* [MS-SMB2] 3.3.5.15.4 */
static struct srv_result pipe_peek(struct srv_request *r, const struct smb2_ioctl_req *in, struct smb2_ioctl_rsp *out)
{
	if (!r->open->pipe)
		return srv_reply(STATUS_INVALID_DEVICE_REQUEST);
	return srv_pipe_peek(r, in->max_output_response, &out->output);
}

/* [MS-SMB2] 3.3.5.15.10: pipes exist from the start, so that a wait ends at once or never had a chance. */
static struct srv_result pipe_wait(struct srv_request *r, const struct smb2_ioctl_req *in, struct smb2_ioctl_rsp *out)
{
	(void)out;
	if (r->tree->share->kind != SRV_SHARE_IPC)
		return srv_reply(STATUS_INVALID_DEVICE_REQUEST);
	return srv_reply(srv_pipe_exists(in->input) ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND);
}

/* smbtorture's private request, answered only by a server that is being tested: from now on eight bytes go before the data of
 * READ responses, as any server may do ([MS-SMB2] 3.3.5.12). */
static struct srv_result torture_read_padding(struct srv_request *r, const struct smb2_ioctl_req *in, struct smb2_ioctl_rsp *out)
{
	(void)in;
	(void)out;
	if (!r->srv->test_aids)
		return srv_reply(STATUS_INVALID_DEVICE_REQUEST);
	r->conn->test_read_padding = 8;
	return srv_reply(STATUS_SUCCESS);
}

/* The same: breaks that are told on this connection count as lost on their way. */
static struct srv_result torture_unacked(struct srv_request *r, const struct smb2_ioctl_req *in, struct smb2_ioctl_rsp *out)
{
	(void)in;
	(void)out;
	if (!r->srv->test_aids)
		return srv_reply(STATUS_INVALID_DEVICE_REQUEST);
	r->conn->test_unacked = true;
	return srv_reply(STATUS_SUCCESS);
}

static const struct fsctl fsctls[] = {
	{FSCTL_TEST_UNACKED, true, torture_unacked},
	{0x83848023u, true, torture_read_padding},
	{FSCTL_CREATE_OR_GET_OBJECT_ID, false, srv_object_id_create_or_get},
	{FSCTL_GET_OBJECT_ID, false, srv_object_id_get},
	{FSCTL_DELETE_OBJECT_ID, false, srv_object_id_delete},
	{FSCTL_DFS_GET_REFERRALS, true, dfs_get_referrals},
	{FSCTL_DFS_GET_REFERRALS_EX, true, dfs_get_referrals},
	{FSCTL_PIPE_PEEK, false, pipe_peek},
	{FSCTL_PIPE_WAIT, true, pipe_wait},
	{FSCTL_PIPE_TRANSCEIVE, false, pipe_transceive},
	{FSCTL_QUERY_NETWORK_INTERFACE_INFO, true, srv_fsctl_interfaces},
	{FSCTL_VALIDATE_NEGOTIATE_INFO, true, validate_negotiate},
};

static const struct fsctl *fsctl_of(uint32_t code)
{
	for (size_t i = 0; i < ARRAY_LEN(fsctls); i++) {
		if (fsctls[i].code == code)
			return &fsctls[i];
	}
	return NULL;
}

/* B449 */
static bool sizes_fit(const struct srv_request *r, const struct smb2_ioctl_req *in)
{
	uint32_t most = srv_request_proto(r)->max_transact_bytes;

	return in->input.len <= most && in->max_input_response <= most && in->max_output_response <= most;
}

static bool no_file_id(struct smb2_file_id id)
{
	return id.persistent == SMB2_FILEID_NONE && id.volatile_id == SMB2_FILEID_NONE;
}

/* [MS-SMB2] 3.3.5.15 */
struct srv_result cmd_ioctl(struct srv_request *r, const struct smb2_ioctl_req *in, struct smb2_ioctl_rsp *out)
{
	const struct fsctl *f = fsctl_of(in->ctl_code);

	if (in->flags != IOCTL_IS_FSCTL)
		return srv_reply(STATUS_NOT_SUPPORTED);
	if (f && f->without_open && !no_file_id(in->file_id))
		return srv_reply(STATUS_INVALID_PARAMETER);
	if (!r->open && !(f && f->without_open))
		return srv_reply(STATUS_FILE_CLOSED);
	if (!sizes_fit(r, in))
		return srv_reply(STATUS_INVALID_PARAMETER);
	if (!f)
		return srv_reply(STATUS_INVALID_DEVICE_REQUEST);
	out->ctl_code = in->ctl_code;
	out->file_id = r->open ? r->open->file_id : in->file_id;
	return f->run(r, in, out);
}
