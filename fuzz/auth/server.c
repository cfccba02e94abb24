/* Any sequence of tokens to the acceptor: nobody gets in but as nobody or as a guest, and nothing has a key. The first byte says
 * what is allowed, and whether the exchange starts behind a NEGOTIATE that was answered. */
#include "fuzz.h"

static const uint8_t negotiate[] = {'N', 'T', 'L', 'M', 'S', 'S', 'P', 0, 1, 0, 0, 0, 0x15, 0x82, 0x08, 0x62};
static const uint8_t spnego_negotiate[] = {0x60, 0x30, 0x06, 0x06, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x02, 0xa0, 0x26, 0x30, 0x24, 0xa0, 0x0e, 0x30,
	0x0c, 0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a, 0xa2, 0x12, 0x04, 0x10, 'N', 'T', 'L', 'M', 'S', 'S', 'P', 0,
	1, 0, 0, 0, 0x15, 0x82, 0x08, 0x62};

static struct user_store *users(void)
{
	static struct user_store *s;
	struct user_entry e = {.name = "alice", .nt_hash = {1, 2, 3}};

	if (s != NULL)
		return s;
	s = user_store_in_memory();
	MUST(s != NULL && nt_ok(user_store_put(s, &e)));
	return s;
}

static ntstatus step(struct auth_server *s, const struct auth_server_config *cfg, struct slice token, struct arena *a)
{
	struct slice out;
	ntstatus st = auth_server_step(s, token, a, &out);
	const struct auth_identity *id = auth_server_identity(s);

	MUST(id->session_key_len == 0);
	if (nt_ok(st))
		MUST((id->anonymous && cfg->allow_anonymous) || (id->guest && cfg->guest));
	else if (nt_is(st, STATUS_MORE_PROCESSING_REQUIRED))
		MUST(out.len != 0);
	else
		MUST(out.len == 0);
	return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct auth_server_config cfg = {.users = users(), .netbios_name = "HYTHE", .dns_name = "hythe.local", .clock = &clock_system};
	struct auth_server *s;
	struct arena a;
	uint8_t *token;
	size_t len;

	if (size == 0)
		return 0;
	log_level = LOG_ERROR;
	random_seed_for_tests(1);
	cfg.allow_anonymous = data[0] & 1;
	cfg.guest = data[0] & 2;
	s = auth_server_new(&cfg);
	MUST(s != NULL);
	arena_init(&a, NULL, 0, 1 << 20);
	if (data[0] & 4)
		(void)step(s, &cfg, slice_of(negotiate, sizeof(negotiate)), &a);
	else if (data[0] & 8)
		(void)step(s, &cfg, slice_of(spnego_negotiate, sizeof(spnego_negotiate)), &a);
	data++;
	size--;
	while ((token = fuzz_token(&data, &size, &len)) != NULL) {
		(void)step(s, &cfg, slice_of(token, len), &a);
		free(token);
	}
	auth_server_free(s);
	arena_reset(&a);
	return 0;
}
