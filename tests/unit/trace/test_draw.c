/* Drawings: all packets are there, text lies within its place and above no other, and nothing in a name becomes markup. */
#include "kit.h"

#include "trace/draw.h"

#include <stdio.h>
#include <stdlib.h>

enum { WIDTH = 1280 };

static char *drawn(struct trace_drawing *d, void (*fn)(const struct trace_drawing *d, FILE *out, const char *title), const char *title)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	fn(d, f, title);
	fclose(f);
	return text;
}

static void add(struct trace_drawing *d, uint64_t number, bool failed, const char *text)
{
	struct trace_words *w = calloc(1, sizeof(*w));
	struct trace_packet p = {.number = number, .time_ns = number * 1000, .from_server = number % 2 == 0, .connection = 1};

	w->count = 1;
	w->failed = w->parts[0].failed = failed;
	snprintf(w->parts[0].text, sizeof(w->parts[0].text), "%s", text);
	trace_drawing_add(d, &p, w);
	free(w);
}

/* The next place of `what` in [from, end), or NULL. Not strstr or memmem, each call of which the sanitizers take for a look at the whole text. */
static const char *next(const char *from, const char *end, const char *what)
{
	size_t n = strlen(what);

	for (; (from = memchr(from, what[0], (size_t)(end - from))) != NULL && (size_t)(end - from) >= n; from++)
		if (memcmp(from, what, n) == 0)
			return from;
	return NULL;
}

static unsigned count(const char *text, const char *what)
{
	const char *end = text + strlen(text);
	unsigned n = 0;

	for (; (text = next(text, end, what)) != NULL; text++)
		n++;
	return n;
}

/* Rows of text have 18 pixels each; two boxes overlap if they share a row and a column. */
static void check_boxes(const char *svg)
{
	static struct { double x, y, width; } boxes[4096];
	const char *end = svg + strlen(svg);
	size_t n = 0;

	for (const char *p = svg; (p = next(p, end, "<text x=\"")) != NULL; p++) {
		char tag[128];
		double x, y, width;

		snprintf(tag, sizeof(tag), "%.*s", end - p < 127 ? (int)(end - p) : 127, p);
		if (sscanf(tag, "<text x=\"%lf\" y=\"%lf\" textLength=\"%lf\"", &x, &y, &width) != 3)
			continue;
		assert_true(x >= 0 && x + width <= WIDTH);
		for (size_t i = 0; i < n; i++) {
			bool rows = boxes[i].y < y + 16 && y < boxes[i].y + 16;
			bool columns = boxes[i].x < x + width && x < boxes[i].x + boxes[i].width;

			assert_false(rows && columns);
		}
		assert_true(n < ARRAY_LEN(boxes));
		boxes[n].x = x, boxes[n].y = y, boxes[n++].width = width;
	}
	assert_true(n > 0);
}

static void test_nothing_overlaps(void **state)
{
	struct trace_drawing *d = trace_drawing_new(false, false);
	char lengthy[600];
	char *svg;

	(void)state;
	memset(lengthy, 'x', sizeof(lengthy) - 1);
	lengthy[sizeof(lengthy) - 1] = 0;
	for (unsigned i = 1; i <= 60; i++)
		add(d, i, i == 9, i % 7 == 0 ? lengthy : i % 5 == 0 ? "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E a name that is wide, again and again, "
			"\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E until the line is at its end, and some words more behind it" :
			"SMB2 READ: 1 byte");
	svg = drawn(d, trace_drawing_svg, "a title");
	check_boxes(svg);
	assert_int_equal(count(svg, "class=\"tip\""), 60);
	assert_int_equal(count(svg, "class=\"sign\""), 1);
	assert_true(count(svg, "class=\"head\"") > 2); /* again further down */
	free(svg);
	trace_drawing_free(d);
}

static void test_names_become_no_markup(void **state)
{
	struct trace_drawing *d = trace_drawing_new(true, false);
	char *text;

	(void)state;
	add(d, 1, false, "open '<script>alert(1)</script>&\"' \x1B[2J \xFF\xC0\xAF \xED\xA0\x80");
	for (int html = 0; html < 2; html++) {
		text = drawn(d, html ? trace_drawing_html : trace_drawing_svg, "</title><script>");
		assert_null(strstr(text, "<script"));
		assert_null(strchr(text, 0x1B));
		assert_non_null(strstr(text, "&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#39;"));
		for (const char *p = text; *p; p++)
			assert_true((uint8_t)*p < 0x80);
		free(text);
	}
	trace_drawing_free(d);
}

static void test_page_has_the_fields(void **state)
{
	static struct kit_frame f;
	struct trace_drawing *d = trace_drawing_new(true, false);
	struct trace_words *w = calloc(1, sizeof(*w));
	struct smb2_empty empty = {0};
	struct smb2_header h = {.command = SMB2_ECHO, .message_id = 77};
	struct trace_packet p = {.number = 1, .connection = 1};
	char *text;

	(void)state;
	kit_frame_start(&f);
	kit_message(&f, &h, smb2_message_of(SMB2_ECHO)->req_code, &empty);
	p.raw = kit_frame_end(&f);
	p.plain = slice_of(p.raw.data + 4, p.raw.len - 4);
	w->count = 1;
	trace_drawing_add(d, &p, w);
	text = drawn(d, trace_drawing_html, "t");
	assert_int_equal(count(text, "<details>"), 1);
	assert_non_null(strstr(text, "MessageId: 0x000000000000004d (77)"));
	assert_null(strstr(text, "http://")); /* nothing is fetched */
	assert_null(strstr(text, "https://"));
	free(text);
	free(w);
	trace_drawing_free(d);
}

static void test_long_exchanges_are_counted(void **state)
{
	struct trace_drawing *d = trace_drawing_new(false, false);
	char *svg;

	(void)state;
	for (uint64_t i = 1; i <= DRAW_PACKETS_MAX + 5; i++)
		add(d, i, false, "x");
	svg = drawn(d, trace_drawing_svg, "t");
	assert_int_equal(count(svg, "class=\"tip\""), DRAW_PACKETS_MAX);
	assert_non_null(strstr(svg, "5 more packets are not drawn"));
	free(svg);
	trace_drawing_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_overlaps),
		cmocka_unit_test(test_names_become_no_markup),
		cmocka_unit_test(test_page_has_the_fields),
		cmocka_unit_test(test_long_exchanges_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
