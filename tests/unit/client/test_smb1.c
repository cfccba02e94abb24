/* The client in SMB1, against a server made of the coders that answers honestly or as it is told to: the exchange packet by packet, signatures,
 * answers in parts, DOS errors, and everything that a hostile server might say. */
#include "auth/ntlm.h"
#include "base/utf16.h"
#include "client/smb1/smb1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

enum { SEEN = 64, ROOM = 140000, UID = 0x64, TID = 0x33, FID = 0x4007, CONTENT = 200000, WORDS = 17 };
static const uint8_t challenge[8] = {1, 2, 3, 4, 5, 6, 7, 8};

struct seen {
	struct smb1_header h;
	struct smb1_walk walk;
	struct smb1_block b;
	uint8_t *message;
	size_t len;
	bool signature_ok;
};
struct server {
	struct clock_virtual clock;
	struct net_pool *pool;
	struct net_conn *net;
	struct hythe_client *client;
	struct hythe_connect_options o;
	struct smb1_negotiate_rsp negotiate;
	bool closed, nbss;
	bool signs;                  /* from the logon on */
	uint32_t sequence;
	uint8_t key[700];
	size_t key_len;
	bool (*hook)(struct server *f, const struct seen *r);
	unsigned user;
	uint16_t flags2;             /* of answers */
	struct seen seen[SEEN];
	size_t count;
	unsigned underway, most_underway;
	size_t file_size;
};
static struct server f;

#define assert_status(got, wanted) assert_string_equal(hythe_status_name(got), hythe_status_name(wanted))
#define assert_ok(got) assert_status(got, STATUS_SUCCESS)

static uint8_t byte_at(size_t at)
{
	return (uint8_t)(at * 2654435761u >> 21);
}

/* --- answers --- */

static struct smb1_header header_for(const struct seen *r, uint32_t status)
{
	struct smb1_header h = r->h;
	h.status = status;
	h.flags = SMB1_FLAGS_REPLY;
	h.flags2 = f.flags2;
	if (r->h.command == SMB1_SESSION_SETUP_ANDX)
		h.uid = UID;
	if (r->h.command == SMB1_TREE_CONNECT_ANDX)
		h.tid = TID;
	return h;
}

static void sign(uint8_t *m, size_t len, const struct seen *r)
{
	struct iovec iov = {m, len};
	uint32_t number = r->h.command == SMB1_SESSION_SETUP_ANDX ? 1 : f.sequence - 1;
	if (f.signs && r->h.command != SMB1_NEGOTIATE)
		assert_ok(proto_smb1_mac(slice_of(f.key, f.key_len), number, &iov, 1, m + SMB1_SIGNATURE_AT));
}

static void send_bytes(uint8_t *m, size_t len)
{
	struct net_seg seg = {.data = m, .len = len};
	net_send(f.net, &seg, 1);
}

/* body NULL: an error without words. */
static size_t encode_as(uint8_t *out, const struct smb1_header *h, void *body)
{
	struct wire w = wire_encoder(out, 0, ROOM);
	struct smb1_header copy = *h;
	struct smb1_empty none = {0};
	smb1_header_code(&w, &copy);
	if (body)
		smb1_message_of(h->command)->rsp_code(&w, body);
	else
		smb1_empty_code(&w, &none);
	wire_append_tail(&w);
	assert_true(wire_ok(&w));
	return w.pos;
}

static void answer(const struct seen *r, uint32_t status, void *body)
{
	static uint8_t out[ROOM];
	struct smb1_header h = header_for(r, status);
	size_t n = encode_as(out, &h, body);
	sign(out, n, r);
	send_bytes(out, n);
}

static void decode(const struct seen *r, void *body)
{
	const struct smb1_message *m = smb1_message_of(r->h.command);
	static struct arena arena;
	arena_reset(&arena);
	arena_init(&arena, NULL, 0, 0);
	struct wire w = smb1_block_decoder(&r->walk, &r->b, &arena);
	memset(body, 0, m->req_size);
	m->req_code(&w, body);
	assert_true(wire_ok(&w));
}

/* What the one-step logon's response proves, and the key that it makes. */
static void take_logon(const struct seen *r)
{
	struct smb1_session_setup_req m;
	uint8_t hash[16], ntowf[16], proof[16], base[16], lm[24];
	decode(r, &m);
	assert_int_equal(m.word_count, 13);
	assert_true(m.unicode_password.len > 44 && m.oem_password.len == 24);
	assert_ok(user_nt_hash("pass", hash));
	assert_ok(ntlm_ntowfv2(hash, m.account_name, m.primary_domain, ntowf));
	ntlm_proof(ntowf, challenge, slice_of(m.unicode_password.data + 16, m.unicode_password.len - 16), proof, base);
	assert_memory_equal(proof, m.unicode_password.data, 16);
	ntlm_lmv2(ntowf, challenge, m.oem_password.data + 16, lm);
	assert_memory_equal(lm, m.oem_password.data, 24);
	if (!(r->h.flags2 & SMB1_FLAGS2_SECURITY_SIGNATURE))
		return;
	memcpy(f.key, base, 16);
	memcpy(f.key + 16, m.unicode_password.data, m.unicode_password.len);
	f.key_len = 16 + m.unicode_password.len;
	f.signs = true;
	f.sequence = 2;
}

static void answer_read(const struct seen *r)
{
	static uint8_t content[CONTENT];
	struct smb1_read_andx_req m;
	struct smb1_read_andx_rsp rsp = {0};
	decode(r, &m);
	assert_int_equal(m.fid, FID);
	size_t n = m.offset >= f.file_size ? 0 : f.file_size - m.offset;
	if (n > m.max_count)
		n = m.max_count;
	for (size_t i = 0; i < n; i++)
		content[i] = byte_at((size_t)m.offset + i);
	rsp.data = slice_of(content, n);
	answer(r, 0, &rsp);
}

static void honest(const struct seen *r)
{
	struct smb1_session_setup_rsp setup = {.word_count = 3};
	struct smb1_tree_connect_andx_rsp tree = {.service = slice_of("A:", 2)};
	struct smb1_open_andx_rsp opened = {.fid = FID, .file_data_size = (uint32_t)f.file_size, .open_results = 1};
	struct smb1_nt_create_andx_rsp created = {.fid = FID, .end_of_file = f.file_size, .create_action = 1};
	struct smb1_echo_req echo;
	struct smb1_andx andx = {0};
	struct smb1_write_andx_req written;
	struct smb1_write_andx_rsp write = {0};
	switch (r->h.command) {
	case SMB1_NEGOTIATE: answer(r, 0, &f.negotiate); break;
	case SMB1_SESSION_SETUP_ANDX: take_logon(r); answer(r, 0, &setup); break;
	case SMB1_TREE_CONNECT_ANDX: answer(r, 0, &tree); break;
	case SMB1_OPEN_ANDX: answer(r, 0, &opened); break;
	case SMB1_NT_CREATE_ANDX: answer(r, 0, &created); break;
	case SMB1_READ_ANDX: answer_read(r); break;
	case SMB1_WRITE_ANDX: decode(r, &written); write.count = (uint32_t)written.data.len; answer(r, 0, &write); break;
	case SMB1_ECHO: decode(r, &echo); answer(r, 0, &(struct smb1_echo_rsp){.sequence_number = 1, .data = echo.data}); break;
	case SMB1_LOGOFF_ANDX: answer(r, 0, &andx); break;
	default: answer(r, 0, NULL);
	}
}

static void on_frames(struct net_conn *c, void *user, struct net_frame *frames, size_t n)
{
	(void)c;
	(void)user;
	for (size_t i = 0; i < n; i++) {
		struct seen *r = &f.seen[f.count++ % SEEN];
		struct wire w = wire_decoder(frames[i].data, 0, frames[i].len, NULL);
		struct iovec iov = {frames[i].data, frames[i].len};
		uint8_t mac[8];
		bool bad;
		free(r->message);
		r->message = malloc(frames[i].len);
		memcpy(r->message, frames[i].data, frames[i].len);
		r->len = frames[i].len;
		smb1_header_code(&w, &r->h);
		assert_true(wire_ok(&w));
		smb1_walk_start(&r->walk, slice_of(r->message, r->len), &r->h);
		assert_true(smb1_walk_next(&r->walk, &r->b, &bad));
		assert_int_equal(r->b.and_x_command, SMB1_NO_COMMAND);
		if (f.signs) {
			assert_ok(proto_smb1_mac(slice_of(f.key, f.key_len), f.sequence, &iov, 1, mac));
			r->signature_ok = memcmp(mac, r->h.signature, sizeof(mac)) == 0;
			f.sequence += r->h.command == SMB1_NT_CANCEL ? 1 : 2;
		}
		if (!f.hook || !f.hook(&f, r))
			honest(r);
	}
}

static void on_closed(struct net_conn *c, void *user)
{
	(void)user;
	f.closed = true;
	net_conn_close(c, false);
	net_conn_put(c);
}

static const struct net_conn_ops ops = {.frames = on_frames, .closed = on_closed};

static struct net_conn *dial(void *arg, const char *host, uint16_t port, ntstatus *status)
{
	struct net_conn *ours;
	(void)arg;
	(void)host;
	(void)port;
	net_mem_pair(f.pool, NULL, &ours, &f.net);
	if (f.nbss) {
		net_conn_make_nbss(ours, false);
		net_conn_make_nbss(f.net, false);
	}
	net_conn_limit(f.net, 1 << 20);
	net_conn_start(f.net, &ops, NULL);
	f.closed = false;
	*status = STATUS_SUCCESS;
	return ours;
}

static int setup(void **state)
{
	(void)state;
	f = (struct server){0};
	clock_virtual_init(&f.clock);
	struct net_pool_config cfg = {.virtual_clock = &f.clock};
	f.pool = net_pool_new(&cfg);
	f.client = cli_client_new_on(f.pool, dial, NULL);
	hythe_connect_options_init(&f.o);
	f.o.user = "user";
	f.o.password = "pass";
	f.o.domain = "DOMAIN";
	f.o.min_dialect = f.o.max_dialect = HYTHE_DIALECT_NT1;
	f.o.signing_optional = true;
	f.flags2 = SMB1_FLAGS2_UNICODE | SMB1_FLAGS2_NT_STATUS;
	f.file_size = 1000;
	f.negotiate = (struct smb1_negotiate_rsp){.word_count = WORDS, .security_mode = SMB1_SECURITY_USER | SMB1_SECURITY_ENCRYPT_PASSWORDS |
		SMB1_SECURITY_SIGNATURES_ENABLED, .max_mpx_count = 10, .max_number_vcs = 1, .max_buffer_size = 16644, .capabilities = SMB1_CAP_UNICODE |
		SMB1_CAP_NT_SMBS | SMB1_CAP_STATUS32 | SMB1_CAP_LARGE_FILES | SMB1_CAP_LARGE_READX | SMB1_CAP_LARGE_WRITEX, .challenge = slice_of(challenge, 8)};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hythe_client_free(f.client);
	if (f.net && !f.closed)
		net_conn_close(f.net, false);
	while (net_pool_step(f.pool, 10))
		;
	net_pool_free(f.pool);
	for (size_t i = 0; i < SEEN; i++)
		free(f.seen[i].message);
	return 0;
}

static struct hythe_session *session;
static struct hythe_tree *tree;

static void log_on(void)
{
	assert_ok(hythe_connect(f.client, "host", 0, &f.o, &session));
	assert_ok(hythe_tree_connect(session, "share", &tree));
}

static void leave(void)
{
	hythe_tree_free(tree);
	hythe_session_free(session);
}

/* --- tests --- */

/* "Microsoft SMB Protocol Packet Exchange Scenario": nine packets, one command each. */
static void test_the_exchange(void **state)
{
	static const uint8_t wanted[] = {SMB1_NEGOTIATE, SMB1_SESSION_SETUP_ANDX, SMB1_TREE_CONNECT_ANDX, SMB1_OPEN_ANDX, SMB1_READ_ANDX};
	struct hythe_open_params p;
	uint8_t bytes[65536];
	struct smb1_tree_connect_andx_req connect;
	struct smb1_open_andx_req opened;
	struct smb1_read_andx_req read;
	char text[64];
	(void)state;
	log_on();
	hythe_open_params_init(&p, "dir/file", HYTHE_READ_DATA | HYTHE_READ_ATTRIBUTES);
	p.smb1_open_andx = true;
	struct hythe_step steps[] = {{.kind = HYTHE_STEP_OPEN, .open = &p, .keep = true}, {.kind = HYTHE_STEP_READ, .buffer = bytes, .len = sizeof(bytes)}};
	assert_ok(hythe_chain(tree, steps, 2));
	assert_int_equal(steps[1].bytes, 1000);
	assert_int_equal(steps[0].opened.stat.size_bytes, 1000);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(bytes[i], byte_at(i));
	assert_int_equal(f.count, ARRAY_LEN(wanted));
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		assert_int_equal(f.seen[i].h.command, wanted[i]);
	struct smb1_negotiate_req negotiate;
	struct slice dialect;
	bool bad;
	decode(&f.seen[0], &negotiate);
	assert_true(smb1_dialect_next(&negotiate.dialects, &dialect, &bad));
	assert_true(slice_equal(dialect, slice_of("NT LM 0.12", 10)));
	assert_false(smb1_dialect_next(&negotiate.dialects, &dialect, &bad));
	decode(&f.seen[2], &connect);
	assert_true(utf16_to_utf8(text, sizeof(text), connect.path) != SIZE_MAX);
	assert_string_equal(text, "\\\\host\\share");
	assert_int_equal(f.seen[2].h.uid, UID);
	decode(&f.seen[3], &opened);
	assert_true(utf16_to_utf8(text, sizeof(text), opened.file_name) != SIZE_MAX);
	assert_string_equal(text, "\\dir\\file");
	assert_int_equal(f.seen[3].h.tid, TID);
	decode(&f.seen[4], &read);
	assert_int_equal(read.offset, 0);
	assert_int_equal(read.max_count, 61440);
	assert_ok(hythe_close(steps[0].file, NULL));
	assert_ok(hythe_echo(session));
	assert_ok(hythe_tree_disconnect(tree));
	assert_ok(hythe_session_logoff(session));
	assert_int_equal(f.seen[f.count - 1].h.command, SMB1_LOGOFF_ANDX);
}

/* The low half of a size says nothing when the read shows that there is more. */
static bool tell_half(struct server *s, const struct seen *r)
{
	if (r->h.command == SMB1_OPEN_ANDX) {
		struct smb1_open_andx_rsp opened = {.fid = FID, .file_data_size = 3};
		answer(r, 0, &opened);
		return true;
	}
	if (r->h.command == SMB1_TRANSACTION2) {
		uint8_t data[200];
		struct smb1_all_info all = {.end_of_file = (4ull << 32) + 3, .number_of_links = 1};
		struct wire w = smb1_part_encoder(data, sizeof(data), true);
		smb1_all_info_code(&w, &all);
		struct smb1_trans_rsp rsp = {.total_parameter_count = 2, .total_data_count = (uint16_t)w.pos, .parameters = slice_of("\0", 2), .data = slice_of(data, w.pos)};
		answer(r, 0, &rsp);
		s->user++;
		return true;
	}
	return false;
}

static void test_sizes_that_open_andx_cannot_tell(void **state)
{
	struct hythe_open_params p;
	uint8_t bytes[65536];
	(void)state;
	f.hook = tell_half;
	f.file_size = 100000;
	log_on();
	hythe_open_params_init(&p, "file", HYTHE_READ_DATA);
	p.smb1_open_andx = true;
	struct hythe_step steps[] = {{.kind = HYTHE_STEP_OPEN, .open = &p, .keep = true}, {.kind = HYTHE_STEP_READ, .buffer = bytes, .len = sizeof(bytes)}};
	assert_ok(hythe_chain(tree, steps, 2));
	assert_int_equal(f.user, 1);
	assert_int_equal(steps[0].opened.stat.size_bytes, (4ull << 32) + 3);
	assert_int_equal(steps[1].bytes, sizeof(bytes));
	hythe_file_free(steps[0].file);
	leave();
}

static void test_signatures(void **state)
{
	struct hythe_open_params p;
	struct hythe_file *file;
	uint8_t bytes[65536];
	size_t n;
	(void)state;
	f.o.signing_optional = false;
	log_on();
	hythe_open_params_init(&p, "file", HYTHE_READ_DATA | HYTHE_WRITE_DATA);
	assert_ok(hythe_open(tree, &p, &file, NULL));
	assert_ok(hythe_read(file, 0, bytes, sizeof(bytes), &n));
	assert_int_equal(n, 1000);
	assert_ok(hythe_write(file, 0, bytes, sizeof(bytes), &n));
	assert_ok(hythe_close(file, NULL));
	assert_memory_equal(f.seen[1].h.signature, CLI1_UNSIGNED, 8);
	for (size_t i = 2; i < f.count; i++)
		assert_true(f.seen[i].signature_ok);
	leave();
}

static bool break_signature(struct server *s, const struct seen *r)
{
	if (r->h.command != SMB1_ECHO)
		return false;
	if (s->user == 0) {
		s->signs = false; /* answers with what the request had there */
	} else {
		s->key[3] ^= 1;
	}
	honest(r);
	return true;
}

static void test_wrong_signatures(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		if (i)
			setup(NULL);
		f.o.signing_optional = false;
		f.hook = break_signature;
		f.user = i;
		log_on();
		assert_status(hythe_echo(session), STATUS_INVALID_NETWORK_RESPONSE);
		assert_non_null(strstr(hythe_client_error(f.client), "meddling"));
		assert_status(hythe_echo(session), STATUS_INVALID_NETWORK_RESPONSE);
		leave();
		if (!i)
			teardown(NULL);
	}
}

static bool wrong_logon(struct server *s, const struct seen *r)
{
	struct smb1_session_setup_rsp rsp = {.word_count = 3, .action = s->user == 1 ? SMB1_SETUP_GUEST : 0};
	if (r->h.command != SMB1_SESSION_SETUP_ANDX)
		return false;
	if (s->user == 0) {
		take_logon(r);
		s->key[0] ^= 1;
		s->flags2 |= SMB1_FLAGS2_SECURITY_SIGNATURE;
	}
	answer(r, s->user == 2 ? STATUS_LOGON_FAILURE.code : 0, s->user == 2 ? NULL : &rsp);
	return true;
}

static void test_logons_that_fail(void **state)
{
	static const char *const why[] = {"wrong signature", "offers a guest session", "wrong user name or password"};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(why); i++) {
		setup(NULL);
		f.o.signing_optional = i != 0;
		f.hook = wrong_logon;
		f.user = i;
		assert_false(nt_ok(hythe_connect(f.client, "host", 0, &f.o, &session)));
		assert_non_null(strstr(hythe_client_error(f.client), why[i]));
		teardown(NULL);
	}
	setup(NULL);
}

static void test_negotiations_that_fail(void **state)
{
	static const struct {
		uint16_t index, mode, mpx;
		uint32_t buffer;
		size_t challenge;
		const char *why;
	} bad[] = {
		{UINT16_MAX, 3, 1, 4096, 8, "does not speak SMB1"}, {1, 3, 1, 4096, 8, "not offered"}, {0, 2, 1, 4096, 8, "share-level"},
		{0, 1, 1, 4096, 8, "plain text"}, {0, 3, 1, 4096, 7, "challenge"}, {0, 3, 0, 4096, 8, "too small"}, {0, 3, 1, 100, 8, "too small"},
		{0, 3, 1, 4096, 8, "does not sign"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		setup(NULL);
		f.negotiate.dialect_index = bad[i].index;
		f.negotiate.word_count = bad[i].index == UINT16_MAX ? 1 : WORDS;
		f.negotiate.security_mode = bad[i].mode;
		f.negotiate.max_mpx_count = bad[i].mpx;
		f.negotiate.max_buffer_size = bad[i].buffer;
		f.negotiate.challenge.len = bad[i].challenge;
		f.o.signing_optional = i + 1 != ARRAY_LEN(bad);
		assert_status(hythe_connect(f.client, "host", 0, &f.o, &session), STATUS_NOT_SUPPORTED);
		assert_non_null(strstr(hythe_client_error(f.client), bad[i].why));
		assert_int_equal(f.count, 1);
		teardown(NULL);
	}
	setup(NULL);
	f.o.encryption = HYTHE_ENCRYPTION_REQUIRED;
	assert_status(hythe_connect(f.client, "host", 0, &f.o, &session), STATUS_NOT_SUPPORTED);
	assert_int_equal(f.count, 0);
	/* Beside SMB2, and never by default. */
	f.o.encryption = HYTHE_ENCRYPTION_OFF;
	f.o.min_dialect = HYTHE_DIALECT_NT1;
	f.o.max_dialect = HYTHE_DIALECT_311;
	log_on();
	struct smb1_negotiate_req m;
	struct slice one;
	bool more;
	unsigned n = 0;
	decode(&f.seen[0], &m);
	while (smb1_dialect_next(&m.dialects, &one, &more))
		n++;
	assert_int_equal(n, 3);
	leave();
}

/* --- hostile answers to a READ --- */

static unsigned lie;
enum { LIES = 19, LIE_UNKNOWN_MID = 5 };

static bool lie_of_reads(struct server *s, const struct seen *r)
{
	static uint8_t m[ROOM], data[70000];
	struct smb1_read_andx_rsp rsp = {.data = slice_of(data, 100)};
	struct smb1_header h = header_for(r, 0);
	(void)s;
	if (r->h.command != SMB1_READ_ANDX)
		return false;
	switch (lie) {
	case 0: h.uid ^= 1; break;
	case 1: h.tid ^= 1; break;
	case 2: h.pid_low ^= 1; break;
	case 3: h.command = SMB1_WRITE_ANDX; break;
	case 4: h.flags = 0; break;
	case LIE_UNKNOWN_MID: h.mid ^= 0x40; break;
	case 6: rsp.data.len = 2000; break;                          /* more than was asked for */
	default: break;
	}
	size_t n = h.command == SMB1_READ_ANDX ? encode_as(m, &h, &rsp) : encode_as(m, &h, NULL);
	uint8_t *words = m + SMB1_HEADER_SIZE + 1, *bytes = words + 24;
	switch (lie) {
	case 7: n = 33; break;                                       /* cut behind WordCount */
	case 8: n = 20; break;                                       /* within the header */
	case 9: n = encode_as(m, &h, NULL); break;                   /* success without words */
	case 10: store_le16(bytes, 60000); break;                    /* ByteCount beyond the end */
	case 11: store_le16(words + 12, 60000); break;               /* DataOffset beyond the end */
	case 12: store_le16(words + 12, 4); break;                   /* DataOffset in the header */
	case 13: store_le16(words + 14, 1); break;                   /* DataLengthHigh */
	case 14: words[0] = SMB1_READ_ANDX; store_le16(words + 2, 32); break;         /* a chain onto itself */
	case 15: words[0] = SMB1_CLOSE; store_le16(words + 2, 0xFFF0); break;         /* a chain outside */
	case 16: words[0] = SMB1_CLOSE; store_le16(words + 2, (uint16_t)n); memset(m + n, 0, 3); n += 3; break; /* a chain that nobody asked for */
	case 17: m[SMB1_HEADER_SIZE] = 255; break;                   /* WordCount */
	case 18: m[0] = 0xFE; break;                                 /* all of a sudden SMB2 */
	default: break;
	}
	send_bytes(m, n);
	return true;
}

static void test_lies(void **state)
{
	(void)state;
	for (lie = 0; lie < LIES; lie++) {
		struct hythe_open_params p;
		struct hythe_file *file;
		uint8_t bytes[1000];
		size_t n;
		setup(NULL);
		f.hook = lie_of_reads;
		f.o.request_timeout_ms = 1000;
		log_on();
		hythe_open_params_init(&p, "file", HYTHE_READ_DATA);
		assert_ok(hythe_open(tree, &p, &file, NULL));
		ntstatus status = hythe_read(file, 0, bytes, sizeof(bytes), &n);
		if (lie == LIE_UNKNOWN_MID)
			assert_status(status, STATUS_IO_TIMEOUT);
		else
			assert_status(status, STATUS_INVALID_NETWORK_RESPONSE);
		assert_int_equal(n, 0);
		assert_true(hythe_client_error(f.client)[0] != 0);
		hythe_file_free(file);
		leave();
		teardown(NULL);
	}
	setup(NULL);
}

/* --- answers in parts --- */

static unsigned shape;
static bool in_parts(struct server *s, const struct seen *r)
{
	uint8_t data[200];
	struct smb1_all_info all = {.end_of_file = 77, .number_of_links = 1, .file_name = slice_of("a\0b", 4)};
	struct wire w = smb1_part_encoder(data, sizeof(data), true);
	struct smb1_trans_rsp first, second;
	(void)s;
	if (r->h.command != SMB1_TRANSACTION2)
		return false;
	smb1_all_info_code(&w, &all);
	first = (struct smb1_trans_rsp){.total_parameter_count = 2, .total_data_count = (uint16_t)w.pos, .parameters = slice_of("\0", 2), .data = slice_of(data, 30)};
	second = (struct smb1_trans_rsp){.total_parameter_count = 2, .total_data_count = (uint16_t)w.pos, .parameter_displacement = 2, .data_displacement = 30,
		.data = slice_of(data + 30, w.pos - 30)};
	switch (shape) {
	case 1: second.data_displacement = 29; break;
	case 2: second.data_displacement = 31; break;
	case 3: second.data.len = 0; break;
	case 4: first.total_data_count = 60000; break;
	case 5: second.total_data_count = 20; break;
	case 6: first.total_parameter_count = 100; break;
	default: break;
	}
	answer(r, 0, &first);
	answer(r, 0, &second);
	return true;
}

static void test_answers_in_parts(void **state)
{
	(void)state;
	for (shape = 0; shape < 7; shape++) {
		struct hythe_stat stat;
		setup(NULL);
		f.hook = in_parts;
		log_on();
		ntstatus status = hythe_stat(tree, "x", &stat);
		assert_status(status, shape == 0 ? STATUS_SUCCESS : STATUS_INVALID_NETWORK_RESPONSE);
		if (shape == 0)
			assert_int_equal(stat.size_bytes, 77);
		leave();
		teardown(NULL);
	}
	setup(NULL);
}

/* --- others --- */

static bool dos_error(struct server *s, const struct seen *r)
{
	if (r->h.command != SMB1_NT_CREATE_ANDX)
		return false;
	s->flags2 = SMB1_FLAGS2_UNICODE;
	answer(r, SMB1_DOS_ERROR(SMB1_ERRCLS_DOS, s->user), NULL);
	return true;
}

static void test_dos_errors(void **state)
{
	struct hythe_open_params p;
	struct hythe_file *file;
	(void)state;
	f.hook = dos_error;
	log_on();
	hythe_open_params_init(&p, "file", HYTHE_READ_DATA);
	f.user = 2;
	assert_status(hythe_open(tree, &p, &file, NULL), STATUS_OBJECT_NAME_NOT_FOUND);
	f.user = 32;
	assert_status(hythe_open(tree, &p, &file, NULL), STATUS_SHARING_VIOLATION);
	f.user = 9999;
	assert_status(hythe_open(tree, &p, &file, NULL), STATUS_UNSUCCESSFUL);
	leave();
}

static void answer_later(void *arg)
{
	f.underway--;
	answer_read(arg);
}

static bool hold_reads(struct server *s, const struct seen *r)
{
	if (r->h.command != SMB1_READ_ANDX)
		return false;
	if (++s->underway > s->most_underway)
		s->most_underway = s->underway;
	net_pool_run(s->pool, answer_later, (void *)(uintptr_t)r);
	return true;
}

static void test_no_more_at_once_than_the_server_takes(void **state)
{
	static uint8_t bytes[CONTENT];
	struct hythe_open_params p;
	struct hythe_file *file;
	size_t n;
	(void)state;
	f.negotiate.max_mpx_count = 3;
	f.negotiate.capabilities &= ~(SMB1_CAP_LARGE_READX | SMB1_CAP_LARGE_WRITEX);
	f.hook = hold_reads;
	f.file_size = CONTENT;
	f.nbss = true;
	log_on();
	hythe_open_params_init(&p, "file", HYTHE_READ_DATA | HYTHE_WRITE_DATA);
	assert_ok(hythe_open(tree, &p, &file, NULL));
	assert_ok(hythe_read(file, 0, bytes, sizeof(bytes), &n));
	assert_int_equal(n, CONTENT);
	for (size_t i = 0; i < CONTENT; i++)
		assert_int_equal(bytes[i], byte_at(i));
	assert_int_equal(f.most_underway, 3);
	assert_ok(hythe_write(file, 0, bytes, sizeof(bytes), &n));
	assert_int_equal(n, CONTENT);
	for (size_t i = 0; i < f.count && i < SEEN; i++)
		assert_true(f.seen[i].len <= f.negotiate.max_buffer_size);
	hythe_file_free(file);
	leave();
}

static void test_what_there_is_not(void **state)
{
	struct hythe_open_params p;
	struct hythe_file *file;
	uint8_t bytes[64];
	size_t n;
	(void)state;
	log_on();
	hythe_open_params_init(&p, "file", HYTHE_READ_DATA);
	p.lease = HYTHE_CACHE_READ;
	assert_status(hythe_open(tree, &p, &file, NULL), STATUS_NOT_SUPPORTED);
	p.lease = 0;
	assert_ok(hythe_open(tree, &p, &file, NULL));
	assert_status(hythe_query_info(file, HYTHE_INFO_SECURITY, 0, 7, bytes, sizeof(bytes), &n), STATUS_NOT_SUPPORTED);
	assert_status(hythe_ioctl(tree, file, 0x1401C4, NULL, 0, bytes, sizeof(bytes), &n), STATUS_NOT_SUPPORTED);
	assert_string_equal(hythe_client_error(f.client), "host is spoken to in SMB1, which has no way to send that control code");
	hythe_file_free(file);
	leave();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_exchange, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sizes_that_open_andx_cannot_tell, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signatures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_signatures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_logons_that_fail, NULL, teardown),
		cmocka_unit_test_setup_teardown(test_negotiations_that_fail, NULL, teardown),
		cmocka_unit_test_setup_teardown(test_lies, NULL, teardown),
		cmocka_unit_test_setup_teardown(test_answers_in_parts, NULL, teardown),
		cmocka_unit_test_setup_teardown(test_dos_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_more_at_once_than_the_server_takes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_there_is_not, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
