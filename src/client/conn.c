/* Connections of the client ([MS-SMB2] 3.2.1.2, 3.2.4.2.1): their life from the transport's connect to its end, the request
 * timer (3.2.2.1, 3.2.6.1), the credits one request may use, and the references between sessions, trees and files. */
#include "client/smb1/smb1.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { TICKS_TO_EXPIRE = 9, TICKS_PER_TIMEOUT = 8, DEFAULT_REQUEST_MS = 60000 };
/* What a message may need beside the payload of the largest READ. */
enum { FRAME_SLACK = 65536, NBSS_IO_BYTES = 65536, CALL_PACKETS = 8, CALL_BYTES = 80 };

static void conn_closed(struct net_conn *nc, void *user);
static void conn_destroyed(void *user);
static void conn_tick(struct net_timer *t);

static bool conn_due(void *user)
{
	struct hythe_connection *c = user;
	bool due;

	pthread_mutex_lock(&c->lock);
	due = c->messages > 1;
	pthread_mutex_unlock(&c->lock);
	return due;
}

static const struct net_conn_ops conn_ops = {
	.frames = cli_conn_frames, .begun = cli_conn_begun, .head = CLI_FRAME_HEAD, .closed = conn_closed, .due = conn_due, .destroyed = conn_destroyed
};

static void config_apply(struct proto_config *cfg, const struct hythe_connect_options *o, const struct guid *guid)
{
	proto_config_default(cfg, false);
	cfg->guid = o->apart ? guid_random() : *guid;
	cfg->capabilities |= SMB2_GLOBAL_CAP_LEASING | SMB2_GLOBAL_CAP_DIRECTORY_LEASING;
	if (o->min_dialect)
		cfg->min_dialect = o->min_dialect;
	if (o->max_dialect)
		cfg->max_dialect = o->max_dialect;
	if (cfg->max_dialect < SMB2_DIALECT_202)
		cfg->max_dialect = SMB2_DIALECT_311; /* nothing of SMB2 is offered */
	if (cfg->min_dialect < SMB2_DIALECT_202)
		cfg->min_dialect = SMB2_DIALECT_202;
	if (cfg->min_dialect > cfg->max_dialect)
		cfg->min_dialect = cfg->max_dialect;
	cfg->signing_required = !o->signing_optional;
	/* Always offered, for a share may demand it: hythe_connect_options.encryption decides only whether we do. */
	cfg->encryption = o->encryption == HYTHE_ENCRYPTION_REQUIRED ? PROTO_ENCRYPTION_REQUIRED : PROTO_ENCRYPTION_DESIRED;
	if (o->cipher) {
		cfg->ciphers[0] = (uint16_t)o->cipher;
		cfg->cipher_count = 1;
	}
	if (o->signer) {
		cfg->signings[0] = (uint16_t)(o->signer - 1);
		cfg->signing_count = 1;
	}
	if (o->credits)
		cfg->max_credits = o->credits;
	if (o->max_io_bytes)
		cfg->max_read_bytes = cfg->max_write_bytes = o->max_io_bytes;
}

/* Only on demand, and never beside demands that it cannot meet. */
static bool smb1_allow(struct hythe_connection *c, const struct hythe_connect_options *o)
{
	bool only = o->max_dialect != 0 && o->max_dialect < HYTHE_DIALECT_202;
	if (!only && (o->min_dialect == 0 || o->min_dialect >= HYTHE_DIALECT_202 || o->encryption == HYTHE_ENCRYPTION_REQUIRED))
		return true;
	c->smb1 = cli1_new(only);
	if (c->smb1)
		c->smb1->extended_security = !o->raw_ntlm;
	return c->smb1 != NULL;
}

struct hythe_connection *cli_conn_new(struct hythe_client *client, const char *host, uint16_t port,
	const struct hythe_connect_options *o)
{
	struct hythe_connection *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	atomic_init(&c->refs, 1);
	c->client = client;
	c->encryption = o->encryption;
	config_apply(&c->config, o, &client->guid);
	if (!smb1_allow(c, o)) {
		free(c);
		return NULL;
	}
	snprintf(c->host, sizeof(c->host), "%s", host);
	c->nbss = o->nbss;
	snprintf(c->netbios_name, sizeof(c->netbios_name), "%s", o->netbios_name ? o->netbios_name : "");
	c->port = port ? port : o->nbss ? 139 : 445;
	c->request_timeout_ms = o->request_timeout_ms ? o->request_timeout_ms : DEFAULT_REQUEST_MS;
	pthread_mutex_init(&c->lock, NULL);
	proto_sender_init(&c->sender);
	c->queue_end = &c->queue;
	list_init(&c->sessions);
	c->timer.fn = conn_tick;
	pthread_mutex_lock(&client->lock);
	list_append(&client->conns, &c->client_link);
	pthread_mutex_unlock(&client->lock);
	return c;
}

static void conn_free(struct hythe_connection *c)
{
	struct hythe_client *client = c->client;
	free(c->gss_token);
	cli1_free(c->smb1);
	pthread_mutex_destroy(&c->lock);
	pthread_mutex_lock(&client->lock);
	list_remove(&c->client_link);
	free(c);
	pthread_mutex_unlock(&client->lock);
}

/* What goes to and fro before there is a connection, for the tap to be told of when there is one. */
struct calling {
	struct {
		bool received;
		uint64_t time_ns;
		size_t len;
		uint8_t bytes[CALL_BYTES];
	} packets[CALL_PACKETS];
	size_t n;
};

static void note_packet(void *arg, bool received, const uint8_t *p, size_t n)
{
	struct calling *k = arg;
	if (k->n == CALL_PACKETS || n > CALL_BYTES)
		return;
	k->packets[k->n].received = received;
	k->packets[k->n].time_ns = net_tap_now_ns();
	k->packets[k->n].len = n;
	memcpy(k->packets[k->n++].bytes, p, n);
}

static struct net_conn *dial_nbss(struct hythe_connection *c, unsigned timeout_ms, ntstatus *status, char *why)
{
	struct calling k = {.n = 0};
	const struct net_tap *tap = &c->client->tap;
	struct net_nbss_call call = {.called = c->netbios_name[0] ? c->netbios_name : NULL, .packet = tap->fn ? note_packet : NULL, .arg = &k};
	struct net_conn *net = net_connect_nbss(c->client->pool, c->host, c->port, &call, timeout_ms, status, why);
	for (size_t i = 0; net && i < k.n; i++)
		net_tap_tell_packet(tap, net, k.packets[i].received, k.packets[i].time_ns, k.packets[i].bytes, k.packets[i].len);
	return net;
}

static struct net_conn *dial(struct hythe_connection *c, unsigned timeout_ms, ntstatus *status, char *why)
{
	struct hythe_client *client = c->client;
	if (client->dial)
		return client->dial(client->dial_arg, c->host, c->port, status);
	if (c->nbss)
		return dial_nbss(c, timeout_ms, status, why);
	return net_connect(client->pool, c->host, c->port, timeout_ms, status);
}

ntstatus cli_conn_start(struct hythe_connection *c, unsigned timeout_ms)
{
	ntstatus status;
	char why[256] = "";
	struct net_conn *net = dial(c, timeout_ms ? timeout_ms : CLI_CONNECT_MS, &status, why);
	if (!net)
		return cli_conn_unreached(c, status, why);
	cli_conn_adopt(c, net);
	return STATUS_SUCCESS;
}

ntstatus cli_conn_unreached(struct hythe_connection *c, ntstatus status, const char *why)
{
	cli_error_set("cannot connect to %s port %u: %s", c->host, c->port, why[0] ? why : hythe_status_text(status));
	return nt_ok(status) ? STATUS_UNEXPECTED_NETWORK_ERROR : status;
}

void cli_conn_adopt(struct hythe_connection *c, struct net_conn *net)
{
	/* What the session's lengths can count, whatever the server thinks it can send. */
	c->nbss = net_conn_is_nbss(net);
	if (c->nbss) {
		uint32_t *const sizes[] = {&c->config.max_read_bytes, &c->config.max_write_bytes, &c->config.max_transact_bytes};
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
			*sizes[i] = *sizes[i] < NBSS_IO_BYTES ? *sizes[i] : NBSS_IO_BYTES;
	}
	pthread_mutex_lock(&c->client->lock);
	c->net = net;
	pthread_mutex_unlock(&c->client->lock);
	net_conn_start(net, &conn_ops, c);
}

void cli_conn_put(struct hythe_connection *c)
{
	if (atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	struct net_conn *net = c->net;
	if (!net) {
		conn_free(c);
		return;
	}
	/* net calls conn_destroyed when nobody works on c any more */
	net_conn_close(net, false);
	net_conn_put(net);
}

static void conn_destroyed(void *user)
{
	conn_free(user);
}

void cli_conn_kill(struct hythe_connection *c, ntstatus status, const char *fmt, ...)
{
	pthread_mutex_lock(&c->lock);
	if (nt_ok(c->end_status)) {
		va_list ap;
		va_start(ap, fmt);
		vsnprintf(c->end_text, sizeof(c->end_text), fmt, ap);
		va_end(ap);
		c->end_status = status;
	}
	pthread_mutex_unlock(&c->lock);
	net_conn_close(c->net, false);
}

/* All that waited, oldest bucket first, as one list. */
static struct cli_request *take_all_locked(struct hythe_connection *c)
{
	struct cli_request *all = NULL, **end = &all;
	for (size_t i = 0; i < CLI_TABLE && c->outstanding > 0; i++) {
		for (struct cli_request *r = c->table[i]; r; r = r->next) {
			*end = r;
			end = &r->next;
		}
		*end = NULL;
		c->table[i] = NULL;
	}
	for (struct cli_request *first = c->queue, *next; first; first = next) {
		next = first->next;
		for (struct cli_request *r = first; r; r = r->compound) {
			*end = r;
			end = &r->next;
		}
	}
	*end = NULL;
	c->queue = NULL;
	c->queue_end = &c->queue;
	c->outstanding = c->messages = 0;
	return all;
}

/* 3.2.7.1: what is outstanding fails. */
static void conn_closed(struct net_conn *nc, void *user)
{
	struct hythe_connection *c = user;
	(void)nc;
	pthread_mutex_lock(&c->lock);
	c->dead = true;
	if (nt_ok(c->end_status)) {
		c->end_status = STATUS_CONNECTION_DISCONNECTED;
		snprintf(c->end_text, sizeof(c->end_text), "the connection to %s was closed", c->host);
	}
	struct cli_request *all = take_all_locked(c);
	struct cli_answer a = {.status = c->end_status};
	pthread_mutex_unlock(&c->lock);
	net_timer_cancel(c->client->pool, &c->timer);
	cli_cache_gone(c, NULL, NULL);
	cli_callback(true);
	while (all) {
		struct cli_request *r = all;
		all = r->next;
		cli_complete(r, &a);
	}
	cli_callback(false);
}

void cli_conn_arm_locked(struct hythe_connection *c)
{
	if (c->timer_on || c->dead)
		return;
	c->timer_on = true;
	net_timer_arm(c->client->pool, &c->timer, c->request_timeout_ms / TICKS_PER_TIMEOUT + 1);
}

/* 3.2.6.1: an expired request ends the connection, for its answer can never be told from a later one's. A request that the
 * server said it is working on (3.2.5.1.5) does not expire. */
static void conn_tick(struct net_timer *t)
{
	struct hythe_connection *c = CONTAINER_OF(t, struct hythe_connection, timer);
	bool expired = false;
	uint16_t command = 0;
	pthread_mutex_lock(&c->lock);
	c->timer_on = false;
	c->tick++;
	for (size_t i = 0; i < CLI_TABLE && !expired; i++) {
		for (struct cli_request *r = c->table[i]; r && !expired; r = r->next) {
			expired = !r->pending && c->tick - r->tick >= TICKS_TO_EXPIRE;
			command = r->command;
		}
	}
	if (!expired && c->outstanding > 0)
		cli_conn_arm_locked(c);
	pthread_mutex_unlock(&c->lock);
	if (expired)
		cli_conn_kill(c, STATUS_IO_TIMEOUT, "%s did not answer a %s request within %u s", c->host, cli_command_name(c, command),
			(c->request_timeout_ms + 999) / 1000);
}

size_t cli_conn_io_limit(struct hythe_connection *c, uint32_t most)
{
	if (!c->proto.multi_credit)
		return most < CLI_CREDIT_BYTES ? most : CLI_CREDIT_BYTES;
	pthread_mutex_lock(&c->lock);
	size_t credits = (size_t)proto_sender_credits(&c->sender) + c->charged;
	pthread_mutex_unlock(&c->lock);
	if (credits == 0)
		credits = 1;
	return credits < most / CLI_CREDIT_BYTES ? credits * CLI_CREDIT_BYTES : most;
}

ntstatus cli_conn_may(const struct hythe_connection *c, const struct hythe_connect_options *o)
{
	if (!c->smb1 || o->encryption != HYTHE_ENCRYPTION_REQUIRED)
		return STATUS_SUCCESS;
	cli_error_set("encryption is required, which SMB1 does not have");
	return STATUS_NOT_SUPPORTED;
}

static ntstatus conn_open(struct hythe_connection *c, const struct hythe_connect_options *o)
{
	ntstatus status = cli_conn_may(c, o);
	if (!nt_ok(status))
		return status;
	status = cli_conn_start(c, o->connect_timeout_ms);
	if (!nt_ok(status))
		return status;
	return cli_negotiate(c, o->smb1_negotiate || c->smb1);
}

void cli_conn_negotiated(struct hythe_connection *c)
{
	uint32_t io = c->proto.max_read_bytes > c->proto.max_transact_bytes ? c->proto.max_read_bytes : c->proto.max_transact_bytes;
	net_conn_limit(c->net, (size_t)io + FRAME_SLACK);
}

ntstatus hythe_connection_open(struct hythe_client *client, const char *host, uint16_t port,
	const struct hythe_connect_options *options, struct hythe_connection **out)
{
	ntstatus status = cli_may_block();
	if (!nt_ok(status))
		return status;
	struct hythe_connect_options none;
	hythe_connect_options_init(&none);
	struct hythe_connection *c = cli_conn_new(client, host, port, options ? options : &none);
	if (!c)
		return STATUS_NO_MEMORY;
	status = conn_open(c, options ? options : &none);
	if (!nt_ok(status)) {
		cli_conn_put(c);
		return status;
	}
	*out = c;
	return STATUS_SUCCESS;
}

void hythe_connect_options_init(struct hythe_connect_options *options)
{
	*options = (struct hythe_connect_options){0};
}

void hythe_connection_close(struct hythe_connection *c)
{
	if (!c)
		return;
	net_conn_close(c->net, false);
	cli_conn_put(c);
}

struct hythe_session *cli_session_ref(struct hythe_session *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

void cli_session_put(struct hythe_session *s)
{
	if (atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	struct hythe_connection *c = s->conn;
	pthread_mutex_lock(&c->lock);
	if (s->published)
		list_remove(&s->link);
	pthread_mutex_unlock(&c->lock);
	if (s->have_keys)
		proto_keys_wipe(&s->keys);
	bytes_wipe(s->preauth, sizeof(s->preauth));
	free(s);
	cli_conn_put(c);
}

struct hythe_tree *cli_tree_ref(struct hythe_tree *t)
{
	atomic_fetch_add(&t->refs, 1);
	return t;
}

void cli_tree_put(struct hythe_tree *t)
{
	if (atomic_fetch_sub(&t->refs, 1) != 1)
		return;
	cli_session_put(t->session);
	free(t);
}

struct hythe_file *cli_file_ref(struct hythe_file *f)
{
	atomic_fetch_add(&f->refs, 1);
	return f;
}

void cli_file_put(struct hythe_file *f)
{
	if (atomic_fetch_sub(&f->refs, 1) != 1)
		return;
	cli_cache_leave(f);
	cli1_file_free(f->smb1);
	cli_tree_put(f->tree);
	free(f);
}

void hythe_file_free(struct hythe_file *file)
{
	if (!file)
		return;
	cli_cache_leave(file);
	cli_file_put(file);
}

struct hythe_tree *hythe_file_tree(struct hythe_file *file)
{
	return file->tree;
}

void hythe_tree_free(struct hythe_tree *tree)
{
	if (tree)
		cli_tree_put(tree);
}
