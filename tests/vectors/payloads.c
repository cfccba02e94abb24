/* See payloads.h. */
#include "payloads.h"
#include "seeds.h"

#include "wire/fscc.h"
#include "wire/fsctl.h"
#include "wire/secdesc.h"

#include <stdio.h>
#include <stdlib.h>

struct payload_counts payload_counts;

typedef void coder(struct wire *w, void *m);

static void show(const char *what, struct slice a, struct slice b)
{
	static unsigned shown;

	if (shown++ > 10)
		return;
	printf("%s encodes differently:\n  in  ", what);
	for (size_t i = 0; i < a.len; i++)
		printf("%02x", a.data[i]);
	printf("\n  out ");
	for (size_t i = 0; i < b.len; i++)
		printf("%02x", b.data[i]);
	printf("\n");
}

static void tally(enum payload_kind kind, const char *what, struct slice in, struct slice out)
{
	if (slice_equal(in, out)) {
		payload_counts.good[kind]++;
		return;
	}
	payload_counts.different[kind]++;
	show(what, in, out);
}

/* Decodes, encodes, compares; bytes behind the structure do not count. false: refused. */
static bool same(enum payload_kind kind, const char *what, coder *code, size_t size, struct slice data)
{
	void *m = calloc(1, size);
	uint8_t *out = calloc(1, data.len + 64);
	struct arena a;
	struct wire w, e;
	bool ok;

	seed_write(what, data);
	arena_init(&a, NULL, 0, 0);
	w = wire_decoder(data.data, 0, data.len, &a);
	e = wire_encoder(out, 0, data.len + 64);
	code(&w, m);
	ok = wire_ok(&w);
	if (ok) {
		code(&e, m);
		if (e.pos < data.len)
			data.len = e.pos;
		else if (data.len < e.pos && data.len >= w.pos)
			e.pos = data.len; /* we pad where the sender did not */
		tally(kind, what, data, slice_of(out, wire_ok(&e) ? e.pos : 0));
	} else {
		payload_counts.refused[kind]++;
	}
	arena_reset(&a);
	free(out);
	free(m);
	return ok;
}

#define ANY(function, type)                                                                                            \
	static void any_##function(struct wire *w, void *m)                                                            \
	{                                                                                                              \
		function(w, (struct type *)m);                                                                         \
	}
ANY(smb2_preauth_caps_code, smb2_preauth_caps)
ANY(smb2_encryption_caps_code, smb2_algorithm_caps)
ANY(smb2_signing_caps_code, smb2_algorithm_caps)
ANY(smb2_compression_caps_code, smb2_algorithm_caps)
ANY(smb2_ctx_dhnq_code, smb2_empty)
ANY(smb2_ctx_dhnq_rsp_code, smb2_empty)
ANY(smb2_ctx_dhnc_code, smb2_ctx_file_id)
ANY(smb2_ctx_timestamp_code, smb2_ctx_timestamp)
ANY(smb2_ctx_mxac_rsp_code, smb2_ctx_mxac_rsp)
ANY(smb2_ctx_qfid_rsp_code, smb2_ctx_qfid_rsp)
ANY(smb2_ctx_lease_v1_code, smb2_ctx_lease)
ANY(smb2_ctx_lease_v2_code, smb2_ctx_lease)
ANY(smb2_ctx_dh2q_req_code, smb2_ctx_dh2q_req)
ANY(smb2_ctx_dh2q_rsp_code, smb2_ctx_dh2q_rsp)
ANY(smb2_ctx_dh2c_req_code, smb2_ctx_dh2c_req)
ANY(smb2_ctx_app_instance_id_code, smb2_ctx_app_instance_id)
ANY(smb2_symlink_error_code, smb2_symlink_error)
#define FSCTLS(X)                                                                                                      \
	X(copychunk) X(copychunk_rsp) X(resume_key) X(resiliency) X(validate_negotiate) X(validate_negotiate_rsp)      \
	X(snapshots) X(interface) X(pipe_wait) X(file_level_trim) X(zero_data) X(ranges) X(set_sparse) X(compression)  \
	X(object_id) X(duplicate_extents) X(reparse) X(dfs_referral)
#define FSCTL_ANY(payload) ANY(fsctl_##payload##_code, fsctl_##payload)
FSCTLS(FSCTL_ANY)

void payload_negotiate_contexts(struct slice list, unsigned count)
{
	struct slice whole = list;
	struct smb2_negotiate_context c;
	uint8_t *out = calloc(1, list.len + 64);
	struct wire e = wire_encoder(out, 0, list.len + 64);
	bool bad = false;

	seed_write("negotiate_contexts", list);
	for (unsigned i = 0; i < count && smb2_negotiate_context_next(&list, &c, &bad); i++) {
		smb2_negotiate_context_put(&e, c.type, c.data);
		if (c.type == SMB2_PREAUTH_INTEGRITY_CAPABILITIES)
			same(PAYLOAD_NEGOTIATE_CONTEXT, "preauth_caps", any_smb2_preauth_caps_code, sizeof(struct smb2_preauth_caps), c.data);
		if (c.type == SMB2_ENCRYPTION_CAPABILITIES)
			same(PAYLOAD_NEGOTIATE_CONTEXT, "encryption_caps", any_smb2_encryption_caps_code, sizeof(struct smb2_algorithm_caps), c.data);
		if (c.type == SMB2_SIGNING_CAPABILITIES)
			same(PAYLOAD_NEGOTIATE_CONTEXT, "signing_caps", any_smb2_signing_caps_code, sizeof(struct smb2_algorithm_caps), c.data);
		if (c.type == SMB2_COMPRESSION_CAPABILITIES)
			same(PAYLOAD_NEGOTIATE_CONTEXT, "compression_caps", any_smb2_compression_caps_code, sizeof(struct smb2_algorithm_caps), c.data);
	}
	whole.len -= list.len;
	if (round_up(e.pos, 8) == whole.len) /* padding behind the last one is optional */
		whole.len = e.pos;
	tally(PAYLOAD_NEGOTIATE_CONTEXT, "list of negotiate contexts", whole, slice_of(out, bad ? 0 : e.pos));
	free(out);
}

static const struct {
	const char *name;
	size_t len;
	bool rsp;
	const char *row;
	coder *code;
	size_t size;
} contexts[] = {
	{"DHnQ", 16, false, "ctx_dhnq", any_smb2_ctx_dhnq_code, sizeof(struct smb2_empty)},
	{"DHnQ", 8, true, "ctx_dhnq_rsp", any_smb2_ctx_dhnq_rsp_code, sizeof(struct smb2_empty)},
	{"DHnC", 16, false, "ctx_dhnc", any_smb2_ctx_dhnc_code, sizeof(struct smb2_ctx_file_id)},
	{"MxAc", 8, false, "ctx_timestamp", any_smb2_ctx_timestamp_code, sizeof(struct smb2_ctx_timestamp)},
	{"MxAc", 8, true, "ctx_mxac_rsp", any_smb2_ctx_mxac_rsp_code, sizeof(struct smb2_ctx_mxac_rsp)},
	{"TWrp", 8, false, "ctx_timestamp", any_smb2_ctx_timestamp_code, sizeof(struct smb2_ctx_timestamp)},
	{"AlSi", 8, false, "ctx_timestamp", any_smb2_ctx_timestamp_code, sizeof(struct smb2_ctx_timestamp)},
	{"QFid", 32, true, "ctx_qfid_rsp", any_smb2_ctx_qfid_rsp_code, sizeof(struct smb2_ctx_qfid_rsp)},
	{"RqLs", 32, false, "ctx_lease_v1", any_smb2_ctx_lease_v1_code, sizeof(struct smb2_ctx_lease)},
	{"RqLs", 32, true, "ctx_lease_v1", any_smb2_ctx_lease_v1_code, sizeof(struct smb2_ctx_lease)},
	{"RqLs", 52, false, "ctx_lease_v2", any_smb2_ctx_lease_v2_code, sizeof(struct smb2_ctx_lease)},
	{"RqLs", 52, true, "ctx_lease_v2", any_smb2_ctx_lease_v2_code, sizeof(struct smb2_ctx_lease)},
	{"DH2Q", 32, false, "ctx_dh2q_req", any_smb2_ctx_dh2q_req_code, sizeof(struct smb2_ctx_dh2q_req)},
	{"DH2Q", 8, true, "ctx_dh2q_rsp", any_smb2_ctx_dh2q_rsp_code, sizeof(struct smb2_ctx_dh2q_rsp)},
	{"DH2C", 36, false, "ctx_dh2c_req", any_smb2_ctx_dh2c_req_code, sizeof(struct smb2_ctx_dh2c_req)},
};

static void ea_list(struct slice list)
{
	struct slice whole = list;
	struct fscc_list out = {.out = calloc(1, list.len + 64), .cap = list.len + 64};
	struct fscc_ea e;
	bool bad = false;

	seed_write("eas", list);
	while (fscc_ea_next(&list, &e, &bad))
		fscc_ea_put(&out, &e);
	if (bad)
		payload_counts.refused[PAYLOAD_EA]++;
	else if (round_up(out.len, 4) == whole.len || out.len == whole.len)
		tally(PAYLOAD_EA, "list of extended attributes", slice_of(whole.data, out.len), slice_of(out.out, out.len));
	else
		payload_counts.different[PAYLOAD_EA]++;
	free(out.out);
}

static void secdesc(struct slice data)
{
	struct secdesc d;
	struct arena a;
	struct wire w, e, again;
	uint8_t *out = calloc(1, data.len + 256), *twice = calloc(1, data.len + 256);

	seed_write("secdesc", data);
	arena_init(&a, NULL, 0, 0);
	w = wire_decoder(data.data, 0, data.len, &a);
	secdesc_code(&w, &d);
	if (!wire_ok(&w)) {
		payload_counts.refused[PAYLOAD_SECDESC]++;
		goto out;
	}
	e = wire_encoder(out, 0, data.len + 256);
	secdesc_code(&e, &d);
	if (e.pos == data.len) { /* the usual order of the parts */
		tally(PAYLOAD_SECDESC, "security descriptor", data, slice_of(out, e.pos));
		goto out;
	}
	w = wire_decoder(out, 0, e.pos, &a);
	secdesc_code(&w, &d);
	again = wire_encoder(twice, 0, data.len + 256);
	secdesc_code(&again, &d);
	tally(PAYLOAD_SECDESC, "security descriptor in another order", slice_of(out, e.pos), slice_of(twice, again.pos));
out:
	arena_reset(&a);
	free(out);
	free(twice);
}

static void create_context(const struct smb2_create_context *c, bool rsp)
{
	for (size_t i = 0; i < ARRAY_LEN(contexts); i++) {
		if (c->name.len == 4 && memcmp(contexts[i].name, c->name.data, 4) == 0 && contexts[i].len == c->data.len &&
			contexts[i].rsp == rsp) {
			same(PAYLOAD_CREATE_CONTEXT, contexts[i].row, contexts[i].code, contexts[i].size, c->data);
			return;
		}
	}
	if (c->name.len == 4 && memcmp("ExtA", c->name.data, 4) == 0)
		ea_list(c->data);
	else if (c->name.len == 4 && memcmp("SecD", c->name.data, 4) == 0)
		secdesc(c->data);
	else if (c->name.len == 16 && c->data.len == 20)
		same(PAYLOAD_CREATE_CONTEXT, "ctx_app_instance_id", any_smb2_ctx_app_instance_id_code, sizeof(struct smb2_ctx_app_instance_id), c->data);
}

void payload_create_contexts(struct slice list, bool rsp)
{
	struct slice whole = list;
	struct smb2_create_context c;
	uint8_t *out = calloc(1, list.len + 64);
	struct wire e = wire_encoder(out, 0, list.len + 64);
	bool bad = false;

	seed_write("create_contexts", list);
	while (smb2_create_context_next(&list, &c, &bad)) {
		smb2_create_context_put(&e, c.name, c.data);
		create_context(&c, rsp);
	}
	if (bad) {
		payload_counts.refused[PAYLOAD_CREATE_CONTEXT]++;
	} else {
		/* DataOffset of an element without data may be anything, and padding behind the last one is optional. */
		for (size_t at = 0; at + 16 <= e.pos && at + 16 <= whole.len; at += load_le32(out + at)) {
			if (load_le32(out + at + 12) == 0)
				memcpy(out + at + 10, whole.data + at + 10, 2);
			if (load_le32(out + at) == 0)
				break;
		}
		if (round_up(e.pos, 8) == whole.len)
			whole.len = e.pos;
		tally(PAYLOAD_CREATE_CONTEXT, "list of create contexts", whole, slice_of(out, e.pos));
	}
	free(out);
}

static void streams(struct slice list)
{
	struct slice whole = list;
	struct fscc_list out = {.out = calloc(1, list.len + 64), .cap = list.len + 64};
	struct fscc_stream s;
	bool bad = false;

	seed_write("streams", list);
	while (fscc_stream_next(&list, &s, &bad))
		fscc_stream_put(&out, &s);
	if (bad)
		payload_counts.refused[PAYLOAD_STREAM]++;
	else
		tally(PAYLOAD_STREAM, "streams", slice_of(whole.data, out.len < whole.len ? out.len : whole.len), slice_of(out.out, out.len));
	free(out.out);
}

void payload_info(uint8_t info_type, uint8_t class, struct slice data, bool cut)
{
	enum payload_kind kind = info_type == 2 ? PAYLOAD_FS_CLASS : PAYLOAD_FILE_CLASS;
	const struct fscc_class *c = info_type == 1 ? fscc_file_class_of(class) : info_type == 2 ? fscc_fs_class_of(class) : NULL;

	if (cut || data.len == 0)
		return;
	if (c)
		same(kind, c->name, c->code, c->size, data);
	else if (info_type == 1 && class == FSCC_FILE_STREAM)
		streams(data);
	else if (info_type == 1 && class == FSCC_FILE_FULL_EA)
		ea_list(data);
	else if (info_type == 3)
		secdesc(data);
}

void payload_directory(uint8_t class, struct slice list)
{
	struct slice whole = list;
	struct fscc_list out = {.out = calloc(1, list.len + 64), .cap = list.len + 64};
	struct fscc_dir_entry e;
	bool bad = false;
	unsigned n = 0;
	char row[16];

	snprintf(row, sizeof(row), "dir_%u", class);
	seed_write(row, list);
	while (fscc_dir_entry_next(&list, class, &e, &bad)) {
		fscc_dir_list_put(&out, class, &e);
		n++;
	}
	if (bad || (round_up(out.len, 8) != whole.len && out.len != whole.len) || memcmp(out.out, whole.data, out.len) != 0) {
		payload_counts.different[PAYLOAD_DIR_ENTRY]++;
		show("directory entries", whole, slice_of(out.out, out.len));
	} else {
		payload_counts.good[PAYLOAD_DIR_ENTRY] += n;
	}
	free(out.out);
}

void payload_notify(struct slice list)
{
	struct slice whole = list;
	struct fscc_list out = {.out = calloc(1, list.len + 64), .cap = list.len + 64};
	struct fscc_notify n;
	bool bad = false;

	seed_write("notify", list);
	while (fscc_notify_next(&list, &n, &bad))
		fscc_notify_put(&out, &n);
	if (round_up(out.len, 4) == whole.len)
		whole.len = out.len;
	tally(PAYLOAD_NOTIFY, "notifications", whole, slice_of(out.out, bad ? 0 : out.len));
	free(out.out);
}

#define FSCTL(code, way, payload) {code, way, "fsctl_" #payload, any_fsctl_##payload##_code, sizeof(struct fsctl_##payload)}
static const struct {
	uint32_t code;
	bool rsp;
	const char *row;
	coder *coder;
	size_t size;
} fsctls[] = {
	FSCTL(FSCTL_SRV_COPYCHUNK, false, copychunk), FSCTL(FSCTL_SRV_COPYCHUNK_WRITE, false, copychunk),
	FSCTL(FSCTL_SRV_COPYCHUNK, true, copychunk_rsp), FSCTL(FSCTL_SRV_COPYCHUNK_WRITE, true, copychunk_rsp),
	FSCTL(FSCTL_SRV_REQUEST_RESUME_KEY, true, resume_key), FSCTL(FSCTL_LMR_REQUEST_RESILIENCY, false, resiliency),
	FSCTL(FSCTL_VALIDATE_NEGOTIATE_INFO, false, validate_negotiate), FSCTL(FSCTL_VALIDATE_NEGOTIATE_INFO, true, validate_negotiate_rsp),
	FSCTL(FSCTL_SRV_ENUMERATE_SNAPSHOTS, true, snapshots), FSCTL(FSCTL_QUERY_NETWORK_INTERFACE_INFO, true, interface),
	FSCTL(FSCTL_PIPE_WAIT, false, pipe_wait), FSCTL(FSCTL_FILE_LEVEL_TRIM, false, file_level_trim),
	FSCTL(FSCTL_SET_ZERO_DATA, false, zero_data), FSCTL(FSCTL_QUERY_ALLOCATED_RANGES, false, ranges),
	FSCTL(FSCTL_QUERY_ALLOCATED_RANGES, true, ranges), FSCTL(FSCTL_SET_SPARSE, false, set_sparse),
	FSCTL(FSCTL_SET_COMPRESSION, false, compression), FSCTL(FSCTL_GET_COMPRESSION, true, compression),
	FSCTL(FSCTL_CREATE_OR_GET_OBJECT_ID, true, object_id), FSCTL(FSCTL_DUPLICATE_EXTENTS_TO_FILE, false, duplicate_extents),
	FSCTL(FSCTL_SET_REPARSE_POINT, false, reparse), FSCTL(FSCTL_GET_REPARSE_POINT, true, reparse),
	FSCTL(FSCTL_DFS_GET_REFERRALS, false, dfs_referral),
};

void payload_fsctl(uint32_t code, struct slice data, bool rsp)
{
	for (size_t i = 0; i < ARRAY_LEN(fsctls) && data.len != 0; i++) {
		struct slice s = data;
		size_t next;

		if (fsctls[i].code != code || fsctls[i].rsp != rsp)
			continue;
		if (code == FSCTL_SET_SPARSE && s.data[0] != 0)
			s = slice_of("\1", 1); /* any other value than 0 is true; we send 1 */
		if (code != FSCTL_QUERY_NETWORK_INTERFACE_INFO) {
			same(PAYLOAD_FSCTL, fsctls[i].row, fsctls[i].coder, fsctls[i].size, s);
			return;
		}
		for (; s.len >= 152; s = slice_of(s.data + next, s.len - next)) {
			uint8_t element[152];

			memcpy(element, s.data, sizeof(element));
			store_le32(element, 0);
			same(PAYLOAD_FSCTL, fsctls[i].row, fsctls[i].coder, fsctls[i].size, slice_of(element, sizeof(element)));
			next = load_le32(s.data);
			if (next != 152)
				return;
		}
	}
}

void payload_symlink(struct slice error_data)
{
	same(PAYLOAD_SYMLINK, "symlink_error", any_smb2_symlink_error_code, sizeof(struct smb2_symlink_error), error_data);
}
