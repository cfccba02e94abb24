/* The progress bar: how much, how fast, how long still. One line on standard error that overwrites itself, only on a terminal and
 * only for what takes longer than half a second. */
#include "cli/cli.h"

#include "base/clock.h"

#include <inttypes.h>
#include <unistd.h>

enum { FIRST_MS = 500, EVERY_MS = 200, BAR = 20 };

void cli_progress_start(struct cli_progress *p, const struct cli_args *a, const char *name, uint64_t total)
{
	*p = (struct cli_progress){.on = !a->quiet && !a->json && isatty(STDERR_FILENO), .name = name, .total = total};
	p->start_ms = clock_ms(&clock_system);
	p->last_ms = p->start_ms + FIRST_MS - EVERY_MS;
}

static void draw(struct cli_progress *p, uint64_t now_ms)
{
	char done[32], rate[32], bar[BAR + 1] = "", left[32] = "";
	double seconds = (double)(now_ms - p->start_ms) / 1000;
	double speed = seconds > 0 ? (double)p->done / seconds : 0;
	cli_size_text(done, p->done);
	cli_size_text(rate, (uint64_t)speed);
	fputs("\r\033[K", stderr);
	cli_put_name(stderr, p->name);
	if (p->total > 0) {
		size_t filled = (size_t)((double)BAR * (double)p->done / (double)p->total);
		for (size_t i = 0; i < BAR; i++)
			bar[i] = i < filled ? '#' : '.';
		bar[BAR] = 0;
		uint64_t s = speed > 0 && p->done <= p->total ? (uint64_t)((double)(p->total - p->done) / speed) : 0;
		snprintf(left, sizeof(left), "  %" PRIu64 ":%02" PRIu64 " left", s / 60, s % 60);
		fprintf(stderr, "  [%s] %3.0f %%", bar, 100 * (double)p->done / (double)p->total);
	}
	fprintf(stderr, "  %s  %s/s%s", done, rate, left);
	fflush(stderr);
	p->shown = true;
}

void cli_progress_add(struct cli_progress *p, uint64_t bytes)
{
	if (!p->on)
		return;
	p->done += bytes;
	uint64_t now_ms = clock_ms(&clock_system);
	if (now_ms >= p->last_ms + EVERY_MS) {
		p->last_ms = now_ms;
		draw(p, now_ms);
	}
}

void cli_progress_end(struct cli_progress *p)
{
	if (!p->shown)
		return;
	draw(p, clock_ms(&clock_system));
	fputc('\n', stderr);
	p->shown = false;
}
