/* A server of SMB1 whose every answer is what the input says, behind a header that fits the request: connecting, opening, reading, listing, asking for
 * information. */
#include "client/smb1/smb1.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ANSWER_MAX = 70000, STEPS_MAX = 64, TIMEOUT_MS = 100 };

static struct {
	struct clock_virtual clock;
	struct net_pool *pool;
	struct net_conn *net;
	const uint8_t *next;
	size_t left;
	unsigned steps;
} f;

static void send_bytes(const uint8_t *p, size_t n)
{
	struct net_seg seg = {.data = p, .len = n};
	if (n > 0)
		net_send(f.net, &seg, 1);
}

/* An honest NEGOTIATE, so that the rest is reached; all else is the input's, two bytes of length before each piece. */
static void negotiate(const struct smb1_header *r)
{
	uint8_t out[256];
	struct smb1_header h = *r;
	struct smb1_negotiate_rsp m = {.word_count = 17, .security_mode = SMB1_SECURITY_USER | SMB1_SECURITY_ENCRYPT_PASSWORDS, .max_mpx_count = 5,
		.max_buffer_size = 16644, .capabilities = SMB1_CAP_UNICODE | SMB1_CAP_NT_SMBS | SMB1_CAP_LARGE_FILES | SMB1_CAP_LARGE_READX,
		.challenge = slice_of("12345678", 8)};
	struct wire w = wire_encoder(out, 0, sizeof(out));
	h.flags = SMB1_FLAGS_REPLY;
	smb1_header_code(&w, &h);
	smb1_negotiate_rsp_code(&w, &m);
	send_bytes(out, w.pos);
}

static void answer(const struct smb1_header *r)
{
	static uint8_t out[SMB1_HEADER_SIZE + ANSWER_MAX];
	struct smb1_header h = *r;
	size_t n = f.left >= 2 ? load_le16(f.next) : 0;
	if (f.left < 2 || f.steps++ > STEPS_MAX) {
		net_conn_close(f.net, false);
		return;
	}
	f.next += 2;
	f.left -= 2;
	if (n > f.left)
		n = f.left;
	h.flags = SMB1_FLAGS_REPLY;
	h.flags2 = SMB1_FLAGS2_UNICODE | SMB1_FLAGS2_NT_STATUS;
	h.uid = 7;
	if (r->command == SMB1_TREE_CONNECT_ANDX)
		h.tid = 3;
	/* The first byte: whether the status is an error, or the header the input's. */
	if (n > 0 && f.next[0] == 1)
		h.status = STATUS_NO_SUCH_FILE.code;
	struct wire w = wire_encoder(out, 0, sizeof(out));
	smb1_header_code(&w, &h);
	memcpy(out + w.pos, f.next, n);
	if (n > 1 && f.next[0] == 2)
		send_bytes(f.next + 1, n - 1);
	else
		send_bytes(out, w.pos + n);
	f.next += n;
	f.left -= n;
}

static void on_frames(struct net_conn *c, void *user, struct net_frame *frames, size_t n)
{
	(void)c;
	(void)user;
	for (size_t i = 0; i < n; i++) {
		struct smb1_header h = {0};
		struct wire w = wire_decoder(frames[i].data, 0, frames[i].len, NULL);
		smb1_header_code(&w, &h);
		if (h.command == SMB1_NEGOTIATE)
			negotiate(&h);
		else
			answer(&h);
	}
}

static void on_closed(struct net_conn *c, void *user)
{
	(void)user;
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
	net_conn_limit(f.net, 1 << 20);
	net_conn_start(f.net, &ops, NULL);
	*status = STATUS_SUCCESS;
	return ours;
}

static void use(struct hythe_tree *tree)
{
	static uint8_t bytes[100000];
	struct hythe_open_params p;
	struct hythe_file *file;
	struct hythe_stat stat;
	struct hythe_dir *dir;
	struct hythe_entry e;
	size_t n;
	hythe_open_params_init(&p, "file", HYTHE_READ_DATA);
	p.smb1_open_andx = f.left % 2;
	if (nt_ok(hythe_open(tree, &p, &file, NULL))) {
		ntstatus ignored = hythe_read(file, 0, bytes, sizeof(bytes), &n);
		ignored = hythe_query_info(file, HYTHE_INFO_FILE, HYTHE_FILE_BASIC_INFORMATION, 0, bytes, sizeof(bytes), &n);
		(void)ignored;
		hythe_file_free(file);
	}
	if (nt_ok(hythe_dir_open(tree, "", NULL, &dir))) {
		for (unsigned i = 0; i < STEPS_MAX && nt_ok(hythe_dir_next(dir, &e)); i++)
			;
		hythe_dir_close(dir);
	}
	ntstatus ignored = hythe_stat(tree, "x", &stat);
	(void)ignored;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct net_pool_config cfg = {.virtual_clock = &f.clock};
	struct hythe_connect_options o;
	struct hythe_session *session;
	struct hythe_tree *tree;
	clock_virtual_init(&f.clock);
	f.pool = net_pool_new(&cfg);
	f.next = data;
	f.left = size;
	f.steps = 0;
	struct hythe_client *client = cli_client_new_on(f.pool, dial, NULL);
	hythe_connect_options_init(&o);
	o.min_dialect = o.max_dialect = HYTHE_DIALECT_NT1;
	o.signing_optional = o.allow_guest = o.raw_ntlm = true;
	o.request_timeout_ms = TIMEOUT_MS;
	if (nt_ok(hythe_connect(client, "host", 0, &o, &session))) {
		if (nt_ok(hythe_tree_connect(session, "share", &tree))) {
			use(tree);
			hythe_tree_free(tree);
		}
		hythe_session_free(session);
	}
	hythe_client_free(client);
	while (net_pool_step(f.pool, 10))
		;
	net_pool_free(f.pool);
	return 0;
}
