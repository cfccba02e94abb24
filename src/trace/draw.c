/* Laying out and drawing. Every line of text is given the width that the layout counts on (textLength), so that no font makes it run into
 * something else; how wide a character is, in columns, is estimated as terminals do. */
#include "trace/draw.h"

#include "trace/words.h"

#include <inttypes.h>
#include <stdlib.h>

enum { WIDTH = 1280, TIME_RIGHT = 100, NUMBER_RIGHT = 152, SIGN_X = 170, CLIENT_X = 196, SERVER_X = 1256, TEXT_X = 212, TEXT_COLUMNS = 128 };
enum { LINE_HEIGHT = 18, ABOVE = 8, BELOW = 14, HEAD_HEIGHT = 46, HEAD_EVERY = 1400, HEAD_COLUMNS = 60, LINES_MAX = 64 };
#define COLUMN 7.8 /* of a character of 13 pixels */

struct row {
	struct row *next;
	uint64_t number, time_ns;
	unsigned connection;
	bool from_server, failed;
	char *text;   /* lines of the commands, separated by newlines */
	char *fields; /* NULL: none are kept */
};

struct trace_drawing {
	bool fields, secrets;
	struct row *rows, **end;
	uint64_t count, left_out;
	size_t bytes;
	char client[80], server[80];
};

struct trace_drawing *trace_drawing_new(bool fields, bool secrets)
{
	struct trace_drawing *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->fields = fields;
	d->secrets = secrets;
	d->end = &d->rows;
	return d;
}

static void row_free(struct row *r)
{
	if (!r)
		return;
	free(r->text);
	free(r->fields);
	free(r);
}

void trace_drawing_free(struct trace_drawing *d)
{
	if (!d)
		return;
	while (d->rows) {
		struct row *r = d->rows;

		d->rows = r->next;
		row_free(r);
	}
	free(d);
}

static void field(void *arg, const char *text)
{
	fprintf(arg, "%s\n", text);
}

static char *fields_of(const struct trace_drawing *d, const struct trace_packet *p, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	if (!f)
		return NULL;
	trace_fields(p, d->secrets, field, f);
	fclose(f);
	return text;
}

static char *text_of(const struct trace_packet *p, const struct trace_words *words, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	if (!f)
		return NULL;
	if (p->connection > 1)
		fprintf(f, "[%u] ", p->connection);
	if (p->sealed && p->plain.len > 0)
		fputs("(sealed) ", f);
	for (size_t i = 0; i < words->count; i++)
		fprintf(f, "%s%s", i ? "\n+ " : "", words->parts[i].text);
	fclose(f);
	return text;
}

void trace_drawing_add(struct trace_drawing *d, const struct trace_packet *p, const struct trace_words *words)
{
	struct row *r = d->count < DRAW_PACKETS_MAX && d->bytes < DRAW_BYTES_MAX ? calloc(1, sizeof(*r)) : NULL;
	size_t text_len = 0, fields_len = 0;

	if (r) {
		*r = (struct row){.number = p->number, .time_ns = p->time_ns, .connection = p->connection, .from_server = p->from_server,
			.failed = words->failed};
		r->text = text_of(p, words, &text_len);
		r->fields = d->fields ? fields_of(d, p, &fields_len) : NULL;
	}
	if (!r || !r->text) {
		row_free(r);
		d->left_out++;
		return;
	}
	if (d->count++ == 0) {
		trace_address_text(&p->client, d->client, sizeof(d->client));
		trace_address_text(&p->server, d->server, sizeof(d->server));
	}
	d->bytes += text_len + fields_len;
	*d->end = r;
	d->end = &r->next;
}

/* --- text --- */

/* The next character of UTF-8; what is none is '?'. */
static uint32_t next_char(const char **text)
{
	const uint8_t *p = (const uint8_t *)*text;
	unsigned n = p[0] < 0x80 ? 0 : (p[0] & 0xE0) == 0xC0 ? 1 : (p[0] & 0xF0) == 0xE0 ? 2 : (p[0] & 0xF8) == 0xF0 ? 3 : 4;
	uint32_t c = n == 0 ? p[0] : p[0] & (0x3Fu >> n);

	(*text)++;
	if (n == 4)
		return '?';
	for (unsigned i = 1; i <= n; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return '?';
		c = c << 6 | (p[i] & 0x3F);
	}
	*text += n;
	return (n == 2 && c < 0x800) || (n == 3 && (c < 0x10000 || c > 0x10FFFF)) || (n == 1 && c < 0x80) || words_steers(c) ? '?' : c;
}

static void put_char(FILE *out, uint32_t c)
{
	switch (c) {
	case '&': fputs("&amp;", out); break;
	case '<': fputs("&lt;", out); break;
	case '>': fputs("&gt;", out); break;
	case '"': fputs("&quot;", out); break;
	case '\'': fputs("&#39;", out); break;
	default:
		if (c < 0x80)
			putc((int)c, out);
		else
			fprintf(out, "&#%" PRIu32 ";", c);
	}
}

static void put_text(FILE *out, const char *text, const char *end)
{
	while (text < end && *text)
		put_char(out, next_char(&text));
}

static unsigned columns_of(uint32_t c)
{
	bool wide = (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) || (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) ||
		(c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) || (c >= 0xFFE0 && c <= 0xFFE6) || (c >= 0x1F300 && c <= 0x1FAFF) ||
		(c >= 0x20000 && c <= 0x3FFFD);

	return wide ? 2 : 1;
}

struct line {
	const char *from, *to;
	unsigned columns;
};

/* The first line of the text that fits, cut at a blank where there is one in its second half. */
static struct line first_line(const char *text, unsigned most)
{
	struct line l = {text, text, 0}, blank = {NULL, NULL, 0};

	while (*l.to && *l.to != '\n') {
		const char *next = l.to;
		unsigned n = columns_of(next_char(&next));

		if (l.columns + n > most)
			return blank.to && blank.columns > most / 2 ? blank : l;
		if (*l.to == ' ')
			blank = l;
		l.to = next;
		l.columns += n;
	}
	return l;
}

static size_t lines_of(const char *text, struct line out[LINES_MAX])
{
	size_t n = 0;

	while (*text && n < LINES_MAX) {
		out[n] = first_line(text, TEXT_COLUMNS);
		text = out[n].to;
		if (*text == '\n' || *text == ' ')
			text++;
		n++;
	}
	return n;
}

/* --- drawing --- */

static void put_line(FILE *out, double x, unsigned y, const char *more, struct line l)
{
	if (l.columns == 0)
		return;
	fprintf(out, "<text x=\"%.1f\" y=\"%u\" textLength=\"%.1f\" lengthAdjust=\"spacingAndGlyphs\"%s>", x, y, l.columns * COLUMN, more);
	put_text(out, l.from, l.to);
	fputs("</text>\n", out);
}

static unsigned row_height(size_t lines)
{
	return ABOVE + (unsigned)lines * LINE_HEIGHT + BELOW;
}

static void put_lifelines(FILE *out, unsigned y, unsigned height)
{
	fprintf(out, "<path class=\"life\" d=\"M%d %uV%uM%d %uV%u\"/>\n", CLIENT_X, y, y + height, SERVER_X, y, y + height);
}

static void put_arrow(FILE *out, const struct row *r, unsigned y)
{
	int tip = r->from_server ? CLIENT_X : SERVER_X, tail = r->from_server ? SERVER_X : CLIENT_X, back = r->from_server ? 10 : -10;

	fprintf(out, "<path class=\"line\" d=\"M%d %uH%d\"/><path class=\"tip\" d=\"M%d %ul%d -5v10z\"/>\n", tail, y, tip + back, tip, y, back);
}

/* A packet from y on; the height that it takes. */
static unsigned put_row(FILE *out, const struct row *r, uint64_t start_ns, unsigned y)
{
	struct line lines[LINES_MAX];
	size_t n = lines_of(r->text, lines);
	unsigned height = row_height(n), arrow = y + height - BELOW + 4;
	uint64_t ns = r->time_ns > start_ns ? r->time_ns - start_ns : 0;
	char text[64];
	int len;

	fprintf(out, "<g class=\"%s%s\">\n", r->from_server ? "answer" : "request", r->failed ? " failed" : "");
	put_lifelines(out, y, height);
	len = snprintf(text, sizeof(text), "%" PRIu64 ".%06" PRIu64, ns / 1000000000, ns / 1000 % 1000000);
	put_line(out, TIME_RIGHT - len * COLUMN, y + ABOVE + 13, " class=\"time\"", (struct line){text, text + len, (unsigned)len});
	len = snprintf(text, sizeof(text), "%" PRIu64, r->number);
	put_line(out, NUMBER_RIGHT - len * COLUMN, y + ABOVE + 13, " class=\"number\"", (struct line){text, text + len, (unsigned)len});
	for (size_t i = 0; i < n; i++)
		put_line(out, TEXT_X, y + ABOVE + 13 + (unsigned)i * LINE_HEIGHT, "", lines[i]);
	put_arrow(out, r, arrow);
	if (r->failed)
		fprintf(out, "<g class=\"sign\"><title>failed</title><path d=\"M%d %ul9 16h-18z\"/><text x=\"%d\" y=\"%u\">!</text></g>\n", SIGN_X,
			y + ABOVE, SIGN_X, y + ABOVE + 14);
	fputs("</g>\n", out);
	return height;
}

/* A box with a name over each lifeline. */
static void put_heads(FILE *out, const struct trace_drawing *d, unsigned y)
{
	struct {
		const char *role, *name;
		bool right;
	} heads[] = {{"client ", d->client, false}, {"server ", d->server, true}};

	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		char text[96];
		struct line l;
		double width;

		snprintf(text, sizeof(text), "%s%s", heads[i].role, heads[i].name);
		l = first_line(text, HEAD_COLUMNS);
		width = l.columns * COLUMN + 20;
		double x = heads[i].right ? SERVER_X + 16 - width : CLIENT_X - 16;
		fprintf(out, "<rect class=\"head\" x=\"%.1f\" y=\"%u\" width=\"%.1f\" height=\"26\" rx=\"4\"/>\n", x, y + 8, width);
		put_line(out, x + 10, y + 26, " class=\"name\"", l);
	}
	fprintf(out, "<path class=\"life\" d=\"M%d %uV%uM%d %uV%u\"/>\n", CLIENT_X, y + 34, y + HEAD_HEIGHT, SERVER_X, y + 34, y + HEAD_HEIGHT);
}

static const char style[] =
	"text{font:13px 'DejaVu Sans Mono','Liberation Mono',Menlo,Consolas,monospace;fill:#1a1a1a;white-space:pre}\n"
	".time,.number{fill:#555}\n"
	".life{stroke:#999;stroke-width:1.5;fill:none}\n"
	".head{fill:#eef1f5;stroke:#667}\n"
	".name{font-weight:bold}\n"
	".line{stroke-width:1.5;fill:none}\n"
	".request .line{stroke:#1f4e9c}.request .tip{fill:#1f4e9c}\n"
	".answer .line{stroke:#1d6b3c}.answer .tip{fill:#1d6b3c}\n"
	".failed .line{stroke:#b3261e;stroke-dasharray:7 4}.failed .tip{fill:#b3261e}.failed>text{fill:#8c1d18}\n"
	".failed>.time,.failed>.number{fill:#555}\n"
	".sign path{fill:#b3261e}.sign text{fill:#fff;font-weight:bold;font-size:12px;text-anchor:middle}\n";

static void put_title(FILE *out, const char *title, unsigned y)
{
	struct line l = first_line(title, 150);

	put_line(out, 24, y, " class=\"name\"", l);
}

static size_t row_lines(const struct row *r)
{
	struct line lines[LINES_MAX];

	return lines_of(r->text, lines);
}

/* Heads are repeated, so that whoever looks at the middle of a long exchange sees who is who. */
static bool heads_due(unsigned *since, unsigned height)
{
	*since += height;
	if (*since < HEAD_EVERY)
		return false;
	*since = 0;
	return true;
}

static unsigned total_height(const struct trace_drawing *d)
{
	unsigned height = 40 + HEAD_HEIGHT + 30, since = 0;

	for (const struct row *r = d->rows; r; r = r->next) {
		unsigned h = row_height(row_lines(r));

		height += h;
		if (heads_due(&since, h))
			height += HEAD_HEIGHT;
	}
	return height + (d->left_out ? 30 : 0);
}

static void put_left_out(const struct trace_drawing *d, char *text, size_t cap)
{
	snprintf(text, cap, "%" PRIu64 " more packets are not drawn", d->left_out);
}

void trace_drawing_svg(const struct trace_drawing *d, FILE *out, const char *title)
{
	unsigned height = total_height(d), y = 40, since = 0;
	char text[96];

	fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\" viewBox=\"0 0 %d %u\">\n<title>", WIDTH, height, WIDTH, height);
	put_text(out, title, title + strlen(title));
	fprintf(out, "</title>\n<style>\n%s</style>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", style);
	put_title(out, title, 26);
	put_heads(out, d, y);
	y += HEAD_HEIGHT;
	for (const struct row *r = d->rows; r; r = r->next) {
		unsigned h = put_row(out, r, d->rows->time_ns, y);

		y += h;
		if (heads_due(&since, h)) {
			put_heads(out, d, y);
			y += HEAD_HEIGHT;
		}
	}
	put_lifelines(out, y, 10);
	if (d->left_out) {
		put_left_out(d, text, sizeof(text));
		put_title(out, text, y + 30);
	}
	fputs("</svg>\n", out);
}

static void open_svg(FILE *out, unsigned height)
{
	fprintf(out, "<svg width=\"%d\" height=\"%u\" viewBox=\"0 0 %d %u\">\n", WIDTH, height, WIDTH, height);
}

static void html_heads(const struct trace_drawing *d, FILE *out)
{
	open_svg(out, HEAD_HEIGHT);
	put_heads(out, d, 0);
	fputs("</svg>\n", out);
}

static void html_row(const struct trace_drawing *d, FILE *out, const struct row *r, unsigned height)
{
	fputs("<details><summary>", out);
	open_svg(out, height);
	put_row(out, r, d->rows->time_ns, 0);
	fputs("</svg></summary><pre>", out);
	for (const char *p = r->fields ? r->fields : ""; *p;) {
		if (*p == '\n')
			putc(*p++, out);
		else
			put_char(out, next_char(&p));
	}
	fputs("</pre></details>\n", out);
}

void trace_drawing_html(const struct trace_drawing *d, FILE *out, const char *title)
{
	unsigned since = 0;
	char text[96];

	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>", out);
	put_text(out, title, title + strlen(title));
	fprintf(out, "</title>\n<style>\nbody{margin:0;background:#fff;color:#1a1a1a;font:14px sans-serif;width:%dpx}\nh1{font-size:18px;margin:16px 24px 4px}\n"
		"p{margin:4px 24px 8px}\nsvg{display:block}\nsummary{display:block;cursor:pointer}\nsummary::-webkit-details-marker{display:none}\n"
		"summary:hover,summary:focus-visible{background:#f2f5fa;outline:none}\ndetails[open]>summary{background:#f2f5fa}\n"
		"pre{font:13px/1.4 'DejaVu Sans Mono','Liberation Mono',Menlo,Consolas,monospace;margin:0 24px 0 212px;padding:8px 12px;background:#f7f7f7;"
		"border-left:3px solid #99a;white-space:pre-wrap;overflow-wrap:anywhere}\n%s</style></head><body>\n<h1>", WIDTH, style);
	put_text(out, title, title + strlen(title));
	fputs("</h1>\n<p>A packet opens to show its fields.</p>\n", out);
	html_heads(d, out);
	for (const struct row *r = d->rows; r; r = r->next) {
		unsigned h = row_height(row_lines(r));

		html_row(d, out, r, h);
		if (heads_due(&since, h))
			html_heads(d, out);
	}
	if (d->left_out) {
		put_left_out(d, text, sizeof(text));
		fprintf(out, "<p>%s</p>\n", text);
	}
	fputs("</body></html>\n", out);
}
