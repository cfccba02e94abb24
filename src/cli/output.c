/* What the commands print: names that may be hostile, times, sizes, JSON (RFC 8259). */
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>
#include <unistd.h>

void cli_put_name(FILE *out, const char *name)
{
	bool terminal = isatty(fileno(out));
	for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
		/* C0, DEL, and C1 in its UTF-8 form */
		bool steers = *p < 0x20 || *p == 0x7F || (*p == 0xC2 && p[1] >= 0x80 && p[1] < 0xA0);
		if (!terminal || !steers) {
			putc(*p, out);
			continue;
		}
		putc('?', out);
		if (*p == 0xC2)
			p++;
	}
}

bool cli_failed_errno(const char *verb, const char *path)
{
	int error = errno; /* before anything below changes it */
	fprintf(stderr, "hythe: cannot %s \"", verb);
	cli_put_name(stderr, path);
	fprintf(stderr, "\": %s\n", strerror(error));
	return false;
}

/* A lone surrogate has no UTF-8 (names of Windows may hold one): JSON can say it all the same. */
static bool is_surrogate(const unsigned char *p)
{
	return p[0] == 0xED && p[1] >= 0xA0 && p[1] <= 0xBF && p[2] >= 0x80 && p[2] <= 0xBF;
}

void cli_json_string(FILE *out, const char *text)
{
	putc('"', out);
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (is_surrogate(p)) {
			fprintf(out, "\\u%04x", 0xD000u | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu));
			p += 2;
		} else if (*p == '"' || *p == '\\') {
			fprintf(out, "\\%c", *p);
		} else if (*p < 0x20 || *p == 0x7F) {
			fprintf(out, "\\u%04x", *p);
		} else {
			putc(*p, out);
		}
	}
	putc('"', out);
}

static void json_time(FILE *out, const char *key, uint64_t filetime)
{
	int64_t seconds;
	uint32_t ns;
	struct tm tm;
	char text[32];
	if (filetime == 0)
		return;
	hythe_time_to_unix(filetime, &seconds, &ns);
	time_t t = (time_t)seconds;
	if (!gmtime_r(&t, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm))
		return;
	fprintf(out, ",\"%s\":\"%s.%07uZ\"", key, text, ns / 100);
}

static const struct {
	uint32_t bit;
	char letter;
	const char *name;
} attributes[] = {
	{HYTHE_ATTRIBUTE_DIRECTORY, 'd', "directory"},
	{HYTHE_ATTRIBUTE_HIDDEN, 'h', "hidden"},
	{HYTHE_ATTRIBUTE_SYSTEM, 's', "system"},
	{HYTHE_ATTRIBUTE_READONLY, 'r', "read-only"},
	{HYTHE_ATTRIBUTE_ARCHIVE, 'a', "archive"},
	{HYTHE_ATTRIBUTE_REPARSE_POINT, 'l', "reparse-point"},
	{HYTHE_ATTRIBUTE_COMPRESSED, 'c', "compressed"},
	{HYTHE_ATTRIBUTE_ENCRYPTED, 'e', "encrypted"},
	{HYTHE_ATTRIBUTE_OFFLINE, 'o', "offline"},
};

void cli_json_entry(FILE *out, const char *key, const char *name, const struct hythe_stat *s)
{
	bool first = true;
	fprintf(out, "{\"%s\":", key);
	cli_json_string(out, name);
	fprintf(out, ",\"type\":\"%s\",\"size\":%" PRIu64 ",\"allocated\":%" PRIu64, s->directory ? "directory" : "file",
		s->size_bytes, s->allocated_bytes);
	json_time(out, "created", s->creation_time);
	json_time(out, "accessed", s->last_access_time);
	json_time(out, "written", s->last_write_time);
	json_time(out, "changed", s->change_time);
	if (s->file_id)
		fprintf(out, ",\"id\":\"%" PRIx64 "\"", s->file_id);
	if (s->links)
		fprintf(out, ",\"links\":%u", s->links);
	fputs(",\"attributes\":[", out);
	for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
		if (!(s->attributes & attributes[i].bit))
			continue;
		fprintf(out, "%s\"%s\"", first ? "" : ",", attributes[i].name);
		first = false;
	}
	fputs("]}", out);
}

void cli_time_text(char out[32], uint64_t filetime)
{
	int64_t seconds;
	uint32_t ns;
	struct tm tm;
	hythe_time_to_unix(filetime, &seconds, &ns);
	time_t t = (time_t)seconds;
	if (filetime == 0 || !localtime_r(&t, &tm) || !strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm))
		snprintf(out, 32, "-");
}

void cli_size_text(char out[32], uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double v = (double)bytes;
	size_t i = 0;
	while (v >= 1024 && i + 1 < ARRAY_LEN(units)) {
		v /= 1024;
		i++;
	}
	snprintf(out, 32, i == 0 ? "%.0f %s" : "%.1f %s", v, units[i]);
}

void cli_attributes_text(char out[16], uint32_t bits)
{
	for (size_t i = 0; i < 6; i++)
		out[i] = bits & attributes[i].bit ? attributes[i].letter : '-';
	out[6] = 0;
}
