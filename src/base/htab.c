/* Chained hash table and the keyed hashes, see htab.h: SipHash-1-3 under a key drawn at first use, and for single numbers a mixer. */
#include "base/htab.h"

#include "base/random.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static uint64_t hash_key[2];
static pthread_once_t hash_key_once = PTHREAD_ONCE_INIT;
static _Atomic bool hash_key_drawn;

static void hash_key_draw(void)
{
	random_bytes(hash_key, sizeof(hash_key));
	atomic_store_explicit(&hash_key_drawn, true, memory_order_release);
}

static void hash_key_need(void)
{
	if (!atomic_load_explicit(&hash_key_drawn, memory_order_acquire))
		pthread_once(&hash_key_once, hash_key_draw);
}

static uint64_t rotl(uint64_t v, int n)
{
	return v << n | v >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1], v[1] = rotl(v[1], 13) ^ v[0], v[0] = rotl(v[0], 32);
	v[2] += v[3], v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3], v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1], v[1] = rotl(v[1], 17) ^ v[2], v[2] = rotl(v[2], 32);
}

uint64_t hash_bytes(const void *p, size_t n)
{
	const uint8_t *b = p;
	uint64_t last = (uint64_t)n << 56;
	uint64_t v[4];

	hash_key_need();
	v[0] = 0x736f6d6570736575u ^ hash_key[0];
	v[1] = 0x646f72616e646f6du ^ hash_key[1];
	v[2] = 0x6c7967656e657261u ^ hash_key[0];
	v[3] = 0x7465646279746573u ^ hash_key[1];
	for (; n >= 8; n -= 8, b += 8) {
		uint64_t m = load_le64(b);

		v[3] ^= m;
		sip_round(v);
		v[0] ^= m;
	}
	for (size_t i = 0; i < n; i++)
		last |= (uint64_t)b[i] << (8 * i);
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_u64(uint64_t v)
{
	hash_key_need();
	v ^= hash_key[0];
	v = (v ^ v >> 32) * 0xd6e8feb86659fd93u;
	v = (v ^ v >> 32) * 0xd6e8feb86659fd93u;
	return v ^ v >> 32 ^ hash_key[1];
}

static bool htab_resize(struct htab *t, size_t buckets)
{
	struct htab_node **fresh = calloc(buckets, sizeof(*fresh));

	if (!fresh)
		return false;
	for (size_t i = 0; t->buckets && i <= t->mask; i++) {
		while (t->buckets[i]) {
			struct htab_node *n = t->buckets[i];

			t->buckets[i] = n->next;
			n->next = fresh[n->hash & (buckets - 1)];
			fresh[n->hash & (buckets - 1)] = n;
		}
	}
	free(t->buckets);
	t->buckets = fresh;
	t->mask = buckets - 1;
	return true;
}

bool htab_insert(struct htab *t, struct htab_node *n, uint64_t hash)
{
	if (!t->buckets && !htab_resize(t, 8))
		return false;
	/* A table that cannot grow is slower and still right. */
	if (t->count > t->mask)
		(void)htab_resize(t, (t->mask + 1) * 2);
	n->hash = hash;
	n->next = t->buckets[hash & t->mask];
	t->buckets[hash & t->mask] = n;
	t->count++;
	return true;
}

struct htab_node *htab_find(const struct htab *t, uint64_t hash)
{
	struct htab_node *n = t->buckets ? t->buckets[hash & t->mask] : NULL;

	while (n && n->hash != hash)
		n = n->next;
	return n;
}

struct htab_node *htab_find_next(const struct htab_node *prev)
{
	struct htab_node *n = prev->next;

	while (n && n->hash != prev->hash)
		n = n->next;
	return n;
}

void htab_remove(struct htab *t, struct htab_node *n)
{
	struct htab_node **at = &t->buckets[n->hash & t->mask];

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	n->next = NULL;
	t->count--;
}

void htab_each(struct htab *t, void (*fn)(struct htab_node *n, void *arg), void *arg)
{
	for (size_t i = 0; t->buckets && i <= t->mask; i++) {
		struct htab_node *n = t->buckets[i];

		while (n) {
			struct htab_node *next = n->next;

			fn(n, arg);
			n = next;
		}
	}
}

void htab_free(struct htab *t)
{
	free(t->buckets);
	*t = (struct htab){0};
}
