/* Two clients of ours that cache, against somebody else's server: what one keeps back is written before the other reads it.
 *   cache_peer USER SHARE PORT DIALECT [encrypt]     (HYTHE_PASSWORD; on 127.0.0.1; DIALECT in hexadecimal, as 0311)
 * Leases, and oplocks in their place for 2.0.2. Says what it met and exits with 1 when something is not as it should be. */
#include <hythe/client.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { R = HYTHE_CACHE_READ, RH = R | HYTHE_CACHE_HANDLE, RWH = RH | HYTHE_CACHE_WRITE, PATIENCE_S = 10 };

struct app {
	struct hythe_client *client;
	struct hythe_session *session;
	struct hythe_tree *tree;
	struct hythe_file *file;
	_Atomic unsigned breaks;
};

static struct app one, two;
static const char kept[] = "written when it was time to";
static uint16_t dialect;

static void must(ntstatus status, const char *what)
{
	if (nt_ok(status))
		return;
	printf("%s: %s (%s)\n", what, hythe_status_name(status), hythe_client_error(one.client));
	exit(1);
}

static void must_be(uint32_t got, uint32_t wanted, const char *what)
{
	if (got == wanted)
		return;
	printf("%s: may be cached %u, not %u\n", what, got, wanted);
	exit(1);
}

/* Writes what was kept back. */
static void changed(void *arg, struct hythe_file *file, const struct hythe_cache_change *change)
{
	struct app *a = arg;
	size_t n;
	if (change->from & ~change->to & HYTHE_CACHE_WRITE)
		must(hythe_write(file, 0, kept, sizeof(kept), &n), "write back");
	a->breaks++;
}

static void join_in(struct app *a, char **argv, bool encrypt)
{
	struct hythe_client_options threads = {.threads = 2};
	struct hythe_connect_options o;
	hythe_connect_options_init(&o);
	o.user = argv[1];
	o.password = getenv("HYTHE_PASSWORD");
	o.min_dialect = o.max_dialect = dialect;
	o.encryption = encrypt ? HYTHE_ENCRYPTION_REQUIRED : HYTHE_ENCRYPTION_OFF;
	a->client = hythe_client_new(&threads);
	if (!a->client)
		exit(2);
	must(hythe_connect(a->client, "127.0.0.1", (uint16_t)strtoul(argv[3], NULL, 10), &o, &a->session), "connect");
	must(hythe_tree_connect(a->session, argv[2], &a->tree), "tree connect");
}

static struct hythe_file *open_caching(struct app *a, const char *name, enum hythe_disposition disposition)
{
	struct hythe_open_params p;
	struct hythe_file *file = NULL;
	hythe_open_params_init(&p, name, HYTHE_READ_DATA | HYTHE_WRITE_DATA | HYTHE_DELETE);
	p.disposition = disposition;
	p.lease = RWH;
	p.oplock_level = HYTHE_OPLOCK_BATCH;
	p.on_cache_change = changed;
	p.cache_arg = a;
	must(hythe_open(a->tree, &p, &file, NULL), "open");
	return file;
}

/* Breaks that nobody waits for come when they come; the state falls first, then the callback runs. */
static void comes_to(struct hythe_file *file, uint32_t wanted, const char *what)
{
	for (int i = 0; i < 100 * PATIENCE_S && (hythe_file_cache_state(file) != wanted || two.breaks == 0); i++)
		usleep(10000);
	must_be(hythe_file_cache_state(file), wanted, what);
}

static void share(uint32_t shared)
{
	char buffer[sizeof(kept)];
	size_t n;
	time_t before = time(NULL);
	one.file = open_caching(&one, "kept", HYTHE_OVERWRITE_IF);
	must_be(hythe_file_cache_state(one.file), RWH, "alone");
	two.file = open_caching(&two, "kept", HYTHE_OPEN);
	must(hythe_read(two.file, 0, buffer, sizeof(buffer), &n), "read");
	if (n != sizeof(kept) || memcmp(buffer, kept, n) != 0) {
		printf("what was kept back was not written\n");
		exit(1);
	}
	must_be(hythe_file_cache_state(one.file), shared, "after the other's open");
	must_be(hythe_file_cache_state(two.file), shared, "the other");
	must(hythe_write(one.file, 0, "other", 5, &n), "write");
	comes_to(two.file, 0, "the other, after a write");
	if (one.breaks == 0 || two.breaks == 0 || time(NULL) - before > PATIENCE_S) {
		printf("%u and %u breaks in %ld s\n", one.breaks, two.breaks, (long)(time(NULL) - before));
		exit(1);
	}
	must(hythe_close(two.file, NULL), "close");
	must(hythe_close(one.file, NULL), "close");
}

/* Two handles, one lease; alone again it is given in full. */
static void share_with_oneself(void)
{
	struct hythe_file *first = open_caching(&one, "kept", HYTHE_OPEN), *second = open_caching(&one, "KEPT", HYTHE_OPEN);
	unsigned breaks = one.breaks;
	must_be(hythe_file_cache_state(first), RWH, "the first handle");
	must_be(hythe_file_cache_state(second), RWH, "the second handle");
	must(hythe_file_rename(second, "renamed", true), "rename");
	must(hythe_close(second, NULL), "close");
	must_be(hythe_file_cache_state(first), RWH, "the handle that is left");
	if (one.breaks != breaks) {
		printf("the second handle broke the lease of the first\n");
		exit(1);
	}
	must(hythe_close(first, NULL), "close");
}

int main(int argc, char **argv)
{
	if (argc < 5) {
		printf("usage: cache_peer USER SHARE PORT DIALECT [encrypt]\n");
		return 2;
	}
	dialect = (uint16_t)strtoul(argv[4], NULL, 16);
	join_in(&one, argv, argc > 5);
	join_in(&two, argv, argc > 5);
	share(dialect == HYTHE_DIALECT_202 ? R : RH);
	if (dialect != HYTHE_DIALECT_202)
		share_with_oneself();
	struct app *const apps[] = {&one, &two};
	for (int i = 0; i < 2; i++) {
		hythe_tree_free(apps[i]->tree);
		hythe_session_free(apps[i]->session);
		hythe_client_free(apps[i]->client);
	}
	return 0;
}
