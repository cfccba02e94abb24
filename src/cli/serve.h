/* The pieces of `hythe serve`: cmd_serve.c runs it, serve_user.c makes the first user, serve_howto.c says how to connect. */
#ifndef CLI_SERVE_H
#define CLI_SERVE_H

#include <hythe/server.h>

struct serve_user {
	const char *name;        /* what --user named, or NULL; then the user there is or was made, NULL when there are several */
	char own_name[256];
	char password[64];       /* generated just now, to be shown once; "" otherwise */
};

/* Sees to it that there is somebody who can log on: makes the user that was named, or the caller when there is none at all and
 * guests are not let in. HYTHE_PASSWORD sets the password of that user. */
bool serve_user_ensure(struct serve_user *u, const struct hythe_server_config *cfg, char *why, size_t why_cap) HYTHE_MUST_USE;
void serve_user_wipe(struct serve_user *u);

/* Where the server listens, what it shares, and how to connect from Windows, macOS and Linux; on standard output. */
void serve_howto_print(const struct hythe_server *s, const struct hythe_server_config *cfg, const struct serve_user *u);

#endif
