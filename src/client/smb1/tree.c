/* TREE_CONNECT_ANDX and TREE_DISCONNECT: [MS-CIFS] 3.2.4.2.5, 3.2.5.4, 3.2.4.40, [MS-SMB] 3.2.5.4. */
#include "client/smb1/smb1.h"

#include <stdio.h>
#include <stdlib.h>

/* The TID is in the header; the words say no more than what kind of share it is. */
static ntstatus tree_made(struct cli_request *r, const struct cli_answer *a, struct hythe_tree *t)
{
	struct smb1_tree_connect_andx_rsp rsp;
	ntstatus status;
	if (!cli1_body(r, a, &rsp, &status))
		return status;
	t->id = a->header1->tid;
	t->told.maximal_access = rsp.maximal_share_access_rights;
	if (slice_equal(rsp.service, slice_of("IPC", 3)))
		t->told.share_type = HYTHE_SHARE_TYPE_PIPE;
	else if (slice_equal(rsp.service, slice_of("LPT1:", 5)))
		t->told.share_type = HYTHE_SHARE_TYPE_PRINT;
	else
		t->told.share_type = HYTHE_SHARE_TYPE_DISK;
	t->session = cli_session_ref(r->session);
	return STATUS_SUCCESS;
}

static void connect_complete(struct cli_request *r, const struct cli_answer *a)
{
	struct hythe_tree *t = r->op;
	ntstatus status = tree_made(r, a, t);
	struct hythe_result result = {.tree = t};
	if (!nt_ok(status)) {
		free(t);
		result.tree = NULL;
	}
	cli_finish(r, status, &result);
}

ntstatus cli1_tree_connect(struct hythe_session *s, const char *share, struct slice unc, hythe_done_fn *done, void *arg)
{
	ntstatus status;
	static const uint8_t no_password[1];
	struct smb1_tree_connect_andx_req req = {.flags = SMB1_TREE_EXTENDED_RESPONSE, .password = slice_of(no_password, 1),
		.path = cli1_text(s->conn->smb1, unc, &status), .service = slice_of("?????", 5)};
	if (!nt_ok(status))
		return status;
	struct hythe_tree *t = calloc(1, sizeof(*t));
	struct cli_request *r = t ? cli_request_new(s->conn, s, NULL, NULL, SMB1_TREE_CONNECT_ANDX) : NULL;
	status = STATUS_NO_MEMORY;
	if (r) {
		atomic_init(&t->refs, 1);
		snprintf(t->share, sizeof(t->share), "%s", share);
		r->complete = connect_complete;
		r->op = t;
		status = cli1_go(r, &req, req.path.len + 64, done, arg);
	}
	if (!nt_ok(status))
		free(t);
	free((void *)(uintptr_t)req.path.data);
	return status;
}

ntstatus cli1_tree_disconnect(struct hythe_tree *t, hythe_done_fn *done, void *arg)
{
	struct smb1_empty body = {0};
	return cli1_go(cli_request_new(t->session->conn, NULL, t, NULL, SMB1_TREE_DISCONNECT), &body, 0, done, arg);
}
