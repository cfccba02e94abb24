/* Mutations that keep an input in pieces: a new legal message, a piece changed on its own, taken out, said again, or another way to begin. Without
 * them nearly all that libFuzzer tries would fail at a length or a structure's size. */
#include "fuzz.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

enum { PREAMBLE = 2, LENGTH = 2, PIECES_MAX = 32, TRIES = 8 };

static struct { size_t at, len; } pieces[PIECES_MAX];

/* The pieces of the input; how many. */
static size_t take_apart(const uint8_t *data, size_t size)
{
	size_t n = 0, at = PREAMBLE;

	while (n < PIECES_MAX && at + LENGTH < size) {
		size_t len = load_le16(data + at);

		if (len > size - at - LENGTH)
			len = size - at - LENGTH;
		pieces[n].at = at;
		pieces[n++].len = len;
		at += LENGTH + len;
	}
	return n;
}

/* Puts `piece` where `drop` bytes were. The new size. */
static size_t put(uint8_t *data, size_t size, size_t max, size_t at, size_t drop, struct slice piece)
{
	size_t room = piece.len > 0 ? LENGTH + piece.len : 0;

	if (size - drop + room > max)
		return size;
	memmove(data + at + room, data + at + drop, size - at - drop);
	if (room > 0) {
		store_le16(data + at, (uint16_t)piece.len);
		memcpy(data + at + LENGTH, piece.data, piece.len);
	}
	return size - drop + room;
}

static size_t put_new(uint8_t *data, size_t size, size_t max, size_t at, struct wire *r)
{
	uint8_t piece[FUZZ_PIECE_BYTES];
	size_t len = 0;

	for (unsigned i = 0; i < TRIES && len == 0; i++)
		len = fuzz_generate(wire_random(r, UINT64_MAX), piece);
	return put(data, size, max, at, 0, slice_of(piece, len));
}

static size_t change(uint8_t *data, size_t size, size_t max, size_t i)
{
	uint8_t piece[FUZZ_PIECE_BYTES];
	size_t len = pieces[i].len < sizeof(piece) ? pieces[i].len : sizeof(piece);

	memcpy(piece, data + pieces[i].at + LENGTH, len);
	len = LLVMFuzzerMutate(piece, len, sizeof(piece));
	return put(data, size, max, pieces[i].at, LENGTH + pieces[i].len, slice_of(piece, len));
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	struct wire r = wire_generator(seed, NULL);
	uint8_t piece[FUZZ_PIECE_BYTES];
	size_t n, i, len;

	if (max_size < PREAMBLE + LENGTH)
		return size;
	while (size < PREAMBLE)
		data[size++] = (uint8_t)wire_random(&r, 256);
	n = take_apart(data, size);
	i = n > 0 ? (size_t)wire_random(&r, n) : 0;
	switch (wire_random(&r, 10)) {
	case 0:
		data[wire_random(&r, PREAMBLE)] = (uint8_t)wire_random(&r, 256);
		return size;
	case 1:
		return LLVMFuzzerMutate(data, size, max_size);
	case 2:
		return n > 0 ? put(data, size, max_size, pieces[i].at, LENGTH + pieces[i].len, slice_of("", 0)) : size;
	case 3:
		len = n > 0 && pieces[i].len < sizeof(piece) ? pieces[i].len : 0;
		memcpy(piece, data + (len > 0 ? pieces[i].at + LENGTH : 0), len);
		return put(data, size, max_size, len > 0 ? pieces[wire_random(&r, n)].at : size, 0, slice_of(piece, len));
	case 4: case 5: case 6:
		return put_new(data, size, max_size, n > 0 && wire_random(&r, 2) ? pieces[i].at : size, &r);
	default:
		return n > 0 ? change(data, size, max_size, i) : put_new(data, size, max_size, size, &r);
	}
}

/* A name that is likely to be there, or to be made. */
struct slice fuzz_name(struct wire *random, bool unicode)
{
	static const char *const names[] = {"file", "dir", "dir\\inner", "new", "", "*", "file:stream", "dir\\*", "FILE", "longer name.text", "srvsvc", "..\\x"};
	static uint8_t wide[64];
	const char *name = names[wire_random(random, ARRAY_LEN(names))];
	size_t n = strlen(name);

	if (!unicode)
		return slice_of(name, n);
	for (size_t i = 0; i < n; i++)
		store_le16(wide + 2 * i, (uint8_t)name[i]);
	return slice_of(wide, 2 * n);
}
