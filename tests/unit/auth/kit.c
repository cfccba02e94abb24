/* See kit.h. */
#include "kit.h"

static char log_text[8192];

static void log_keep(enum log_level level, const char *line, void *arg)
{
	size_t used = strlen(log_text);

	(void)level;
	(void)arg;
	snprintf(log_text + used, sizeof(log_text) - used, "%s\n", line);
}

void kit_log_start(void)
{
	log_text[0] = 0;
	log_sink(log_keep, NULL);
}

bool kit_log_has(const char *text)
{
	return strstr(log_text, text) != NULL;
}

static void add(struct user_store *s, const char *name, const char *password, bool disabled, bool no_password)
{
	struct user_entry e = {.disabled = disabled, .no_password = no_password};

	snprintf(e.name, sizeof(e.name), "%s", name);
	assert_true(nt_ok(user_nt_hash(password, e.nt_hash)));
	assert_true(nt_ok(user_store_put(s, &e)));
}

void kit_start(struct kit *k)
{
	*k = (struct kit){0};
	kit_log_start();
	arena_init(&k->arena, NULL, 0, 0);
	k->users = user_store_in_memory();
	assert_non_null(k->users);
	add(k->users, "alice", "secret", false, false);
	add(k->users, "Bob", "b\xc3\xb6" "b", false, false);
	add(k->users, "eve", "evil", true, false);
	add(k->users, "nopass", "whatever", false, true);
	add(k->users, "blank", "", false, false);
	k->server = (struct auth_server_config){.users = k->users, .netbios_name = "HYTHE", .dns_name = "hythe.example.org",
		.allow_anonymous = true, .clock = &clock_system};
	k->client = (struct auth_client_config){.user = "alice", .domain = "WORKGROUP", .password = "secret", .target_host = "hythe",
		.clock = &clock_system};
}

void kit_hang_up(struct kit *k)
{
	auth_server_free(k->s);
	auth_client_free(k->c);
	k->s = NULL;
	k->c = NULL;
}

void kit_stop(struct kit *k)
{
	kit_hang_up(k);
	user_store_close(k->users);
	arena_reset(&k->arena);
	log_sink(NULL, NULL);
}

struct slice kit_copy(struct kit *k, struct slice s)
{
	uint8_t *p = arena_alloc(&k->arena, s.len);

	assert_non_null(p);
	if (s.len != 0)
		memcpy(p, s.data, s.len);
	return slice_of(p, s.len);
}

void kit_logon(struct kit *k)
{
	struct slice token = auth_server_hint(&k->arena);

	kit_hang_up(k);
	k->s = auth_server_new(&k->server);
	k->c = auth_client_new(&k->client);
	assert_non_null(k->s);
	assert_non_null(k->c);
	k->server_status = STATUS_MORE_PROCESSING_REQUIRED;
	for (k->legs = 0; k->legs < 10;) {
		k->client_status = auth_client_step(k->c, token, &k->arena, &token);
		if (!nt_is(k->server_status, STATUS_MORE_PROCESSING_REQUIRED) || nt_error(k->client_status)) {
			if (!nt_is(k->client_status, STATUS_MORE_PROCESSING_REQUIRED))
				return;
		}
		if (k->on_token)
			k->on_token(k, true, k->legs, &token);
		k->server_status = auth_server_step(k->s, token, &k->arena, &token);
		k->legs++;
		if (nt_error(k->server_status) && !nt_is(k->server_status, STATUS_MORE_PROCESSING_REQUIRED))
			return;
		if (k->on_token)
			k->on_token(k, false, k->legs - 1, &token);
		if (nt_ok(k->server_status) && nt_ok(k->client_status) && token.len == 0)
			return;
	}
}
