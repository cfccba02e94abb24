/* Sessions: [MS-SMB2] 3.3.1.8, 3.3.5.5.1, 3.3.5.6, 3.3.7.1. */
#include "server/tables.h"

#include "base/log.h"
#include "server/durable.h"
#include "server/park.h"

#include <stdatomic.h>
#include <stdlib.h>

struct srv_session *srv_session_ref(struct srv_session *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void srv_session_put(struct srv_session *s)
{
	if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return;
	proto_keys_wipe(&s->keys);
	srv_user_put(s->user);
	htab_free(&s->opens);
	htab_free(&s->trees);
	pthread_mutex_destroy(&s->lock);
	srv_lock_budget_put(s->lock_budget);
	free(s);
}

/* --- its user --- */

struct srv_user *srv_user_ref(struct srv_user *u)
{
	atomic_fetch_add_explicit(&u->refs, 1, memory_order_relaxed);
	return u;
}

void srv_user_put(struct srv_user *u)
{
	if (u && atomic_fetch_sub_explicit(&u->refs, 1, memory_order_acq_rel) == 1)
		free(u);
}

static struct srv_user *user_new(const struct auth_identity *id)
{
	size_t size = strlen(id->user) + 1;
	struct srv_user *u = malloc(sizeof(*u) + size);

	if (!u)
		return NULL;
	u->refs = 1;
	u->anonymous = id->anonymous;
	u->guest = id->guest;
	memcpy(u->name, id->user, size);
	return u;
}

ntstatus srv_session_logged_on(struct srv_session *s, const struct auth_identity *id)
{
	struct srv_user *u = user_new(id), *before = u;
	bool alive;

	if (!u)
		return STATUS_INSUFFICIENT_RESOURCES;
	pthread_mutex_lock(&s->lock);
	alive = s->state != SRV_SESSION_GONE;
	if (alive) {
		/* Re-authentication may be as somebody else; trees and opens stay what they were made (D012). */
		before = s->user;
		s->user = u;
		atomic_store(&s->state, SRV_SESSION_VALID);
	}
	pthread_mutex_unlock(&s->lock);
	srv_user_put(before);
	return alive ? STATUS_SUCCESS : STATUS_USER_SESSION_DELETED;
}

struct srv_user *srv_session_user(struct srv_session *s)
{
	struct srv_user *u;

	pthread_mutex_lock(&s->lock);
	u = s->user ? srv_user_ref(s->user) : NULL;
	pthread_mutex_unlock(&s->lock);
	return u;
}

static bool named_locked(const struct srv_session *s)
{
	return s->user && !s->user->anonymous && !s->user->guest;
}

bool srv_session_is_named(struct srv_session *s)
{
	bool named;

	pthread_mutex_lock(&s->lock);
	named = named_locked(s);
	pthread_mutex_unlock(&s->lock);
	return named;
}

bool srv_session_is(struct srv_session *s, const char *user)
{
	bool same;

	pthread_mutex_lock(&s->lock);
	same = named_locked(s) && strcmp(s->user->name, user) == 0;
	pthread_mutex_unlock(&s->lock);
	return same;
}

bool srv_session_is_anonymous_locked(const struct srv_session *s)
{
	return s->user && s->user->anonymous;
}

void srv_lock_budget_put(struct srv_lock_budget *b)
{
	if (b && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
		free(b);
}

static bool register_session(struct srv_session *s, struct srv_channel *ch)
{
	struct srv *srv = s->srv;
	bool ok;

	pthread_mutex_lock(&srv->lock);
	ok = !srv->stopping && htab_insert(&srv->sessions, &s->by_id, hash_u64(s->id));
	pthread_mutex_unlock(&srv->lock);
	if (!ok)
		return false;
	srv_session_ref(s);
	return nt_ok(srv_channel_enter(ch));
}

static struct srv_session *session_new(struct srv_conn *c)
{
	struct srv_session *s = calloc(1, sizeof(*s));
	struct srv_lock_budget *budget = calloc(1, sizeof(*budget));

	if (!s || !budget) {
		free(s);
		free(budget);
		return NULL;
	}
	s->refs = budget->refs = 1;
	/* Never 0 nor -1 (B250), and unique while the server runs. Nothing rests on an id that cannot be guessed: every request
	 * of a session is signed or sealed, or the session was to be had without. */
	s->id = atomic_fetch_add(&c->srv->next_session_id, 1);
	s->srv = c->srv;
	s->dialect = c->proto.dialect;
	s->state = SRV_SESSION_IN_PROGRESS;
	budget->locks.most = c->srv->limits.locks_per_session;
	s->lock_budget = budget;
	s->created_filetime = clock_filetime(c->srv->clock);
	s->idle_since_ms = clock_ms(c->srv->clock);
	list_init(&s->channels);
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

struct srv_channel *srv_session_new(struct srv_conn *c)
{
	struct srv_session *s = session_new(c);
	struct srv_channel *ch = s ? srv_channel_new(c, s) : NULL;

	if (ch)
		ch->state = SRV_CHANNEL_OPEN;
	if (ch && !register_session(s, ch)) {
		srv_session_end(s);
		srv_channel_put(ch);
		ch = NULL;
	}
	srv_session_put(s);
	return ch;
}

struct srv_session *srv_session_find_global(struct srv *srv, uint64_t id)
{
	struct srv_session *found = NULL;
	struct htab_node *n;

	pthread_mutex_lock(&srv->lock);
	for (n = htab_find(&srv->sessions, hash_u64(id)); n; n = htab_find_next(n)) {
		struct srv_session *s = CONTAINER_OF(n, struct srv_session, by_id);

		if (s->id == id)
			found = srv_session_ref(s);
	}
	pthread_mutex_unlock(&srv->lock);
	return found;
}

struct open_collection {
	struct srv_open **opens;
	size_t n;
	const struct srv_tree *tree; /* NULL: of every tree */
};

static void collect_open(struct htab_node *n, void *arg)
{
	struct open_collection *c = arg;
	struct srv_open *o = CONTAINER_OF(n, struct srv_open, by_id);

	if (!c->tree || o->tree == c->tree)
		c->opens[c->n++] = srv_open_ref(o);
}

/* Closing an open locks the session, so the opens are collected first. 3.3.5.6, 3.3.7.1: durable ones outlive their session; 3.3.5.8: but
 * not their tree. */
static void close_opens(struct srv_session *s, const struct srv_tree *tree)
{
	struct open_collection c = {.tree = tree};

	pthread_mutex_lock(&s->lock);
	c.opens = malloc((s->open_count + 1) * sizeof(*c.opens));
	if (c.opens)
		htab_each(&s->opens, collect_open, &c);
	pthread_mutex_unlock(&s->lock);
	if (!c.opens)
		abort(); /* leaving files open behind a session's back would be worse */
	for (size_t i = 0; i < c.n; i++) {
		if (tree || !srv_durable_disconnect(c.opens[i], s))
			srv_open_close(c.opens[i]);
		srv_open_put(c.opens[i]);
	}
	free(c.opens);
}

static struct srv_tree *any_tree(struct srv_session *s)
{
	struct srv_tree *t = NULL;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; s->trees.buckets && i <= s->trees.mask && !t; i++) {
		if (s->trees.buckets[i])
			t = srv_tree_ref(CONTAINER_OF(s->trees.buckets[i], struct srv_tree, by_id));
	}
	pthread_mutex_unlock(&s->lock);
	return t;
}

static bool listed_globally_locked(const struct srv_session *s)
{
	for (struct htab_node *n = htab_find(&s->srv->sessions, hash_u64(s->id)); n; n = htab_find_next(n)) {
		if (n == &s->by_id)
			return true;
	}
	return false;
}

static struct srv_channel *any_channel(struct srv_session *s)
{
	struct srv_channel *ch = NULL;

	pthread_mutex_lock(&s->lock);
	if (!list_empty(&s->channels))
		ch = srv_channel_ref(list_entry(s->channels.next, struct srv_channel, on_session));
	pthread_mutex_unlock(&s->lock);
	return ch;
}

static void leave_tables(struct srv_session *s)
{
	struct srv *srv = s->srv;
	struct srv_channel *ch;
	bool was_global;

	while ((ch = any_channel(s)) != NULL) {
		(void)!srv_channel_leave(ch);
		srv_channel_put(ch);
	}
	pthread_mutex_lock(&srv->lock);
	was_global = listed_globally_locked(s);
	if (was_global)
		htab_remove(&srv->sessions, &s->by_id);
	pthread_cond_broadcast(&srv->session_left);
	pthread_mutex_unlock(&srv->lock);
	if (was_global)
		srv_session_put(s);
}

void srv_session_end(struct srv_session *s)
{
	struct srv_tree *t;
	int before;

	pthread_mutex_lock(&s->lock);
	before = atomic_exchange(&s->state, SRV_SESSION_GONE);
	pthread_mutex_unlock(&s->lock);
	if (before == SRV_SESSION_GONE)
		return;
	srv_session_ref(s);
	/* Closing answers those who watch with NOTIFY_CLEANUP; whatever else waits learns that the session is gone. */
	close_opens(s, NULL);
	srv_session_cancel(s, NULL, NULL, STATUS_USER_SESSION_DELETED);
	while ((t = any_tree(s)) != NULL) {
		srv_tree_end(t);
		srv_tree_put(t);
	}
	leave_tables(s);
	srv_session_put(s);
}

void srv_session_end_for_good(struct srv_session *s)
{
	bool blocking = false;

	srv_session_end(s);
	pthread_mutex_lock(&s->srv->lock);
	while (listed_globally_locked(s)) {
		if (!blocking)
			net_pool_blocking(s->srv->pool, true);
		blocking = true;
		pthread_cond_wait(&s->srv->session_left, &s->srv->lock);
	}
	pthread_mutex_unlock(&s->srv->lock);
	if (blocking)
		net_pool_blocking(s->srv->pool, false);
}

/* --- trees, [MS-SMB2] 3.3.1.9 --- */

struct srv_tree *srv_tree_ref(struct srv_tree *t)
{
	atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

void srv_tree_put(struct srv_tree *t)
{
	if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
		return;
	atomic_fetch_sub(&srv_share_configured(t->share)->current_uses, 1);
	srv_share_put(t->share);
	free(t);
}

static struct srv_tree *tree_find_locked(struct srv_session *s, uint32_t id)
{
	for (struct htab_node *n = htab_find(&s->trees, hash_u64(id)); n; n = htab_find_next(n)) {
		struct srv_tree *t = CONTAINER_OF(n, struct srv_tree, by_id);

		if (t->id == id)
			return t;
	}
	return NULL;
}

struct srv_tree *srv_tree_find_locked(struct srv_session *s, uint32_t id)
{
	struct srv_tree *t = tree_find_locked(s, id);

	return t ? srv_tree_ref(t) : NULL;
}

struct srv_tree *srv_tree_find(struct srv_session *s, uint32_t id)
{
	struct srv_tree *t;

	pthread_mutex_lock(&s->lock);
	t = srv_tree_find_locked(s, id);
	pthread_mutex_unlock(&s->lock);
	return t;
}

struct srv_tree *srv_tree_new(struct srv_session *s, struct srv_share *share)
{
	struct srv_tree *t = calloc(1, sizeof(*t));
	bool ok = false;
	size_t most;

	if (!t) {
		srv_share_put(share);
		return NULL;
	}
	t->refs = 1;
	t->session = s;
	t->share = share;
	atomic_fetch_add(&srv_share_configured(share)->current_uses, 1);
	pthread_mutex_lock(&s->lock);
	most = srv_session_is_anonymous_locked(s) ? s->srv->limits.anonymous_trees_and_opens : s->srv->limits.trees_per_session;
	if (s->state != SRV_SESSION_GONE && s->tree_count < most) {
		do
			t->id = ++s->next_tree_id;
		while (t->id == 0 || t->id == UINT32_MAX || tree_find_locked(s, t->id));
		ok = htab_insert(&s->trees, &t->by_id, hash_u64(t->id));
	}
	if (ok) {
		s->tree_count++;
		srv_tree_ref(t);
	}
	pthread_mutex_unlock(&s->lock);
	if (!ok) {
		srv_tree_put(t);
		return NULL;
	}
	return t;
}

void srv_tree_end(struct srv_tree *t)
{
	struct srv_session *s = t->session;
	bool was_listed;

	pthread_mutex_lock(&s->lock);
	was_listed = tree_find_locked(s, t->id) == t;
	if (was_listed) {
		htab_remove(&s->trees, &t->by_id);
		s->tree_count--;
	}
	t->ended = true;
	pthread_mutex_unlock(&s->lock);
	if (!was_listed)
		return;
	srv_session_cancel(s, NULL, t, STATUS_NETWORK_NAME_DELETED);
	close_opens(s, t);
	srv_tree_put(t);
}
