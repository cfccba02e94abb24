/* Sending any message ([MS-SMB2] 3.2.4.1): message ids and credits, CreditRequest, compounds, signing, sealing. A request
 * is under way from cli_submit on; the one that finds no credits waits in the connection's queue, in order. Crypto and the
 * system call run outside of the lock, so messages of several threads may leave in another order than their ids. */
#include "client/smb1/smb1.h"

#include <stdlib.h>

/* Messages leave together: half of those that are under way, within these bounds, so that the server works on one half while the next is made. */
enum { BATCH_LEAST = 8, BATCH_MOST = 16, BATCH_HEADS = 65536, BATCH_PAYLOAD = 8192, PREFIX_ROOM = 64, PROCESS_ID = 0xFEFF };

struct cli_batch {
	struct net_batch net;
	struct hythe_connection *conn;
	size_t used, count, limit;
	uint8_t heads[BATCH_HEADS];
};

static _Thread_local struct cli_batch *current_batch;

static void adopt(struct cli_request *r, struct hythe_session *s, struct hythe_tree *t, struct hythe_file *f)
{
	if (f)
		t = f->tree;
	if (t)
		s = t->session;
	r->file = f;
	r->tree = t;
	r->session = s;
	if (f)
		cli_file_ref(f);
	else if (t)
		cli_tree_ref(t);
	else if (s)
		cli_session_ref(s);
}

struct cli_request *cli_request_new(struct hythe_connection *c, struct hythe_session *s, struct hythe_tree *t, struct hythe_file *f,
	uint16_t command)
{
	struct cli_request *r = malloc(sizeof(*r));
	if (!r) {
		cli_error_set("out of memory");
		return NULL;
	}
	memset(r, 0, offsetof(struct cli_request, inline_head));
	r->conn = c;
	r->command = command;
	r->head = r->inline_head;
	adopt(r, s, t, f);
	return r;
}

void cli_request_free(struct cli_request *r)
{
	struct hythe_session *s = r->session;
	struct hythe_tree *t = r->tree;
	struct hythe_file *f = r->file;
	cli_cache_asked(r);
	cli1_trans_free(r->trans);
	buf_put(r->head_buf);
	free(r);
	if (f)
		cli_file_put(f);
	else if (t)
		cli_tree_put(t);
	else if (s)
		cli_session_put(s);
}

ntstatus cli_request_encode(struct cli_request *r, void *body, size_t variable_bytes, size_t moves)
{
	const struct smb2_message *m = smb2_message_of(r->command);
	size_t need = SMB2_HEADER_SIZE + m->req_fixed_size + variable_bytes + 16;
	size_t cap = CLI_INLINE;
	if (need > CLI_INLINE) {
		r->head_buf = buf_get(NET_PREFIX + need);
		if (!r->head_buf)
			return STATUS_NO_MEMORY;
		r->head = r->head_buf->data + NET_PREFIX;
		cap = need;
	}
	struct wire w = wire_encoder(r->head, SMB2_HEADER_SIZE, cap);
	w.dialect = r->conn->proto.dialect;
	m->req_code(&w, body);
	if (!wire_ok(&w))
		return w.error;
	r->head_len = w.pos;
	if (moves < variable_bytes)
		moves = variable_bytes;
	r->charge = r->conn->proto.multi_credit ? proto_credit_charge(moves, 0) : 1;
	return STATUS_SUCCESS;
}

/* 3.2.4.1.8 and 3.2.4.1.1. A session that is still being set up has nothing to protect with. */
static void decide_protection(struct cli_request *r)
{
	const struct hythe_session *s = r->session;
	bool first = r->command == SMB2_SESSION_SETUP || r->command == SMB2_TREE_CONNECT;
	if (!s || !s->published || !s->have_keys)
		return;
	r->sealed = s->sealing || (r->tree && r->tree->sealing && !first);
	bool tree_connect_311 = r->command == SMB2_TREE_CONNECT && r->conn->proto.dialect >= SMB2_DIALECT_311;
	r->is_signed = !r->sealed && (s->signing || r->force_sign || tree_connect_311);
}

/* Of so many messages under way. */
static size_t batch_limit(size_t messages)
{
	size_t half = messages / 2;
	return half < BATCH_LEAST ? BATCH_LEAST : half < BATCH_MOST ? half : BATCH_MOST;
}

/* 3.2.4.1.3, 3.2.4.1.6: takes ids for r and what is compounded with it, and puts them into the table. */
static bool take_ids_locked(struct hythe_connection *c, struct cli_request *first)
{
	uint32_t total = 0;
	uint64_t id;
	for (struct cli_request *r = first; r; r = r->compound)
		total += r->charge ? r->charge : 1;
	if (total > UINT16_MAX || !proto_sender_take(&c->sender, (uint16_t)total, &id))
		return false;
	for (struct cli_request *r = first; r; r = r->compound) {
		uint16_t charge = r->charge ? r->charge : 1;
		/* 3.2.4.1.2: back to the level that was configured, and never to nothing */
		uint64_t expected = proto_sender_credits(&c->sender) + c->asked;
		uint64_t target = c->config.max_credits;
		uint64_t ask = expected < target ? target - expected : 1;
		r->asked = ask > UINT16_MAX ? UINT16_MAX : (uint16_t)ask;
		r->message_id = id;
		r->tick = c->tick;
		atomic_store_explicit(&r->transmitting, true, memory_order_relaxed);
		c->asked += r->asked;
		c->charged += charge;
		id += charge;
		cli_table_add_locked(c, r);
	}
	if (current_batch && current_batch->conn == c)
		current_batch->limit = batch_limit(c->messages);
	cli_conn_arm_locked(c);
	return true;
}

/* 3.2.4.24: no id of its own, no credits, no answer. By AsyncId once the server has told one. */
static void put_cancel_header(const struct cli_request *r, uint8_t *at)
{
	struct smb2_header h = {.command = SMB2_CANCEL, .message_id = r->message_id, .session_id = r->session->id};
	if (r->async_id) {
		h.flags = SMB2_FLAGS_ASYNC_COMMAND;
		h.async_id = r->async_id;
	} else {
		h.process_id = PROCESS_ID;
		h.tree_id = r->tree ? r->tree->id : 0;
	}
	struct wire w = wire_encoder(at, 0, SMB2_HEADER_SIZE);
	smb2_header_code(&w, &h);
}

static void put_header(const struct cli_request *r, uint8_t *at, uint32_t next_command)
{
	if (r->command == SMB2_CANCEL) {
		put_cancel_header(r, at);
		return;
	}
	struct smb2_header h = {
		.credit_charge = r->conn->proto.multi_credit ? r->charge : 0,
		.command = r->command,
		.credits = r->asked,
		.next_command = next_command,
		.message_id = r->message_id,
		.process_id = PROCESS_ID,
	};
	if (r->related) { /* 3.2.4.1.4 */
		h.flags = SMB2_FLAGS_RELATED_OPERATIONS;
		h.session_id = UINT64_MAX;
		h.tree_id = UINT32_MAX;
	} else {
		h.session_id = r->session ? r->session->id : 0;
		h.tree_id = r->tree ? r->tree->id : 0;
	}
	struct wire w = wire_encoder(at, 0, SMB2_HEADER_SIZE);
	smb2_header_code(&w, &h);
}

/* From here on r may be completed, and be gone. */
static void sent(struct cli_request *first)
{
	for (struct cli_request *r = first, *next; r; r = next) {
		next = r->compound;
		atomic_store_explicit(&r->transmitting, false, memory_order_release);
	}
}

/* With room for its prefix, as all frames here. */
static void batch_add(const struct net_seg *segs, size_t n, bool flush)
{
	struct cli_batch *b = current_batch;
	if (n > 1 || !net_batch_extend(&b->net, (uint8_t *)(uintptr_t)segs[0].data, segs[0].len, segs[0].owner))
		net_batch_add(&b->net, segs, n);
	if (flush || ++b->count >= b->limit) {
		net_batch_flush(&b->net);
		b->count = b->used = 0;
	}
}

/* A place in the thread's batch for r's head, and its payload if that is small, which have to stay until the batch leaves, whatever becomes of r before;
 * directly behind the last one's. NULL: r is sent by itself. *len: what is there. */
static uint8_t *batch_place(const struct cli_request *r, size_t *len)
{
	struct cli_batch *b = current_batch;
	*len = r->head_len + (r->payload_len <= BATCH_PAYLOAD ? r->payload_len : 0);
	if (!b || b->conn != r->conn || NET_PREFIX + *len > BATCH_HEADS)
		return NULL;
	if (b->used + NET_PREFIX + *len > BATCH_HEADS) {
		net_batch_flush(&b->net);
		b->used = 0;
	}
	uint8_t *at = b->heads + b->used + NET_PREFIX;
	b->used += NET_PREFIX + *len;
	memcpy(at, r->head, r->head_len);
	if (*len > r->head_len)
		memcpy(at + r->head_len, r->payload, r->payload_len);
	return at;
}

/* One message, not sealed: the payload goes from where it is. */
static ntstatus send_plain(struct cli_request *r)
{
	if (!r->no_header)
		put_header(r, r->head, 0);
	size_t placed;
	uint8_t *place = batch_place(r, &placed);
	struct iovec iov[2] = {{r->head, r->head_len}, {(void *)(uintptr_t)r->payload, r->payload_len}};
	bool apart = r->payload_len > 0 && !(place && placed > r->head_len);
	if (place)
		iov[0] = (struct iovec){place, placed};
	size_t n = apart ? 2 : 1;
	if (r->is_signed) {
		ntstatus status = proto_sign(&r->session->keys, iov, n, false);
		if (!nt_ok(status))
			return status;
	}
	if (r->conn->client->tap.fn)
		net_tap_tell(&r->conn->client->tap, r->conn->net, false, iov, n, NULL);
	struct net_seg segs[2] = {{.data = iov[0].iov_base, .len = iov[0].iov_len, .prefix_room = true}, {.data = iov[1].iov_base, .len = iov[1].iov_len}};
	if (place)
		batch_add(segs, n, apart);
	else
		net_send(r->conn->net, segs, n);
	return STATUS_SUCCESS;
}

static size_t message_size(const struct cli_request *first)
{
	size_t size = 0;
	for (const struct cli_request *r = first; r; r = r->compound) {
		size += r->head_len + r->payload_len;
		if (r->compound)
			size = round_up(size, 8);
	}
	return size;
}

/* Puts the elements of a compound, or one message that is to be sealed, one after the other. 3.2.4.1.4 */
static ntstatus assemble(const struct cli_request *first, uint8_t *out)
{
	for (const struct cli_request *r = first; r; r = r->compound) {
		size_t size = r->head_len + r->payload_len;
		size_t padded = r->compound ? round_up(size, 8) : size;
		memcpy(out, r->head, r->head_len);
		if (r->payload_len)
			memcpy(out + r->head_len, r->payload, r->payload_len);
		memset(out + size, 0, padded - size);
		put_header(r, out, r->compound ? (uint32_t)padded : 0);
		if (r->is_signed) {
			struct iovec iov = {out, padded};
			ntstatus status = proto_sign(&r->session->keys, &iov, 1, false);
			if (!nt_ok(status))
				return status;
		}
		out += padded;
	}
	return STATUS_SUCCESS;
}

/* To where there is room for the transform header and `size` bytes. One message is encrypted on its way there, a compound once it is there. What it
 * was goes to `kept` if somebody wants to know. */
static ntstatus seal(struct cli_request *first, uint8_t *to, size_t size, struct slice *kept)
{
	struct hythe_connection *c = first->conn;
	struct proto_keys *keys = &first->session->keys;
	struct iovec apart[2] = {{first->head, first->head_len}, {(void *)(uintptr_t)first->payload, first->payload_len}};
	struct iovec whole = {to + SMB2_TRANSFORM_SIZE, size}, *parts = first->compound ? &whole : apart;
	size_t n = first->compound ? 1 : 2;
	ntstatus status = STATUS_SUCCESS;
	if (first->compound)
		status = assemble(first, whole.iov_base);
	else
		put_header(first, first->head, 0);
	if (nt_ok(status) && c->client->tap.fn)
		*kept = net_tap_keep(parts, n);
	if (!nt_ok(status))
		return status;
	return first->compound ? proto_seal(keys, &c->proto, first->session->id, to, parts, n)
			       : proto_seal_to(keys, &c->proto, first->session->id, to, parts, n);
}

static ntstatus send_assembled(struct cli_request *first)
{
	struct hythe_connection *c = first->conn;
	size_t size = message_size(first), room = first->sealed ? SMB2_TRANSFORM_SIZE : 0;
	struct buf *b = buf_get(PREFIX_ROOM + room + size);
	struct slice kept = {0};
	if (!b)
		return STATUS_NO_MEMORY;
	struct iovec all = {b->data + PREFIX_ROOM, room + size};
	ntstatus status = first->sealed ? seal(first, all.iov_base, size, &kept) : assemble(first, all.iov_base);
	if (c->client->tap.fn && nt_ok(status))
		net_tap_tell(&c->client->tap, c->net, false, &all, 1, first->sealed ? &kept : NULL);
	net_tap_drop(kept);
	if (!nt_ok(status)) {
		buf_put(b);
		return status;
	}
	struct net_seg seg = {.data = all.iov_base, .len = all.iov_len, .owner = b, .prefix_room = true};
	if (current_batch && current_batch->conn == first->conn)
		batch_add(&seg, 1, false);
	else
		net_send(first->conn->net, &seg, 1);
	return STATUS_SUCCESS;
}

static void transmit(struct cli_request *first)
{
	struct hythe_connection *c = first->conn;
	ntstatus status = first->sealed || first->compound ? send_assembled(first) : send_plain(first);
	/* The ids are spent: without the message the server's window would have a hole for ever. */
	if (!nt_ok(status))
		cli_conn_kill(c, status, "a request could not be signed or sealed: %s", hythe_status_text(status));
	sent(first);
}

static void queue_locked(struct hythe_connection *c, struct cli_request *first)
{
	bool front = first->urgent || !c->queue;
	first->next = front ? c->queue : NULL;
	if (!first->next && !front)
		*c->queue_end = first;
	if (front)
		c->queue = first;
	if (!first->next)
		c->queue_end = &first->next;
}

ntstatus cli_submit(struct cli_request *first)
{
	struct hythe_connection *c = first->conn;
	for (struct cli_request *r = first; r; r = r->compound)
		decide_protection(r);
	pthread_mutex_lock(&c->lock);
	ntstatus status = STATUS_SUCCESS;
	bool now = false;
	if (c->dead)
		status = c->end_status;
	else if ((!c->queue || first->urgent) && take_ids_locked(c, first))
		now = true;
	else if (c->outstanding == 0)
		status = STATUS_INSUFFICIENT_RESOURCES; /* nobody is left to bring credits */
	else
		queue_locked(c, first);
	pthread_mutex_unlock(&c->lock);
	if (now)
		transmit(first);
	if (!nt_ok(status))
		cli_explain(c, smb2_message_of(first->command)->name, status);
	return status;
}

void cli_pump(struct hythe_connection *c)
{
	for (;;) {
		bool fits = false;
		pthread_mutex_lock(&c->lock);
		struct cli_request *first = c->queue;
		if (first) {
			struct cli_request *next = first->next;
			fits = take_ids_locked(c, first);
			if (fits || c->outstanding == 0) {
				c->queue = next;
				if (!next)
					c->queue_end = &c->queue;
			} else {
				first = NULL;
			}
		}
		pthread_mutex_unlock(&c->lock);
		if (!first)
			return;
		if (fits) {
			transmit(first);
			continue;
		}
		struct cli_answer a = {.status = STATUS_INSUFFICIENT_RESOURCES};
		for (struct cli_request *r = first, *after; r; r = after) {
			after = r->compound;
			cli_complete(r, &a);
		}
	}
}

void cli_send_cancel(struct hythe_connection *c, struct hythe_session *s, struct hythe_tree *t, uint64_t message_id, uint64_t async_id)
{
	if (cli1_is_active(c)) {
		cli1_send_cancel(c, s, t, (uint16_t)message_id);
		return;
	}
	struct cli_request *r = cli_request_new(c, s, t, NULL, SMB2_CANCEL);
	struct smb2_empty body = {0};
	if (!r)
		return;
	ntstatus status = cli_request_encode(r, &body, 0, 0);
	if (nt_ok(status)) {
		r->message_id = message_id;
		r->async_id = async_id;
		decide_protection(r);
		status = r->sealed ? send_assembled(r) : send_plain(r);
	}
	if (!nt_ok(status))
		cli_conn_kill(c, status, "a CANCEL could not be sent: %s", hythe_status_text(status));
	cli_request_free(r);
}

void cli_batch_run(struct hythe_connection *c, void (*fn)(struct hythe_connection *c, void *arg), void *arg, bool leave)
{
	struct cli_batch b, *outer = current_batch;
	b.conn = c;
	b.used = b.count = 0;
	b.limit = BATCH_LEAST;
	net_batch_init(&b.net, c->net);
	current_batch = &b;
	cli_callback(true);
	fn(c, arg);
	cli_callback(false);
	current_batch = outer;
	if (leave)
		net_batch_leave(&b.net);
	else
		net_batch_flush(&b.net);
}
