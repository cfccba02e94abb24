/* How much of a file shall be under way at a time. Little is enough where a server answers at once, and better: what waits in sockets on its way
 * leaves the caches, and both sides fetch it anew (a third of the time of 1 GiB within one machine). A path with a delay needs much. Which it is shows
 * only in how long it takes, so both are tried, ever more rarely. */
#ifndef CLI_WIDTH_H
#define CLI_WIDTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLI_PIECE = 1 << 20, CLI_NARROW = 3, CLI_NARROW_PIECE = 512 * 1024, CLI_WIDE = 12 }; /* when wide, so many pieces of CLI_PIECE */

/* Zeroed at first: narrow. */
struct cli_width {
	bool wide;
	bool trial;          /* of this width; if not, it has proved better */
	uint64_t answered;   /* bytes, since the width changed or the phase began */
	uint64_t stay;       /* how many bytes the next steady phase lasts; 0: it is the first */
	uint64_t since_us;   /* when the last of those that do not count was answered */
	uint64_t mib_us[2];  /* what a MiB took when last measured: narrow, wide */
};

unsigned cli_width_pieces(const struct cli_width *w);
size_t cli_width_bytes(const struct cli_width *w);
/* A piece was answered, took_us after it was asked for. */
void cli_width_answered(struct cli_width *w, size_t bytes, uint64_t now_us, uint64_t took_us);

#endif
