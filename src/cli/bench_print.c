/* What `hythe bench` says: rates, latencies and what was done, as text or JSON. */
#include "cli/bench_cmd.h"

#include <inttypes.h>

static const char *signer_name(const struct hythe_session_info *s)
{
	switch (s->signer) {
	case HYTHE_SIGNER_AES_GMAC: return "AES-128-GMAC";
	case HYTHE_SIGNER_AES_CMAC: return "AES-128-CMAC";
	case HYTHE_SIGNER_HMAC_SHA256: return "HMAC-SHA256";
	default: return "MD5";
	}
}

static const char *cipher_name(enum hythe_cipher cipher)
{
	switch (cipher) {
	case HYTHE_CIPHER_AES128_CCM: return "AES-128-CCM";
	case HYTHE_CIPHER_AES128_GCM: return "AES-128-GCM";
	case HYTHE_CIPHER_AES256_CCM: return "AES-256-CCM";
	case HYTHE_CIPHER_AES256_GCM: return "AES-256-GCM";
	default: return "none";
	}
}

void bench_print_begin(const struct cli_url *u, const struct hythe_session_info *s, bool json)
{
	const char *protection = s->sealing ? "encrypted" : s->signing ? "signed" : "unprotected";
	const char *algorithm = s->sealing ? cipher_name(s->cipher) : s->signing ? signer_name(s) : "";
	if (json) {
		fputs("{\"server\":", stdout);
		cli_json_string(stdout, u->host);
		fputs(",\"share\":", stdout);
		cli_json_string(stdout, u->share);
		printf(",\"dialect\":\"%s\",\"protection\":\"%s\",\"algorithm\":\"%s\",\"results\":[", cli_dialect_name(s->dialect), protection,
			algorithm);
		return;
	}
	cli_put_name(stdout, u->host);
	putchar('/');
	cli_put_name(stdout, u->share);
	printf(": SMB %s, %s%s%s\n\n%-20s %18s %10s %10s %10s %10s\n", cli_dialect_name(s->dialect), protection, algorithm[0] ? " with " : "",
		algorithm, "", "rate", "p50", "p95", "p99", "max");
}

/* "12.3 ms" */
static void time_text(char out[32], uint64_t ns)
{
	double v = (double)ns;
	const char *unit = v < 1e6 ? "us" : v < 1e9 ? "ms" : "s";
	v /= v < 1e6 ? 1e3 : v < 1e9 ? 1e6 : 1e9;
	snprintf(out, 32, v < 10 ? "%.2f %s" : v < 100 ? "%.1f %s" : "%.0f %s", v, unit);
}

/* Thousands are set apart. */
static void rate_text(char out[48], double rate, const char *unit)
{
	char digits[32];
	size_t n = 0;
	if (rate < 100) {
		snprintf(out, 48, "%.3g %s", rate, unit);
		return;
	}
	int len = snprintf(digits, sizeof(digits), "%.0f", rate);
	for (int i = 0; i < len && n < 40; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			out[n++] = ',';
		out[n++] = digits[i];
	}
	snprintf(out + n, 48 - n, " %s", unit);
}

/* A sentence's worth of what the test does. */
static void did_text(char *out, size_t cap, const struct bench_kind *k, const struct bench_config *c)
{
	char block[32], size[32];
	cli_size_text(block, c->block_bytes);
	cli_size_text(size, c->file_bytes);
	if (strcmp(k->name, "read") == 0)
		snprintf(out, cap, "blocks of %s in order from a file of %s", block, size);
	else if (strcmp(k->name, "write") == 0)
		snprintf(out, cap, "blocks of %s in order into a file of %s", block, size);
	else if (strcmp(k->name, "random-read") == 0)
		snprintf(out, cap, "blocks of %s from anywhere in a file of %s", block, size);
	else if (strcmp(k->name, "random-write") == 0)
		snprintf(out, cap, "blocks of %s to anywhere in a file of %s", block, size);
	else if (strcmp(k->name, "open-query-close") == 0)
		snprintf(out, cap, "opens one of %d files, asks for its attributes and closes it, in one compound", BENCH_NAMES);
	else if (strcmp(k->name, "create-write-delete") == 0)
		snprintf(out, cap, "creates a file, writes 4 KiB and closes it in one compound, deletes it in the next");
	else if (strcmp(k->name, "list") == 0)
		snprintf(out, cap, "lists a directory of %d files; times are of the whole of it", BENCH_NAMES);
	else if (strcmp(k->name, "login") == 0)
		snprintf(out, cap, "connects, negotiates, logs on and off");
	else
		snprintf(out, cap, "asks whether the server answers");
}

static const struct {
	const char *name;
	double percent;
} shown[] = {{"p50", 50}, {"p95", 95}, {"p99", 99}, {"max", 100}};

void bench_print(const struct bench_plan *p, const struct bench_kind *k, const struct bench_config *c, const struct bench_result *r,
	bool json, bool first)
{
	bool bytes = strcmp(k->unit, "MB/s") == 0;
	double work = bytes ? (double)r->bytes / 1e6 : (double)r->ops, rate = r->seconds > 0 ? work / r->seconds : 0;
	char did[160], text[48];
	did_text(did, sizeof(did), k, c);
	if (json) {
		printf("%s\n{\"test\":\"%s\",\"rate\":%.3f,\"unit\":\"%s\",\"operations\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"seconds\":%.3f,"
		       "\"depth\":%u,\"connections\":%u,\"block_bytes\":%zu,\"file_bytes\":%" PRIu64 ",\"latency_us\":{",
			first ? "" : ",", k->name, rate, k->unit, r->ops, r->bytes, r->seconds, c->depth, p->connections,
			k->file ? c->block_bytes : 0, k->file ? c->file_bytes : 0);
		for (size_t i = 0; i < ARRAY_LEN(shown); i++)
			printf("%s\"%s\":%.1f", i ? "," : "", shown[i].name, (double)bench_hist_percentile(&r->latency, shown[i].percent) / 1e3);
		printf("},\"did\":\"%s\"}", did);
	} else {
		rate_text(text, rate, k->unit);
		printf("%-20s %18s", k->name, text);
		for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
			time_text(text, bench_hist_percentile(&r->latency, shown[i].percent));
			printf(" %10s", text);
		}
		printf("\n    %s; depth %u, %u connection%s, %.1f s\n", did, c->depth, p->connections, p->connections == 1 ? "" : "s", r->seconds);
	}
	fflush(stdout);
}

void bench_print_end(bool json)
{
	if (json)
		puts("\n]}");
}
