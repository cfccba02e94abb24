/* The keys of sessions and channels, [MS-SMB2] 3.1.4.2 with the labels of 3.2.5.3.1 and 3.3.5.5.3. Called by both roles
 * when authentication has given a key. */
#include "proto/proto.h"

#include "base/random.h"

enum { KEY_BYTES = 16, FULL_KEY_BYTES = 32 };

/* Label and context count their terminating zero. */
struct derivation {
	const char *label, *context; /* 3.0 and 3.0.2 */
	const char *label_311;       /* the context is the preauthentication hash */
};
static const struct derivation signing = {"SMB2AESCMAC", "SmbSign", "SMBSigningKey"};
static const struct derivation application = {"SMB2APP", "SmbRpc", "SMBAppKey"};
static const struct derivation client_to_server = {"SMB2AESCCM", "ServerIn ", "SMBC2SCipherKey"};
static const struct derivation server_to_client = {"SMB2AESCCM", "ServerOut", "SMBS2CCipherKey"};

static void derive(const struct derivation *d, struct slice key, const uint8_t *preauth, uint8_t *out, size_t len)
{
	const char *label = preauth ? d->label_311 : d->label;
	struct slice context = preauth ? slice_of(preauth, 64) : slice_of(d->context, strlen(d->context) + 1);

	kdf_sp800_108(key, slice_of(label, strlen(label) + 1), context, out, len);
}

static ntstatus derive_seal_key(const struct derivation *d, enum seal_cipher cipher, struct slice key,
	const uint8_t *preauth, struct seal_key **out)
{
	uint8_t raw[FULL_KEY_BYTES];
	size_t len = seal_key_len(cipher);

	derive(d, key, preauth, raw, len);
	*out = seal_key_new(cipher, raw, len);
	bytes_wipe(raw, sizeof(raw));
	return *out ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

static ntstatus derive_seal_keys(struct proto_keys *k, struct slice full_key, const uint8_t *preauth, bool server)
{
	/* AES-256 starts from the whole key that GSS gave; NTLM's has 16 bytes either way. */
	struct slice key = seal_key_len(k->cipher) == FULL_KEY_BYTES && full_key.len > KEY_BYTES
				   ? full_key
				   : slice_of(k->session_key, sizeof(k->session_key));
	ntstatus status =
		derive_seal_key(server ? &server_to_client : &client_to_server, k->cipher, key, preauth, &k->send);

	if (nt_ok(status))
		status = derive_seal_key(
			server ? &client_to_server : &server_to_client, k->cipher, key, preauth, &k->receive);
	return status;
}

static enum sign_algorithm signing_of(const struct proto_conn *conn)
{
	if (conn->dialect < SMB2_DIALECT_300)
		return SIGN_HMAC_SHA256;
	return conn->dialect < SMB2_DIALECT_311 ? SIGN_AES_CMAC : (enum sign_algorithm)conn->signing;
}

static ntstatus derive_all(struct proto_keys *k, const struct proto_conn *conn, struct slice full_key,
	const uint8_t *preauth, bool server, bool channel)
{
	struct slice key = slice_of(k->session_key, sizeof(k->session_key));
	uint8_t sign_key[KEY_BYTES];
	ntstatus status;

	memcpy(sign_key, k->session_key, sizeof(sign_key));
	memcpy(k->application_key, k->session_key, sizeof(k->application_key));
	if (conn->dialect >= SMB2_DIALECT_300) {
		derive(&signing, key, preauth, sign_key, sizeof(sign_key));
		derive(&application, key, preauth, k->application_key, sizeof(k->application_key));
	}
	k->sign = sign_key_new(k->signing, sign_key);
	status = k->sign ? STATUS_SUCCESS : STATUS_NO_MEMORY;
	if (nt_ok(status) && k->cipher != SEAL_NONE && !channel)
		status = derive_seal_keys(k, full_key, preauth, server);
	bytes_wipe(sign_key, sizeof(sign_key));
	return status;
}

ntstatus proto_keys_derive(struct proto_keys *k, const struct proto_conn *conn, struct slice full_key,
	const uint8_t preauth[64], bool server, bool channel)
{
	ntstatus status;

	memset(k, 0, sizeof(*k));
	if (conn->dialect < SMB2_DIALECT_311)
		preauth = NULL;
	else if (!preauth)
		return STATUS_INVALID_PARAMETER;
	if (full_key.len > FULL_KEY_BYTES)
		full_key.len = FULL_KEY_BYTES;
	if (full_key.len > 0)
		memcpy(k->session_key, full_key.data, full_key.len < KEY_BYTES ? full_key.len : KEY_BYTES);
	k->signing = signing_of(conn);
	k->cipher = conn->dialect >= SMB2_DIALECT_300 ? (enum seal_cipher)conn->cipher : SEAL_NONE;
	random_bytes(k->nonce_prefix, sizeof(k->nonce_prefix));
	status = derive_all(k, conn, full_key, preauth, server, channel);
	if (!nt_ok(status))
		proto_keys_wipe(k);
	return status;
}

void proto_keys_wipe(struct proto_keys *k)
{
	sign_key_free(k->sign);
	seal_key_free(k->send);
	seal_key_free(k->receive);
	bytes_wipe(k, sizeof(*k));
}
