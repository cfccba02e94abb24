/* Properties that hold for every coder of src/wire, checked on generated values: encoding and decoding are inverse; nothing
 * reads outside its bytes, whatever is cut off or flipped (the bytes end where an allocation ends, so the sanitizer sees it).
 * A failure prints the row and the seed; HYTHE_SEED and HYTHE_ROUNDS choose others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec_rows.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_BYTES = 65536, FLIPPED_BYTES = 160 };

static uint64_t first_seed = 1;
static unsigned rounds = 12;

struct sample {
	uint8_t *data; /* exactly len bytes */
	size_t len;
};

static struct sample encode(const struct codec_row *r, void *m)
{
	uint8_t *buf = calloc(1, MAX_BYTES);
	struct wire w = wire_encoder(buf, r->start, MAX_BYTES);
	struct sample s = {0};

	r->code(&w, m);
	wire_append_tail(&w);
	if (!wire_ok(&w)) {
		free(buf);
		return s;
	}
	s.data = malloc(w.pos ? w.pos : 1);
	s.len = w.pos;
	memcpy(s.data, buf, w.pos);
	free(buf);
	return s;
}

static struct sample generate(const struct codec_row *r, uint64_t seed, struct arena *a)
{
	void *m = calloc(1, r->size);
	struct wire w = wire_generator(seed, a);
	struct sample s;

	r->code(&w, m);
	if (!wire_ok(&w))
		fail_msg("%s seed %llu: generating failed at %s", r->name, (unsigned long long)seed, w.where);
	s = encode(r, m);
	if (!s.data)
		fail_msg("%s seed %llu: encoding what was generated failed", r->name, (unsigned long long)seed);
	free(m);
	return s;
}

static void count_line(void *arg, const char *text)
{
	(*(unsigned *)arg)++;
	assert_non_null(text);
}

/* Decodes exactly len bytes from a fresh allocation; what decodes is printed and encoded too. true: decoded. */
static bool decode(const struct codec_row *r, const uint8_t *data, size_t len, struct sample *again)
{
	unsigned lines = 0;
	struct wire_printer printer = {count_line, &lines, 0};
	uint8_t *copy = malloc(len ? len : 1);
	void *m = calloc(1, r->size);
	struct arena a;
	struct wire w, p = wire_printer_of(NULL, &printer);
	bool ok;

	arena_init(&a, NULL, 0, 64u << 20);
	memcpy(copy, data, len);
	w = wire_decoder(copy, r->start < len ? r->start : len, len, &a);
	r->code(&w, m);
	ok = wire_ok(&w);
	if (ok) {
		r->code(&p, m);
		*again = encode(r, m);
	} else {
		assert_non_null(w.where);
		assert_int_equal(wire_left(&w), 0);
	}
	arena_reset(&a);
	free(m);
	free(copy);
	return ok;
}

static void each_sample(void (*check)(const struct codec_row *r, const struct sample *s, uint64_t seed))
{
	for (size_t i = 0; i < codec_row_count(); i++) {
		struct codec_row r = codec_row_at(i);

		for (uint64_t seed = first_seed; seed < first_seed + rounds; seed++) {
			struct arena a;
			struct sample s;

			arena_init(&a, NULL, 0, 0);
			s = generate(&r, seed, &a);
			check(&r, &s, seed);
			free(s.data);
			arena_reset(&a);
		}
	}
}

static void check_round_trip(const struct codec_row *r, const struct sample *s, uint64_t seed)
{
	struct sample again = {0};

	if (!decode(r, s->data, s->len, &again))
		fail_msg("%s seed %llu: does not decode", r->name, (unsigned long long)seed);
	if (again.len != s->len || memcmp(again.data, s->data, s->len) != 0)
		fail_msg("%s seed %llu: encodes differently the second time", r->name, (unsigned long long)seed);
	free(again.data);
}

static void test_every_coder_decodes_what_it_encodes(void **state)
{
	(void)state;
	rounds *= 10;
	each_sample(check_round_trip);
	rounds /= 10;
}

static void check_truncation(const struct codec_row *r, const struct sample *s, uint64_t seed)
{
	for (size_t len = r->start; len < s->len; len++) {
		struct sample again = {0};
		bool ok = decode(r, s->data, len, &again);

		if (ok && len < r->start + r->fixed)
			fail_msg("%s seed %llu: decodes from %zu bytes", r->name, (unsigned long long)seed, len);
		free(again.data);
	}
}

static void test_every_truncation_is_refused_or_read_within_bounds(void **state)
{
	(void)state;
	each_sample(check_truncation);
}

static void check_flips(const struct codec_row *r, const struct sample *s, uint64_t seed)
{
	(void)seed;
	for (size_t bit = 8 * r->start; bit < 8 * s->len && bit < 8 * (r->start + FLIPPED_BYTES); bit++) {
		struct sample again = {0};

		s->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		(void)decode(r, s->data, s->len, &again);
		s->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		free(again.data);
	}
}

static void test_every_flipped_bit_is_refused_or_read_within_bounds(void **state)
{
	(void)state;
	rounds = (rounds + 3) / 4;
	each_sample(check_flips);
	rounds *= 4;
}

/* An encoder that runs out of room says so and writes nothing behind the end. */
static void check_no_room(const struct codec_row *r, const struct sample *s, uint64_t seed)
{
	void *m = calloc(1, r->size);
	struct arena a;
	struct wire w;

	arena_init(&a, NULL, 0, 0);
	w = wire_decoder(s->data, r->start, s->len, &a);
	r->code(&w, m);
	for (size_t cap = r->start; cap < s->len; cap++) {
		uint8_t *buf = malloc(cap ? cap : 1);

		memset(buf, 0, cap);
		w = wire_encoder(buf, r->start, cap);
		r->code(&w, m);
		wire_append_tail(&w);
		if (!nt_is(w.error, STATUS_BUFFER_OVERFLOW))
			fail_msg("%s seed %llu: %zu bytes fit into %zu", r->name, (unsigned long long)seed, s->len, cap);
		free(buf);
	}
	free(m);
	arena_reset(&a);
}

static void test_an_encoder_without_room_says_buffer_overflow(void **state)
{
	(void)state;
	each_sample(check_no_room);
}

/* Random bytes through every iterator: ends, and stays inside. */
static void test_lists_of_random_bytes_end(void **state)
{
	struct wire g = wire_generator(first_seed, NULL);

	(void)state;
	for (size_t i = 0; i < list_row_count(); i++) {
		for (unsigned n = 0; n < 300 * rounds; n++) {
			size_t len = wire_random(&g, 400);
			uint8_t *data = malloc(len ? len : 1);

			for (size_t k = 0; k < len; k++)
				data[k] = wire_random(&g, 3) ? 0 : (uint8_t)wire_random(&g, wire_random(&g, 2) ? 256 : 32);
			assert_true(list_row_at(i).walk(slice_of(data, len)) <= (int)len);
			free(data);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_coder_decodes_what_it_encodes),
		cmocka_unit_test(test_every_truncation_is_refused_or_read_within_bounds),
		cmocka_unit_test(test_every_flipped_bit_is_refused_or_read_within_bounds),
		cmocka_unit_test(test_an_encoder_without_room_says_buffer_overflow),
		cmocka_unit_test(test_lists_of_random_bytes_end),
	};

	if (getenv("HYTHE_SEED"))
		first_seed = strtoull(getenv("HYTHE_SEED"), NULL, 10);
	if (getenv("HYTHE_ROUNDS"))
		rounds = (unsigned)strtoul(getenv("HYTHE_ROUNDS"), NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
