/* The load generator's main program: reads the options, runs one test, prints {"test":..., "ops":..., "bytes":..., "seconds":...,
 * "cpu":...} with the processor seconds that it used itself. Driven by bench.py. */
#include "load.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

double load_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

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

struct hythe_session *load_login(struct hythe_client *client, const struct load_config *cfg)
{
	struct hythe_connect_options o;
	struct hythe_session_info info;
	struct hythe_session *s;
	bool sealed = strcmp(cfg->protect, "sealed") == 0, plain = strcmp(cfg->protect, "plain") == 0;

	hythe_connect_options_init(&o);
	o.user = cfg->user;
	o.password = cfg->password;
	o.min_dialect = o.max_dialect = HYTHE_DIALECT_311;
	o.cipher = HYTHE_CIPHER_AES128_GCM;
	o.signer = HYTHE_SIGNER_AES_GMAC;
	o.signing_optional = plain;
	o.encryption = sealed ? HYTHE_ENCRYPTION_REQUIRED : HYTHE_ENCRYPTION_OFF;
	load_check(hythe_connect(client, cfg->host, cfg->port, &o, &s), "connect");
	/* Both servers are measured with the same algorithms, or not at all. */
	hythe_session_info(s, &info);
	if (info.guest || info.anonymous)
		load_fail("the server made %s a guest", cfg->user);
	if (info.dialect != HYTHE_DIALECT_311 || info.sealing != sealed || (!sealed && info.signing == plain))
		load_fail("dialect %04x, signing %d, sealing %d is not what was asked for (%s)", info.dialect, info.signing,
			info.sealing, cfg->protect);
	if ((sealed && info.cipher != HYTHE_CIPHER_AES128_GCM) ||
		(!sealed && !plain && info.signer != HYTHE_SIGNER_AES_GMAC))
		load_fail("cipher %d, signer %d were agreed on", (int)info.cipher, (int)info.signer);
	return s;
}

static const char *option(int argc, char **argv, const char *name, const char *otherwise)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], name) == 0)
			return argv[i + 1];
	}
	return otherwise;
}

static unsigned long number(int argc, char **argv, const char *name, const char *otherwise)
{
	return strtoul(option(argc, argv, name, otherwise), NULL, 10);
}

int main(int argc, char **argv)
{
	struct load_config cfg = {
		.test = option(argc, argv, "--test", ""),
		.host = option(argc, argv, "--host", "127.0.0.1"),
		.share = option(argc, argv, "--share", "bench"),
		.user = option(argc, argv, "--user", ""),
		.password = getenv("HYTHE_PASSWORD"),
		.protect = option(argc, argv, "--protect", "plain"),
		.file = option(argc, argv, "--file", ""),
		.dir = option(argc, argv, "--dir", ""),
		.port = (uint16_t)number(argc, argv, "--port", "445"),
		.seconds = strtod(option(argc, argv, "--seconds", "1"), NULL),
		.depth = (unsigned)number(argc, argv, "--depth", "1"),
		.file_bytes = number(argc, argv, "--file-mib", "64") << 20,
		.count = (unsigned)number(argc, argv, "--count", "1"),
	};
	struct load_result r = {0};
	struct rusage u;

	if (argc % 2 == 0)
		load_fail("every option has a value");
	if (!load_limit(&cfg, &r))
		load_remote(&cfg, &r);
	getrusage(RUSAGE_SELF, &u);
	printf("{\"test\": \"%s\", \"ops\": %llu, \"bytes\": %llu, \"seconds\": %.6f, \"cpu\": %.3f}\n", cfg.test,
		(unsigned long long)r.ops, (unsigned long long)r.bytes, r.seconds,
		(double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
	return 0;
}
