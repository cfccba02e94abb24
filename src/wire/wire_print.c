/* The printing direction: one line a field, indented by depth, long byte strings shortened. Used by packet traces and by
 * the messages of failing tests. */
#include "wire/wire_internal.h"

#include "base/filetime.h"
#include "base/utf16.h"

#include <stdio.h>
#include <time.h>

enum { LINE_BYTES = 256, SHOWN_BYTES = 48, SHOWN_UNITS = 60 };

void wire_print_line(struct wire *w, const char *name, const char *value)
{
	char line[LINE_BYTES + 64];

	if (!w->printer || !w->printer->line)
		return;
	snprintf(line, sizeof(line), "%*s%s: %s", 2 * w->printer->depth, "", name, value);
	w->printer->line(w->printer->arg, line);
}

void wire_print_number(struct wire *w, const char *name, uint64_t v, size_t n)
{
	char text[64];

	if (v < 10)
		snprintf(text, sizeof(text), "%u", (unsigned)v);
	else
		snprintf(text, sizeof(text), "0x%0*llx (%llu)", (int)(2 * n), (unsigned long long)v, (unsigned long long)v);
	wire_print_line(w, name, text);
}

void wire_print_time(struct wire *w, const char *name, uint64_t v)
{
	struct timespec ts = filetime_to_timespec(v);
	char text[80];
	struct tm tm;

	if (v == 0 || v > INT64_MAX || !gmtime_r(&ts.tv_sec, &tm)) {
		wire_print_number(w, name, v, 8);
		return;
	}
	snprintf(text, sizeof(text), "%04d-%02d-%02d %02d:%02d:%02d.%07ld UTC", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
		tm.tm_hour, tm.tm_min, tm.tm_sec, ts.tv_nsec / 100);
	wire_print_line(w, name, text);
}

void wire_print_bytes(struct wire *w, const char *name, struct slice s)
{
	char hex[2 * SHOWN_BYTES + 1] = "";
	char text[LINE_BYTES];

	bytes_to_hex(hex, s.data, s.len < SHOWN_BYTES ? s.len : SHOWN_BYTES);
	snprintf(text, sizeof(text), "%zu bytes %s%s", s.len, hex, s.len > SHOWN_BYTES ? "..." : "");
	wire_print_line(w, name, text);
}

void wire_print_text(struct wire *w, const char *name, struct slice s)
{
	char text[3 * SHOWN_UNITS + 16] = "\"";
	size_t shown = s.len / 2 < SHOWN_UNITS ? s.len / 2 * 2 : 2 * SHOWN_UNITS;
	size_t n = utf16_to_utf8(text + 1, sizeof(text) - 8, slice_of(s.data, shown));

	if (n == SIZE_MAX) {
		wire_print_bytes(w, name, s);
		return;
	}
	for (size_t i = 1; i <= n; i++) {
		if ((uint8_t)text[i] < 0x20 || text[i] == 0x7F)
			text[i] = '?';
	}
	snprintf(text + 1 + n, sizeof(text) - 1 - n, s.len > shown ? "...\"" : "\"");
	wire_print_line(w, name, text);
}

void wire_print_ascii(struct wire *w, const char *name, struct slice s)
{
	char text[SHOWN_UNITS + 8] = "\"";
	size_t shown = s.len < SHOWN_UNITS ? s.len : SHOWN_UNITS;

	for (size_t i = 0; i < shown; i++)
		text[1 + i] = (char)(s.data[i] >= 0x20 && s.data[i] < 0x7F ? s.data[i] : '?');
	snprintf(text + 1 + shown, sizeof(text) - 1 - shown, s.len > shown ? "...\"" : "\"");
	wire_print_line(w, name, text);
}

void wire_print_guid(struct wire *w, const char *name, const struct guid *g)
{
	char text[37];

	guid_text(text, g);
	wire_print_line(w, name, text);
}

void wire_group(struct wire *w, const char *name)
{
	if (w->dir != WIRE_PRINT || !w->printer)
		return;
	wire_print_line(w, name, "");
	w->printer->depth++;
}

void wire_group_end(struct wire *w)
{
	if (w->dir == WIRE_PRINT && w->printer && w->printer->depth > 0)
		w->printer->depth--;
}
