/* NEGOTIATE of SMB1: [MS-CIFS] 3.2.4.2.2, 3.2.5.2, [MS-SMB] 3.2.4.2.2, 3.2.5.2: "NT LM 0.12" alone, or beside the dialect strings of SMB2 where
 * that is welcome, too ([MS-SMB2] 3.2.4.2.2.1). Its answer is taken apart here only if the server chose NT LM 0.12. */
#include "client/smb1/smb1.h"

#include "base/oem.h"
#include "base/utf16.h"

#include <stdlib.h>

enum { LEAST_BUFFER = 1024, DIALECT_BYTES = 64, PROCESS_ID = 0xFEFF, CHALLENGE_BYTES = 8, NT_WORDS = 17, MPX_MOST = CLI1_MPX };
static const char nt_lm[] = "NT LM 0.12", smb2_first[] = "SMB 2.002", smb2_any[] = "SMB 2.???";

size_t cli1_negotiate_encode(const struct hythe_connection *c, uint8_t *out, size_t cap)
{
	struct smb1_header h = {
		.command = SMB1_NEGOTIATE,
		.flags = SMB1_FLAGS_CASE_INSENSITIVE | SMB1_FLAGS_CANONICALIZED_PATHS,
		.flags2 = SMB1_FLAGS2_LONG_NAMES | SMB1_FLAGS2_IS_LONG_NAME | SMB1_FLAGS2_NT_STATUS | SMB1_FLAGS2_UNICODE,
		.tid = UINT16_MAX,
		.pid_low = PROCESS_ID,
	};
	uint8_t dialects[DIALECT_BYTES];
	struct wire w = wire_encoder(out, 0, cap), list = wire_encoder(dialects, 0, sizeof(dialects));
	struct smb1_negotiate_req m;
	if (c->smb1->extended_security)
		h.flags2 |= SMB1_FLAGS2_EXTENDED_SECURITY;
	smb1_dialect_put(&list, nt_lm);
	if (!c->smb1->only && c->config.min_dialect <= SMB2_DIALECT_202)
		smb1_dialect_put(&list, smb2_first);
	if (!c->smb1->only && c->config.max_dialect >= SMB2_DIALECT_210)
		smb1_dialect_put(&list, smb2_any);
	m.dialects = slice_of(dialects, list.pos);
	smb1_header_code(&w, &h);
	smb1_negotiate_req_code(&w, &m);
	return wire_ok(&list) && wire_ok(&w) ? w.pos : 0;
}

/* What is too long, or no text, is as good as not said. */
static void keep_text(bool unicode, char *out, size_t cap, struct slice text)
{
	struct arena arena;
	arena_init(&arena, NULL, 0, 0);
	struct slice wide = unicode ? text : oem_to_utf16_arena(&arena, text);
	if (utf16_to_utf8(out, cap, wide) == SIZE_MAX)
		out[0] = 0;
	arena_reset(&arena);
}

static ntstatus refused(struct hythe_connection *c, const char *why)
{
	cli_error_set("%s %s", c->host, why);
	return STATUS_NOT_SUPPORTED;
}

/* 3.2.5.2: what we cannot do without, and what the caller demands. */
static ntstatus check(struct hythe_connection *c, const struct smb1_negotiate_rsp *m)
{
	if (m->word_count != NT_WORDS || m->dialect_index != 0)
		return m->dialect_index == UINT16_MAX ? refused(c, "does not speak SMB1 (NT LM 0.12), or is not allowed to") :
			refused(c, "chose a dialect of SMB1 that was not offered to it");
	if (!(m->security_mode & SMB1_SECURITY_USER))
		return refused(c, "knows passwords of shares only, not users: SMB1 with share-level security is not supported");
	if (!(m->security_mode & SMB1_SECURITY_ENCRYPT_PASSWORDS))
		return refused(c, "wants passwords in plain text, which are not sent");
	if (!(m->capabilities & SMB1_CAP_EXTENDED_SECURITY) && m->challenge.len != CHALLENGE_BYTES)
		return refused(c, "sent a challenge of a wrong length");
	if (c->config.signing_required && !(m->security_mode & SMB1_SECURITY_SIGNATURES_ENABLED))
		return refused(c, "does not sign messages in SMB1; do without signatures (--sign optional) if the network is yours alone");
	if (m->max_buffer_size < LEAST_BUFFER || m->max_mpx_count == 0)
		return refused(c, "takes only messages that are too small to be of use");
	return STATUS_SUCCESS;
}

static void keep(struct hythe_connection *c, const struct smb1_header *h, const struct smb1_negotiate_rsp *m)
{
	struct cli1 *s = c->smb1;
	s->capabilities = m->capabilities;
	s->unicode = (m->capabilities & SMB1_CAP_UNICODE) != 0;
	s->extended_security = s->extended_security && (m->capabilities & SMB1_CAP_EXTENDED_SECURITY);
	s->session_key = m->session_key;
	s->security_mode = (uint8_t)m->security_mode;
	s->time_zone = m->server_time_zone;
	s->max_mpx = m->max_mpx_count < MPX_MOST ? m->max_mpx_count : MPX_MOST;
	s->max_buffer = m->max_buffer_size;
	if (m->challenge.len == CHALLENGE_BYTES)
		memcpy(s->challenge, m->challenge.data, CHALLENGE_BYTES);
	/* The names are in the character set that the header names, whatever is spoken from here on. */
	bool unicode = (h->flags2 & SMB1_FLAGS2_UNICODE) != 0;
	keep_text(unicode, s->domain, sizeof(s->domain), m->domain_name);
	keep_text(unicode, s->server, sizeof(s->server), m->server_name);
	c->proto.dialect = HYTHE_DIALECT_NT1;
	c->proto.should_sign = c->config.signing_required || (m->security_mode & SMB1_SECURITY_SIGNATURES_REQUIRED);
	c->proto.server_guid = m->server_guid;
	c->proto.server_capabilities = m->capabilities;
	c->proto.max_read_bytes = (uint32_t)cli1_io_limit(c, false);
	c->proto.max_write_bytes = (uint32_t)cli1_io_limit(c, true);
	c->proto.max_transact_bytes = UINT16_MAX - 1;
}

ntstatus cli1_negotiated(struct hythe_connection *c, const uint8_t *message, size_t len)
{
	struct smb1_header h = {0};
	struct smb1_negotiate_rsp m = {0};
	struct smb1_walk walk;
	struct smb1_block b, next;
	bool bad, one;
	struct wire w = wire_decoder(message, 0, len, NULL);
	smb1_header_code(&w, &h);
	smb1_walk_start(&walk, slice_of(message, len), &h);
	one = wire_ok(&w) && h.command == SMB1_NEGOTIATE && (h.flags & SMB1_FLAGS_REPLY) && h.mid == 0 && smb1_walk_next(&walk, &b, &bad) &&
		!smb1_walk_next(&walk, &next, &bad) && !bad;
	if (one && h.status != 0) {
		ntstatus status = h.flags2 & SMB1_FLAGS2_NT_STATUS ? (ntstatus){h.status} : cli1_status_of_dos(smb1_dos_class(h.status), smb1_dos_code(h.status));
		cli_error_set("%s refuses to negotiate: %s", c->host, hythe_status_text(status));
		return nt_error(status) ? status : STATUS_INVALID_NETWORK_RESPONSE;
	}
	if (one) {
		w = smb1_block_decoder(&walk, &b, NULL);
		smb1_negotiate_rsp_code(&w, &m);
	}
	if (!one || !wire_ok(&w)) {
		cli_error_set("%s sent a malformed answer to NEGOTIATE", c->host);
		return STATUS_INVALID_NETWORK_RESPONSE;
	}
	ntstatus status = check(c, &m);
	if (!nt_ok(status))
		return status;
	keep(c, &h, &m);
	free(c->gss_token);
	c->gss_token = m.security_blob.len > 0 && c->smb1->extended_security ? malloc(m.security_blob.len) : NULL;
	c->gss_token_len = c->gss_token ? m.security_blob.len : 0;
	if (c->gss_token)
		memcpy(c->gss_token, m.security_blob.data, m.security_blob.len);
	atomic_store_explicit(&c->smb1->active, true, memory_order_release);
	return STATUS_SUCCESS;
}
