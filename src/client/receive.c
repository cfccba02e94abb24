/* Receiving any message ([MS-SMB2] 3.2.5.1): unsealing, splitting compounds, finding the request, verifying the signature,
 * credits, interim responses. What does not belong to a request is dropped; what shows that somebody meddles ends the
 * connection with a sentence, since nothing else would ever answer the request. Called by net with whole frames. */
#include "client/smb1/smb1.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

void cli_table_add_locked(struct hythe_connection *c, struct cli_request *r)
{
	struct cli_request **bucket = &c->table[r->message_id % CLI_TABLE];
	r->next = *bucket;
	*bucket = r;
	c->outstanding++;
	c->messages += !r->related;
}

void cli_table_remove_locked(struct hythe_connection *c, struct cli_request *r)
{
	struct cli_request **at = &c->table[r->message_id % CLI_TABLE];
	while (*at && *at != r)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = r->next;
	c->outstanding--;
	c->messages -= !r->related;
	c->charged -= r->charge ? r->charge : 1u;
}

struct cli_request *cli_table_find_locked(struct hythe_connection *c, uint64_t message_id)
{
	struct cli_request *r = c->table[message_id % CLI_TABLE];
	while (r && r->message_id != message_id)
		r = r->next;
	return r;
}

void cli_complete(struct cli_request *r, const struct cli_answer *a)
{
	/* The answer may overtake the end of the sender's own work on r by a few instructions. */
	while (atomic_load_explicit(&r->transmitting, memory_order_acquire))
		sched_yield();
	r->complete(r, a);
	cli_request_free(r);
}

const char *cli_command_name(const struct hythe_connection *c, uint16_t command)
{
	static const size_t common = sizeof("SMB_COM_") - 1;
	const struct smb1_message *old = cli1_is_active(c) && command <= UINT8_MAX ? smb1_message_of((uint8_t)command) : NULL;
	const struct smb2_message *m = cli1_is_active(c) ? NULL : smb2_message_of(command);
	return old ? old->name + common : m ? m->name : "?";
}

void cli_explain(struct hythe_connection *c, const char *what, ntstatus status)
{
	char end[sizeof(c->end_text)] = "";
	pthread_mutex_lock(&c->lock);
	if (!nt_ok(c->end_status) && nt_is(c->end_status, status))
		memcpy(end, c->end_text, sizeof(end));
	pthread_mutex_unlock(&c->lock);
	if (end[0])
		cli_error_set("%s", end);
	else
		cli_error_set("%s (%s to %s)", hythe_status_text(status), hythe_status_name(status), what);
}

void cli_finish(struct cli_request *r, ntstatus status, const struct hythe_result *result)
{
	static const struct hythe_result nothing;
	if (nt_error(status))
		cli_explain(r->conn, cli_command_name(r->conn, r->command), status);
	if (r->done)
		r->done(r->arg, status, result ? result : &nothing);
}

ntstatus cli_decode(const struct cli_request *r, const struct cli_answer *a, void *body)
{
	const struct smb2_message *m = smb2_message_of(r->command);
	memset(body, 0, m->rsp_size);
	if (!a->message)
		return nt_ok(a->status) ? STATUS_INVALID_NETWORK_RESPONSE : a->status;
	struct wire w = wire_decoder(a->message, SMB2_HEADER_SIZE, a->len, NULL);
	w.dialect = r->conn->proto.dialect;
	m->rsp_code(&w, body);
	return wire_ok(&w) ? STATUS_SUCCESS : STATUS_INVALID_NETWORK_RESPONSE;
}

bool cli_body(const struct cli_request *r, const struct cli_answer *a, void *body, ntstatus *status)
{
	*status = a->status;
	if (nt_error(a->status) || !a->message)
		return false;
	ntstatus decoded = cli_decode(r, a, body);
	if (nt_ok(decoded))
		return true;
	/* A warning may come with an ERROR body (3.3.4.4); a success may not. */
	if (nt_ok(a->status))
		*status = decoded;
	return false;
}

/* A reference to the session of that id, or NULL. One that is being given back does not count any more. */
static struct hythe_session *session_find(struct hythe_connection *c, uint64_t id)
{
	struct hythe_session *found = NULL;
	pthread_mutex_lock(&c->lock);
	list_for_each(n, &c->sessions) {
		struct hythe_session *s = list_entry(n, struct hythe_session, link);
		uint32_t refs = atomic_load(&s->refs);
		if (s->id != id)
			continue;
		while (refs > 0 && !atomic_compare_exchange_weak(&s->refs, &refs, refs + 1))
			;
		if (refs > 0)
			found = s;
		break;
	}
	pthread_mutex_unlock(&c->lock);
	return found;
}

/* 3.2.5.1.3. SESSION_SETUP is verified by the login, which makes the keys. An interim response may be unsigned. */
static bool protection_holds(const struct cli_request *r, const struct proto_element *e, enum cli_shown shown)
{
	const struct smb2_header *h = &e->header;
	if (shown == CLI_WAS_SEALED || r->command == SMB2_SESSION_SETUP)
		return true;
	if (r->sealed)
		return false;
	if (shown != CLI_IN_CLEAR)
		return shown == CLI_RIGHTLY_SIGNED;
	bool has_signature = h->flags & SMB2_FLAGS_SIGNED;
	bool interim = (h->flags & SMB2_FLAGS_ASYNC_COMMAND) && h->status == STATUS_PENDING.code;
	if (!has_signature)
		return !r->is_signed || interim;
	if (!r->session || !r->session->have_keys)
		return false;
	return nt_ok(proto_verify(&r->session->keys, e->data, e->len, true));
}

/* The server may have no key left to sign with when it says that the session is gone. */
static void refuse_answer(struct hythe_connection *c, bool asked_sealed, const struct smb2_header *h)
{
	ntstatus status = {h->status};
	const char *name = smb2_message_of(h->command)->name;
	if (nt_is(status, STATUS_USER_SESSION_DELETED) || nt_is(status, STATUS_NETWORK_SESSION_EXPIRED))
		cli_conn_kill(c, status, "%s; the connection was ended, connect anew", hythe_status_text(status));
	else if (asked_sealed)
		cli_conn_kill(c, STATUS_INVALID_NETWORK_RESPONSE,
			"the answer to an encrypted %s came unencrypted (%s): somebody on the way may be meddling", name,
			hythe_status_name(status));
	else
		cli_conn_kill(c, STATUS_INVALID_NETWORK_RESPONSE,
			"the answer to a signed %s has %s signature (%s): somebody on the way may be meddling", name,
			h->flags & SMB2_FLAGS_SIGNED ? "a wrong" : "no", hythe_status_name(status));
}

/* 3.2.5.1.4. A request's ask is settled by its first answer. */
static void credits_came_locked(struct hythe_connection *c, struct cli_request *r, uint16_t credits)
{
	c->asked -= r->asked;
	r->asked = 0;
	proto_sender_granted(&c->sender, credits);
	r->frees = c->queue != NULL;
}

/* 3.2.5.1.5: the wait goes on, and may be cancelled by AsyncId. */
static void interim_locked(struct hythe_connection *c, struct cli_request *r, const struct smb2_header *h)
{
	r->async_id = h->async_id;
	r->pending = true;
	credits_came_locked(c, r, h->credits);
}

void cli_answer_locked(struct hythe_connection *c, struct cli_request *r, const struct smb2_header *h)
{
	cli_table_remove_locked(c, r);
	credits_came_locked(c, r, h->credits);
}

/* 3.2.5.19 */
static void unsolicited(struct hythe_connection *c, const struct proto_element *e)
{
	if (e->header.command == SMB2_OPLOCK_BREAK && !cli_cache_broken(c, e->data, e->len))
		atomic_fetch_add(&c->breaks_ignored, 1);
}

void cli_ended(struct hythe_connection *c, struct cli_request *r)
{
	pthread_mutex_lock(&c->lock);
	struct cli_answer a = {.status = c->end_status};
	pthread_mutex_unlock(&c->lock);
	r->received = 0;
	cli_complete(r, &a);
}

void cli_answered(struct hythe_connection *c, struct cli_request *r, const struct proto_element *e, enum cli_shown shown)
{
	const struct smb2_header *h = &e->header;
	struct cli_answer a = {.status = {h->status}, .message = e->data, .len = e->len, .header = h};
	if (!protection_holds(r, e, shown)) {
		refuse_answer(c, r->sealed, h);
		cli_ended(c, r);
		return;
	}
	if (r->frees)
		cli_pump(c);
	cli_complete(r, &a);
}

static void receive_element(struct hythe_connection *c, const struct proto_element *e, bool sealed, const struct hythe_session *s)
{
	const struct smb2_header *h = &e->header;
	if (!(h->flags & SMB2_FLAGS_SERVER_TO_REDIR)) {
		cli_conn_kill(c, STATUS_INVALID_NETWORK_RESPONSE, "%s sent a request where an answer belongs", c->host);
		return;
	}
	if (h->message_id == UINT64_MAX) { /* before the look-up: inventory G047 */
		unsolicited(c, e);
		return;
	}
	bool is_interim = (h->flags & SMB2_FLAGS_ASYNC_COMMAND) && h->status == STATUS_PENDING.code;
	pthread_mutex_lock(&c->lock);
	struct cli_request *r = cli_table_find_locked(c, h->message_id);
	/* A sealed answer must come by the session that asked. */
	if (r && ((sealed && r->session != s) || r->command != h->command || r->receiving))
		r = NULL;
	bool asked_sealed = r && r->sealed;
	if (r && is_interim && (sealed || !asked_sealed))
		interim_locked(c, r, h);
	else if (r && !is_interim)
		cli_answer_locked(c, r, h);
	pthread_mutex_unlock(&c->lock);
	if (!r)
		return; /* 3.2.5.1.2 */
	if (is_interim) {
		if (asked_sealed && !sealed)
			refuse_answer(c, true, h);
		else
			cli_pump(c);
		return;
	}
	cli_answered(c, r, e, sealed ? CLI_WAS_SEALED : CLI_IN_CLEAR);
}

static void receive_chain(struct hythe_connection *c, uint8_t *data, size_t len, bool sealed, const struct hythe_session *s)
{
	struct proto_chain chain = {.next = data, .left = len, .lenient = true};
	struct proto_element e;
	ntstatus status;
	while (proto_chain_next(&chain, &e, &status))
		receive_element(c, &e, sealed, s);
	if (!nt_ok(status))
		cli_conn_kill(c, STATUS_INVALID_NETWORK_RESPONSE, "%s sent a malformed message", c->host);
}

static void tell(struct hythe_connection *c, const struct net_frame *f, const struct slice *plain)
{
	struct iovec iov = {f->data, f->len};
	net_tap_tell(&c->client->tap, c->net, true, &iov, 1, plain);
}

/* Unseals a copy for the tap, before the frame itself is. */
static void tell_sealed(struct hythe_connection *c, const struct net_frame *f, const struct hythe_session *s)
{
	struct iovec iov = {f->data, f->len};
	struct slice copy = net_tap_keep(&iov, 1), plain = {0};
	if (copy.data && s && s->keys.receive && !nt_ok(proto_unseal(&s->keys, (uint8_t *)(uintptr_t)copy.data, copy.len, &plain)))
		plain = slice_of(NULL, 0);
	tell(c, f, &plain);
	net_tap_drop(copy);
}

/* 3.2.5.1.1 */
static void receive_sealed(struct hythe_connection *c, struct net_frame *f)
{
	uint64_t id;
	struct slice plain;
	struct cli_placing placing = {.conn = c};
	struct seal_place place = {.head = CLI_FRAME_HEAD, .place = cli_sealed_place, .arg = &placing};
	ntstatus status = proto_sealed_session(&c->proto, slice_of(f->data, f->len), UINT32_MAX, &id);
	struct hythe_session *s = nt_ok(status) ? session_find(c, id) : NULL;
	if (c->client->tap.fn)
		tell_sealed(c, f, s);
	if (!s)
		return;
	placing.session = s;
	status = s->keys.receive ? proto_unseal_to(&s->keys, f->data, f->len, &place, &plain) : STATUS_DATA_ERROR;
	if (!nt_ok(status))
		cli_conn_kill(c, STATUS_INVALID_NETWORK_RESPONSE,
			"an encrypted answer of %s cannot be decrypted: somebody on the way may be meddling", c->host);
	if (placing.request)
		cli_sealed_placed(&placing, nt_ok(status));
	else if (nt_ok(status))
		receive_chain(c, f->data + (plain.data - f->data), plain.len, true, s);
	cli_session_put(s);
}

/* The answer to an SMB1 NEGOTIATE that is one of SMB1. */
static void receive_smb1_choice(struct hythe_connection *c, const struct net_frame *f)
{
	struct smb1_header h = {0};
	pthread_mutex_lock(&c->lock);
	struct cli_request *r = cli_table_find_locked(c, 0);
	if (r && r->command == SMB2_NEGOTIATE && r->no_header)
		cli_table_remove_locked(c, r);
	else
		r = NULL;
	pthread_mutex_unlock(&c->lock);
	struct cli_answer a = {.message = f->data, .len = f->len, .header1 = &h};
	if (r)
		cli_complete(r, &a);
	else
		cli_conn_kill(c, STATUS_INVALID_NETWORK_RESPONSE, "%s changed to SMB1 in the middle of the connection", c->host);
}

static void receive_frame(struct hythe_connection *c, struct net_frame *f)
{
	uint32_t id = f->len >= 4 ? load_le32(f->data) : 0;
	if (c->client->tap.fn && id != SMB2_TRANSFORM_ID)
		tell(c, f, NULL);
	if (cli1_is_active(c) && id != SMB1_PROTOCOL_ID)
		cli_conn_kill(c, STATUS_INVALID_NETWORK_RESPONSE, "%s does not go on in SMB1", c->host);
	else if (id == SMB2_PROTOCOL_ID)
		receive_chain(c, f->data, f->len, false, NULL);
	else if (id == SMB2_TRANSFORM_ID)
		receive_sealed(c, f);
	else if (id == SMB1_PROTOCOL_ID && cli1_is_active(c))
		cli1_receive(c, f);
	else if (id == SMB1_PROTOCOL_ID && c->smb1)
		receive_smb1_choice(c, f);
	else if (id == SMB1_PROTOCOL_ID)
		cli_conn_kill(c, STATUS_NOT_SUPPORTED, "%s speaks only SMB1, which is not safe to use", c->host);
	else
		cli_conn_kill(c, STATUS_INVALID_NETWORK_RESPONSE, "what answers on %s port %u does not speak SMB", c->host, c->port);
}

struct frames {
	struct net_frame *f;
	size_t n;
};

static void receive_frames(struct hythe_connection *c, void *arg)
{
	struct frames *came = arg;
	for (size_t i = 0; i < came->n; i++)
		receive_frame(c, &came->f[i]);
}

void cli_conn_frames(struct net_conn *nc, void *user, struct net_frame *f, size_t n)
{
	struct hythe_connection *c = user;
	/* Nothing below depends on the order of frames, but in SMB1. */
	if (c->client->threads > 1 && !c->smb1)
		net_conn_release_token(nc);
	cli_batch_run(c, receive_frames, &(struct frames){f, n}, false);
}

struct exchange {
	struct cli_wait wait;
	struct cli_reply *reply;
	uint8_t *preauth;
};

ntstatus cli_reply_take(struct cli_reply *reply, uint8_t *preauth, struct cli_request *r, const struct cli_answer *a)
{
	ntstatus status = a->message ? STATUS_SUCCESS : a->status;
	*reply = (struct cli_reply){.status = a->status};
	if (a->message && preauth) {
		struct iovec sent = {r->head, r->head_len};
		preauth_update(preauth, &sent, 1);
	}
	if (a->message) {
		reply->message = malloc(a->len);
		if (reply->message) {
			memcpy(reply->message, a->message, a->len);
			reply->len = a->len;
			reply->smb1 = a->header1 != NULL;
			if (a->header)
				reply->header = *a->header;
		} else {
			status = STATUS_NO_MEMORY;
		}
	}
	if (!nt_ok(status))
		cli_explain(r->conn, cli_command_name(r->conn, r->command), status);
	return status;
}

static void exchange_complete(struct cli_request *r, const struct cli_answer *a)
{
	struct exchange *x = r->op;
	ntstatus status = cli_reply_take(x->reply, x->preauth, r, a);
	if (!nt_ok(status))
		snprintf(x->wait.text, sizeof(x->wait.text), "%s", cli_error_get());
	cli_wait_wake(&x->wait, status);
}

ntstatus cli_exchange(struct cli_request *r, uint8_t *preauth, struct cli_reply *reply)
{
	struct exchange x = {.reply = reply, .preauth = preauth};
	*reply = (struct cli_reply){0};
	cli_wait_init(&x.wait, r->conn->client);
	r->complete = exchange_complete;
	r->op = &x;
	ntstatus status = cli1_is_active(r->conn) ? cli1_submit(r) : cli_submit(r);
	if (!nt_ok(status))
		cli_request_free(r);
	return cli_wait_for(&x.wait, status);
}
