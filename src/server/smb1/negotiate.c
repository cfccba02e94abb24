/* NEGOTIATE: [MS-CIFS] 2.2.4.52, 3.3.5.42, [MS-SMB] 2.2.4.5, 3.3.5.2. The one SMB1 message that everybody may send; the dialects of SMB2 that may be in it
 * have been looked at before ([MS-SMB2] 3.3.5.3). Of SMB1's dialects there is one, and of its ways to protect a share that of users. */
#include "server/smb1/op.h"

#include "base/log.h"
#include "base/random.h"
#include "base/utf16.h"

enum { NO_DIALECT = 0xFFFF, REPLY_BYTES = 2048, IN_MEMORY_BYTES = 1024 };

static const char nt_lm[] = "NT LM 0.12";

/* The index of NT LM 0.12 among the dialects. false: the message is malformed. */
static bool find_dialect(struct slice message, struct smb1_header *h, uint16_t *index)
{
	struct wire w = wire_decoder(message.data, 0, message.len, NULL), b;
	struct smb1_negotiate_req req = {0};
	struct slice one;
	struct smb1_walk walk;
	struct smb1_block block;
	uint16_t i = 0;
	bool bad;

	*index = NO_DIALECT;
	smb1_header_code(&w, h);
	if (!wire_ok(&w) || h->command != SMB1_NEGOTIATE || (h->flags & SMB1_FLAGS_REPLY))
		return false;
	smb1_walk_start(&walk, message, h);
	if (!smb1_walk_next(&walk, &block, &bad))
		return false;
	b = smb1_block_decoder(&walk, &block, NULL);
	smb1_negotiate_req_code(&b, &req);
	if (!wire_ok(&b))
		return false;
	for (; smb1_dialect_next(&req.dialects, &one, &bad); i++) {
		if (slice_equal(one, slice_of(nt_lm, sizeof(nt_lm) - 1)))
			*index = i;
	}
	return !bad;
}

static bool may_speak(const struct srv_conn *c)
{
	/* SMB1 cannot encrypt. */
	return c->smb1_allowed && c->srv->proto.encryption != PROTO_ENCRYPTION_REQUIRED;
}

static void fill(struct srv_conn *c, const struct smb1_header *h, struct smb1_negotiate_rsp *m, struct arena *a)
{
	const struct srv *srv = c->srv;
	struct srv1_conn *s = c->smb1;
	uint16_t mode = SMB1_SECURITY_USER | SMB1_SECURITY_ENCRYPT_PASSWORDS | SMB1_SECURITY_SIGNATURES_ENABLED;

	m->word_count = 17;
	m->security_mode = (uint16_t)(mode | (srv->proto.signing_required ? SMB1_SECURITY_SIGNATURES_REQUIRED : 0));
	m->max_mpx_count = SRV1_MAX_MPX;
	m->max_number_vcs = 1;
	m->max_buffer_size = SRV1_MAX_BUFFER;
	m->max_raw_size = 65536;
	m->capabilities = SMB1_CAP_UNICODE | SMB1_CAP_LARGE_FILES | SMB1_CAP_NT_SMBS | SMB1_CAP_RPC_REMOTE_APIS | SMB1_CAP_STATUS32 |
		SMB1_CAP_LEVEL_II_OPLOCKS | SMB1_CAP_LOCK_AND_READ | SMB1_CAP_NT_FIND | SMB1_CAP_INFOLEVEL_PASSTHRU | SMB1_CAP_LARGE_READX |
		SMB1_CAP_LARGE_WRITEX;
	m->system_time = clock_filetime(srv->clock);
	/* Times in the server's local time are in UTC here, and this says so. */
	m->server_time_zone = 0;
	if (s->extended_security) {
		m->capabilities |= SMB1_CAP_EXTENDED_SECURITY;
		m->server_guid = srv->proto.guid;
		m->security_blob = auth_server_hint(a);
		return;
	}
	m->challenge = slice_of(s->challenge, sizeof(s->challenge));
	if (h->flags2 & SMB1_FLAGS2_UNICODE) {
		m->domain_name = utf16_from_utf8_arena(a, srv->workgroup);
		m->server_name = utf16_from_utf8_arena(a, srv->netbios_name);
	} else {
		m->domain_name = slice_of(srv->workgroup, strlen(srv->workgroup));
		m->server_name = slice_of(srv->netbios_name, strlen(srv->netbios_name));
	}
}

static bool answer(struct srv_conn *c, struct smb1_header *h, struct smb1_negotiate_rsp *m, struct net_batch *batch)
{
	struct buf *b = buf_get(REPLY_BYTES);
	struct wire w;

	if (!b)
		return false;
	w = wire_encoder(b->data, 0, REPLY_BYTES);
	h->status = 0;
	h->flags = (uint8_t)(SMB1_FLAGS_REPLY | (h->flags & SMB1_FLAGS_CASE_INSENSITIVE));
	h->flags2 &= SMB1_FLAGS2_UNICODE | SMB1_FLAGS2_NT_STATUS | SMB1_FLAGS2_EXTENDED_SECURITY | SMB1_FLAGS2_LONG_NAMES;
	memset(h->signature, 0, sizeof(h->signature));
	smb1_header_code(&w, h);
	smb1_negotiate_rsp_code(&w, m);
	if (!wire_ok(&w)) {
		buf_put(b);
		return false;
	}
	srv1_send(c, batch, &(struct net_seg){.data = b->data, .len = w.pos, .owner = b}, 1);
	return true;
}

/* From here on the connection speaks SMB1 and nothing else. The handlers see one of 2.0.2: no leases, nothing durable. */
static bool become_smb1(struct srv_conn *c, const struct smb1_header *h)
{
	struct srv1_conn *s = srv1_conn_new(c);

	if (!s)
		return false;
	s->extended_security = (h->flags2 & SMB1_FLAGS2_EXTENDED_SECURITY) != 0;
	s->max_buffer = SRV1_MAX_BUFFER;
	random_bytes(s->challenge, sizeof(s->challenge));
	c->proto.dialect = SMB2_DIALECT_202;
	c->proto.max_read_bytes = c->proto.max_write_bytes = c->proto.max_transact_bytes = SRV1_MOST_IO + 1;
	c->smb1 = s;
	return true;
}

static void log_refusal(const struct srv_conn *c, uint16_t index)
{
	if (index == NO_DIALECT)
		log_info("%s: turned away, it offers no dialect that this server speaks", c->peer);
	else if (c->smb1_allowed)
		log_warn("%s: turned away, it speaks SMB1, which cannot encrypt, and encryption = required", c->peer);
	else
		log_warn("%s: turned away, it speaks SMB1 only; smb1 = yes for the server or where it listens, and for each share that the client may use, would let it in",
			c->peer);
}

bool srv1_negotiate(struct srv_conn *c, struct slice message, struct net_batch *batch)
{
	struct smb1_negotiate_rsp rsp = {.word_count = 1, .dialect_index = NO_DIALECT};
	uint8_t mem[IN_MEMORY_BYTES];
	struct smb1_header h;
	struct arena a;
	uint16_t index;
	bool speaks, ok;

	if (c->smb1 || !find_dialect(message, &h, &index))
		return false;
	speaks = index != NO_DIALECT && may_speak(c);
	if (!speaks) {
		log_refusal(c, index);
		(void)!answer(c, &h, &rsp, batch);
		return false;
	}
	if (!become_smb1(c, &h))
		return false;
	arena_init(&a, mem, sizeof(mem), 0);
	rsp.dialect_index = index;
	fill(c, &h, &rsp, &a);
	ok = answer(c, &h, &rsp, batch);
	arena_reset(&a);
	log_info("%s: speaks SMB1", c->peer);
	return ok;
}
