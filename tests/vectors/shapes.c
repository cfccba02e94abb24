/* See shapes.h. Offsets are from the start of the body; the offsets in messages count from the header, 64 bytes before. */
#include "shapes.h"

struct hole {
	uint8_t at, len;
};
struct ref {
	uint8_t offset_at, offset_size, length_at, length_size; /* length_size 0: to the end of the message */
};
struct shape {
	uint8_t command, kind, fixed;
	struct hole reserved[3];
	struct ref refs[2];
	uint8_t count_at, element, element_reserved; /* an array right behind the fixed part; the last bytes of an element reserved */
};

/* In the order of [MS-SMB2] 2.2. */
static const struct shape shapes[] = {
	{SMB2_NEGOTIATE, SHAPE_REQ, 36, {{6, 2}}, {{0}}, 2, 2, 0},
	{SMB2_NEGOTIATE, SHAPE_RSP, 64, {{0}}, {{56, 2, 58, 2}}, 0, 0, 0},
	{SMB2_SESSION_SETUP, SHAPE_REQ, 24, {{0}}, {{12, 2, 14, 2}}, 0, 0, 0},
	{SMB2_SESSION_SETUP, SHAPE_RSP, 8, {{0}}, {{4, 2, 6, 2}}, 0, 0, 0},
	{SMB2_LOGOFF, SHAPE_REQ, 4, {{2, 2}}, {{0}}, 0, 0, 0},
	{SMB2_LOGOFF, SHAPE_RSP, 4, {{2, 2}}, {{0}}, 0, 0, 0},
	{SMB2_TREE_CONNECT, SHAPE_REQ, 8, {{0}}, {{4, 2, 6, 2}}, 0, 0, 0},
	{SMB2_TREE_CONNECT, SHAPE_RSP, 16, {{3, 1}}, {{0}}, 0, 0, 0},
	{SMB2_TREE_DISCONNECT, SHAPE_REQ, 4, {{2, 2}}, {{0}}, 0, 0, 0},
	{SMB2_TREE_DISCONNECT, SHAPE_RSP, 4, {{2, 2}}, {{0}}, 0, 0, 0},
	{SMB2_CREATE, SHAPE_REQ, 56, {{16, 8}}, {{44, 2, 46, 2}, {48, 4, 52, 4}}, 0, 0, 0},
	{SMB2_CREATE, SHAPE_RSP, 88, {{60, 4}}, {{80, 4, 84, 4}}, 0, 0, 0},
	{SMB2_CLOSE, SHAPE_REQ, 24, {{4, 4}}, {{0}}, 0, 0, 0},
	{SMB2_CLOSE, SHAPE_RSP, 60, {{4, 4}}, {{0}}, 0, 0, 0},
	{SMB2_FLUSH, SHAPE_REQ, 24, {{2, 6}}, {{0}}, 0, 0, 0},
	{SMB2_FLUSH, SHAPE_RSP, 4, {{2, 2}}, {{0}}, 0, 0, 0},
	{SMB2_READ, SHAPE_REQ, 48, {{0}}, {{44, 2, 46, 2}}, 0, 0, 0},
	{SMB2_READ, SHAPE_RSP, 16, {{3, 1}, {12, 4}}, {{2, 1, 4, 4}}, 0, 0, 0},
	{SMB2_WRITE, SHAPE_REQ, 48, {{0}}, {{2, 2, 4, 4}, {40, 2, 42, 2}}, 0, 0, 0},
	{SMB2_WRITE, SHAPE_RSP, 16, {{2, 2}, {12, 4}}, {{0}}, 0, 0, 0},
	{SMB2_LOCK, SHAPE_REQ, 24, {{0}}, {{0}}, 2, 24, 4},
	{SMB2_LOCK, SHAPE_RSP, 4, {{2, 2}}, {{0}}, 0, 0, 0},
	{SMB2_IOCTL, SHAPE_REQ, 56, {{2, 2}, {52, 4}}, {{24, 4, 28, 4}, {36, 4, 40, 4}}, 0, 0, 0},
	{SMB2_IOCTL, SHAPE_RSP, 48, {{2, 2}, {44, 4}}, {{24, 4, 28, 4}, {32, 4, 36, 4}}, 0, 0, 0},
	{SMB2_CANCEL, SHAPE_REQ, 4, {{2, 2}}, {{0}}, 0, 0, 0},
	{SMB2_ECHO, SHAPE_REQ, 4, {{2, 2}}, {{0}}, 0, 0, 0},
	{SMB2_ECHO, SHAPE_RSP, 4, {{2, 2}}, {{0}}, 0, 0, 0},
	{SMB2_QUERY_DIRECTORY, SHAPE_REQ, 32, {{0}}, {{24, 2, 26, 2}}, 0, 0, 0},
	{SMB2_QUERY_DIRECTORY, SHAPE_RSP, 8, {{0}}, {{2, 2, 4, 4}}, 0, 0, 0},
	{SMB2_CHANGE_NOTIFY, SHAPE_REQ, 32, {{28, 4}}, {{0}}, 0, 0, 0},
	{SMB2_CHANGE_NOTIFY, SHAPE_RSP, 8, {{0}}, {{2, 2, 4, 4}}, 0, 0, 0},
	{SMB2_QUERY_INFO, SHAPE_REQ, 40, {{10, 2}}, {{8, 2, 12, 4}}, 0, 0, 0},
	{SMB2_QUERY_INFO, SHAPE_RSP, 8, {{0}}, {{2, 2, 4, 4}}, 0, 0, 0},
	{SMB2_SET_INFO, SHAPE_REQ, 32, {{10, 2}}, {{8, 2, 4, 4}}, 0, 0, 0},
	{SMB2_SET_INFO, SHAPE_RSP, 2, {{0}}, {{0}}, 0, 0, 0},
	{SMB2_OPLOCK_BREAK, SHAPE_REQ, 24, {{3, 5}}, {{0}}, 0, 0, 0},
	{SMB2_OPLOCK_BREAK, SHAPE_RSP, 24, {{3, 5}}, {{0}}, 0, 0, 0},
	{SMB2_OPLOCK_BREAK, SHAPE_LEASE_ACK, 36, {{2, 2}}, {{0}}, 0, 0, 0},
	{SMB2_OPLOCK_BREAK, SHAPE_LEASE_BREAK, 44, {{0}}, {{0}}, 0, 0, 0},
};
static const struct shape error_shape = {0, SHAPE_ERROR, 8, {{3, 1}}, {{0}}, 0, 0, 0};

static const struct shape *shape_of(uint16_t command, enum shape_kind kind)
{
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		if (shapes[i].command == command && shapes[i].kind == kind)
			return &shapes[i];
	}
	return &error_shape;
}

static uint32_t number(struct slice s, size_t at, size_t size)
{
	uint32_t v = 0;

	for (size_t i = size; i-- > 0;)
		v = v << 8 | s.data[at + i];
	return v;
}

static bool means_something(const struct shape *k, size_t at)
{
	for (size_t i = 0; i < ARRAY_LEN(k->reserved); i++) {
		if (at >= k->reserved[i].at && at < (size_t)k->reserved[i].at + k->reserved[i].len)
			return false;
	}
	for (size_t i = 0; i < ARRAY_LEN(k->refs); i++) {
		if (at >= k->refs[i].offset_at && at < (size_t)k->refs[i].offset_at + k->refs[i].offset_size)
			return false; /* offsets are compared by what they lead to */
	}
	return true;
}

static bool buffers_equal(const struct ref *r, struct slice in, struct slice out, bool *moved)
{
	size_t a = number(in, r->offset_at, r->offset_size), b = number(out, r->offset_at, r->offset_size);
	size_t len = number(in, r->length_at, r->length_size);

	if (len == 0)
		return true;
	if (a < 64 || b < 64 || a - 64 > in.len || b - 64 > out.len || len > in.len - (a - 64) || len > out.len - (b - 64))
		return false;
	*moved = *moved || a != b;
	return memcmp(in.data + a - 64, out.data + b - 64, len) == 0;
}

/* Where an array, an error's data or the contexts of a NEGOTIATE begin and end: compared byte by byte. */
static void variable_part(const struct shape *k, struct slice in, size_t *from, size_t *to)
{
	*from = *to = k->fixed;
	if (k->element)
		*to += number(in, k->count_at, 2) * (size_t)k->element;
	else if (k->kind == SHAPE_ERROR)
		*to += number(in, 4, 4);
	if (k->command == SMB2_NEGOTIATE && k->kind == SHAPE_RSP && number(in, 4, 2) == SMB2_DIALECT_311) {
		*from = number(in, 60, 4) - 64;
		*to = in.len;
	}
	if (k->command == SMB2_NEGOTIATE && k->kind == SHAPE_REQ && number(in, 32, 2) != 0)
		*to = in.len;
}

struct shape_verdict shape_compare(uint16_t command, enum shape_kind kind, struct slice in, struct slice out)
{
	const struct shape *k = shape_of(command, kind);
	struct shape_verdict v = {.equal = false};
	size_t from, to;

	for (v.at = 0; v.at < k->fixed; v.at++) {
		if (v.at >= in.len || v.at >= out.len || (in.data[v.at] != out.data[v.at] && means_something(k, v.at)))
			return v;
	}
	variable_part(k, in, &from, &to);
	for (v.at = from; v.at < to; v.at++) {
		if (k->element && v.at < k->fixed + number(in, k->count_at, 2) * (size_t)k->element &&
			(v.at - k->fixed) % k->element >= (size_t)(k->element - k->element_reserved))
			continue;
		if (v.at >= in.len || v.at >= out.len || in.data[v.at] != out.data[v.at])
			return v;
	}
	for (size_t i = 0; i < ARRAY_LEN(k->refs); i++) {
		if (k->refs[i].offset_size && !buffers_equal(&k->refs[i], in, out, &v.moved))
			return v;
	}
	v.equal = true;
	return v;
}
