/* Grants and the table of leases: [MS-SMB2] 3.3.1.11, 3.3.1.12, 3.3.5.9.8, 3.3.5.9.11. One table for all clients, by GUID and key; a lease
 * is in it while it has opens. Also the parent keys of opens, by which a client's own changes leave its directory leases alone. */
#include "server/oplock.h"

#include "server/conn.h"

#include <stdatomic.h>
#include <stdlib.h>

static struct srv_grant *grant_new(struct srv *srv, struct srv_share *share, struct vfs_id id)
{
	struct srv_grant *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->refs = 1;
	g->srv = srv;
	g->store = share->fsa;
	g->share = srv_share_configured(share);
	g->id = id;
	list_init(&g->opens);
	return g;
}

void srv_grant_put(struct srv_grant *g)
{
	if (g && atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) == 1)
		free(g);
}

static struct srv_grant *next_locked(struct htab_node *n, const struct fsa_key *key)
{
	for (; n; n = htab_find_next(n)) {
		struct srv_grant *g = CONTAINER_OF(n, struct srv_grant, by_key);

		if (memcmp(&g->fsa.key, key, sizeof(*key)) == 0)
			return g;
	}
	return NULL;
}

/* Every lease of that key: there is one, but on shares with instances. */
static struct srv_grant *first_locked(struct srv *srv, const struct fsa_key *key)
{
	return next_locked(htab_find(&srv->leases, hash_bytes(key, sizeof(*key))), key);
}

static struct srv_grant *following_locked(struct srv_grant *g)
{
	return next_locked(htab_find_next(&g->by_key), &g->fsa.key);
}

static struct srv_grant *grant_ref(struct srv_grant *g)
{
	atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
	return g;
}

/* The share stays while the grant has opens. */
static bool is_breaking_locked(const struct srv_grant *g)
{
	const struct srv_open *o = list_entry(g->opens.next, struct srv_open, on_grant);

	return fsa_lease_breaking(o->share->fsa, g->id, &g->fsa.key);
}

struct srv_grant *srv_lease_find(struct srv *srv, const struct fsa_key *key)
{
	struct srv_grant *found;

	pthread_mutex_lock(&srv->grant_lock);
	found = first_locked(srv, key);
	for (struct srv_grant *g = found ? following_locked(found) : NULL; g; g = following_locked(g)) {
		if (is_breaking_locked(g))
			found = g;
	}
	if (found)
		grant_ref(found);
	pthread_mutex_unlock(&srv->grant_lock);
	return found;
}

static struct fsa_key key_of(const struct srv_conn *c, const uint8_t lease_key[16])
{
	struct fsa_key key;

	memcpy(key.client, c->proto.client_guid.b, sizeof(key.client));
	memcpy(key.lease, lease_key, sizeof(key.lease));
	return key;
}

static struct srv_grant *lease_new_locked(struct srv *srv, struct srv_share *share, struct vfs_id id, const struct fsa_key *key)
{
	struct srv_grant *g = grant_new(srv, share, id);

	if (!g)
		return NULL;
	g->fsa.lease = true;
	g->fsa.key = *key;
	if (!htab_insert(&srv->leases, &g->by_key, hash_bytes(key, sizeof(*key)))) {
		free(g);
		return NULL;
	}
	return g;
}

static bool is_of(const struct srv_grant *g, const struct fsa *store, struct vfs_id id)
{
	return g->store == store && vfs_id_equal(g->id, id);
}

/* In another directory that the same share comes to. */
static bool is_elsewhere(const struct srv_grant *g, struct srv_share *share)
{
	return g->store != share->fsa && g->share == srv_share_configured(share);
}

bool srv_lease_known(struct srv_tree *t, struct srv_conn *c, const struct srv_lease_wish *wish)
{
	struct fsa_key key = key_of(c, wish->key);
	bool known = false;

	pthread_mutex_lock(&c->srv->grant_lock);
	for (struct srv_grant *g = first_locked(c->srv, &key); g; g = following_locked(g))
		known = known || !is_elsewhere(g, t->share);
	pthread_mutex_unlock(&c->srv->grant_lock);
	return known;
}

/* The lease of that key on that file, if there is one; INVALID_PARAMETER: the key is taken by another file. */
static ntstatus own_locked(struct srv *srv, const struct fsa_key *key, struct srv_share *share, struct vfs_id id, struct srv_grant **own)
{
	bool taken = false;

	*own = NULL;
	for (struct srv_grant *g = first_locked(srv, key); g; g = following_locked(g)) {
		if (is_of(g, share->fsa, id))
			*own = g;
		else if (!is_elsewhere(g, share))
			taken = true;
	}
	return taken ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

ntstatus srv_lease_may_name(struct srv_tree *t, struct srv_conn *c, struct vfs_id id, const struct srv_lease_wish *wish)
{
	struct fsa_key key = key_of(c, wish->key);
	struct srv_grant *own;
	ntstatus status;

	pthread_mutex_lock(&c->srv->grant_lock);
	status = own_locked(c->srv, &key, t->share, id, &own);
	pthread_mutex_unlock(&c->srv->grant_lock);
	return status;
}

/* --- the connections of clients with leases --- */

static void conn_known_locked(struct srv *srv, struct srv_conn *c)
{
	const struct guid *client = &c->proto.client_guid;

	if (c->lease_order == 0 && htab_insert(&srv->lease_conns, &c->by_client, hash_bytes(client, sizeof(*client))))
		c->lease_order = ++srv->next_lease_order;
}

void srv_lease_conn_gone(struct srv_conn *c)
{
	pthread_mutex_lock(&c->srv->grant_lock);
	if (c->lease_order != 0 && c->lease_order != UINT64_MAX)
		htab_remove(&c->srv->lease_conns, &c->by_client);
	/* A CREATE may still be under way on it. */
	c->lease_order = UINT64_MAX;
	pthread_mutex_unlock(&c->srv->grant_lock);
}

struct srv_conn *srv_lease_conn(struct srv *srv, const struct fsa_key *key)
{
	struct srv_conn *first = NULL;
	struct htab_node *n;

	pthread_mutex_lock(&srv->grant_lock);
	for (n = htab_find(&srv->lease_conns, hash_bytes(key->client, sizeof(key->client))); n; n = htab_find_next(n)) {
		struct srv_conn *c = CONTAINER_OF(n, struct srv_conn, by_client);

		if (memcmp(c->proto.client_guid.b, key->client, sizeof(key->client)) == 0 && !net_conn_closed(c->net) &&
			(!first || c->lease_order < first->lease_order))
			first = c;
	}
	if (first)
		srv_conn_ref(first);
	pthread_mutex_unlock(&srv->grant_lock);
	return first;
}

/* The open becomes one of the lease: found by its key, or made. */
static ntstatus attach_lease(struct srv_open *o, struct srv_conn *c, struct vfs_id id, const struct srv_lease_wish *wish)
{
	struct fsa_key key = key_of(c, wish->key);
	struct srv *srv = c->srv;
	struct srv_grant *g;
	ntstatus status;

	pthread_mutex_lock(&srv->grant_lock);
	status = own_locked(srv, &key, o->share, id, &g);
	if (nt_ok(status) && g) {
		grant_ref(g);
	} else if (nt_ok(status)) {
		g = lease_new_locked(srv, o->share, id, &key);
		if (g)
			g->epochs = wish->epochs;
		else
			status = STATUS_INSUFFICIENT_RESOURCES;
	}
	if (nt_ok(status)) {
		conn_known_locked(srv, c);
		o->grant = g;
		list_append(&g->opens, &o->on_grant);
	}
	pthread_mutex_unlock(&srv->grant_lock);
	return status;
}

/* --- one key in two directories of a share --- */

bool srv_lease_is_split(const struct srv_open *o)
{
	bool split = false;

	if (!o->share->of || !o->grant || !o->grant->fsa.lease)
		return false;
	pthread_mutex_lock(&o->srv->grant_lock);
	for (struct srv_grant *g = first_locked(o->srv, &o->grant->fsa.key); g; g = following_locked(g))
		split = split || g != o->grant;
	pthread_mutex_unlock(&o->srv->grant_lock);
	return split;
}

/* The i-th lease of that key, and the share it is on, referenced. */
static struct srv_share *nth_share(struct srv *srv, const struct fsa_key *key, size_t i, struct vfs_id *id)
{
	struct srv_share *share = NULL;
	struct srv_grant *g;

	pthread_mutex_lock(&srv->grant_lock);
	for (g = first_locked(srv, key); g && i > 0; g = following_locked(g))
		i--;
	if (g) {
		*id = g->id;
		share = srv_share_ref(list_entry(g->opens.next, struct srv_open, on_grant)->share);
	}
	pthread_mutex_unlock(&srv->grant_lock);
	return share;
}

/* Of two that are entered at once, the one that looks last ends both. */
void srv_lease_end_split(struct srv_open *o)
{
	const struct fsa_key key = o->grant->fsa.key;
	struct srv_share *share;
	struct fsa_breaks b;
	struct vfs_id id;

	fsa_breaks_init(&b);
	for (size_t i = 0; (share = nth_share(o->srv, &key, i, &id)) != NULL; i++) {
		fsa_lease_give_up(share->fsa, id, &key, &b);
		srv_share_put(share);
	}
	srv_oplock_tell(&b);
}

ntstatus srv_oplock_attach(struct srv_open *o, struct srv_channel *ch, struct vfs_id id, const struct srv_lease_wish *wish)
{
	struct srv_conn *c = ch->conn;

	o->oplock_channel = srv_channel_ref(ch);
	if (wish) {
		if (wish->has_parent && !o->parent_key && !(o->parent_key = malloc(sizeof(*o->parent_key))))
			return STATUS_INSUFFICIENT_RESOURCES;
		if (wish->has_parent)
			*o->parent_key = key_of(c, wish->parent_key);
		return attach_lease(o, c, id, wish);
	}
	o->grant = grant_new(c->srv, o->share, id);
	if (!o->grant)
		return STATUS_INSUFFICIENT_RESOURCES;
	pthread_mutex_lock(&c->srv->grant_lock);
	list_append(&o->grant->opens, &o->on_grant);
	pthread_mutex_unlock(&c->srv->grant_lock);
	return STATUS_SUCCESS;
}

void srv_oplock_detach(struct srv_open *o)
{
	struct srv_grant *g = o->grant;
	bool last = false;

	if (!g)
		return;
	pthread_mutex_lock(&g->srv->grant_lock);
	if (!list_unlinked(&o->on_grant)) {
		list_remove(&o->on_grant);
		last = list_empty(&g->opens);
	}
	if (last && g->fsa.lease)
		htab_remove(&g->srv->leases, &g->by_key);
	pthread_mutex_unlock(&g->srv->grant_lock);
	if (last)
		srv_oplock_disarm(g);
}

void srv_oplock_disconnect(struct srv_open *o)
{
	struct srv_channel *ch;

	pthread_mutex_lock(&o->srv->grant_lock);
	ch = o->oplock_channel;
	o->oplock_channel = NULL;
	pthread_mutex_unlock(&o->srv->grant_lock);
	srv_channel_put(ch);
}

void srv_oplock_reconnect(struct srv_open *o, struct srv_channel *ch, uint64_t volatile_id)
{
	pthread_mutex_lock(&o->srv->grant_lock);
	o->oplock_channel = srv_channel_ref(ch);
	o->file_id.volatile_id = volatile_id;
	if (o->grant->fsa.lease)
		conn_known_locked(o->srv, ch->conn);
	pthread_mutex_unlock(&o->srv->grant_lock);
}

/* --- leases on directories --- */

static struct slice parent_of(struct slice path)
{
	size_t units = path.len / 2;

	while (units > 0 && load_le16(path.data + 2 * (units - 1)) != '\\')
		units--;
	return slice_of(path.data, units > 0 ? 2 * (units - 1) : 0);
}

static bool parent_id(struct srv_share *s, struct slice path, struct vfs_id *id)
{
	struct vfs_open_args args = {.name = parent_of(path), .disposition = VFS_OPEN, .flags = VFS_DIRECTORY};
	struct vfs_open_result parent;
	uint8_t scratch[1024];
	struct arena a;
	ntstatus status;

	arena_init(&a, scratch, sizeof(scratch), 0);
	status = vfs_open(s->vfs, &args, &a, &parent);
	if (nt_ok(status)) {
		*id = parent.stat.id;
		vfs_file_close(parent.file);
	}
	arena_reset(&a);
	return nt_ok(status);
}

void srv_oplock_entry_changed(struct srv_share *s, const struct srv_open *o, struct slice path)
{
	struct fsa_breaks b;
	struct vfs_id id;

	/* The share's root is in no directory that anybody could have open. */
	if (path.len == 0 || !parent_id(s, path, &id))
		return;
	fsa_breaks_init(&b);
	fsa_directory_changed(s->fsa, id, o ? o->parent_key : NULL, &b);
	srv_oplock_tell(&b);
}
