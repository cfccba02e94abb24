/* Any bytes as a sealed frame and as a signed message: nothing opens and nothing verifies that was not made with the
 * key. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t ciphers[] = {SEAL_AES128_CCM, SEAL_AES128_GCM, SEAL_AES256_CCM, SEAL_AES256_GCM};
	uint8_t key[32] = {1}, hash[64] = {2}, *frame = malloc(size ? size : 1);

	for (size_t i = 0; frame && i < ARRAY_LEN(ciphers); i++) {
		struct proto_conn conn = {
			.dialect = SMB2_DIALECT_311, .cipher = ciphers[i], .signing = (uint16_t)(i % 3)};
		struct proto_keys k;
		struct slice plain;
		uint64_t id;

		MUST(nt_ok(proto_keys_derive(&k, &conn, slice_of(key, sizeof(key)), hash, true, false)));
		if (size)
			memcpy(frame, data, size);
		MUST(!nt_ok(proto_verify(&k, frame, size, false)));
		if (nt_ok(proto_sealed_session(&conn, slice_of(frame, size), UINT32_MAX, &id)))
			MUST(size > SMB2_TRANSFORM_SIZE);
		MUST(!nt_ok(proto_unseal(&k, frame, size, &plain)));
		proto_keys_wipe(&k);
	}
	free(frame);
	return 0;
}
