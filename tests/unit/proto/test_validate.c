/* FSCTL_VALIDATE_NEGOTIATE_INFO: what an attacker could have changed in NEGOTIATE is found on both sides. */
#include "negotiate_kit.h"

static const struct proto_conn agreed = {
	.dialect = SMB2_DIALECT_302,
	.client_capabilities = 0x7F,
	.client_security_mode = 1,
	.client_guid = {{1, 2, 3}},
	.server_capabilities = 0x2F,
	.server_security_mode = 3,
	.server_guid = {{4, 5, 6}},
	.offered_dialects = {0x0202, 0x0210, 0x0300, 0x0302},
	.offered_count = 4,
	.min_dialect = SMB2_DIALECT_202,
	.max_dialect = SMB2_DIALECT_302,
};

/* What the client says when it thinks that `client` was agreed, to a server that thinks `server`. */
static bool validate(const struct proto_conn *client, const struct proto_conn *server, uint8_t reply[24], size_t room)
{
	uint8_t bytes[200];
	struct wire w = wire_encoder(bytes, 0, sizeof(bytes)), out = wire_encoder(reply, 0, room);

	proto_client_validate_req(client, &w);
	assert_true(wire_ok(&w));
	return proto_server_validate(server, slice_of(bytes, w.pos), &out);
}

/* Backs: B489. */
static void test_agreement_is_confirmed_in_24_bytes(void **state)
{
	uint8_t reply[24];

	(void)state;
	assert_true(validate(&agreed, &agreed, reply, 24));
	assert_bytes_hex(reply, "2f000000"
				"04050600000000000000000000000000"
				"0300"
				"0203");
	assert_true(nt_ok(proto_client_validate_rsp(&agreed, slice_of(reply, 24))));
}

/* Backs: B488, E008. */
static void test_server_drops_whoever_says_something_else(void **state)
{
	uint8_t reply[24];
	struct proto_conn c;

	(void)state;
	c = agreed;
	c.client_capabilities ^= 1;
	assert_false(validate(&c, &agreed, reply, 24));
	c = agreed;
	c.client_security_mode = 3;
	assert_false(validate(&c, &agreed, reply, 24));
	c = agreed;
	c.client_guid.b[15] ^= 1;
	assert_false(validate(&c, &agreed, reply, 24));
	/* Room for the answer */
	assert_false(validate(&agreed, &agreed, reply, 23));
	assert_false(validate(&agreed, &agreed, reply, 0));
}

/* The attack this is for: somebody took the better dialects out of the request. Backs: B488, E008. */
static void test_downgrade_of_the_dialect_is_found(void **state)
{
	struct proto_conn server = agreed;
	uint8_t reply[24];

	(void)state;
	server.dialect = SMB2_DIALECT_210;
	assert_false(validate(&agreed, &server, reply, 24));
	server.dialect = SMB2_DIALECT_300;
	assert_false(validate(&agreed, &server, reply, 24));
	/* A server that was not willing to speak better did the right thing. */
	server.max_dialect = SMB2_DIALECT_300;
	assert_true(validate(&agreed, &server, reply, 24));
	/* And it is not fooled by a list without its dialect. */
	server = agreed;
	server.dialect = server.max_dialect = SMB2_DIALECT_311;
	assert_false(validate(&agreed, &server, reply, 24));
}

static void test_malformed_requests_are_refused(void **state)
{
	uint8_t bytes[24 + 2 * 70] = {0}, reply[24];
	struct wire w = wire_encoder(bytes, 0, sizeof(bytes));

	(void)state;
	proto_client_validate_req(&agreed, &w);
	for (size_t len = 0; len < w.pos; len++) {
		struct wire out = wire_encoder(reply, 0, sizeof(reply));

		assert_false(proto_server_validate(&agreed, slice_of(bytes, len), &out));
	}
	for (uint16_t count = 0; count < 70; count++) {
		struct wire out = wire_encoder(reply, 0, sizeof(reply));

		store_le16(bytes + 22, count);
		/* The list is padded with zeros here: up to 64 of them the agreed four are the answer. */
		assert_int_equal(proto_server_validate(&agreed, slice_of(bytes, sizeof(bytes)), &out),
			count >= 4 && count <= 64);
	}
}

/* Backs: G041. */
static void test_after_smb1_only_the_dialects_are_compared(void **state)
{
	struct proto_conn server = {
		.dialect = SMB2_DIALECT_202, .smb1_negotiated = true, .min_dialect = 0x0202, .max_dialect = 0x0202};
	uint8_t reply[24];

	(void)state;
	assert_true(validate(&agreed, &server, reply, 24));
	server.max_dialect = SMB2_DIALECT_302;
	assert_false(validate(&agreed, &server, reply, 24));
}

static void test_client_refuses_an_answer_that_differs_anywhere(void **state)
{
	uint8_t reply[25] = {0};

	(void)state;
	assert_true(validate(&agreed, &agreed, reply, 24));
	for (size_t i = 0; i < 24; i++) {
		reply[i] ^= 0x80;
		assert_true(nt_is(proto_client_validate_rsp(&agreed, slice_of(reply, 24)), STATUS_ACCESS_DENIED));
		reply[i] ^= 0x80;
	}
	for (size_t len = 0; len < 24; len++)
		assert_true(nt_is(
			proto_client_validate_rsp(&agreed, slice_of(reply, len)), STATUS_INVALID_NETWORK_RESPONSE));
	assert_true(nt_ok(proto_client_validate_rsp(&agreed, slice_of(reply, 24))));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agreement_is_confirmed_in_24_bytes),
		cmocka_unit_test(test_server_drops_whoever_says_something_else),
		cmocka_unit_test(test_downgrade_of_the_dialect_is_found),
		cmocka_unit_test(test_malformed_requests_are_refused),
		cmocka_unit_test(test_after_smb1_only_the_dialects_are_compared),
		cmocka_unit_test(test_client_refuses_an_answer_that_differs_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
