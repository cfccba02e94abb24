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
};

/* A place in the fixed part whose offset and length fields wait for their buffer. */
struct wire_ref {
	size_t offset_at, length_at; /* where the fields are, from base */
	uint8_t offset_size, length_size; /* 1, 2 or 4 bytes; 0: no such field */
	uint32_t offset, length; /* decoded values */
};

/* Cursors. A decoder never writes through base. */
struct wire wire_decoder(const void *base, size_t pos, size_t end, struct arena *arena);
struct wire wire_encoder(void *base, size_t pos, size_t cap);
struct wire wire_printer_of(const void *none, struct wire_printer *p);
struct wire wire_generator(uint64_t seed, struct arena *arena);

static inline bool wire_ok(const struct wire *w)
{
	return nt_ok(w->error);
}

/* Sets the sticky error unless one is set. */
void wire_fail(struct wire *w, ntstatus why, const char *field);

/* Bytes left in the window. */
static inline size_t wire_left(const struct wire *w)
{
	return wire_ok(w) && w->pos < w->end ? w->end - w->pos : 0;
}

/* Fixed fields. `name` is the specification's; it is printed and reported. */
void wire_u8(struct wire *w, const char *name, uint8_t *v);
void wire_u16(struct wire *w, const char *name, uint16_t *v);
void wire_u32(struct wire *w, const char *name, uint32_t *v);
void wire_u64(struct wire *w, const char *name, uint64_t *v);
void wire_u16be(struct wire *w, const char *name, uint16_t *v);
void wire_u32be(struct wire *w, const char *name, uint32_t *v);
void wire_bytes(struct wire *w, const char *name, void *v, size_t n);   /* fixed array, copied */
void wire_guid(struct wire *w, const char *name, struct guid *v);
void wire_struct_size(struct wire *w, uint16_t size);                   /* StructureSize; decode: must be equal */
void wire_const_u32(struct wire *w, const char *name, uint32_t value);  /* decode: must be equal */
void wire_reserved(struct wire *w, size_t n);                           /* zeros out, anything in */
void wire_align(struct wire *w, size_t align);                          /* padding from base */

/* Offset and length fields, and later their buffer. Decoding, wire_buffer gives the view that offset and length name and
 * fails unless it lies inside the window and behind the fixed part; a length of 0 gives an empty slice wherever the offset
 * points. Encoding, it aligns, copies *data and writes both fields. wire_buffer_elsewhere writes the fields for bytes that
 * the caller sends from another place directly behind what was encoded. */
void wire_ref_offset(struct wire *w, const char *name, struct wire_ref *r, uint8_t size);
void wire_ref_length(struct wire *w, const char *name, struct wire_ref *r, uint8_t size);
void wire_buffer(struct wire *w, const char *name, struct wire_ref *r, size_t align, struct slice *data);
void wire_buffer_elsewhere(struct wire *w, const char *name, struct wire_ref *r, size_t align, struct slice *data);

/* The rest of the window, or n bytes of it, as a view. */
void wire_rest(struct wire *w, const char *name, struct slice *data);
void wire_view(struct wire *w, const char *name, size_t n, struct slice *data);

/* A cursor over [pos, pos + n) of w with the same base (or, _rebased, with base at pos). It starts with an error if w has
 * one or the range does not fit. Errors in it do not flow back: hand them on with wire_adopt. */
struct wire wire_window(struct wire *w, size_t pos, size_t n);
struct wire wire_window_rebased(struct wire *w, size_t pos, size_t n);
void wire_adopt(struct wire *w, const struct wire *inner);

#endif
