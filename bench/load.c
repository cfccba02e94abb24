/* The load generator's main program: reads the options, runs one test, prints a line of JSON with what it did, how long it took, the
 * latencies and the processor seconds that it used itself. Driven by bench.py. */
#include "load.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

void load_fail(const char *fmt, ...)
{
	va_list ap;

	fputs("load: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

void load_check(ntstatus status, const char *what)
{
	if (!nt_ok(status))
		load_fail("%s: %s (%s)", what, hythe_client_error(NULL), hythe_status_name(status));
}

static bool protects(struct hythe_connect_options *o, const char *protect)
{
	if (strcmp(protect, "plain") == 0)
		o->signing_optional = true;
	else if (strcmp(protect, "sealed") == 0 || strcmp(protect, "sealed-ccm") == 0)
		o->encryption = HYTHE_ENCRYPTION_REQUIRED;
	else if (strcmp(protect, "signed") != 0 && strcmp(protect, "signed-cmac") != 0)
		return false;
	o->min_dialect = o->max_dialect = HYTHE_DIALECT_311;
	o->cipher = strcmp(protect, "sealed-ccm") == 0 ? HYTHE_CIPHER_AES128_CCM : HYTHE_CIPHER_AES128_GCM;
	o->signer = strcmp(protect, "signed-cmac") == 0 ? HYTHE_SIGNER_AES_CMAC : HYTHE_SIGNER_AES_GMAC;
	return true;
}

/* Both servers are measured with the same algorithms, or not at all. */
static void check_agreed(const struct hythe_connect_options *o, const struct hythe_session_info *info)
{
	bool sealed = o->encryption == HYTHE_ENCRYPTION_REQUIRED, plain = o->signing_optional;

	if (info->guest || info->anonymous)
		load_fail("the server made %s a guest", o->user);
	if (info->dialect != HYTHE_DIALECT_311 || info->sealing != sealed || (!sealed && info->signing == plain))
		load_fail("dialect %04x, signing %d, sealing %d is not what was asked for", info->dialect, info->signing, info->sealing);
	if ((sealed && info->cipher != o->cipher) || (!sealed && !plain && info->signer != o->signer))
		load_fail("cipher %d, signer %d were agreed on", (int)info->cipher, (int)info->signer);
}

/* The last one counts. */
static const char *option(int argc, char **argv, const char *name, const char *otherwise)
{
	const char *value = otherwise;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], name) == 0)
			value = argv[i + 1];
	}
	return value;
}

static unsigned long number(int argc, char **argv, const char *name, const char *otherwise)
{
	return strtoul(option(argc, argv, name, otherwise), NULL, 10);
}

static void print_result(const char *test, const struct bench_result *r)
{
	static const double percents[] = {50, 95, 99, 100};
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	printf("{\"test\": \"%s\", \"ops\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"seconds\": %.6f, \"first_s\": %.6f, \"last_s\": %.6f, "
	       "\"latency_us\": [",
		test, r->ops, r->bytes, r->seconds, r->first_s, r->last_s);
	for (size_t i = 0; i < ARRAY_LEN(percents); i++)
		printf("%s%.1f", i ? ", " : "", (double)bench_hist_percentile(&r->latency, percents[i]) / 1e3);
	printf("], \"server_cpu\": %.6f, \"cpu\": %.3f}\n", r->server_cpu, (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
		(double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
}

/* A connection is a few descriptors. */
static void raise_descriptors(void)
{
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv)
{
	static struct bench_result r;
	struct hythe_connect_options connect;
	struct bench_config c = {
		.test = option(argc, argv, "--test", ""),
		.host = option(argc, argv, "--host", "127.0.0.1"),
		.share = option(argc, argv, "--share", "bench"),
		.connect = &connect,
		.file = option(argc, argv, "--file", ""),
		.dir = option(argc, argv, "--dir", ""),
		.port = (uint16_t)number(argc, argv, "--port", "445"),
		.seconds = strtod(option(argc, argv, "--seconds", "1"), NULL),
		.depth = (unsigned)number(argc, argv, "--depth", "1"),
		.connections = (unsigned)number(argc, argv, "--connections", "1"),
		.block_bytes = number(argc, argv, "--block", "1048576"),
		.file_bytes = number(argc, argv, "--file-mib", "64") << 20,
		.names = (unsigned)number(argc, argv, "--names", "1000"),
		.limit = number(argc, argv, "--limit", "0"),
	};

	if (argc % 2 == 0)
		load_fail("every option has a value");
	if (c.depth < 1 || c.depth > BENCH_DEPTH_MAX || c.connections < 1 || c.connections > BENCH_CONNECTIONS_MAX || c.block_bytes < 1 ||
		c.block_bytes > BENCH_BLOCK_MAX || c.file_bytes < c.block_bytes)
		load_fail("--depth, --connections, --block or --file-mib is out of bounds");
	hythe_connect_options_init(&connect);
	connect.user = option(argc, argv, "--user", "");
	connect.password = getenv("HYTHE_PASSWORD");
	if (!protects(&connect, option(argc, argv, "--protect", "plain")))
		load_fail("--protect is plain, signed, signed-cmac, sealed or sealed-ccm");
	raise_descriptors();
	if (!load_limit(&c, &r) && !load_bare(&c, &r)) {
		if (!load_hold(&c, (unsigned)number(argc, argv, "--count", "1"), &r) && !bench_run(&c, &r))
			load_fail("%s: %s", c.test, r.why);
		check_agreed(&connect, &r.agreed);
	}
	print_result(c.test, &r);
	return 0;
}
