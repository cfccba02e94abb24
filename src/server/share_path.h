/* The path of a share that depends on who connects: %U, %M and %t in it are put in at TREE_CONNECT, %% is a percent sign. Text only: nothing in
 * here looks at the file system. Called by server.c (the configuration) and share_instance.c. */
#ifndef SERVER_SHARE_PATH_H
#define SERVER_SHARE_PATH_H

#include "base/bytes.h"

#include <time.h>

enum { SRV_PATH_BYTES = 4096 };

/* What a path has in it. */
struct srv_path_kind {
	bool varies, user;          /* any of %U, %M and %t; %U */
};

struct srv_path_values {
	const char *user;           /* the name in the user store; NULL: nobody who has one */
	const char *client;         /* the address, without a port */
	time_t now;
};

/* `fixed` bytes are the administrator's alone: up to the last '/' before the first variable. No component of the rest is empty, "." or "..". */
struct srv_path {
	size_t fixed;
	char text[SRV_PATH_BYTES];
};

/* Whether the path of a configuration can be expanded. false: `why` says what is wrong. */
bool srv_path_check(const char *pattern, struct srv_path_kind *kind, char *why, size_t cap) MUST_USE;

/* What a checked path comes to. false: a value cannot stand in a path, and `why` says which. */
bool srv_path_expand(const char *pattern, const struct srv_path_values *v, struct srv_path *out, char *why, size_t cap) MUST_USE;

/* The address in "192.0.2.7:50123" or "[2001:db8::1]:50123". */
void srv_path_client(const char *peer, char *out, size_t cap);

#endif
