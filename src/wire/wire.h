/* The cursor over which every coder runs. One coder a structure serves four directions: it decodes received bytes into a
 * struct, encodes a struct, prints it field by field, and generates random legal values for the tests.
 *
 * A cursor covers [base + pos, base + end). Offsets in messages count from base, which is the first byte of the SMB2
 * header ([MS-SMB2] 2.2) or of a structure with offsets of its own. The first thing that does not fit sets `error`; after
 * that every call is a no-op that yields zeros, so a coder needs no checks and its caller looks once, at wire_ok().
 * Decoding gives views into the received bytes. Nothing here allocates but from the arena that the caller gives, or knows a
 * socket or an errno. */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include "base/arena.h"
#include "base/guid.h"

enum wire_dir { WIRE_DECODE, WIRE_ENCODE, WIRE_PRINT, WIRE_GENERATE };

struct wire_printer {
	void (*line)(void *arg, const char *text); /* one field a call, indented by depth */
	void *arg;
	int depth;
};

struct wire {
	enum wire_dir dir;
	uint8_t *base;
	size_t pos;
	size_t end;           /* decode: end of the window; encode: capacity */
	ntstatus error;       /* SUCCESS, INVALID_PARAMETER (malformed), BUFFER_OVERFLOW (encode: no room), NO_MEMORY */
	const char *where;    /* the field that failed, for logs */
	struct arena *arena;  /* arrays while decoding and generating; may be NULL where a coder has none */
	struct wire_printer *printer;
	uint64_t seed;        /* state of WIRE_GENERATE */
	uint16_t dialect;     /* for the few fields whose meaning depends on it; 0: unknown */
	bool unicode;         /* SMB1: strings are UTF-16 (SMB_FLAGS2_UNICODE), else OEM */
	struct slice tail;    /* encode: what wire_buffer_elsewhere was told about; it belongs directly behind pos */
};

/* A place in the fixed part whose offset and length fields wait for their buffer. */
struct wire_ref {
	size_t offset_at, length_at; /* where the fields are, from base */
	uint8_t offset_size, length_size; /* 1, 2 or 4 bytes; 0: no such field */
	uint32_t offset, length; /* decoded values */
	size_t origin;           /* from where in base the offset counts; 0 in messages */
};

/* Cursors; wire_decoder and wire_encoder are below. */
struct wire wire_printer_of(const void *none, struct wire_printer *p);
struct wire wire_generator(uint64_t seed, struct arena *arena);

static inline bool wire_ok(const struct wire *w)
{
	return nt_ok(w->error);
}

/* Sets the sticky error unless one is set. Closes the window: nothing fits any more. */
void wire_fail(struct wire *w, ntstatus why, const char *field) COLD;

/* Neither calls wire_fail for a window that ends before it begins: a cursor whose address has been given away is made apart and copied.
 * A decoder never writes through base. */
static inline struct wire wire_decoder(const void *base, size_t pos, size_t end, struct arena *arena)
{
	if (pos > end)
		return (struct wire){.dir = WIRE_DECODE, .base = (uint8_t *)(uintptr_t)base, .pos = pos, .end = pos, .arena = arena,
			.error = STATUS_INVALID_PARAMETER, .where = "window"};
	return (struct wire){.dir = WIRE_DECODE, .base = (uint8_t *)(uintptr_t)base, .pos = pos, .end = end, .arena = arena};
}

static inline struct wire wire_encoder(void *base, size_t pos, size_t cap)
{
	if (pos > cap)
		return (struct wire){.dir = WIRE_ENCODE, .base = base, .pos = pos, .end = pos, .error = STATUS_BUFFER_OVERFLOW, .where = "window"};
	return (struct wire){.dir = WIRE_ENCODE, .base = base, .pos = pos, .end = cap};
}

/* Bytes left in the window. */
static inline size_t wire_left(const struct wire *w)
{
	return wire_ok(w) && w->pos < w->end ? w->end - w->pos : 0;
}

/* An n-byte integer, n = 1, 2, 4 or 8, where the functions below cannot go on: no room, printing, generating. */
void wire_number(struct wire *w, const char *name, void *v, size_t n) COLD;

/* Fixed fields. `name` is the specification's; it is printed and reported. Decoding and encoding, which every request waits for,
 * are inline: pos <= end always holds, and an error leaves no bytes between them, nor do the other two directions. */
static inline void wire_u8(struct wire *w, const char *name, uint8_t *v)
{
	if (w->end - w->pos >= 1) {
		if (w->dir == WIRE_DECODE)
			*v = w->base[w->pos];
		else
			w->base[w->pos] = *v;
		w->pos++;
	} else {
		wire_number(w, name, v, 1);
	}
}

static inline void wire_u16(struct wire *w, const char *name, uint16_t *v)
{
	if (w->end - w->pos >= 2) {
		if (w->dir == WIRE_DECODE)
			*v = load_le16(w->base + w->pos);
		else
			store_le16(w->base + w->pos, *v);
		w->pos += 2;
	} else {
		wire_number(w, name, v, 2);
	}
}

static inline void wire_u32(struct wire *w, const char *name, uint32_t *v)
{
	if (w->end - w->pos >= 4) {
		if (w->dir == WIRE_DECODE)
			*v = load_le32(w->base + w->pos);
		else
			store_le32(w->base + w->pos, *v);
		w->pos += 4;
	} else {
		wire_number(w, name, v, 4);
	}
}

static inline void wire_u64(struct wire *w, const char *name, uint64_t *v)
{
	if (w->end - w->pos >= 8) {
		if (w->dir == WIRE_DECODE)
			*v = load_le64(w->base + w->pos);
		else
			store_le64(w->base + w->pos, *v);
		w->pos += 8;
	} else {
		wire_number(w, name, v, 8);
	}
}

/* StructureSize; decode: must be equal */
static inline void wire_struct_size(struct wire *w, uint16_t size)
{
	uint16_t v = size;

	if (w->dir == WIRE_GENERATE)
		return;
	wire_u16(w, "StructureSize", &v);
	if (v != size)
		wire_fail(w, STATUS_INVALID_PARAMETER, "StructureSize");
}

/* decode: must be equal */
static inline void wire_const_u32(struct wire *w, const char *name, uint32_t value)
{
	uint32_t v = value;

	if (w->dir == WIRE_GENERATE)
		return;
	wire_u32(w, name, &v);
	if (v != value)
		wire_fail(w, STATUS_INVALID_PARAMETER, name);
}

/* Zeros out, anything in. _slow: where this cannot go on. */
void wire_reserved_slow(struct wire *w, size_t n) COLD;
static inline void wire_reserved(struct wire *w, size_t n)
{
	if (w->end - w->pos < n) {
		wire_reserved_slow(w, n);
		return;
	}
	if (w->dir == WIRE_ENCODE && n > 0)
		memset(w->base + w->pos, 0, n);
	w->pos += n;
}

void wire_time(struct wire *w, const char *name, uint64_t *v);          /* FILETIME; printed as a date */
void wire_bool(struct wire *w, const char *name, bool *v);              /* one byte; anything but 0 is true */
void wire_u16be(struct wire *w, const char *name, uint16_t *v);
void wire_u32be(struct wire *w, const char *name, uint32_t *v);
void wire_bytes(struct wire *w, const char *name, void *v, size_t n);   /* fixed array, copied */
void wire_guid(struct wire *w, const char *name, struct guid *v);
void wire_align(struct wire *w, size_t align);                          /* padding from base; decode: as much as there is */

/* The number of elements of an array that follows. Decoding, more than max is an error; generating, 0 to 4 within max. */
void wire_count16(struct wire *w, const char *name, uint16_t *v, uint16_t max);
void wire_count32(struct wire *w, const char *name, uint32_t *v, uint32_t max);
/* Memory for n elements while decoding or generating, zeroed; otherwise what is there already. `wire_size` is the least an
 * element takes on the wire: decoding, n of them must fit into the window before anything is allocated. */
void *wire_array(struct wire *w, const char *name, size_t n, size_t element_size, size_t wire_size, void *existing);

/* Encoding: overwrites a field of `size` bytes at `at`. Fails if the value does not fit into it. Other directions: nothing. */
void wire_patch(struct wire *w, const char *name, size_t at, uint8_t size, uint64_t value);
/* Encoding: zeros up to the position `until`: the single byte that an odd StructureSize counts where there is no buffer. */
void wire_pad_to(struct wire *w, size_t until);
/* A number below `bound` from the generator. */
uint64_t wire_random(struct wire *w, uint64_t bound);
/* Printing: a heading, and what follows one deeper until the end. */
void wire_group(struct wire *w, const char *name);
void wire_group_end(struct wire *w);

/* Offset and length fields, and later their buffer, behind the whole fixed part. Decoding moves pos only for a buffer
 * without an offset field. Decoding, wire_buffer gives the view that offset and length name and
 * fails unless it lies inside the window and behind the fixed part; a length of 0 gives an empty slice wherever the offset
 * points. Encoding, it aligns, copies *data (which may be there already) and writes both fields; nothing to copy makes no
 * padding and an offset to where it would be, but _or_none then writes 0. wire_buffer_elsewhere pads, writes the fields and
 * sets w->tail for bytes that the caller sends from another place directly behind pos; of *data only len counts.
 * wire_name is wire_buffer for UTF-16: an odd length is an error, and it is printed as text. */
void wire_ref_offset(struct wire *w, const char *name, struct wire_ref *r, uint8_t size);
void wire_ref_length(struct wire *w, const char *name, struct wire_ref *r, uint8_t size);
void wire_buffer(struct wire *w, const char *name, struct wire_ref *r, size_t align, struct slice *data);
void wire_buffer_elsewhere(struct wire *w, const char *name, struct wire_ref *r, size_t align, struct slice *data);

void wire_buffer_or_none(struct wire *w, const char *name, struct wire_ref *r, size_t align, struct slice *data);
void wire_name(struct wire *w, const char *name, struct wire_ref *r, size_t align, struct slice *data);

/* A length field of 1, 2 or 4 bytes whose bytes come later in the fixed order: wire_view or wire_text of s->len bytes. */
void wire_length(struct wire *w, const char *name, struct slice *s, uint8_t size);
void wire_text(struct wire *w, const char *name, struct slice *data); /* data->len bytes of UTF-16, as wire_view */

/* Encoding: appends w->tail, for tests and for callers that want the whole message in one piece. */
void wire_append_tail(struct wire *w);

/* The rest of the window, or n bytes of it, as a view. */
void wire_rest(struct wire *w, const char *name, struct slice *data);
void wire_view(struct wire *w, const char *name, size_t n, struct slice *data);

/* A cursor over [pos, pos + n) of w with the same base (or, _rebased, with base at pos). It starts with an error if w has
 * one or the range does not fit. Errors in it do not flow back: hand them on with wire_adopt. */
struct wire wire_window(struct wire *w, size_t pos, size_t n);
struct wire wire_window_rebased(struct wire *w, size_t pos, size_t n);
void wire_adopt(struct wire *w, const struct wire *inner);

#endif
