/* The cursor of wire.h: fixed fields in four directions, arrays, windows. Buffers with offsets are in wire_buffer.c.
 * Every coder of this folder runs over it; it knows no message. */
#include "wire/wire.h"

#include "wire/wire_internal.h"

struct wire wire_printer_of(const void *none, struct wire_printer *p)
{
	(void)none;
	return (struct wire){.dir = WIRE_PRINT, .printer = p};
}

struct wire wire_generator(uint64_t seed, struct arena *arena)
{
	return (struct wire){.dir = WIRE_GENERATE, .seed = seed, .arena = arena};
}

void wire_fail(struct wire *w, ntstatus why, const char *field)
{
	if (wire_ok(w)) {
		w->error = why;
		w->where = field;
	}
	w->end = w->pos;
}

bool wire_room(struct wire *w, const char *name, size_t n)
{
	if (!wire_ok(w))
		return false;
	if (w->end - w->pos >= n)
		return true;
	wire_fail(w, w->dir == WIRE_ENCODE ? STATUS_BUFFER_OVERFLOW : STATUS_INVALID_PARAMETER, name);
	return false;
}

void wire_store(uint8_t *p, size_t n, uint64_t v)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t number_get(const void *v, size_t n)
{
	switch (n) {
	case 1:
		return *(const uint8_t *)v;
	case 2:
		return *(const uint16_t *)v;
	case 4:
		return *(const uint32_t *)v;
	default:
		return *(const uint64_t *)v;
	}
}

static void number_set(void *v, size_t n, uint64_t x)
{
	switch (n) {
	case 1:
		*(uint8_t *)v = (uint8_t)x;
		break;
	case 2:
		*(uint16_t *)v = (uint16_t)x;
		break;
	case 4:
		*(uint32_t *)v = (uint32_t)x;
		break;
	default:
		*(uint64_t *)v = x;
	}
}

/* splitmix64 */
static uint64_t next_random(struct wire *w)
{
	uint64_t z = (w->seed += 0x9E3779B97F4A7C15u);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}

uint64_t wire_random(struct wire *w, uint64_t bound)
{
	return bound == 0 ? 0 : next_random(w) % bound;
}

/* Edge values as often as any others. */
static uint64_t random_number(struct wire *w)
{
	uint64_t x = next_random(w);

	switch (wire_random(w, 6)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return x & 0xFF;
	default:
		return x;
	}
}

/* What the inline functions leave: no room, or neither decoding nor encoding. */
void wire_number(struct wire *w, const char *name, void *v, size_t n)
{
	switch (w->dir) {
	case WIRE_DECODE:
		(void)wire_room(w, name, n);
		number_set(v, n, 0);
		break;
	case WIRE_ENCODE:
		(void)wire_room(w, name, n);
		break;
	case WIRE_PRINT:
		wire_print_number(w, name, number_get(v, n), n);
		break;
	case WIRE_GENERATE:
		number_set(v, n, random_number(w));
		break;
	}
}

void wire_time(struct wire *w, const char *name, uint64_t *v)
{
	if (w->dir == WIRE_PRINT)
		wire_print_time(w, name, *v);
	else
		wire_u64(w, name, v);
}

void wire_bool(struct wire *w, const char *name, bool *v)
{
	uint8_t b = w->dir == WIRE_ENCODE || w->dir == WIRE_PRINT ? *v : 0;

	wire_u8(w, name, &b);
	if (w->dir == WIRE_DECODE || w->dir == WIRE_GENERATE)
		*v = b != 0;
}

void wire_u16be(struct wire *w, const char *name, uint16_t *v)
{
	uint16_t x = w->dir == WIRE_ENCODE ? __builtin_bswap16(*v) : w->dir == WIRE_PRINT ? *v : 0;

	wire_u16(w, name, &x);
	if (w->dir == WIRE_DECODE || w->dir == WIRE_GENERATE)
		*v = __builtin_bswap16(x);
}

void wire_u32be(struct wire *w, const char *name, uint32_t *v)
{
	uint32_t x = w->dir == WIRE_ENCODE ? __builtin_bswap32(*v) : w->dir == WIRE_PRINT ? *v : 0;

	wire_u32(w, name, &x);
	if (w->dir == WIRE_DECODE || w->dir == WIRE_GENERATE)
		*v = __builtin_bswap32(x);
}

void wire_fill_random(struct wire *w, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)next_random(w);
}

void wire_bytes(struct wire *w, const char *name, void *v, size_t n)
{
	switch (w->dir) {
	case WIRE_DECODE:
		if (wire_room(w, name, n)) {
			memcpy(v, w->base + w->pos, n);
			w->pos += n;
		} else {
			memset(v, 0, n);
		}
		break;
	case WIRE_ENCODE:
		if (wire_room(w, name, n)) {
			memcpy(w->base + w->pos, v, n);
			w->pos += n;
		}
		break;
	case WIRE_PRINT:
		wire_print_bytes(w, name, slice_of(v, n));
		break;
	case WIRE_GENERATE:
		wire_fill_random(w, v, n);
		break;
	}
}

void wire_guid(struct wire *w, const char *name, struct guid *v)
{
	if (w->dir == WIRE_PRINT)
		wire_print_guid(w, name, v);
	else
		wire_bytes(w, name, v->b, sizeof(v->b));
}

void wire_reserved_slow(struct wire *w, size_t n)
{
	if (w->dir == WIRE_DECODE || w->dir == WIRE_ENCODE)
		(void)wire_room(w, "Reserved", n);
}

void wire_align(struct wire *w, size_t align)
{
	size_t n = align ? (align - w->pos % align) % align : 0;

	if (w->dir == WIRE_DECODE && n > w->end - w->pos)
		n = w->end - w->pos;
	wire_reserved(w, n);
}

void wire_pad_to(struct wire *w, size_t until)
{
	if (w->dir == WIRE_ENCODE && wire_ok(w) && w->pos < until)
		wire_reserved(w, until - w->pos);
}

void wire_count16(struct wire *w, const char *name, uint16_t *v, uint16_t max)
{
	uint32_t x = w->dir == WIRE_ENCODE || w->dir == WIRE_PRINT ? *v : 0;

	if (w->dir == WIRE_GENERATE) {
		*v = (uint16_t)wire_random(w, max < 4 ? max + 1u : 5);
		return;
	}
	wire_u16(w, name, v);
	if (w->dir == WIRE_DECODE)
		x = *v;
	if (x > max) {
		wire_fail(w, STATUS_INVALID_PARAMETER, name);
		if (w->dir == WIRE_DECODE)
			*v = 0;
	}
}

void wire_count32(struct wire *w, const char *name, uint32_t *v, uint32_t max)
{
	if (w->dir == WIRE_GENERATE) {
		*v = (uint32_t)wire_random(w, max < 4 ? max + 1u : 5);
		return;
	}
	wire_u32(w, name, v);
	if (*v > max) {
		wire_fail(w, STATUS_INVALID_PARAMETER, name);
		if (w->dir == WIRE_DECODE)
			*v = 0;
	}
}

void *wire_array(struct wire *w, const char *name, size_t n, size_t element_size, size_t wire_size, void *existing)
{
	void *p;

	if (w->dir == WIRE_ENCODE || w->dir == WIRE_PRINT)
		return existing;
	if (!wire_ok(w) || n == 0)
		return NULL;
	if (w->dir == WIRE_DECODE && (w->end - w->pos) / wire_size < n) {
		wire_fail(w, STATUS_INVALID_PARAMETER, name);
		return NULL;
	}
	p = w->arena ? arena_zalloc(w->arena, n * element_size) : NULL;
	if (!p)
		wire_fail(w, STATUS_NO_MEMORY, name);
	return p;
}

void wire_patch(struct wire *w, const char *name, size_t at, uint8_t size, uint64_t value)
{
	if (w->dir != WIRE_ENCODE || !wire_ok(w) || size == 0)
		return;
	if (size < 8 && value >> (8 * size) != 0) {
		wire_fail(w, STATUS_INVALID_PARAMETER, name);
		return;
	}
	wire_store(w->base + at, size, value);
}

struct wire wire_window(struct wire *w, size_t pos, size_t n)
{
	struct wire in = *w;

	if (w->dir == WIRE_PRINT || w->dir == WIRE_GENERATE || !wire_ok(w))
		return in;
	if (pos > w->end || n > w->end - pos) {
		wire_fail(&in, w->dir == WIRE_ENCODE ? STATUS_BUFFER_OVERFLOW : STATUS_INVALID_PARAMETER, "window");
		return in;
	}
	in.pos = pos;
	in.end = pos + n;
	return in;
}

struct wire wire_window_rebased(struct wire *w, size_t pos, size_t n)
{
	struct wire in = wire_window(w, pos, n);

	if (wire_ok(&in) && in.base) {
		in.base += pos;
		in.pos = 0;
		in.end = n;
	}
	return in;
}

void wire_adopt(struct wire *w, const struct wire *inner)
{
	if (!wire_ok(inner))
		wire_fail(w, inner->error, inner->where);
}
