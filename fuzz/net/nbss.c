/* Any bytes to a connection that awaits a NetBIOS session, or is in one, in pieces that the first byte says. Frames come only in a session, and none is longer
 * than 17 bits can tell. */
#include "net/internal.h"

#include "base/log.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool accepted, awaits;

#define MUST(x)                                                                                                        \
	do {                                                                                                           \
		if (!(x))                                                                                              \
			abort();                                                                                       \
	} while (0)

static void on_frames(struct net_conn *c, void *user, struct net_frame *f, size_t n)
{
	(void)c;
	(void)user;
	for (size_t i = 0; i < n; i++)
		MUST((accepted || !awaits) && f[i].len > 0 && f[i].len <= NET_NBSS_FRAME_MAX);
}

static uint8_t on_called(struct net_conn *c, void *user, const char *called, uint8_t suffix, const char *calling)
{
	(void)c;
	(void)user;
	MUST(strlen(called) < 16 && strlen(calling) < 16 && !accepted);
	accepted = suffix != 'x';
	return accepted ? 0 : 0x82;
}

static void on_closed(struct net_conn *c, void *user)
{
	(void)user;
	net_conn_close(c, false);
	net_conn_put(c);
}

static void quiet(enum log_level level, const char *line, void *arg)
{
	(void)level;
	(void)line;
	(void)arg;
}

static const struct net_conn_ops theirs_ops = {.frames = on_frames, .called = on_called, .closed = on_closed}, ours_ops = {.frames = on_frames, .closed = on_closed};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct clock_virtual clock;
	struct net_pool_config cfg = {.virtual_clock = &clock};
	struct net_mem_faults faults = {.split_permille = 300};
	struct net_conn *ours, *theirs;
	struct net_pool *p;

	if (size == 0)
		return 0;
	log_sink(quiet, NULL);
	clock_virtual_init(&clock);
	faults.seed = data[0];
	awaits = data[0] & 1;
	accepted = false;
	p = net_pool_new(&cfg);
	MUST(p);
	net_mem_pair(p, &faults, &ours, &theirs);
	MUST(ours);
	net_conn_make_nbss(ours, false);
	net_conn_make_nbss(theirs, awaits);
	net_conn_limit(theirs, 1 << 20);
	net_conn_start(theirs, &theirs_ops, NULL);
	net_conn_start(net_conn_ref(ours), &ours_ops, NULL);
	net_conn_send_raw(ours, data + 1, size - 1);
	while (net_pool_step(p, 10))
		;
	net_conn_close(ours, false);
	net_conn_put(ours);
	net_pool_free(p);
	return 0;
}
