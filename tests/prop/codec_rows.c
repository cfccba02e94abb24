/* The rows of codec_rows.h. */
#include "codec_rows.h"

#include "wire/fscc.h"
#include "wire/fsctl.h"
#include "wire/secdesc.h"

#define OTHERS(X)                                                                                                      \
	X("header", smb2_header, smb2_header_code, 0, 64)                                                              \
	X("error_rsp", smb2_error_rsp, smb2_error_rsp_code, 64, 8)                                                     \
	X("symlink_error", smb2_symlink_error, smb2_symlink_error_code, 0, 28)                                         \
	X("preauth_caps", smb2_preauth_caps, smb2_preauth_caps_code, 0, 4)                                             \
	X("encryption_caps", smb2_algorithm_caps, smb2_encryption_caps_code, 0, 2)                                     \
	X("signing_caps", smb2_algorithm_caps, smb2_signing_caps_code, 0, 2)                                           \
	X("compression_caps", smb2_algorithm_caps, smb2_compression_caps_code, 0, 8)                                   \
	X("rdma_transform_caps", smb2_rdma_transform_caps, smb2_rdma_transform_caps_code, 0, 8)                        \
	X("ctx_dhnq", smb2_empty, smb2_ctx_dhnq_code, 0, 16)                                                           \
	X("ctx_dhnq_rsp", smb2_empty, smb2_ctx_dhnq_rsp_code, 0, 8)                                                    \
	X("ctx_dhnc", smb2_ctx_file_id, smb2_ctx_dhnc_code, 0, 16)                                                     \
	X("ctx_timestamp", smb2_ctx_timestamp, smb2_ctx_timestamp_code, 0, 8)                                          \
	X("ctx_mxac_rsp", smb2_ctx_mxac_rsp, smb2_ctx_mxac_rsp_code, 0, 8)                                             \
	X("ctx_qfid_rsp", smb2_ctx_qfid_rsp, smb2_ctx_qfid_rsp_code, 0, 32)                                            \
	X("ctx_lease_v1", smb2_ctx_lease, smb2_ctx_lease_v1_code, 0, 32)                                               \
	X("ctx_lease_v2", smb2_ctx_lease, smb2_ctx_lease_v2_code, 0, 52)                                               \
	X("ctx_dh2q_req", smb2_ctx_dh2q_req, smb2_ctx_dh2q_req_code, 0, 32)                                            \
	X("ctx_dh2q_rsp", smb2_ctx_dh2q_rsp, smb2_ctx_dh2q_rsp_code, 0, 8)                                             \
	X("ctx_dh2c_req", smb2_ctx_dh2c_req, smb2_ctx_dh2c_req_code, 0, 36)                                            \
	X("ctx_app_instance_id", smb2_ctx_app_instance_id, smb2_ctx_app_instance_id_code, 0, 20)                       \
	X("ctx_app_instance_version", smb2_ctx_app_instance_version, smb2_ctx_app_instance_version_code, 0, 24)        \
	X("oplock_break", smb2_oplock_break, smb2_oplock_break_code, 64, 24)                                           \
	X("lease_break", smb2_lease_break, smb2_lease_break_code, 64, 44)                                              \
	X("lease_ack", smb2_lease_ack, smb2_lease_ack_code, 64, 36)                                                    \
	X("transform_header", smb2_transform_header, smb2_transform_header_code, 0, 52)                                \
	X("compression_header", smb2_compression_header, smb2_compression_header_code, 0, 16)                          \
	X("query_quota", fscc_query_quota, fscc_query_quota_code, 0, 16)                                               \
	X("secdesc", secdesc, secdesc_code, 0, 20)

#define OTHER_CODER(text, type, coder, start, fixed)                                                                   \
	static void coder##_any(struct wire *w, void *m)                                                               \
	{                                                                                                              \
		coder(w, (struct type *)m);                                                                            \
	}
OTHERS(OTHER_CODER)
#define OTHER_ROW(text, type, coder, start, fixed) {text, sizeof(struct type), start, fixed, coder##_any},
static const struct codec_row others[] = {OTHERS(OTHER_ROW)};

#define FSCTL_CODER(payload, section)                                                                                  \
	static void fsctl_##payload##_any(struct wire *w, void *m)                                                     \
	{                                                                                                              \
		fsctl_##payload##_code(w, (struct fsctl_##payload *)m);                                                \
	}
FSCTL_PAYLOADS(FSCTL_CODER)
#define FSCTL_ROW(payload, section) {"fsctl_" #payload, sizeof(struct fsctl_##payload), 0, 0, fsctl_##payload##_any},
static const struct codec_row fsctls[] = {FSCTL_PAYLOADS(FSCTL_ROW)};

#define MSG(NAME, req, rsp, req_c, rsp_c, req_ss, req_fix, rsp_ss, rsp_fix, conditions, sections_)                     \
	{#NAME "_req", sizeof(struct smb2_##req), SMB2_HEADER_SIZE, req_fix, NULL},                                    \
	{#NAME "_rsp", sizeof(struct smb2_##rsp), SMB2_HEADER_SIZE, rsp_fix, NULL},
static const struct codec_row messages[] = {
#include "wire/msgs.def"
};

/* Class numbers are small; the count of rows is found by asking for each. */
static const struct fscc_class *class_at(size_t i, bool *fs)
{
	for (unsigned n = 0; n < 512; n++) {
		const struct fscc_class *c = n < 256 ? fscc_file_class_of((uint8_t)n) : fscc_fs_class_of((uint8_t)(n - 256));

		*fs = n >= 256;
		if (c && i-- == 0)
			return c;
	}
	return NULL;
}

static size_t class_count(void)
{
	bool fs;
	size_t n = 0;

	while (class_at(n, &fs))
		n++;
	return n;
}

size_t codec_row_count(void)
{
	return ARRAY_LEN(messages) + ARRAY_LEN(others) + ARRAY_LEN(fsctls) + smb1_row_count() + class_count();
}

struct codec_row codec_row_at(size_t i)
{
	const struct fscc_class *c;
	bool fs;

	if (i < ARRAY_LEN(messages)) {
		const struct smb2_message *m = smb2_message_of((uint16_t)(i / 2));
		struct codec_row r = messages[i];

		r.code = i % 2 ? m->rsp_code : m->req_code;
		return r;
	}
	i -= ARRAY_LEN(messages);
	if (i < ARRAY_LEN(others))
		return others[i];
	i -= ARRAY_LEN(others);
	if (i < ARRAY_LEN(fsctls))
		return fsctls[i];
	i -= ARRAY_LEN(fsctls);
	if (i < smb1_row_count())
		return smb1_row_at(i);
	c = class_at(i - smb1_row_count(), &fs);
	return (struct codec_row){c->name, c->size, 0, c->fixed_size, c->code};
}

/* Reading every byte of a view lets the sanitizer see one that points outside. */
static uint8_t touch(struct slice s)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < s.len; i++)
		sum = (uint8_t)(sum + s.data[i]);
	return sum;
}

#define WALK(function, type, next, use)                                                                                \
	static int function(struct slice list)                                                                         \
	{                                                                                                              \
		volatile uint8_t sink = 0;                                                                             \
		bool bad = false;                                                                                      \
		type e;                                                                                                \
		int n = 0;                                                                                             \
                                                                                                                       \
		while (next) {                                                                                         \
			sink = (uint8_t)(sink + (use));                                                                \
			n++;                                                                                           \
		}                                                                                                      \
		return bad ? -1 : n;                                                                                   \
	}
WALK(walk_negotiate, struct smb2_negotiate_context, smb2_negotiate_context_next(&list, &e, &bad), touch(e.data))
WALK(walk_create, struct smb2_create_context, smb2_create_context_next(&list, &e, &bad), touch(e.name) + touch(e.data))
WALK(walk_streams, struct fscc_stream, fscc_stream_next(&list, &e, &bad), touch(e.name))
WALK(walk_eas, struct fscc_ea, fscc_ea_next(&list, &e, &bad), touch(e.name) + touch(e.value))
WALK(walk_get_eas, struct slice, fscc_get_ea_next(&list, &e, &bad), touch(e))
WALK(walk_notify, struct fscc_notify, fscc_notify_next(&list, &e, &bad), touch(e.name))
WALK(walk_quota, struct fscc_quota, fscc_quota_next(&list, &e, &bad), touch(e.sid))
WALK(walk_get_quota, struct slice, fscc_get_quota_next(&list, &e, &bad), touch(e))
WALK(walk_interfaces, struct fsctl_interface, fsctl_interface_next(&list, &e, &bad), e.address[0])
#define WALK_DIR(class)                                                                                                \
	WALK(walk_dir_##class, struct fscc_dir_entry, fscc_dir_entry_next(&list, class, &e, &bad), touch(e.name) + touch(e.short_name))
WALK_DIR(1)
WALK_DIR(2)
WALK_DIR(3)
WALK_DIR(12)
WALK_DIR(37)
WALK_DIR(38)
WALK_DIR(60)
WALK_DIR(63)

static const struct list_row lists[] = {
	{"negotiate_contexts", walk_negotiate}, {"create_contexts", walk_create}, {"streams", walk_streams}, {"eas", walk_eas},
	{"get_eas", walk_get_eas}, {"notify", walk_notify}, {"quota", walk_quota}, {"get_quota", walk_get_quota},
	{"interfaces", walk_interfaces}, {"dir_1", walk_dir_1}, {"dir_2", walk_dir_2}, {"dir_3", walk_dir_3},
	{"dir_12", walk_dir_12}, {"dir_37", walk_dir_37}, {"dir_38", walk_dir_38}, {"dir_60", walk_dir_60},
	{"dir_63", walk_dir_63},
};

size_t list_row_count(void)
{
	return ARRAY_LEN(lists) + smb1_list_row_count();
}

struct list_row list_row_at(size_t i)
{
	return i < ARRAY_LEN(lists) ? lists[i] : smb1_list_row_at(i - ARRAY_LEN(lists));
}
