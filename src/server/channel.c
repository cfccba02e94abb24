/* Channels: a session on its connections. [MS-SMB2] 3.3.1.14, 3.3.5.5, 3.3.7.1. A session begins with one; others are bound to it. What a
 * channel has of its own is the key that signs; trees, opens and the keys that seal are the session's. */
#include "server/tables.h"

#include "server/park.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { CHANNELS_MOST = 32 };

struct srv_channel *srv_channel_ref(struct srv_channel *ch)
{
	atomic_fetch_add_explicit(&ch->refs, 1, memory_order_relaxed);
	return ch;
}

void srv_channel_put(struct srv_channel *ch)
{
	if (!ch || atomic_fetch_sub_explicit(&ch->refs, 1, memory_order_acq_rel) != 1)
		return;
	auth_server_free(ch->auth);
	if (ch->own)
		proto_keys_wipe(ch->own);
	free(ch->own);
	bytes_wipe(ch->preauth, sizeof(ch->preauth));
	srv_session_put(ch->session);
	srv_conn_put(ch->conn);
	free(ch);
}

struct srv_channel *srv_channel_new(struct srv_conn *c, struct srv_session *s)
{
	struct srv_channel *ch = calloc(1, sizeof(*ch));

	if (!ch)
		return NULL;
	ch->refs = 1;
	ch->state = SRV_CHANNEL_BINDING;
	ch->session = srv_session_ref(s);
	ch->conn = srv_conn_ref(c);
	memcpy(ch->preauth, c->proto.preauth, sizeof(ch->preauth));
	list_init(&ch->on_conn);
	list_init(&ch->on_session);
	return ch;
}

/* The session's side first: whoever finds a channel by its connection can rely on it. */
ntstatus srv_channel_enter(struct srv_channel *ch)
{
	struct srv_session *s = ch->session;
	struct srv_conn *c = ch->conn;
	const struct srv_limits *l = &c->srv->limits;
	ntstatus status = STATUS_SUCCESS;

	pthread_mutex_lock(&s->lock);
	if (s->state == SRV_SESSION_GONE)
		status = STATUS_USER_SESSION_DELETED;
	else if (s->channel_count >= CHANNELS_MOST)
		status = STATUS_INSUFFICIENT_RESOURCES;
	if (nt_ok(status)) {
		list_append(&s->channels, &srv_channel_ref(ch)->on_session);
		s->channel_count++;
	}
	pthread_mutex_unlock(&s->lock);
	if (!nt_ok(status))
		return status;
	pthread_mutex_lock(&c->lock);
	if (c->gone || c->channel_count >= (c->trusted ? l->sessions_per_connection : l->sessions_of_strangers)) {
		status = STATUS_INSUFFICIENT_RESOURCES;
	} else {
		list_append(&c->channels, &srv_channel_ref(ch)->on_conn);
		c->channel_count++;
	}
	pthread_mutex_unlock(&c->lock);
	return status;
}

bool srv_channel_open(struct srv_channel *ch)
{
	struct srv_session *s = ch->session;
	bool alive;

	pthread_mutex_lock(&s->lock);
	alive = s->state == SRV_SESSION_VALID && ch->state == SRV_CHANNEL_BINDING;
	if (alive) {
		atomic_store(&ch->signing, ch->own);
		ch->state = SRV_CHANNEL_OPEN;
	}
	pthread_mutex_unlock(&s->lock);
	return alive;
}

static bool other_open_locked(const struct srv_session *s, const struct srv_channel *than)
{
	list_for_each(n, &s->channels) {
		const struct srv_channel *ch = list_entry(n, struct srv_channel, on_session);

		if (ch != than && ch->state == SRV_CHANNEL_OPEN)
			return true;
	}
	return false;
}

static bool leave_session_locked(struct srv_channel *ch)
{
	if (list_unlinked(&ch->on_session))
		return false;
	list_remove(&ch->on_session);
	ch->session->channel_count--;
	return true;
}

bool srv_channel_keep(struct srv_channel *ch)
{
	struct srv_session *s = ch->session;
	bool kept;

	pthread_mutex_lock(&s->lock);
	kept = s->state == SRV_SESSION_VALID && ch->state == SRV_CHANNEL_OPEN && other_open_locked(s, ch);
	if (kept)
		ch->kept++;
	pthread_mutex_unlock(&s->lock);
	return kept;
}

void srv_channel_unkeep(struct srv_channel *ch)
{
	struct srv_session *s = ch->session;
	bool left;

	pthread_mutex_lock(&s->lock);
	left = --ch->kept == 0 && ch->state == SRV_CHANNEL_GONE && leave_session_locked(ch);
	pthread_mutex_unlock(&s->lock);
	if (left)
		srv_channel_put(ch);
}

bool srv_channel_leave(struct srv_channel *ch)
{
	struct srv_session *s = ch->session;
	struct srv_conn *c = ch->conn;
	bool of_session, of_conn, last;

	pthread_mutex_lock(&s->lock);
	last = atomic_exchange(&ch->state, SRV_CHANNEL_GONE) == SRV_CHANNEL_OPEN && !other_open_locked(s, ch);
	/* A session that ends finds by its channels what there is to cancel. */
	of_session = (ch->kept == 0 || s->state == SRV_SESSION_GONE) && leave_session_locked(ch);
	pthread_mutex_unlock(&s->lock);
	pthread_mutex_lock(&c->lock);
	of_conn = !list_unlinked(&ch->on_conn);
	if (of_conn) {
		list_remove(&ch->on_conn);
		c->channel_count--;
	}
	pthread_mutex_unlock(&c->lock);
	if (of_session)
		srv_channel_put(ch);
	if (of_conn)
		srv_channel_put(ch);
	return last;
}

/* The channels of s, referenced: how many. */
static size_t collect(struct srv_session *s, struct srv_channel *all[CHANNELS_MOST])
{
	size_t n = 0;

	pthread_mutex_lock(&s->lock);
	list_for_each(l, &s->channels)
		all[n++] = srv_channel_ref(list_entry(l, struct srv_channel, on_session));
	pthread_mutex_unlock(&s->lock);
	return n;
}

bool srv_session_lost(struct srv_session *s, unsigned within_ms)
{
	struct srv_channel *all[CHANNELS_MOST];
	size_t n = collect(s, all);
	bool lost = true;

	for (size_t i = 0; i < n; i++) {
		lost = lost && (all[i]->state != SRV_CHANNEL_OPEN || net_conn_lost(all[i]->conn->net, within_ms));
		srv_channel_put(all[i]);
	}
	return lost;
}

void srv_session_cancel(struct srv_session *s, const struct srv_open *o, const struct srv_tree *t, ntstatus status)
{
	struct srv_channel *all[CHANNELS_MOST];
	size_t n = collect(s, all);

	for (size_t i = 0; i < n; i++) {
		if (t)
			srv_cancel_tree(all[i]->conn, t, status);
		else
			srv_cancel_all(all[i]->conn, o, s, status);
		srv_channel_put(all[i]);
	}
}

static bool reachable(const struct srv_channel *ch)
{
	return ch && ch->state == SRV_CHANNEL_OPEN && !net_conn_closed(ch->conn->net);
}

struct srv_channel *srv_channel_alive(struct srv_session *s, struct srv_channel *preferred)
{
	struct srv_channel *found = NULL;

	if (reachable(preferred))
		return srv_channel_ref(preferred);
	pthread_mutex_lock(&s->lock);
	list_for_each(n, &s->channels) {
		struct srv_channel *ch = list_entry(n, struct srv_channel, on_session);

		if (reachable(ch)) {
			found = srv_channel_ref(ch);
			break;
		}
	}
	pthread_mutex_unlock(&s->lock);
	return found;
}
