/* hythe_connect without blocking: the way of conn.c, negotiate.c and login.c, step by step. Each step runs where the one before it ended: on the
 * caller's thread, in the pool's event for the new connection, or where the answer came in. */
#include "client/smb1/smb1.h"

#include <stdlib.h>

struct connecting {
	struct hythe_connection *conn; /* with a reference of ours */
	struct cli_login *login;       /* NULL: NEGOTIATE is not through */
	struct cli_reply reply;
	struct hythe_connect_options options; /* its strings are our own, in ... */
	char *strings;
	size_t strings_len;
	uint8_t nt_hash[16];
	bool smb1_first;
	hythe_done_fn *done;
	void *arg;
};

static size_t string_bytes(const char *s)
{
	return s ? strlen(s) + 1 : 0;
}

static const char *string_copy(char **at, const char *s)
{
	size_t n = string_bytes(s);
	char *copy = *at;
	if (n == 0)
		return NULL;
	memcpy(copy, s, n);
	*at += n;
	return copy;
}

/* What the options point to is the caller's, who may drop it when the call has returned. false: out of memory. */
static bool options_copy(struct connecting *k, const struct hythe_connect_options *o)
{
	k->options = *o;
	k->strings_len = string_bytes(o->user) + string_bytes(o->domain) + string_bytes(o->password);
	k->strings = malloc(k->strings_len + 1);
	if (!k->strings)
		return false;
	char *at = k->strings;
	k->options.user = string_copy(&at, o->user);
	k->options.domain = string_copy(&at, o->domain);
	k->options.password = string_copy(&at, o->password);
	k->options.netbios_name = NULL;
	if (o->nt_hash) {
		memcpy(k->nt_hash, o->nt_hash, sizeof(k->nt_hash));
		k->options.nt_hash = k->nt_hash;
	}
	return true;
}

static void connecting_free(struct connecting *k)
{
	struct hythe_connection *c = k->conn;
	if (k->login)
		cli_login_free(k->login);
	free(k->reply.message);
	if (k->strings)
		bytes_wipe(k->strings, k->strings_len);
	free(k->strings);
	bytes_wipe(k->nt_hash, sizeof(k->nt_hash));
	free(k);
	if (c)
		cli_conn_put(c);
}

/* The end of it, whatever the status, once the call has succeeded in beginning. */
static void finish(struct connecting *k, ntstatus status)
{
	struct hythe_result result = {0};
	hythe_done_fn *done = k->done;
	void *arg = k->arg;
	if (nt_ok(status)) {
		k->conn->auto_close = true;
		result.session = cli_login_take(k->login);
	} else if (k->conn->net) {
		net_conn_close(k->conn->net, false);
	}
	connecting_free(k);
	done(arg, status, &result);
}

static void login_complete(struct cli_request *r, const struct cli_answer *a);
static void negotiate_complete(struct cli_request *r, const struct cli_answer *a);

/* Sends r, of which `complete` hears. When that fails it has not been called. */
static ntstatus submit(struct connecting *k, struct cli_request *r, void (*complete)(struct cli_request *r, const struct cli_answer *a))
{
	r->complete = complete;
	r->op = k;
	ntstatus status = cli_submit(r);
	if (!nt_ok(status))
		cli_request_free(r);
	return status;
}

static ntstatus next_leg(struct connecting *k)
{
	struct cli_request *r;
	ntstatus status = cli_login_leg(k->login, &r);
	return nt_ok(status) ? submit(k, r, login_complete) : status;
}

static void login_complete(struct cli_request *r, const struct cli_answer *a)
{
	struct connecting *k = r->op;
	free(k->reply.message);
	ntstatus status = cli_reply_take(&k->reply, cli_login_preauth(k->login), r, a);
	if (nt_ok(status)) {
		status = cli_login_answer(k->login, &k->reply);
		if (nt_is(status, STATUS_MORE_PROCESSING_REQUIRED)) {
			status = next_leg(k);
			if (nt_ok(status))
				return;
		}
	}
	finish(k, status);
}

static ntstatus begin_login(struct connecting *k)
{
	if (cli1_is_active(k->conn)) {
		cli_error_set("%s speaks SMB1, over which only hythe_connect logs on", k->conn->host);
		return STATUS_NOT_SUPPORTED;
	}
	k->login = cli_login_new(k->conn, &k->options);
	return k->login ? next_leg(k) : STATUS_NO_MEMORY;
}

static ntstatus begin_negotiate(struct connecting *k)
{
	struct cli_request *r;
	ntstatus status = cli_negotiate_request(k->conn, k->smb1_first, &r);
	return nt_ok(status) ? submit(k, r, negotiate_complete) : status;
}

static void negotiate_complete(struct cli_request *r, const struct cli_answer *a)
{
	struct connecting *k = r->op;
	bool smb1 = k->smb1_first;
	ntstatus status = cli_reply_take(&k->reply, smb1 ? NULL : k->conn->proto.preauth, r, a);
	if (nt_ok(status))
		status = cli_negotiate_answer(k->conn, smb1, &k->reply);
	k->smb1_first = false;
	free(k->reply.message);
	k->reply.message = NULL;
	if (nt_ok(status))
		status = begin_login(k);
	else if (smb1 && nt_is(status, STATUS_MORE_PROCESSING_REQUIRED))
		status = begin_negotiate(k);
	if (!nt_ok(status))
		finish(k, status);
}

/* An event of the pool's. */
static void dialled(void *arg, struct net_conn *net, ntstatus status)
{
	struct connecting *k = arg;
	struct hythe_connection *c = k->conn;
	pthread_mutex_lock(&c->client->lock);
	c->dialling = NULL;
	pthread_mutex_unlock(&c->client->lock);
	cli_callback(true);
	if (net) {
		cli_conn_adopt(c, net);
		status = begin_negotiate(k);
	} else {
		status = cli_conn_unreached(c, status, "");
	}
	if (!nt_ok(status))
		finish(k, status);
	cli_callback(false);
}

static ntstatus begin(struct connecting *k)
{
	struct hythe_connection *c = k->conn;
	struct hythe_client *client = c->client;
	struct net_conn *net = NULL;
	ntstatus status = cli_conn_may(c, &k->options);
	if (!nt_ok(status))
		return status;
	k->smb1_first = k->options.smb1_negotiate || c->smb1;
	if (client->dial)
		net = client->dial(client->dial_arg, c->host, c->port, &status);
	else
		status = net_dial(client->pool, c->host, c->port, k->options.connect_timeout_ms ? k->options.connect_timeout_ms : CLI_CONNECT_MS,
			dialled, k, &c->dialling, &net);
	if (nt_is(status, STATUS_PENDING))
		return STATUS_SUCCESS;
	if (!net)
		return cli_conn_unreached(c, status, "");
	cli_conn_adopt(c, net);
	return begin_negotiate(k);
}

ntstatus hythe_connect_async(struct hythe_client *client, const char *host, uint16_t port, const struct hythe_connect_options *options,
	hythe_done_fn *done, void *arg)
{
	struct hythe_connect_options none;
	hythe_connect_options_init(&none);
	const struct hythe_connect_options *o = options ? options : &none;
	if (o->nbss) {
		cli_error_set("NetBIOS sessions are made by hythe_connect only");
		return STATUS_NOT_SUPPORTED;
	}
	struct connecting *k = calloc(1, sizeof(*k));
	if (!k)
		return STATUS_NO_MEMORY;
	k->done = done;
	k->arg = arg;
	k->conn = cli_conn_new(client, host, port, o);
	if (!k->conn || !options_copy(k, o)) {
		connecting_free(k);
		return STATUS_NO_MEMORY;
	}
	ntstatus status = begin(k);
	if (!nt_ok(status))
		connecting_free(k);
	return status;
}
