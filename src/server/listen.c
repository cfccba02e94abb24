/* The text of a place to listen, see listen.h. */
#include "server/listen.h"

#include <stdio.h>
#include <strings.h>

static const char blanks[] = " \t";

static bool is_word(const char *p, size_t n, const char *word)
{
	return n == strlen(word) && strncasecmp(p, word, n) == 0;
}

bool srv_listen_parse(const char *text, char *address, bool *smb1, char *why, size_t why_cap)
{
	const char *p = text + strspn(text, blanks);
	size_t n = strcspn(p, blanks);

	if (n >= SRV_ADDRESS_BYTES) {
		snprintf(why, why_cap, "the listen address \"%.40s...\" is too long", p);
		return false;
	}
	memcpy(address, p, n);
	address[n] = 0;
	for (p += n, p += strspn(p, blanks); *p; p += n, p += strspn(p, blanks)) {
		n = strcspn(p, blanks);
		if (is_word(p, n, "smb1=yes") || is_word(p, n, "smb1=no")) {
			*smb1 = is_word(p, n, "smb1=yes");
		} else {
			snprintf(why, why_cap, "\"%.*s\" behind the listen address %.100s is neither smb1=yes nor smb1=no", n < 60 ? (int)n : 60, p, address);
			return false;
		}
	}
	return true;
}
