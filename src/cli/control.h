/* The socket by which `hythe status` asks a running `hythe serve`: "control" in the state directory, for whoever may write there. */
#ifndef CLI_CONTROL_H
#define CLI_CONTROL_H

#include <hythe/server.h>

struct control;

/* Answers on a thread of its own until control_free. NULL: `why` (256 bytes) says why not; the server is none the worse for it. */
struct control *control_new(struct hythe_server *s, const char *state_dir, char *why);
void control_free(struct control *c);

/* Asks the server of that state directory and copies what it says to standard output. false: `why` (256 bytes) says why not. */
bool control_ask(const char *state_dir, bool json, char *why);

#endif
