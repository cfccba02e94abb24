/* NDR primitives, see ndr.h (C706 14.2, 14.3). Called by the interfaces of this folder and by rpc_client.c. */
#include "rpc/ndr.h"

#include "base/utf16.h"

enum { NDR_STRING_MAX_UNITS = 32768 };

void ndr_u32(struct wire *w, const char *name, uint32_t *v)
{
	wire_align(w, 4);
	wire_u32(w, name, v);
}

void ndr_put_u32(struct wire *w, uint32_t v)
{
	ndr_u32(w, "value", &v);
}

bool ndr_pointer(struct wire *w, const char *name, bool there)
{
	/* Any number but 0 will do while nothing is aliased; this one differs from pointer to pointer. */
	uint32_t id = there ? 0x00020000u + (uint32_t)w->pos : 0;

	ndr_u32(w, name, &id);
	return wire_ok(w) && id != 0;
}

/* C706 14.3.4.2: maximum count, offset, actual count, units */
struct slice ndr_string_get(struct wire *w, const char *name)
{
	uint32_t max, offset, count;
	struct slice s = {NULL, 0};

	ndr_u32(w, name, &max);
	ndr_u32(w, name, &offset);
	ndr_u32(w, name, &count);
	if (!wire_ok(w))
		return s;
	if (offset != 0 || count == 0 || count > max || count > NDR_STRING_MAX_UNITS) {
		wire_fail(w, STATUS_INVALID_PARAMETER, name);
		return s;
	}
	wire_view(w, name, 2 * (size_t)count, &s);
	if (wire_ok(w) && utf16_at(s, count - 1) != 0)
		wire_fail(w, STATUS_INVALID_PARAMETER, name);
	return wire_ok(w) ? slice_of(s.data, s.len - 2) : slice_of(NULL, 0);
}

void ndr_string_put(struct wire *w, const char *text)
{
	uint8_t units[2 * 1024 + 2];
	size_t n = utf8_to_utf16(units, sizeof(units) - 2, text, strlen(text));
	uint32_t count;

	if (n == SIZE_MAX)
		n = 0;
	units[n] = units[n + 1] = 0;
	n += 2;
	count = (uint32_t)(n / 2);
	ndr_put_u32(w, count);
	ndr_put_u32(w, 0);
	ndr_put_u32(w, count);
	wire_bytes(w, "string", units, n);
}

bool rpc_text_take(char *out, size_t cap, struct slice wide)
{
	size_t n = utf16_to_utf8(out, cap, wide);

	if (n != SIZE_MAX && strlen(out) == n)
		return true;
	out[0] = 0;
	return false;
}

bool rpc_name_equal(const char *a, const char *b)
{
	uint8_t wide_a[512], wide_b[512];
	size_t n_a = utf8_to_utf16(wide_a, sizeof(wide_a), a, strlen(a)), n_b = utf8_to_utf16(wide_b, sizeof(wide_b), b, strlen(b));

	return n_a != SIZE_MAX && n_b != SIZE_MAX && utf16_equal_nocase(slice_of(wide_a, n_a), slice_of(wide_b, n_b));
}
