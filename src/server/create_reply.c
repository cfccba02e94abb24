/* CREATE, the answer: [MS-SMB2] 2.2.14, 3.3.5.9, and the response contexts of 3.3.5.9.5 (MxAc), 3.3.5.9.9 (QFid),
 * 3.3.5.9.8 and 3.3.5.9.11 (leases), 3.3.5.9.6 and 3.3.5.9.10 (durable opens). */
#include "server/create.h"

#include "wire/smb2.h"

enum { CONTEXTS_BYTES = 256 };

/* 3.3.5.9.5 */
static void put_mxac(struct create_op *op, struct wire *list)
{
	bool unchanged = op->ctx.mxac_timed && op->ctx.mxac_time == op->found.stat.changed;
	struct smb2_ctx_mxac_rsp m = {
		.query_status = unchanged ? STATUS_NONE_MAPPED.code : 0,
		.maximal_access = unchanged ? 0 : op->maximal,
	};
	uint8_t data[8];
	struct wire w = wire_encoder(data, 0, sizeof(data));

	smb2_ctx_mxac_rsp_code(&w, &m);
	smb2_create_context_put(list, slice_of("MxAc", 4), slice_of(data, w.pos));
}

/* 3.3.5.9.9 */
static void put_qfid(struct create_op *op, struct wire *list)
{
	struct smb2_ctx_qfid_rsp m = {
		.disk_file_id = op->found.stat.file_id,
		.volume_id = op->r->tree->share->volume_serial,
	};
	uint8_t data[32];
	struct wire w = wire_encoder(data, 0, sizeof(data));

	smb2_ctx_qfid_rsp_code(&w, &m);
	smb2_create_context_put(list, slice_of("QFid", 4), slice_of(data, w.pos));
}

/* 3.3.5.9.8, 3.3.5.9.11: what the lease was when the open became one of it; breaks since then are told behind this answer. */
static void put_rqls(struct create_op *op, struct wire *list)
{
	const struct srv_open *o = op->open;
	const struct srv_lease_wish *wish = &op->ctx.lease;
	/* 2.2.14.2.10: the first form has no parent, not even for who asks in the second. */
	bool has_parent = wish->has_parent && o->grant->epochs;
	struct smb2_ctx_lease m = {
		.lease_state = op->got.cache,
		.flags = (op->got.breaking ? SMB2_LEASE_BREAK_IN_PROGRESS : 0) | (has_parent ? SMB2_LEASE_PARENT_KEY_SET : 0),
		.epoch = op->got.epoch,
	};
	uint8_t data[64];
	struct wire w = wire_encoder(data, 0, sizeof(data));

	memcpy(m.lease_key, wish->key, sizeof(m.lease_key));
	if (has_parent)
		memcpy(m.parent_lease_key, wish->parent_key, sizeof(m.parent_lease_key));
	if (o->grant->epochs)
		smb2_ctx_lease_v2_code(&w, &m);
	else
		smb2_ctx_lease_v1_code(&w, &m);
	smb2_create_context_put(list, slice_of("RqLs", 4), slice_of(data, w.pos));
}

/* 3.3.5.9.6 */
static void put_dhnq(struct wire *list)
{
	struct smb2_empty m = {0};
	uint8_t data[8];
	struct wire w = wire_encoder(data, 0, sizeof(data));

	smb2_ctx_dhnq_rsp_code(&w, &m);
	smb2_create_context_put(list, slice_of("DHnQ", 4), slice_of(data, w.pos));
}

/* 3.3.5.9.10 */
static void put_dh2q(const struct create_op *op, struct wire *list)
{
	struct smb2_ctx_dh2q_rsp m = {.timeout = op->open->durable->timeout_ms};
	uint8_t data[8];
	struct wire w = wire_encoder(data, 0, sizeof(data));

	smb2_ctx_dh2q_rsp_code(&w, &m);
	smb2_create_context_put(list, slice_of("DH2Q", 4), slice_of(data, w.pos));
}

static bool has_lease(const struct create_op *op)
{
	return op->open->grant && op->open->grant->fsa.lease;
}

static ntstatus reply_contexts(struct create_op *op, struct slice *out)
{
	uint8_t *data;
	struct wire list;

	if (!op->ctx.mxac && !op->ctx.qfid && !has_lease(op) && !op->tell_durable)
		return STATUS_SUCCESS;
	data = arena_alloc(&op->r->arena, CONTEXTS_BYTES);
	if (!data)
		return STATUS_INSUFFICIENT_RESOURCES;
	list = wire_encoder(data, 0, CONTEXTS_BYTES);
	if (op->ctx.mxac)
		put_mxac(op, &list);
	if (op->ctx.qfid)
		put_qfid(op, &list);
	if (has_lease(op))
		put_rqls(op, &list);
	if (op->tell_durable && op->ctx.dh2q)
		put_dh2q(op, &list);
	else if (op->tell_durable)
		put_dhnq(&list);
	*out = slice_of(data, list.pos);
	return list.error;
}

ntstatus create_reply_fill(struct create_op *op, struct smb2_create_rsp *out)
{
	const struct vfs_stat *st = &op->found.stat;

	out->oplock_level = has_lease(op) ? OPLOCK_LEVEL_LEASE : fsa_level_of_cache(op->got.cache);
	out->create_action = op->action;
	out->creation_time = st->created;
	out->last_access_time = st->accessed;
	out->last_write_time = fsa_written_shown(op->r->tree->share->fsa, st->id, st->written, clock_ms(op->r->srv->clock));
	out->change_time = st->changed;
	out->allocation_size = st->directory ? 0 : st->allocation;
	out->end_of_file = st->directory ? 0 : st->size;
	/* 2.2.14: the last component of the path is a reparse point, and was opened itself. */
	if (srv_request_proto(op->r)->dialect >= SMB2_DIALECT_300 && st->symlink)
		out->flags = SMB2_CREATE_FLAG_REPARSEPOINT;
	out->file_attributes = st->attributes | (op->open->name_hides ? FILE_ATTRIBUTE_HIDDEN : 0);
	/* As NTFS shows its own. */
	if (op->quota_index) {
		out->creation_time = out->last_access_time = out->last_write_time = out->change_time = 0;
		out->file_attributes = FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM | FILE_ATTRIBUTE_ARCHIVE;
	}
	return reply_contexts(op, &out->contexts);
}
