/* Instances of shares, see share_instance.h. A lock of each configured share guards the table of its instances, in which they have no reference: one
 * that has none left is about to leave it. Nothing is called with that lock held. */
#include "server/share_instance.h"

#include "base/filetime.h"
#include "base/log.h"
#include "server/conn.h"
#include "server/share_path.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { WHY_BYTES = 256 };

struct srv_instances {
	pthread_mutex_t lock;       /* of what follows */
	struct htab by_path;        /* srv_share.by_path */
	uint32_t count;
};

bool srv_share_vary(struct srv_share *s, char *why)
{
	const struct srv_path_values nobody = {.user = "x", .client = "x"};
	const struct vfs_posix_options o = {.read_only = true};
	struct srv_path path;
	struct vfs *above;

	if (!srv_path_expand(s->path, &nobody, &path, why, WHY_BYTES))
		return false;
	path.text[path.fixed] = 0;
	above = vfs_posix_open(path.fixed > 0 ? path.text : ".", &o, why);
	if (!above)
		return false;
	vfs_close(above);
	s->instances = calloc(1, sizeof(*s->instances));
	if (!s->instances) {
		snprintf(why, WHY_BYTES, "out of memory");
		return false;
	}
	pthread_mutex_init(&s->instances->lock, NULL);
	return true;
}

void srv_instances_free(struct srv_instances *i)
{
	if (!i)
		return;
	htab_free(&i->by_path);
	pthread_mutex_destroy(&i->lock);
	free(i);
}

uint32_t srv_instances_count(const struct srv_share *configured)
{
	uint32_t n;

	pthread_mutex_lock(&configured->instances->lock);
	n = configured->instances->count;
	pthread_mutex_unlock(&configured->instances->lock);
	return n;
}

void srv_instance_gone(struct srv_share *s)
{
	struct srv_instances *all = s->of->instances;

	pthread_mutex_lock(&all->lock);
	htab_remove(&all->by_path, &s->by_path);
	all->count--;
	pthread_mutex_unlock(&all->lock);
}

static uint64_t hash_of(const char *path)
{
	return hash_bytes(path, strlen(path));
}

static struct srv_share *find_locked(struct srv_instances *all, const char *path)
{
	for (struct htab_node *n = htab_find(&all->by_path, hash_of(path)); n; n = htab_find_next(n)) {
		struct srv_share *s = CONTAINER_OF(n, struct srv_share, by_path);
		uint32_t refs = atomic_load(&s->refs);

		if (strcmp(s->path, path) != 0)
			continue;
		while (refs > 0 && !atomic_compare_exchange_weak(&s->refs, &refs, refs + 1))
			;
		if (refs > 0)
			return s;
	}
	return NULL;
}

struct owned {
	const char *owner;
	uint32_t n;
};

static void count_owned(struct htab_node *n, void *arg)
{
	struct owned *o = arg;

	if (strcmp(CONTAINER_OF(n, struct srv_share, by_path)->owner, o->owner) == 0)
		o->n++;
}

static bool room_locked(const struct srv_limits *limits, struct srv_instances *all, const char *owner)
{
	struct owned o = {.owner = owner};

	if (all->count >= limits->share_instances)
		return false;
	htab_each(&all->by_path, count_owned, &o);
	return o.n < limits->share_instances_per_user;
}

/* The configured share's rules, on a directory of its own. The lists among them are lent. */
static struct srv_share *instance_new(const struct srv_share *of, const struct srv_path *path, const char *owner)
{
	const size_t from = offsetof(struct srv_share, SRV_SHARE_FIRST_RULE), to = offsetof(struct srv_share, SRV_SHARE_BEHIND_RULES);
	struct srv_share *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->refs = 1;
	s->kind = of->kind;
	list_init(&s->link);
	memcpy((char *)s + from, (const char *)of + from, to - from);
	memcpy(s->path, path->text, sizeof(s->path));
	snprintf(s->owner, sizeof(s->owner), "%s", owner);
	return s;
}

/* Enters a new instance; or gives back the one of that path that somebody else has made meanwhile. NULL: there are too many. */
static struct srv_share *enter(const struct srv_limits *limits, struct srv_share *configured, struct srv_share *s)
{
	struct srv_instances *all = configured->instances;
	struct srv_share *found;

	pthread_mutex_lock(&all->lock);
	found = find_locked(all, s->path);
	if (!found && room_locked(limits, all, s->owner) && htab_insert(&all->by_path, &s->by_path, hash_of(s->path))) {
		all->count++;
		s->of = srv_share_ref(configured);
		found = s;
	}
	pthread_mutex_unlock(&all->lock);
	return found;
}

/* There, or not there but room for it. */
static bool find_or_room(const struct srv_limits *limits, struct srv_instances *all, const char *path, const char *owner, struct srv_share **found)
{
	bool room;

	pthread_mutex_lock(&all->lock);
	*found = find_locked(all, path);
	room = *found || room_locked(limits, all, owner);
	pthread_mutex_unlock(&all->lock);
	return room;
}

static ntstatus too_many(const struct srv_request *r, const struct srv_share *configured, const char *path)
{
	log_warn("%s: share %s: %s: too many directories of this share are in use, of this user or of all", r->conn->peer, configured->name, path);
	return STATUS_INSUFFICIENT_RESOURCES;
}

/* What the client is told when its directory cannot be opened, and what the log says. */
static ntstatus unusable(const struct srv_request *r, const struct srv_share *configured, ntstatus status, const char *why)
{
	bool missing = nt_is(status, STATUS_OBJECT_NAME_NOT_FOUND);

	log_warn("%s: share %s: %s%s", r->conn->peer, configured->name, why,
		missing && !configured->create_path ? "; make the directory, or set create-path = yes for the share" : "");
	if (nt_is(status, STATUS_INSUFFICIENT_RESOURCES) || nt_is(status, STATUS_TOO_MANY_OPENED_FILES))
		return STATUS_INSUFFICIENT_RESOURCES;
	return STATUS_BAD_NETWORK_NAME;
}

/* Somebody else may do so at the same time: then one of the two is dropped before anybody has used it. */
static ntstatus make(struct srv_request *r, struct srv_share *configured, const struct srv_path *path, const char *owner, struct srv_share **out)
{
	struct srv_share *s = instance_new(configured, path, owner);
	char why[WHY_BYTES] = "";
	ntstatus status;

	if (!s)
		return STATUS_INSUFFICIENT_RESOURCES;
	status = srv_share_open_store(s, path->fixed, why);
	*out = nt_ok(status) ? enter(&r->srv->limits, configured, s) : NULL;
	if (*out == s)
		return STATUS_SUCCESS;
	/* It was never one of the share's, so what was lent goes back without it. */
	s->users = s->admins = s->hide_files = NULL;
	srv_share_put(s);
	if (!nt_ok(status))
		return unusable(r, configured, status, why);
	return *out ? STATUS_SUCCESS : too_many(r, configured, path->text);
}

/* The user's name is that of the user store; whoever is in it under no name has none (B278 has let them in). */
ntstatus srv_share_instance(struct srv_request *r, struct srv_share *configured, const struct srv_user *user, struct srv_share **out)
{
	bool named = !user->guest && !user->anonymous;
	char client[sizeof(r->conn->peer)], why[WHY_BYTES] = "";
	struct srv_path_values values = {.user = named ? user->name : NULL, .client = client};
	struct srv_path path;

	*out = configured->instances ? NULL : srv_share_ref(configured);
	if (*out)
		return STATUS_SUCCESS;
	values.now = filetime_to_timespec(clock_filetime(r->srv->clock)).tv_sec;
	srv_path_client(r->conn->peer, client, sizeof(client));
	if (!srv_path_expand(configured->path, &values, &path, why, sizeof(why))) {
		log_warn("%s: share %s: %s has no directory: %s", r->conn->peer, configured->name, user->name, why);
		return STATUS_BAD_NETWORK_NAME;
	}
	if (!find_or_room(&r->srv->limits, configured->instances, path.text, named ? user->name : "", out))
		return too_many(r, configured, path.text);
	return *out ? STATUS_SUCCESS : make(r, configured, &path, named ? user->name : "", out);
}
