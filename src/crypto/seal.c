/* Encryption of messages, [MS-SMB2] 3.1.4.3: AES-CCM and AES-GCM with 128- and 256-bit keys and a tag of 16 bytes.
 * Called by proto, which builds nonces and associated data. CCM must know the length first and takes the message in one
 * piece; GCM takes it in parts. */
#include "crypto/algs.h"
#include "crypto/wide.h"

#include "base/buf.h"

#include <limits.h>
#include <openssl/err.h>
#include <stdlib.h>

enum { TAG_BYTES = 16 };

/* The values are OpenSSL's. */
enum direction { OPEN = 0, SEAL = 1 };

struct seal_key {
	enum seal_cipher cipher;
	uint8_t key[32];
	struct ctx_pool pools[2]; /* EVP_CIPHER_CTX by direction: OpenSSL's CCM picks its code when the key is set */
	struct wide_key *_Atomic wide; /* in their place, for GCM where there is wide_gcm */
};

static bool is_ccm(enum seal_cipher c)
{
	return c == SEAL_AES128_CCM || c == SEAL_AES256_CCM;
}

size_t seal_nonce_len(enum seal_cipher cipher)
{
	return is_ccm(cipher) ? 11 : 12;
}

size_t seal_key_len(enum seal_cipher cipher)
{
	return cipher == SEAL_AES256_CCM || cipher == SEAL_AES256_GCM ? 32 : 16;
}

static const EVP_CIPHER *cipher_of(enum seal_cipher c)
{
	const struct crypto_algs *a = crypto_algs();

	switch (c) {
	case SEAL_AES128_CCM:
		return a->aes128_ccm;
	case SEAL_AES128_GCM:
		return a->aes128_gcm;
	case SEAL_AES256_CCM:
		return a->aes256_ccm;
	case SEAL_AES256_GCM:
		return a->aes256_gcm;
	case SEAL_NONE:
		break;
	}
	return NULL;
}

static EVP_CIPHER_CTX *ctx_new(const struct seal_key *k, enum direction d)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool ok = ctx && EVP_CipherInit_ex2(ctx, cipher_of(k->cipher), NULL, NULL, (int)d, NULL) == 1;

	if (ok && is_ccm(k->cipher))
		ok = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, 11, NULL) == 1 &&
		     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, NULL) == 1;
	ok = ok && EVP_CipherInit_ex2(ctx, NULL, k->key, NULL, (int)d, NULL) == 1;
	if (!ok) {
		EVP_CIPHER_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

struct seal_key *seal_key_new(enum seal_cipher cipher, const uint8_t *key, size_t key_len)
{
	struct seal_key *k;

	if (!crypto_algs() || !cipher_of(cipher) || key_len != seal_key_len(cipher))
		return NULL;
	k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	k->cipher = cipher;
	memcpy(k->key, key, key_len);
	return k;
}

void seal_key_free(struct seal_key *k)
{
	void *ctx;

	if (!k)
		return;
	if (k->wide)
		wide_gcm()->key_free(k->wide);
	for (size_t d = OPEN; d <= SEAL; d++)
		while ((ctx = ctx_pool_take(&k->pools[d])))
			EVP_CIPHER_CTX_free(ctx);
	bytes_wipe(k, sizeof(*k));
	free(k);
}

/* Gives ctx back after a message; one that failed may be half-way through it and is thrown away. */
static void ctx_done(struct seal_key *k, enum direction d, EVP_CIPHER_CTX *ctx, bool ok)
{
	if (!ok || !ctx_pool_give(&k->pools[d], ctx))
		EVP_CIPHER_CTX_free(ctx);
}

static EVP_CIPHER_CTX *ctx_take(struct seal_key *k, enum direction d)
{
	EVP_CIPHER_CTX *ctx = ctx_pool_take(&k->pools[d]);

	return ctx ? ctx : ctx_new(k, d);
}

/* out: NULL for in place. */
static bool gcm_encrypt(EVP_CIPHER_CTX *ctx, const uint8_t *nonce, struct slice aad, const struct iovec *parts, size_t n, uint8_t *out,
	uint8_t *tag)
{
	uint8_t rest[16];
	int len;

	if (EVP_CipherInit_ex2(ctx, NULL, NULL, nonce, SEAL, NULL) != 1)
		return false;
	if (aad.len > 0 && EVP_EncryptUpdate(ctx, NULL, &len, aad.data, (int)aad.len) != 1)
		return false;
	for (size_t i = 0; i < n; i++) {
		uint8_t *to = out ? out : parts[i].iov_base;

		if (parts[i].iov_len > 0 && EVP_EncryptUpdate(ctx, to, &len, parts[i].iov_base, (int)parts[i].iov_len) != 1)
			return false;
		if (out)
			out += parts[i].iov_len;
	}
	return EVP_EncryptFinal_ex(ctx, rest, &len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, tag) == 1;
}

static bool ccm_encrypt(
	EVP_CIPHER_CTX *ctx, const uint8_t *nonce, struct slice aad, uint8_t *data, size_t size, uint8_t *tag)
{
	int len;

	if (EVP_CipherInit_ex2(ctx, NULL, NULL, nonce, SEAL, NULL) != 1 ||
		EVP_EncryptUpdate(ctx, NULL, &len, NULL, (int)size) != 1)
		return false;
	if (aad.len > 0 && EVP_EncryptUpdate(ctx, NULL, &len, aad.data, (int)aad.len) != 1)
		return false;
	return EVP_EncryptUpdate(ctx, data, &len, data, (int)size) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, tag) == 1;
}

/* false: OpenSSL does it. *key NULL: out of memory. */
static bool wide_of(struct seal_key *k, const struct wide_gcm **w, const struct wide_key **key)
{
	*w = is_ccm(k->cipher) ? NULL : wide_gcm();
	if (*w)
		*key = wide_key(*w, &k->wide, k->key, seal_key_len(k->cipher));
	return *w != NULL;
}

static void gather(uint8_t *out, const struct iovec *parts, size_t n)
{
	for (size_t i = 0; i < n; out += parts[i++].iov_len)
		if (parts[i].iov_len > 0)
			memcpy(out, parts[i].iov_base, parts[i].iov_len);
}

/* Several parts for CCM: through one contiguous buffer and back. */
static ntstatus ccm_encrypt_parts(EVP_CIPHER_CTX *ctx, const uint8_t *nonce, struct slice aad,
	const struct iovec *parts, size_t n, size_t total, uint8_t *tag, bool *ok)
{
	struct buf *whole = buf_get(total);
	size_t at = 0;

	if (!whole)
		return STATUS_NO_MEMORY;
	gather(whole->data, parts, n);
	*ok = ccm_encrypt(ctx, nonce, aad, whole->data, total, tag);
	for (size_t i = 0; *ok && i < n; at += parts[i++].iov_len)
		if (parts[i].iov_len > 0)
			memcpy(parts[i].iov_base, whole->data + at, parts[i].iov_len);
	if (!*ok)
		bytes_wipe(whole->data, total);
	buf_put(whole);
	return STATUS_SUCCESS;
}

ntstatus seal_encrypt(struct seal_key *k, const uint8_t *nonce, struct slice aad, const struct iovec *parts, size_t n, uint8_t *out,
	uint8_t tag[16])
{
	const struct wide_gcm *w;
	const struct wide_key *wide;
	EVP_CIPHER_CTX *ctx;
	ntstatus status = STATUS_SUCCESS;
	size_t total = 0, last = 0, filled = 0;
	bool ok = false;

	for (size_t i = 0; i < n; i++) {
		if (parts[i].iov_len == 0)
			continue;
		if (parts[i].iov_len > INT_MAX - total)
			return STATUS_INVALID_PARAMETER;
		total += parts[i].iov_len;
		last = i;
		filled++;
	}
	if (total == 0 || aad.len > INT_MAX)
		return STATUS_INVALID_PARAMETER;
	if (wide_of(k, &w, &wide)) {
		if (!wide)
			return STATUS_NO_MEMORY;
		w->encrypt(wide, nonce, aad, parts, n, out, tag);
		return STATUS_SUCCESS;
	}
	ctx = ctx_take(k, SEAL);
	if (!ctx)
		return STATUS_NO_MEMORY;
	if (!is_ccm(k->cipher)) {
		ok = gcm_encrypt(ctx, nonce, aad, parts, n, out, tag);
	} else if (out) {
		gather(out, parts, n);
		ok = ccm_encrypt(ctx, nonce, aad, out, total, tag);
	} else if (filled == 1) {
		ok = ccm_encrypt(ctx, nonce, aad, parts[last].iov_base, total, tag);
	} else {
		status = ccm_encrypt_parts(ctx, nonce, aad, parts, n, total, tag, &ok);
	}
	ctx_done(k, SEAL, ctx, ok);
	if (nt_ok(status) && !ok) {
		crypto_log_openssl("encrypting");
		status = STATUS_INTERNAL_ERROR;
	}
	return status;
}

static bool ccm_decrypt(EVP_CIPHER_CTX *ctx, const uint8_t *nonce, struct slice aad, uint8_t *tag, uint8_t *message, int size)
{
	int len;

	if (EVP_CipherInit_ex2(ctx, NULL, NULL, nonce, OPEN, NULL) != 1 ||
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) != 1 ||
		EVP_DecryptUpdate(ctx, NULL, &len, NULL, size) != 1)
		return false;
	if (aad.len > 0 && EVP_DecryptUpdate(ctx, NULL, &len, aad.data, (int)aad.len) != 1)
		return false;
	return EVP_DecryptUpdate(ctx, message, &len, message, size) == 1;
}

/* A message under way. */
struct state {
	struct seal_key *key;
	bool failed;
	EVP_CIPHER_CTX *ctx; /* NULL: `wide` does it */
	struct wide_message wide;
};

_Static_assert(sizeof(struct state) <= sizeof(struct seal_run) && _Alignof(struct state) <= _Alignof(struct seal_run), "seal_run has room for it");

static struct state *state_of(struct seal_run *run)
{
	return (struct state *)(void *)run->state;
}

ntstatus seal_decrypt_begin(struct seal_run *run, struct seal_key *k, const uint8_t *nonce, struct slice aad)
{
	struct state *s = state_of(run);
	const struct wide_gcm *w;
	const struct wide_key *wide;
	int len;

	if (is_ccm(k->cipher))
		return STATUS_NOT_SUPPORTED;
	if (aad.len > INT_MAX)
		return STATUS_INVALID_PARAMETER;
	s->key = k;
	s->failed = false;
	s->ctx = NULL;
	if (wide_of(k, &w, &wide)) {
		if (!wide)
			return STATUS_NO_MEMORY;
		w->decrypt_begin(&s->wide, wide, nonce, aad);
		return STATUS_SUCCESS;
	}
	s->ctx = ctx_take(k, OPEN);
	if (!s->ctx)
		return STATUS_NO_MEMORY;
	s->failed = EVP_CipherInit_ex2(s->ctx, NULL, NULL, nonce, OPEN, NULL) != 1 ||
		(aad.len > 0 && EVP_DecryptUpdate(s->ctx, NULL, &len, aad.data, (int)aad.len) != 1);
	return STATUS_SUCCESS;
}

void seal_decrypt_step(struct seal_run *run, uint8_t *to, const uint8_t *from, size_t n)
{
	struct state *s = state_of(run);
	int len;

	if (!s->ctx)
		wide_gcm()->decrypt_step(&s->wide, to, from, n);
	else if (n > 0 && !s->failed)
		s->failed = n > INT_MAX || EVP_DecryptUpdate(s->ctx, to, &len, from, (int)n) != 1;
}

ntstatus seal_decrypt_end(struct seal_run *run, const uint8_t tag[16])
{
	struct state *s = state_of(run);
	uint8_t expected[TAG_BYTES], last[16];
	int len;
	bool ok;

	if (!s->ctx)
		return wide_gcm()->decrypt_end(&s->wide, tag) ? STATUS_SUCCESS : STATUS_DATA_ERROR;
	memcpy(expected, tag, sizeof(expected));
	ok = !s->failed && EVP_CIPHER_CTX_ctrl(s->ctx, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, expected) == 1 &&
		EVP_DecryptFinal_ex(s->ctx, last, &len) == 1;
	ctx_done(s->key, OPEN, s->ctx, ok);
	if (!ok)
		ERR_clear_error();
	return ok ? STATUS_SUCCESS : STATUS_DATA_ERROR;
}

static ntstatus ccm_whole(struct seal_key *k, const uint8_t *nonce, struct slice aad, const uint8_t *tag, uint8_t *message, size_t len)
{
	EVP_CIPHER_CTX *ctx = ctx_take(k, OPEN);
	uint8_t expected[TAG_BYTES];
	bool ok;

	if (!ctx)
		return STATUS_NO_MEMORY;
	memcpy(expected, tag, sizeof(expected));
	ok = ccm_decrypt(ctx, nonce, aad, expected, message, (int)len);
	ctx_done(k, OPEN, ctx, ok);
	if (!ok)
		ERR_clear_error();
	return ok ? STATUS_SUCCESS : STATUS_DATA_ERROR;
}

ntstatus seal_decrypt(struct seal_key *k, const uint8_t *nonce, struct slice aad, const uint8_t tag[16], uint8_t *message, size_t len,
	const struct seal_place *place)
{
	size_t head = place && len > place->head ? place->head : len, rest_len = len - head;
	uint8_t *rest = message + head, *elsewhere = NULL;
	struct seal_run run;
	ntstatus status;

	if (len == 0 || len > INT_MAX || aad.len > INT_MAX)
		return STATUS_INVALID_PARAMETER;
	if (is_ccm(k->cipher)) {
		status = ccm_whole(k, nonce, aad, tag, message, len);
	} else {
		status = seal_decrypt_begin(&run, k, nonce, aad);
		if (!nt_ok(status))
			return status;
		seal_decrypt_step(&run, message, message, head);
		if (rest_len > 0)
			elsewhere = place->place(place->arg, message, len);
		if (elsewhere)
			rest = elsewhere;
		seal_decrypt_step(&run, rest, message + head, rest_len);
		status = seal_decrypt_end(&run, tag);
	}
	if (nt_is(status, STATUS_DATA_ERROR)) {
		bytes_wipe(message, head);
		if (rest_len > 0)
			bytes_wipe(rest, rest_len);
	}
	return status;
}
