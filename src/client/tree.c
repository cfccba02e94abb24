/* Trees ([MS-SMB2] 3.2.4.2.4, 3.2.5.5, 3.2.4.22): TREE_CONNECT, the confirmation of what NEGOTIATE said (3.2.5.14.12) behind the
 * first one of a session, TREE_DISCONNECT. */
#include "client/smb1/smb1.h"

#include "base/utf16.h"
#include "wire/fsctl.h"

#include <stdio.h>
#include <stdlib.h>

enum { VALIDATE_MAX = 256 };

/* What waits for the confirmation. */
struct connecting {
	struct hythe_tree *tree;
	hythe_done_fn *done;
	void *arg;
};

static void validated(void *arg, ntstatus status, const struct hythe_result *result)
{
	struct connecting *n = arg;
	(void)result;
	struct hythe_result out = {.tree = n->tree};
	if (nt_ok(status)) {
		atomic_store(&n->tree->session->validated, true);
		n->done(n->arg, status, &out);
	} else {
		out.tree = NULL;
		n->done(n->arg, status, &out);
		cli_tree_put(n->tree);
	}
	free(n);
}

static ntstatus validate_then_finish(struct hythe_tree *t, hythe_done_fn *done, void *arg)
{
	struct connecting *n = malloc(sizeof(*n));
	if (!n)
		return STATUS_NO_MEMORY;
	*n = (struct connecting){t, done, arg};
	ntstatus status = cli_validate_async(t, validated, n);
	if (!nt_ok(status))
		free(n);
	return status;
}

/* 3.2.5.5 */
static ntstatus tree_made(struct cli_request *r, const struct cli_answer *a, struct hythe_tree **out)
{
	struct hythe_session *s = r->session;
	struct hythe_tree *t = r->op;
	ntstatus status;
	if (!cli_body(r, a, &t->told, &status))
		return status;
	t->id = a->header->tree_id;
	t->sealing = t->told.share_flags & SMB2_SHAREFLAG_ENCRYPT_DATA;
	t->session = cli_session_ref(s);
	*out = t;
	r->op = NULL;
	if (t->sealing && !s->keys.send) {
		cli_error_set("the share demands encryption, and none was agreed on with %s", s->conn->host);
		return STATUS_ACCESS_DENIED;
	}
	return STATUS_SUCCESS;
}

static void connect_complete(struct cli_request *r, const struct cli_answer *a)
{
	struct hythe_tree *t = NULL;
	ntstatus status = tree_made(r, a, &t);
	struct hythe_result result = {.tree = t};
	if (nt_ok(status) && !atomic_load(&r->session->validated)) {
		status = validate_then_finish(t, r->done, r->arg);
		if (nt_ok(status))
			return;
	}
	if (nt_ok(status)) {
		cli_finish(r, status, &result);
		return;
	}
	free(r->op);
	if (!t)
		cli_explain(r->conn, "TREE_CONNECT", status);
	result.tree = NULL;
	r->done(r->arg, status, &result);
	if (t)
		cli_tree_put(t);
}

static struct slice unc_name(struct hythe_session *s, const char *share, ntstatus *status)
{
	char unc[1024];
	while (*share == '/' || *share == '\\')
		share++;
	int n = snprintf(unc, sizeof(unc), "\\\\%s\\%s", s->conn->host, share);
	uint8_t *out = malloc(2 * sizeof(unc));
	*status = !out ? STATUS_NO_MEMORY : STATUS_SUCCESS;
	size_t len = 0;
	if (out && (size_t)n < sizeof(unc))
		len = utf8_to_utf16(out, 2 * sizeof(unc), unc, (size_t)n);
	if (out && (len == 0 || len == SIZE_MAX)) {
		free(out);
		out = NULL;
		*status = STATUS_OBJECT_NAME_INVALID;
		cli_error_set("the share's name is too long or not UTF-8");
	}
	return slice_of(out, len);
}

ntstatus hythe_tree_connect_async(struct hythe_session *s, const char *share, hythe_done_fn *done, void *arg)
{
	ntstatus status;
	struct smb2_tree_connect_req req = {.path = unc_name(s, share, &status)};
	if (!nt_ok(status))
		return status;
	if (cli1_is_active(s->conn)) {
		status = cli1_tree_connect(s, share, req.path, done, arg);
		free((void *)(uintptr_t)req.path.data);
		return status;
	}
	struct hythe_tree *t = calloc(1, sizeof(*t));
	struct cli_request *r = cli_request_new(s->conn, s, NULL, NULL, SMB2_TREE_CONNECT);
	status = STATUS_NO_MEMORY;
	if (t && r) {
		atomic_init(&t->refs, 1);
		snprintf(t->share, sizeof(t->share), "%s", share);
		r->complete = connect_complete;
		r->done = done;
		r->arg = arg;
		r->op = t;
		status = cli_request_encode(r, &req, req.path.len, 0);
		if (nt_ok(status))
			status = cli_submit(r);
	}
	free((void *)(uintptr_t)req.path.data);
	if (!nt_ok(status)) {
		if (r)
			cli_request_free(r);
		free(t);
	}
	return status;
}

ntstatus hythe_tree_connect(struct hythe_session *s, const char *share, struct hythe_tree **out)
{
	struct cli_wait w;
	ntstatus status = cli_may_block();
	if (!nt_ok(status))
		return status;
	cli_wait_init(&w, s->conn->client);
	status = cli_wait_for(&w, hythe_tree_connect_async(s, share, cli_wait_done, &w));
	if (nt_ok(status))
		*out = w.result.tree;
	return status;
}

static void validate_complete(struct cli_request *r, const struct cli_answer *a)
{
	struct hythe_connection *c = r->conn;
	struct smb2_ioctl_rsp rsp;
	ntstatus status = a->status;
	if (!a->message) { /* nothing came, or its signature was wrong */
		cli_finish(r, status, NULL);
		return;
	}
	if (nt_is(status, STATUS_ACCESS_DENIED)) {
		status = STATUS_ACCESS_DENIED;
	} else if (nt_error(status)) {
		status = STATUS_SUCCESS; /* properly signed: a server that does not know the request (inventory E098) */
	} else {
		status = cli_decode(r, a, &rsp);
		if (nt_ok(status))
			status = proto_client_validate_rsp(&c->proto, rsp.output);
	}
	if (!nt_ok(status)) {
		cli_conn_kill(c, status, "%s does not confirm what was negotiated with it: somebody on the way may have lowered the "
			"protocol version or its protection", c->host);
		status = STATUS_ACCESS_DENIED;
	}
	cli_finish(r, status, NULL);
}

/* 3.2.5.5, 3.2.4.20.11 of later texts: signed even in a session that does not sign. */
ntstatus cli_validate_async(struct hythe_tree *t, hythe_done_fn *done, void *arg)
{
	struct hythe_connection *c = t->session->conn;
	uint8_t payload[VALIDATE_MAX];
	struct wire w = wire_encoder(payload, 0, sizeof(payload));
	proto_client_validate_req(&c->proto, &w);
	struct smb2_ioctl_req req = {.ctl_code = FSCTL_VALIDATE_NEGOTIATE_INFO, .file_id = {UINT64_MAX, UINT64_MAX},
		.max_output_response = 24, .flags = SMB2_IOCTL_IS_FSCTL, .input = slice_of(payload, w.pos)};
	struct cli_request *r = cli_request_new(c, NULL, t, NULL, SMB2_IOCTL);
	if (!r)
		return STATUS_NO_MEMORY;
	r->force_sign = true;
	r->complete = validate_complete;
	r->done = done;
	r->arg = arg;
	ntstatus status = wire_ok(&w) ? cli_request_encode(r, &req, w.pos, 0) : w.error;
	if (nt_ok(status))
		status = cli_submit(r);
	if (!nt_ok(status))
		cli_request_free(r);
	return status;
}

static void disconnect_complete(struct cli_request *r, const struct cli_answer *a)
{
	cli_finish(r, a->status, NULL);
}

static ntstatus disconnect_async(struct hythe_tree *t, hythe_done_fn *done, void *arg)
{
	struct smb2_empty body = {0};
	if (cli1_is_active(t->session->conn))
		return cli1_tree_disconnect(t, done, arg);
	struct cli_request *r = cli_request_new(t->session->conn, NULL, t, NULL, SMB2_TREE_DISCONNECT);
	if (!r)
		return STATUS_NO_MEMORY;
	r->complete = disconnect_complete;
	r->done = done;
	r->arg = arg;
	ntstatus status = cli_request_encode(r, &body, 0, 0);
	if (nt_ok(status))
		status = cli_submit(r);
	if (!nt_ok(status))
		cli_request_free(r);
	return status;
}

ntstatus hythe_tree_disconnect(struct hythe_tree *t)
{
	struct cli_wait w;
	ntstatus status = cli_may_block();
	if (!nt_ok(status))
		return status;
	cli_wait_init(&w, t->session->conn->client);
	status = cli_wait_for(&w, disconnect_async(t, cli_wait_done, &w));
	if (nt_ok(status))
		cli_cache_gone(t->session->conn, NULL, t);
	cli_tree_put(t);
	return status;
}

void hythe_tree_info(struct hythe_tree *t, struct hythe_tree_info *out)
{
	*out = (struct hythe_tree_info){
		.type = (enum hythe_share_type)t->told.share_type,
		.share_flags = t->told.share_flags,
		.capabilities = t->told.capabilities,
		.maximal_access = t->told.maximal_access,
		.tree_id = t->id,
		.sealing = t->sealing || t->session->sealing,
	};
}
