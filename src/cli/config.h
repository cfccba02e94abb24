/* The server's configuration as `hythe serve` puts it together: an INI file, then the command line. It ends up in a plain
 * struct hythe_server_config whose strings live in the arena of this struct. */
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include <hythe/server.h>

#include "base/arena.h"

enum { CONFIG_WHY_BYTES = 512 };

struct config {
	struct hythe_server_config server;
	struct arena arena;
	size_t share_cap;
	const char *file;                /* for messages; NULL outside of config_read */
	int line;
	char why[CONFIG_WHY_BYTES];      /* the first error, with FILE:LINE where there is one */
	uint64_t seen_server, seen_share; /* options of the section under way that were given, by their row */
	bool in_section, in_share, guest_given;
};

void config_init(struct config *c);
void config_free(struct config *c);

/* Adds what the file says. false: c->why says what is wrong and where. */
bool config_read(struct config *c, const char *path) MUST_USE;

/* Sets an option of the server as if the file had it. */
bool config_set_server(struct config *c, const char *name, const char *value) MUST_USE;

/* Adds a share; `name` and `path` are copied, the rest is the caller's to set. NULL: c->why says what is wrong. */
struct hythe_share_config *config_add_share(struct config *c, const char *name, const char *path) MUST_USE;

/* NAME=DIR[,ro][,encrypt][,guest]. A comma belongs to DIR unless one of these words follows it. */
bool config_add_share_text(struct config *c, const char *text) MUST_USE;

/* Share i, to be changed. */
struct hythe_share_config *config_share(struct config *c, size_t i);

/* What only holds for the whole: every share has a path, dialects in order, guests. */
bool config_finish(struct config *c) MUST_USE;

/* Copies a string into the configuration; NULL when memory is exhausted (c->why is set). */
const char *config_strdup(struct config *c, const char *s) MUST_USE;

#endif
