/* Sends random and mutated frames to a listening server, before and after logging on, and checks that it still serves.
 *     flood HOST_IP PORT FRAMES SEED [USER PASSWORD SHARE]
 * What is sent before logon: random bytes, valid headers with random bodies, NEGOTIATE and SESSION_SETUP with flipped bits. After
 * logon (unsigned: the server under test has signing = enabled): generated requests of every command, some chained,
 * some with flipped bits or cut short. Exit status 0 when every frame was sent and the server still answers. */
#include "auth/auth.h"
#include "base/clock.h"
#include "proto/proto.h"
#include "wire/smb2.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FRAME_MAX = 4096, BATCH = 48, RECV_BYTES = 1 << 20, SILENCE_MS = 20000 };

struct flood {
	struct sockaddr_in address;
	int fd;
	uint64_t seed;
	const char *user, *password, *share;
	uint64_t session_id, next_id, credits;
	uint32_t tree_id;
	struct smb2_file_id file_id;
	uint8_t out[BATCH * (FRAME_MAX + 4)];
	size_t out_len;
	uint8_t *in;
	size_t in_len;
	uint64_t connections, answers;
};

static uint64_t rnd(struct flood *f)
{
	uint64_t x = f->seed += 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static size_t below(struct flood *f, size_t n)
{
	return (size_t)(rnd(f) % n);
}

static bool reconnect(struct flood *f)
{
	struct timeval timeout = {.tv_sec = SILENCE_MS / 1000};
	int one = 1;

	if (f->fd >= 0)
		close(f->fd);
	f->fd = socket(AF_INET, SOCK_STREAM, 0);
	f->next_id = f->session_id = f->tree_id = 0;
	f->credits = 1;
	f->in_len = f->out_len = 0;
	f->connections++;
	setsockopt(f->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(f->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	setsockopt(f->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return connect(f->fd, (struct sockaddr *)&f->address, sizeof(f->address)) == 0;
}

static void add_frame(struct flood *f, const uint8_t *data, size_t len)
{
	store_be32(f->out + f->out_len, (uint32_t)len);
	memcpy(f->out + f->out_len + 4, data, len);
	f->out_len += len + 4;
}

/* false: the server has closed the connection, as it may. */
static bool flush_out(struct flood *f)
{
	size_t done = 0;

	while (done < f->out_len) {
		ssize_t n = send(f->fd, f->out + done, f->out_len - done, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	f->out_len = 0;
	return true;
}

/* Reads answers: all that are there, or (wait) at least one. false: closed, or silent for too long. */
static bool read_answers(struct flood *f, bool wait, struct slice *last)
{
	uint64_t before = f->answers;

	do {
		ssize_t n = recv(f->fd, f->in + f->in_len, RECV_BYTES - f->in_len, wait ? 0 : MSG_DONTWAIT);
		size_t at = 0;

		if (n <= 0)
			return !wait && n < 0;
		f->in_len += (size_t)n;
		while (f->in_len - at >= 4 && f->in_len - at >= 4 + (size_t)load_be32(f->in + at)) {
			size_t len = load_be32(f->in + at);

			if (len >= SMB2_HEADER_SIZE)
				f->credits += load_le16(f->in + at + 4 + 14);
			if (last)
				*last = slice_of(f->in + at + 4, len);
			f->answers++;
			at += 4 + len;
		}
		if (last && f->answers > before)
			return true;
		memmove(f->in, f->in + at, f->in_len - at);
		f->in_len -= at;
	} while (wait && f->answers == before);
	return true;
}

static void header_put(struct flood *f, uint8_t *frame, uint16_t command, uint32_t flags)
{
	struct wire w = wire_encoder(frame, 0, SMB2_HEADER_SIZE);
	struct smb2_header h = {
		.credit_charge = 1, .command = command, .credits = 256, .flags = flags, .message_id = f->next_id++,
		.tree_id = f->tree_id, .session_id = f->session_id,
	};

	smb2_header_code(&w, &h);
	f->credits--;
}

/* One well-formed exchange. */
static bool exchange(struct flood *f, uint16_t command, void *body, struct smb2_header *h, void *rsp, struct arena *a)
{
	const struct smb2_message *m = smb2_message_of(command);
	uint8_t frame[FRAME_MAX];
	struct wire w = wire_encoder(frame, SMB2_HEADER_SIZE, sizeof(frame));
	struct slice answer = {0};

	header_put(f, frame, command, 0);
	m->req_code(&w, body);
	if (!wire_ok(&w))
		return false;
	f->in_len = 0;
	add_frame(f, frame, w.pos);
	if (!flush_out(f) || !read_answers(f, true, &answer) || answer.len < SMB2_HEADER_SIZE)
		return false;
	f->in_len = 0;
	w = wire_decoder(answer.data, 0, answer.len, a);
	smb2_header_code(&w, h);
	if (nt_error((ntstatus){h->status}) && h->status != STATUS_MORE_PROCESSING_REQUIRED.code)
		return false;
	m->rsp_code(&w, rsp);
	return wire_ok(&w);
}

static bool negotiate(struct flood *f, struct arena *a)
{
	struct smb2_negotiate_req req = {.security_mode = SMB2_NEGOTIATE_SIGNING_ENABLED, .dialect_count = 1, .dialects = {SMB2_DIALECT_210}};
	struct smb2_negotiate_rsp *rsp = arena_zalloc(a, sizeof(*rsp));
	struct smb2_header h;

	return rsp && exchange(f, SMB2_NEGOTIATE, &req, &h, rsp, a);
}

static bool log_on(struct flood *f, struct arena *a)
{
	const struct auth_client_config cfg = {.user = f->user, .password = f->password, .domain = "", .target_host = "localhost", .clock = &clock_system};
	struct auth_client *auth = auth_client_new(&cfg);
	struct slice token = {0}, out = {0};
	ntstatus status = STATUS_MORE_PROCESSING_REQUIRED;
	bool ok = auth != NULL;

	while (ok && nt_is(status, STATUS_MORE_PROCESSING_REQUIRED)) {
		struct smb2_session_setup_req req = {.security_mode = SMB2_NEGOTIATE_SIGNING_ENABLED};
		struct smb2_session_setup_rsp rsp = {0};
		struct smb2_header h;
		ntstatus mine = auth_client_step(auth, token, a, &out);

		if (!nt_ok(mine) && !nt_is(mine, STATUS_MORE_PROCESSING_REQUIRED))
			ok = false;
		req.security_buffer = out;
		ok = ok && exchange(f, SMB2_SESSION_SETUP, &req, &h, &rsp, a);
		if (ok) {
			uint8_t *copy = arena_alloc(a, rsp.security_buffer.len);

			f->session_id = h.session_id;
			status = (ntstatus){h.status};
			if (copy)
				memcpy(copy, rsp.security_buffer.data, rsp.security_buffer.len);
			token = slice_of(copy, copy ? rsp.security_buffer.len : 0);
		}
	}
	auth_client_free(auth);
	return ok && nt_ok(status);
}

static bool open_something(struct flood *f, struct arena *a, const char *name)
{
	struct smb2_create_req req = {
		.impersonation_level = 2, .desired_access = 0x001F01FF, .share_access = 7, .create_disposition = 3,
	};
	struct smb2_create_rsp rsp = {0};
	struct smb2_header h;
	uint8_t wide[64];
	size_t n = 0;

	for (; *name; name++, n += 2)
		store_le16(wide + n, (uint16_t)*name);
	req.name = slice_of(wide, n);
	if (!exchange(f, SMB2_CREATE, &req, &h, &rsp, a))
		return false;
	f->file_id = rsp.file_id;
	return true;
}

static bool set_up(struct flood *f)
{
	struct arena a;
	uint8_t wide[512];
	char path[256];
	size_t n = 0;
	struct smb2_tree_connect_req req = {0};
	struct smb2_tree_connect_rsp rsp = {0};
	struct smb2_header h;
	bool ok;

	arena_init(&a, NULL, 0, 0);
	ok = reconnect(f) && negotiate(f, &a) && log_on(f, &a);
	snprintf(path, sizeof(path), "\\\\server\\%s", f->share);
	for (const char *p = path; *p; p++, n += 2)
		store_le16(wide + n, (uint16_t)*p);
	req.path = slice_of(wide, n);
	ok = ok && exchange(f, SMB2_TREE_CONNECT, &req, &h, &rsp, &a);
	if (ok)
		f->tree_id = h.tree_id;
	ok = ok && open_something(f, &a, below(f, 4) == 0 ? "" : "file");
	arena_reset(&a);
	return ok;
}

static void flip(struct flood *f, uint8_t *p, size_t n)
{
	for (size_t k = below(f, 4); k > 0 && n > 0; k--)
		p[below(f, n)] ^= (uint8_t)(1u << below(f, 8));
}

/* Bodies without the commands that end the session; the FileId is often the open one. */
static size_t generated_body(struct flood *f, uint8_t *frame, uint16_t *command)
{
	static const uint8_t id_at[SMB2_COMMAND_COUNT] = {
		[SMB2_CLOSE] = 8, [SMB2_FLUSH] = 8, [SMB2_READ] = 16, [SMB2_WRITE] = 16, [SMB2_LOCK] = 8, [SMB2_IOCTL] = 8,
		[SMB2_QUERY_DIRECTORY] = 8, [SMB2_CHANGE_NOTIFY] = 8, [SMB2_QUERY_INFO] = 24, [SMB2_SET_INFO] = 16,
	};
	const struct smb2_message *m;
	uint8_t mem[8192];
	struct arena a;
	struct wire w;
	void *body;

	*command = (uint16_t)(SMB2_CREATE + below(f, SMB2_COMMAND_COUNT - SMB2_CREATE));
	if (*command == SMB2_CLOSE && below(f, 50) != 0)
		*command = SMB2_QUERY_INFO;
	m = smb2_message_of(*command);
	arena_init(&a, mem, sizeof(mem), 1 << 20);
	body = arena_zalloc(&a, m->req_size);
	w = wire_generator(rnd(f), &a);
	m->req_code(&w, body);
	w = wire_encoder(frame, SMB2_HEADER_SIZE, FRAME_MAX - 64);
	m->req_code(&w, body);
	if (id_at[*command] && below(f, 8) != 0) {
		store_le64(frame + SMB2_HEADER_SIZE + id_at[*command], f->file_id.persistent);
		store_le64(frame + SMB2_HEADER_SIZE + id_at[*command] + 8, f->file_id.volatile_id);
	}
	if (*command == SMB2_READ)
		store_le32(frame + SMB2_HEADER_SIZE + 4, (uint32_t)below(f, 65537));
	arena_reset(&a);
	return w.pos;
}

static size_t request(struct flood *f, uint8_t *frame, uint32_t flags)
{
	uint16_t command;
	size_t len = generated_body(f, frame, &command);

	header_put(f, frame, command, flags);
	if (below(f, 3) == 0)
		flip(f, frame + SMB2_HEADER_SIZE, len - SMB2_HEADER_SIZE);
	if (below(f, 64) == 0)
		flip(f, frame, SMB2_HEADER_SIZE);
	if (below(f, 32) == 0)
		len = SMB2_HEADER_SIZE + below(f, len - SMB2_HEADER_SIZE + 1);
	return len;
}

/* A batch on the logged-on connection; frames sent, 0 when the server has dropped us. */
static size_t logged_on_batch(struct flood *f, size_t most)
{
	uint8_t frame[2 * FRAME_MAX];
	size_t n = 0;

	while (n < most && n < BATCH && f->credits > 2) {
		size_t len = request(f, frame, 0);

		if (len < FRAME_MAX / 2 && below(f, 16) == 0) {
			size_t first = round_up(len, 8);

			memset(frame + len, 0, first - len);
			store_le32(frame + 20, (uint32_t)first);
			len = first + request(f, frame + first, below(f, 2) ? SMB2_FLAGS_RELATED_OPERATIONS : 0);
		}
		add_frame(f, frame, len < FRAME_MAX ? len : FRAME_MAX);
		n++;
	}
	if (!flush_out(f) || !read_answers(f, true, NULL))
		return 0;
	return n == 0 ? 0 : n;
}

/* Frames of a stranger on fresh connections; each connection gets a few. */
static size_t stranger_batch(struct flood *f, size_t most)
{
	uint8_t frame[FRAME_MAX];
	size_t n = 1 + below(f, 8), kind = below(f, 4);

	if (n > most)
		n = most;
	if (!reconnect(f))
		return 0;
	for (size_t i = 0; i < n; i++) {
		size_t len = SMB2_HEADER_SIZE + below(f, 512);

		for (size_t k = 0; k < len; k++)
			frame[k] = (uint8_t)rnd(f);
		if (kind > 0)
			header_put(f, frame, (uint16_t)below(f, kind == 1 ? SMB2_COMMAND_COUNT : 2), 0);
		if (kind == 2)
			store_le32(frame, SMB2_TRANSFORM_ID);
		if (kind == 3) {
			struct smb2_negotiate_req req = {.security_mode = 1, .dialect_count = 3, .dialects = {0x0202, 0x0210, 0x0300}};
			struct wire w = wire_encoder(frame, SMB2_HEADER_SIZE, sizeof(frame));

			f->next_id--;
			header_put(f, frame, SMB2_NEGOTIATE, 0);
			smb2_negotiate_req_code(&w, &req);
			len = w.pos;
			flip(f, frame, len);
		}
		add_frame(f, frame, len);
	}
	(void)flush_out(f);
	(void)read_answers(f, false, NULL);
	return n;
}

static bool still_serves(struct flood *f)
{
	struct arena a;
	bool ok;

	arena_init(&a, NULL, 0, 0);
	ok = f->user ? set_up(f) : reconnect(f) && negotiate(f, &a);
	arena_reset(&a);
	return ok;
}

static bool run(struct flood *f, uint64_t frames)
{
	uint64_t sent = 0, failures = 0;
	bool in = false;

	while (sent < frames) {
		size_t most = frames - sent < BATCH ? (size_t)(frames - sent) : BATCH, n;

		if (f->user && below(f, 200) != 0) {
			in = in || set_up(f);
			n = in ? logged_on_batch(f, most) : 0;
			in = in && n > 0;
		} else {
			in = false;
			n = stranger_batch(f, most);
		}
		failures = n == 0 ? failures + 1 : 0;
		if (failures > 1000)
			return false;
		sent += n;
	}
	return true;
}

int main(int argc, char **argv)
{
	static struct flood f = {.fd = -1};
	uint64_t frames;
	bool ok;

	if (argc != 5 && argc != 8) {
		fprintf(stderr, "usage: flood HOST_IP PORT FRAMES SEED [USER PASSWORD SHARE]\n");
		return 2;
	}
	f.address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10))};
	if (inet_pton(AF_INET, argv[1], &f.address.sin_addr) != 1)
		return 2;
	frames = strtoull(argv[3], NULL, 10);
	f.seed = strtoull(argv[4], NULL, 10);
	if (argc == 8)
		f.user = argv[5], f.password = argv[6], f.share = argv[7];
	f.in = malloc(RECV_BYTES);
	if (!f.in)
		return 1;
	ok = run(&f, frames) && still_serves(&f);
	printf("%s: %llu frames, seed %s, %llu connections, %llu answers\n", ok ? "still serves" : "NO LONGER SERVES",
		(unsigned long long)frames, argv[4], (unsigned long long)f.connections, (unsigned long long)f.answers);
	free(f.in);
	return ok ? 0 : 1;
}
