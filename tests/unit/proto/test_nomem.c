/* Fails the N-th allocation, ours and OpenSSL's, for every N until nothing fails any more: each time the work ends with
 * a status, and nothing leaks or is left half done (run it under AddressSanitizer). */
#include "../crypto/kit.h"

#include "proto/proto.h"

#include "base/log.h"

#include <errno.h>
#include <openssl/crypto.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
int __real_posix_memalign(void **p, size_t alignment, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
int __wrap_posix_memalign(void **p, size_t alignment, size_t n);

static long left = -1; /* allocations until one fails; below zero: none does */

static bool fails(void)
{
	return left >= 0 && left-- == 0;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

int __wrap_posix_memalign(void **p, size_t alignment, size_t n)
{
	return fails() ? ENOMEM : __real_posix_memalign(p, alignment, n);
}

static void *ssl_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return fails() ? NULL : __real_malloc(n);
}

static void *ssl_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return fails() ? NULL : realloc(p, n);
}

static void ssl_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

static ntstatus seal_there_and_back(struct proto_keys *client, struct proto_keys *server, const struct proto_conn *conn)
{
	uint8_t frame[SMB2_TRANSFORM_SIZE + 200] = {0};
	struct iovec parts[] = {{frame + SMB2_TRANSFORM_SIZE, 64}, {frame + SMB2_TRANSFORM_SIZE + 64, 136}};
	struct slice plain;
	ntstatus status = proto_seal(client, conn, 7, frame, parts, 2);

	return nt_ok(status) ? proto_unseal(server, frame, sizeof(frame), &plain) : status;
}

static ntstatus sign_there_and_back(struct proto_keys *client, struct proto_keys *server)
{
	uint8_t message[100] = {0};
	struct iovec part = {message, sizeof(message)};
	ntstatus status = proto_sign(client, &part, 1, false);

	return nt_ok(status) ? proto_verify(server, message, sizeof(message), false) : status;
}

/* Keys of both sides, and a message each way. */
static ntstatus work(uint16_t cipher, uint16_t signing)
{
	struct proto_conn conn = {.dialect = SMB2_DIALECT_311, .cipher = cipher, .signing = signing};
	uint8_t key[32] = {1}, hash[64] = {2};
	struct proto_keys client = {0}, server = {0};
	struct iovec part = {key, sizeof(key)};
	ntstatus status;

	preauth_update(hash, &part, 1);
	status = proto_keys_derive(&client, &conn, slice_of(key, 32), hash, false, false);
	if (nt_ok(status))
		status = proto_keys_derive(&server, &conn, slice_of(key, 32), hash, true, false);
	if (nt_ok(status))
		status = sign_there_and_back(&client, &server);
	if (nt_ok(status))
		status = seal_there_and_back(&client, &server, &conn);
	proto_keys_wipe(&client);
	proto_keys_wipe(&server);
	return status;
}

static void test_every_allocation_may_fail(void **state)
{
	(void)state;
	for (uint16_t cipher = SEAL_AES128_CCM; cipher <= SEAL_AES256_GCM; cipher++) {
		long n = 0;
		ntstatus status;

		assert_true(nt_ok(work(cipher, cipher % 3)));
		do {
			left = n++;
			status = work(cipher, cipher % 3);
		} while (left < 0 && n < 1000);
		/* The last round had an allocation to spare. */
		assert_true(nt_ok(status));
		assert_true(left >= 0);
		assert_true(n > 6); /* more than the keys themselves */
		left = -1;
	}
}

static void test_window_without_memory_drops_the_request_and_stays_sound(void **state)
{
	struct proto_window w;

	(void)state;
	proto_window_init(&w, 512);
	assert_int_equal(proto_window_grant(&w, 400, 1), 400);
	left = 0;
	assert_false(proto_window_take(&w, 300, 1));
	left = -1;
	assert_true(proto_window_take(&w, 300, 1));
	assert_true(proto_window_take(&w, 0, 1));
	proto_window_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_allocation_may_fail),
		cmocka_unit_test(test_window_without_memory_drops_the_request_and_stays_sound),
	};

	if (CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free) != 1)
		return 1;
	log_level = -1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
