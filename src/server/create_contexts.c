/* CREATE, the request's contexts: [MS-SMB2] 2.2.13.2 (layouts), 3.3.5.9.1 to 3.3.5.9.14 (what they ask for). One row a context;
 * unknown ones are ignored, as clients newer than the server expect (note 241). */
#include "server/create.h"
#include "server/info.h"

#include "proto/proto.h"

#define SVHDX_NAME "\x9C\xCB\xCF\x9E\x04\xC1\xE6\x43\x98\x0E\x15\x8D\xA1\xF6\xEC\x83"
#define APP_INSTANCE_NAME "\x45\xBC\xA6\x6A\xEF\xA7\xF7\x4A\x90\x08\xFA\x46\x2E\x14\x4D\x74"

static bool take_mxac(struct create_op *op, struct slice data)
{
	op->ctx.mxac = true;
	op->ctx.mxac_timed = data.len == 8;
	op->ctx.mxac_time = data.len == 8 ? load_le64(data.data) : 0;
	return data.len == 0 || data.len == 8;
}

static bool take_qfid(struct create_op *op, struct slice data)
{
	op->ctx.qfid = true;
	return data.len == 0;
}

static bool take_alsi(struct create_op *op, struct slice data)
{
	op->ctx.alsi = data.len == 8;
	op->ctx.allocation = data.len == 8 ? load_le64(data.data) : 0;
	return data.len == 8;
}

static bool take_twrp(struct create_op *op, struct slice data)
{
	op->ctx.timewarp = data.len == 8 && load_le64(data.data) != 0;
	return data.len == 8;
}

static bool take_exta(struct create_op *op, struct slice data)
{
	op->ctx.ea_list = data;
	return true;
}

static bool take_secd(struct create_op *op, struct slice data)
{
	op->ctx.secdesc = data;
	return data.len > 0;
}

static bool take_dhnq(struct create_op *op, struct slice data)
{
	op->ctx.dhnq = true;
	return data.len == 16;
}

static bool take_dhnc(struct create_op *op, struct slice data)
{
	op->ctx.dhnc = data.len == 16;
	if (op->ctx.dhnc)
		op->ctx.reconnect_id = (struct smb2_file_id){load_le64(data.data), load_le64(data.data + 8)};
	return op->ctx.dhnc;
}

static bool take_dh2q(struct create_op *op, struct slice data)
{
	struct wire w = wire_decoder(data.data, 0, data.len, &op->r->arena);
	struct smb2_ctx_dh2q_req m = {0};

	smb2_ctx_dh2q_req_code(&w, &m);
	op->ctx.dh2q = true;
	op->ctx.create_guid = m.create_guid;
	op->ctx.durable_timeout_ms = m.timeout;
	return data.len == 32 && wire_ok(&w);
}

static bool take_dh2c(struct create_op *op, struct slice data)
{
	struct wire w = wire_decoder(data.data, 0, data.len, &op->r->arena);
	struct smb2_ctx_dh2c_req m = {0};

	smb2_ctx_dh2c_req_code(&w, &m);
	op->ctx.dh2c = true;
	op->ctx.reconnect_id = m.file_id;
	op->ctx.create_guid = m.create_guid;
	return data.len == 36 && wire_ok(&w);
}

static bool take_rqls(struct create_op *op, struct slice data)
{
	op->ctx.rqls = data;
	op->ctx.any_lease = true;
	return true;
}

/* 3.3.5.9: 0x20 bytes are a lease of 2.1, 0x34 one of 3.x; both count only with oplock level LEASE, or to bring an open back. */
static bool lease_decode(struct create_op *op)
{
	struct slice data = op->ctx.rqls;
	const struct proto_conn *proto = srv_request_proto(op->r);
	struct wire w = wire_decoder(data.data, 0, data.len, &op->r->arena);
	struct smb2_ctx_lease m = {0};
	bool epochs = data.len == 0x34, reconnects = op->ctx.dhnc || op->ctx.dh2c;

	if (!op->ctx.any_lease || (!reconnects && op->in->requested_oplock_level != OPLOCK_LEVEL_LEASE))
		return true;
	if (data.len != 0x20 && !(epochs && proto->dialect >= SMB2_DIALECT_300))
		return false;
	if (epochs)
		smb2_ctx_lease_v2_code(&w, &m);
	else
		smb2_ctx_lease_v1_code(&w, &m);
	op->ctx.leased = (proto->server_capabilities & SMB2_GLOBAL_CAP_LEASING) != 0;
	op->ctx.lease = (struct srv_lease_wish){
		.epoch = m.epoch, .epochs = epochs, .has_parent = epochs && (m.flags & SMB2_LEASE_PARENT_KEY_SET),
	};
	memcpy(op->ctx.lease.key, m.lease_key, sizeof(m.lease_key));
	memcpy(op->ctx.lease.parent_key, m.parent_lease_key, sizeof(m.parent_lease_key));
	op->ctx.lease_state = m.lease_state & FSA_CACHE_ALL;
	return wire_ok(&w);
}

/* 2.2.13.2.13 */
static bool take_app_instance(struct create_op *op, struct slice data)
{
	struct wire w = wire_decoder(data.data, 0, data.len, &op->r->arena);
	struct smb2_ctx_app_instance_id m = {0};

	smb2_ctx_app_instance_id_code(&w, &m);
	op->ctx.app_instance = true;
	op->ctx.app = m.app_instance_id;
	return data.len == 20 && wire_ok(&w);
}

static bool take_svhdx(struct create_op *op, struct slice data)
{
	(void)data;
	op->ctx.shared_disk = true;
	return true;
}

static const struct context_row {
	const char *name;
	size_t name_len;
	uint16_t least_dialect;
	bool (*take)(struct create_op *op, struct slice data);
} rows[] = {
	{"MxAc", 4, SMB2_DIALECT_202, take_mxac},
	{"QFid", 4, SMB2_DIALECT_202, take_qfid},
	{"AlSi", 4, SMB2_DIALECT_202, take_alsi},
	{"TWrp", 4, SMB2_DIALECT_202, take_twrp},
	{"ExtA", 4, SMB2_DIALECT_202, take_exta},
	{"SecD", 4, SMB2_DIALECT_202, take_secd},
	{"DHnQ", 4, SMB2_DIALECT_202, take_dhnq},
	{"DHnC", 4, SMB2_DIALECT_202, take_dhnc},
	{"RqLs", 4, SMB2_DIALECT_210, take_rqls},
	{"DH2Q", 4, SMB2_DIALECT_300, take_dh2q},
	{"DH2C", 4, SMB2_DIALECT_300, take_dh2c},
	{APP_INSTANCE_NAME, 16, SMB2_DIALECT_300, take_app_instance},
	{SVHDX_NAME, 16, SMB2_DIALECT_302, take_svhdx},
};

static bool context_take(struct create_op *op, const struct smb2_create_context *c)
{
	uint16_t dialect = srv_request_proto(op->r)->dialect;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (dialect >= rows[i].least_dialect && slice_equal(c->name, slice_of(rows[i].name, rows[i].name_len)))
			return rows[i].take(op, c->data);
	}
	return true;
}

/* Combinations that exclude each other, and what this server has nothing of. */
static ntstatus contexts_weigh(const struct create_op *op)
{
	const struct create_contexts *c = &op->ctx;

	/* 3.3.5.9.6, .7, .10, .12 */
	if ((c->dhnq || c->dhnc) && (c->dh2q || c->dh2c))
		return STATUS_INVALID_PARAMETER;
	if (c->dh2q && c->dh2c)
		return STATUS_INVALID_PARAMETER;
	/* 3.3.5.9.4: there are no snapshots. */
	if (c->timewarp)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	/* 2.2.13: who says that he knows nothing of EAs cannot bring some. */
	if (c->ea_list.len > 0 && (op->in->create_options & OPTION_NO_EA_KNOWLEDGE))
		return STATUS_ACCESS_DENIED;
	/* 3.3.5.9.14 */
	if (c->shared_disk)
		return STATUS_INVALID_DEVICE_REQUEST;
	return STATUS_SUCCESS;
}

ntstatus create_contexts_parse(struct create_op *op)
{
	struct slice list = op->in->contexts;
	struct smb2_create_context c;
	bool bad = false;
	ntstatus status;

	while (smb2_create_context_next(&list, &c, &bad)) {
		if (!context_take(op, &c))
			return STATUS_INVALID_PARAMETER;
	}
	bad = bad || !lease_decode(op);
	status = bad ? STATUS_INVALID_PARAMETER : contexts_weigh(op);
	return nt_ok(status) ? info_eas_decode(op->ctx.ea_list, &op->r->arena, &op->ctx.eas, &op->ctx.ea_count) : status;
}
