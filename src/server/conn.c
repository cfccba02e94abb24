/* Connections: accept, frames in, loss. [MS-SMB2] 3.3.5.1, 3.3.5.2, 3.3.7.1. */
#include "server/conn.h"

#include "base/log.h"
#include "server/coming.h"
#include "server/dispatch.h"
#include "server/oplock.h"
#include "server/park.h"
#include "server/smb1/smb1.h"
#include "server/tables.h"

#include "wire/nbss.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <strings.h>

/* A frame before logon is small; afterwards it holds a WRITE of MaxWriteSize, its header and a transform header. */
enum { FRAME_BEFORE_LOGON_BYTES = 128 << 10, FRAME_OVERHEAD_BYTES = 4096, NBSS_FILE_SERVER = 0x20 };

struct srv_conn *srv_conn_ref(struct srv_conn *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void srv_conn_put(struct srv_conn *c)
{
	if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	net_conn_put(c->net);
	srv1_conn_free(c->smb1);
	proto_window_free(&c->window);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

struct srv_channel *srv_conn_channel(struct srv_conn *c, uint64_t id)
{
	struct srv_channel *found = NULL;

	pthread_mutex_lock(&c->lock);
	list_for_each(n, &c->channels) {
		struct srv_channel *ch = list_entry(n, struct srv_channel, on_conn);

		if (ch->session->id == id) {
			found = srv_channel_ref(ch);
			break;
		}
	}
	pthread_mutex_unlock(&c->lock);
	return found;
}

void srv_conn_known(struct srv_conn *c)
{
	if (!atomic_exchange(&c->stranger, false))
		return;
	pthread_mutex_lock(&c->srv->lock);
	c->srv->stranger_count--;
	pthread_mutex_unlock(&c->srv->lock);
}

/* The loss of a connection ends those of its sessions that have no other channel, and with them opens and trees. */
static void lose(struct srv_conn *c)
{
	struct srv_channel *ch;

	pthread_mutex_lock(&c->lock);
	c->gone = true;
	pthread_mutex_unlock(&c->lock);
	srv_lease_conn_gone(c);
	srv_cancel_lost(c);
	do {
		ch = NULL;
		pthread_mutex_lock(&c->lock);
		if (!list_empty(&c->channels))
			ch = srv_channel_ref(list_entry(c->channels.next, struct srv_channel, on_conn));
		pthread_mutex_unlock(&c->lock);
		if (ch && srv_channel_leave(ch))
			srv_session_end(ch->session);
		srv_channel_put(ch);
	} while (ch);
	if (c->smb1)
		srv1_conn_lost(c->smb1);
}

static void on_frames(struct net_conn *net, void *user, struct net_frame *f, size_t n)
{
	struct srv_conn *c = srv_conn_ref(user);
	struct srv_turn turn;
	bool ok = true, passed_on = false;

	net_batch_init(&turn.batch, net);
	srv_out_init(&turn.out, c);
	turn.recent = NULL;
	turn.seen.open = NULL;
	/* A frame that was shown as it came comes alone. */
	turn.coming = c->coming;
	c->coming = NULL;
	for (size_t i = 0; i < n && ok && !passed_on; i++) {
		turn.batch.followed = i + 1 < n;
		ok = srv_frame_run(c, &f[i], &turn, &passed_on);
	}
	/* What was answered before still goes out. */
	net_batch_flush(&turn.batch);
	srv_out_discard(&turn.out);
	srv_channel_put(turn.recent);
	srv_coming_free(turn.coming);
	if (!ok) {
		net_conn_close(net, true);
		/* A peer that takes its time to hang up keeps nothing open meanwhile. */
		lose(c);
	}
	srv_conn_put(c);
}

static void on_closed(struct net_conn *net, void *user)
{
	struct srv_conn *c = user;

	(void)net;
	srv_coming_free(c->coming);
	c->coming = NULL;
	lose(c);
	log_debug("%s: disconnected", c->peer);
	srv_conn_known(c);
	pthread_mutex_lock(&c->srv->lock);
	list_remove(&c->link);
	if (--c->srv->conn_count == 0)
		pthread_cond_broadcast(&c->srv->drained);
	pthread_mutex_unlock(&c->srv->lock);
	srv_conn_put(c);
}

static struct net_sink *on_begun(struct net_conn *net, void *user, const struct net_frame *head, size_t len)
{
	(void)net;
	return srv_frame_begun(user, head, len);
}

static bool on_coming(struct net_conn *net, void *user, uint8_t *data, size_t at, size_t n, size_t len)
{
	(void)net;
	return srv_coming_show(user, data, at, n, len);
}

/* RFC 1002 4.3.4, 5.3.1.3; [MS-SMB] calls it by *SMBSERVER who knows the address only. */
static uint8_t on_called(struct net_conn *net, void *user, const char *called, uint8_t suffix, const char *calling)
{
	const struct srv_conn *c = user;
	const struct srv *srv = c->srv;
	bool ours = strcasecmp(called, "*SMBSERVER") == 0 || strcasecmp(called, srv->netbios_name) == 0;

	(void)net;
	for (size_t i = 0; i < srv->alias_count; i++)
		ours = ours || strcasecmp(called, srv->aliases[i]) == 0;
	if (!ours)
		return NBSS_CALLED_NAME_NOT_PRESENT;
	/* Behind our name there are no messenger and no browser. */
	if (suffix != NBSS_FILE_SERVER)
		return NBSS_NOT_LISTENING_ON_CALLED_NAME;
	log_debug("%s: NetBIOS session for %s with %s", c->peer, calling, called);
	return 0;
}

static const struct net_conn_ops conn_ops = {.frames = on_frames, .begun = on_begun, .coming = on_coming, .called = on_called, .closed = on_closed};

static struct srv_conn *conn_new(struct srv *srv, struct net_conn *net)
{
	struct srv_conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->refs = 1;
	c->srv = srv;
	c->net = net;
	c->created_ms = clock_ms(srv->clock);
	c->proto.netbios = net_conn_is_nbss(net);
	net_conn_peer(net, c->peer, sizeof(c->peer));
	pthread_mutex_init(&c->lock, NULL);
	proto_window_init(&c->window, srv->proto.max_credits);
	list_init(&c->channels);
	list_init(&c->parked);
	list_init(&c->link);
	return c;
}

void srv_accept(struct srv *srv, struct net_conn *net, bool smb1)
{
	struct srv_conn *c = conn_new(srv, net);
	bool ok;

	if (!c) {
		net_conn_close(net, false);
		net_conn_put(net);
		return;
	}
	c->smb1_allowed = smb1;
	pthread_mutex_lock(&srv->lock);
	ok = !srv->stopping && srv->conn_count < srv->limits.connections && srv->stranger_count < srv->limits.unauthenticated;
	if (ok) {
		c->stranger = true;
		srv->stranger_count++;
		list_append(&srv->conns, &c->link);
		srv->conn_count++;
	}
	pthread_mutex_unlock(&srv->lock);
	if (!ok) {
		log_warn("%s: turned away, there are too many connections (max-connections, max-unauthenticated)", c->peer);
		net_conn_close(net, false);
		srv_conn_put(c);
		return;
	}
	log_debug("%s: connected", c->peer);
	net_conn_limit(net, FRAME_BEFORE_LOGON_BYTES);
	net_conn_timeout(net, srv->limits.idle_timeout_ms, srv->limits.frame_timeout_ms);
	net_conn_unsent(net, srv->limits.unsent_per_connection);
	net_conn_start(net, &conn_ops, c);
}

static bool conn_has_valid_session(struct srv_conn *c)
{
	bool valid = false;

	pthread_mutex_lock(&c->lock);
	list_for_each(n, &c->channels) {
		struct srv_channel *ch = list_entry(n, struct srv_channel, on_conn);
		int state = ch->session->state;

		valid = valid || (ch->state == SRV_CHANNEL_OPEN && (state == SRV_SESSION_VALID || state == SRV_SESSION_EXPIRED));
	}
	pthread_mutex_unlock(&c->lock);
	return valid;
}

/* 3.3.6.3: connections that never log on are dropped. */
static void reap(struct net_timer *t)
{
	struct srv *srv = CONTAINER_OF(t, struct srv, reaper);
	uint64_t now = clock_ms(srv->clock);

	pthread_mutex_lock(&srv->lock);
	list_for_each(n, &srv->conns) {
		struct srv_conn *c = list_entry(n, struct srv_conn, link);

		if (now - c->created_ms < srv->limits.login_timeout_ms || conn_has_valid_session(c))
			continue;
		log_info("%s: dropped, it did not log on in time", c->peer);
		net_conn_close(c->net, false);
	}
	pthread_mutex_unlock(&srv->lock);
	net_timer_arm(srv->pool, t, srv->limits.login_timeout_ms / 4 + 1);
}

void srv_start_timers(struct srv *srv)
{
	srv->reaper.fn = reap;
	net_timer_arm(srv->pool, &srv->reaper, srv->limits.login_timeout_ms / 4 + 1);
}

void srv_disconnect_all(struct srv *srv, bool drain)
{
	pthread_mutex_lock(&srv->lock);
	list_for_each(n, &srv->conns)
		net_conn_close(list_entry(n, struct srv_conn, link)->net, drain);
	pthread_mutex_unlock(&srv->lock);
}
