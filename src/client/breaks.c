/* Breaks of oplocks and leases: what is left, who is told, when it is acknowledged. [MS-SMB2] 3.2.5.19. See cache.h.
 *
 * A break lowers the state at once. Then the files' callbacks run, which may write back what they had cached, on a thread where
 * blocking is allowed: the caller that waits, or the client's thread for that. When the last of a lease has returned, or at once without
 * one, the acknowledgment leaves with the state as it is by then. */
#include "client/conn.h"

#include <stdlib.h>

enum { ACK_REQUIRED = 1, ACK_VARIABLE = 12, NESTED_MAX = 8 };

static _Thread_local unsigned nested;
static _Thread_local bool on_runner;

/* 2.2.13.2.8 in terms of 2.2.14: what an oplock allows. */
uint32_t cli_hold_state_locked(const struct hythe_file *f)
{
	const struct cli_hold *h = &f->hold;
	if (h->lease)
		return h->lease->l.state;
	switch (h->level) {
	case HYTHE_OPLOCK_II: return PROTO_CACHE_READ;
	case HYTHE_OPLOCK_EXCLUSIVE: return PROTO_CACHE_READ | PROTO_CACHE_WRITE;
	case HYTHE_OPLOCK_BATCH: return PROTO_CACHE_ALL;
	default: return 0;
	}
}

uint32_t hythe_file_cache_state(struct hythe_file *f)
{
	struct cli_cache *c = &f->tree->session->conn->client->cache;
	if (!f->hold.used)
		return 0;
	pthread_mutex_lock(&c->lock);
	uint32_t state = cli_hold_state_locked(f);
	pthread_mutex_unlock(&c->lock);
	return state;
}

/* --- who is told --- */

/* A file that is being given back does not count any more. */
static bool try_ref(struct hythe_file *f)
{
	uint32_t refs = atomic_load(&f->refs);
	while (refs > 0 && !atomic_compare_exchange_weak(&f->refs, &refs, refs + 1))
		;
	return refs > 0;
}

void cli_hold_tell_locked(struct cli_cache *c, struct hythe_file *f)
{
	struct cli_hold *h = &f->hold;
	uint32_t state = cli_hold_state_locked(f);
	h->lost |= h->told & ~state;
	h->told |= state;
	if (!h->fn || h->closed || (h->lost == 0 && !h->purge)) {
		h->told = state;
		h->lost = 0;
		h->purge = false;
		return;
	}
	if (h->busy || !try_ref(f))
		return;
	h->busy = true;
	if (h->lease)
		h->lease->telling++;
	list_append(&c->due, &h->due);
	atomic_fetch_add(&c->due_count, 1);
}

void cli_lease_tell_locked(struct cli_cache *c, struct cli_lease *l, bool purge)
{
	list_for_each(n, &l->files) {
		struct hythe_file *f = list_entry(n, struct hythe_file, hold.on_lease);
		f->hold.purge |= purge;
		cli_hold_tell_locked(c, f);
	}
}

void cli_lease_settle_locked(struct cli_cache *c, struct cli_lease *l)
{
	if (l->ack_wanted && !l->acking && l->telling == 0 && list_unlinked(&l->ack))
		list_append(&c->lease_acks, &l->ack);
}

static void oplock_settle_locked(struct cli_cache *c, struct hythe_file *f)
{
	if (f->hold.ack_wanted && !f->hold.busy && list_unlinked(&f->hold.ack))
		list_append(&c->oplock_acks, &f->hold.ack);
}

/* --- acknowledgments --- */

enum { ACK_KEY_AT = SMB2_HEADER_SIZE + 8 };

/* [MS-SMB2] 3.2.5.19.4: the answer says nothing; but the next acknowledgment, if a server should want many, has waited for it. */
static void lease_acknowledged(struct cli_request *r, const struct cli_answer *a)
{
	struct cli_cache *c = &r->conn->client->cache;
	(void)a;
	pthread_mutex_lock(&c->lock);
	struct cli_lease *l = cli_lease_find_locked(c, r->head + ACK_KEY_AT);
	if (l) {
		l->acking = false;
		cli_lease_settle_locked(c, l);
	}
	pthread_mutex_unlock(&c->lock);
	cli_cache_settle(r->conn->client);
}

static void level_set_locked(struct cli_cache *c, struct hythe_file *f, uint8_t level)
{
	if (level == HYTHE_OPLOCK_NONE && f->hold.level != HYTHE_OPLOCK_NONE)
		htab_remove(&c->oplocks, &f->hold.by_id);
	f->hold.level = level;
}

/* [MS-SMB2] 3.2.5.19.3 */
static void oplock_acknowledged(struct cli_request *r, const struct cli_answer *a)
{
	struct cli_cache *c = &r->conn->client->cache;
	if (!nt_error(a->status))
		return;
	pthread_mutex_lock(&c->lock);
	level_set_locked(c, r->file, HYTHE_OPLOCK_NONE);
	cli_hold_tell_locked(c, r->file);
	pthread_mutex_unlock(&c->lock);
	cli_cache_settle(r->conn->client);
}

/* What cannot be sent the server waits for in vain, and then takes for an answer of "nothing" (3.3.6.1); we hold no more than we say. */
static void acknowledge(struct hythe_tree *t, struct hythe_file *f, struct smb2_break *b)
{
	struct cli_request *r = cli_request_new(t->session->conn, NULL, t, f, SMB2_OPLOCK_BREAK);
	if (!r)
		return;
	r->urgent = true;
	r->complete = f ? oplock_acknowledged : lease_acknowledged;
	ntstatus status = cli_request_encode(r, b, ACK_VARIABLE, 0);
	if (nt_ok(status))
		status = cli_submit(r);
	if (!nt_ok(status))
		cli_request_free(r);
}

/* A tree that the lease is held through, referenced; NULL: all is closed, which is answer enough. 3.2.5.19.2 */
static struct hythe_tree *tree_of_locked(struct cli_lease *l)
{
	if (!list_empty(&l->files))
		return cli_tree_ref(list_entry(l->files.next, struct hythe_file, hold.on_lease)->tree);
	if (!list_empty(&l->openings))
		return cli_tree_ref(list_entry(l->openings.next, struct cli_opening, link)->tree);
	return NULL;
}

/* [MS-SMB2] 3.2.5.19.2, 2.2.24.2 */
static struct hythe_tree *next_lease_ack_locked(struct cli_cache *c, struct smb2_break *b)
{
	while (!list_empty(&c->lease_acks)) {
		struct cli_lease *l = list_entry(c->lease_acks.next, struct cli_lease, ack);
		struct hythe_tree *t = tree_of_locked(l);
		list_remove(&l->ack);
		if (l->telling > 0)
			continue; /* another break came; this one is acknowledged together with it */
		l->ack_wanted = false;
		*b = (struct smb2_break){.structure_size = SMB2_BREAK_LEASE_ACK};
		memcpy(b->ack.lease_key, l->key, sizeof(b->ack.lease_key));
		b->ack.lease_state = l->l.state;
		l->acking = t != NULL;
		if (t)
			return t;
	}
	return NULL;
}

/* [MS-SMB2] 3.2.5.19.1, 2.2.24.1 */
static struct hythe_file *next_oplock_ack_locked(struct cli_cache *c, struct smb2_break *b)
{
	while (!list_empty(&c->oplock_acks)) {
		struct hythe_file *f = list_entry(c->oplock_acks.next, struct hythe_file, hold.ack);
		list_remove(&f->hold.ack);
		if (f->hold.busy)
			continue;
		f->hold.ack_wanted = false;
		*b = (struct smb2_break){.structure_size = SMB2_BREAK_OPLOCK};
		b->oplock = (struct smb2_oplock_break){.oplock_level = f->hold.level, .file_id = f->id};
		if (try_ref(f))
			return f;
	}
	return NULL;
}

static bool send_one(struct cli_cache *c)
{
	struct smb2_break b;
	pthread_mutex_lock(&c->lock);
	struct hythe_tree *t = next_lease_ack_locked(c, &b);
	struct hythe_file *f = t ? NULL : next_oplock_ack_locked(c, &b);
	pthread_mutex_unlock(&c->lock);
	if (!t && !f)
		return false;
	acknowledge(t ? t : f->tree, f, &b);
	if (t)
		cli_tree_put(t);
	else
		cli_file_put(f);
	return true;
}

void cli_cache_settle(struct hythe_client *client)
{
	struct cli_cache *c = &client->cache;
	while (send_one(c))
		;
	if (atomic_load(&c->due_count) == 0)
		return;
	pthread_mutex_lock(&client->lock);
	pthread_cond_signal(&c->runner_wakes);
	list_for_each(n, &client->waiters) {
		struct cli_wait *w = list_entry(n, struct cli_wait, link);
		if (w->runs)
			pthread_cond_signal(&w->cond);
	}
	pthread_mutex_unlock(&client->lock);
}

/* --- notifications --- */

/* [MS-SMB2] 3.2.5.19.2 */
static bool lease_broken_locked(struct cli_cache *c, const struct smb2_lease_break *b)
{
	struct cli_lease *l = cli_lease_find_locked(c, b->lease_key);
	if (!l)
		return false;
	enum proto_lease_news news = proto_lease_break(&l->l, b->new_lease_state, b->new_epoch);
	if (news == PROTO_LEASE_NOTHING)
		return true;
	if (!l->l.epochs) {
		/* Whether an answer on its way is older cannot be told: what it grants counts only as far as this leaves it. */
		list_for_each(n, &l->openings)
			list_entry(n, struct cli_opening, link)->cap &= b->new_lease_state;
	}
	l->ack_wanted |= (b->flags & ACK_REQUIRED) != 0;
	cli_lease_tell_locked(c, l, news == PROTO_LEASE_PURGE);
	cli_lease_settle_locked(c, l);
	return true;
}

/* [MS-SMB2] 3.2.5.19.1. A break from batch to exclusive there is not. */
void cli_oplock_break_locked(struct cli_cache *c, struct hythe_file *f, uint8_t level)
{
	uint8_t held = f->hold.level;
	if (held == HYTHE_OPLOCK_NONE || (level != HYTHE_OPLOCK_NONE && level != HYTHE_OPLOCK_II) || held == level)
		return;
	level_set_locked(c, f, level);
	f->hold.ack_wanted |= held != HYTHE_OPLOCK_II;
	cli_hold_tell_locked(c, f);
	oplock_settle_locked(c, f);
}

static struct hythe_file *find_oplock_locked(struct cli_cache *c, const struct hythe_connection *conn, struct smb2_file_id id)
{
	for (struct htab_node *n = htab_find(&c->oplocks, hash_bytes(&id, sizeof(id))); n; n = htab_find_next(n)) {
		struct hythe_file *f = CONTAINER_OF(n, struct hythe_file, hold.by_id);
		if (f->tree->session->conn == conn && f->id.persistent == id.persistent && f->id.volatile_id == id.volatile_id)
			return f;
	}
	return NULL;
}

static bool oplock_broken_locked(struct cli_cache *c, struct hythe_connection *conn, const struct smb2_oplock_break *b)
{
	struct hythe_file *f = find_oplock_locked(c, conn, b->file_id);
	if (f) {
		cli_oplock_break_locked(c, f, b->oplock_level);
		return true;
	}
	if (conn->opening_oplocks == 0 || conn->early_break_count == CLI_EARLY_BREAKS)
		return false;
	conn->early_breaks[conn->early_break_count++] =
		(struct cli_early_break){b->file_id.persistent, b->file_id.volatile_id, b->oplock_level};
	return true;
}

/* [MS-SMB2] 3.2.5.19 */
bool cli_cache_broken(struct hythe_connection *conn, const uint8_t *message, size_t len)
{
	struct cli_cache *c = &conn->client->cache;
	struct smb2_break b = {0};
	struct wire w = wire_decoder(message, SMB2_HEADER_SIZE, len, NULL);
	bool found = false;
	smb2_break_rsp_code(&w, &b);
	if (!wire_ok(&w))
		return false;
	pthread_mutex_lock(&c->lock);
	if (b.structure_size == SMB2_BREAK_LEASE)
		found = lease_broken_locked(c, &b.lease);
	else if (b.structure_size == SMB2_BREAK_OPLOCK)
		found = oplock_broken_locked(c, conn, &b.oplock);
	pthread_mutex_unlock(&c->lock);
	cli_cache_settle(conn->client);
	return found;
}

/* --- the end of a connection --- */

static void lost_locked(struct cli_cache *c, struct hythe_file *f)
{
	cli_hold_drop_locked(c, f);
	cli_hold_tell_locked(c, f);
}

struct ending {
	struct cli_cache *cache;
	const struct hythe_connection *conn;
	const struct hythe_session *session;
	const struct hythe_tree *tree;
};

static bool ends(const struct ending *e, const struct hythe_file *f)
{
	const struct hythe_session *s = f->tree->session;
	return s->conn == e->conn && (!e->session || e->session == s) && (!e->tree || e->tree == f->tree);
}

static void end_lease_locked(struct htab_node *n, void *arg)
{
	struct ending *e = arg;
	struct cli_lease *l = CONTAINER_OF(n, struct cli_lease, by_key);
	/* The last file takes the lease with it, unless an opening keeps it. */
	bool more = !list_empty(&l->files);
	for (struct list_node *at = l->files.next; more;) {
		struct hythe_file *f = list_entry(at, struct hythe_file, hold.on_lease);
		at = at->next;
		more = at != &l->files;
		if (ends(e, f))
			lost_locked(e->cache, f);
	}
}

static void end_oplock_locked(struct htab_node *n, void *arg)
{
	struct ending *e = arg;
	struct hythe_file *f = CONTAINER_OF(n, struct hythe_file, hold.by_id);
	if (ends(e, f))
		lost_locked(e->cache, f);
}

void cli_cache_gone(struct hythe_connection *conn, const struct hythe_session *s, const struct hythe_tree *t)
{
	struct cli_cache *c = &conn->client->cache;
	struct ending e = {c, conn, s, t};
	pthread_mutex_lock(&c->lock);
	conn->cache_gone |= !s && !t;
	htab_each(&c->by_key, end_lease_locked, &e);
	htab_each(&c->oplocks, end_oplock_locked, &e);
	pthread_mutex_unlock(&c->lock);
	cli_cache_settle(conn->client);
}

/* --- callbacks --- */

bool cli_cache_due(struct hythe_client *client)
{
	return atomic_load(&client->cache.due_count) > 0 && nested < NESTED_MAX;
}

static struct hythe_file *next_due_locked(struct cli_cache *c, struct hythe_cache_change *change, bool *call)
{
	if (list_empty(&c->due))
		return NULL;
	struct hythe_file *f = list_entry(c->due.next, struct hythe_file, hold.due);
	struct cli_hold *h = &f->hold;
	uint32_t state = cli_hold_state_locked(f);
	list_remove(&h->due);
	atomic_fetch_sub(&c->due_count, 1);
	/* What was gone for a while counts as gone: somebody else may have had it. */
	*change = (struct hythe_cache_change){.from = h->told, .to = state & ~h->lost, .purge = h->purge || (h->lost & PROTO_CACHE_READ)};
	*call = !h->closed && !atomic_load(&c->stop);
	h->told = state;
	h->lost = 0;
	h->purge = false;
	h->running = true;
	h->runner = pthread_self();
	return f;
}

static void returned_locked(struct cli_cache *c, struct hythe_file *f)
{
	struct cli_hold *h = &f->hold;
	h->running = h->busy = false;
	pthread_cond_broadcast(&c->ran);
	if (h->lease)
		h->lease->telling--;
	if (!h->closed)
		cli_hold_tell_locked(c, f); /* more went meanwhile */
	if (h->lease)
		cli_lease_settle_locked(c, h->lease);
	oplock_settle_locked(c, f);
}

static bool run_one(struct cli_cache *c, struct hythe_client *client)
{
	struct hythe_cache_change change;
	bool call;
	pthread_mutex_lock(&c->lock);
	struct hythe_file *f = next_due_locked(c, &change, &call);
	pthread_mutex_unlock(&c->lock);
	if (!f)
		return false;
	nested++;
	if (call)
		f->hold.fn(f->hold.arg, f, &change);
	nested--;
	pthread_mutex_lock(&c->lock);
	returned_locked(c, f);
	pthread_mutex_unlock(&c->lock);
	cli_cache_settle(client);
	cli_file_put(f);
	return true;
}

void cli_cache_run(struct hythe_client *client)
{
	while (cli_cache_due(client) && run_one(&client->cache, client))
		;
}

bool cli_cache_on_runner(void)
{
	return on_runner;
}

static void *runner_main(void *arg)
{
	struct hythe_client *client = arg;
	struct cli_cache *c = &client->cache;
	on_runner = true;
	pthread_mutex_lock(&client->lock);
	while (!atomic_load(&c->stop)) {
		if (!cli_cache_due(client)) {
			pthread_cond_wait(&c->runner_wakes, &client->lock);
			continue;
		}
		pthread_mutex_unlock(&client->lock);
		cli_cache_run(client);
		pthread_mutex_lock(&client->lock);
	}
	pthread_mutex_unlock(&client->lock);
	return NULL;
}

ntstatus cli_cache_need_runner(struct hythe_client *client)
{
	struct cli_cache *c = &client->cache;
	if (client->threads == 0)
		return STATUS_SUCCESS;
	pthread_mutex_lock(&client->lock);
	if (!c->has_runner && !atomic_load(&c->stop))
		c->has_runner = pthread_create(&c->runner, NULL, runner_main, client) == 0;
	bool has = c->has_runner;
	pthread_mutex_unlock(&client->lock);
	if (has)
		return STATUS_SUCCESS;
	cli_error_set("no thread could be made for the callbacks of breaks");
	return STATUS_INSUFFICIENT_RESOURCES;
}

void cli_cache_stop(struct hythe_client *client)
{
	struct cli_cache *c = &client->cache;
	pthread_mutex_lock(&client->lock);
	atomic_store(&c->stop, true);
	pthread_cond_signal(&c->runner_wakes);
	pthread_mutex_unlock(&client->lock);
}

void cli_cache_join(struct hythe_client *client)
{
	struct cli_cache *c = &client->cache;
	pthread_mutex_lock(&client->lock);
	bool join = c->has_runner;
	c->has_runner = false;
	pthread_mutex_unlock(&client->lock);
	if (join)
		pthread_join(c->runner, NULL);
}
