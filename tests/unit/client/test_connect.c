/* Connecting: NEGOTIATE, logging on, trees, and everything a meddler could try on the way. */
#include "fake.h"

#include <stdio.h>

static const uint16_t dialects[] = {0x0202, 0x0210, 0x0300, 0x0302, 0x0311};

/* Backs: C054, C055, C056, C059, C062, C151, C157, C158, C159, C163, C168, E011. */
static void test_connect_reaches_a_tree_in_every_dialect(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		struct fake f;
		fake_start(&f);
		f.cfg.max_dialect = dialects[i];
		struct hythe_session *s = fake_login(&f);
		struct hythe_session_info info;
		hythe_session_info(s, &info);
		assert_int_equal(info.dialect, dialects[i]);
		assert_true(info.signing);
		assert_int_equal(info.session_id, f.session_id);
		struct hythe_tree *t = fake_tree(&f, s);
		struct smb2_negotiate_req neg;
		const struct fake_seen *r = fake_nth(&f, SMB2_NEGOTIATE, 0);
		fake_decode(&f, r, &neg);
		assert_int_equal(r->h.message_id, 0);
		assert_int_equal(r->h.session_id, 0);
		assert_int_equal(neg.dialect_count, 5);
		for (size_t k = 0; k < 5; k++)
			assert_int_equal(neg.dialects[k], dialects[k]);
		assert_int_equal(neg.security_mode, SMB2_NEGOTIATE_SIGNING_REQUIRED);
		assert_int_equal(neg.capabilities & SMB2_GLOBAL_CAP_LARGE_MTU, SMB2_GLOBAL_CAP_LARGE_MTU);
		assert_int_equal(neg.client_start_time, 0);
		assert_true(guid_equal(&neg.client_guid, &f.client->guid));
		assert_memory_equal(info.server_guid, f.cfg.guid.b, 16);
		struct smb2_session_setup_req setup;
		fake_decode(&f, fake_nth(&f, SMB2_SESSION_SETUP, 1), &setup);
		assert_int_equal(setup.flags, 0);
		assert_int_equal(setup.previous_session_id, 0);
		assert_int_equal(setup.security_mode, SMB2_NEGOTIATE_SIGNING_REQUIRED);
		assert_int_equal(fake_nth(&f, SMB2_SESSION_SETUP, 1)->h.session_id, f.session_id);
		struct smb2_tree_connect_req tree;
		r = fake_nth(&f, SMB2_TREE_CONNECT, 0);
		fake_decode(&f, r, &tree);
		assert_int_equal(r->h.tree_id, 0);
		assert_int_equal(r->h.session_id, f.session_id);
		assert_memory_equal(tree.path.data, u"\\\\fake\\share", tree.path.len);
		assert_ok(hythe_tree_disconnect(t));
		assert_ok(fake_logoff(&f, s));
		fake_stop(&f);
	}
}

/* Backs: C052, C053, C152. */
static void test_smb1_start_leads_to_the_greatest_dialect(void **state)
{
	(void)state;
	struct fake f;
	fake_start(&f);
	f.o.smb1_negotiate = true;
	struct hythe_session *s = fake_login(&f);
	struct hythe_session_info info;
	hythe_session_info(s, &info);
	assert_int_equal(info.dialect, 0x0311);
	/* 0x02FF was the answer: once more in SMB2, with message id 1 */
	assert_int_equal(load_le32(f.seen[0].message), SMB1_PROTOCOL_ID);
	assert_int_equal(fake_nth(&f, SMB2_NEGOTIATE, 0)->h.message_id, 1);
	hythe_session_free(s);
	fake_stop(&f);
}

/* Backs: C052. */
static void test_smb1_start_with_an_old_server_ends_at_2_0_2(void **state)
{
	(void)state;
	struct fake f;
	fake_start(&f);
	f.o.smb1_negotiate = true;
	f.cfg.max_dialect = SMB2_DIALECT_202;
	struct hythe_session *s = fake_login(&f);
	struct hythe_session_info info;
	hythe_session_info(s, &info);
	assert_int_equal(info.dialect, 0x0202);
	assert_int_equal(info.max_read_bytes, 65536);
	assert_int_equal(fake_count(&f, SMB2_NEGOTIATE), 0);
	hythe_session_free(s);
	fake_stop(&f);
}

static void connect_fails(struct fake *f, ntstatus wanted, const char *sentence)
{
	struct hythe_session *s = NULL;
	assert_status(fake_connect(f, &s), wanted);
	if (!strstr(hythe_client_error(f->client), sentence))
		print_message("said: %s\n", hythe_client_error(f->client));
	assert_non_null(strstr(hythe_client_error(f->client), sentence));
}

/* Backs: C046, C051, C210. */
static void test_connect_explains_who_does_not_answer(void **state)
{
	(void)state;
	struct fake f;
	fake_start(&f);
	f.refuse_connections = 1;
	connect_fails(&f, STATUS_CONNECTION_REFUSED, "nobody listens there");
	f.deaf = true;
	connect_fails(&f, STATUS_IO_TIMEOUT, "did not answer a NEGOTIATE request within 60 s");
	fake_stop(&f);
}

/* Backs: C150. */
static void test_negotiate_refusal_is_returned(void **state)
{
	(void)state;
	struct fake f;
	fake_start(&f);
	f.cfg.min_dialect = SMB2_DIALECT_311;
	f.o.max_dialect = SMB2_DIALECT_302;
	connect_fails(&f, STATUS_NOT_SUPPORTED, "speaks none of the offered protocol versions");
	fake_stop(&f);
}

static void test_dialect_that_was_not_offered_is_refused(void **state)
{
	(void)state;
	struct fake f;
	fake_start(&f);
	f.o.min_dialect = SMB2_DIALECT_300;
	f.choose_dialect = SMB2_DIALECT_210;
	connect_fails(&f, STATUS_INVALID_NETWORK_RESPONSE, "was not offered");
	fake_stop(&f);
}

/* Backs: C058, C156. */
static void test_wrong_password_is_said_so(void **state)
{
	(void)state;
	struct fake f;
	fake_start(&f);
	f.o.password = "wrong";
	connect_fails(&f, STATUS_LOGON_FAILURE, "wrong user name or password (user \"user\")");
	f.o.password = "pass";
	struct hythe_session *s = fake_login(&f);
	hythe_session_free(s);
	fake_stop(&f);
}

/* Backs: E040, G028. */
static void test_last_setup_response_must_be_signed_rightly(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		struct fake f;
		fake_start(&f);
		f.cfg.max_dialect = dialects[i];
		f.last_setup_bad = 1;
		connect_fails(&f, STATUS_INVALID_NETWORK_RESPONSE, "has a wrong signature");
		f.last_setup_unsigned = 1;
		connect_fails(&f, STATUS_INVALID_NETWORK_RESPONSE, "has no signature");
		fake_stop(&f);
	}
}

/* Backs: C160, C161, G034, G035. */
static void test_guest_is_refused_unless_allowed(void **state)
{
	(void)state;
	struct fake f;
	fake_start(&f);
	f.guest = true;
	connect_fails(&f, STATUS_LOGON_FAILURE, "offers a guest session");
	f.o.allow_guest = true;
	struct hythe_session *s = fake_login(&f);
	struct hythe_session_info info;
	hythe_session_info(s, &info);
	assert_true(info.guest);
	assert_false(info.signing);
	struct hythe_tree *t = fake_tree(&f, s);
	assert_int_equal(fake_nth(&f, SMB2_TREE_CONNECT, 0)->h.flags & SMB2_FLAGS_SIGNED, 0);
	hythe_tree_free(t);
	hythe_session_free(s);
	f.o.encryption = HYTHE_ENCRYPTION_REQUIRED;
	connect_fails(&f, STATUS_NOT_SUPPORTED, "cannot be encrypted");
	fake_stop(&f);
}

/* Backs: C160, D003, G042. */
static void test_anonymous_session_is_neither_signed_nor_validated(void **state)
{
	(void)state;
	struct fake f;
	fake_start(&f);
	f.o.user = NULL;
	f.cfg.max_dialect = SMB2_DIALECT_302;
	struct hythe_session *s = fake_login(&f);
	struct hythe_session_info info;
	hythe_session_info(s, &info);
	assert_true(info.anonymous);
	struct hythe_tree *t = fake_tree(&f, s);
	assert_int_equal(fake_nth(&f, SMB2_TREE_CONNECT, 0)->h.flags & SMB2_FLAGS_SIGNED, 0);
	assert_int_equal(fake_count(&f, SMB2_IOCTL), 0);
	hythe_tree_free(t);
	hythe_session_free(s);
	fake_stop(&f);
}

/* Backs: C172, C198, E008. */
static void test_negotiation_is_validated_below_3_1_1(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		struct fake f;
		fake_start(&f);
		f.o.signing_optional = true; /* it is signed all the same */
		f.cfg.max_dialect = dialects[i];
		struct hythe_session *s = fake_login(&f);
		struct hythe_tree *t = fake_tree(&f, s), *second = fake_tree(&f, s);
		assert_int_equal(fake_count(&f, SMB2_IOCTL), dialects[i] < 0x0311 ? 1 : 0);
		if (dialects[i] < 0x0311) {
			const struct fake_seen *r = fake_nth(&f, SMB2_IOCTL, 0);
			struct smb2_ioctl_req req;
			fake_decode(&f, r, &req);
			assert_true(r->signature_ok);
			assert_int_equal(req.ctl_code, FSCTL_VALIDATE_NEGOTIATE_INFO);
			assert_int_equal(load_le16(req.input.data + 22), 5);
		}
		hythe_tree_free(t);
		hythe_tree_free(second);
		hythe_session_free(s);
		fake_stop(&f);
	}
}

/* Backs: C198. */
static void test_lowered_negotiation_is_found_out(void **state)
{
	(void)state;
	struct fake f;
	struct hythe_tree *t;
	fake_start(&f);
	f.cfg.max_dialect = SMB2_DIALECT_302;
	f.validate_lies = true;
	struct hythe_session *s = fake_login(&f);
	assert_status(hythe_tree_connect(s, "share", &t), STATUS_ACCESS_DENIED);
	fake_run(&f, 1000);
	assert_true(f.closed);
	assert_status(hythe_echo(s), STATUS_ACCESS_DENIED);
	assert_non_null(strstr(hythe_client_error(f.client), "does not confirm what was negotiated"));
	hythe_session_free(s);
	fake_stop(&f);
}

/* Backs: E098. */
static void test_server_that_does_not_know_validation_is_accepted(void **state)
{
	(void)state;
	struct fake f;
	fake_start(&f);
	f.cfg.max_dialect = SMB2_DIALECT_210;
	f.validate_unknown = true;
	struct hythe_session *s = fake_login(&f);
	hythe_tree_free(fake_tree(&f, s));
	assert_int_equal(fake_count(&f, SMB2_IOCTL), 1);
	hythe_session_free(s);
	fake_stop(&f);
}

/* Backs: C198. */
static void test_validation_answer_without_signature_ends_the_connection(void **state)
{
	(void)state;
	struct fake f;
	struct hythe_tree *t;
	fake_start(&f);
	f.cfg.max_dialect = SMB2_DIALECT_302;
	f.o.signing_optional = true;
	struct hythe_session *s = fake_login(&f);
	f.no_signatures = 1;
	assert_true(nt_error(hythe_tree_connect(s, "share", &t)));
	fake_run(&f, 1000);
	assert_true(f.closed);
	hythe_session_free(s);
	fake_stop(&f);
}

/* Backs: C162, C045, D011, D014, D026. */
static void test_session_that_the_server_wants_sealed_is_sealed(void **state)
{
	(void)state;
	for (size_t i = 2; i < ARRAY_LEN(dialects); i++) {
		struct fake f;
		fake_start(&f);
		f.cfg.max_dialect = dialects[i];
		f.session_flags = SMB2_SESSION_FLAG_ENCRYPT_DATA;
		struct hythe_session *s = fake_login(&f);
		struct hythe_session_info info;
		hythe_session_info(s, &info);
		assert_true(info.sealing);
		assert_false(info.signing);
		hythe_tree_free(fake_tree(&f, s));
		assert_ok(hythe_echo(s));
		assert_false(fake_nth(&f, SMB2_SESSION_SETUP, 1)->sealed);
		assert_true(fake_nth(&f, SMB2_TREE_CONNECT, 0)->sealed);
		assert_true(fake_nth(&f, SMB2_ECHO, 0)->sealed);
		assert_int_equal(fake_nth(&f, SMB2_ECHO, 0)->h.flags & SMB2_FLAGS_SIGNED, 0);
		hythe_session_free(s);
		fake_stop(&f);
	}
}

/* Backs: C045, C169, D015. */
static void test_share_that_wants_it_is_sealed_and_the_rest_signed(void **state)
{
	(void)state;
	struct fake f;
	fake_start(&f);
	f.share_flags = SMB2_SHAREFLAG_ENCRYPT_DATA;
	struct hythe_session *s = fake_login(&f);
	struct hythe_tree *t = fake_tree(&f, s);
	struct hythe_tree_info info;
	hythe_tree_info(t, &info);
	assert_true(info.sealing);
	struct hythe_file *file = fake_open(t);
	assert_ok(hythe_echo(s));
	assert_true(fake_nth(&f, SMB2_TREE_CONNECT, 0)->signature_ok);
	assert_true(fake_nth(&f, SMB2_CREATE, 0)->sealed);
	assert_false(fake_nth(&f, SMB2_ECHO, 0)->sealed);
	assert_true(fake_nth(&f, SMB2_ECHO, 0)->signature_ok);
	hythe_file_free(file);
	hythe_tree_free(t);
	hythe_session_free(s);
	fake_stop(&f);
}

/* Backs: C169. */
static void test_sealed_share_without_a_cipher_is_refused(void **state)
{
	(void)state;
	struct fake f;
	struct hythe_tree *t;
	fake_start(&f);
	f.cfg.max_dialect = SMB2_DIALECT_210;
	f.share_flags = SMB2_SHAREFLAG_ENCRYPT_DATA;
	struct hythe_session *s = fake_login(&f);
	assert_status(hythe_tree_connect(s, "share", &t), STATUS_ACCESS_DENIED);
	assert_non_null(strstr(hythe_client_error(f.client), "demands encryption"));
	hythe_session_free(s);
	f.o.encryption = HYTHE_ENCRYPTION_REQUIRED;
	connect_fails(&f, STATUS_NOT_SUPPORTED, "encryption is required");
	fake_stop(&f);
}

/* Backs: C024, C026, C029, D002, B001. */
static void test_signing_is_optional_only_if_both_sides_say_so(void **state)
{
	(void)state;
	for (int required = 0; required < 2; required++) {
		struct fake f;
		fake_start(&f);
		f.o.signing_optional = true;
		f.cfg.signing_required = required;
		struct hythe_session *s = fake_login(&f);
		assert_ok(hythe_echo(s));
		assert_int_equal(!!(fake_nth(&f, SMB2_ECHO, 0)->h.flags & SMB2_FLAGS_SIGNED), required);
		assert_int_equal(fake_nth(&f, SMB2_ECHO, 0)->signature_ok, required);
		/* In 3.1.1 TREE_CONNECT is signed in any case, so that the preauthentication hash is confirmed. */
		hythe_tree_free(fake_tree(&f, s));
		assert_true(fake_nth(&f, SMB2_TREE_CONNECT, 0)->signature_ok);
		hythe_session_free(s);
		fake_stop(&f);
	}
}

static void test_one_cipher_and_signer_can_be_asked_for(void **state)
{
	static const enum hythe_cipher ciphers[] = {HYTHE_CIPHER_AES128_CCM, HYTHE_CIPHER_AES128_GCM, HYTHE_CIPHER_AES256_CCM,
		HYTHE_CIPHER_AES256_GCM};
	static const enum hythe_signer signers[] = {HYTHE_SIGNER_AES_CMAC, HYTHE_SIGNER_AES_GMAC};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ciphers) + ARRAY_LEN(signers); i++) {
		struct fake f;
		struct hythe_session_info info;
		bool seal = i < ARRAY_LEN(ciphers);
		fake_start(&f);
		if (seal) {
			f.o.cipher = ciphers[i];
			f.o.encryption = HYTHE_ENCRYPTION_REQUIRED;
		} else {
			f.o.signer = signers[i - ARRAY_LEN(ciphers)];
		}
		struct hythe_session *s = fake_login(&f);
		hythe_session_info(s, &info);
		if (seal)
			assert_int_equal(info.cipher, ciphers[i]);
		else
			assert_int_equal(info.signer, signers[i - ARRAY_LEN(ciphers)]);
		assert_ok(hythe_echo(s));
		hythe_session_free(s);
		fake_stop(&f);
	}
}

/* Backs: C132, D018. */
static void test_session_key_is_the_one_both_sides_have(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		struct fake f;
		uint8_t key[16];
		fake_start(&f);
		f.cfg.max_dialect = dialects[i];
		struct hythe_session *s = fake_login(&f);
		assert_ok(hythe_session_key(s, key));
		assert_memory_equal(key, dialects[i] < 0x0300 ? f.keys.session_key : f.keys.application_key, 16);
		if (dialects[i] >= 0x0300)
			assert_memory_not_equal(key, f.keys.session_key, 16);
		hythe_session_free(s);
		f.o.user = NULL;
		s = fake_login(&f);
		assert_status(hythe_session_key(s, key), STATUS_NO_SUCH_LOGON_SESSION);
		hythe_session_free(s);
		fake_stop(&f);
	}
}

/* Backs: C048. */
static void test_two_sessions_share_a_connection(void **state)
{
	(void)state;
	struct fake f;
	struct hythe_connection *c;
	struct hythe_session *s;
	fake_start(&f);
	assert_ok(hythe_connection_open(f.client, "fake", 0, &f.o, &c));
	assert_ok(hythe_session_login(c, &f.o, &s));
	assert_ok(hythe_echo(s));
	assert_ok(hythe_session_logoff(s));
	/* the connection outlives the session, and serves another */
	proto_keys_wipe(&f.keys);
	f.have_keys = false;
	auth_server_free(f.auth);
	f.auth = NULL;
	memcpy(f.preauth, f.proto.preauth, sizeof(f.preauth));
	assert_ok(hythe_session_login(c, &f.o, &s));
	assert_ok(hythe_echo(s));
	assert_int_equal(fake_count(&f, SMB2_NEGOTIATE), 1);
	hythe_session_free(s);
	hythe_connection_close(c);
	fake_stop(&f);
}

/* Backs: C167, C174. */
static void test_logoff_and_tree_disconnect_are_told_to_the_server(void **state)
{
	(void)state;
	struct fake f;
	fake_start(&f);
	struct hythe_session *s = fake_login(&f);
	struct hythe_tree *t = fake_tree(&f, s);
	assert_ok(hythe_tree_disconnect(t));
	assert_int_equal(fake_nth(&f, SMB2_TREE_DISCONNECT, 0)->h.tree_id, 7);
	assert_ok(fake_logoff(&f, s));
	assert_int_equal(fake_count(&f, SMB2_LOGOFF), 1);
	fake_stop(&f);
}

static bool garbage(struct fake *f, const struct fake_seen *r)
{
	static const char http[] = "HTTP/1.1 400 Bad Request\r\n";
	(void)r;
	fake_send(f, http, sizeof(http));
	return true;
}

static bool smb1_answer(struct fake *f, const struct fake_seen *r)
{
	static const uint8_t message[37] = {0xFF, 'S', 'M', 'B', 0x72};
	(void)r;
	fake_send(f, message, sizeof(message));
	return true;
}

/* Backs: C147. */
static void test_what_speaks_something_else_is_named(void **state)
{
	(void)state;
	struct fake f;
	fake_start(&f);
	f.hook = garbage;
	connect_fails(&f, STATUS_INVALID_NETWORK_RESPONSE, "does not speak SMB");
	f.hook = smb1_answer;
	connect_fails(&f, STATUS_NOT_SUPPORTED, "speaks only SMB1");
	fake_stop(&f);
}

static size_t cut_to;

static bool cut_answer(struct fake *f, const struct fake_seen *r)
{
	if (f->user == 0 && r->h.command != SMB2_NEGOTIATE)
		return false;
	if (f->user == 1 && r->h.command != SMB2_SESSION_SETUP)
		return false;
	uint8_t message[SMB2_HEADER_SIZE + 64] = {0};
	struct smb2_header h = {.flags = SMB2_FLAGS_SERVER_TO_REDIR, .credits = 1, .command = r->h.command, .message_id = r->h.message_id,
		.status = f->user ? STATUS_MORE_PROCESSING_REQUIRED.code : 0};
	struct wire w = wire_encoder(message, 0, sizeof(message));
	smb2_header_code(&w, &h);
	store_le16(message + 64, f->user ? 9 : 65);
	store_le16(message + 68, f->user ? 72 : 0x0210);
	store_le16(message + 70, 50); /* a token that is not there */
	fake_send(f, message, cut_to);
	return true;
}

/* Backs: C147. */
static void test_cut_negotiate_and_setup_responses_are_refused(void **state)
{
	(void)state;
	for (int setup = 0; setup < 2; setup++) {
		for (cut_to = SMB2_HEADER_SIZE; cut_to < SMB2_HEADER_SIZE + 58; cut_to++) {
			struct fake f;
			struct hythe_session *s;
			fake_start(&f);
			f.user = setup;
			f.hook = cut_answer;
			assert_status(fake_connect(&f, &s), STATUS_INVALID_NETWORK_RESPONSE);
			fake_stop(&f);
		}
	}
}

static void keep_status(void *arg, ntstatus status, const struct hythe_result *result)
{
	assert_null(result->session);
	*(ntstatus *)arg = status;
}

/* What is under way ends with the client, at whichever step it is. */
static void test_a_client_goes_while_it_connects(void **state)
{
	(void)state;
	for (unsigned steps = 0; steps < 6; steps++) {
		struct fake f;
		ntstatus status = STATUS_PENDING;
		fake_start(&f);
		assert_ok(hythe_connect_async(f.client, "fake", 0, &f.o, keep_status, &status));
		for (unsigned i = 0; i < steps; i++)
			hythe_client_poll(f.client, 0);
		assert_status(status, STATUS_PENDING);
		fake_stop(&f);
		assert_status(status, STATUS_CONNECTION_DISCONNECTED);
	}
}

static void test_what_only_the_blocking_call_can(void **state)
{
	(void)state;
	struct fake f;
	ntstatus status = STATUS_PENDING;
	fake_start(&f);
	f.o.nbss = true;
	assert_status(hythe_connect_async(f.client, "fake", 0, &f.o, keep_status, &status), STATUS_NOT_SUPPORTED);
	f.o.nbss = false;
	f.o.min_dialect = f.o.max_dialect = HYTHE_DIALECT_NT1;
	f.o.encryption = HYTHE_ENCRYPTION_REQUIRED;
	assert_status(hythe_connect_async(f.client, "fake", 0, &f.o, keep_status, &status), STATUS_NOT_SUPPORTED);
	assert_non_null(strstr(hythe_client_error(f.client), "SMB1"));
	assert_status(status, STATUS_PENDING);
	fake_stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connect_reaches_a_tree_in_every_dialect),
		cmocka_unit_test(test_smb1_start_leads_to_the_greatest_dialect),
		cmocka_unit_test(test_smb1_start_with_an_old_server_ends_at_2_0_2),
		cmocka_unit_test(test_connect_explains_who_does_not_answer),
		cmocka_unit_test(test_negotiate_refusal_is_returned),
		cmocka_unit_test(test_dialect_that_was_not_offered_is_refused),
		cmocka_unit_test(test_wrong_password_is_said_so),
		cmocka_unit_test(test_last_setup_response_must_be_signed_rightly),
		cmocka_unit_test(test_guest_is_refused_unless_allowed),
		cmocka_unit_test(test_anonymous_session_is_neither_signed_nor_validated),
		cmocka_unit_test(test_negotiation_is_validated_below_3_1_1),
		cmocka_unit_test(test_lowered_negotiation_is_found_out),
		cmocka_unit_test(test_server_that_does_not_know_validation_is_accepted),
		cmocka_unit_test(test_validation_answer_without_signature_ends_the_connection),
		cmocka_unit_test(test_session_that_the_server_wants_sealed_is_sealed),
		cmocka_unit_test(test_share_that_wants_it_is_sealed_and_the_rest_signed),
		cmocka_unit_test(test_sealed_share_without_a_cipher_is_refused),
		cmocka_unit_test(test_signing_is_optional_only_if_both_sides_say_so),
		cmocka_unit_test(test_one_cipher_and_signer_can_be_asked_for),
		cmocka_unit_test(test_session_key_is_the_one_both_sides_have),
		cmocka_unit_test(test_two_sessions_share_a_connection),
		cmocka_unit_test(test_logoff_and_tree_disconnect_are_told_to_the_server),
		cmocka_unit_test(test_what_speaks_something_else_is_named),
		cmocka_unit_test(test_cut_negotiate_and_setup_responses_are_refused),
	};
	const struct CMUnitTest alone[] = {
		cmocka_unit_test(test_a_client_goes_while_it_connects),
		cmocka_unit_test(test_what_only_the_blocking_call_can),
	};
	int failed = cmocka_run_group_tests_name("blocking", tests, NULL, NULL);
	fake_apart = true;
	return failed + cmocka_run_group_tests_name("async", tests, NULL, NULL) + cmocka_run_group_tests_name("async alone", alone, NULL, NULL);
}
