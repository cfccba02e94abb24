/* How fast messages are signed and sealed: each algorithm at the sizes of a small request, a page and a large READ, in
 * nanoseconds a message and gigabytes a second. Processor time, so that a busy machine disturbs little; it takes some
 * six seconds. */
#include "crypto/crypto.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const size_t sizes[] = {128, 4096, 1048576};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One way to treat a message. */
struct subject {
	const char *name;
	struct sign_key *sign;
	struct seal_key *seal;
	size_t parts; /* how the message lies in memory: one piece, or header and payload */
};

static void once(const struct subject *s, uint8_t *data, size_t size, uint64_t number)
{
	uint8_t nonce[12] = {0}, aad[32] = {0}, tag[16];
	struct iovec parts[] = {{data, s->parts == 1 ? size : 64}, {data + 64, size - 64}};
	ntstatus status;

	memcpy(nonce, &number, sizeof(number));
	status = s->sign ? sign_compute(s->sign, nonce, parts, s->parts, tag)
			 : seal_encrypt(s->seal, nonce, slice_of(aad, sizeof(aad)), parts, s->parts, NULL, tag);
	if (!nt_ok(status))
		abort();
}

static void measure(const struct subject *s, uint8_t *data, size_t size)
{
	uint64_t n = 0, step = size > 100000 ? 8 : 1000;
	double start = now(), took;

	do {
		for (uint64_t i = 0; i < step; i++)
			once(s, data, size, n++);
		took = now() - start;
	} while (took < 0.2);
	printf("%-24s %8zu bytes %10.0f ns %8.2f GB/s\n", s->name, size, took / (double)n * 1e9,
		(double)n * (double)size / took / 1e9);
}

int main(void)
{
	uint8_t key[32] = {42}, *data = calloc(1, sizes[ARRAY_LEN(sizes) - 1]);
	struct subject subjects[] = {
		{"sign HMAC-SHA256", sign_key_new(SIGN_HMAC_SHA256, key), NULL, 2},
		{"sign AES-128-CMAC", sign_key_new(SIGN_AES_CMAC, key), NULL, 2},
		{"sign AES-128-GMAC", sign_key_new(SIGN_AES_GMAC, key), NULL, 2},
		{"seal AES-128-GCM", NULL, seal_key_new(SEAL_AES128_GCM, key, 16), 2},
		{"seal AES-256-GCM", NULL, seal_key_new(SEAL_AES256_GCM, key, 32), 2},
		{"seal AES-128-CCM", NULL, seal_key_new(SEAL_AES128_CCM, key, 16), 1},
		{"seal AES-128-CCM, parts", NULL, seal_key_new(SEAL_AES128_CCM, key, 16), 2},
		{"seal AES-256-CCM", NULL, seal_key_new(SEAL_AES256_CCM, key, 32), 1},
	};

	if (!data)
		return 1;
	for (size_t i = 0; i < ARRAY_LEN(subjects); i++) {
		if (!subjects[i].sign && !subjects[i].seal)
			return 1;
		for (size_t k = 0; k < ARRAY_LEN(sizes); k++)
			measure(&subjects[i], data, sizes[k]);
		sign_key_free(subjects[i].sign);
		seal_key_free(subjects[i].seal);
	}
	free(data);
	return 0;
}
