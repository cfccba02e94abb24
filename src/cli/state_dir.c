/* See state_dir.h. Called by `hythe serve` and `hythe user`, so that both look in the same place. */
#include "cli/state_dir.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WHY_BYTES = 256 };

static bool joined(char *out, size_t cap, char *why, const char *base, const char *rest)
{
	int n = snprintf(out, cap, "%s%s", base, rest);

	if (n > 0 && (size_t)n < cap)
		return true;
	snprintf(why, WHY_BYTES, "the name of the state directory is too long; name a shorter one with --state");
	return false;
}

bool state_dir_default(char *out, size_t cap, char *why)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char buffer[4096];
	struct passwd pw, *found = NULL;

	if (geteuid() == 0)
		return joined(out, cap, why, "/var/lib/hythe", "");
	/* The XDG base directory specification wants relative values ignored. */
	if (state && state[0] == '/')
		return joined(out, cap, why, state, "/hythe");
	if ((!home || home[0] != '/') && getpwuid_r(getuid(), &pw, buffer, sizeof(buffer), &found) == 0 && found)
		home = pw.pw_dir;
	if (home && home[0] == '/')
		return joined(out, cap, why, home, "/.local/state/hythe");
	snprintf(why, WHY_BYTES, "you have no home directory to keep users in; name a state directory with --state");
	return false;
}
