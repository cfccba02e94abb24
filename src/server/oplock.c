/* Oplock and lease breaks on their way to the holder: [MS-SMB2] 3.3.4.6, 3.3.4.7, 2.2.23, and the timer of 3.3.6.1. */
#include "server/oplock.h"

#include "base/log.h"
#include "server/conn.h"
#include "server/durable.h"
#include "server/local.h"
#include "server/out.h"
#include "server/tables.h"
#include "server/smb1/smb1.h"

#include <stdatomic.h>
#include <stdlib.h>

/* A holder whose system does not even acknowledge the notification is not there any more: its connection goes, and with it, unless there is another to
 * tell it on, its opens. */
enum { ARRIVE_MS = 5000, TEST_ARRIVE_MS = 1000, ACKNOWLEDGE_MS = 35000 };
enum { NOTIFICATION_BYTES = SMB2_HEADER_SIZE + 44, ACK_REQUIRED = 1 };

static struct srv_grant *grant_of(struct fsa_grant *g)
{
	return CONTAINER_OF(g, struct srv_grant, fsa);
}

static struct srv_grant *grant_ref(struct srv_grant *g)
{
	atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
	return g;
}

void srv_oplock_hold(struct fsa_grant *g)
{
	(void)grant_ref(grant_of(g));
}

/* Through whom a break is told. */
struct holder {
	struct srv_channel *channel; /* referenced; NULL: the open is disconnected */
	struct smb2_file_id file_id;
	bool sealed;
};

/* The n-th open of g. false: there are not so many. */
static bool nth_holder(struct srv_grant *g, size_t n, struct holder *h)
{
	bool found = false;

	*h = (struct holder){0};
	pthread_mutex_lock(&g->srv->grant_lock);
	list_for_each(l, &g->opens) {
		const struct srv_open *o = list_entry(l, struct srv_open, on_grant);

		if (n-- > 0)
			continue;
		found = true;
		h->file_id = o->file_id;
		if (o->oplock_channel) {
			h->channel = srv_channel_ref(o->oplock_channel);
			h->sealed = h->channel->session->encrypt_data || o->share->encrypt;
		}
		break;
	}
	pthread_mutex_unlock(&g->srv->grant_lock);
	return found;
}

/* 3.3.4.6, 3.3.4.7: the first open whose session has a connection, the one on which it was opened if that is there; false: none is left. */
static bool reachable_holder(struct srv_grant *g, struct holder *h)
{
	for (size_t n = 0; nth_holder(g, n, h); n++) {
		struct srv_channel *opened = h->channel;

		h->channel = opened ? srv_channel_alive(opened->session, opened) : NULL;
		srv_channel_put(opened);
		if (h->channel)
			return true;
	}
	return false;
}

/* 3.3.4.6, 3.3.4.7: a disconnected open does not survive a break of what it holds. */
static void close_disconnected(struct srv_grant *g)
{
	struct srv_open *some[16];
	size_t n, closed;

	do {
		n = closed = 0;
		pthread_mutex_lock(&g->srv->grant_lock);
		list_for_each(l, &g->opens) {
			struct srv_open *o = list_entry(l, struct srv_open, on_grant);

			if (!o->oplock_channel && n < ARRAY_LEN(some))
				some[n++] = srv_open_ref(o);
		}
		pthread_mutex_unlock(&g->srv->grant_lock);
		for (size_t i = 0; i < n; i++) {
			closed += srv_durable_close_disconnected(some[i]);
			srv_open_put(some[i]);
		}
	} while (n == ARRAY_LEN(some) && closed > 0);
}

/* 2.2.23.1, 2.2.23.2 */
static struct smb2_break body_of(const struct fsa_notice *n, const struct holder *h)
{
	struct smb2_break b = {.structure_size = SMB2_BREAK_OPLOCK};

	if (!n->grant->lease) {
		b.oplock = (struct smb2_oplock_break){.oplock_level = fsa_level_of_cache(n->to), .file_id = h->file_id};
		return b;
	}
	b.structure_size = SMB2_BREAK_LEASE;
	b.lease = (struct smb2_lease_break){
		.new_epoch = grant_of(n->grant)->epochs ? n->epoch : 0,
		.flags = n->acknowledge ? ACK_REQUIRED : 0,
		.current_lease_state = n->from,
		.new_lease_state = n->to,
	};
	memcpy(b.lease.lease_key, n->grant->key.lease, sizeof(b.lease.lease_key));
	return b;
}

/* A lease belongs to a client and not to a connection, and is told on the first that the client has; keys belong to a session, which
 * is on the connection of the open. */
static struct srv_conn *conn_to_tell(const struct fsa_notice *n, const struct holder *h)
{
	struct srv_conn *c = n->grant->lease && !h->sealed ? srv_lease_conn(grant_of(n->grant)->srv, &n->grant->key) : NULL;

	return c ? c : srv_conn_ref(h->channel->conn);
}

/* A message that answers nothing, sealed where the session is, never signed. */
static void notify(const struct fsa_notice *n, const struct holder *h, struct srv_conn *c)
{
	struct smb2_header header = {
		.command = SMB2_OPLOCK_BREAK, .flags = SMB2_FLAGS_SERVER_TO_REDIR, .message_id = UINT64_MAX,
	};
	struct smb2_break body = body_of(n, h);
	struct net_batch batch;
	struct srv_out out;
	struct wire w;
	uint8_t *head;
	size_t cap;

	if (c->smb1) {
		srv1_tell_break(c, h->file_id, fsa_level_of_cache(n->to));
		return;
	}
	srv_out_init(&out, c);
	if (h->sealed)
		out.seal = srv_channel_ref(h->channel);
	head = srv_out_room(&out, NOTIFICATION_BYTES + 8, &cap);
	if (!head) {
		/* A holder who is never told would keep what he may not; without him nobody does. */
		net_conn_close(c->net, false);
		srv_out_discard(&out);
		return;
	}
	w = wire_encoder(head, 0, cap - 8);
	smb2_header_code(&w, &header);
	smb2_break_rsp_code(&w, &body);
	out.elements[out.count++] = (struct srv_out_element){.head = head, .head_len = w.pos};
	net_batch_init(&batch, c->net);
	srv_out_flush(&out, &batch);
	srv_out_discard(&out);
	net_batch_flush(&batch);
	log_debug("%s: %s breaks from %u to %u", c->peer, n->grant->lease ? "lease" : "oplock", n->from, n->to);
}

/* Local programs that waited for the break may open the file. Such a grant has one open. */
static void let_in(struct srv_grant *g)
{
	struct srv_open *o = NULL;

	if (!g->fsa.whole)
		return;
	pthread_mutex_lock(&g->srv->grant_lock);
	if (!list_empty(&g->opens))
		o = srv_open_ref(list_entry(g->opens.next, struct srv_open, on_grant));
	pthread_mutex_unlock(&g->srv->grant_lock);
	if (o && !fsa_grant_breaking(&g->fsa) && fsa_oplock_level(&o->fsa) == FSA_OPLOCK_NONE)
		srv_local_let_in(o);
	srv_open_put(o);
}

/* --- the clock, 3.3.6.1 --- */

/* Runs while it is its grant's; whoever takes it from there frees it. */
struct srv_break_clock {
	struct net_timer timer;
	struct srv_grant *grant; /* referenced */
	struct srv_conn *told;   /* whether the notification arrived there is looked at first, referenced; NULL: that has been done */
	struct fsa_notice notice; /* what was told, if `told` */
	uint64_t until_ms;       /* when the time of the answer is up */
};

static void on_silence(struct net_timer *t);

static struct srv_break_clock *clock_new(struct srv_grant *g, struct srv_conn *told, const struct fsa_notice *n)
{
	struct srv_break_clock *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->grant = grant_ref(g);
	c->told = told ? srv_conn_ref(told) : NULL;
	if (n)
		c->notice = *n;
	c->timer.fn = on_silence;
	return c;
}

static void clock_free(struct srv_break_clock *c)
{
	if (!c)
		return;
	srv_conn_put(c->told);
	srv_grant_put(c->grant);
	free(c);
}

static unsigned arrive_ms(const struct srv_conn *told)
{
	return told->test_unacked ? TEST_ARRIVE_MS : ARRIVE_MS;
}

/* What has been answered or closed meanwhile gets no clock. told: the connection where n was told, NULL: not to be looked at, nor is it where there is
 * not the time for that. */
static void arm(struct srv_grant *g, struct srv_conn *told, const struct fsa_notice *n, uint64_t until_ms)
{
	uint64_t now = clock_ms(g->srv->clock), ms = until_ms > now ? until_ms - now : 0;
	struct srv_break_clock *c;
	bool waits;

	if (told && ms < arrive_ms(told))
		told = NULL;
	if (told)
		ms = arrive_ms(told);
	c = clock_new(g, told, n);
	if (c)
		c->until_ms = until_ms;
	pthread_mutex_lock(&g->srv->grant_lock);
	waits = !g->clock && fsa_grant_breaking(&g->fsa);
	if (waits && c) {
		g->clock = c;
		net_timer_arm(g->srv->pool, &c->timer, ms);
	}
	pthread_mutex_unlock(&g->srv->grant_lock);
	if (waits && c)
		return;
	clock_free(c);
	/* Without a clock nobody may be waited for. */
	if (waits) {
		fsa_grant_expire(&g->fsa);
		let_in(g);
	}
}

/* Takes g's clock, or that one if it is still g's. NULL: there is none. */
static struct srv_break_clock *clock_take(struct srv_grant *g, const struct srv_break_clock *this_one)
{
	struct srv_break_clock *c;

	pthread_mutex_lock(&g->srv->grant_lock);
	c = !this_one || g->clock == this_one ? g->clock : NULL;
	if (c)
		g->clock = NULL;
	pthread_mutex_unlock(&g->srv->grant_lock);
	return c;
}

static bool has_arrived(struct srv_conn *c)
{
	if (net_conn_closed(c->net))
		return false;
	/* An acknowledgment since then was one of the notification, too. */
	if (!c->test_unacked && !net_conn_stuck(c->net, ARRIVE_MS))
		return true;
	log_info("%s: the client does not acknowledge what it is sent; disconnected, since others wait for it", c->peer);
	net_conn_close(c->net, false);
	return false;
}

/* 3.3.4.7: on another connection, if the holder has one. */
static void tell_again(struct srv_grant *g, const struct fsa_notice *n, uint64_t until_ms)
{
	struct srv_conn *c = NULL;
	struct holder h;

	if (fsa_grant_breaking(&g->fsa) && reachable_holder(g, &h)) {
		c = conn_to_tell(n, &h);
		notify(n, &h, c);
		srv_channel_put(h.channel);
	}
	arm(g, c, n, until_ms);
	srv_conn_put(c);
}

static void on_silence(struct net_timer *t)
{
	struct srv_break_clock *c = CONTAINER_OF(t, struct srv_break_clock, timer);
	struct srv_grant *g = c->grant;

	/* Whoever has taken it waits for us to return before it is freed. */
	if (!clock_take(g, c))
		return;
	if (c->told) {
		if (has_arrived(c->told))
			arm(g, NULL, NULL, c->until_ms);
		else
			tell_again(g, &c->notice, c->until_ms);
	} else {
		log_info("no answer to a break of %s", g->fsa.lease ? "a lease" : "an oplock");
		fsa_grant_expire(&g->fsa);
		let_in(g);
	}
	clock_free(c);
}

void srv_oplock_disarm(struct srv_grant *g)
{
	struct srv_break_clock *c = clock_take(g, NULL);

	if (!c)
		return;
	net_timer_cancel(g->srv->pool, &c->timer);
	clock_free(c);
}

void srv_oplock_answered(struct srv_grant *g, struct fsa_breaks *next)
{
	srv_oplock_disarm(g);
	let_in(g);
	if (next)
		srv_oplock_tell(next);
	arm(g, NULL, NULL, clock_ms(g->srv->clock) + ACKNOWLEDGE_MS);
}

static void tell(const struct fsa_notice *n)
{
	struct srv_grant *g = grant_of(n->grant);
	struct holder h;

	if (srv_durable_any_disconnected(g->srv))
		close_disconnected(g);
	if (reachable_holder(g, &h)) {
		struct srv_conn *c = conn_to_tell(n, &h);

		notify(n, &h, c);
		if (n->acknowledge)
			arm(g, c, n, clock_ms(g->srv->clock) + ACKNOWLEDGE_MS);
		srv_conn_put(c);
		srv_channel_put(h.channel);
	} else if (n->acknowledge) {
		/* The holder's connection is over, and his opens go with it: whoever waits is woken by that, and finds no open in its way. */
		arm(g, NULL, NULL, clock_ms(g->srv->clock) + ARRIVE_MS);
	}
	srv_grant_put(g);
}

void srv_oplock_tell(struct fsa_breaks *b)
{
	struct fsa_notice n;

	while (fsa_breaks_next(b, &n))
		tell(&n);
}

void srv_oplock_announce(struct srv_open *o)
{
	struct fsa_breaks b;

	if (!o)
		return;
	atomic_store(&o->announcing, false);
	fsa_breaks_init(&b);
	fsa_grant_said(&o->fsa, &b);
	srv_oplock_tell(&b);
	srv_open_put(o);
}

void srv_oplock_forget(struct srv_open *o)
{
	struct fsa_breaks b;

	fsa_breaks_init(&b);
	fsa_grant_forget(&o->fsa, &b);
	srv_oplock_tell(&b);
}

void srv_oplock_written(struct srv_open *o)
{
	struct fsa_breaks b;

	fsa_breaks_init(&b);
	fsa_oplock_written(&o->fsa, &b);
	srv_oplock_tell(&b);
}

ntstatus srv_oplock_give_way(struct srv_request *r, struct vfs_id id, enum fsa_operation op)
{
	struct fsa_breaks b;
	ntstatus status;

	fsa_breaks_init(&b);
	status = fsa_break(r->tree->share->fsa, id, &r->open->fsa, op, &b);
	r->awaited.id = id;
	r->awaited.ended = b.ended;
	srv_oplock_tell(&b);
	return status;
}
