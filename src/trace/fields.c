/* All fields of a packet, from the printing direction of the coders, with the payloads that have coders of their own. What helps to find out
 * a password or to read other packets is left out unless it is asked for. */
#include "trace/conn.h"

#include "wire/fscc.h"
#include "wire/nbss.h"
#include "wire/smb1/smb1.h"

#include <hythe/types.h>
#include <stdio.h>

enum { ARENA_BYTES = 1 << 20, SECRET_LINE = 160 };

struct sink {
	void (*line)(void *arg, const char *text);
	void *arg;
	bool hide;
};

static bool is_secret(const char *name)
{
	static const char *const secrets[] = {"SecurityBuffer: ", "SecurityBlob: ", "OEMPassword: ", "UnicodePassword: ", "Password: ", "Challenge: ",
		"EncryptionKey: "};

	for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
		if (strncmp(name, secrets[i], strlen(secrets[i])) == 0)
			return true;
	}
	return false;
}

/* "    SecurityBuffer: 74 bytes 4e544c4d..." loses what comes behind the number of bytes. */
static void one_line(void *arg, const char *text)
{
	struct sink *s = arg;
	const char *name = text + strspn(text, " "), *value = name + strcspn(name, " ");
	char hidden[SECRET_LINE];

	if (s->hide && *value && is_secret(name)) {
		int n = (int)((size_t)(value - text) + 1 + strcspn(value + 1, " ") + strlen(" bytes"));

		snprintf(hidden, sizeof(hidden), "%.*s, not shown", n, text);
		text = hidden;
	}
	s->line(s->arg, text);
}

typedef void coder(struct wire *w, void *m);

/* Decodes and prints a payload under a heading of its own. */
static void print_payload(struct wire_printer *printer, const char *title, struct slice data, coder *code, size_t size, struct arena *arena)
{
	struct wire w = wire_decoder(data.data, 0, data.len, arena), p = wire_printer_of(NULL, printer);
	void *m = arena_zalloc(arena, size);

	if (!m)
		return;
	code(&w, m);
	if (!wire_ok(&w))
		return;
	wire_group(&p, title);
	code(&p, m);
	wire_group_end(&p);
}

#define CODER(name, type)                                                                                              \
	static void name##_any(struct wire *w, void *m)                                                                \
	{                                                                                                              \
		name##_code(w, (struct type *)m);                                                                      \
	}
CODER(smb2_preauth_caps, smb2_preauth_caps)
CODER(smb2_encryption_caps, smb2_algorithm_caps)
CODER(smb2_signing_caps, smb2_algorithm_caps)
CODER(smb2_compression_caps, smb2_algorithm_caps)
CODER(smb2_rdma_transform_caps, smb2_rdma_transform_caps)
CODER(smb2_ctx_lease_v1, smb2_ctx_lease)
CODER(smb2_ctx_lease_v2, smb2_ctx_lease)
CODER(smb2_ctx_mxac_rsp, smb2_ctx_mxac_rsp)
CODER(smb2_ctx_qfid_rsp, smb2_ctx_qfid_rsp)
CODER(smb2_ctx_dhnc, smb2_ctx_file_id)
CODER(smb2_ctx_dh2q_req, smb2_ctx_dh2q_req)
CODER(smb2_ctx_dh2q_rsp, smb2_ctx_dh2q_rsp)
CODER(smb2_ctx_dh2c_req, smb2_ctx_dh2c_req)
CODER(smb2_ctx_timestamp, smb2_ctx_timestamp)
#undef CODER

static void print_negotiate_contexts(struct wire_printer *printer, struct slice list, struct arena *arena)
{
	static const struct {
		uint16_t type;
		const char *title;
		coder *code;
		size_t size;
	} known[] = {
		{SMB2_PREAUTH_INTEGRITY_CAPABILITIES, "PREAUTH_INTEGRITY_CAPABILITIES", smb2_preauth_caps_any, sizeof(struct smb2_preauth_caps)},
		{SMB2_ENCRYPTION_CAPABILITIES, "ENCRYPTION_CAPABILITIES", smb2_encryption_caps_any, sizeof(struct smb2_algorithm_caps)},
		{SMB2_SIGNING_CAPABILITIES, "SIGNING_CAPABILITIES", smb2_signing_caps_any, sizeof(struct smb2_algorithm_caps)},
		{SMB2_COMPRESSION_CAPABILITIES, "COMPRESSION_CAPABILITIES", smb2_compression_caps_any, sizeof(struct smb2_algorithm_caps)},
		{SMB2_RDMA_TRANSFORM_CAPABILITIES, "RDMA_TRANSFORM_CAPABILITIES", smb2_rdma_transform_caps_any,
			sizeof(struct smb2_rdma_transform_caps)},
	};
	struct smb2_negotiate_context x;
	bool bad;

	while (smb2_negotiate_context_next(&list, &x, &bad)) {
		for (size_t i = 0; i < ARRAY_LEN(known); i++) {
			if (known[i].type == x.type)
				print_payload(printer, known[i].title, x.data, known[i].code, known[i].size, arena);
		}
	}
}

static void print_create_contexts(struct wire_printer *printer, struct slice list, bool response, struct arena *arena)
{
	static const struct {
		const char *name;
		bool response;
		size_t least, most;
		const char *title;
		coder *code;
		size_t size;
	} known[] = {
		{"RqLs", false, 32, 32, "lease", smb2_ctx_lease_v1_any, sizeof(struct smb2_ctx_lease)},
		{"RqLs", true, 32, 32, "lease", smb2_ctx_lease_v1_any, sizeof(struct smb2_ctx_lease)},
		{"RqLs", false, 52, 52, "lease v2", smb2_ctx_lease_v2_any, sizeof(struct smb2_ctx_lease)},
		{"RqLs", true, 52, 52, "lease v2", smb2_ctx_lease_v2_any, sizeof(struct smb2_ctx_lease)},
		{"MxAc", true, 8, 8, "maximal access", smb2_ctx_mxac_rsp_any, sizeof(struct smb2_ctx_mxac_rsp)},
		{"QFid", true, 32, 32, "disk id", smb2_ctx_qfid_rsp_any, sizeof(struct smb2_ctx_qfid_rsp)},
		{"DHnC", false, 16, 16, "durable reconnect", smb2_ctx_dhnc_any, sizeof(struct smb2_ctx_file_id)},
		{"DH2Q", false, 32, 32, "durable v2", smb2_ctx_dh2q_req_any, sizeof(struct smb2_ctx_dh2q_req)},
		{"DH2Q", true, 8, 8, "durable v2", smb2_ctx_dh2q_rsp_any, sizeof(struct smb2_ctx_dh2q_rsp)},
		{"DH2C", false, 36, 36, "durable reconnect v2", smb2_ctx_dh2c_req_any, sizeof(struct smb2_ctx_dh2c_req)},
		{"TWrp", false, 8, 8, "previous version", smb2_ctx_timestamp_any, sizeof(struct smb2_ctx_timestamp)},
		{"AlSi", false, 8, 8, "allocation size", smb2_ctx_timestamp_any, sizeof(struct smb2_ctx_timestamp)},
	};
	struct smb2_create_context x;
	bool bad;

	while (smb2_create_context_next(&list, &x, &bad)) {
		for (size_t i = 0; x.name.len == 4 && i < ARRAY_LEN(known); i++) {
			if (memcmp(known[i].name, x.name.data, 4) == 0 && known[i].response == response && x.data.len >= known[i].least &&
				x.data.len <= known[i].most)
				print_payload(printer, known[i].title, x.data, known[i].code, known[i].size, arena);
		}
	}
}

static void print_set_info(struct wire_printer *printer, const struct smb2_set_info_req *m, struct arena *arena)
{
	const struct fscc_class *c = m->info_type == HYTHE_INFO_FILE ? fscc_file_class_of(m->file_info_class) :
		m->info_type == HYTHE_INFO_FILESYSTEM ? fscc_fs_class_of(m->file_info_class) : NULL;

	if (c)
		print_payload(printer, c->name, m->input, c->code, c->size, arena);
}

/* What a message carries in a list or a payload. */
static void print_payloads(const struct proto_element *e, struct wire_printer *printer, struct arena *arena)
{
	struct wire w = wire_decoder(e->data, SMB2_HEADER_SIZE, e->len, arena);
	bool response = e->header.flags & SMB2_FLAGS_SERVER_TO_REDIR;
	union {
		struct smb2_negotiate_req negotiate_req;
		struct smb2_negotiate_rsp negotiate_rsp;
		struct smb2_create_req create_req;
		struct smb2_create_rsp create_rsp;
		struct smb2_set_info_req set_info;
	} m;

	memset(&m, 0, sizeof(m));
	if (response && e->header.status != STATUS_SUCCESS.code)
		return;
	if (e->header.command == SMB2_NEGOTIATE && response) {
		smb2_negotiate_rsp_code(&w, &m.negotiate_rsp);
		if (wire_ok(&w))
			print_negotiate_contexts(printer, m.negotiate_rsp.contexts, arena);
	} else if (e->header.command == SMB2_NEGOTIATE) {
		smb2_negotiate_req_code(&w, &m.negotiate_req);
		if (wire_ok(&w))
			print_negotiate_contexts(printer, m.negotiate_req.contexts, arena);
	} else if (e->header.command == SMB2_CREATE && response) {
		smb2_create_rsp_code(&w, &m.create_rsp);
		if (wire_ok(&w))
			print_create_contexts(printer, m.create_rsp.contexts, true, arena);
	} else if (e->header.command == SMB2_CREATE) {
		smb2_create_req_code(&w, &m.create_req);
		if (wire_ok(&w))
			print_create_contexts(printer, m.create_req.contexts, false, arena);
	} else if (e->header.command == SMB2_SET_INFO && !response) {
		smb2_set_info_req_code(&w, &m.set_info);
		if (wire_ok(&w))
			print_set_info(printer, &m.set_info, arena);
	}
}

static void print_transform(const struct trace_packet *p, struct wire_printer *printer)
{
	struct smb2_transform_header h;
	struct wire w = wire_decoder(p->raw.data + 4, 0, p->raw.len - 4, NULL), out = wire_printer_of(NULL, printer);

	smb2_transform_header_code(&w, &h);
	if (!wire_ok(&w))
		return;
	wire_group(&out, "transform header");
	smb2_transform_header_code(&out, &h);
	wire_group_end(&out);
}

void trace_fields(const struct trace_packet *p, bool secrets, void (*line)(void *arg, const char *text), void *arg)
{
	struct sink sink = {.line = line, .arg = arg};
	struct wire_printer printer = {.line = one_line, .arg = &sink};
	struct proto_chain chain = {.next = (uint8_t *)(uintptr_t)p->plain.data, .left = p->plain.len, .lenient = true};
	struct proto_element e;
	struct arena arena;
	ntstatus status;

	arena_init(&arena, NULL, 0, ARENA_BYTES);
	if (p->sealed)
		print_transform(p, &printer);
	if (p->raw.len >= 4 && p->raw.data[0] != 0)
		nbss_print(p->raw, &printer);
	if (p->plain.len >= 4 && load_le32(p->plain.data) == SMB1_PROTOCOL_ID) {
		sink.hide = !secrets;
		smb1_print(p->plain, &arena, &printer);
		arena_reset(&arena);
	}
	if (p->plain.len < 4 || load_le32(p->plain.data) != SMB2_PROTOCOL_ID)
		return;
	while (proto_chain_next(&chain, &e, &status)) {
		sink.hide = !secrets && e.header.command == SMB2_SESSION_SETUP;
		smb2_print(slice_of(e.data, e.len), &arena, &printer);
		printer.depth = 1;
		print_payloads(&e, &printer, &arena);
		printer.depth = 0;
		arena_reset(&arena);
	}
	arena_reset(&arena);
}
