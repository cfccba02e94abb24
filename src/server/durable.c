/* Durable opens, see durable.h. One lock guards their tables and states; it is taken with a session's lock held, and nothing but timers
 * is called with it held. A disconnected open is referenced by its state, as an attached one is by its session's table. */
#include "server/durable.h"

#include "base/log.h"
#include "server/conn.h"
#include "server/oplock.h"

#include <stdatomic.h>
#include <stdlib.h>

struct srv_durables {
	pthread_mutex_t lock;              /* of what follows */
	struct htab ids, creates, apps;    /* srv_durable.by_* */
	struct htab users;                 /* durable_user.by_name */
	struct list_node disconnected;     /* srv_durable.link */
	_Atomic uint32_t disconnected_count;
	bool ending;
};

/* Who has disconnected opens, and how many. */
struct durable_user {
	struct htab_node by_name;
	uint32_t count;
	char name[256];
};

struct srv_durables *srv_durables_new(void)
{
	struct srv_durables *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	pthread_mutex_init(&t->lock, NULL);
	list_init(&t->disconnected);
	return t;
}

void srv_durables_free(struct srv_durables *t)
{
	if (!t)
		return;
	htab_free(&t->ids);
	htab_free(&t->creates);
	htab_free(&t->apps);
	htab_free(&t->users);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* --- how they are found --- */

static uint64_t create_hash(const struct guid *client, const struct guid *create)
{
	struct guid both[2] = {*client, *create};

	return hash_bytes(both, sizeof(both));
}

struct srv_durable *srv_durable_new(struct srv_session *s, const struct guid *client)
{
	struct srv_durable *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->srv = s->srv;
	d->client = *client;
	list_init(&d->link);
	atomic_fetch_add_explicit(&s->lock_budget->refs, 1, memory_order_relaxed);
	d->budget = s->lock_budget;
	d->owner = srv_session_user(s);
	return d;
}

ntstatus srv_durable_reserve(struct srv_durable *d, const struct guid *create_guid, bool replay, struct srv_open **found)
{
	struct srv_durables *t = d->srv->durables;
	uint64_t hash = create_hash(&d->client, create_guid);
	ntstatus status = STATUS_SUCCESS;

	*found = NULL;
	d->create_guid = *create_guid;
	pthread_mutex_lock(&t->lock);
	for (struct htab_node *n = htab_find(&t->creates, hash); n && nt_ok(status); n = htab_find_next(n)) {
		struct srv_durable *other = CONTAINER_OF(n, struct srv_durable, by_create);

		if (!guid_equal(&other->client, &d->client) || !guid_equal(&other->create_guid, create_guid) ||
			(replay && atomic_load(&other->used)))
			continue;
		status = STATUS_DUPLICATE_OBJECTID;
		if (other->state != SRV_DURABLE_NEW)
			*found = srv_open_ref(other->open);
	}
	if (nt_ok(status)) {
		d->has_create_guid = htab_insert(&t->creates, &d->by_create, hash);
		status = d->has_create_guid ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
	}
	pthread_mutex_unlock(&t->lock);
	return status;
}

/* Nobody finds it any more. */
static void forget_locked(struct srv_durables *t, struct srv_durable *d)
{
	d->state = SRV_DURABLE_CLOSED;
	if (d->has_create_guid)
		htab_remove(&t->creates, &d->by_create);
	d->has_create_guid = false;
	if (!d->published)
		return;
	d->published = false;
	htab_remove(&t->ids, &d->by_id);
	if (d->has_app)
		htab_remove(&t->apps, &d->by_app);
}

void srv_durable_free(struct srv_durable *d)
{
	if (!d)
		return;
	pthread_mutex_lock(&d->srv->durables->lock);
	if (d->state != SRV_DURABLE_CLOSED)
		forget_locked(d->srv->durables, d);
	pthread_mutex_unlock(&d->srv->durables->lock);
	srv_lock_budget_put(d->budget);
	srv_user_put(d->owner);
	free(d);
}

void srv_durable_published(struct srv_open *o)
{
	struct srv_durable *d = o->durable;
	struct srv_durables *t = d->srv->durables;

	pthread_mutex_lock(&t->lock);
	d->state = SRV_DURABLE_ATTACHED;
	d->published = htab_insert(&t->ids, &d->by_id, hash_u64(o->file_id.persistent));
	if (d->published && d->has_app && !htab_insert(&t->apps, &d->by_app, hash_bytes(&d->app, sizeof(d->app))))
		d->has_app = false;
	/* Nobody could come back to it. */
	if (!d->published)
		d->is_durable = false;
	pthread_mutex_unlock(&t->lock);
}

struct srv_open *srv_durable_find(struct srv *srv, uint64_t persistent)
{
	struct srv_durables *t = srv->durables;
	struct srv_open *found = NULL;

	pthread_mutex_lock(&t->lock);
	for (struct htab_node *n = htab_find(&t->ids, hash_u64(persistent)); n && !found; n = htab_find_next(n)) {
		struct srv_durable *d = CONTAINER_OF(n, struct srv_durable, by_id);

		if (d->open->file_id.persistent == persistent)
			found = srv_open_ref(d->open);
	}
	pthread_mutex_unlock(&t->lock);
	return found;
}

struct srv_open *srv_durable_find_app(const struct srv_share *share, struct srv *srv, const struct guid *app, const struct guid *client, size_t n)
{
	struct srv_durables *t = srv->durables;
	struct srv_open *found = NULL;

	pthread_mutex_lock(&t->lock);
	for (struct htab_node *h = htab_find(&t->apps, hash_bytes(app, sizeof(*app))); h && !found; h = htab_find_next(h)) {
		struct srv_durable *d = CONTAINER_OF(h, struct srv_durable, by_app);

		if (!guid_equal(&d->app, app) || guid_equal(&d->client, client) || d->open->share != share)
			continue;
		if (n-- == 0)
			found = srv_open_ref(d->open);
	}
	pthread_mutex_unlock(&t->lock);
	return found;
}

struct srv_session *srv_durable_session(struct srv_open *o)
{
	struct srv_durables *t = o->srv->durables;
	struct srv_session *s = NULL;

	pthread_mutex_lock(&t->lock);
	/* Its session is there as long as it has not let go of it. */
	if (o->durable->state == SRV_DURABLE_ATTACHED)
		s = srv_session_ref(o->session);
	pthread_mutex_unlock(&t->lock);
	return s;
}

bool srv_durable_any_disconnected(const struct srv *srv)
{
	return atomic_load(&srv->durables->disconnected_count) != 0;
}

/* --- going --- */

static struct durable_user *user_find_locked(struct srv_durables *t, const char *name)
{
	for (struct htab_node *n = htab_find(&t->users, hash_bytes(name, strlen(name))); n; n = htab_find_next(n)) {
		struct durable_user *u = CONTAINER_OF(n, struct durable_user, by_name);

		if (strcmp(u->name, name) == 0)
			return u;
	}
	return NULL;
}

/* false: there are too many, of this user or of all. */
static bool count_locked(struct srv_durables *t, struct srv_durable *d)
{
	struct durable_user *u = user_find_locked(t, d->owner->name);

	if (t->disconnected_count >= d->srv->limits.disconnected_opens || (u && u->count >= d->srv->limits.disconnected_opens_per_user))
		return false;
	if (!u) {
		u = calloc(1, sizeof(*u));
		if (!u)
			return false;
		memcpy(u->name, d->owner->name, strnlen(d->owner->name, sizeof(u->name) - 1));
		if (!htab_insert(&t->users, &u->by_name, hash_bytes(u->name, strlen(u->name)))) {
			free(u);
			return false;
		}
	}
	u->count++;
	d->user = u;
	atomic_fetch_add(&t->disconnected_count, 1);
	return true;
}

static void uncount_locked(struct srv_durables *t, struct srv_durable *d)
{
	atomic_fetch_sub(&t->disconnected_count, 1);
	if (--d->user->count == 0) {
		htab_remove(&t->users, &d->user->by_name);
		free(d->user);
	}
	d->user = NULL;
}

/* Takes a disconnected open out. The caller stops its timer, without the lock. */
static void take_locked(struct srv_durables *t, struct srv_durable *d)
{
	list_remove(&d->link);
	uncount_locked(t, d);
}

bool srv_durable_close_disconnected(struct srv_open *o)
{
	struct srv_durable *d = o->durable;
	struct srv_durables *t = o->srv->durables;
	bool mine;

	if (!d)
		return false;
	pthread_mutex_lock(&t->lock);
	mine = d->state == SRV_DURABLE_DISCONNECTED;
	if (mine) {
		take_locked(t, d);
		forget_locked(t, d);
	} else if (d->state == SRV_DURABLE_CLAIMED) {
		d->doomed = true;
	}
	pthread_mutex_unlock(&t->lock);
	if (!mine)
		return false;
	net_timer_cancel(o->srv->pool, &d->timer);
	o->closed = true;
	srv_open_end(o, NULL);
	return true;
}

/* 3.3.6.2 */
static void on_due(struct net_timer *timer)
{
	struct srv_durable *d = CONTAINER_OF(timer, struct srv_durable, timer);
	struct srv_open *o = NULL;

	/* Whoever takes the open out waits until we have returned. */
	pthread_mutex_lock(&d->srv->durables->lock);
	if (d->state == SRV_DURABLE_DISCONNECTED)
		o = srv_open_ref(d->open);
	pthread_mutex_unlock(&d->srv->durables->lock);
	if (!o)
		return;
	if (srv_durable_close_disconnected(o))
		log_info("%s did not come back for an open file in time", d->owner->name);
	srv_open_put(o);
}

/* Takes it out of the session that has it, all at once for whoever looks. false: it is elsewhere by now. */
static bool leave_session(struct srv_open *o, struct srv_session *s)
{
	struct srv_durables *t = o->srv->durables;
	bool mine;

	pthread_mutex_lock(&s->lock);
	pthread_mutex_lock(&t->lock);
	mine = o->durable->state == SRV_DURABLE_ATTACHED && o->session == s;
	if (mine) {
		htab_remove(&s->opens, &o->by_id);
		s->open_count--;
		forget_locked(t, o->durable);
	}
	pthread_mutex_unlock(&t->lock);
	pthread_mutex_unlock(&s->lock);
	return mine;
}

/* Whether there is still something to close; *s: the session that has it, referenced, or NULL: none has. */
static bool whereabouts(struct srv_open *o, struct srv_session **s)
{
	struct srv_durables *t = o->srv->durables;
	enum srv_durable_state state;
	bool doomed;

	*s = NULL;
	pthread_mutex_lock(&t->lock);
	state = o->durable->state;
	doomed = o->durable->doomed;
	if (state == SRV_DURABLE_ATTACHED)
		*s = srv_session_ref(o->session);
	pthread_mutex_unlock(&t->lock);
	return *s || state == SRV_DURABLE_DISCONNECTED || (state == SRV_DURABLE_CLAIMED && !doomed);
}

void srv_durable_close(struct srv_open *o)
{
	struct srv_session *s;
	bool done = false;

	/* It may be on its way from one state to the other. */
	while (!done && whereabouts(o, &s)) {
		if (!s) {
			done = srv_durable_close_disconnected(o);
		} else if (leave_session(o, s)) {
			o->closed = done = true;
			srv_open_end(o, s);
		}
		srv_session_put(s);
	}
}

static void keep_locked(struct srv_durables *t, struct srv_durable *d, uint64_t now)
{
	d->state = SRV_DURABLE_DISCONNECTED;
	list_append(&t->disconnected, &d->link);
	d->timer.fn = on_due;
	net_timer_arm(d->srv->pool, &d->timer, d->due_ms > now ? d->due_ms - now : 0);
}

/* 3.3.7.1: Session, Connection and TreeConnect are none. *tree: what it had. false: there is no room. */
static bool let_go(struct srv_open *o, struct srv_session *s, struct srv_tree **tree)
{
	struct srv_durable *d = o->durable;
	struct srv_durables *t = o->srv->durables;
	uint64_t now = clock_ms(o->srv->clock);
	bool mine, kept = false;

	*tree = NULL;
	pthread_mutex_lock(&s->lock);
	pthread_mutex_lock(&t->lock);
	mine = d->state == SRV_DURABLE_ATTACHED && o->session == s;
	if (mine && !t->ending && count_locked(t, d)) {
		kept = true;
		htab_remove(&s->opens, &o->by_id);
		s->open_count--;
		*tree = o->tree;
		o->tree = NULL;
		o->session = NULL;
		d->due_ms = now + d->timeout_ms;
		keep_locked(t, d, now);
	}
	pthread_mutex_unlock(&t->lock);
	pthread_mutex_unlock(&s->lock);
	return kept || !mine;
}

/* The order matters: a break that begins sees that the open has no connection and closes it, or has begun before we look. */
bool srv_durable_disconnect(struct srv_open *o, struct srv_session *s)
{
	struct srv_tree *tree;

	if (!o->durable || !o->durable->is_durable || srv_share_retired(o->share) || !fsa_grant_lasts(&o->fsa))
		return false;
	srv_oplock_disconnect(o);
	if (!let_go(o, s, &tree))
		return false;
	srv_tree_put(tree);
	if (srv_share_retired(o->share) || !fsa_grant_lasts(&o->fsa))
		(void)srv_durable_close_disconnected(o);
	return true;
}

/* --- coming back --- */

bool srv_durable_claim(struct srv_open *o)
{
	struct srv_durable *d = o->durable;
	struct srv_durables *t = o->srv->durables;
	bool mine;

	pthread_mutex_lock(&t->lock);
	mine = d->state == SRV_DURABLE_DISCONNECTED;
	if (mine) {
		take_locked(t, d);
		d->state = SRV_DURABLE_CLAIMED;
		d->doomed = false;
	}
	pthread_mutex_unlock(&t->lock);
	if (mine)
		net_timer_cancel(o->srv->pool, &d->timer);
	return mine;
}

void srv_durable_unclaim(struct srv_open *o)
{
	struct srv_durable *d = o->durable;
	struct srv_durables *t = o->srv->durables;
	bool lasts = !srv_share_retired(o->share) && fsa_grant_lasts(&o->fsa), kept;

	pthread_mutex_lock(&t->lock);
	kept = lasts && !d->doomed && !t->ending && count_locked(t, d);
	if (kept)
		keep_locked(t, d, clock_ms(o->srv->clock));
	else
		forget_locked(t, d);
	pthread_mutex_unlock(&t->lock);
	if (!kept) {
		o->closed = true;
		srv_open_end(o, NULL);
	} else if (!fsa_grant_lasts(&o->fsa)) {
		(void)srv_durable_close_disconnected(o);
	}
}

ntstatus srv_durable_attach(struct srv_open *o, struct srv_session *s, struct srv_tree *tree)
{
	struct srv_durable *d = o->durable;
	struct srv_durables *t = o->srv->durables;
	ntstatus status;

	pthread_mutex_lock(&s->lock);
	status = srv_open_may_enter_locked(s, tree);
	pthread_mutex_lock(&t->lock);
	if (nt_ok(status) && (d->doomed || t->ending))
		status = STATUS_OBJECT_NAME_NOT_FOUND;
	if (nt_ok(status) && !htab_insert(&s->opens, &o->by_id, hash_u64(o->file_id.volatile_id)))
		status = STATUS_INSUFFICIENT_RESOURCES;
	if (nt_ok(status)) {
		s->open_count++;
		o->session = s;
		o->tree = srv_tree_ref(tree);
		d->state = SRV_DURABLE_ATTACHED;
	}
	pthread_mutex_unlock(&t->lock);
	pthread_mutex_unlock(&s->lock);
	return status;
}

/* --- ends --- */

/* A disconnected open of that share (NULL: of any), referenced. */
static struct srv_open *any_of(struct srv_durables *t, const struct srv_share *share)
{
	struct srv_open *found = NULL;

	pthread_mutex_lock(&t->lock);
	list_for_each(n, &t->disconnected) {
		struct srv_durable *d = list_entry(n, struct srv_durable, link);

		if (!share || srv_share_configured(d->open->share) == share) {
			found = srv_open_ref(d->open);
			break;
		}
	}
	pthread_mutex_unlock(&t->lock);
	return found;
}

static void close_all_of(struct srv *srv, const struct srv_share *share)
{
	struct srv_open *o;

	while ((o = any_of(srv->durables, share)) != NULL) {
		(void)srv_durable_close_disconnected(o);
		srv_open_put(o);
	}
}

void srv_durable_retire(struct srv *srv, struct srv_share *share)
{
	atomic_store(&share->retired, true);
	close_all_of(srv, share);
}

void srv_durable_end_all(struct srv *srv)
{
	pthread_mutex_lock(&srv->durables->lock);
	srv->durables->ending = true;
	pthread_mutex_unlock(&srv->durables->lock);
	close_all_of(srv, NULL);
}
