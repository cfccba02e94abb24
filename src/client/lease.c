/* Oplocks and leases from the wish to the grant: names and keys of the GlobalFileTable, the request's context, what the response may say.
 * [MS-SMB2] 3.2.1.1, 3.2.4.3, 3.2.4.3.8, 3.2.5.7, 3.2.5.7.4, 3.2.5.7.5. See cache.h. */
#include "client/conn.h"

#include "base/random.h"
#include "base/utf16.h"

#include <stdio.h>
#include <stdlib.h>

enum { LEVEL_NONE = HYTHE_OPLOCK_NONE, LEVEL_LEASE = 0xFF };
enum { V1_BYTES = 32, V2_BYTES = 52, PREFIX_MAX = 640 };

void cli_cache_init(struct cli_cache *c)
{
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->ran, NULL);
	pthread_cond_init(&c->runner_wakes, NULL);
	list_init(&c->due);
	list_init(&c->lease_acks);
	list_init(&c->oplock_acks);
}

void cli_cache_destroy(struct cli_cache *c)
{
	htab_free(&c->by_key);
	htab_free(&c->by_name);
	htab_free(&c->oplocks);
	pthread_cond_destroy(&c->runner_wakes);
	pthread_cond_destroy(&c->ran);
	pthread_mutex_destroy(&c->lock);
}

static struct cli_cache *cache_of(const struct hythe_connection *conn)
{
	return &conn->client->cache;
}

/* --- names --- */

static bool ends_with(struct slice name, const char *end)
{
	size_t n = strlen(end);
	if (name.len < 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (utf16_upcase(utf16_at(name, name.len / 2 - n + i)) != (uint8_t)end[i])
			return false;
	}
	return true;
}

/* A file's unnamed stream is the file; the type of a named one says nothing. */
static struct slice plain_name(struct slice path)
{
	if (ends_with(path, "::$DATA"))
		return slice_of(path.data, path.len - 14);
	if (ends_with(path, ":$DATA"))
		return slice_of(path.data, path.len - 12);
	return path;
}

static size_t last_of(struct slice name, uint16_t unit)
{
	size_t i = name.len / 2;
	while (i > 0 && utf16_at(name, i - 1) != unit)
		i--;
	return i; /* units up to and with it; 0: none */
}

static bool is_stream(struct slice path)
{
	return last_of(path, ':') > last_of(path, '\\');
}

/* Server, port, share, version and path, malloc'ed. 3.2.4.3 */
static struct slice full_name(const struct hythe_tree *t, uint64_t snapshot, struct slice path)
{
	const struct hythe_connection *c = t->session->conn;
	const char *share = t->share;
	char prefix[PREFIX_MAX];
	while (*share == '/' || *share == '\\')
		share++;
	int n = snprintf(prefix, sizeof(prefix), "%s:%u@%llx\\%s", c->host, c->port, (unsigned long long)snapshot, share);
	size_t cap = 2 * sizeof(prefix) + 2 + path.len;
	uint8_t *name = malloc(cap);
	if (!name)
		return slice_of(NULL, 0);
	size_t len = utf8_to_utf16(name, cap, prefix, (size_t)n);
	if (len == SIZE_MAX) /* the server took the name, so it is UTF-8 */
		len = 0;
	if (path.len > 0) {
		store_le16(name + len, '\\');
		memcpy(name + len + 2, path.data, path.len);
		len += 2 + path.len;
	}
	return slice_of(name, len);
}

/* --- the table --- */

struct cli_lease *cli_lease_find_locked(struct cli_cache *c, const uint8_t key[16])
{
	for (struct htab_node *n = htab_find(&c->by_key, hash_bytes(key, 16)); n; n = htab_find_next(n)) {
		struct cli_lease *l = CONTAINER_OF(n, struct cli_lease, by_key);
		if (memcmp(l->key, key, 16) == 0)
			return l;
	}
	return NULL;
}

static struct cli_lease *find_named_locked(struct cli_cache *c, struct slice name)
{
	for (struct htab_node *n = htab_find(&c->by_name, utf16_hash_nocase(name)); n; n = htab_find_next(n)) {
		struct cli_lease *l = CONTAINER_OF(n, struct cli_lease, by_name);
		if (utf16_equal_nocase(l->name, name))
			return l;
	}
	return NULL;
}

static void forget_name_locked(struct cli_cache *c, struct cli_lease *l)
{
	if (l->named)
		htab_remove(&c->by_name, &l->by_name);
	l->named = false;
}

static void lease_free(struct cli_lease *l)
{
	free((void *)(uintptr_t)l->name.data);
	free(l);
}

/* The name becomes the lease's. */
static struct cli_lease *lease_new_locked(struct cli_cache *c, struct slice name)
{
	struct cli_lease *l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	random_bytes(l->key, sizeof(l->key));
	list_init(&l->files);
	list_init(&l->openings);
	list_init(&l->ack);
	if (!htab_insert(&c->by_key, &l->by_key, hash_bytes(l->key, sizeof(l->key)))) {
		free(l);
		return NULL;
	}
	if (!htab_insert(&c->by_name, &l->by_name, utf16_hash_nocase(name))) {
		htab_remove(&c->by_key, &l->by_key);
		free(l);
		return NULL;
	}
	l->name = name;
	l->named = true;
	return l;
}

/* An entry without opens goes, and its key with it: what the server still knows by that key ends with the CLOSE that is under way. */
static void lease_unused_locked(struct cli_cache *c, struct cli_lease *l)
{
	if (!list_empty(&l->files) || !list_empty(&l->openings))
		return;
	forget_name_locked(c, l);
	htab_remove(&c->by_key, &l->by_key);
	list_remove(&l->ack);
	lease_free(l);
}

/* --- the wish --- */

/* 3.2.4.3.8. A lease is one of all connections of a ClientGuid. */
static bool leases_to_be_had(const struct hythe_connection *c, const struct hythe_open_params *p, struct slice path)
{
	if (!guid_equal(&c->config.guid, &c->client->guid))
		return false;
	bool directory = (p->options & HYTHE_OPTION_DIRECTORY) || path.len == 0;
	if (c->proto.dialect < SMB2_DIALECT_210 || !(c->proto.server_capabilities & SMB2_GLOBAL_CAP_LEASING))
		return false;
	return c->proto.dialect >= SMB2_DIALECT_300 || !directory;
}

static ntstatus check_wish(const struct hythe_open_params *p)
{
	static const uint8_t levels[] = {HYTHE_OPLOCK_NONE, HYTHE_OPLOCK_II, HYTHE_OPLOCK_EXCLUSIVE, HYTHE_OPLOCK_BATCH};
	bool known = false;
	for (size_t i = 0; i < ARRAY_LEN(levels); i++)
		known |= p->oplock_level == levels[i];
	if (known && (p->lease == 0 || ((p->lease & ~(uint32_t)PROTO_CACHE_ALL) == 0 && (p->lease & PROTO_CACHE_READ))))
		return STATUS_SUCCESS;
	cli_error_set("an open may ask for oplock level II, EXCLUSIVE or BATCH, or for a lease of READ with or without HANDLE and WRITE");
	return STATUS_INVALID_PARAMETER;
}

static void put_lease(const struct hythe_connection *conn, const struct cli_lease *l, const struct cli_lease *parent, uint32_t state,
	struct wire *contexts)
{
	uint8_t data[V2_BYTES];
	struct wire w = wire_encoder(data, 0, sizeof(data));
	struct smb2_ctx_lease m = {.lease_state = state};
	memcpy(m.lease_key, l->key, sizeof(m.lease_key));
	if (parent) {
		m.flags = SMB2_LEASE_PARENT_KEY_SET;
		memcpy(m.parent_lease_key, parent->key, sizeof(m.parent_lease_key));
	}
	if (conn->proto.dialect >= SMB2_DIALECT_300)
		smb2_ctx_lease_v2_code(&w, &m);
	else
		smb2_ctx_lease_v1_code(&w, &m);
	smb2_create_context_put(contexts, slice_of("RqLs", 4), slice_of(data, w.pos));
}

static struct cli_lease *parent_locked(struct cli_cache *c, const struct hythe_tree *t, struct slice path, struct slice name)
{
	/* the share's root has none */
	if (path.len == 0 || t->session->conn->proto.dialect < SMB2_DIALECT_300)
		return NULL;
	return find_named_locked(c, slice_of(name.data, 2 * (last_of(name, '\\') - 1)));
}

static ntstatus ask_lease(struct cli_opening *o, const struct hythe_open_params *p, struct slice path, struct wire *contexts)
{
	struct cli_cache *c = cache_of(o->conn);
	uint32_t state = p->lease;
	path = plain_name(path);
	if (is_stream(path))
		state &= ~(uint32_t)PROTO_CACHE_HANDLE;
	struct slice name = full_name(o->tree, p->snapshot_time, path);
	if (!name.data)
		return STATUS_NO_MEMORY;
	pthread_mutex_lock(&c->lock);
	struct cli_lease *l = find_named_locked(c, name);
	bool found = l != NULL;
	if (!found)
		l = lease_new_locked(c, name);
	if (l) {
		o->lease = l;
		list_append(&l->openings, &o->link);
		o->wish = state;
		l->l.asked |= state;
		put_lease(o->conn, l, parent_locked(c, o->tree, path, l->name), state, contexts);
	}
	pthread_mutex_unlock(&c->lock);
	if (!l || found)
		free((void *)(uintptr_t)name.data);
	return l ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

static struct cli_opening *opening_new(struct cli_request *r)
{
	struct cli_opening *o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	o->conn = r->conn;
	o->tree = r->tree;
	o->cap = PROTO_CACHE_ALL;
	list_init(&o->link);
	r->opening = o;
	return o;
}

/* [MS-SMB2] 3.2.4.3, 3.2.4.3.8 */
ntstatus cli_cache_ask(struct cli_request *r, const struct hythe_open_params *p, struct slice path, struct wire *contexts,
	uint8_t *level)
{
	ntstatus status = check_wish(p);
	*level = LEVEL_NONE;
	if (!nt_ok(status) || (p->lease == 0 && p->oplock_level == LEVEL_NONE))
		return status;
	bool lease = p->lease != 0 && leases_to_be_had(r->conn, p, path);
	if (!lease && p->oplock_level == LEVEL_NONE) {
		cli_error_set("%s has no leases for that; open without one, or with an oplock", r->conn->host);
		return STATUS_NOT_SUPPORTED;
	}
	if (p->on_cache_change) {
		status = cli_cache_need_runner(r->conn->client);
		if (!nt_ok(status))
			return status;
	}
	struct cli_opening *o = opening_new(r);
	if (!o)
		return STATUS_NO_MEMORY;
	o->fn = p->on_cache_change;
	o->arg = p->cache_arg;
	o->level = *level = lease ? LEVEL_LEASE : p->oplock_level;
	if (lease)
		return ask_lease(o, p, path, contexts);
	struct cli_cache *c = cache_of(r->conn);
	pthread_mutex_lock(&c->lock);
	r->conn->opening_oplocks++;
	pthread_mutex_unlock(&c->lock);
	return STATUS_SUCCESS;
}

void cli_cache_asked(struct cli_request *r)
{
	struct cli_opening *o = r->opening;
	if (!o)
		return;
	struct cli_cache *c = cache_of(r->conn);
	pthread_mutex_lock(&c->lock);
	list_remove(&o->link);
	if (o->lease)
		lease_unused_locked(c, o->lease);
	else if (o->level != LEVEL_LEASE && --r->conn->opening_oplocks == 0)
		r->conn->early_break_count = 0;
	pthread_mutex_unlock(&c->lock);
	free(o);
	r->opening = NULL;
}

/* The lease by the name of l now, which is not l: somebody has given the file of that name another. The opening moves over. */
static bool move_opening_locked(struct cli_cache *c, struct cli_opening *o)
{
	struct cli_lease *l = o->lease, *other;
	bool shared = !list_empty(&l->files) || o->link.next != o->link.prev;
	if (!shared)
		return false;
	forget_name_locked(c, l);
	other = find_named_locked(c, l->name);
	if (!other) {
		uint8_t *name = malloc(l->name.len);
		if (name)
			memcpy(name, l->name.data, l->name.len);
		other = name ? lease_new_locked(c, slice_of(name, l->name.len)) : NULL;
		if (!other) {
			free(name);
			return false;
		}
	}
	other->l.asked |= o->wish;
	list_remove(&o->link);
	list_append(&other->openings, &o->link);
	o->lease = other;
	lease_unused_locked(c, l);
	return true;
}

static void replace_key(uint8_t *p, size_t len, const uint8_t old[16], const uint8_t new[16])
{
	for (size_t i = SMB2_HEADER_SIZE; i + 16 <= len; i++) {
		if (memcmp(p + i, old, 16) == 0) {
			memcpy(p + i, new, 16);
			return;
		}
	}
}

/* The message of r over again; the header is written when it is sent. */
static struct cli_request *copy_of(const struct cli_request *r)
{
	struct cli_request *n = cli_request_new(r->conn, NULL, r->tree, NULL, r->command);
	if (!n)
		return NULL;
	if (r->head_len > CLI_INLINE) {
		n->head_buf = buf_get(NET_PREFIX + r->head_len);
		if (!n->head_buf) {
			cli_request_free(n);
			return NULL;
		}
		n->head = n->head_buf->data + NET_PREFIX;
	}
	memcpy(n->head, r->head, r->head_len);
	n->head_len = r->head_len;
	n->charge = r->charge;
	n->complete = r->complete;
	n->done = r->done;
	n->arg = r->arg;
	return n;
}

/* 3.3.5.9.8 and 3.3.5.9.11 refuse a key that stands for another file: what had the name was renamed or replaced by somebody. */
struct cli_request *cli_cache_ask_again(struct cli_request *r, ntstatus status)
{
	struct cli_cache *c = cache_of(r->conn);
	struct cli_opening *o = r->opening;
	uint8_t old[16], new[16];
	if (!nt_is(status, STATUS_INVALID_PARAMETER) || !o || !o->lease || o->again)
		return NULL;
	struct cli_request *n = copy_of(r);
	if (!n)
		return NULL;
	pthread_mutex_lock(&c->lock);
	memcpy(old, o->lease->key, sizeof(old));
	o->again = true;
	bool moved = move_opening_locked(c, o);
	memcpy(new, o->lease->key, sizeof(new));
	if (moved) {
		n->opening = o;
		r->opening = NULL;
	}
	pthread_mutex_unlock(&c->lock);
	if (!moved) {
		cli_request_free(n);
		return NULL;
	}
	replace_key(n->head, n->head_len, old, new);
	return n;
}

/* --- the answer --- */

struct told {
	bool present, bad, epochs;
	struct smb2_ctx_lease m;
};

static struct told read_lease(struct slice list)
{
	struct told t = {0};
	struct smb2_create_context c;
	bool bad;
	while (smb2_create_context_next(&list, &c, &bad)) {
		if (!slice_equal(c.name, slice_of("RqLs", 4)))
			continue;
		struct wire w = wire_decoder(c.data.data, 0, c.data.len, NULL);
		t.epochs = c.data.len >= V2_BYTES;
		if (t.epochs)
			smb2_ctx_lease_v2_code(&w, &t.m);
		else
			smb2_ctx_lease_v1_code(&w, &t.m);
		t.bad |= t.present || !wire_ok(&w);
		t.present = true;
	}
	t.bad |= bad;
	return t;
}

/* Grants no more than was asked for, by this open or by another of the same file, under the key that it was given. */
static bool answers_locked(const struct cli_opening *o, const struct told *t, uint8_t level, uint16_t dialect)
{
	if (t->present != (level == LEVEL_LEASE))
		return false;
	if (level == LEVEL_NONE)
		return true;
	if (!o || t->bad)
		return false;
	if (level == LEVEL_LEASE)
		return o->lease && memcmp(t->m.lease_key, o->lease->key, sizeof(t->m.lease_key)) == 0 &&
		       (t->m.lease_state & ~o->lease->l.asked) == 0 && (!t->epochs || dialect >= SMB2_DIALECT_300);
	return !o->lease && level <= o->level &&
	       (level == HYTHE_OPLOCK_II || level == HYTHE_OPLOCK_EXCLUSIVE || level == HYTHE_OPLOCK_BATCH);
}

/* [MS-SMB2] 3.2.5.7.4, 3.2.5.7.5 */
static void hold_lease_locked(struct cli_cache *c, struct hythe_file *f, struct cli_opening *o, const struct told *t)
{
	struct cli_lease *l = o->lease;
	uint32_t before = l->l.state;
	enum proto_lease_news news = t->epochs ? proto_lease_granted_v2(&l->l, t->m.lease_state, t->m.epoch) :
		proto_lease_granted_v1(&l->l, t->m.lease_state & o->cap);
	cli_lease_tell_locked(c, l, news == PROTO_LEASE_PURGE && before != 0);
	f->hold.lease = l;
	list_append(&l->files, &f->hold.on_lease);
	f->hold.told = l->l.state;
	cli_lease_settle_locked(c, l);
}

/* An oplock, less what breaks that were faster have taken of it. */
static bool hold_oplock_locked(struct cli_cache *c, struct hythe_file *f, uint8_t level)
{
	const struct hythe_connection *conn = f->tree->session->conn;
	if (!htab_insert(&c->oplocks, &f->hold.by_id, hash_bytes(&f->id, sizeof(f->id))))
		return false;
	f->hold.level = level;
	f->hold.told = cli_hold_state_locked(f);
	for (unsigned i = 0; i < conn->early_break_count; i++) {
		const struct cli_early_break *b = &conn->early_breaks[i];
		if (b->persistent == f->id.persistent && b->volatile_id == f->id.volatile_id)
			cli_oplock_break_locked(c, f, b->level);
	}
	return true;
}

/* [MS-SMB2] 3.2.5.7 */
ntstatus cli_cache_opened(struct cli_request *r, struct hythe_file *f, const struct smb2_create_rsp *rsp)
{
	struct cli_cache *c = cache_of(r->conn);
	struct cli_opening *o = r->opening;
	struct told t = read_lease(rsp->contexts);
	ntstatus status = STATUS_SUCCESS;
	if (!o)
		return answers_locked(NULL, &t, rsp->oplock_level, 0) ? status : STATUS_INVALID_NETWORK_RESPONSE;
	pthread_mutex_lock(&c->lock);
	if (!answers_locked(o, &t, rsp->oplock_level, r->conn->proto.dialect)) {
		status = STATUS_INVALID_NETWORK_RESPONSE;
	} else if (rsp->oplock_level != LEVEL_NONE && !r->conn->cache_gone) {
		f->hold.used = true;
		f->hold.fn = o->fn;
		f->hold.arg = o->arg;
		if (o->lease)
			hold_lease_locked(c, f, o, &t);
		else if (!hold_oplock_locked(c, f, rsp->oplock_level))
			status = STATUS_NO_MEMORY;
	}
	pthread_mutex_unlock(&c->lock);
	cli_cache_settle(r->conn->client);
	return status;
}

/* --- the end --- */

void cli_hold_drop_locked(struct cli_cache *c, struct hythe_file *f)
{
	struct cli_hold *h = &f->hold;
	struct cli_lease *l = h->lease;
	if (h->level != LEVEL_NONE)
		htab_remove(&c->oplocks, &h->by_id);
	h->level = LEVEL_NONE;
	h->ack_wanted = false;
	list_remove(&h->ack);
	if (!l)
		return;
	list_remove(&h->on_lease);
	h->lease = NULL;
	l->telling -= h->busy;
	cli_lease_settle_locked(c, l);
	lease_unused_locked(c, l);
}

static void leave(struct hythe_file *f, bool wait)
{
	struct cli_cache *c = cache_of(f->tree->session->conn);
	if (!f->hold.used)
		return;
	pthread_mutex_lock(&c->lock);
	f->hold.closed = true;
	cli_hold_drop_locked(c, f);
	while (wait && f->hold.running && !pthread_equal(f->hold.runner, pthread_self()))
		pthread_cond_wait(&c->ran, &c->lock);
	pthread_mutex_unlock(&c->lock);
	cli_cache_settle(f->tree->session->conn->client);
}

void cli_cache_leave(struct hythe_file *f)
{
	leave(f, false);
}

void cli_cache_leave_and_wait(struct hythe_file *f)
{
	leave(f, true);
}

void cli_cache_renamed(struct hythe_file *f)
{
	struct cli_cache *c = cache_of(f->tree->session->conn);
	if (!f->hold.used)
		return;
	pthread_mutex_lock(&c->lock);
	if (f->hold.lease)
		forget_name_locked(c, f->hold.lease);
	pthread_mutex_unlock(&c->lock);
}
