/* Any message, there and back: ids, credits, signatures, seals, compounds, interim answers, and answers nobody asked for. */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>

struct outcome {
	unsigned calls;
	ntstatus status;
	size_t bytes;
	char text[256];
};

static struct hythe_client *the_client;

static void note(void *arg, ntstatus status, const struct hythe_result *result)
{
	struct outcome *o = arg;
	o->calls++;
	o->status = status;
	o->bytes = result->bytes;
	snprintf(o->text, sizeof(o->text), "%s", hythe_client_error(the_client));
}

struct world {
	struct fake f;
	struct hythe_session *s;
	struct hythe_tree *t;
	struct hythe_file *file;
};

static struct world *begin(uint16_t dialect, enum hythe_encryption encryption)
{
	struct world *w = calloc(1, sizeof(*w));
	assert_non_null(w);
	fake_start(&w->f);
	w->f.cfg.max_dialect = dialect;
	w->f.o.encryption = encryption;
	the_client = w->f.client;
	w->s = fake_login(&w->f);
	w->t = fake_tree(&w->f, w->s);
	w->file = fake_open(w->t);
	return w;
}

static void end(struct world *w)
{
	hythe_file_free(w->file);
	hythe_tree_free(w->t);
	hythe_session_free(w->s);
	fake_stop(&w->f);
	free(w);
}

/* Every id is used once, lowest first, and a request of n credits takes n of them. */
static void check_ids(const struct fake *f)
{
	uint64_t next = 0;
	for (size_t i = 0; i < f->seen_count; i++) {
		const struct smb2_header *h = &f->seen[i].h;
		if (h->command == SMB2_CANCEL)
			continue;
		assert_int_equal(h->message_id, next);
		next += h->credit_charge ? h->credit_charge : 1;
	}
}

/* Backs: C031, C033, C042, C043, C093, C099, D035. */
static void test_message_ids_are_used_once_and_lowest_first(void **state)
{
	(void)state;
	struct world *w = begin(SMB2_DIALECT_311, HYTHE_ENCRYPTION_OFF);
	uint8_t *data = calloc(1, 3 << 20);
	size_t n;
	fake_content(&w->f, 2 << 20);
	assert_ok(hythe_read(w->file, 0, data, 70000, &n));
	assert_int_equal(n, 70000);
	assert_ok(hythe_write(w->file, 0, data, 65536, &n));
	assert_ok(hythe_write(w->file, 0, data, 65537, &n));
	assert_ok(hythe_echo(w->s));
	assert_int_equal(fake_nth(&w->f, SMB2_READ, 0)->h.credit_charge, 2);
	assert_int_equal(fake_nth(&w->f, SMB2_WRITE, 0)->h.credit_charge, 1);
	assert_int_equal(fake_nth(&w->f, SMB2_WRITE, 1)->h.credit_charge, 2);
	check_ids(&w->f);
	free(data);
	end(w);
}

/* Backs: C040, C041, G051. */
static void test_credit_charge_is_zero_without_multi_credit(void **state)
{
	(void)state;
	struct world *w = begin(SMB2_DIALECT_202, HYTHE_ENCRYPTION_OFF);
	uint8_t data[200000];
	size_t n;
	fake_content(&w->f, sizeof(data));
	assert_ok(hythe_read(w->file, 0, data, sizeof(data), &n));
	assert_int_equal(n, sizeof(data));
	assert_int_equal(fake_count(&w->f, SMB2_READ), 4);
	for (size_t i = 0; i < 4; i++) {
		struct smb2_read_req req;
		fake_decode(&w->f, fake_nth(&w->f, SMB2_READ, i), &req);
		assert_true(req.length <= 65536);
		assert_int_equal(fake_nth(&w->f, SMB2_READ, i)->h.credit_charge, 0);
	}
	check_ids(&w->f);
	end(w);
	w = begin(SMB2_DIALECT_210, HYTHE_ENCRYPTION_OFF);
	for (size_t i = 0; i < w->f.seen_count; i++) {
		if (w->f.seen[i].h.command > SMB2_SESSION_SETUP)
			assert_int_equal(w->f.seen[i].h.credit_charge, 1);
	}
	end(w);
}

/* Backs: C030, D036, D039, E031. */
static void test_client_asks_for_credits_until_it_has_its_share(void **state)
{
	(void)state;
	struct world *w = begin(SMB2_DIALECT_311, HYTHE_ENCRYPTION_OFF);
	struct hythe_session_info info;
	hythe_session_info(w->s, &info);
	assert_int_equal(info.credits, 512);
	size_t before = w->f.seen_count;
	for (int i = 0; i < 20; i++)
		assert_ok(hythe_echo(w->s));
	/* from then on each asks for what it costs */
	for (size_t i = before; i < w->f.seen_count; i++)
		assert_int_equal(w->f.seen[i].h.credits, 1);
	hythe_session_info(w->s, &info);
	assert_int_equal(info.credits, 512);
	end(w);
}

/* Backs: C031, C032, C144, D036. */
static void test_requests_wait_for_credits_and_all_get_through(void **state)
{
	(void)state;
	struct world *w = calloc(1, sizeof(*w));
	fake_start(&w->f);
	w->f.grant = 2; /* a server that gives little */
	w->f.o.credits = 8;
	the_client = w->f.client;
	w->s = fake_login(&w->f);
	w->t = fake_tree(&w->f, w->s);
	w->file = fake_open(w->t);
	struct outcome o[40] = {0};
	w->f.hold = true;
	for (size_t i = 0; i < ARRAY_LEN(o); i++)
		assert_ok(hythe_echo_async(w->s, note, &o[i]));
	fake_run(&w->f, 100);
	size_t first = fake_count(&w->f, SMB2_ECHO);
	assert_true(first > 0 && first < ARRAY_LEN(o));
	fake_let_go(&w->f, false);
	fake_run(&w->f, 1000);
	for (size_t i = 0; i < ARRAY_LEN(o); i++) {
		assert_int_equal(o[i].calls, 1);
		assert_ok(o[i].status);
	}
	check_ids(&w->f);
	end(w);
}

/* Backs: C092, C096, C188, C189. */
static void test_large_transfers_shrink_to_what_credits_allow(void **state)
{
	(void)state;
	struct world *w = calloc(1, sizeof(*w));
	fake_start(&w->f);
	w->f.o.credits = 4;
	the_client = w->f.client;
	w->s = fake_login(&w->f);
	w->t = fake_tree(&w->f, w->s);
	w->file = fake_open(w->t);
	size_t size = 3000000, n;
	uint8_t *data = malloc(size), *back = malloc(size);
	for (size_t i = 0; i < size; i++)
		data[i] = fake_byte(i);
	assert_ok(hythe_write(w->file, 0, data, size, &n));
	assert_int_equal(n, size);
	assert_ok(hythe_read(w->file, 0, back, size, &n));
	assert_int_equal(n, size);
	assert_memory_equal(data, back, size);
	for (size_t i = 0; i < w->f.seen_count; i++)
		assert_true(w->f.seen[i].h.credit_charge <= 4);
	check_ids(&w->f);
	free(data);
	free(back);
	end(w);
}

/* Backs: C025, C027, C028, C029, D001. */
static void test_every_request_is_signed_with_the_dialects_algorithm(void **state)
{
	static const uint16_t dialects[] = {0x0202, 0x0210, 0x0300, 0x0302, 0x0311};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		struct world *w = begin(dialects[i], HYTHE_ENCRYPTION_OFF);
		assert_ok(hythe_flush(w->file));
		for (size_t k = 0; k < w->f.seen_count; k++) {
			const struct fake_seen *r = &w->f.seen[k];
			bool early = r->h.command <= SMB2_SESSION_SETUP;
			assert_int_equal(!!(r->h.flags & SMB2_FLAGS_SIGNED), !early);
			assert_int_equal(r->signature_ok, !early);
		}
		end(w);
	}
}

/* Backs: C142, C143, D005, E009. */
static void test_wrong_or_missing_signature_ends_the_connection(void **state)
{
	(void)state;
	for (int missing = 0; missing < 2; missing++) {
		struct world *w = begin(SMB2_DIALECT_311, HYTHE_ENCRYPTION_OFF);
		w->f.bad_signatures = !missing;
		w->f.no_signatures = (unsigned)missing;
		assert_status(hythe_echo(w->s), STATUS_INVALID_NETWORK_RESPONSE);
		assert_non_null(strstr(hythe_client_error(w->f.client), missing ? "has no signature" : "has a wrong signature"));
		fake_run(&w->f, 1000);
		assert_true(w->f.closed);
		/* whoever comes later is told the same */
		assert_status(hythe_flush(w->file), STATUS_INVALID_NETWORK_RESPONSE);
		assert_non_null(strstr(hythe_client_error(w->f.client), "somebody on the way may be meddling"));
		end(w);
	}
}

/* Backs: C138, C139, D022. */
static void test_seal_that_does_not_fit_ends_the_connection(void **state)
{
	(void)state;
	struct world *w = begin(SMB2_DIALECT_311, HYTHE_ENCRYPTION_REQUIRED);
	w->f.bad_seals = 1;
	assert_status(hythe_echo(w->s), STATUS_INVALID_NETWORK_RESPONSE);
	assert_non_null(strstr(hythe_client_error(w->f.client), "cannot be decrypted"));
	end(w);
	w = begin(SMB2_DIALECT_311, HYTHE_ENCRYPTION_REQUIRED);
	w->f.not_sealed = 1;
	assert_status(hythe_echo(w->s), STATUS_INVALID_NETWORK_RESPONSE);
	assert_non_null(strstr(hythe_client_error(w->f.client), "came unencrypted"));
	end(w);
}

static bool foreign_seal_first(struct fake *f, const struct fake_seen *r)
{
	if (r->h.command != SMB2_ECHO)
		return false;
	/* sealed frames of an unknown session, too short ones, and ones with a wrong algorithm are dropped */
	uint8_t frame[52 + 64] = {0xFD, 'S', 'M', 'B'};
	store_le32(frame + 36, 64);
	store_le16(frame + 42, 1);
	store_le64(frame + 44, 0xDEAD);
	fake_send(f, frame, sizeof(frame));
	store_le64(frame + 44, f->session_id);
	fake_send(f, frame, 52);
	store_le16(frame + 42, 7);
	fake_send(f, frame, sizeof(frame));
	return false;
}

/* Backs: C138. */
static void test_sealed_frames_of_nobody_are_dropped(void **state)
{
	(void)state;
	struct world *w = begin(SMB2_DIALECT_311, HYTHE_ENCRYPTION_REQUIRED);
	w->f.hook = foreign_seal_first;
	assert_ok(hythe_echo(w->s));
	end(w);
}

static bool stray_first(struct fake *f, const struct fake_seen *r)
{
	struct smb2_empty empty = {0};
	if (r->h.command != SMB2_ECHO)
		return false;
	/* an id that is not outstanding, another command's answer under this id, and one from the future */
	struct fake_seen stray = *r;
	stray.h.message_id = r->h.message_id - 1;
	fake_reply(f, &stray, STATUS_SUCCESS, &empty, NULL, 0);
	stray.h.message_id = r->h.message_id + 100;
	fake_reply(f, &stray, STATUS_SUCCESS, &empty, NULL, 0);
	stray = *r;
	stray.h.command = SMB2_LOGOFF;
	fake_reply(f, &stray, STATUS_ACCESS_DENIED, NULL, NULL, 0);
	return false;
}

/* Backs: C140, C148. */
static void test_answers_nobody_asked_for_are_dropped(void **state)
{
	(void)state;
	struct world *w = begin(SMB2_DIALECT_311, HYTHE_ENCRYPTION_OFF);
	w->f.hook = stray_first;
	assert_ok(hythe_echo(w->s));
	assert_ok(hythe_echo(w->s));
	end(w);
}

static bool break_first(struct fake *f, const struct fake_seen *r)
{
	if (r->h.command != SMB2_ECHO)
		return false;
	uint8_t message[SMB2_HEADER_SIZE + 44] = {0};
	struct smb2_header h = {.flags = SMB2_FLAGS_SERVER_TO_REDIR, .command = SMB2_OPLOCK_BREAK, .message_id = UINT64_MAX};
	struct wire w = wire_encoder(message, 0, sizeof(message));
	smb2_header_code(&w, &h);
	store_le16(message + 64, 24);
	fake_send(f, message, SMB2_HEADER_SIZE + 24); /* an oplock break */
	store_le16(message + 64, 44);
	fake_send(f, message, SMB2_HEADER_SIZE + 44); /* a lease break */
	message[12] = SMB2_ECHO;
	fake_send(f, message, SMB2_HEADER_SIZE + 4); /* nothing that may come with that id */
	return false;
}

/* Backs: C140, C141, C203, C204, C205, D006, E001, G047. */
static void test_breaks_are_accepted_unsigned_and_need_no_answer(void **state)
{
	(void)state;
	struct world *w = begin(SMB2_DIALECT_311, HYTHE_ENCRYPTION_OFF);
	w->f.hook = break_first;
	assert_ok(hythe_echo(w->s));
	assert_int_equal(w->s->conn->breaks_ignored, 2);
	assert_int_equal(fake_count(&w->f, SMB2_OPLOCK_BREAK), 0);
	end(w);
}

/* What was held back as one message, with all of its credits in the last element. */
static void send_joined(struct fake *f, uint16_t credits)
{
	uint8_t frame[4096] = {0};
	size_t at = 0;
	for (size_t i = 0; i < f->held_count; i++) {
		bool last = i + 1 == f->held_count;
		size_t len = last ? f->held_len[i] : round_up(f->held_len[i], 8);
		assert_true(at + len <= sizeof(frame));
		memcpy(frame + at, f->held[i], f->held_len[i]);
		store_le16(frame + at + 14, last ? credits : 0);
		store_le32(frame + at + 20, last ? 0 : (uint32_t)len);
		struct iovec iov = {frame + at, len};
		assert_ok(proto_sign(&f->keys, &iov, 1, true));
		free(f->held[i]);
		at += len;
	}
	f->held_count = 0;
	f->hold = false;
	fake_send(f, frame, at);
}

/* Backs: D031. */
static void test_the_credits_of_a_chain_may_all_come_at_its_end(void **state)
{
	(void)state;
	struct world *w = begin(SMB2_DIALECT_311, HYTHE_ENCRYPTION_OFF);
	struct outcome o = {0};
	uint8_t all[2][128];
	struct hythe_step steps[] = {
		{.kind = HYTHE_STEP_QUERY_INFO, .on = w->file, .info_type = HYTHE_INFO_FILE, .info_class = 18, .buffer = all[0], .len = 128},
		{.kind = HYTHE_STEP_FLUSH},
		{.kind = HYTHE_STEP_QUERY_INFO, .info_type = HYTHE_INFO_FILE, .info_class = 18, .buffer = all[1], .len = 128},
	};
	w->f.hold = true;
	assert_ok(hythe_chain_async(w->t, steps, 3, note, &o));
	fake_run(&w->f, 0);
	assert_int_equal(w->f.held_count, 3);
	/* the last credit goes, and two requests wait for more */
	w->f.deaf = true;
	size_t left = (size_t)proto_sender_credits(&w->s->conn->sender);
	for (size_t i = 0; i < left + 2; i++)
		assert_ok(hythe_echo_async(w->s, NULL, NULL));
	fake_run(&w->f, 0);
	assert_int_equal(fake_count(&w->f, SMB2_ECHO), left);
	send_joined(&w->f, 3);
	fake_run(&w->f, 0);
	assert_int_equal(o.calls, 1);
	assert_ok(o.status);
	assert_true(steps[0].bytes > 0 && steps[0].bytes == steps[2].bytes);
	assert_int_equal(fake_count(&w->f, SMB2_ECHO), left + 2);
	assert_int_equal(proto_sender_credits(&w->s->conn->sender), 1);
	end(w);
}

static bool interim_first(struct fake *f, const struct fake_seen *r)
{
	if (r->h.command != SMB2_FLUSH)
		return false;
	struct fake_seen plain = *r;
	plain.h.flags &= ~SMB2_FLAGS_SIGNED; /* interim responses are not signed */
	fake_reply_as(f, &plain, STATUS_PENDING, SMB2_FLAGS_ASYNC_COMMAND, 99, NULL, NULL, 0);
	return true;
}

static void finish_flush(struct fake *f, size_t n, ntstatus status)
{
	struct smb2_empty empty = {0};
	struct fake_seen r = *fake_nth(f, SMB2_FLUSH, n);
	r.h.credits = 0;
	fake_reply_as(f, &r, status, SMB2_FLAGS_ASYNC_COMMAND, 99, nt_ok(status) ? &empty : NULL, NULL, 0);
}

/* Backs: C018, C145, C187, D006, D042. */
static void test_interim_answer_keeps_the_request_waiting(void **state)
{
	(void)state;
	struct world *w = begin(SMB2_DIALECT_311, HYTHE_ENCRYPTION_OFF);
	struct outcome o = {0};
	w->f.hook = interim_first;
	assert_ok(hythe_flush_async(w->file, note, &o));
	/* longer than any request may take otherwise: the server has said that it is at it */
	fake_run(&w->f, 600000);
	assert_int_equal(o.calls, 0);
	assert_false(w->f.closed);
	finish_flush(&w->f, 0, STATUS_SUCCESS);
	fake_run(&w->f, 100);
	assert_int_equal(o.calls, 1);
	assert_ok(o.status);
	end(w);
}

/* Backs: C022, C034, D044. */
static void test_cancel_names_the_request_and_takes_no_id(void **state)
{
	(void)state;
	struct world *w = begin(SMB2_DIALECT_311, HYTHE_ENCRYPTION_OFF);
	struct outcome o = {0}, other = {0};
	w->f.deaf = true;
	assert_ok(hythe_flush_async(w->file, note, &o));
	assert_ok(hythe_echo_async(w->s, note, &other));
	assert_int_equal(hythe_cancel(w->s, &o), 1);
	fake_run(&w->f, 100);
	const struct fake_seen *r = fake_nth(&w->f, SMB2_CANCEL, 0);
	assert_int_equal(r->h.message_id, fake_nth(&w->f, SMB2_FLUSH, 0)->h.message_id);
	assert_int_equal(r->h.flags & SMB2_FLAGS_ASYNC_COMMAND, 0);
	assert_true(r->signature_ok);
	/* after the interim answer it is named by its AsyncId */
	w->f.deaf = false;
	w->f.hook = interim_first;
	assert_ok(hythe_flush_async(w->file, note, &o));
	fake_run(&w->f, 100);
	assert_int_equal(hythe_cancel(w->s, &o), 2);
	fake_run(&w->f, 100);
	r = fake_nth(&w->f, SMB2_CANCEL, 2)->h.async_id ? fake_nth(&w->f, SMB2_CANCEL, 2) : fake_nth(&w->f, SMB2_CANCEL, 1);
	assert_int_equal(r->h.flags & SMB2_FLAGS_ASYNC_COMMAND, SMB2_FLAGS_ASYNC_COMMAND);
	assert_int_equal(r->h.async_id, 99);
	finish_flush(&w->f, 1, STATUS_CANCELLED);
	fake_run(&w->f, 100);
	assert_int_equal(o.calls, 1);
	assert_status(o.status, STATUS_CANCELLED);
	check_ids(&w->f);
	end(w);
	assert_int_equal(o.calls, 2); /* the other one ended with the connection */
}

/* Backs: C038, C140, D030. */
static void test_answers_may_come_in_any_order(void **state)
{
	(void)state;
	struct world *w = begin(SMB2_DIALECT_311, HYTHE_ENCRYPTION_OFF);
	struct outcome o[30] = {0};
	uint8_t data[30][100];
	fake_content(&w->f, 30 * 100);
	w->f.hold = true;
	for (size_t i = 0; i < 30; i++)
		assert_ok(hythe_read_async(w->file, i * 100, data[i], 100, 0, note, &o[i]));
	fake_run(&w->f, 100);
	fake_let_go(&w->f, true);
	fake_run(&w->f, 100);
	for (size_t i = 0; i < 30; i++) {
		assert_int_equal(o[i].calls, 1);
		assert_int_equal(o[i].bytes, 100);
		for (size_t k = 0; k < 100; k++)
			assert_int_equal(data[i][k], fake_byte(i * 100 + k));
	}
	end(w);
}

/* Backs: C089, C215, C217, D046. */
static void test_loss_of_the_connection_ends_what_is_under_way(void **state)
{
	(void)state;
	struct world *w = begin(SMB2_DIALECT_311, HYTHE_ENCRYPTION_OFF);
	struct outcome o[3] = {0};
	uint8_t data[10];
	size_t n;
	w->f.deaf = true;
	assert_ok(hythe_read_async(w->file, 0, data, 10, 0, note, &o[0]));
	assert_ok(hythe_flush_async(w->file, note, &o[1]));
	assert_ok(hythe_echo_async(w->s, note, &o[2]));
	fake_run(&w->f, 100);
	net_conn_close(w->f.net, false);
	fake_run(&w->f, 100);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(o[i].calls, 1);
		assert_status(o[i].status, STATUS_CONNECTION_DISCONNECTED);
		assert_non_null(strstr(o[i].text, "the connection to fake was closed"));
	}
	assert_status(hythe_read(w->file, 0, data, 10, &n), STATUS_CONNECTION_DISCONNECTED);
	assert_status(hythe_echo_async(w->s, note, &o[0]), STATUS_CONNECTION_DISCONNECTED);
	assert_int_equal(o[0].calls, 1); /* was not submitted, so nothing is called */
	end(w);
}

/* Backs: C018, C210, G107. */
static void test_request_without_answer_expires(void **state)
{
	(void)state;
	struct world *w = calloc(1, sizeof(*w));
	fake_start(&w->f);
	w->f.o.request_timeout_ms = 8000;
	the_client = w->f.client;
	w->s = fake_login(&w->f);
	w->t = fake_tree(&w->f, w->s);
	w->file = fake_open(w->t);
	/* idle for long is fine */
	fake_run(&w->f, 100000);
	assert_ok(hythe_echo(w->s));
	w->f.deaf = true;
	uint64_t start = w->f.clock.now_ms;
	assert_status(hythe_flush(w->file), STATUS_IO_TIMEOUT);
	assert_in_range(w->f.clock.now_ms - start, 8000, 11000);
	assert_non_null(strstr(hythe_client_error(w->f.client), "did not answer a FLUSH request within 8 s"));
	end(w);
}

static bool session_is_gone(struct fake *f, const struct fake_seen *r)
{
	if (r->h.command != SMB2_ECHO)
		return false;
	struct fake_seen plain = *r;
	plain.h.flags &= ~SMB2_FLAGS_SIGNED; /* the server has no key any more */
	fake_reply(f, &plain, f->user ? STATUS_NETWORK_SESSION_EXPIRED : STATUS_USER_SESSION_DELETED, NULL, NULL, 0);
	return true;
}

static void test_session_that_is_gone_is_told_as_such(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct world *w = begin(SMB2_DIALECT_311, HYTHE_ENCRYPTION_OFF);
		w->f.user = i;
		w->f.hook = session_is_gone;
		assert_status(hythe_echo(w->s), i ? STATUS_NETWORK_SESSION_EXPIRED : STATUS_USER_SESSION_DELETED);
		assert_non_null(strstr(hythe_client_error(w->f.client), "connect anew"));
		end(w);
	}
}

static bool malformed(struct fake *f, const struct fake_seen *r)
{
	if (r->h.command != SMB2_ECHO)
		return false;
	uint8_t message[SMB2_HEADER_SIZE + 8] = {0};
	struct smb2_header h = {.flags = SMB2_FLAGS_SERVER_TO_REDIR, .command = SMB2_ECHO, .message_id = r->h.message_id,
		.next_command = 66};
	if (f->user == 1)
		h.flags = 0; /* a request */
	struct wire w = wire_encoder(message, 0, sizeof(message));
	smb2_header_code(&w, &h);
	fake_send(f, message, f->user == 2 ? 30 : sizeof(message));
	return true;
}

/* Backs: C147, D034. */
static void test_malformed_messages_end_the_connection(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct world *w = begin(SMB2_DIALECT_311, HYTHE_ENCRYPTION_OFF);
		w->f.user = i;
		w->f.hook = malformed;
		assert_status(hythe_echo(w->s), STATUS_INVALID_NETWORK_RESPONSE);
		end(w);
	}
}

struct again {
	struct hythe_session *s;
	unsigned left, blocked;
	struct hythe_client *client;
};

static void once_more(void *arg, ntstatus status, const struct hythe_result *result)
{
	struct again *a = arg;
	(void)result;
	assert_ok(status);
	if (nt_is(hythe_echo(a->s), STATUS_INVALID_DEVICE_STATE))
		a->blocked++;
	if (a->left-- > 1)
		assert_ok(hythe_echo_async(a->s, once_more, a));
}

static void test_callbacks_may_submit_and_not_block(void **state)
{
	(void)state;
	struct world *w = begin(SMB2_DIALECT_311, HYTHE_ENCRYPTION_OFF);
	struct again a = {w->s, 300, 0, w->f.client};
	assert_ok(hythe_echo_async(w->s, once_more, &a));
	while (a.left > 0)
		assert_true(hythe_client_poll(w->f.client, 100));
	assert_int_equal(a.blocked, 300);
	end(w);
}

struct burst {
	struct world *w;
	uint8_t *data;
	struct outcome o[60];
	char path[20000];
};

static void keep_file(void *arg, ntstatus status, const struct hythe_result *result)
{
	note(arg, status, result);
	hythe_file_free(result->file);
}

static void submit_many(void *arg, ntstatus status, const struct hythe_result *result)
{
	struct burst *b = arg;
	struct hythe_open_params p;
	(void)result;
	assert_ok(status);
	for (size_t i = 0; i < ARRAY_LEN(b->o); i++) {
		if (i % 7 == 3) {
			hythe_open_params_init(&p, b->path, HYTHE_READ_DATA);
			assert_ok(hythe_open_async(b->w->t, &p, keep_file, &b->o[i]));
		} else {
			size_t len = i % 5 ? 100 : 70000;
			assert_ok(hythe_write_async(b->w->file, i * 100, b->data, len, 0, note, &b->o[i]));
		}
	}
}

/* Long names and payloads of any size, sent from within a callback, where requests leave together. */
static void test_requests_of_a_callback_leave_together_and_whole(void **state)
{
	(void)state;
	for (int sealed = 0; sealed < 2; sealed++) {
		struct world *w = begin(SMB2_DIALECT_311, sealed ? HYTHE_ENCRYPTION_REQUIRED : HYTHE_ENCRYPTION_OFF);
		struct burst *b = calloc(1, sizeof(*b));
		b->w = w;
		b->data = calloc(1, 70000);
		memset(b->path, 'n', 10000);
		assert_ok(hythe_echo_async(w->s, submit_many, b));
		fake_run(&w->f, 1000);
		for (size_t i = 0; i < ARRAY_LEN(b->o); i++) {
			assert_int_equal(b->o[i].calls, 1);
			assert_ok(b->o[i].status);
		}
		for (size_t i = 0; i < w->f.seen_count; i++)
			assert_true(w->f.seen[i].sealed || w->f.seen[i].signature_ok || w->f.seen[i].h.command <= SMB2_SESSION_SETUP);
		check_ids(&w->f);
		free(b->data);
		free(b);
		end(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message_ids_are_used_once_and_lowest_first),
		cmocka_unit_test(test_credit_charge_is_zero_without_multi_credit),
		cmocka_unit_test(test_client_asks_for_credits_until_it_has_its_share),
		cmocka_unit_test(test_requests_wait_for_credits_and_all_get_through),
		cmocka_unit_test(test_large_transfers_shrink_to_what_credits_allow),
		cmocka_unit_test(test_every_request_is_signed_with_the_dialects_algorithm),
		cmocka_unit_test(test_wrong_or_missing_signature_ends_the_connection),
		cmocka_unit_test(test_seal_that_does_not_fit_ends_the_connection),
		cmocka_unit_test(test_sealed_frames_of_nobody_are_dropped),
		cmocka_unit_test(test_answers_nobody_asked_for_are_dropped),
		cmocka_unit_test(test_breaks_are_accepted_unsigned_and_need_no_answer),
		cmocka_unit_test(test_the_credits_of_a_chain_may_all_come_at_its_end),
		cmocka_unit_test(test_interim_answer_keeps_the_request_waiting),
		cmocka_unit_test(test_cancel_names_the_request_and_takes_no_id),
		cmocka_unit_test(test_answers_may_come_in_any_order),
		cmocka_unit_test(test_loss_of_the_connection_ends_what_is_under_way),
		cmocka_unit_test(test_request_without_answer_expires),
		cmocka_unit_test(test_session_that_is_gone_is_told_as_such),
		cmocka_unit_test(test_malformed_messages_end_the_connection),
		cmocka_unit_test(test_callbacks_may_submit_and_not_block),
		cmocka_unit_test(test_requests_of_a_callback_leave_together_and_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
