/* See width.h. */
#include "cli/width.h"

enum {
	BEFORE = CLI_WIDE,             /* those that may be under way when the width changes do not count */
	TRIAL = 12,                    /* after them */
	STAY_FIRST = 256,              /* before the first trial, and four times as long when the other width was no better */
	STAY_CHANGED = 64,             /* when it was, which may have been chance */
	STAY_MOST = 4096,
	FAR_US = 2000,                 /* an answer later than that is on its way for long */
	SLOW_US = 2000,                /* pieces that come no faster lie in no cache's way */
};

unsigned cli_width_pieces(const struct cli_width *w)
{
	return w->wide ? CLI_WIDE : CLI_NARROW;
}

static void change(struct cli_width *w, bool trial)
{
	w->wide = !w->wide;
	w->trial = trial;
}

/* By a third, since what they take from the caches others miss too; where neither is fast there is nothing to be lost by them. */
static bool wide_is_better(const struct cli_width *w)
{
	return w->piece_us[false] > SLOW_US || w->piece_us[true] * 4 < w->piece_us[false] * 3;
}

static void phase_end(struct cli_width *w)
{
	if (w->trial) {
		w->trial = false;
		if (wide_is_better(w) == w->wide) {
			w->stay = STAY_CHANGED;
		} else {
			w->stay = w->stay * 4 < STAY_MOST ? w->stay * 4 : STAY_MOST;
			change(w, false);
		}
	} else if (!w->wide || w->piece_us[true] <= SLOW_US) {
		change(w, true);
	}
}

void cli_width_answered(struct cli_width *w, uint64_t now_us, uint64_t took_us)
{
	if (w->stay == 0) {
		w->stay = STAY_FIRST;
		if (took_us > FAR_US) {
			w->piece_us[false] = took_us / CLI_NARROW;
			change(w, true);
			return;
		}
	}
	if (++w->answered <= BEFORE) {
		w->since_us = now_us;
		return;
	}
	unsigned counted = w->answered - BEFORE;
	if (counted < (w->trial ? TRIAL : w->stay))
		return;
	w->piece_us[w->wide] = (now_us - w->since_us) / counted;
	w->answered = 0;
	phase_end(w);
}
