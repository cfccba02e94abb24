/* NTLMv2 computations: response and session base key ([MS-NLMP] 3.3.2), MIC (3.1.5.1.2, 3.2.5.1.2), key exchange, and the
 * signing and sealing keys (3.4.5) for the one signature that SPNEGO needs. Everything secret is wiped before returning. */
#include "auth/ntlm.h"

#include "base/utf16.h"
#include "crypto/crypto.h"

static struct iovec part(const void *p, size_t n)
{
	return (struct iovec){.iov_base = (void *)(uintptr_t)p, .iov_len = n};
}

ntstatus user_nt_hash(const char *password, uint8_t out[16])
{
	uint8_t text[1024];
	size_t n = utf8_to_utf16(text, sizeof(text), password, strlen(password));

	if (n == SIZE_MAX)
		return STATUS_INVALID_PARAMETER;
	crypto_md4(slice_of(text, n), out);
	bytes_wipe(text, sizeof(text));
	return STATUS_SUCCESS;
}

/* [MS-NLMP] 3.3.2: NTOWFv2 */
ntstatus ntlm_ntowfv2(const uint8_t nt_hash[16], struct slice user, struct slice domain, uint8_t out[16])
{
	uint8_t upper[NTLM_NAME_MAX_BYTES];
	struct iovec parts[2];

	if (user.len > sizeof(upper) || user.len % 2 != 0 || domain.len > NTLM_NAME_MAX_BYTES)
		return STATUS_INVALID_PARAMETER;
	for (size_t i = 0; i < user.len / 2; i++)
		store_le16(upper + 2 * i, utf16_upcase(utf16_at(user, i)));
	parts[0] = part(upper, user.len);
	parts[1] = part(domain.data, domain.len);
	crypto_hmac_md5(slice_of(nt_hash, 16), parts, 2, out);
	return STATUS_SUCCESS;
}

/* [MS-NLMP] 3.3.2: NTProofStr and SessionBaseKey */
void ntlm_proof(const uint8_t ntowf[16], const uint8_t server_challenge[8], struct slice temp, uint8_t proof[16], uint8_t base_key[16])
{
	struct iovec parts[2] = {part(server_challenge, 8), part(temp.data, temp.len)};
	struct iovec own = part(proof, 16);

	crypto_hmac_md5(slice_of(ntowf, 16), parts, 2, proof);
	crypto_hmac_md5(slice_of(ntowf, 16), &own, 1, base_key);
}

/* [MS-NLMP] 3.3.2: LmChallengeResponse */
void ntlm_lmv2(const uint8_t ntowf[16], const uint8_t server_challenge[8], const uint8_t client_challenge[8], uint8_t out[24])
{
	struct iovec parts[2] = {part(server_challenge, 8), part(client_challenge, 8)};

	memcpy(out + 16, client_challenge, 8);
	crypto_hmac_md5(slice_of(ntowf, 16), parts, 2, out);
}

void ntlm_key_exchange(const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
	crypto_rc4(slice_of(key, 16), in, out, 16);
}

/* [MS-NLMP] 3.2.5.1.2 */
ntstatus ntlm_mic(const uint8_t key[16], struct slice negotiate, struct slice challenge, struct slice authenticate, uint8_t out[16])
{
	static const uint8_t zeros[16];
	struct iovec parts[5];

	if (authenticate.len < NTLM_MIC_AT + 16)
		return STATUS_INVALID_PARAMETER;
	parts[0] = part(negotiate.data, negotiate.len);
	parts[1] = part(challenge.data, challenge.len);
	parts[2] = part(authenticate.data, NTLM_MIC_AT);
	parts[3] = part(zeros, sizeof(zeros));
	parts[4] = part(authenticate.data + NTLM_MIC_AT + 16, authenticate.len - NTLM_MIC_AT - 16);
	crypto_hmac_md5(slice_of(key, 16), parts, 5, out);
	return STATUS_SUCCESS;
}

/* [MS-NLMP] 3.4.5.2, 3.4.5.3: the constants count their zero byte. */
static void derive(const uint8_t *key, size_t key_len, const char *magic, uint8_t out[16])
{
	struct iovec parts[2] = {part(key, key_len), part(magic, strlen(magic) + 1)};

	crypto_md5(parts, 2, out);
}

static void seal_checksum(const uint8_t key[16], uint32_t flags, bool from_client, uint8_t checksum[8])
{
	size_t key_len = flags & NTLM_NEGOTIATE_128 ? 16 : flags & NTLM_NEGOTIATE_56 ? 7 : 5;
	uint8_t seal_key[16];

	derive(key, key_len, from_client ? "session key to client-to-server sealing key magic constant"
		: "session key to server-to-client sealing key magic constant", seal_key);
	crypto_rc4(slice_of(seal_key, sizeof(seal_key)), checksum, checksum, 8);
	bytes_wipe(seal_key, sizeof(seal_key));
}

/* [MS-NLMP] 3.4.4.2 */
ntstatus ntlm_signature(const uint8_t key[16], uint32_t flags, bool from_client, struct slice data, uint8_t out[16])
{
	uint8_t sign_key[16], mac[16], sequence[4] = {0};
	struct iovec parts[2] = {part(sequence, sizeof(sequence)), part(data.data, data.len)};

	if (!(flags & NTLM_NEGOTIATE_ESS))
		return STATUS_NOT_SUPPORTED;
	derive(key, 16, from_client ? "session key to client-to-server signing key magic constant"
		: "session key to server-to-client signing key magic constant", sign_key);
	crypto_hmac_md5(slice_of(sign_key, sizeof(sign_key)), parts, 2, mac);
	bytes_wipe(sign_key, sizeof(sign_key));
	if (flags & NTLM_NEGOTIATE_KEY_EXCH)
		seal_checksum(key, flags, from_client, mac);
	store_le32(out, 1);
	memcpy(out + 4, mac, 8);
	memcpy(out + 12, sequence, 4);
	return STATUS_SUCCESS;
}
