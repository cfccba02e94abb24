/* The frame of every SMB1 block: [MS-CIFS] 2.2.3.2 (WordCount and words), 2.2.3.3 (ByteCount and bytes), 2.2.1.1 (strings), for
 * all directions. The checks of lengths against each other are here and nowhere else. */
#include "wire/smb1/smb1_internal.h"

#include "wire/wire_internal.h"

static bool listed(uint8_t n, const uint8_t *legal, size_t count)
{
	return count != 0 && memchr(legal, n, count) != NULL;
}

/* The window for the words, decoding. */
static void words_window(struct wire *w, struct smb1_body *b, size_t words)
{
	b->words_at = w->pos;
	b->words_end = w->pos + 2 * words;
	if (w->dir != WIRE_DECODE || !wire_ok(w))
		return;
	if (b->words_end > w->end)
		wire_fail(w, STATUS_INVALID_PARAMETER, "WordCount");
	else
		w->end = b->words_end;
}

void smb1_begin(struct wire *w, struct smb1_body *b, uint8_t *count, const uint8_t *legal, size_t n)
{
	uint8_t v = count && *count != 0 ? *count : legal[0];

	*b = (struct smb1_body){.outer_end = w->end};
	if (w->dir == WIRE_GENERATE)
		v = legal[wire_random(w, n)];
	else
		wire_u8(w, "WordCount", &v);
	if (wire_ok(w) && !listed(v, legal, n))
		wire_fail(w, STATUS_INVALID_PARAMETER, "WordCount");
	if (!wire_ok(w))
		v = legal[0];
	if (count && w->dir != WIRE_ENCODE)
		*count = v;
	words_window(w, b, v == SMB1_EXTENDED_CREATE_SAYS ? SMB1_EXTENDED_CREATE_HAS : v);
}

void smb1_begin_setup(struct wire *w, struct smb1_body *b, uint8_t fixed, const struct slice *setup)
{
	size_t words = w->dir == WIRE_ENCODE || w->dir == WIRE_PRINT ? fixed + setup->len / 2 : fixed;
	uint8_t v = (uint8_t)words;

	*b = (struct smb1_body){.outer_end = w->end};
	if (words > UINT8_MAX || (w->dir == WIRE_ENCODE && setup->len % 2 != 0))
		wire_fail(w, STATUS_INVALID_PARAMETER, "SetupCount");
	if (w->dir != WIRE_GENERATE)
		wire_u8(w, "WordCount", &v);
	if (wire_ok(w) && v < fixed)
		wire_fail(w, STATUS_INVALID_PARAMETER, "WordCount");
	words_window(w, b, v);
}

void smb1_setup_count(struct wire *w, struct slice *setup)
{
	uint8_t n = (uint8_t)(setup->len / 2);

	if (w->dir == WIRE_PRINT)
		return;
	if (w->dir == WIRE_GENERATE)
		n = (uint8_t)wire_random(w, 5);
	else
		wire_u8(w, "SetupCount", &n);
	if (w->dir != WIRE_ENCODE)
		*setup = slice_of("", 2 * (size_t)n);
}

/* Words behind those that SetupCount counts mean nothing. */
void smb1_setup(struct wire *w, struct slice *setup)
{
	wire_view(w, "Setup", setup->len, setup);
}

void smb1_andx_fields(struct wire *w)
{
	uint8_t command = SMB1_NO_COMMAND;

	if (w->dir != WIRE_DECODE && w->dir != WIRE_ENCODE)
		return;
	wire_u8(w, "AndXCommand", &command);
	wire_reserved(w, 3);
}

void smb1_bytes(struct wire *w, struct smb1_body *b)
{
	uint16_t count = 0;

	if ((w->dir != WIRE_DECODE && w->dir != WIRE_ENCODE) || !wire_ok(w))
		return;
	if (w->dir == WIRE_DECODE) {
		w->pos = b->words_end;
		w->end = b->outer_end;
	} else if (w->pos != b->words_end) {
		wire_fail(w, STATUS_INVALID_PARAMETER, "WordCount");
	}
	wire_u16(w, "ByteCount", &count);
	b->bytes_at = w->pos;
	if (w->dir == WIRE_ENCODE || !wire_ok(w) || b->large)
		return;
	if (count > w->end - w->pos)
		wire_fail(w, STATUS_INVALID_PARAMETER, "ByteCount");
	else
		w->end = w->pos + count;
}

void smb1_end(struct wire *w, struct smb1_body *b)
{
	size_t n;

	if (!wire_ok(w))
		return;
	if (w->dir == WIRE_DECODE) {
		w->pos = w->end;
		w->end = b->outer_end;
	} else if (w->dir == WIRE_ENCODE) {
		n = w->pos + w->tail.len - b->bytes_at;
		wire_patch(w, "ByteCount", b->bytes_at - 2, 2, b->large ? n & 0xFFFF : n);
	}
}

/* --- strings --- */

enum { GENERATED_UNITS = 30 };
struct form {
	bool unicode, aligned, open; /* open: may end with the window */
};

static void string_decode(struct wire *w, const char *name, struct form f, struct slice *s)
{
	size_t unit = f.unicode ? 2 : 1, n = 0, left;

	*s = slice_of("", 0);
	if (f.unicode && f.aligned)
		wire_align(w, 2);
	left = wire_left(w) / unit * unit;
	while (n < left && (w->base[w->pos + n] != 0 || (f.unicode && w->base[w->pos + n + 1] != 0)))
		n += unit;
	if (n == left && !f.open) {
		wire_fail(w, STATUS_INVALID_PARAMETER, name);
		return;
	}
	if (n != 0)
		*s = slice_of(w->base + w->pos, n);
	w->pos = n == left ? w->end : w->pos + n + unit;
}

static void string_encode(struct wire *w, const char *name, struct form f, struct slice *s)
{
	if (f.unicode && f.aligned)
		wire_align(w, 2);
	if (f.unicode && s->len % 2 != 0)
		wire_fail(w, STATUS_INVALID_PARAMETER, name);
	wire_view(w, name, s->len, s);
	wire_reserved(w, f.unicode ? 2 : 1);
}

static void text_print(struct wire *w, const char *name, bool unicode, struct slice s)
{
	if (unicode)
		wire_print_text(w, name, s);
	else
		wire_print_ascii(w, name, s);
}

/* No unit of it is zero. */
static void text_generate(struct wire *w, const char *name, bool unicode, size_t units, struct slice *s)
{
	size_t n = units * (unicode ? 2 : 1);
	uint8_t *p = w->arena ? arena_alloc(w->arena, n) : NULL;

	if (!p) {
		wire_fail(w, STATUS_NO_MEMORY, name);
		return;
	}
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(1 + wire_random(w, 255));
	*s = slice_of(p, n);
}

static void string(struct wire *w, const char *name, struct form f, struct slice *s)
{
	switch (w->dir) {
	case WIRE_DECODE:
		string_decode(w, name, f, s);
		break;
	case WIRE_ENCODE:
		string_encode(w, name, f, s);
		break;
	case WIRE_PRINT:
		text_print(w, name, f.unicode, *s);
		break;
	case WIRE_GENERATE:
		text_generate(w, name, f.unicode, wire_random(w, GENERATED_UNITS), s);
		break;
	}
}

void smb1_string(struct wire *w, const char *name, struct slice *s)
{
	string(w, name, (struct form){.unicode = w->unicode, .aligned = true}, s);
}

void smb1_last_string(struct wire *w, const char *name, struct slice *s)
{
	string(w, name, (struct form){.unicode = w->unicode, .aligned = true, .open = true}, s);
}

void smb1_packed_string(struct wire *w, const char *name, struct slice *s)
{
	string(w, name, (struct form){.unicode = w->unicode, .open = true}, s);
}

void smb1_optional_string(struct wire *w, const char *name, struct slice *s)
{
	if ((w->dir == WIRE_DECODE && wire_left(w) == 0) || (w->dir == WIRE_GENERATE && wire_random(w, 3) == 0))
		*s = slice_of(NULL, 0);
	else if (s->data || w->dir == WIRE_DECODE || w->dir == WIRE_GENERATE)
		smb1_last_string(w, name, s);
}

void smb1_oem_string(struct wire *w, const char *name, struct slice *s)
{
	string(w, name, (struct form){.open = false}, s);
}

void smb1_last_oem_string(struct wire *w, const char *name, struct slice *s)
{
	string(w, name, (struct form){.open = true}, s);
}

/* All of them, so that what is decoded encodes to itself. */
static void strip_terminators(struct slice *s, bool unicode)
{
	size_t unit = unicode ? 2 : 1;

	while (s->len >= unit && s->data[s->len - unit] == 0 && s->data[s->len - 1] == 0)
		s->len -= unit;
}

void smb1_sized_text(struct wire *w, const char *name, struct slice *s)
{
	if (w->dir == WIRE_PRINT) {
		text_print(w, name, w->unicode, *s);
		return;
	}
	if (w->dir == WIRE_GENERATE) {
		text_generate(w, name, w->unicode, s->len / 2, s);
		return;
	}
	if (w->unicode && s->len % 2 != 0)
		wire_fail(w, STATUS_INVALID_PARAMETER, name);
	wire_view(w, name, s->len, s);
	if (w->dir == WIRE_DECODE)
		strip_terminators(s, w->unicode);
}

void smb1_sized_name(struct wire *w, const char *name, struct slice *s)
{
	if (w->unicode)
		wire_align(w, 2);
	smb1_sized_text(w, name, s);
	if (w->dir == WIRE_ENCODE)
		wire_reserved(w, w->unicode ? 2 : 1);
}

void smb1_format(struct wire *w, uint8_t format)
{
	uint8_t v = format;

	if (w->dir != WIRE_DECODE && w->dir != WIRE_ENCODE)
		return;
	wire_u8(w, "BufferFormat", &v);
	if (wire_ok(w) && v != format)
		wire_fail(w, STATUS_INVALID_PARAMETER, "BufferFormat");
}

void smb1_format_string(struct wire *w, const char *name, struct slice *s)
{
	smb1_format(w, SMB1_FORMAT_STRING);
	smb1_string(w, name, s);
}

void smb1_format_data(struct wire *w, const char *name, uint8_t format, struct slice *data)
{
	smb1_format(w, format);
	wire_length(w, "DataLength", data, 2);
	wire_view(w, name, data->len, data);
}

/* --- numbers --- */

void smb1_low_half(struct wire *w, const char *name, uint64_t *v)
{
	uint32_t low = (uint32_t)*v;

	wire_u32(w, name, &low);
	if (w->dir != WIRE_ENCODE)
		*v = w->dir == WIRE_PRINT ? *v : low;
}

void smb1_high_half(struct wire *w, const char *name, uint64_t *v, bool wide)
{
	uint32_t high = (uint32_t)(*v >> 32);

	if (!wide)
		return;
	wire_u32(w, name, &high);
	if (w->dir == WIRE_DECODE || w->dir == WIRE_GENERATE)
		*v = (uint64_t)high << 32 | (uint32_t)*v;
}

/* [MS-CIFS] 2.2.1.4.1, 2.2.1.4.2 */
void smb1_dos_time_code(struct wire *w, const char *date, const char *time, struct dos_time *m)
{
	wire_u16(w, date, &m->date);
	wire_u16(w, time, &m->time);
}
