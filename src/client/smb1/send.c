/* Sending SMB1 messages: [MS-CIFS] 3.2.4.1 (MIDs, as many at once as MaxMpxCount allows), 3.2.4.1.1 (signing), 2.2.1.1 (strings). See smb1.h. */
#include "client/smb1/smb1.h"

#include "base/oem.h"

#include <stdlib.h>

enum { PROCESS_ID = 0xFEFF, NO_MID = 0xFFFF, BLOCK_MOST = 160 };

struct cli1 *cli1_new(bool only)
{
	struct cli1 *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->only = only;
	s->max_mpx = 1;
	s->next_mid = 1;
	pthread_mutex_init(&s->send_lock, NULL);
	return s;
}

void cli1_free(struct cli1 *s)
{
	if (!s)
		return;
	if (s->mac_key)
		bytes_wipe(s->mac_key, s->mac_key_len);
	free(s->mac_key);
	pthread_mutex_destroy(&s->send_lock);
	free(s);
}

ntstatus cli1_unsupported(const struct hythe_connection *c, const char *what)
{
	cli_error_set("%s is spoken to in SMB1, which has no way to %s", c->host, what);
	return STATUS_NOT_SUPPORTED;
}

struct slice cli1_text(const struct cli1 *s, struct slice utf16, ntstatus *status)
{
	struct arena arena;
	bool exact = true;
	struct slice text = utf16;
	uint8_t *out = NULL;
	arena_init(&arena, NULL, 0, 0);
	if (!s->unicode)
		text = oem_from_utf16_arena(&arena, utf16, &exact);
	if (exact && (text.data || text.len == 0))
		out = malloc(text.len + 2);
	*status = out ? STATUS_SUCCESS : exact ? STATUS_NO_MEMORY : STATUS_OBJECT_NAME_INVALID;
	if (!exact)
		cli_error_set("the server knows no Unicode: the name may have only characters of code page 850");
	if (out && text.len > 0)
		memcpy(out, text.data, text.len);
	arena_reset(&arena);
	return slice_of(out, out ? text.len : 0);
}

struct slice cli1_path(const struct hythe_connection *c, const char *path, ntstatus *status)
{
	struct slice plain = cli_path(path, status), text = {0};
	if (!nt_ok(*status))
		return text;
	uint8_t *with = malloc(plain.len + 2);
	*status = STATUS_NO_MEMORY;
	if (with) {
		store_le16(with, '\\');
		memcpy(with + 2, plain.data, plain.len);
		text = cli1_text(c->smb1, slice_of(with, plain.len + 2), status);
	}
	free(with);
	free((void *)(uintptr_t)plain.data);
	return text;
}

ntstatus cli1_encode(struct cli_request *r, void *body, size_t variable_bytes)
{
	const struct smb1_message *m = smb1_message_of((uint8_t)r->command);
	size_t need = SMB1_HEADER_SIZE + BLOCK_MOST + variable_bytes, cap = CLI_INLINE;
	if (need > CLI_INLINE) {
		r->head_buf = buf_get(need);
		if (!r->head_buf)
			return STATUS_NO_MEMORY;
		r->head = r->head_buf->data;
		cap = need;
	}
	struct wire w = wire_encoder(r->head, SMB1_HEADER_SIZE, cap);
	struct smb1_chain chain = {0};
	w.unicode = r->conn->smb1->unicode;
	smb1_chain_next(&w, &chain, m->command);
	m->req_code(&w, body);
	if (!wire_ok(&w))
		return w.error;
	r->head_len = w.pos;
	return STATUS_SUCCESS;
}

static void put_header(const struct cli_request *r, uint8_t *at)
{
	const struct cli1 *s = r->conn->smb1;
	struct smb1_header h = {
		.command = (uint8_t)r->command,
		.flags = SMB1_FLAGS_CASE_INSENSITIVE | SMB1_FLAGS_CANONICALIZED_PATHS,
		.flags2 = SMB1_FLAGS2_LONG_NAMES | SMB1_FLAGS2_IS_LONG_NAME | SMB1_FLAGS2_NT_STATUS,
		.tid = r->tree ? (uint16_t)r->tree->id : UINT16_MAX,
		.pid_low = PROCESS_ID,
		.uid = r->session ? (uint16_t)r->session->id : 0,
		.mid = (uint16_t)r->message_id,
	};
	if (s->unicode)
		h.flags2 |= SMB1_FLAGS2_UNICODE;
	if (s->extended_security)
		h.flags2 |= SMB1_FLAGS2_EXTENDED_SECURITY;
	/* 3.2.4.2.4: what a logon says that wants what follows it to be signed. */
	bool wants = !s->signing && r->command == SMB1_SESSION_SETUP_ANDX && r->conn->proto.should_sign;
	if (wants)
		memcpy(h.signature, CLI1_UNSIGNED, sizeof(h.signature));
	if (r->is_signed || wants)
		h.flags2 |= SMB1_FLAGS2_SECURITY_SIGNATURE;
	if (wants && r->conn->config.signing_required)
		h.flags2 |= SMB1_FLAGS2_SIGNATURE_REQUIRED;
	struct wire w = wire_encoder(at, 0, SMB1_HEADER_SIZE);
	smb1_header_code(&w, &h);
}

/* 3.2.4.1.5. There are less requests than ids. */
static uint16_t free_mid_locked(struct hythe_connection *c)
{
	struct cli1 *s = c->smb1;
	for (;;) {
		uint16_t mid = s->next_mid++;
		const struct cli_request *r = c->table[mid % CLI_TABLE];
		while (r && r->message_id != mid)
			r = r->next;
		if (mid != 0 && mid != NO_MID && !r)
			return mid;
	}
}

static bool has_room_locked(const struct hythe_connection *c)
{
	return c->outstanding < c->smb1->max_mpx;
}

/* With both locks held. */
static void take_mid_locked(struct hythe_connection *c, struct cli_request *r)
{
	struct cli1 *s = c->smb1;
	r->message_id = free_mid_locked(c);
	r->tick = c->tick;
	atomic_store_explicit(&r->transmitting, true, memory_order_relaxed);
	r->is_signed = s->signing;
	r->sequence = s->sequence + 1; /* of the answer */
	c->charged++;
	cli_table_add_locked(c, r);
	cli_conn_arm_locked(c);
}

/* With send_lock held. 3.1.4.1; a server without signatures may have what is in their place. */
static ntstatus transmit_locked(struct cli_request *r, uint32_t numbers)
{
	struct cli1 *s = r->conn->smb1;
	size_t n = r->payload_len ? 2 : 1;
	ntstatus status = STATUS_SUCCESS;
	put_header(r, r->head);
	if (r->is_signed) {
		struct iovec iov[2] = {{r->head, r->head_len}, {(void *)(uintptr_t)r->payload, r->payload_len}};
		status = proto_smb1_mac(slice_of(s->mac_key, s->mac_key_len), s->sequence, iov, n, r->head + SMB1_SIGNATURE_AT);
		s->sequence += numbers;
	}
	if (nt_ok(status) && r->conn->client->tap.fn) {
		struct iovec iov[2] = {{r->head, r->head_len}, {(void *)(uintptr_t)r->payload, r->payload_len}};
		net_tap_tell(&r->conn->client->tap, r->conn->net, false, iov, n, NULL);
	}
	struct net_seg segs[2] = {{.data = r->head, .len = r->head_len}, {.data = r->payload, .len = r->payload_len}};
	if (nt_ok(status))
		net_send(r->conn->net, segs, n);
	return status;
}

static void queue_locked(struct hythe_connection *c, struct cli_request *r)
{
	r->next = NULL;
	*c->queue_end = r;
	c->queue_end = &r->next;
}

/* Sends r, which has its MID, with send_lock held; gives that back. r may be gone then. */
static void transmit_and_unlock(struct cli_request *r)
{
	struct hythe_connection *c = r->conn;
	ntstatus status = transmit_locked(r, 2);
	pthread_mutex_unlock(&c->smb1->send_lock);
	atomic_store_explicit(&r->transmitting, false, memory_order_release);
	if (!nt_ok(status))
		cli_conn_kill(c, status, "a request could not be signed: %s", hythe_status_text(status));
}

ntstatus cli1_submit(struct cli_request *r)
{
	struct hythe_connection *c = r->conn;
	ntstatus status = STATUS_SUCCESS;
	bool now = false;
	pthread_mutex_lock(&c->smb1->send_lock);
	pthread_mutex_lock(&c->lock);
	if (c->dead) {
		status = c->end_status;
	} else if (!c->queue && has_room_locked(c)) {
		take_mid_locked(c, r);
		now = true;
	} else {
		queue_locked(c, r);
	}
	pthread_mutex_unlock(&c->lock);
	if (now)
		transmit_and_unlock(r);
	else
		pthread_mutex_unlock(&c->smb1->send_lock);
	if (!nt_ok(status))
		cli_explain(c, cli_command_name(c, r->command), status);
	return status;
}

void cli1_pump(struct hythe_connection *c)
{
	for (;;) {
		pthread_mutex_lock(&c->smb1->send_lock);
		pthread_mutex_lock(&c->lock);
		struct cli_request *r = has_room_locked(c) ? c->queue : NULL;
		if (r) {
			c->queue = r->next;
			if (!c->queue)
				c->queue_end = &c->queue;
			take_mid_locked(c, r);
		}
		pthread_mutex_unlock(&c->lock);
		if (!r) {
			pthread_mutex_unlock(&c->smb1->send_lock);
			return;
		}
		transmit_and_unlock(r);
	}
}

/* 3.2.4.37: NT_CANCEL has the MID of what it cancels, one number, and no answer. */
void cli1_send_cancel(struct hythe_connection *c, struct hythe_session *s, struct hythe_tree *t, uint16_t mid)
{
	struct smb1_empty body = {0};
	struct cli_request *r = cli_request_new(c, s, t, NULL, SMB1_NT_CANCEL);
	if (!r)
		return;
	ntstatus status = cli1_encode(r, &body, 0);
	if (nt_ok(status)) {
		pthread_mutex_lock(&c->smb1->send_lock);
		r->message_id = mid;
		r->is_signed = c->smb1->signing;
		status = transmit_locked(r, 1);
		pthread_mutex_unlock(&c->smb1->send_lock);
	}
	if (!nt_ok(status))
		cli_conn_kill(c, status, "a CANCEL could not be sent: %s", hythe_status_text(status));
	cli_request_free(r);
}

void cli1_status_complete(struct cli_request *r, const struct cli_answer *a)
{
	cli_finish(r, a->status, NULL);
}

ntstatus cli1_go(struct cli_request *r, void *body, size_t variable_bytes, hythe_done_fn *done, void *arg)
{
	if (!r)
		return STATUS_NO_MEMORY;
	if (!r->complete)
		r->complete = cli1_status_complete;
	r->done = done;
	r->arg = arg;
	ntstatus status = cli1_encode(r, body, variable_bytes);
	if (nt_ok(status))
		status = cli1_submit(r);
	if (!nt_ok(status))
		cli_request_free(r);
	return status;
}
