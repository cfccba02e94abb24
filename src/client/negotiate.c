/* NEGOTIATE from the client's side ([MS-SMB2] 3.2.4.2.2, 3.2.5.2): SMB2 at once, or the SMB1 message that asks for it. What is
 * offered and what may be accepted is src/proto's; here are the messages, the preauthentication hash and the sentences. */
#include "client/smb1/smb1.h"

#include <stdlib.h>

enum { SMB1_NEGOTIATE_MAX = 256, ARENA_BYTES = 2048 };

static ntstatus encode_smb1(struct cli_request *r)
{
	size_t n = r->conn->smb1 ? cli1_negotiate_encode(r->conn, r->inline_head, CLI_INLINE) :
		proto_client_negotiate_smb1(r->inline_head, CLI_INLINE, &r->conn->config);
	if (n == 0)
		return STATUS_INVALID_PARAMETER;
	r->no_header = true; /* takes message id 0 and is no SMB2 message */
	r->head_len = n;
	r->charge = 1;
	return STATUS_SUCCESS;
}

static ntstatus encode_smb2(struct cli_request *r, struct arena *a)
{
	struct smb2_negotiate_req req;
	ntstatus status = proto_client_negotiate_req(&r->conn->proto, &r->conn->config, r->conn->host, &req, a);
	if (!nt_ok(status))
		return status;
	return cli_request_encode(r, &req, sizeof(req.dialects) + req.contexts.len, 0);
}

static void explain_refusal(struct hythe_connection *c, ntstatus status)
{
	const struct proto_config *g = &c->config;
	if (nt_is(status, STATUS_NOT_SUPPORTED) && g->encryption == PROTO_ENCRYPTION_REQUIRED)
		cli_error_set("encryption is required, and %s shares no version of the protocol with us that has it", c->host);
	else if (nt_is(status, STATUS_NOT_SUPPORTED))
		cli_error_set("%s speaks none of the offered protocol versions; allow older or newer ones", c->host);
	else if (nt_is(status, STATUS_INVALID_NETWORK_RESPONSE))
		cli_error_set("%s chose something that was not offered to it", c->host);
	else
		cli_explain(c, "NEGOTIATE", status);
}

static ntstatus keep_token(struct hythe_connection *c, struct slice token)
{
	free(c->gss_token);
	c->gss_token = NULL;
	c->gss_token_len = 0;
	if (token.len == 0)
		return STATUS_SUCCESS;
	c->gss_token = malloc(token.len);
	if (!c->gss_token)
		return STATUS_NO_MEMORY;
	memcpy(c->gss_token, token.data, token.len);
	c->gss_token_len = token.len;
	return STATUS_SUCCESS;
}

/* 3.2.5.2 */
static ntstatus accept_choice(struct hythe_connection *c, const struct cli_reply *reply)
{
	struct smb2_negotiate_rsp rsp = {0};
	if (!nt_ok(reply->status))
		return reply->status;
	struct wire w = wire_decoder(reply->message, SMB2_HEADER_SIZE, reply->len, NULL);
	smb2_negotiate_rsp_code(&w, &rsp);
	if (!wire_ok(&w))
		return STATUS_INVALID_NETWORK_RESPONSE;
	ntstatus status = proto_client_negotiate_rsp(&c->proto, &c->config, &rsp);
	if (!nt_ok(status))
		return status;
	struct iovec got = {reply->message, reply->len};
	preauth_update(c->proto.preauth, &got, 1);
	return keep_token(c, rsp.security_buffer);
}

/* What the server allows, within what we want. */
static void bound_sizes(struct hythe_connection *c)
{
	struct proto_conn *p = &c->proto;
	uint32_t credit_limit = p->multi_credit ? UINT32_MAX : CLI_CREDIT_BYTES;
	uint32_t *const sizes[] = {&p->max_read_bytes, &p->max_write_bytes, &p->max_transact_bytes};
	const uint32_t wanted[] = {c->config.max_read_bytes, c->config.max_write_bytes, c->config.max_transact_bytes};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		if (*sizes[i] > wanted[i])
			*sizes[i] = wanted[i];
		if (*sizes[i] > credit_limit)
			*sizes[i] = credit_limit;
	}
}

ntstatus cli_negotiate_request(struct hythe_connection *c, bool smb1, struct cli_request **out)
{
	uint8_t memory[ARENA_BYTES];
	struct arena a;
	struct cli_request *r = cli_request_new(c, NULL, NULL, NULL, SMB2_NEGOTIATE);
	if (!r)
		return STATUS_NO_MEMORY;
	arena_init(&a, memory, sizeof(memory), 0);
	memset(c->proto.preauth, 0, sizeof(c->proto.preauth));
	ntstatus status = smb1 ? encode_smb1(r) : encode_smb2(r, &a);
	arena_reset(&a);
	if (nt_ok(status)) {
		*out = r;
		return status;
	}
	explain_refusal(c, status);
	cli_request_free(r);
	return status;
}

ntstatus cli_negotiate_answer(struct hythe_connection *c, bool smb1, const struct cli_reply *reply)
{
	ntstatus status;
	if (reply->smb1) {
		status = cli1_negotiated(c, reply->message, reply->len);
		if (nt_ok(status))
			cli_conn_negotiated(c);
		return status;
	}
	if (smb1 && c->smb1 && c->smb1->only) {
		cli_error_set("%s chose something that was not offered to it", c->host);
		return STATUS_INVALID_NETWORK_RESPONSE;
	}
	status = accept_choice(c, reply);
	if (nt_ok(status)) {
		bound_sizes(c);
		cli_conn_negotiated(c);
	} else if (!(smb1 && nt_is(status, STATUS_MORE_PROCESSING_REQUIRED))) {
		explain_refusal(c, status);
	}
	return status;
}

static ntstatus one_round(struct hythe_connection *c, bool smb1)
{
	struct cli_reply reply = {0};
	struct cli_request *r;
	ntstatus status = cli_negotiate_request(c, smb1, &r);
	if (nt_ok(status))
		status = cli_exchange(r, smb1 ? NULL : c->proto.preauth, &reply);
	if (nt_ok(status))
		status = cli_negotiate_answer(c, smb1, &reply);
	free(reply.message);
	return status;
}

ntstatus cli_negotiate(struct hythe_connection *c, bool smb1_first)
{
	ntstatus status = one_round(c, smb1_first);
	if (nt_is(status, STATUS_MORE_PROCESSING_REQUIRED) && smb1_first)
		status = one_round(c, false);
	return status;
}
