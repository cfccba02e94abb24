/* What the tests of src/auth share: cmocka's preamble, a store with users in it, and a logon of our client against our server. */
#ifndef TEST_AUTH_KIT_H
#define TEST_AUTH_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "auth/ntlm.h"
#include "auth/spnego.h"
#include "base/log.h"
#include "base/random.h"
#include "base/utf16.h"

#include <stdio.h>
#include <stdlib.h>

struct kit {
	struct user_store *users;
	struct auth_server_config server;
	struct auth_client_config client;
	struct arena arena;
	/* Filled by kit_logon. */
	struct auth_server *s;
	struct auth_client *c;
	ntstatus server_status, client_status;
	int legs; /* tokens the server was given */
	/* Called on each token before it is handed over; may replace it. */
	void (*on_token)(struct kit *k, bool to_server, int leg, struct slice *token);
	void *arg;
};

/* alice (password "secret"), Bob ("b\u00f6b"), eve (disabled, "evil"), nopass (none), blank (the hash of an empty password) */
void kit_start(struct kit *k);
void kit_stop(struct kit *k);
/* A whole logon by k->client at k->server. */
void kit_logon(struct kit *k);
/* Frees the two contexts of the last logon. */
void kit_hang_up(struct kit *k);
struct slice kit_copy(struct kit *k, struct slice s);
/* Starts over with the log lines; then whether one of them contains the text. */
void kit_log_start(void);
bool kit_log_has(const char *text);

#endif
