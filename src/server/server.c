/* The public server (hythe/server.h): configuration in, a running struct srv out. */
#include <hythe/server.h>

#include "base/log.h"
#include "base/utf16.h"
#include "crypto/crypto.h"
#include "server/durable.h"
#include "server/listen.h"
#include "server/share_instance.h"
#include "server/share_path.h"
#include "server/srv.h"
#include "server/status.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MAX_LISTENERS = SRV_LISTENERS, WHY_BYTES = 256 };

/* A place to listen. */
struct door {
	struct hythe_server *of;
	char address[SRV_ADDRESS_BYTES];
	bool smb1;                         /* NT LM 0.12 is spoken with those who come here and know nothing else */
};

struct hythe_server {
	struct srv srv;
	struct net_listener *listeners[MAX_LISTENERS];
	size_t listener_count;
	struct door doors[MAX_LISTENERS];
	size_t door_count;
	unsigned threads;
	bool started, stopped;
	void (*log_line)(enum hythe_log_level level, const char *line, void *arg);
	void *log_arg;
};

static bool fail(char *why, size_t cap, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static bool fail(char *why, size_t cap, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (why && cap > 0)
		vsnprintf(why, cap, fmt, ap);
	va_end(ap);
	return false;
}

void hythe_server_config_init(struct hythe_server_config *cfg)
{
	*cfg = (struct hythe_server_config){
		.min_dialect = HYTHE_DIALECT_210,
		.max_dialect = HYTHE_DIALECT_311,
		.signing_required = true,
		.multichannel = true,
		.encryption = HYTHE_ENCRYPTION_OFF,
		.log_level = HYTHE_LOG_WARN,
	};
}

/* --- shares --- */

static bool copy_names(const char *const *names, size_t n, char (**out)[256], char *why, size_t cap)
{
	if (n == 0)
		return true;
	*out = calloc(n, sizeof(**out));
	if (!*out)
		return fail(why, cap, "out of memory");
	for (size_t i = 0; i < n; i++) {
		if (strlen(names[i]) >= sizeof((*out)[i]))
			return fail(why, cap, "'%.40s...' is too long", names[i]);
		memcpy((*out)[i], names[i], strlen(names[i]) + 1);
	}
	return true;
}

static bool check_share_name(const char *name, char *why, size_t cap)
{
	uint8_t wide[256];
	size_t n = name ? utf8_to_utf16(wide, sizeof(wide), name, strlen(name)) : SIZE_MAX;

	if (n == SIZE_MAX || n == 0 || n > 160 || strlen(name) > 80)
		return fail(why, cap, "'%.100s' is no share name: 1 to 80 characters of UTF-8 are wanted", name ? name : "");
	if (strpbrk(name, "\"/\\[]:|<>+=;,*?") != NULL)
		return fail(why, cap, "the share name '%s' has one of the characters \" / \\ [ ] : | < > + = ; , * ?", name);
	if (strcasecmp(name, "IPC$") == 0)
		return fail(why, cap, "IPC$ is there of itself and cannot be configured");
	return true;
}

/* The directory, or the one beneath which the path varies: what is wrong with that is said at once. */
static bool set_path(struct srv_share *s, char *why, size_t cap)
{
	struct srv_path_kind kind;
	struct srv_path path;
	char detail[WHY_BYTES] = "";

	if (!srv_path_check(s->path, &kind, detail, sizeof(detail)))
		return fail(why, cap, "share %s: %s", s->name, detail);
	if (s->create_path && !kind.varies)
		return fail(why, cap, "share %s: create-path is for paths with %%U, %%M or %%t; make the directory %.200s", s->name, s->path);
	if (kind.user && s->guest)
		return fail(why, cap, "share %s: a guest has no name to put in for %%U in the path", s->name);
	if (kind.varies)
		return srv_share_vary(s, detail) || fail(why, cap, "share %s: %s", s->name, detail);
	if (!srv_path_expand(s->path, &(struct srv_path_values){0}, &path, detail, sizeof(detail)))
		return fail(why, cap, "share %s: %s", s->name, detail);
	memcpy(s->path, path.text, sizeof(s->path));
	return nt_ok(srv_share_open_store(s, path.fixed, detail)) || fail(why, cap, "share %s: %s", s->name, detail);
}

static bool fill_share(struct srv_share *s, const struct hythe_share_config *c, char *why, size_t cap)
{
	size_t len = strlen(c->name);

	if (!c->path || strlen(c->path) >= sizeof(s->path))
		return fail(why, cap, "share %s: the path is missing or too long", c->name);
	snprintf(s->name, sizeof(s->name), "%s", c->name);
	snprintf(s->path, sizeof(s->path), "%s", c->path);
	snprintf(s->comment, sizeof(s->comment), "%s", c->comment ? c->comment : "");
	s->follow_symlinks = c->follow_symlinks;
	s->create_path = c->create_path;
	s->read_only = c->read_only;
	s->encrypt = c->encrypt;
	s->guest = c->guest;
	s->hidden = c->hidden || c->name[len - 1] == '$';
	s->access_based_enumeration = c->access_based_enumeration;
	s->acl_flags_as_set = c->acl_flags_as_set;
	s->no_streams = c->no_streams;
	s->no_notify = c->no_change_notify;
	s->smb1 = c->smb1;
	s->ntlmv1 = c->ntlmv1;
	s->short_names = c->short_names;
	s->restrict_exclusive_opens = c->restrict_exclusive_opens;
	s->force_shared_delete = c->force_shared_delete;
	s->force_level2_oplocks = c->force_level2_oplocks;
	s->show_dot_files = c->show_dot_files;
	s->hide_count = c->hide_count;
	s->no_local_changes = c->no_local_changes;
	s->kernel_oplocks = c->kernel_oplocks;
	s->mirror_locks = c->mirror_locks;
	s->user_count = c->user_count;
	s->admin_count = c->admin_count;
	if (!copy_names(c->users, c->user_count, &s->users, why, cap) || !copy_names(c->admins, c->admin_count, &s->admins, why, cap) ||
		!copy_names(c->hide_files, c->hide_count, &s->hide_files, why, cap))
		return false;
	return set_path(s, why, cap);
}

static struct srv_share *make_share(const struct hythe_share_config *c, char *why, size_t cap)
{
	struct srv_share *s;

	if (!check_share_name(c->name, why, cap))
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s) {
		fail(why, cap, "out of memory");
		return NULL;
	}
	s->refs = 1;
	s->kind = SRV_SHARE_DISK;
	list_init(&s->link);
	if (!fill_share(s, c, why, cap)) {
		srv_share_put(s);
		return NULL;
	}
	return s;
}

/* All the shares of a configuration in *list, or none. */
static bool make_shares(const struct hythe_server_config *cfg, struct list_node *list, char *why, size_t cap)
{
	list_init(list);
	for (size_t i = 0; i < cfg->share_count; i++) {
		struct srv_share *s = make_share(&cfg->shares[i], why, cap);

		if (!s)
			goto out;
		list_append(list, &s->link);
	}
	return true;
out:
	while (!list_empty(list)) {
		struct srv_share *s = list_entry(list->next, struct srv_share, link);

		list_remove(&s->link);
		srv_share_put(s);
	}
	return false;
}

static bool same_rules(const struct srv_share *a, const struct srv_share *b)
{
	if (strcmp(a->path, b->path) != 0 || strcmp(a->comment, b->comment) != 0 || a->read_only != b->read_only ||
		a->follow_symlinks != b->follow_symlinks || a->create_path != b->create_path || a->encrypt != b->encrypt ||
		a->guest != b->guest || a->hidden != b->hidden || a->access_based_enumeration != b->access_based_enumeration ||
		a->acl_flags_as_set != b->acl_flags_as_set || a->no_streams != b->no_streams || a->no_notify != b->no_notify ||
		a->short_names != b->short_names || a->smb1 != b->smb1 || a->ntlmv1 != b->ntlmv1 || a->show_dot_files != b->show_dot_files || a->hide_count != b->hide_count ||
		a->restrict_exclusive_opens != b->restrict_exclusive_opens || a->force_shared_delete != b->force_shared_delete ||
		a->force_level2_oplocks != b->force_level2_oplocks || a->no_local_changes != b->no_local_changes ||
		a->kernel_oplocks != b->kernel_oplocks || (a->instances == NULL) != (b->instances == NULL) || a->mirror_locks != b->mirror_locks ||
		a->user_count != b->user_count || a->admin_count != b->admin_count)
		return false;
	if (a->hide_count > 0 && memcmp(a->hide_files, b->hide_files, a->hide_count * sizeof(*a->hide_files)) != 0)
		return false;
	return (a->user_count == 0 || memcmp(a->users, b->users, a->user_count * sizeof(*a->users)) == 0) &&
		(a->admin_count == 0 || memcmp(a->admins, b->admins, a->admin_count * sizeof(*a->admins)) == 0);
}

/* Swaps the list of disk shares. A share that has not changed stays itself, so that its open files still arbitrate with new opens. */
static void swap_shares(struct srv *srv, struct list_node *fresh)
{
	struct list_node old;

	list_init(&old);
	pthread_mutex_lock(&srv->lock);
	list_for_each_safe(n, &srv->shares) {
		struct srv_share *s = list_entry(n, struct srv_share, link);
		bool kept = s->kind == SRV_SHARE_IPC;

		list_for_each_safe(m, fresh) {
			struct srv_share *f = list_entry(m, struct srv_share, link);

			if (!kept && strcasecmp(f->name, s->name) == 0 && same_rules(s, f)) {
				list_remove(&f->link);
				list_append(&old, &f->link);
				kept = true;
			}
		}
		if (!kept) {
			list_remove(&s->link);
			list_append(&old, &s->link);
		}
	}
	list_for_each_safe(m, fresh) {
		list_remove(m);
		list_prepend(&srv->shares, m);
	}
	pthread_mutex_unlock(&srv->lock);
	list_for_each_safe(n, &old) {
		list_remove(n);
		srv_durable_retire(srv, list_entry(n, struct srv_share, link));
		srv_share_put(list_entry(n, struct srv_share, link));
	}
}

/* --- the server --- */

static void default_name(char *out, size_t cap)
{
	char host[256] = "";

	if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == 0)
		snprintf(host, sizeof(host), "HYTHE");
	host[strcspn(host, ".")] = 0;
	snprintf(out, cap, "%.15s", host);
	for (char *p = out; *p; p++) {
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 32);
	}
}

static void apply_protocol(struct srv *srv, const struct hythe_server_config *cfg)
{
	struct proto_config *p = &srv->proto;

	p->min_dialect = (uint16_t)cfg->min_dialect;
	p->max_dialect = (uint16_t)cfg->max_dialect;
	p->signing_required = cfg->signing_required;
	/* Ciphers are offered even when off: a share or a client may demand encryption for itself. */
	p->encryption = cfg->encryption == HYTHE_ENCRYPTION_REQUIRED ? PROTO_ENCRYPTION_REQUIRED : PROTO_ENCRYPTION_DESIRED;
	srv->encrypt_sessions = cfg->encryption != HYTHE_ENCRYPTION_OFF;
	if (cfg->multichannel)
		p->capabilities |= SMB2_GLOBAL_CAP_MULTI_CHANNEL;
	if (cfg->max_io_bytes != 0)
		p->max_read_bytes = p->max_write_bytes = p->max_transact_bytes = cfg->max_io_bytes;
}

static void apply_limits(struct srv *srv, const struct hythe_server_config *cfg)
{
	struct rlimit files;

	if (cfg->max_connections != 0)
		srv->limits.connections = cfg->max_connections;
	if (cfg->max_opens_per_session != 0)
		srv->limits.opens_per_session = cfg->max_opens_per_session;
	/* Whoever opens all that he may leaves descriptors for the others. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && srv->limits.opens_per_session > files.rlim_cur / 4 * 3)
		srv->limits.opens_per_session = (uint32_t)(files.rlim_cur / 4 * 3);
	if (cfg->authentication_timeout_s != 0)
		srv->limits.login_timeout_ms = cfg->authentication_timeout_s * 1000;
	srv->limits.idle_timeout_ms = cfg->idle_timeout_s * 1000;
	srv->limits.unauthenticated = cfg->max_unauthenticated != 0 ? cfg->max_unauthenticated : 256;
}

static bool copy_doors(struct hythe_server *s, const struct hythe_server_config *cfg, char *why, size_t cap)
{
	if (cfg->listen_count == 0 || cfg->listen_count > MAX_LISTENERS)
		return fail(why, cap, "between 1 and %d listen addresses are wanted", (int)MAX_LISTENERS);
	for (size_t i = 0; i < cfg->listen_count; i++) {
		struct door *d = &s->doors[i];

		d->of = s;
		d->smb1 = cfg->smb1;
		if (!srv_listen_parse(cfg->listen[i], d->address, &d->smb1, why, cap))
			return false;
		s->door_count++;
	}
	return true;
}

static void to_callback(enum log_level level, const char *line, void *arg)
{
	struct hythe_server *s = arg;

	s->log_line((enum hythe_log_level)level, line, s->log_arg);
}

static void apply_log(struct hythe_server *s, const struct hythe_server_config *cfg)
{
	log_level = (int)cfg->log_level;
	s->log_line = cfg->log_line;
	s->log_arg = cfg->log_arg;
	if (cfg->log_line)
		log_sink(to_callback, s);
}

static bool copy_aliases(struct srv *srv, const struct hythe_server_config *cfg)
{
	if (cfg->alias_count == 0)
		return true;
	srv->aliases = calloc(cfg->alias_count, sizeof(*srv->aliases));
	for (size_t i = 0; srv->aliases && i < cfg->alias_count; i++)
		snprintf(srv->aliases[i], sizeof(srv->aliases[i]), "%s", cfg->aliases[i]);
	srv->alias_count = srv->aliases ? cfg->alias_count : 0;
	return srv->aliases != NULL;
}

static bool configure(struct hythe_server *s, const struct hythe_server_config *cfg, char *why, size_t cap)
{
	struct srv *srv = &s->srv;
	struct list_node shares;
	char detail[WHY_BYTES] = "";

	if (cfg->min_dialect > cfg->max_dialect)
		return fail(why, cap, "min-dialect is newer than max-dialect");
	if (cfg->name && strlen(cfg->name) > 15)
		return fail(why, cap, "the server's name '%s' has more than 15 characters", cfg->name);
	for (size_t i = 0; i < cfg->alias_count; i++) {
		if (cfg->aliases[i][0] == 0 || strlen(cfg->aliases[i]) > 15)
			return fail(why, cap, "the alias '%s' is no name of 1 to 15 characters", cfg->aliases[i]);
	}
	if (cfg->workgroup && strlen(cfg->workgroup) > 15)
		return fail(why, cap, "the workgroup's name '%s' has more than 15 characters", cfg->workgroup);
	if (!copy_doors(s, cfg, why, cap))
		return false;
	apply_log(s, cfg);
	apply_protocol(srv, cfg);
	apply_limits(srv, cfg);
	srv->guest = cfg->guest;
	srv->test_aids = cfg->test_aids;
	srv->tap = (struct net_tap){cfg->tap, cfg->tap_arg};
	s->threads = cfg->threads;
	if (cfg->name)
		snprintf(srv->netbios_name, sizeof(srv->netbios_name), "%s", cfg->name);
	else
		default_name(srv->netbios_name, sizeof(srv->netbios_name));
	if (!copy_aliases(srv, cfg))
		return fail(why, cap, "out of memory");
	snprintf(srv->comment, sizeof(srv->comment), "%s", cfg->comment ? cfg->comment : "");
	snprintf(srv->workgroup, sizeof(srv->workgroup), "%s", cfg->workgroup ? cfg->workgroup : "WORKGROUP");
	srv->users = cfg->state_dir ? user_store_open(cfg->state_dir, true, detail) : user_store_in_memory();
	if (!srv->users)
		return fail(why, cap, "%s", cfg->state_dir ? detail : "out of memory");
	if (!make_shares(cfg, &shares, why, cap))
		return false;
	swap_shares(srv, &shares);
	return true;
}

struct hythe_server *hythe_server_new(const struct hythe_server_config *cfg, char *why, size_t why_cap)
{
	struct hythe_server *s;

	/* Told now, and not to the first who logs on. */
	if (!crypto_usable()) {
		fail(why, why_cap, "OpenSSL has no HMAC or no AES; the log has its reason");
		return NULL;
	}
	s = calloc(1, sizeof(*s));
	if (!s || !nt_ok(srv_init(&s->srv, &clock_system))) {
		free(s);
		fail(why, why_cap, "out of memory");
		return NULL;
	}
	if (!configure(s, cfg, why, why_cap)) {
		hythe_server_free(s);
		return NULL;
	}
	return s;
}

static void on_accept(void *arg, struct net_conn *c)
{
	const struct door *d = arg;

	srv_accept(&d->of->srv, c, d->smb1);
}

static void close_listeners(struct hythe_server *s)
{
	while (s->listener_count > 0)
		net_listener_close(s->listeners[--s->listener_count]);
}

bool hythe_server_smb1(const struct hythe_server *s, size_t i)
{
	/* SMB1 cannot encrypt. */
	return i < s->door_count && s->doors[i].smb1 && s->srv.proto.encryption != PROTO_ENCRYPTION_REQUIRED;
}

/* What is given to clients without encryption stands in the log. */
static void say_what_smb1_exposes(struct hythe_server *s)
{
	struct srv *srv = &s->srv;
	bool any = false;

	for (size_t i = 0; i < s->door_count; i++) {
		any = any || hythe_server_smb1(s, i);
		if (hythe_server_smb1(s, i))
			log_warn("smb1 = yes: clients of SMB1 are let in at %s, port %u", s->doors[i].address, hythe_server_port(s, i));
	}
	if (!any)
		return;
	pthread_mutex_lock(&srv->lock);
	list_for_each(n, &srv->shares) {
		const struct srv_share *share = list_entry(n, struct srv_share, link);

		if (share->smb1)
			log_warn("smb1 = yes: the share %s is open to clients of SMB1, unencrypted%s", share->name,
				share->ntlmv1 ? ", and to those who log on by NTLMv1" : "");
	}
	pthread_mutex_unlock(&srv->lock);
}

/* Enough that the socket does not run dry meanwhile, and little enough that what waits is still in a cache when it goes. */
static uint32_t unsent_most(unsigned threads)
{
	enum { OF_ONE_THREAD = 256 << 10, LEAST = 512 << 10, MOST = 16 << 20 };
	uint64_t n = (uint64_t)OF_ONE_THREAD * threads;

	return n < LEAST ? LEAST : n > MOST ? MOST : (uint32_t)n;
}

bool hythe_server_start(struct hythe_server *s, char *why, size_t why_cap)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct net_pool_config pool = {.clock = &clock_system, .give_back = true};
	char detail[WHY_BYTES] = "";

	pool.threads = s->threads != 0 ? s->threads : cpus > 1 ? (unsigned)cpus : 2;
	pool.max_threads = pool.threads * 8 < 64 ? 64 : pool.threads * 8;
	s->srv.limits.unsent_per_connection = unsent_most(pool.threads);
	s->srv.limits.store_waits = pool.max_threads / 2;
	s->srv.pool = net_pool_new(&pool);
	if (!s->srv.pool)
		return fail(why, why_cap, "cannot start worker threads; is the limit of processes reached?");
	for (size_t i = 0; i < s->door_count; i++) {
		struct net_listener *l = net_listen(s->srv.pool, s->doors[i].address, on_accept, &s->doors[i], detail);

		if (!l) {
			close_listeners(s);
			net_pool_free(s->srv.pool);
			s->srv.pool = NULL;
			return fail(why, why_cap, "%s", detail);
		}
		net_listener_address(l, &s->srv.bound[s->listener_count]);
		s->listeners[s->listener_count++] = l;
		atomic_store(&s->srv.bound_count, s->listener_count);
	}
	srv_start_timers(&s->srv);
	say_what_smb1_exposes(s);
	s->started = true;
	return true;
}

uint16_t hythe_server_port(const struct hythe_server *s, size_t i)
{
	return i < s->listener_count ? net_listener_port(s->listeners[i]) : 0;
}

char *hythe_server_status(struct hythe_server *s, bool json)
{
	struct srv_listening l[MAX_LISTENERS];

	for (size_t i = 0; i < s->listener_count; i++)
		l[i] = (struct srv_listening){.address = s->doors[i].address, .port = hythe_server_port(s, i), .smb1 = hythe_server_smb1(s, i)};
	return srv_status(&s->srv, l, s->listener_count, json);
}

bool hythe_server_reload(struct hythe_server *s, const struct hythe_server_config *cfg, char *why, size_t why_cap)
{
	struct list_node shares;

	if (!make_shares(cfg, &shares, why, why_cap))
		return false;
	swap_shares(&s->srv, &shares);
	say_what_smb1_exposes(s);
	user_store_refresh(s->srv.users);
	return true;
}

/* Waits until all connections are gone, or that long. */
static bool wait_drained(struct srv *srv, unsigned ms)
{
	struct timespec until;
	bool empty;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&srv->lock);
	while (srv->conn_count > 0 && pthread_cond_timedwait(&srv->drained, &srv->lock, &until) == 0)
		;
	empty = srv->conn_count == 0;
	pthread_mutex_unlock(&srv->lock);
	return empty;
}

void hythe_server_stop(struct hythe_server *s, unsigned drain_ms)
{
	struct srv *srv = &s->srv;

	if (!s->started || s->stopped)
		return;
	s->stopped = true;
	pthread_mutex_lock(&srv->lock);
	srv->stopping = true;
	pthread_mutex_unlock(&srv->lock);
	close_listeners(s);
	net_timer_cancel(srv->pool, &srv->reaper);
	srv_disconnect_all(srv, true);
	if (!wait_drained(srv, drain_ms))
		srv_disconnect_all(srv, false);
	/* A request that is stuck in a system call of the store keeps its connection; the process must end all the same. */
	if (!wait_drained(srv, 5000))
		log_warn("some requests did not finish");
	srv_durable_end_all(srv);
	net_pool_free(srv->pool);
	srv->pool = NULL;
}

void hythe_server_free(struct hythe_server *s)
{
	if (!s)
		return;
	hythe_server_stop(s, 0);
	srv_destroy(&s->srv);
	if (s->srv.users)
		user_store_close(s->srv.users);
	free(s->srv.aliases);
	if (s->log_line)
		log_sink(NULL, NULL);
	free(s);
}
