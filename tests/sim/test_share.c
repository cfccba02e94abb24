/* What a share's options change, and small things that hang on the share: object ids, the index of quotas, hidden names. */
#include "sim.h"

#include "server/share.h"
#include "wire/fscc.h"
#include "wire/fsctl.h"

enum { ALL = 0x1F01FF, OPEN = 1, CREATE = 2, OVERWRITE = 4, OPEN_IF = 3, DIRECTORY = 1, INFO_FILE = 1 };

static struct {
	struct sim sim;
	struct raw raw;
	struct srv_share *share;
} fx;

static void start(void)
{
	sim_start(&fx.sim, NULL);
	raw_ready(&fx.raw, &fx.sim, SMB2_DIALECT_311);
	fx.share = srv_share_find(&fx.sim.srv, raw_wide(&fx.raw, "share"));
	assert_non_null(fx.share);
}

static void stop(void)
{
	srv_share_put(fx.share);
	raw_close(&fx.raw);
	sim_stop(&fx.sim);
}

/* --- object ids --- */

static ntstatus control(uint32_t code, uint32_t room, uint8_t out[64])
{
	struct smb2_ioctl_req req = {.ctl_code = code, .file_id = fx.raw.file_id, .max_output_response = room, .flags = 1};
	struct smb2_ioctl_rsp rsp = {0};
	ntstatus status = raw_call(&fx.raw, SMB2_IOCTL, &req, &rsp);

	if (nt_ok(status) && out) {
		assert_int_equal(rsp.output.len, 64);
		memcpy(out, rsp.output.data, 64);
	}
	return status;
}

static void test_an_object_id_is_made_once_and_stays(void **state)
{
	uint8_t first[64], again[64], other[64];

	(void)state;
	start();
	assert_status(raw_open(&fx.raw, "f", ALL, CREATE, 0), STATUS_SUCCESS);
	assert_status(control(FSCTL_GET_OBJECT_ID, 64, NULL), STATUS_OBJECTID_NOT_FOUND);
	assert_status(control(FSCTL_CREATE_OR_GET_OBJECT_ID, 63, NULL), STATUS_INVALID_PARAMETER);
	assert_status(control(FSCTL_CREATE_OR_GET_OBJECT_ID, 64, first), STATUS_SUCCESS);
	assert_status(control(FSCTL_CREATE_OR_GET_OBJECT_ID, 64, again), STATUS_SUCCESS);
	assert_memory_equal(first, again, 64);
	assert_memory_equal(first, first + 32, 16);
	assert_status(raw_open(&fx.raw, "g", ALL, CREATE, 0), STATUS_SUCCESS);
	assert_status(control(FSCTL_CREATE_OR_GET_OBJECT_ID, 64, other), STATUS_SUCCESS);
	assert_memory_not_equal(first, other, 16);
	/* Born on the same volume. */
	assert_memory_equal(first + 16, other + 16, 16);
	assert_status(control(FSCTL_DELETE_OBJECT_ID, 0, NULL), STATUS_SUCCESS);
	assert_status(control(FSCTL_GET_OBJECT_ID, 64, NULL), STATUS_OBJECTID_NOT_FOUND);
	assert_status(control(FSCTL_DELETE_OBJECT_ID, 0, NULL), STATUS_SUCCESS);
	stop();
}

static void test_who_may_only_read_takes_no_object_id_away(void **state)
{
	uint8_t id[64];

	(void)state;
	start();
	assert_status(raw_open(&fx.raw, "f", ALL, CREATE, 0), STATUS_SUCCESS);
	assert_status(control(FSCTL_CREATE_OR_GET_OBJECT_ID, 64, id), STATUS_SUCCESS);
	assert_status(raw_open(&fx.raw, "f", 0x120089, OPEN, 0), STATUS_SUCCESS);
	assert_status(control(FSCTL_DELETE_OBJECT_ID, 0, NULL), STATUS_ACCESS_DENIED);
	assert_status(control(FSCTL_GET_OBJECT_ID, 64, id), STATUS_SUCCESS);
	stop();
}

/* --- hidden names --- */

static uint32_t attributes_of(void)
{
	struct smb2_query_info_req q = {
		.info_type = INFO_FILE, .file_info_class = FSCC_FILE_BASIC, .output_buffer_length = 40, .file_id = fx.raw.file_id,
	};
	struct smb2_query_info_rsp rsp = {0};

	assert_status(raw_call(&fx.raw, SMB2_QUERY_INFO, &q, &rsp), STATUS_SUCCESS);
	return load_le32(rsp.output.data + 32);
}

static void test_names_with_a_dot_are_shown_hidden(void **state)
{
	(void)state;
	start();
	assert_status(raw_open(&fx.raw, ".profile", ALL, CREATE, 0), STATUS_SUCCESS);
	assert_int_equal(attributes_of(), FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_ARCHIVE);
	/* It is not hidden itself: whoever overwrites it does not have to ask for that. */
	assert_status(raw_open(&fx.raw, ".profile", ALL, OVERWRITE, 0), STATUS_SUCCESS);
	assert_int_equal(attributes_of(), FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_ARCHIVE);
	assert_status(raw_open(&fx.raw, "a.profile", ALL, CREATE, 0), STATUS_SUCCESS);
	assert_int_equal(attributes_of(), FILE_ATTRIBUTE_ARCHIVE);
	fx.share->show_dot_files = true;
	assert_status(raw_open(&fx.raw, ".profile", ALL, OPEN, 0), STATUS_SUCCESS);
	assert_int_equal(attributes_of(), FILE_ATTRIBUTE_ARCHIVE);
	stop();
}

static void test_patterns_of_names_that_are_shown_hidden(void **state)
{
	static char patterns[2][256] = {"*.bak", "lost+found"};

	(void)state;
	start();
	fx.share->hide_files = patterns;
	fx.share->hide_count = 2;
	assert_status(raw_open(&fx.raw, "Lost+Found", ALL, OPEN_IF, DIRECTORY), STATUS_SUCCESS);
	assert_int_equal(attributes_of(), FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_DIRECTORY);
	assert_status(raw_open(&fx.raw, "Lost+Found\\x.bak", ALL, CREATE, 0), STATUS_SUCCESS);
	assert_int_equal(attributes_of(), FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_ARCHIVE);
	assert_status(raw_open(&fx.raw, "Lost+Found\\x", ALL, CREATE, 0), STATUS_SUCCESS);
	assert_int_equal(attributes_of(), FILE_ATTRIBUTE_ARCHIVE);
	fx.share->hide_files = NULL;
	fx.share->hide_count = 0;
	stop();
}

/* --- share modes and oplocks that the share has a say in --- */

static ntstatus open_as(uint32_t access, uint32_t share, uint8_t level, uint8_t *got)
{
	struct smb2_create_req req = {.impersonation_level = 2, .desired_access = access, .share_access = share, .create_disposition = OPEN_IF,
		.requested_oplock_level = level, .name = raw_wide(&fx.raw, "f")};
	struct smb2_create_rsp rsp = {0};
	ntstatus status = raw_call(&fx.raw, SMB2_CREATE, &req, &rsp);

	if (got)
		*got = rsp.oplock_level;
	return status;
}

/* Backs: B317. */
static void test_who_only_reads_lets_others_read(void **state)
{
	(void)state;
	start();
	fx.share->restrict_exclusive_opens = true;
	assert_status(open_as(0x120089, 0, 0, NULL), STATUS_SUCCESS);
	assert_status(open_as(0x120089, 1, 0, NULL), STATUS_SUCCESS);
	assert_status(open_as(0x12019F, 7, 0, NULL), STATUS_SHARING_VIOLATION);
	stop();
	/* Who writes may keep the file to himself. */
	start();
	fx.share->restrict_exclusive_opens = true;
	assert_status(open_as(0x12019F, 0, 0, NULL), STATUS_SUCCESS);
	assert_status(open_as(0x120089, 7, 0, NULL), STATUS_SHARING_VIOLATION);
	stop();
}

/* Backs: B318. */
static void test_every_open_shares_deleting(void **state)
{
	(void)state;
	for (unsigned forced = 0; forced < 2; forced++) {
		start();
		fx.share->force_shared_delete = forced;
		assert_status(open_as(0x120089, 3, 0, NULL), STATUS_SUCCESS);
		assert_status(open_as(0x10000, 7, 0, NULL), forced ? STATUS_SUCCESS : STATUS_SHARING_VIOLATION);
		stop();
	}
}

/* Backs: B319, B362. */
static void test_nobody_caches_writes(void **state)
{
	uint8_t lease[32] = {1}, contexts[100], level;
	struct wire w = wire_encoder(contexts, 0, sizeof(contexts));
	struct smb2_create_req req = {.impersonation_level = 2, .desired_access = ALL, .share_access = 7, .create_disposition = OPEN_IF,
		.requested_oplock_level = 0xFF};
	struct smb2_create_rsp rsp = {0};

	(void)state;
	start();
	fx.share->force_level2_oplocks = true;
	assert_status(open_as(ALL, 7, 9, &level), STATUS_SUCCESS);
	assert_int_equal(level, 1);
	assert_status(open_as(ALL, 7, 8, &level), STATUS_SUCCESS);
	assert_int_equal(level, 1);
	store_le32(lease + 16, 7);
	smb2_create_context_put(&w, slice_of("RqLs", 4), slice_of(lease, sizeof(lease)));
	req.name = raw_wide(&fx.raw, "g");
	req.contexts = slice_of(contexts, w.pos);
	assert_status(raw_call(&fx.raw, SMB2_CREATE, &req, &rsp), STATUS_SUCCESS);
	assert_int_equal(rsp.oplock_level, 0xFF);
	/* The only context of the answer: the header of a context, the key, the state. */
	assert_int_equal(load_le32(rsp.contexts.data + 24 + 16), 3);
	stop();
}

static void test_the_tree_says_what_the_share_does(void **state)
{
	(void)state;
	start();
	fx.share->restrict_exclusive_opens = fx.share->force_shared_delete = fx.share->force_level2_oplocks = true;
	{
		struct smb2_tree_connect_req req = {.path = raw_wide(&fx.raw, "\\\\server\\share")};
		struct smb2_tree_connect_rsp rsp = {0};

		fx.raw.tree_id = 0;
		fx.raw.sign = true;
		assert_status(raw_call(&fx.raw, SMB2_TREE_CONNECT, &req, &rsp), STATUS_SUCCESS);
		assert_int_equal(rsp.share_flags, 0x1300);
	}
	stop();
}

/* --- the rest --- */

static ntstatus note_flush(void *arg, const char *operation)
{
	if (strcmp(operation, "flush") == 0)
		++*(unsigned *)arg;
	return STATUS_SUCCESS;
}

/* Backs: B400. */
static void test_a_flush_reaches_the_store(void **state)
{
	unsigned flushed = 0;
	struct sim_options o = {.decide = note_flush, .decide_arg = &flushed};
	struct smb2_flush_req req = {0};

	(void)state;
	sim_start(&fx.sim, &o);
	raw_ready(&fx.raw, &fx.sim, SMB2_DIALECT_311);
	assert_status(raw_open(&fx.raw, "f", ALL, CREATE, 0), STATUS_SUCCESS);
	assert_int_equal(flushed, 0);
	req.file_id = fx.raw.file_id;
	assert_status(raw_call(&fx.raw, SMB2_FLUSH, &req, NULL), STATUS_SUCCESS);
	assert_int_equal(flushed, 1);
	raw_close(&fx.raw);
	sim_stop(&fx.sim);
}


static void test_a_share_without_change_notify(void **state)
{
	struct smb2_change_notify_req req = {.output_buffer_length = 100, .completion_filter = 1};

	(void)state;
	start();
	fx.share->no_notify = true;
	assert_status(raw_open(&fx.raw, "", 0x81, OPEN, DIRECTORY), STATUS_SUCCESS);
	req.file_id = fx.raw.file_id;
	assert_status(raw_call(&fx.raw, SMB2_CHANGE_NOTIFY, &req, NULL), STATUS_NOT_IMPLEMENTED);
	stop();
}

#define QUOTAS "$Extend\\$QUOTA:$Q:$INDEX_ALLOCATION"

static void test_the_index_of_quotas_is_for_administrators(void **state)
{
	static char admins[1][256] = {"user"};

	(void)state;
	start();
	assert_status(raw_open(&fx.raw, QUOTAS, 0x80, OPEN, 0), STATUS_ACCESS_DENIED);
	fx.share->admins = admins;
	fx.share->admin_count = 1;
	assert_status(raw_tree(&fx.raw, "share"), STATUS_SUCCESS);
	assert_status(raw_open(&fx.raw, QUOTAS, 0x80, OPEN, 0), STATUS_SUCCESS);
	assert_status(raw_open(&fx.raw, QUOTAS, 0x80, CREATE, 0), STATUS_ACCESS_DENIED);
	fx.share->admins = NULL;
	fx.share->admin_count = 0;
	stop();
}

static void test_a_holder_who_cannot_be_reached_is_disconnected(void **state)
{
	struct smb2_ioctl_req lose = {.ctl_code = 0x83848003, .file_id = {UINT64_MAX, UINT64_MAX}, .flags = 1};
	struct smb2_create_req batch = {.impersonation_level = 2, .desired_access = ALL, .share_access = 7, .create_disposition = OPEN_IF,
		.requested_oplock_level = 9};
	struct smb2_create_rsp rsp = {0};
	struct raw other;

	(void)state;
	start();
	assert_status(raw_call(&fx.raw, SMB2_IOCTL, &lose, NULL), STATUS_INVALID_DEVICE_REQUEST);
	fx.sim.srv.test_aids = true;
	batch.name = raw_wide(&fx.raw, "f");
	assert_status(raw_call(&fx.raw, SMB2_CREATE, &batch, &rsp), STATUS_SUCCESS);
	assert_int_equal(rsp.oplock_level, 9);
	assert_status(raw_call(&fx.raw, SMB2_IOCTL, &lose, NULL), STATUS_SUCCESS);
	raw_ready(&other, &fx.sim, SMB2_DIALECT_311);
	/* Long before the time in which it would have had to acknowledge. */
	assert_status(raw_open(&other, "f", ALL, OPEN, 0), STATUS_SUCCESS);
	assert_true(fx.raw.closed);
	raw_close(&other);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_object_id_is_made_once_and_stays),
		cmocka_unit_test(test_who_may_only_read_takes_no_object_id_away),
		cmocka_unit_test(test_names_with_a_dot_are_shown_hidden),
		cmocka_unit_test(test_patterns_of_names_that_are_shown_hidden),
		cmocka_unit_test(test_who_only_reads_lets_others_read),
		cmocka_unit_test(test_every_open_shares_deleting),
		cmocka_unit_test(test_nobody_caches_writes),
		cmocka_unit_test(test_the_tree_says_what_the_share_does),
		cmocka_unit_test(test_a_flush_reaches_the_store),
		cmocka_unit_test(test_a_share_without_change_notify),
		cmocka_unit_test(test_the_index_of_quotas_is_for_administrators),
		cmocka_unit_test(test_a_holder_who_cannot_be_reached_is_disconnected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
