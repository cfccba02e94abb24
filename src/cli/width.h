/* How many pieces of a file shall be under way at a time. Few are enough where a server answers at once, and better: what waits in sockets on its way
 * leaves the caches, and both sides fetch it anew (a third of the time of 1 GiB within one machine). A path with a delay needs many. Which it is shows
 * only in how long the pieces take, so both widths are tried, ever more rarely. */
#ifndef CLI_WIDTH_H
#define CLI_WIDTH_H

#include <stdbool.h>
#include <stdint.h>

enum { CLI_PIECE = 1 << 20, CLI_NARROW = 2, CLI_WIDE = 12 };

/* Zeroed at first: narrow. */
struct cli_width {
	bool wide;
	bool trial;           /* of this width; if not, it has proved better */
	unsigned answered;    /* pieces, since the width changed or the phase began */
	unsigned stay;        /* how many pieces the next steady phase lasts; 0: it is the first */
	uint64_t since_us;    /* when the last of those that do not count was answered */
	uint64_t piece_us[2]; /* what a piece took when last measured: narrow, wide */
};

unsigned cli_width_pieces(const struct cli_width *w);
/* A piece of CLI_PIECE bytes was answered, took_us after it was asked for. */
void cli_width_answered(struct cli_width *w, uint64_t now_us, uint64_t took_us);

#endif
