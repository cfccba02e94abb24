/* Putting transactions together and taking their answers apart, see transact.h. */
#include "server/smb1/transact.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { REPLY_OVERHEAD = 128, LEAST_PART = 512 };

void srv1_transaction_free(struct srv1_transaction *t)
{
	if (!t)
		return;
	free(t->memory);
	t->memory = NULL;
}

/* --- the functions --- */

static srv1_handler trans2_of(uint16_t function)
{
	switch (function) {
	case SMB1_TRANS2_OPEN2:
		return srv1_open2;
	case SMB1_TRANS2_FIND_FIRST2:
		return srv1_find_first2;
	case SMB1_TRANS2_FIND_NEXT2:
		return srv1_find_next2;
	case SMB1_TRANS2_QUERY_FS_INFORMATION:
		return srv1_query_fs;
	case SMB1_TRANS2_QUERY_PATH_INFORMATION:
		return srv1_query_path;
	case SMB1_TRANS2_SET_PATH_INFORMATION:
		return srv1_set_path;
	case SMB1_TRANS2_QUERY_FILE_INFORMATION:
		return srv1_query_file;
	case SMB1_TRANS2_SET_FILE_INFORMATION:
		return srv1_set_file;
	case SMB1_TRANS2_CREATE_DIRECTORY:
		return srv1_trans2_mkdir;
	default:
		return NULL;
	}
}

static srv1_handler nt_of(uint16_t function)
{
	switch (function) {
	case SMB1_NT_TRANSACT_CREATE:
		return srv1_nt_create;
	case SMB1_NT_TRANSACT_IOCTL:
		return srv1_nt_ioctl;
	case SMB1_NT_TRANSACT_SET_SECURITY_DESC:
		return srv1_nt_set_security;
	case SMB1_NT_TRANSACT_NOTIFY_CHANGE:
		return srv1_nt_notify;
	case SMB1_NT_TRANSACT_QUERY_SECURITY_DESC:
		return srv1_nt_query_security;
	default:
		return NULL;
	}
}

/* What there is no function for: DFS is not spoken here, quotas are not kept; the rest nobody implements. */
static ntstatus no_function(const struct srv1_transaction *t)
{
	if (t->command == SMB1_TRANSACTION2 && t->function == SMB1_TRANS2_GET_DFS_REFERRAL)
		return STATUS_NO_SUCH_DEVICE;
	if (t->command == SMB1_NT_TRANSACT && (t->function == SMB1_NT_TRANSACT_QUERY_QUOTA || t->function == SMB1_NT_TRANSACT_SET_QUOTA))
		return STATUS_NOT_SUPPORTED;
	return STATUS_NOT_IMPLEMENTED;
}

/* --- the request --- */

static bool is_whole(const struct srv1_transaction *t)
{
	return t->got_parameters >= t->total_parameters && t->got_data >= t->total_data;
}

/* Room for what comes in later messages. */
static ntstatus make_room(struct srv1_transaction *t)
{
	if (t->parameters.len > t->total_parameters || t->data.len > t->total_data)
		return STATUS_INVALID_SMB;
	t->got_parameters = t->parameters.len;
	t->got_data = t->data.len;
	if (is_whole(t))
		return STATUS_SUCCESS;
	if (t->total_parameters > SRV1_MOST_TRANSACTION_BYTES || t->total_data > SRV1_MOST_TRANSACTION_BYTES)
		return STATUS_INSUFFICIENT_RESOURCES;
	t->memory = calloc(1, t->total_parameters + t->total_data);
	if (!t->memory)
		return STATUS_INSUFFICIENT_RESOURCES;
	if (t->parameters.len > 0)
		memcpy(t->memory, t->parameters.data, t->parameters.len);
	if (t->data.len > 0)
		memcpy(t->memory + t->total_parameters, t->data.data, t->data.len);
	t->parameters = slice_of(t->memory, t->total_parameters);
	t->data = slice_of(t->memory + t->total_parameters, t->total_data);
	return STATUS_SUCCESS;
}

/* The interim answer goes out, and the operation stays until the rest is there. */
static enum srv1_next wait_for_rest(struct srv1_op *op)
{
	struct srv1_conn *s = op->smb1;
	bool room;

	if (!srv1_reply_block(op, op->block.command, NULL, NULL) || !srv1_reply_send(op, STATUS_SUCCESS))
		return SRV1_DROP;
	/* Whoever goes on with it answers by himself: the interim answer comes first. */
	if (op->batch)
		net_batch_flush(op->batch);
	op->batch = NULL;
	pthread_mutex_lock(&s->lock);
	room = !s->lost && s->transaction_count < SRV1_MOST_TRANSACTIONS;
	if (room) {
		list_append(&s->transactions, &op->link);
		s->transaction_count++;
	}
	pthread_mutex_unlock(&s->lock);
	return room ? SRV1_WAIT : srv1_done(op, STATUS_INSUFFICIENT_RESOURCES);
}

/* --- the answer --- */

static bool reply_part(struct srv1_op *op, size_t p_at, size_t p_len, size_t d_at, size_t d_len)
{
	struct srv1_transaction *t = srv1_t(op);
	struct slice p = slice_of(p_len > 0 ? t->out_parameters.data + p_at : NULL, p_len), d = slice_of(d_len > 0 ? t->out_data.data + d_at : NULL, d_len);

	if (t->command == SMB1_NT_TRANSACT) {
		struct smb1_nt_transact_rsp *r = op->out;

		*r = (struct smb1_nt_transact_rsp){.total_parameter_count = (uint32_t)t->out_parameters.len, .total_data_count = (uint32_t)t->out_data.len,
			.parameter_displacement = (uint32_t)p_at, .data_displacement = (uint32_t)d_at, .setup = t->out_setup, .parameters = p, .data = d};
	} else {
		struct smb1_trans_rsp *r = op->out;

		*r = (struct smb1_trans_rsp){.total_parameter_count = (uint16_t)t->out_parameters.len, .total_data_count = (uint16_t)t->out_data.len,
			.parameter_displacement = (uint16_t)p_at, .data_displacement = (uint16_t)d_at, .setup = t->out_setup, .parameters = p, .data = d};
	}
	if (p_at + p_len == t->out_parameters.len && d_at + d_len == t->out_data.len)
		return true;
	return srv1_reply_block(op, op->block.command, op->row->rsp_code, op->out) && srv1_reply_send(op, op->status);
}

/* 3.3.4.1.5: in as many messages as the client's buffer makes of it; the last is the answer of the block. */
static enum srv1_next answer(struct srv1_op *op)
{
	struct srv1_transaction *t = srv1_t(op);
	size_t room = atomic_load(&op->smb1->max_buffer), p = 0, d = 0;

	if (t->out_parameters.len > t->max_parameters)
		t->out_parameters.len = t->max_parameters;
	if (t->out_data.len > t->max_data) {
		t->out_data.len = t->max_data;
		op->status = STATUS_BUFFER_OVERFLOW;
		op->with_body = true;
	}
	room = room > REPLY_OVERHEAD + LEAST_PART ? room - REPLY_OVERHEAD : LEAST_PART;
	do {
		size_t p_len = t->out_parameters.len - p, d_len = t->out_data.len - d;

		if (p_len > room)
			p_len = room;
		if (d_len > room - p_len)
			d_len = room - p_len;
		if (!reply_part(op, p, p_len, d, d_len))
			return SRV1_DROP;
		p += p_len;
		d += d_len;
	} while (p < t->out_parameters.len || d < t->out_data.len);
	return SRV1_DONE;
}

static enum srv1_next run(struct srv1_op *op)
{
	enum srv1_next next = srv1_t(op)->run(op);

	if (next != SRV1_DONE || (!nt_ok(op->status) && !op->with_body))
		return next;
	return answer(op);
}

static enum srv1_next begin(struct srv1_op *op)
{
	struct srv1_transaction *t = srv1_t(op);
	ntstatus status = make_room(t);

	if (!nt_ok(status))
		return srv1_done(op, status);
	switch (t->command) {
	case SMB1_TRANSACTION2:
		t->function = smb1_setup_word(t->setup, 0);
		t->run = t->setup.len >= 2 ? trans2_of(t->function) : NULL;
		break;
	case SMB1_NT_TRANSACT:
		t->run = nt_of(t->function);
		break;
	default:
		t->function = smb1_setup_word(t->setup, 0);
		t->run = srv1_pipe;
	}
	if (!t->run)
		return srv1_done(op, no_function(t));
	return is_whole(t) ? run(op) : wait_for_rest(op);
}

static struct srv1_transaction *transaction_new(struct srv1_op *op)
{
	op->transaction = arena_zalloc(&op->arena, sizeof(*op->transaction));
	if (op->transaction)
		op->transaction->command = op->block.command;
	return op->transaction;
}

/* [MS-CIFS] 3.3.5.31, 3.3.5.37 */
enum srv1_next srv1_transaction(struct srv1_op *op)
{
	const struct smb1_trans_req *in = op->in;
	struct srv1_transaction *t = op->transaction;

	if (t)
		return run(op);
	t = transaction_new(op);
	if (!t)
		return srv1_no_memory(op);
	t->setup = in->setup;
	t->name = srv1_text(op, in->name);
	t->parameters = in->parameters;
	t->data = in->data;
	t->total_parameters = in->total_parameter_count;
	t->total_data = in->total_data_count;
	t->max_parameters = in->max_parameter_count;
	t->max_data = in->max_data_count;
	return begin(op);
}

/* [MS-CIFS] 3.3.5.49 */
enum srv1_next srv1_nt_transact(struct srv1_op *op)
{
	const struct smb1_nt_transact_req *in = op->in;
	struct srv1_transaction *t = op->transaction;

	if (t)
		return run(op);
	t = transaction_new(op);
	if (!t)
		return srv1_no_memory(op);
	t->function = in->function;
	t->setup = in->setup;
	t->parameters = in->parameters;
	t->data = in->data;
	t->total_parameters = in->total_parameter_count;
	t->total_data = in->total_data_count;
	t->max_parameters = in->max_parameter_count;
	t->max_data = in->max_data_count > SRV1_MOST_IO ? SRV1_MOST_IO : in->max_data_count;
	return begin(op);
}

/* --- secondary requests --- */

struct secondary {
	uint8_t of;
	size_t total_parameters, total_data, parameters_at, data_at;
	struct slice parameters, data;
};

static bool is_its(const struct srv1_op *op, const struct srv1_op *first, uint8_t command)
{
	return first->transaction->command == command && srv1_cancel_id(&op->header) == srv1_cancel_id(&first->header) &&
		op->header.tid == first->header.tid;
}

static struct srv1_op *find_first_locked(struct srv1_op *op, uint8_t command)
{
	list_for_each(n, &op->smb1->transactions) {
		struct srv1_op *first = list_entry(n, struct srv1_op, link);

		if (is_its(op, first, command))
			return first;
	}
	return NULL;
}

static bool fits(size_t at, size_t len, size_t total)
{
	return at <= total && len <= total - at;
}

/* false: it says what cannot be, and the transaction is over. */
static bool take(struct srv1_transaction *t, const struct secondary *s)
{
	if (!fits(s->parameters_at, s->parameters.len, t->total_parameters) || !fits(s->data_at, s->data.len, t->total_data))
		return false;
	/* A total may turn out to be less than was said at first ([MS-CIFS] 3.2.4.1.5). */
	if (s->total_parameters > t->total_parameters || s->total_data > t->total_data)
		return false;
	if (s->parameters.len > 0)
		memcpy(t->memory + s->parameters_at, s->parameters.data, s->parameters.len);
	if (s->data.len > 0)
		memcpy(t->memory + t->parameters.len + s->data_at, s->data.data, s->data.len);
	t->got_parameters += s->parameters.len;
	t->got_data += s->data.len;
	t->total_parameters = s->total_parameters;
	t->total_data = s->total_data;
	return s->parameters.len + s->data.len > 0 || is_whole(t);
}

static enum srv1_next whole(struct srv1_op *op)
{
	struct srv1_transaction *t = srv1_t(op);

	t->parameters.len = t->total_parameters;
	t->data.len = t->total_data;
	return run(op);
}

static enum srv1_next malformed(struct srv1_op *op)
{
	return srv1_done(op, STATUS_INVALID_SMB);
}

static enum srv1_next secondary_run(struct srv1_op *op, const struct secondary *s)
{
	struct srv1_op *first;
	bool ok, ready = false;

	pthread_mutex_lock(&op->smb1->lock);
	first = find_first_locked(op, s->of);
	ok = first && take(first->transaction, s);
	ready = first && (!ok || is_whole(first->transaction));
	if (ready) {
		list_remove(&first->link);
		op->smb1->transaction_count--;
	}
	pthread_mutex_unlock(&op->smb1->lock);
	/* One that belongs to nothing has no answer: nobody waits for it. */
	if (!ready)
		return SRV1_SILENT;
	first->handler = ok ? whole : malformed;
	first->sign = op->sign;
	first->sequence = op->sequence;
	srv1_op_resume(first);
	return SRV1_SILENT;
}

/* [MS-CIFS] 3.3.5.31, 3.3.5.37 */
enum srv1_next srv1_transaction_secondary(struct srv1_op *op)
{
	const struct smb1_trans_secondary_req *in = op->in;
	struct secondary s = {
		.of = op->block.command == SMB1_TRANSACTION2_SECONDARY ? SMB1_TRANSACTION2 : SMB1_TRANSACTION,
		.total_parameters = in->total_parameter_count, .total_data = in->total_data_count,
		.parameters_at = in->parameter_displacement, .data_at = in->data_displacement, .parameters = in->parameters, .data = in->data,
	};

	return secondary_run(op, &s);
}

/* [MS-CIFS] 3.3.5.49 */
enum srv1_next srv1_nt_transact_secondary(struct srv1_op *op)
{
	const struct smb1_nt_transact_secondary_req *in = op->in;
	struct secondary s = {
		.of = SMB1_NT_TRANSACT, .total_parameters = in->total_parameter_count, .total_data = in->total_data_count,
		.parameters_at = in->parameter_displacement, .data_at = in->data_displacement, .parameters = in->parameters, .data = in->data,
	};

	return secondary_run(op, &s);
}
