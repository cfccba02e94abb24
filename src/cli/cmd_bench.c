/* `hythe bench`: how fast is a server? Runs the tests of bench_tests.c one after the other in a directory of its own. */
#include "cli/bench_cmd.h"
#include "cli/trace_out.h"

#include <math.h>
#include <stdlib.h>

const struct bench_kind bench_kinds[BENCH_KINDS] = {
	{"read", "read", "MB/s", 8, true, false},
	{"write", "write", "MB/s", 8, true, false},
	{"random-read", "random", "ops/s", 32, true, false},
	{"random-write", "random", "ops/s", 32, true, false},
	{"open-query-close", "metadata", "ops/s", 16, false, true},
	{"create-write-delete", "metadata", "ops/s", 16, false, false},
	{"list", "listing", "entries/s", 1, false, true},
	{"login", "logins", "ops/s", 1, false, false},
	{"echo", "echo", "ops/s", 32, false, false},
};

static const struct cli_option options[] = {
	{"test", "LIST", "which, by comma: read, write, random, metadata, listing, logins, echo, or a single name of what is printed (default: all)"},
	{"depth", "N", "requests under way on each connection (default: 8 to 32 as printed; listing and logins have 1)"},
	{"block-size", "SIZE", "of one read or write, up to 8M (default 1M; random ones have 4K)"},
	{"connections", "N", "side by side, each with a login of its own (default 1)"},
	{"duration", "SECONDS", "of each test (default 5)"},
	{"size", "SIZE", "of the file that is read and written (default 256M)"},
	{NULL, NULL, NULL},
};
static const struct cli_spec spec = {
	.name = "bench", .synopsis = "[OPTION]... URL", .text = "Measures how fast a server is. Works in a new directory below the one that URL "
	"names, and deletes it again.\nSIZE is a number of bytes, or has K, M or G behind it.", .options = options, .least = 1, .most = 1,
	.client = true};

/* 0: no such size. */
static uint64_t size_of(const char *text)
{
	char *end;
	unsigned long long v = strtoull(text, &end, 10);
	unsigned shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
	if (*text < '0' || *text > '9' || (*end && (shift == 0 || end[1])) || v > UINT64_MAX >> 1 >> shift)
		return 0;
	return (uint64_t)v << shift;
}

/* 0: not a number from 1 to most. */
static unsigned number_of(const char *text, unsigned most)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == 0 && v <= most ? (unsigned)v : 0;
}

static bool choose(struct bench_plan *p, const char *name, size_t len)
{
	bool found = false;
	for (size_t i = 0; i < BENCH_KINDS; i++) {
		const struct bench_kind *k = &bench_kinds[i];
		if ((strlen(k->name) == len && memcmp(k->name, name, len) == 0) ||
			(strlen(k->group) == len && memcmp(k->group, name, len) == 0))
			found = p->chosen[i] = true;
	}
	return found;
}

static bool choose_all(struct bench_plan *p, const char *list)
{
	for (const char *at = list;; at++) {
		size_t len = strcspn(at, ",");
		if (!choose(p, at, len))
			return false;
		at += len;
		if (*at == 0)
			return true;
	}
}

enum { DURATION_MAX_S = 86400, SIZE_MAX_BITS = 44, MEMORY_MAX_BITS = 32 };

/* What is under way at a time has memory of its own. */
static bool fits_memory(const struct bench_plan *p)
{
	for (size_t i = 0; i < BENCH_KINDS; i++) {
		const struct bench_kind *k = &bench_kinds[i];
		bool blocks = k->file && strcmp(k->group, "random") != 0;
		uint64_t under_way = (uint64_t)p->connections * (p->depth ? p->depth : k->depth);
		if (p->chosen[i] && under_way * (blocks ? p->block_bytes : BENCH_SMALL) >> MEMORY_MAX_BITS)
			return false;
	}
	return true;
}

const char *bench_plan_read(struct bench_plan *p, const struct cli_args *a)
{
	const char *list = cli_option_value(a, "test"), *depth = cli_option_value(a, "depth"), *block = cli_option_value(a, "block-size");
	const char *connections = cli_option_value(a, "connections"), *size = cli_option_value(a, "size");
	const char *duration = cli_option_value(a, "duration");
	char *end = NULL;
	*p = (struct bench_plan){.connections = 1, .block_bytes = 1 << 20, .file_bytes = 256 << 20, .seconds = 5};
	if (!choose_all(p, list ? list : "read,write,random,metadata,listing,logins,echo"))
		return "--test takes read, write, random, metadata, listing, logins and echo, by comma";
	if (depth && !(p->depth = number_of(depth, BENCH_DEPTH_MAX)))
		return "--depth is a number from 1 to 1024";
	if (connections && !(p->connections = number_of(connections, BENCH_CONNECTIONS_MAX)))
		return "--connections is a number from 1 to 256";
	if (block && (size_of(block) == 0 || size_of(block) > BENCH_BLOCK_MAX))
		return "--block-size is a number of bytes up to 8M, such as 64K";
	if (block)
		p->block_bytes = (size_t)size_of(block);
	if (size)
		p->file_bytes = size_of(size);
	if (p->file_bytes < BENCH_SMALL || p->file_bytes >> SIZE_MAX_BITS)
		return "--size is a number of bytes from 4K to 16384G, such as 256M";
	if (p->file_bytes < p->block_bytes)
		return "--size is less than --block-size";
	if (!fits_memory(p))
		return "--connections, --depth and --block-size multiplied are to be less than 4G, for the memory that it takes";
	if (duration)
		p->seconds = strtod(duration, &end);
	if (duration && (end == duration || *end || !isfinite(p->seconds) || p->seconds < 0.01 || p->seconds > DURATION_MAX_S))
		return "--duration is a number of seconds, 0.01 to 86400";
	return NULL;
}

static void set_up(struct bench_config *c, const struct bench_plan *p, const struct bench_kind *k, const struct bench_place *place)
{
	*c = place->base;
	c->test = k->name;
	c->file = place->file;
	c->file_bytes = p->file_bytes;
	c->block_bytes = strcmp(k->group, "random") == 0 ? BENCH_SMALL : k->file ? p->block_bytes : 0;
	c->dir = k->names ? place->names : place->fresh;
	c->names = BENCH_NAMES;
	c->depth = k->depth == 1 || p->depth == 0 ? k->depth : p->depth;
	c->connections = p->connections;
	c->seconds = p->seconds;
}

static bool run_all(const struct bench_plan *p, const struct bench_place *place, struct bench_result *r)
{
	bool json = place->args->json, first = true, ok = true;
	struct hythe_session_info info;
	hythe_session_info(place->link->session, &info);
	bench_print_begin(place->url, &info, json);
	for (size_t i = 0; ok && i < BENCH_KINDS && !cli_interrupted(); i++) {
		struct bench_config c;
		if (!p->chosen[i])
			continue;
		set_up(&c, p, &bench_kinds[i], place);
		ok = bench_run(&c, r);
		if (!ok) {
			fprintf(stderr, "hythe: the test \"%s\" failed: %s\n", bench_kinds[i].name, r->why);
		} else if (!cli_interrupted()) {
			bench_print(p, &bench_kinds[i], &c, r, json, first);
			first = false;
		}
	}
	bench_print_end(json);
	return ok;
}

static bool bench(const struct bench_plan *p, struct bench_place *place)
{
	bool file = false, names = false, any = false;
	for (size_t i = 0; i < BENCH_KINDS; i++) {
		bool works_there = strcmp(bench_kinds[i].group, "logins") != 0 && strcmp(bench_kinds[i].group, "echo") != 0;
		any |= p->chosen[i] && works_there;
		file |= p->chosen[i] && bench_kinds[i].file;
		names |= p->chosen[i] && bench_kinds[i].names;
	}
	struct bench_result *r = calloc(1, sizeof(*r));
	if (!r) {
		fputs("hythe: out of memory\n", stderr);
		return false;
	}
	cli_interrupt_catch();
	bool ok = !any || bench_place_make(place, file ? p->file_bytes : 0, names);
	ok = ok && !cli_interrupted() && run_all(p, place, r);
	free(r);
	return bench_place_remove(place) && ok;
}

/* Options and URL are right. */
static int connect_and_bench(const struct cli_args *a, const struct bench_plan *p, const struct cli_url *u)
{
	char password[CLI_PASSWORD_BYTES] = "";
	struct hythe_connect_options o;
	struct hythe_client_options client = {0};
	struct cli_link link = {.options = &o};
	bool ok = false;
	struct bench_place *place = calloc(1, sizeof(*place));
	if (a->trace)
		link.trace = cli_trace_new(&(struct cli_trace_options){.out = stderr});
	if (!place || (a->trace && !link.trace)) {
		fputs("hythe: out of memory\n", stderr);
	} else if (cli_link_options(&o, a, u, password, sizeof(password)) && cli_link_open(&link, a, u)) {
		if (link.trace)
			client = (struct hythe_client_options){.tap = cli_trace_tap, .tap_arg = link.trace};
		*place = (struct bench_place){.link = &link, .args = a, .url = u, .base = {.host = u->host, .port = u->port, .share = u->share,
			.connect = &o, .client = &client, .connections = 1, .depth = 1, .stop = cli_interrupted}};
		ok = bench(p, place);
	}
	cli_link_close(&link);
	cli_trace_free(link.trace);
	bytes_wipe(password, sizeof(password));
	free(place);
	return ok ? CLI_OK : CLI_FAILED;
}

int cmd_bench(int argc, char **argv)
{
	struct cli_args a;
	struct bench_plan p;
	struct cli_url u;
	int status = cli_args_parse(&a, &spec, argc, argv);
	if (status >= 0)
		return status;
	const char *wrong = bench_plan_read(&p, &a);
	if (wrong) {
		fprintf(stderr, "hythe bench: %s\nTry 'hythe help bench'.\n", wrong);
		return CLI_USAGE;
	}
	if (!cli_link_url(&u, a.operands[0], true))
		return CLI_USAGE;
	status = connect_and_bench(&a, &p, &u);
	cli_url_free(&u);
	cli_interrupt_end();
	return status;
}
