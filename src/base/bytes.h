/* Small things about memory that every folder needs: slices, little-endian loads and stores, zeroing, comparison in constant time. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <hythe/status.h>
#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MUST_USE HYTHE_MUST_USE
/* A function for what seldom happens. What leads to a call of it the compiler moves away from what runs for every request: the caches hold that, and not this. */
#define COLD __attribute__((cold))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* A view of bytes that somebody else owns. */
struct slice {
	const uint8_t *data;
	size_t len;
};

static inline struct slice slice_of(const void *data, size_t len)
{
	return (struct slice){data, len};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline uint16_t load_le16(const void *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static inline uint32_t load_le32(const void *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static inline uint64_t load_le64(const void *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static inline void store_le16(void *p, uint16_t v)
{
	v = htole16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void store_le32(void *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

static inline void store_le64(void *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

static inline uint32_t load_be32(const void *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

static inline void store_be32(void *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof(v));
}

static inline size_t round_up(size_t n, size_t align)
{
	return (n + align - 1) / align * align;
}

/* Zeroing that the compiler keeps: for keys and passwords. */
static inline void bytes_wipe(void *p, size_t n)
{
	explicit_bzero(p, n);
}

/* Compares without telling by its duration where the first difference is. */
bool bytes_equal_ct(const void *a, const void *b, size_t n);

/* Lower-case hexadecimal; `out` has room for 2 * n + 1 characters. */
void bytes_to_hex(char *out, const void *p, size_t n);

/* Reads exactly n bytes of hexadecimal digits in either case; false when there are fewer or others. Does not look past 2 * n characters. */
bool bytes_from_hex(void *out, size_t n, const char *hex);

#endif
