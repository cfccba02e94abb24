/* Any sequence of tokens from a server to the initiator: it ends, and a key comes only with a challenge that was answered. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct auth_client_config cfg = {.user = "alice", .domain = "DOM", .password = "secret", .target_host = "server", .clock = &clock_system};
	struct auth_client *c;
	struct slice out;
	struct arena a;
	uint8_t *token;
	size_t len;
	ntstatus st;

	if (size == 0)
		return 0;
	random_seed_for_tests(1);
	cfg.raw_ntlm = data[0] & 1;
	cfg.user = data[0] & 2 ? NULL : cfg.user;
	arena_init(&a, NULL, 0, 1 << 20);
	c = auth_client_new(&cfg);
	MUST(c != NULL);
	if (data[0] & 4)
		(void)nt_ok(auth_client_step(c, slice_of(NULL, 0), &a, &out));
	data++;
	size--;
	while ((token = fuzz_token(&data, &size, &len)) != NULL) {
		st = auth_client_step(c, slice_of(token, len), &a, &out);
		free(token);
		if (nt_error(st) && !nt_is(st, STATUS_MORE_PROCESSING_REQUIRED))
			MUST(auth_client_session_key(c).len == 0 && out.len == 0);
	}
	auth_client_free(c);
	arena_reset(&a);
	return 0;
}
