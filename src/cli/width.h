/* How many pieces of a file shall be under way at a time. Few are enough where a server answers at once, and better: what waits in sockets on its way
 * leaves the caches, and both sides fetch it anew (a third of the time of 1 GiB within one machine). A path with a delay needs many. Which it is shows
 * only in how long the pieces take, so both widths are tried, ever more rarely. */
#ifndef CLI_WIDTH_H
#define CLI_WIDTH_H

#include <stdbool.h>
#include <stdint.h>

enum { CLI_NARROW = 3, CLI_WIDE = 12 };

/* Zeroed but for `now` = CLI_NARROW at first. */
struct cli_width {
	unsigned now;        /* pieces */
	bool trial;          /* of this width; if not, it has proved better */
	unsigned answered;   /* pieces, since the width changed or the phase began */
	unsigned stay;       /* how many pieces the next steady phase lasts; 0: it is the first */
	uint64_t since_us;   /* when the first of those that count was answered */
	uint64_t piece_us[2]; /* what a piece took when last measured: narrow, wide */
};

/* A piece was answered, took_us after it was asked for. */
void cli_width_answered(struct cli_width *w, uint64_t now_us, uint64_t took_us);

#endif
