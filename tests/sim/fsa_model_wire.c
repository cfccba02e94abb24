/* Between the reference model and a simulated server, see fsa_model_driver.h: operations become requests, answers and notifications
 * what the model speaks of. */
#include "fsa_model_driver.h"

#include "wire/fscc.h"

enum { FRAME_BYTES = 1024, LEASE_V2_BYTES = 52 };

/* --- connections --- */

void driver_connect(struct driver *d, int conn)
{
	struct raw *r = &d->raw[conn];
	const uint16_t dialect = conn == 3 ? SMB2_DIALECT_210 : 0x0302;

	raw_open_connection(r, &d->sim);
	r->config.capabilities = SMB2_GLOBAL_CAP_LEASING | SMB2_GLOBAL_CAP_DIRECTORY_LEASING;
	r->config.guid = (struct guid){.b = {(uint8_t)(1 + m_client_of(conn))}};
	assert_status(raw_negotiate(r, dialect, dialect), STATUS_SUCCESS);
	assert_status(raw_login(r, "user", "pass"), STATUS_SUCCESS);
	assert_status(raw_tree(r, "share"), STATUS_SUCCESS);
}

void driver_settle(struct driver *d)
{
	while (net_pool_step(d->sim.pool, 0))
		;
}

void driver_disconnect(struct driver *d, int conn)
{
	struct raw *r = &d->raw[conn];

	net_conn_close(r->net, false);
	driver_settle(d);
	assert_true(r->closed);
	net_conn_put(r->net);
	proto_keys_wipe(&r->keys);
	arena_reset(&r->arena);
}

void driver_log_on_again(struct driver *d, int conn, bool session)
{
	struct raw *r = &d->raw[conn];

	r->tree_id = 0;
	if (session) {
		r->session_id = 0;
		proto_keys_wipe(&r->keys);
		r->have_keys = false;
		assert_status(raw_login(r, "user", "pass"), STATUS_SUCCESS);
	}
	assert_status(raw_tree(r, "share"), STATUS_SUCCESS);
}

/* --- requests --- */

static void post(struct raw *r, uint16_t command, const void *req)
{
	uint8_t frame[FRAME_BYTES];

	raw_send(r, frame, raw_encode(r, frame, sizeof(frame), command, req));
}

static struct smb2_file_id id_of(const struct driver *d, const struct m_op *op)
{
	const struct m_open *o = op->open != M_NOBODY ? &d->model.opens[op->open] : NULL;

	return o ? (struct smb2_file_id){o->persistent, o->volatile_id} : (struct smb2_file_id){77, 77};
}

static struct slice path_of(struct raw *r, const struct m_op *op)
{
	static const char letters[] = "abcdefgh";
	char text[16], *p = text;

	if (op->dir == M_DIRECTORY)
		*p++ = letters[op->dir_name];
	if (op->dir == M_DIRECTORY && op->name != M_DIRECTORY_ITSELF)
		*p++ = '\\';
	if (op->name != M_DIRECTORY_ITSELF)
		*p++ = letters[op->name];
	if (op->stream) {
		*p++ = ':';
		*p++ = 's';
	}
	*p = 0;
	return raw_wide(r, text);
}

static struct slice lease_context(struct raw *r, const struct m_op *op)
{
	struct smb2_ctx_lease m = {.lease_state = op->state, .epoch = op->epoch, .flags = op->parent ? SMB2_LEASE_PARENT_KEY_SET : 0};
	uint8_t data[64], *mem = arena_zalloc(&r->arena, 128);
	struct wire w = wire_encoder(data, 0, sizeof(data)), list = wire_encoder(mem, 0, 128);

	m.lease_key[0] = op->key;
	m.parent_lease_key[0] = op->parent;
	if (op->v1)
		smb2_ctx_lease_v1_code(&w, &m);
	else
		smb2_ctx_lease_v2_code(&w, &m);
	smb2_create_context_put(&list, slice_of("RqLs", 4), slice_of(data, w.pos));
	assert_true(wire_ok(&list));
	return slice_of(mem, list.pos);
}

static void send_create(struct raw *r, const struct m_op *op)
{
	struct smb2_create_req req = {
		.impersonation_level = 2, .desired_access = op->access, .share_access = op->share, .create_disposition = op->disposition,
		.create_options = (op->doc ? 0x1000 : 0) | (op->name == M_DIRECTORY_ITSELF ? 1 : 0), .requested_oplock_level = op->level,
		.name = path_of(r, op),
	};

	if (op->level == M_LEVEL_LEASE)
		req.contexts = lease_context(r, op);
	post(r, SMB2_CREATE, &req);
}

static void send_lock(const struct driver *d, struct raw *r, const struct m_op *op)
{
	struct smb2_lock_element e[M_RANGES];
	struct smb2_lock_req req = {.lock_count = (uint16_t)op->range_count, .file_id = id_of(d, op), .locks = e};

	for (int i = 0; i < op->range_count; i++)
		e[i] = (struct smb2_lock_element){op->ranges[i].offset, op->ranges[i].length, op->ranges[i].flags};
	post(r, SMB2_LOCK, &req);
}

static void send_cancel(struct raw *r, const struct m_op *op)
{
	uint8_t frame[128];
	size_t len = raw_encode(r, frame, sizeof(frame), SMB2_CANCEL, &(struct smb2_empty){0});

	/* It has no id of its own. */
	r->next_id--;
	store_le64(frame + 24, op->target_id);
	raw_send_plain(r, frame, len);
}

static void send_set(const struct driver *d, struct raw *r, const struct m_op *op, uint8_t class, struct slice input)
{
	struct smb2_set_info_req req = {.info_type = 1, .file_info_class = class, .file_id = id_of(d, op), .input = input};

	post(r, SMB2_SET_INFO, &req);
}

static void send_rename(const struct driver *d, struct raw *r, const struct m_op *op)
{
	struct slice path = path_of(r, op);
	uint8_t *mem = arena_zalloc(&r->arena, 28 + path.len);

	mem[0] = op->replace;
	store_le32(mem + 16, (uint32_t)path.len);
	memcpy(mem + 20, path.data, path.len);
	send_set(d, r, op, FSCC_FILE_RENAME, slice_of(mem, 20 + path.len < 24 ? 24 : 20 + path.len));
}

static void send_ack(const struct driver *d, struct raw *r, const struct m_op *op)
{
	struct smb2_break ack = {.structure_size = SMB2_BREAK_OPLOCK};

	if (op->kind == M_DO_ACK_OPLOCK) {
		ack.oplock = (struct smb2_oplock_break){.oplock_level = op->level, .file_id = id_of(d, op)};
	} else {
		ack.structure_size = SMB2_BREAK_LEASE_ACK;
		ack.ack = (struct smb2_lease_ack){.lease_key = {op->key}, .lease_state = op->state};
	}
	post(r, SMB2_OPLOCK_BREAK, &ack);
}

void driver_send(struct driver *d, const struct m_op *op)
{
	static const uint8_t data[32];
	struct raw *r = &d->raw[op->conn];
	const uint8_t pending = op->pending;
	uint8_t size[8], basic[40] = {0};

	store_le64(size, op->length);
	store_le32(basic + 32, FILE_ATTRIBUTE_ARCHIVE);
	switch (op->kind) {
	case M_DO_CREATE: send_create(r, op); break;
	case M_DO_CLOSE: post(r, SMB2_CLOSE, &(struct smb2_close_req){.file_id = id_of(d, op)}); break;
	case M_DO_READ:
		post(r, SMB2_READ, &(struct smb2_read_req){.length = (uint32_t)op->length, .offset = op->offset, .file_id = id_of(d, op)});
		break;
	case M_DO_WRITE:
		post(r, SMB2_WRITE, &(struct smb2_write_req){.offset = op->offset, .file_id = id_of(d, op), .data = slice_of(data, op->length)});
		break;
	case M_DO_LOCK: send_lock(d, r, op); break;
	case M_DO_CANCEL: send_cancel(r, op); break;
	case M_DO_DISPOSITION: send_set(d, r, op, FSCC_FILE_DISPOSITION, slice_of(&pending, 1)); break;
	case M_DO_RENAME: send_rename(d, r, op); break;
	case M_DO_SIZE: send_set(d, r, op, FSCC_FILE_END_OF_FILE, slice_of(size, 8)); break;
	case M_DO_ATTRIBUTES: send_set(d, r, op, FSCC_FILE_BASIC, slice_of(basic, sizeof(basic))); break;
	case M_DO_ACK_OPLOCK: case M_DO_ACK_LEASE: send_ack(d, r, op); break;
	case M_DO_TREE_DISCONNECT: post(r, SMB2_TREE_DISCONNECT, &(struct smb2_empty){0}); break;
	case M_DO_LOGOFF: post(r, SMB2_LOGOFF, &(struct smb2_empty){0}); break;
	default: break;
	}
}

/* --- what comes --- */

static void decode(struct raw *r, uint16_t command, struct slice frame, void *rsp)
{
	struct wire w = wire_decoder(frame.data, SMB2_HEADER_SIZE, frame.len, &r->arena);

	w.dialect = r->proto.dialect;
	smb2_message_of(command)->rsp_code(&w, rsp);
	assert_true(wire_ok(&w));
}

static void take_lease(struct raw *r, const struct smb2_create_context *context, struct m_expected *e)
{
	struct wire w = wire_decoder(context->data.data, 0, context->data.len, &r->arena);
	struct smb2_ctx_lease m = {0};

	e->leased = true;
	e->v2 = context->data.len == LEASE_V2_BYTES;
	if (e->v2)
		smb2_ctx_lease_v2_code(&w, &m);
	else
		smb2_ctx_lease_v1_code(&w, &m);
	assert_true(wire_ok(&w));
	e->key = m.lease_key[0];
	e->to = (uint8_t)m.lease_state;
	e->flags = m.flags;
	e->epoch = m.epoch;
}

static void take_created(struct raw *r, struct slice frame, struct driver_message *out)
{
	struct smb2_create_rsp rsp = {0};
	struct smb2_create_context context;
	struct slice list;
	bool bad;

	decode(r, SMB2_CREATE, frame, &rsp);
	out->e.level = rsp.oplock_level;
	out->e.action = rsp.create_action;
	out->e.size = rsp.end_of_file;
	out->id = rsp.file_id;
	list = rsp.contexts;
	while (smb2_create_context_next(&list, &context, &bad))
		take_lease(r, &context, &out->e);
}

/* 2.2.23, 2.2.25 */
static void take_break(struct raw *r, struct slice frame, struct driver_message *out)
{
	struct smb2_break b = {0};

	decode(r, SMB2_OPLOCK_BREAK, frame, &b);
	if (b.structure_size == SMB2_BREAK_OPLOCK) {
		out->e.level = b.oplock.oplock_level;
		out->id = b.oplock.file_id;
	} else if (b.structure_size == SMB2_BREAK_LEASE_ACK) {
		out->e.key = b.ack.lease_key[0];
		out->e.to = (uint8_t)b.ack.lease_state;
	} else {
		out->e.what = M_LEASE_BREAK;
		out->e.key = b.lease.lease_key[0];
		out->e.from = (uint8_t)b.lease.current_lease_state;
		out->e.to = (uint8_t)b.lease.new_lease_state;
		out->e.flags = b.lease.flags;
		out->e.epoch = b.lease.new_epoch;
	}
}

bool driver_receive(struct driver *d, int conn, struct driver_message *out)
{
	struct raw *r = &d->raw[conn];
	struct smb2_read_rsp read = {0};
	struct smb2_header h;
	struct slice f;
	struct wire w;

	if (r->queued == 0)
		return false;
	f = raw_receive(r);
	w = wire_decoder(f.data, 0, f.len, &r->arena);
	smb2_header_code(&w, &h);
	assert_true(wire_ok(&w));
	*out = (struct driver_message){.e = {.conn = conn, .message_id = h.message_id, .status = {h.status}}};
	out->decoded = h.status == 0;
	if (h.status == STATUS_PENDING.code) {
		out->e.what = M_INTERIM;
	} else if (h.command == SMB2_OPLOCK_BREAK && h.status == 0) {
		out->e.what = h.message_id == UINT64_MAX ? M_OPLOCK_BREAK : M_ANSWER;
		take_break(r, f, out);
	} else if (h.command == SMB2_CREATE && h.status == 0) {
		take_created(r, f, out);
	} else if (h.command == SMB2_READ && h.status == 0) {
		decode(r, SMB2_READ, f, &read);
		out->e.size = read.data.len;
	}
	return true;
}
