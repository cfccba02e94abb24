/* The variable part of a message: offset and length fields, the buffers that they name, views of what is left. The checks of
 * "inside the window and behind the fixed part" are here and nowhere else. Called by the coders. */
#include "wire/wire_internal.h"

static void ref_field(struct wire *w, const char *name, uint8_t size, uint32_t *v)
{
	uint8_t v8 = 0;
	uint16_t v16 = 0;

	*v = 0;
	switch (size) {
	case 1:
		wire_u8(w, name, &v8);
		*v = v8;
		break;
	case 2:
		wire_u16(w, name, &v16);
		*v = v16;
		break;
	default:
		wire_u32(w, name, v);
	}
}

void wire_ref_offset(struct wire *w, const char *name, struct wire_ref *r, uint8_t size)
{
	r->offset_at = w->pos;
	r->offset_size = size;
	r->offset = 0;
	if (w->dir == WIRE_DECODE || w->dir == WIRE_ENCODE)
		ref_field(w, name, size, &r->offset);
}

void wire_ref_length(struct wire *w, const char *name, struct wire_ref *r, uint8_t size)
{
	r->length_at = w->pos;
	r->length_size = size;
	r->length = 0;
	if (w->dir == WIRE_DECODE || w->dir == WIRE_ENCODE)
		ref_field(w, name, size, &r->length);
}

static void buffer_decode(struct wire *w, const char *name, const struct wire_ref *r, size_t align, struct slice *data)
{
	size_t at = w->pos;

	*data = slice_of("", 0);
	if (r->offset_size != 0)
		at = r->origin + r->offset;
	else
		wire_align(w, align);
	if (!wire_ok(w) || r->length == 0)
		return;
	if (r->offset_size == 0) {
		wire_view(w, name, r->length, data);
		return;
	}
	if (at < w->pos || at > w->end || r->length > w->end - at)
		wire_fail(w, STATUS_INVALID_PARAMETER, name);
	else
		*data = slice_of(w->base + at, r->length);
}

static void generate_bytes(struct wire *w, const char *name, size_t n, struct slice *data)
{
	uint8_t *p = w->arena ? arena_alloc(w->arena, n) : NULL;

	*data = slice_of("", 0);
	if (!p) {
		wire_fail(w, STATUS_NO_MEMORY, name);
		return;
	}
	wire_fill_random(w, p, n);
	*data = slice_of(p, n);
}

static void ref_patch(struct wire *w, const char *name, const struct wire_ref *r, size_t offset, size_t len)
{
	wire_patch(w, name, r->offset_at, r->offset_size, offset);
	wire_patch(w, name, r->length_at, r->length_size, len);
}

static void copy_in(struct wire *w, const char *name, const struct slice *data)
{
	if (data->len == 0 || !wire_room(w, name, data->len))
		return;
	memmove(w->base + w->pos, data->data, data->len);
	w->pos += data->len;
}

static void buffer_encode(struct wire *w, const char *name, const struct wire_ref *r, size_t align, const struct slice *data, bool none)
{
	if (data->len == 0) {
		ref_patch(w, name, r, none ? 0 : w->pos - r->origin, 0);
		return;
	}
	wire_align(w, align);
	ref_patch(w, name, r, w->pos - r->origin, data->len);
	copy_in(w, name, data);
}

static void buffer(struct wire *w, const char *name, const struct wire_ref *r, size_t align, struct slice *data, bool none)
{
	switch (w->dir) {
	case WIRE_DECODE:
		buffer_decode(w, name, r, align, data);
		break;
	case WIRE_ENCODE:
		buffer_encode(w, name, r, align, data, none);
		break;
	case WIRE_PRINT:
		wire_print_bytes(w, name, *data);
		break;
	case WIRE_GENERATE:
		generate_bytes(w, name, wire_random(w, 4) == 0 ? 0 : wire_random(w, 100), data);
		break;
	}
}

void wire_buffer(struct wire *w, const char *name, struct wire_ref *r, size_t align, struct slice *data)
{
	buffer(w, name, r, align, data, false);
}

void wire_buffer_or_none(struct wire *w, const char *name, struct wire_ref *r, size_t align, struct slice *data)
{
	buffer(w, name, r, align, data, true);
}

void wire_buffer_elsewhere(struct wire *w, const char *name, struct wire_ref *r, size_t align, struct slice *data)
{
	if (w->dir != WIRE_ENCODE) {
		buffer(w, name, r, align, data, false);
		return;
	}
	if (data->len != 0)
		wire_align(w, align);
	ref_patch(w, name, r, w->pos - r->origin, data->len);
	w->tail = *data;
}

void wire_append_tail(struct wire *w)
{
	if (w->dir == WIRE_ENCODE)
		copy_in(w, "tail", &w->tail);
	w->tail = slice_of(NULL, 0);
}

void wire_name(struct wire *w, const char *name, struct wire_ref *r, size_t align, struct slice *data)
{
	switch (w->dir) {
	case WIRE_PRINT:
		wire_print_text(w, name, *data);
		break;
	case WIRE_GENERATE:
		generate_bytes(w, name, 2 * wire_random(w, 40), data);
		break;
	default:
		buffer(w, name, r, align, data, false);
		if (data->len % 2 != 0) {
			wire_fail(w, STATUS_INVALID_PARAMETER, name);
			*data = slice_of("", 0);
		}
	}
}

void wire_length(struct wire *w, const char *name, struct slice *s, uint8_t size)
{
	uint32_t len = 0;

	switch (w->dir) {
	case WIRE_DECODE:
		ref_field(w, name, size, &len);
		*s = slice_of("", len);
		break;
	case WIRE_ENCODE:
		if (!wire_room(w, name, size))
			return;
		w->pos += size;
		wire_patch(w, name, w->pos - size, size, s->len);
		break;
	case WIRE_PRINT:
		break;
	case WIRE_GENERATE:
		*s = slice_of("", 2 * wire_random(w, 40));
		break;
	}
}

void wire_view(struct wire *w, const char *name, size_t n, struct slice *data)
{
	switch (w->dir) {
	case WIRE_DECODE:
		*data = slice_of("", 0);
		if (n != 0 && wire_room(w, name, n)) {
			*data = slice_of(w->base + w->pos, n);
			w->pos += n;
		}
		break;
	case WIRE_ENCODE:
		if (data->len != n)
			wire_fail(w, STATUS_INVALID_PARAMETER, name);
		copy_in(w, name, data);
		break;
	case WIRE_PRINT:
		wire_print_bytes(w, name, *data);
		break;
	case WIRE_GENERATE:
		generate_bytes(w, name, n, data);
		break;
	}
}

void wire_text(struct wire *w, const char *name, struct slice *data)
{
	if (w->dir == WIRE_PRINT) {
		wire_print_text(w, name, *data);
		return;
	}
	if (data->len % 2 != 0)
		wire_fail(w, STATUS_INVALID_PARAMETER, name);
	wire_view(w, name, data->len, data);
}

void wire_rest(struct wire *w, const char *name, struct slice *data)
{
	switch (w->dir) {
	case WIRE_DECODE:
		wire_view(w, name, w->end - w->pos, data);
		break;
	case WIRE_GENERATE:
		generate_bytes(w, name, wire_random(w, 100), data);
		break;
	default:
		wire_view(w, name, data->len, data);
	}
}
