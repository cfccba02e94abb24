/* Descriptors at work: who may make files where, what those inherit, and what a listing shows ([MS-SMB2] 3.3.5.9, 3.3.5.21.3,
 * [MS-FSA] 2.1.5.1.1, [MS-DTYP] 2.5.3.4). */
#include "sim.h"

#include "wire/secdesc.h"

enum { ALL = 0x1F01FF, READ = 0x120089, ADD_FILE = 2, ADD_SUBDIRECTORY = 4, DAC = 0x60000 };
enum { OPEN = 1, CREATE, OPEN_IF, OVERWRITE, OVERWRITE_IF };
enum { DIRECTORY = 1, SECURITY = 3, PART_DACL = 4 };

static struct {
	struct sim sim;
	struct raw raw;
} fx;

static void start(const char *share)
{
	sim_start(&fx.sim, NULL);
	raw_ready(&fx.raw, &fx.sim, SMB2_DIALECT_311);
	assert_status(raw_tree(&fx.raw, share), STATUS_SUCCESS);
}

static void stop(void)
{
	raw_close(&fx.raw);
	sim_stop(&fx.sim);
}

static ntstatus open_close(const char *name, uint32_t access, uint32_t disposition, uint32_t options)
{
	struct smb2_close_req req = {0};
	ntstatus status = raw_open(&fx.raw, name, access, disposition, options);

	if (!nt_ok(status))
		return status;
	req.file_id = fx.raw.file_id;
	return raw_call(&fx.raw, SMB2_CLOSE, &req, NULL);
}

/* One entry for everybody. Returns the bytes of the descriptor. */
static size_t descriptor(uint8_t bytes[200], uint32_t mask, uint8_t flags)
{
	struct ace e = {.type = ACE_ACCESS_ALLOWED, .flags = flags, .mask = mask, .sid = sid_make(1, 1, (const uint32_t[]){0})};
	struct acl dacl = {.revision = 2, .ace_count = 1, .aces = &e};
	struct secdesc sd = {.control = SD_DACL_PRESENT | SD_DACL_AUTO_INHERITED | SD_DACL_AUTO_INHERIT_REQ, .dacl = &dacl};
	struct wire w = wire_encoder(bytes, 0, 200);

	secdesc_code(&w, &sd);
	assert_true(wire_ok(&w));
	return w.pos;
}

static void protect(const char *name, uint32_t mask, uint8_t flags)
{
	struct smb2_set_info_req set = {.info_type = SECURITY, .additional_information = PART_DACL};
	struct smb2_close_req end = {0};
	uint8_t bytes[200];
	size_t n = descriptor(bytes, mask, flags);

	assert_status(raw_open(&fx.raw, name, DAC, OPEN, 0), STATUS_SUCCESS);
	set.file_id = end.file_id = fx.raw.file_id;
	set.input = slice_of(bytes, n);
	assert_status(raw_call(&fx.raw, SMB2_SET_INFO, &set, NULL), STATUS_SUCCESS);
	assert_status(raw_call(&fx.raw, SMB2_CLOSE, &end, NULL), STATUS_SUCCESS);
}

static struct secdesc dacl_of(const char *name)
{
	struct smb2_query_info_req q = {.info_type = SECURITY, .output_buffer_length = 1000, .additional_information = PART_DACL};
	struct smb2_query_info_rsp rsp = {0};
	struct secdesc sd = {0};
	struct wire w;

	assert_status(raw_open(&fx.raw, name, 0x20000, OPEN, 0), STATUS_SUCCESS);
	q.file_id = fx.raw.file_id;
	assert_status(raw_call(&fx.raw, SMB2_QUERY_INFO, &q, &rsp), STATUS_SUCCESS);
	w = wire_decoder(rsp.output.data, 0, rsp.output.len, &fx.raw.arena);
	secdesc_code(&w, &sd);
	assert_true(wire_ok(&w));
	return sd;
}

/* Backs: B335. */
static void test_a_file_is_made_with_the_descriptor_it_is_to_have(void **state)
{
	struct smb2_create_req req = {.impersonation_level = 2, .desired_access = ALL, .share_access = 7, .create_disposition = CREATE};
	struct smb2_create_rsp rsp = {0};
	uint8_t sd[200], contexts[300];
	struct wire w = wire_encoder(contexts, 0, sizeof(contexts));
	struct secdesc got;

	(void)state;
	start("share");
	smb2_create_context_put(&w, slice_of("SecD", 4), slice_of(sd, descriptor(sd, READ, 0)));
	req.name = raw_wide(&fx.raw, "f");
	req.contexts = slice_of(contexts, w.pos);
	assert_status(raw_call(&fx.raw, SMB2_CREATE, &req, &rsp), STATUS_SUCCESS);
	got = dacl_of("f");
	assert_int_equal(got.dacl->ace_count, 1);
	assert_int_equal(got.dacl->aces[0].mask, READ);
	assert_status(raw_open(&fx.raw, "f", 2, OPEN, 0), STATUS_ACCESS_DENIED);
	stop();
}

/* Backs: B532. */
static void test_a_directory_that_lets_nobody_add(void **state)
{
	(void)state;
	start("share");
	assert_status(open_close("d", ALL, CREATE, DIRECTORY), STATUS_SUCCESS);
	assert_status(open_close("d\\there", ALL, CREATE, 0), STATUS_SUCCESS);
	protect("d", READ | ADD_SUBDIRECTORY | DAC, 0);
	assert_status(open_close("d\\new", ALL, CREATE, 0), STATUS_ACCESS_DENIED);
	assert_status(open_close("d\\new", ALL, OPEN_IF, 0), STATUS_ACCESS_DENIED);
	assert_status(open_close("d\\new", ALL, OVERWRITE_IF, 0), STATUS_ACCESS_DENIED);
	assert_status(open_close("d\\new", ALL, OPEN, 0), STATUS_OBJECT_NAME_NOT_FOUND);
	assert_status(open_close("d\\new:stream", ALL, CREATE, 0), STATUS_ACCESS_DENIED);
	assert_status(open_close("d\\new:stream", ALL, OPEN_IF, 0), STATUS_ACCESS_DENIED);
	assert_status(open_close("d\\new", ALL, OPEN, 0), STATUS_OBJECT_NAME_NOT_FOUND);
	assert_status(open_close("d\\there:stream", ALL, CREATE, 0), STATUS_SUCCESS);
	assert_status(open_close("d\\there", READ, OPEN_IF, 0), STATUS_SUCCESS);
	assert_status(open_close("d\\sub", ALL, CREATE, DIRECTORY), STATUS_SUCCESS);
	protect("d", READ | ADD_FILE | DAC, 0);
	assert_status(open_close("d\\new", ALL, CREATE, 0), STATUS_SUCCESS);
	assert_status(open_close("d\\sub2", ALL, CREATE, DIRECTORY), STATUS_ACCESS_DENIED);
	stop();
}

static ntstatus name_anew(const char *name, const char *to, uint8_t class, bool replace)
{
	struct slice wide = raw_wide(&fx.raw, to);
	uint8_t data[100] = {replace};
	struct smb2_set_info_req set = {.info_type = 1, .file_info_class = class, .input = slice_of(data, 20 + wide.len)};
	struct smb2_close_req end = {0};
	ntstatus status;

	store_le32(data + 16, (uint32_t)wide.len);
	memcpy(data + 20, wide.data, wide.len);
	assert_status(raw_open(&fx.raw, name, 0x10080, OPEN, 0), STATUS_SUCCESS);
	set.file_id = end.file_id = fx.raw.file_id;
	status = raw_call(&fx.raw, SMB2_SET_INFO, &set, NULL);
	assert_status(raw_call(&fx.raw, SMB2_CLOSE, &end, NULL), STATUS_SUCCESS);
	return status;
}

/* [MS-FSA] 2.1.5.15.6, 2.1.5.15.11: a name is added to a directory by who may do that, and a file deleted by who may do that. */
static void test_names_are_moved_only_to_where_they_may_be_made(void **state)
{
	(void)state;
	start("share");
	assert_status(open_close("d", ALL, CREATE, DIRECTORY), STATUS_SUCCESS);
	assert_status(open_close("d\\there", ALL, CREATE, 0), STATUS_SUCCESS);
	assert_status(open_close("f", ALL, CREATE, 0), STATUS_SUCCESS);
	assert_status(open_close("s", ALL, CREATE, DIRECTORY), STATUS_SUCCESS);
	protect("d\\there", READ | DAC, 0);
	protect("d", READ | ADD_SUBDIRECTORY | DAC, 0);
	assert_status(name_anew("f", "d\\f", 10, false), STATUS_ACCESS_DENIED);
	assert_status(name_anew("f", "d\\f", 11, false), STATUS_ACCESS_DENIED);
	assert_status(name_anew("s", "d\\s", 10, false), STATUS_SUCCESS);
	protect("d", READ | ADD_FILE | DAC, 0);
	assert_status(open_close("s", ALL, CREATE, DIRECTORY), STATUS_SUCCESS);
	assert_status(name_anew("s", "d\\t", 10, false), STATUS_ACCESS_DENIED);
	assert_status(name_anew("f", "d\\there", 10, true), STATUS_ACCESS_DENIED);
	assert_status(name_anew("f", "d\\there", 11, true), STATUS_ACCESS_DENIED);
	protect("d", READ | ADD_FILE | DAC | 0x40, 0);
	assert_status(name_anew("f", "d\\there", 10, true), STATUS_SUCCESS);
	assert_status(open_close("d\\there", ALL, OPEN, 0), STATUS_SUCCESS);
	stop();
}

/* Backs: B335. */
static void test_a_descriptor_at_creation(void **state)
{
	struct ace e = {.type = ACE_ACCESS_ALLOWED, .mask = READ, .sid = sid_make(1, 1, (const uint32_t[]){0})};
	struct acl dacl = {.revision = 2, .ace_count = 1, .aces = &e};
	struct secdesc sd = {.control = SD_DACL_PRESENT, .dacl = &dacl}, got;
	uint8_t bytes[200], list[300];
	struct wire w = wire_encoder(bytes, 0, sizeof(bytes)), contexts = wire_encoder(list, 0, sizeof(list));
	struct smb2_create_req req = {
		.impersonation_level = 2, .desired_access = ALL, .share_access = 7, .create_disposition = CREATE,
	};
	struct smb2_create_rsp rsp;

	(void)state;
	start("share");
	secdesc_code(&w, &sd);
	smb2_create_context_put(&contexts, slice_of("SecD", 4), slice_of(bytes, w.pos));
	assert_true(wire_ok(&contexts));
	req.name = raw_wide(&fx.raw, "f");
	req.contexts = slice_of(list, contexts.pos);
	assert_status(raw_call(&fx.raw, SMB2_CREATE, &req, &rsp), STATUS_SUCCESS);
	assert_status(raw_call(&fx.raw, SMB2_CLOSE, &(struct smb2_close_req){.file_id = rsp.file_id}, NULL), STATUS_SUCCESS);
	got = dacl_of("f");
	assert_int_equal(got.dacl->ace_count, 1);
	assert_int_equal(got.dacl->aces[0].mask, READ);
	assert_status(open_close("f", 2, OPEN, 0), STATUS_ACCESS_DENIED);
	/* What is no descriptor makes no file. */
	contexts = wire_encoder(list, 0, sizeof(list));
	smb2_create_context_put(&contexts, slice_of("SecD", 4), slice_of(bytes, 10));
	req.name = raw_wide(&fx.raw, "g");
	req.contexts = slice_of(list, contexts.pos);
	assert_status(raw_call(&fx.raw, SMB2_CREATE, &req, &rsp), STATUS_INVALID_SECURITY_DESCR);
	assert_status(open_close("g", READ, OPEN, 0), STATUS_OBJECT_NAME_NOT_FOUND);
	stop();
}

static void test_new_files_inherit(void **state)
{
	struct secdesc sd;

	(void)state;
	start("share");
	assert_status(open_close("d", ALL, CREATE, DIRECTORY), STATUS_SUCCESS);
	protect("d", ALL, ACE_OBJECT_INHERIT | ACE_CONTAINER_INHERIT);
	assert_status(open_close("d\\f", ALL, CREATE, 0), STATUS_SUCCESS);
	assert_status(open_close("d\\s", ALL, CREATE, DIRECTORY), STATUS_SUCCESS);
	assert_status(open_close("d\\s\\g", ALL, CREATE, 0), STATUS_SUCCESS);
	sd = dacl_of("d\\f");
	assert_int_equal(sd.dacl->ace_count, 1);
	assert_int_equal(sd.dacl->aces[0].flags, ACE_INHERITED);
	assert_true(sd.control & SD_DACL_AUTO_INHERITED);
	sd = dacl_of("d\\s");
	assert_int_equal(sd.dacl->aces[0].flags, ACE_INHERITED | ACE_OBJECT_INHERIT | ACE_CONTAINER_INHERIT);
	sd = dacl_of("d\\s\\g");
	assert_int_equal(sd.dacl->aces[0].flags, ACE_INHERITED);
	/* A file that is made for a stream of it is one of theirs. */
	assert_status(open_close("d\\base:stream", ALL, CREATE, 0), STATUS_SUCCESS);
	sd = dacl_of("d\\base");
	assert_int_equal(sd.dacl->ace_count, 1);
	assert_int_equal(sd.dacl->aces[0].flags, ACE_INHERITED);
	/* What is made to read only is that for its maker, too, once he has let go of it. */
	protect("d", READ | ADD_FILE, ACE_OBJECT_INHERIT);
	assert_status(open_close("d\\h", ALL, CREATE, 0), STATUS_SUCCESS);
	assert_status(open_close("d\\h", ALL, OPEN, 0), STATUS_ACCESS_DENIED);
	stop();
}

static bool listed(const char *name)
{
	struct smb2_query_directory_req req = {.file_information_class = 12, .output_buffer_length = 4000, .file_name = raw_wide(&fx.raw, "*")};
	struct slice wide = raw_wide(&fx.raw, name);
	struct smb2_query_directory_rsp rsp = {0};

	assert_status(raw_open(&fx.raw, "", READ, OPEN, DIRECTORY), STATUS_SUCCESS);
	req.file_id = fx.raw.file_id;
	assert_status(raw_call(&fx.raw, SMB2_QUERY_DIRECTORY, &req, &rsp), STATUS_SUCCESS);
	return memmem(rsp.output.data, rsp.output.len, wide.data, wide.len) != NULL;
}

/* Backs: B504. */
static void test_listings_leave_out_what_cannot_be_read(void **state)
{
	static const char *const shares[] = {"share", "abe"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		start(shares[i]);
		assert_status(open_close("secret", ALL, CREATE, 0), STATUS_SUCCESS);
		assert_status(open_close("plain", ALL, CREATE, 0), STATUS_SUCCESS);
		assert_true(listed("secret"));
		protect("secret", READ & ~1u, 0);
		assert_int_equal(listed("secret"), i == 0);
		protect("secret", READ, 0);
		assert_true(listed("secret") && listed("plain"));
		stop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_file_is_made_with_the_descriptor_it_is_to_have),
		cmocka_unit_test(test_a_directory_that_lets_nobody_add),
		cmocka_unit_test(test_names_are_moved_only_to_where_they_may_be_made),
		cmocka_unit_test(test_a_descriptor_at_creation),
		cmocka_unit_test(test_new_files_inherit),
		cmocka_unit_test(test_listings_leave_out_what_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
