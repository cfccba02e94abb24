/* See width.h. */
#include "cli/width.h"

enum {
	TRIAL = 12,      /* pieces that count */
	STAY_LEAST = 64, /* before the first trial, and four times as long after each */
	STAY_MOST = 4096,
	FAR_US = 4000,   /* an answer later than that is on its way for long */
	SLOW_US = 2000,  /* pieces that come no faster lie in no cache's way */
};

static bool is_wide(const struct cli_width *w)
{
	return w->now == CLI_WIDE;
}

static void change(struct cli_width *w, bool trial)
{
	w->now = is_wide(w) ? CLI_NARROW : CLI_WIDE;
	w->trial = trial;
}

/* By a third, since what they take from the caches others miss too; where neither is fast there is nothing to be lost by them. */
static bool wide_is_better(const struct cli_width *w)
{
	return w->piece_us[false] > SLOW_US || w->piece_us[true] * 4 < w->piece_us[false] * 3;
}

static void phase_end(struct cli_width *w)
{
	bool wide = is_wide(w);
	if (w->trial) {
		w->trial = false;
		w->stay = w->stay * 4 < STAY_MOST ? w->stay * 4 : STAY_MOST;
		if (wide_is_better(w) != wide)
			change(w, false);
	} else if (!wide || w->piece_us[true] <= SLOW_US) {
		change(w, true);
	}
}

void cli_width_answered(struct cli_width *w, uint64_t now_us, uint64_t took_us)
{
	if (w->stay == 0 && took_us > FAR_US) {
		w->piece_us[false] = took_us / CLI_NARROW;
		w->stay = STAY_LEAST;
		w->answered = 0;
		change(w, true);
		return;
	}
	if (w->stay == 0)
		w->stay = STAY_LEAST;
	/* Those answered first were asked for under the width before. */
	if (++w->answered <= CLI_WIDE) {
		w->since_us = now_us;
		return;
	}
	unsigned counted = w->answered - CLI_WIDE;
	if (counted < (w->trial ? TRIAL : w->stay))
		return;
	w->piece_us[is_wide(w)] = (now_us - w->since_us) / counted;
	w->answered = 0;
	phase_end(w);
}
