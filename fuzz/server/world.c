/* The server, its clients, and the run of an input: see fuzz.h. */
#include "fuzz.h"

#include "auth/auth.h"
#include "base/log.h"
#include "base/random.h"
#include "fsa/fsa.h"
#include "server/durable.h"
#include "server/oplock.h"
#include "vfs/vfs.h"

#include <stdio.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 20000, PIECES_MAX = 32, STORE_BYTES = 1 << 20, SOON_MS = 5, LATER_MS = 40000, END_MS = 1000, PREAMBLE = 2, LENGTH = 2 };

struct clock_virtual fuzz_clock;

static struct net_pool *pool;
static struct srv srv;
static struct user_entry user = {.name = "user"};
static struct fuzz_client clients[2];

static void quiet(enum log_level level, const char *line, void *arg)
{
	(void)level;
	(void)line;
	(void)arg;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	log_sink(quiet, NULL);
	log_level = LOG_DEBUG;
	MUST(nt_ok(user_nt_hash("pass", user.nt_hash)));
	return 0;
}

static void run(uint64_t ms)
{
	uint64_t until = fuzz_clock.now_ms + ms;

	for (int i = 0; i < STEPS_MAX && fuzz_clock.now_ms <= until; i++) {
		if (!net_pool_step(pool, (int)(until - fuzz_clock.now_ms)))
			break;
	}
}

static void share_add(unsigned options)
{
	struct srv_share *s = calloc(1, sizeof(*s));

	MUST(s);
	s->refs = 1;
	s->kind = SRV_SHARE_DISK;
	list_init(&s->link);
	snprintf(s->name, sizeof(s->name), "share");
	s->vfs = vfs_mem_open(&fuzz_clock.clock, STORE_BYTES);
	s->fsa = fsa_new(srv_oplock_hold);
	MUST(s->vfs && s->fsa);
	s->smb1 = s->ntlmv1 = s->guest = true;
	s->read_only = (options & FUZZ_READ_ONLY) != 0;
	s->short_names = (options & FUZZ_SHORT_NAMES) != 0;
	s->no_streams = (options & FUZZ_NO_STREAMS) != 0;
	s->access_based_enumeration = (options & FUZZ_HIDES) != 0;
	srv_share_add(&srv, s);
}

static void server_start(unsigned options)
{
	struct net_pool_config cfg = {.virtual_clock = &fuzz_clock};

	random_seed_for_tests(1);
	clock_virtual_init(&fuzz_clock);
	pool = net_pool_new(&cfg);
	MUST(pool && nt_ok(srv_init(&srv, &fuzz_clock.clock)));
	srv.pool = pool;
	srv.limits.workers_waiting = 0;
	srv.users = user_store_in_memory();
	MUST(srv.users && nt_ok(user_store_put(srv.users, &user)));
	srv.proto.min_dialect = SMB2_DIALECT_202;
	srv.proto.max_dialect = SMB2_DIALECT_311;
	srv.proto.signing_required = false;
	srv.proto.capabilities |= SMB2_GLOBAL_CAP_MULTI_CHANNEL;
	srv.guest = true;
	snprintf(srv.netbios_name, sizeof(srv.netbios_name), "FUZZ");
	share_add(options);
}

static void server_stop(void)
{
	srv_disconnect_all(&srv, false);
	run(END_MS);
	/* Whatever came, it leaves nothing behind. */
	MUST(srv.conn_count == 0 && srv.sessions.count == 0 && srv.stranger_count == 0);
	srv_durable_end_all(&srv);
	MUST(!srv_durable_any_disconnected(&srv));
	net_pool_free(pool);
	srv_destroy(&srv);
	user_store_close(srv.users);
	memset(&srv, 0, sizeof(srv));
}

static void on_frames(struct net_conn *n, void *user_data, struct net_frame *f, size_t count)
{
	struct fuzz_client *c = user_data;

	(void)n;
	for (size_t i = 0; i < count; i++) {
		fuzz_check(c, slice_of(f[i].data, f[i].len));
		c->answer_len = f[i].len < sizeof(c->answer) ? f[i].len : sizeof(c->answer);
		memcpy(c->answer, f[i].data, c->answer_len);
	}
}

static void on_closed(struct net_conn *n, void *user_data)
{
	struct fuzz_client *c = user_data;

	(void)n;
	c->closed = true;
}

static const struct net_conn_ops ops = {.frames = on_frames, .closed = on_closed};

static void client_start(struct fuzz_client *c, const uint8_t *preamble)
{
	struct net_conn *theirs;

	*c = (struct fuzz_client){.level = preamble[0] & LEVEL_MASK, .who = preamble[0] >> WHO_SHIFT & WHO_MASK, .options = preamble[1]};
	net_mem_pair(pool, NULL, &c->net, &theirs);
	MUST(c->net);
	if (preamble[0] & FUZZ_NBSS) {
		net_conn_make_nbss(c->net, false);
		net_conn_make_nbss(theirs, false);
	}
	srv_accept(&srv, theirs, true);
	net_conn_limit(c->net, 1 << 20);
	net_conn_start(c->net, &ops, c);
	fuzz_prelude(c);
}

static void client_stop(struct fuzz_client *c)
{
	if (!c->net)
		return;
	net_conn_close(c->net, false);
	run(END_MS);
	MUST(c->closed);
	net_conn_put(c->net);
	c->net = NULL;
}

void fuzz_send(struct fuzz_client *c, const uint8_t *frame, size_t len)
{
	struct net_seg seg = {.data = frame, .len = len, .pipe_fd = -1};

	c->answer_len = 0;
	if (c->closed || len == 0)
		return;
	net_send(c->net, &seg, 1);
	run(SOON_MS);
}

static void piece_run(struct slice piece)
{
	uint8_t frame[FUZZ_FRAME_BYTES];
	struct fuzz_client *c = &clients[(piece.data[0] & PIECE_OTHER) != 0];

	if (!c->net)
		c = &clients[0];
	if (piece.data[0] & PIECE_LATER)
		run(LATER_MS);
	fuzz_send(c, frame, fuzz_frame(c, piece, frame));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t at = PREAMBLE;

	if (size < PREAMBLE)
		return 0;
	server_start(data[1]);
	client_start(&clients[0], data);
	if (data[0] & FUZZ_BOTH)
		client_start(&clients[1], data);
	for (unsigned i = 0; i < PIECES_MAX && size - at > LENGTH; i++) {
		size_t n = load_le16(data + at);

		at += LENGTH;
		if (n > size - at)
			n = size - at;
		if (n > 0)
			piece_run(slice_of(data + at, n));
		at += n;
	}
	client_stop(&clients[0]);
	client_stop(&clients[1]);
	server_stop();
	return 0;
}

struct slice fuzz_random_bytes(struct wire *r, struct arena *a, size_t most)
{
	size_t n = (size_t)wire_random(r, most + 1);
	uint8_t *p = arena_alloc(a, n + 1);

	MUST(p);
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)wire_random(r, wire_random(r, 2) ? 256 : 3);
	return slice_of(p, n);
}
