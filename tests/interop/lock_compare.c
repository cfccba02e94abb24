/* Random locks, unlocks, reads and writes, the same on two servers, whose every answer must be the same: what Samba's locktest does, which
 * speaks SMB1 only.
 *   lock_compare USER SHARE PORT PORT OPERATIONS SEED...     (HYTHE_PASSWORD; both on 127.0.0.1)
 * Three differences are known, see docs/differences.md, and left out: which status an unlock beyond the last offset gets, which of
 * several locks of no bytes at one place goes first, and what a request of several locks takes back of what was locked before. */
#include <hythe/client.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SERVERS = 2, SESSIONS = 2, HANDLES = 4, REMEMBERED = 256, MOST_RANGES = 3, FILE_BYTES = 64 };

struct server {
	struct hythe_client *client[SESSIONS];
	struct hythe_session *session[SESSIONS];
	struct hythe_tree *tree[SESSIONS];
	struct hythe_file *file[HANDLES];
};

enum kind { LOCK, UNLOCK, READ, WRITE, REOPEN };

struct operation {
	enum kind kind;
	unsigned handle;
	struct hythe_range ranges[MOST_RANGES];
	size_t count;
};

static struct server servers[SERVERS];
static const char *share;
static uint64_t seed;
/* Locks that were had, and may be had still. */
static struct {
	unsigned handle;
	struct hythe_range range;
} remembered[REMEMBERED];
static size_t remembered_count;

static uint64_t rnd(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return seed >> 33;
}

static ntstatus open_handle(struct server *s, unsigned handle)
{
	static const uint32_t access[HANDLES] = {0x1F01FF, 0x120089, 0x120116, 0x1F01FF};
	struct hythe_open_params p;

	hythe_open_params_init(&p, "compared", access[handle]);
	p.disposition = HYTHE_OPEN_IF;
	return hythe_open(s->tree[handle % SESSIONS], &p, &s->file[handle], NULL);
}

static bool join_in(struct server *s, const char *user, const char *port)
{
	const uint8_t zeros[FILE_BYTES] = {0};
	struct hythe_connect_options o;
	size_t done;

	hythe_connect_options_init(&o);
	o.user = user;
	o.password = getenv("HYTHE_PASSWORD");
	for (unsigned i = 0; i < SESSIONS; i++) {
		s->client[i] = hythe_client_new(NULL);
		if (!s->client[i] ||
			!nt_ok(hythe_connect(s->client[i], "127.0.0.1", (uint16_t)strtoul(port, NULL, 10), &o, &s->session[i])) ||
			!nt_ok(hythe_tree_connect(s->session[i], share, &s->tree[i])))
			return false;
	}
	for (unsigned i = 0; i < HANDLES; i++) {
		if (!nt_ok(open_handle(s, i)))
			return false;
	}
	return nt_ok(hythe_write(s->file[0], 0, zeros, sizeof(zeros), &done));
}

static uint64_t some_offset(void)
{
	switch (rnd() % 10) {
	case 0:
		return 0;
	case 1:
		return INT64_MAX - 8 + rnd() % 16;
	case 2:
		return UINT64_MAX - rnd() % 16;
	default:
		return rnd() % 24;
	}
}

static struct hythe_range some_range(void)
{
	struct hythe_range r = {.offset = some_offset(), .length = rnd() % 6 ? rnd() % 10 : 0};

	r.exclusive = rnd() % 2 || r.length == 0;
	return r;
}

static bool is_remembered(unsigned handle, const struct hythe_range *r)
{
	for (size_t i = 0; i < remembered_count && i < REMEMBERED; i++) {
		if (remembered[i].handle == handle && remembered[i].range.offset == r->offset && remembered[i].range.length == r->length)
			return true;
	}
	return false;
}

static struct operation some_operation(void)
{
	static const enum kind kinds[] = {LOCK, LOCK, LOCK, LOCK, LOCK, UNLOCK, UNLOCK, UNLOCK, UNLOCK, UNLOCK, READ, READ, WRITE, WRITE};
	struct operation op = {.kind = kinds[rnd() % (sizeof(kinds) / sizeof(kinds[0]))], .handle = (unsigned)(rnd() % HANDLES), .count = 1};
	size_t known = remembered_count < REMEMBERED ? remembered_count : REMEMBERED;

	for (size_t i = 0; i < MOST_RANGES; i++)
		op.ranges[i] = some_range();
	if (op.kind == LOCK && rnd() % 8 == 0)
		op.count = 2 + rnd() % (MOST_RANGES - 1);
	for (size_t i = 0; i < op.count && op.count > 1; i++) {
		if (is_remembered(op.handle, &op.ranges[i]))
			op.count = 1;
	}
	if (op.kind == UNLOCK && known > 0 && rnd() % 3) {
		size_t i = rnd() % known;

		op.handle = remembered[i].handle;
		op.ranges[0] = remembered[i].range;
	}
	if (op.kind == READ || op.kind == WRITE)
		op.ranges[0].offset %= FILE_BYTES;
	if (rnd() % 100 == 0)
		op.kind = REOPEN;
	return op;
}

static ntstatus carry_out(struct server *s, const struct operation *op)
{
	uint8_t bytes[16] = {0};
	size_t done;
	ntstatus status;

	switch (op->kind) {
	case LOCK:
		return hythe_lock(s->file[op->handle], op->ranges, op->count, false);
	case UNLOCK:
		return hythe_unlock(s->file[op->handle], op->ranges, 1);
	case READ:
		return hythe_read(s->file[op->handle], op->ranges[0].offset, bytes, op->ranges[0].length, &done);
	case WRITE:
		return hythe_write(s->file[op->handle], op->ranges[0].offset, bytes, op->ranges[0].length, &done);
	default:
		status = hythe_close(s->file[op->handle], NULL);
		return nt_ok(status) ? open_handle(s, op->handle) : status;
	}
}

static void remember(const struct operation *op)
{
	for (size_t i = 0; i < op->count; i++, remembered_count++) {
		remembered[remembered_count % REMEMBERED].handle = op->handle;
		remembered[remembered_count % REMEMBERED].range = op->ranges[i];
	}
}

static bool known_difference(const struct operation *op, ntstatus a, ntstatus b)
{
	if (op->kind != UNLOCK)
		return false;
	return (nt_is(a, STATUS_INVALID_LOCK_RANGE) && nt_is(b, STATUS_RANGE_NOT_LOCKED)) ||
		(nt_is(b, STATUS_INVALID_LOCK_RANGE) && nt_is(a, STATUS_RANGE_NOT_LOCKED));
}

static bool step(unsigned long number, unsigned long *had)
{
	static const char *const names[] = {"lock", "unlock", "read", "write", "reopen"};
	struct operation op = some_operation();
	ntstatus a = carry_out(&servers[0], &op), b = carry_out(&servers[1], &op);

	if (nt_ok(a) && nt_ok(b)) {
		(*had)++;
		if (op.kind == LOCK)
			remember(&op);
	}
	if (a.code == b.code || known_difference(&op, a, b))
		return true;
	printf("operation %lu, %s through handle %u: %s here, %s there\n", number, names[op.kind], op.handle, hythe_status_name(a),
		hythe_status_name(b));
	for (size_t i = 0; i < op.count; i++)
		printf("  offset %llu, length %llu%s\n", (unsigned long long)op.ranges[i].offset, (unsigned long long)op.ranges[i].length,
			op.ranges[i].exclusive ? ", exclusive" : "");
	return false;
}

int main(int argc, char **argv)
{
	unsigned long operations, had = 0;

	if (argc < 7) {
		printf("usage: lock_compare USER SHARE PORT PORT OPERATIONS SEED...\n");
		return 2;
	}
	share = argv[2];
	operations = strtoul(argv[5], NULL, 10);
	for (int i = 0; i < SERVERS; i++) {
		if (!join_in(&servers[i], argv[1], argv[3 + i])) {
			printf("server %d: %s\n", i, hythe_client_error(servers[i].client[0]));
			return 2;
		}
	}
	for (int i = 6; i < argc; i++) {
		seed = strtoull(argv[i], NULL, 10);
		for (unsigned long n = 0; n < operations; n++) {
			if (!step(n, &had)) {
				printf("seed %s\n", argv[i]);
				return 1;
			}
		}
	}
	printf("%lu operations of each seed, no difference; %lu in all succeeded\n", operations, had);
	return 0;
}
