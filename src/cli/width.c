/* See width.h. */
#include "cli/width.h"

enum {
	MIB = 1 << 20,
	BEFORE = CLI_WIDE * MIB, /* what may be under way when the width changes does not count */
	TRIAL = 12 * MIB,        /* after that */
	STAY_LEAST = 256 * MIB,  /* before the first trial, and four times as long after each */
	FAR_US = 2000,           /* an answer later than that is on its way for long */
	SLOW_US = 2000,          /* a MiB: what comes no faster lies in no cache's way */
};
#define STAY_MOST ((uint64_t)STAY_LEAST * 16)

unsigned cli_width_pieces(const struct cli_width *w)
{
	return w->wide ? CLI_WIDE : CLI_NARROW;
}

size_t cli_width_bytes(const struct cli_width *w)
{
	return w->wide ? CLI_PIECE : CLI_NARROW_PIECE;
}

static void change(struct cli_width *w, bool trial)
{
	w->wide = !w->wide;
	w->trial = trial;
}

/* By a third, since what it takes from the caches others miss too; where neither is fast there is nothing to be lost by it. */
static bool wide_is_better(const struct cli_width *w)
{
	return w->mib_us[false] > SLOW_US || w->mib_us[true] * 4 < w->mib_us[false] * 3;
}

static void phase_end(struct cli_width *w)
{
	if (w->trial) {
		w->trial = false;
		w->stay = w->stay * 4 < STAY_MOST ? w->stay * 4 : STAY_MOST;
		if (wide_is_better(w) != w->wide)
			change(w, false);
	} else if (!w->wide || w->mib_us[true] <= SLOW_US) {
		change(w, true);
	}
}

void cli_width_answered(struct cli_width *w, size_t bytes, uint64_t now_us, uint64_t took_us)
{
	if (w->stay == 0) {
		w->stay = STAY_LEAST;
		if (took_us > FAR_US) {
			w->mib_us[false] = took_us * MIB / (CLI_NARROW * CLI_NARROW_PIECE);
			change(w, true);
			return;
		}
	}
	w->answered += bytes;
	if (w->answered <= BEFORE) {
		w->since_us = now_us;
		return;
	}
	uint64_t counted = w->answered - BEFORE;
	if (counted < (w->trial ? TRIAL : w->stay))
		return;
	w->mib_us[w->wide] = (now_us - w->since_us) * MIB / counted;
	w->answered = 0;
	phase_end(w);
}
