/* The layout of every message, in golden bytes: [MS-SMB2] 2.2.1 to 2.2.42. A decoder that reads what its own encoder wrote
 * proves little; these bytes were put together from the specification. Also what real peers do with odd StructureSizes. */
#include "golden.h"

static struct golden *body(void)
{
	struct golden *g = golden_new();

	gzero(g, SMB2_HEADER_SIZE);
	return g;
}
#define CHECK_BODY(g, coder, m) CHECK_CODER(g, SMB2_HEADER_SIZE, coder, m)

/* Backs: A003. */
static void test_sync_header_layout(void **state)
{
	struct golden *g = golden_new();
	struct smb2_header m = {0};

	(void)state;
	ghex(g, "FE 53 4D 42 40 00");
	g16(g, 0x0102);     /* CreditCharge */
	g32(g, 0x03040506); /* Status */
	g16(g, 0x0008);     /* Command */
	g16(g, 0x0708);     /* Credits */
	g32(g, 0x10000008); /* Flags */
	g32(g, 0x00000070); /* NextCommand */
	g64(g, 0x1112131415161718);
	g32(g, 0x0000FEFF); /* Reserved, where Windows puts a process id */
	g32(g, 0x21222324); /* TreeId */
	g64(g, 0x3132333435363738);
	gfill(g, 16);
	CHECK_CODER(g, 0, smb2_header_code, &m);
	assert_int_equal(g->n, 64);
	assert_int_equal(m.credit_charge, 0x0102);
	assert_int_equal(m.status, 0x03040506);
	assert_int_equal(m.command, SMB2_READ);
	assert_int_equal(m.credits, 0x0708);
	assert_int_equal(m.flags, SMB2_FLAGS_DFS_OPERATIONS | SMB2_FLAGS_SIGNED);
	assert_int_equal(m.next_command, 0x70);
	assert_true(m.message_id == 0x1112131415161718);
	assert_int_equal(m.process_id, 0xFEFF);
	assert_int_equal(m.tree_id, 0x21222324);
	assert_true(m.async_id == 0);
	assert_true(m.session_id == 0x3132333435363738);
	assert_int_equal(m.signature[15], 16);
}

/* Backs: A002. */
static void test_async_header_layout(void **state)
{
	struct golden *g = golden_new();
	struct smb2_header m = {.tree_id = 77};

	(void)state;
	ghex(g, "FE 53 4D 42 40 00");
	g16(g, 1);
	g32(g, 0x00000103);
	g16(g, 0x000F);
	g16(g, 2);
	g32(g, SMB2_FLAGS_SERVER_TO_REDIR | SMB2_FLAGS_ASYNC_COMMAND);
	g32(g, 0);
	g64(g, 5);
	g64(g, 0x4142434445464748); /* AsyncId */
	g64(g, 6);
	gzero(g, 16);
	CHECK_CODER(g, 0, smb2_header_code, &m);
	assert_true(m.async_id == 0x4142434445464748);
	assert_int_equal(m.tree_id, 0);
}

/* Backs: A004. */
static void test_header_flags_have_their_values(void **state)
{
	(void)state;
	assert_int_equal(SMB2_FLAGS_SERVER_TO_REDIR, 0x1);
	assert_int_equal(SMB2_FLAGS_ASYNC_COMMAND, 0x2);
	assert_int_equal(SMB2_FLAGS_RELATED_OPERATIONS, 0x4);
	assert_int_equal(SMB2_FLAGS_SIGNED, 0x8);
	assert_int_equal(SMB2_FLAGS_DFS_OPERATIONS, 0x10000000);
	assert_int_equal(SMB2_FLAGS_REPLAY_OPERATION, 0x20000000);
}

static void test_a_header_of_another_protocol_or_size_is_refused(void **state)
{
	struct golden *g = golden_new();
	struct smb2_header m;

	(void)state;
	gheader(g, SMB2_ECHO, 0, 0, 1, 1, 0, 0);
	g->b[0] = 0xFF;
	CHECK_REFUSED(g, 0, smb2_header_code, &m);
	g->b[0] = 0xFE;
	g->b[4] = 65;
	CHECK_REFUSED(g, 0, smb2_header_code, &m);
	g->b[4] = 64;
	g->n = 63;
	CHECK_REFUSED(g, 0, smb2_header_code, &m);
}

/* Backs: A006. */
static void test_error_response_layout_and_its_dummy_byte(void **state)
{
	struct golden *g = body();
	struct smb2_error_rsp m = {0};

	(void)state;
	g16(g, 9);
	g16(g, 0);
	g32(g, 4);
	g32(g, 0x11223344); /* a required length */
	CHECK_BODY(g, smb2_error_rsp_code, &m);
	assert_slice(m.error_data, "\x44\x33\x22\x11", 4);

	g = body(); /* without data there is one byte, as the text demands */
	g16(g, 9);
	g16(g, 0);
	g32(g, 0);
	g8(g, 0);
	CHECK_BODY(g, smb2_error_rsp_code, &m);
	assert_int_equal(m.error_data.len, 0);
	g->b[72] = 0x21; /* of any value */
	g->n = 72; /* or none */
	for (int i = 0; i < 2; i++, g->n++) {
		struct wire w = golden_decoder(g, 64);

		smb2_error_rsp_code(&w, &m);
		assert_true(wire_ok(&w));
		assert_int_equal(m.error_data.len, 0);
	}
	g->n = 73;
	g->b[68] = 2; /* ByteCount past the end */
	CHECK_REFUSED(g, 64, smb2_error_rsp_code, &m);
}

/* Backs: A007. */
static void test_symlink_error_layout_and_its_lies(void **state)
{
	struct golden *g = golden_new();
	struct smb2_symlink_error m = {0};

	(void)state;
	g32(g, 24 + 12);        /* SymLinkLength: all but itself */
	g32(g, 0x4C4D5953);     /* "SYML" */
	g32(g, 0xA000000C);     /* IO_REPARSE_TAG_SYMLINK */
	g16(g, 12 + 12);        /* ReparseDataLength: names and the 12 bytes before them */
	g16(g, 0x2E);           /* UnparsedPathLength */
	g16(g, 0);              /* SubstituteNameOffset, from PathBuffer */
	g16(g, 8);
	g16(g, 8);              /* PrintNameOffset */
	g16(g, 4);
	g32(g, 1);              /* relative */
	gtext(g, "..\\aab");
	CHECK_CODER(g, 0, smb2_symlink_error_code, &m);
	assert_int_equal(m.unparsed_path_length, 0x2E);
	assert_int_equal(m.flags, 1);
	assert_text(m.substitute_name, "..\\a");
	assert_text(m.print_name, "ab");
	g->b[0]++;              /* SymLinkLength past the end */
	CHECK_REFUSED(g, 0, smb2_symlink_error_code, &m);
	g->b[0] -= 2;           /* does not agree with ReparseDataLength */
	CHECK_REFUSED(g, 0, smb2_symlink_error_code, &m);
	g->b[0]++;
	g->b[18] = 14;          /* SubstituteName leaves PathBuffer */
	CHECK_REFUSED(g, 0, smb2_symlink_error_code, &m);
	g->b[18] = 8;
	g->b[20] = 10;          /* PrintName does */
	CHECK_REFUSED(g, 0, smb2_symlink_error_code, &m);
	g->b[20] = 8;
	g->b[8] = 0x0D;         /* another tag */
	CHECK_REFUSED(g, 0, smb2_symlink_error_code, &m);
}

/* Backs: A009, G002. */
static void test_negotiate_request_layout(void **state)
{
	struct golden *g = body();
	struct smb2_negotiate_req m = {0};

	(void)state;
	g16(g, 36);
	g16(g, 3);          /* DialectCount */
	g16(g, 1);          /* SecurityMode */
	g16(g, 0);
	g32(g, 0x7F);       /* Capabilities */
	gfill(g, 16);       /* ClientGuid */
	g64(g, 0x0102030405060708); /* ClientStartTime */
	g16(g, 0x0202);
	g16(g, 0x7777);     /* a dialect of the future */
	g16(g, 0x0302);
	CHECK_BODY(g, smb2_negotiate_req_code, &m);
	assert_int_equal(m.dialect_count, 3);
	assert_int_equal(m.dialects[1], 0x7777);
	assert_int_equal(m.dialects[2], 0x0302);
	assert_int_equal(m.security_mode, 1);
	assert_int_equal(m.capabilities, 0x7F);
	assert_int_equal(m.client_guid.b[0], 1);
	assert_true(m.client_start_time == 0x0102030405060708);
	assert_int_equal(m.context_count, 0);
	gfill(g, 5); /* bytes behind the array are not ours to judge */
	{
		struct wire w = golden_decoder(g, 64);

		smb2_negotiate_req_code(&w, &m);
		assert_true(wire_ok(&w));
	}
}

static void test_negotiate_request_with_too_many_dialects_is_refused(void **state)
{
	struct golden *g = body();
	struct smb2_negotiate_req m = {0};

	(void)state;
	g16(g, 36);
	g16(g, 65);
	gzero(g, 32 + 130);
	CHECK_REFUSED(g, 64, smb2_negotiate_req_code, &m);
	g->b[66] = 64;
	g->n = 64 + 36 + 128;
	CHECK_BODY(g, smb2_negotiate_req_code, &m);
	g->n--; /* the array is cut off */
	CHECK_REFUSED(g, 64, smb2_negotiate_req_code, &m);
}

static void test_negotiate_request_of_311_has_contexts_where_the_start_time_was(void **state)
{
	struct golden *g = body();
	struct smb2_negotiate_req m = {0};
	struct smb2_negotiate_context c;
	struct slice list;
	bool bad;

	(void)state;
	g16(g, 36);
	g16(g, 2);
	g16(g, 3);
	g16(g, 0);
	g32(g, 0);
	gfill(g, 16);
	g32(g, 104);        /* NegotiateContextOffset */
	g16(g, 1);          /* NegotiateContextCount */
	g16(g, 0);
	g16(g, 0x0302);
	g16(g, 0x0311);
	g16(g, 8);          /* SIGNING_CAPABILITIES */
	g16(g, 4);
	g32(g, 0);
	g16(g, 1);
	g16(g, 2);          /* GMAC */
	CHECK_BODY(g, smb2_negotiate_req_code, &m);
	assert_int_equal(m.context_count, 1);
	assert_true(m.client_start_time == 0);
	list = m.contexts;
	assert_true(smb2_negotiate_context_next(&list, &c, &bad));
	assert_int_equal(c.type, SMB2_SIGNING_CAPABILITIES);
	assert_int_equal(c.data.len, 4);
	store_le32(g->b + 64 + 28, 100); /* inside the fixed part and the dialects */
	g->b[64 + 28] = 98;
	CHECK_REFUSED(g, 64, smb2_negotiate_req_code, &m);
	store_le32(g->b + 64 + 28, 116); /* an empty list at the end */
	{
		struct wire w = golden_decoder(g, 64);

		smb2_negotiate_req_code(&w, &m);
		assert_true(wire_ok(&w));
		assert_int_equal(m.contexts.len, 0);
	}
	store_le32(g->b + 64 + 28, 117);
	CHECK_REFUSED(g, 64, smb2_negotiate_req_code, &m);
}

/* Backs: A010. */
static void test_negotiate_response_layout(void **state)
{
	struct golden *g = body();
	struct smb2_negotiate_rsp m = {0};
	struct wire w;

	(void)state;
	g16(g, 65);
	g16(g, 3);           /* SecurityMode */
	g16(g, 0x0302);      /* DialectRevision */
	g16(g, 0);
	gfill(g, 16);        /* ServerGuid */
	g32(g, 0x7F);
	g32(g, 0x100000);
	g32(g, 0x200000);
	g32(g, 0x300000);
	g64(g, 0x01C6A6C21CAE2680);
	g64(g, 0x01C6A6C0AD2538E0);
	g16(g, 128);         /* SecurityBufferOffset */
	g16(g, 5);
	g32(g, 0);
	gascii(g, "token");
	CHECK_BODY(g, smb2_negotiate_rsp_code, &m);
	assert_int_equal(m.dialect_revision, 0x0302);
	assert_int_equal(m.max_transact_size, 0x100000);
	assert_int_equal(m.max_read_size, 0x200000);
	assert_int_equal(m.max_write_size, 0x300000);
	assert_true(m.server_start_time == 0x01C6A6C0AD2538E0);
	assert_slice(m.security_buffer, "token", 5);
	store_le32(g->b + 64 + 60, 0x204D4C20); /* a server of 2.1 leaves garbage in Reserved2 */
	store_le16(g->b + 64 + 6, 0x1234);
	w = golden_decoder(g, 64);
	smb2_negotiate_rsp_code(&w, &m);
	assert_true(wire_ok(&w));
	assert_int_equal(m.contexts.len, 0);
	assert_int_equal(m.context_count, 0);
	g->b[64 + 58] = 6; /* past the end */
	CHECK_REFUSED(g, 64, smb2_negotiate_rsp_code, &m);
}

static void test_negotiate_response_of_311_has_contexts_behind_the_token(void **state)
{
	struct golden *g = body();
	struct smb2_negotiate_rsp m = {0};

	(void)state;
	g16(g, 65);
	g16(g, 1);
	g16(g, 0x0311);
	g16(g, 1);           /* NegotiateContextCount */
	gzero(g, 16 + 16 + 16);
	g16(g, 128);
	g16(g, 5);
	g32(g, 136);         /* NegotiateContextOffset */
	gascii(g, "token");
	gzero(g, 3);
	ghex(g, "02 00 04 00 00 00 00 00 01 00 02 00");
	CHECK_BODY(g, smb2_negotiate_rsp_code, &m);
	assert_int_equal(m.context_count, 1);
	assert_int_equal(m.contexts.len, 12);
}

/* Backs: A011. */
static void test_session_setup_request_layout(void **state)
{
	struct golden *g = body();
	struct smb2_session_setup_req m = {0};

	(void)state;
	g16(g, 25);
	g8(g, 1);            /* Flags: BINDING */
	g8(g, 2);            /* SecurityMode */
	g32(g, 1);           /* Capabilities */
	g32(g, 0);           /* Channel */
	g16(g, 88);
	g16(g, 5);
	g64(g, 0x1122334455667788); /* PreviousSessionId */
	gascii(g, "token");
	CHECK_BODY(g, smb2_session_setup_req_code, &m);
	assert_int_equal(m.flags, SMB2_SESSION_FLAG_BINDING);
	assert_int_equal(m.security_mode, 2);
	assert_true(m.previous_session_id == 0x1122334455667788);
	assert_slice(m.security_buffer, "token", 5);
	g->b[64 + 12] = 87; /* in the fixed part */
	CHECK_REFUSED(g, 64, smb2_session_setup_req_code, &m);
}

/* Backs: A012. */
static void test_session_setup_response_layout(void **state)
{
	struct golden *g = body();
	struct smb2_session_setup_rsp m = {0};

	(void)state;
	g16(g, 9);
	g16(g, 4); /* ENCRYPT_DATA */
	g16(g, 72);
	g16(g, 5);
	gascii(g, "token");
	CHECK_BODY(g, smb2_session_setup_rsp_code, &m);
	assert_int_equal(m.session_flags, SMB2_SESSION_FLAG_ENCRYPT_DATA);
	assert_slice(m.security_buffer, "token", 5);
}

/* Backs: A013, A014, A017, A018, A048, A055, A056, A057. */
static void test_bodies_of_four_bytes(void **state)
{
	static const uint16_t both[] = {SMB2_LOGOFF, SMB2_TREE_DISCONNECT, SMB2_ECHO, SMB2_CANCEL};
	static const uint16_t responses[] = {SMB2_FLUSH, SMB2_LOCK};
	struct golden *g = body();
	struct smb2_empty m = {0};

	(void)state;
	g16(g, 4);
	g16(g, 0);
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		CHECK_BODY(g, smb2_message_of(both[i])->req_code, &m);
		CHECK_BODY(g, smb2_message_of(both[i])->rsp_code, &m);
	}
	for (size_t i = 0; i < ARRAY_LEN(responses); i++)
		CHECK_BODY(g, smb2_message_of(responses[i])->rsp_code, &m);
	g->n--;
	CHECK_REFUSED(g, 64, smb2_empty_code, &m);
	g->n++;
	g->b[64] = 5;
	CHECK_REFUSED(g, 64, smb2_empty_code, &m);
}

/* Backs: A015. */
static void test_tree_connect_request_layout(void **state)
{
	struct golden *g = body();
	struct smb2_tree_connect_req m = {0};

	(void)state;
	g16(g, 9);
	g16(g, 0);
	g16(g, 72);
	g16(g, 18);
	gtext(g, "\\\\srv\\shr");
	CHECK_BODY(g, smb2_tree_connect_req_code, &m);
	assert_text(m.path, "\\\\srv\\shr");
	g->b[64 + 6] = 17; /* half a character */
	CHECK_REFUSED(g, 64, smb2_tree_connect_req_code, &m);
	g->b[64 + 6] = 20;
	CHECK_REFUSED(g, 64, smb2_tree_connect_req_code, &m);
}

/* Backs: A016. */
static void test_tree_connect_response_layout(void **state)
{
	struct golden *g = body();
	struct smb2_tree_connect_rsp m = {0};

	(void)state;
	g16(g, 16);
	g8(g, 1);            /* DISK */
	g8(g, 0);
	g32(g, 0x8830);      /* ShareFlags */
	g32(g, 0x10);        /* Capabilities */
	g32(g, 0x001F01FF);  /* MaximalAccess */
	CHECK_BODY(g, smb2_tree_connect_rsp_code, &m);
	assert_int_equal(m.share_type, SMB2_SHARE_TYPE_DISK);
	assert_int_equal(m.share_flags,
		SMB2_SHAREFLAG_NO_CACHING | SMB2_SHAREFLAG_ACCESS_BASED_DIRECTORY_ENUM | SMB2_SHAREFLAG_ENCRYPT_DATA);
	assert_int_equal(m.capabilities, 0x10);
	assert_int_equal(m.maximal_access, 0x001F01FF);
}

static void create_request(struct golden *g, unsigned name_offset, unsigned name_len, uint32_t ctx_offset, uint32_t ctx_len)
{
	g16(g, 57);
	g8(g, 0);            /* SecurityFlags */
	g8(g, 9);            /* RequestedOplockLevel */
	g32(g, 2);           /* ImpersonationLevel */
	g64(g, 0);           /* SmbCreateFlags */
	g64(g, 0);           /* Reserved */
	g32(g, 0x0012019F);  /* DesiredAccess */
	g32(g, 0x80);        /* FileAttributes */
	g32(g, 7);           /* ShareAccess */
	g32(g, 3);           /* CreateDisposition */
	g32(g, 0x00400040);  /* CreateOptions */
	g16(g, name_offset);
	g16(g, name_len);
	g32(g, ctx_offset);
	g32(g, ctx_len);
}

/* Backs: A019. */
static void test_create_request_layout(void **state)
{
	struct golden *g = body();
	struct smb2_create_req m = {0};

	(void)state;
	create_request(g, 120, 10, 136, 24);
	gtext(g, "a\\b.c");
	gzero(g, 6);
	ghex(g, "00000000 1000 0400 0000 0000 00000000"); /* MxAc without data */
	gascii(g, "MxAc");
	gzero(g, 4);
	CHECK_BODY(g, smb2_create_req_code, &m);
	assert_int_equal(m.requested_oplock_level, 9);
	assert_int_equal(m.impersonation_level, 2);
	assert_int_equal(m.desired_access, 0x0012019F);
	assert_int_equal(m.file_attributes, 0x80);
	assert_int_equal(m.share_access, 7);
	assert_int_equal(m.create_disposition, 3);
	assert_int_equal(m.create_options, 0x00400040);
	assert_text(m.name, "a\\b.c");
	assert_int_equal(m.contexts.len, 24);
	g->b[64 + 52] = 25; /* contexts past the end */
	CHECK_REFUSED(g, 64, smb2_create_req_code, &m);
	g->b[64 + 52] = 24;
	g->b[64 + 46] = 9; /* an odd name */
	CHECK_REFUSED(g, 64, smb2_create_req_code, &m);
	g->b[64 + 46] = 10;
	g->b[64 + 44] = 64; /* a name inside the fixed part */
	CHECK_REFUSED(g, 64, smb2_create_req_code, &m);
}

static void test_create_request_for_the_root_has_one_byte_of_buffer(void **state)
{
	struct golden *g = body();
	struct smb2_create_req m = {0};

	(void)state;
	create_request(g, 120, 0, 0, 0);
	g8(g, 0);
	CHECK_BODY(g, smb2_create_req_code, &m);
	assert_int_equal(m.name.len, 0);
	assert_int_equal(m.contexts.len, 0);
}

/* Backs: A037, A038. */
static void test_create_response_layout(void **state)
{
	struct golden *g = body();
	struct smb2_create_rsp m = {0};

	(void)state;
	g16(g, 89);
	g8(g, 0xFF);
	g8(g, 1);            /* REPARSEPOINT */
	g32(g, 2);           /* CreateAction */
	g64(g, 1);
	g64(g, 2);
	g64(g, 3);
	g64(g, 4);
	g64(g, 5);           /* AllocationSize */
	g64(g, 6);           /* EndofFile */
	g32(g, 0x20);
	g32(g, 0);
	gfid(g, 0x1122334455667788, 0x99AABBCCDDEEFF00);
	g32(g, 152);
	g32(g, 32);
	gfill(g, 32);
	CHECK_BODY(g, smb2_create_rsp_code, &m);
	assert_int_equal(m.oplock_level, 0xFF);
	assert_int_equal(m.flags, 1);
	assert_int_equal(m.create_action, 2);
	assert_true(m.creation_time == 1 && m.last_access_time == 2 && m.last_write_time == 3 && m.change_time == 4);
	assert_true(m.allocation_size == 5 && m.end_of_file == 6);
	assert_true(m.file_id.persistent == 0x1122334455667788 && m.file_id.volatile_id == 0x99AABBCCDDEEFF00);
	assert_int_equal(m.contexts.len, 32);
}

/* Backs: A045. */
static void test_close_request_layout(void **state)
{
	struct golden *g = body();
	struct smb2_close_req m = {0};

	(void)state;
	g16(g, 24);
	g16(g, 1);
	g32(g, 0);
	gfid(g, 1, 2);
	CHECK_BODY(g, smb2_close_req_code, &m);
	assert_int_equal(m.flags, 1);
	assert_true(m.file_id.persistent == 1 && m.file_id.volatile_id == 2);
}

/* Backs: A046. */
static void test_close_response_layout(void **state)
{
	struct golden *g = body();
	struct smb2_close_rsp m = {0};

	(void)state;
	g16(g, 60);
	g16(g, 1);
	g32(g, 0);
	for (uint64_t i = 1; i <= 6; i++)
		g64(g, i);
	g32(g, 0x20);
	CHECK_BODY(g, smb2_close_rsp_code, &m);
	assert_true(m.creation_time == 1 && m.change_time == 4 && m.allocation_size == 5 && m.end_of_file == 6);
	assert_int_equal(m.file_attributes, 0x20);
}

/* Backs: A047. */
static void test_flush_request_layout(void **state)
{
	struct golden *g = body();
	struct smb2_flush_req m = {0};

	(void)state;
	g16(g, 24);
	gzero(g, 6);
	gfid(g, 3, 4);
	CHECK_BODY(g, smb2_flush_req_code, &m);
	assert_true(m.file_id.persistent == 3 && m.file_id.volatile_id == 4);
}

/* Backs: A049. */
static void test_read_request_layout_and_its_pad_byte(void **state)
{
	struct golden *g = body();
	struct smb2_read_req m = {0};
	struct wire w;

	(void)state;
	g16(g, 49);
	g8(g, 0x50);         /* Padding */
	g8(g, 1);            /* UNBUFFERED */
	g32(g, 0x10000);
	g64(g, 0x0123456789ABCDEF);
	gfid(g, 5, 6);
	g32(g, 7);           /* MinimumCount */
	g32(g, 0);           /* Channel */
	g32(g, 8);           /* RemainingBytes */
	g16(g, 0);
	g16(g, 0);
	g8(g, 0);
	CHECK_BODY(g, smb2_read_req_code, &m);
	assert_int_equal(m.padding, 0x50);
	assert_int_equal(m.flags, 1);
	assert_int_equal(m.length, 0x10000);
	assert_true(m.offset == 0x0123456789ABCDEF);
	assert_int_equal(m.minimum_count, 7);
	assert_int_equal(m.remaining_bytes, 8);
	store_le16(g->b + 64 + 44, 0xFFFF); /* ReadChannelInfo, which nobody looks at without a channel */
	store_le16(g->b + 64 + 46, 0xFFFF);
	w = golden_decoder(g, 64);
	smb2_read_req_code(&w, &m);
	assert_true(wire_ok(&w));
	assert_int_equal(m.channel_info.len, 0);
	g->n--; /* some clients leave the byte out */
	w = golden_decoder(g, 64);
	smb2_read_req_code(&w, &m);
	assert_true(wire_ok(&w));
	g->n--;
	CHECK_REFUSED(g, 64, smb2_read_req_code, &m);
}

static void test_read_request_with_channel_info(void **state)
{
	struct golden *g = body();
	struct smb2_read_req m = {0};

	(void)state;
	g16(g, 49);
	gzero(g, 2 + 4 + 8 + 16 + 4);
	g32(g, 1);           /* RDMA_V1 */
	g32(g, 0x1000);
	g16(g, 112);
	g16(g, 16);
	gfill(g, 16);        /* a buffer descriptor */
	CHECK_BODY(g, smb2_read_req_code, &m);
	assert_int_equal(m.channel, 1);
	assert_int_equal(m.channel_info.len, 16);
	store_le16(g->b + 64 + 46, 0xFFFF);
	CHECK_REFUSED(g, 64, smb2_read_req_code, &m);
}

/* Backs: A050. */
static void test_read_response_layout(void **state)
{
	struct golden *g = body();
	struct smb2_read_rsp m = {0};

	(void)state;
	g16(g, 17);
	g8(g, 80);
	g8(g, 0);
	g32(g, 5);
	g32(g, 9);           /* DataRemaining */
	g32(g, 0);
	gascii(g, "hello");
	CHECK_BODY(g, smb2_read_rsp_code, &m);
	assert_int_equal(m.data_remaining, 9);
	assert_slice(m.data, "hello", 5);
	g->b[64 + 2] = 79;
	CHECK_REFUSED(g, 64, smb2_read_rsp_code, &m);
	g->b[64 + 2] = 81;
	CHECK_REFUSED(g, 64, smb2_read_rsp_code, &m);
}

/* Backs: A051. */
static void test_write_request_layout(void **state)
{
	struct golden *g = body();
	struct smb2_write_req m = {0};
	struct wire w;

	(void)state;
	g16(g, 49);
	g16(g, 112);
	g32(g, 5);
	g64(g, 0x0123456789ABCDEF);
	gfid(g, 5, 6);
	g32(g, 0);
	g32(g, 8);           /* RemainingBytes */
	g16(g, 0);
	g16(g, 0);
	g32(g, 3);           /* WRITE_THROUGH, UNBUFFERED */
	gascii(g, "hello");
	CHECK_BODY(g, smb2_write_req_code, &m);
	assert_true(m.offset == 0x0123456789ABCDEF);
	assert_int_equal(m.remaining_bytes, 8);
	assert_int_equal(m.flags, 3);
	assert_int_equal(m.data_offset, 112);
	assert_int_equal(m.length, 5);
	assert_slice(m.data, "hello", 5);
	store_le16(g->b + 64 + 40, 0xFFFF); /* WriteChannelInfo without a channel */
	store_le16(g->b + 64 + 42, 0xFFFF);
	w = golden_decoder(g, 64);
	smb2_write_req_code(&w, &m);
	assert_true(wire_ok(&w));
	g->b[64 + 4] = 6; /* DataOffset + Length past the end */
	CHECK_REFUSED(g, 64, smb2_write_req_code, &m);
	store_le32(g->b + 64 + 4, 0xFFFFFFFF);
	CHECK_REFUSED(g, 64, smb2_write_req_code, &m);
}

/* Backs: A052, G091. */
static void test_write_response_is_sixteen_bytes(void **state)
{
	struct golden *g = body();
	struct smb2_write_rsp m = {0};

	(void)state;
	g16(g, 17);
	g16(g, 0);
	g32(g, 0x10000);
	g32(g, 7);
	g16(g, 0);
	g16(g, 0);
	CHECK_BODY(g, smb2_write_rsp_code, &m);
	assert_int_equal(m.count, 0x10000);
	assert_int_equal(m.remaining, 7);
}

/* Backs: A053, A054. */
static void test_lock_request_layout(void **state)
{
	struct golden *g = body();
	struct smb2_lock_req m = {0};

	(void)state;
	g16(g, 48);
	g16(g, 2);
	g32(g, 0x12);        /* LockSequence */
	gfid(g, 5, 6);
	g64(g, 100);
	g64(g, 200);
	g32(g, 0x12);        /* EXCLUSIVE | FAIL_IMMEDIATELY */
	g32(g, 0);
	g64(g, 300);
	g64(g, 400);
	g32(g, 4);           /* UNLOCK */
	g32(g, 0);
	CHECK_BODY(g, smb2_lock_req_code, &m);
	assert_int_equal(m.lock_count, 2);
	assert_int_equal(m.lock_sequence, 0x12);
	assert_true(m.locks[0].offset == 100 && m.locks[0].length == 200);
	assert_int_equal(m.locks[0].flags, 0x12);
	assert_true(m.locks[1].offset == 300 && m.locks[1].length == 400);
	assert_int_equal(m.locks[1].flags, 4);
	g->b[66] = 3; /* more elements than bytes */
	CHECK_REFUSED(g, 64, smb2_lock_req_code, &m);
	assert_int_equal(m.lock_count, 0);
}

/* Backs: A058. */
static void test_query_directory_request_layout(void **state)
{
	struct golden *g = body();
	struct smb2_query_directory_req m = {0};

	(void)state;
	g16(g, 33);
	g8(g, 0x25);
	g8(g, 0x11);         /* RESTART_SCANS | REOPEN */
	g32(g, 7);           /* FileIndex */
	gfid(g, 5, 6);
	g16(g, 96);
	g16(g, 6);
	g32(g, 0x10000);
	gtext(g, "*.c");
	CHECK_BODY(g, smb2_query_directory_req_code, &m);
	assert_int_equal(m.file_information_class, 0x25);
	assert_int_equal(m.flags, 0x11);
	assert_int_equal(m.file_index, 7);
	assert_int_equal(m.output_buffer_length, 0x10000);
	assert_text(m.file_name, "*.c");
}

/* Backs: A059, A061, A064. */
static void test_responses_with_an_output_buffer(void **state)
{
	static const uint16_t commands[] = {SMB2_QUERY_DIRECTORY, SMB2_CHANGE_NOTIFY, SMB2_QUERY_INFO};
	struct golden *g = body();
	struct smb2_query_info_rsp m = {0}; /* the three structs are alike */

	(void)state;
	g16(g, 9);
	g16(g, 72);
	g32(g, 5);
	gascii(g, "bytes");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		assert_int_equal(smb2_message_of(commands[i])->rsp_size, sizeof(m));
		CHECK_BODY(g, smb2_message_of(commands[i])->rsp_code, &m);
		assert_slice(m.output, "bytes", 5);
	}
	g->b[64 + 4] = 6;
	CHECK_REFUSED(g, 64, smb2_query_info_rsp_code, &m);
	g->b[64 + 4] = 5;
	g->b[64 + 2] = 71;
	CHECK_REFUSED(g, 64, smb2_query_info_rsp_code, &m);
}

/* Backs: A060. */
static void test_change_notify_request_layout(void **state)
{
	struct golden *g = body();
	struct smb2_change_notify_req m = {0};

	(void)state;
	g16(g, 32);
	g16(g, 1);           /* WATCH_TREE */
	g32(g, 0x1000);
	gfid(g, 5, 6);
	g32(g, 0xFFF);
	g32(g, 0);
	CHECK_BODY(g, smb2_change_notify_req_code, &m);
	assert_int_equal(m.flags, 1);
	assert_int_equal(m.output_buffer_length, 0x1000);
	assert_int_equal(m.completion_filter, 0xFFF);
}

/* Backs: A062. */
static void test_query_info_request_layout(void **state)
{
	struct golden *g = body();
	struct smb2_query_info_req m = {0};

	(void)state;
	g16(g, 41);
	g8(g, 1);
	g8(g, 15);
	g32(g, 0x1000);
	g16(g, 104);         /* InputBufferOffset */
	g16(g, 0);
	g32(g, 5);
	g32(g, 7);           /* AdditionalInformation */
	g32(g, 1);           /* Flags */
	gfid(g, 5, 6);
	gascii(g, "input");
	CHECK_BODY(g, smb2_query_info_req_code, &m);
	assert_int_equal(m.info_type, 1);
	assert_int_equal(m.file_info_class, 15);
	assert_int_equal(m.output_buffer_length, 0x1000);
	assert_int_equal(m.additional_information, 7);
	assert_int_equal(m.flags, 1);
	assert_slice(m.input, "input", 5);
}

/* Backs: A065. */
static void test_set_info_request_layout(void **state)
{
	struct golden *g = body();
	struct smb2_set_info_req m = {0};

	(void)state;
	g16(g, 33);
	g8(g, 3);
	g8(g, 0);
	g32(g, 5);
	g16(g, 96);
	g16(g, 0);
	g32(g, 4);           /* AdditionalInformation */
	gfid(g, 5, 6);
	gascii(g, "input");
	CHECK_BODY(g, smb2_set_info_req_code, &m);
	assert_int_equal(m.info_type, 3);
	assert_int_equal(m.buffer_offset, 96);
	assert_int_equal(m.additional_information, 4);
	assert_slice(m.input, "input", 5);
	g->b[64 + 4] = 6;
	CHECK_REFUSED(g, 64, smb2_set_info_req_code, &m);
}

/* Backs: A066. */
static void test_set_info_response_is_two_bytes(void **state)
{
	struct golden *g = body();
	struct smb2_empty m = {0};

	(void)state;
	g16(g, 2);
	CHECK_BODY(g, smb2_set_info_rsp_code, &m);
}

/* Backs: A067, A069, A071. */
static void test_oplock_break_layout(void **state)
{
	struct golden *g = body();
	struct smb2_break m = {0};

	(void)state;
	g16(g, 24);
	g8(g, 1);
	gzero(g, 5);
	gfid(g, 5, 6);
	CHECK_BODY(g, smb2_break_rsp_code, &m);
	CHECK_BODY(g, smb2_break_req_code, &m);
	assert_int_equal(m.structure_size, SMB2_BREAK_OPLOCK);
	assert_int_equal(m.oplock.oplock_level, 1);
	assert_true(m.oplock.file_id.volatile_id == 6);
}

/* Backs: A068. */
static void test_lease_break_layout(void **state)
{
	struct golden *g = body();
	struct smb2_break m = {0};

	(void)state;
	g16(g, 44);
	g16(g, 3);           /* NewEpoch */
	g32(g, 1);           /* ACK_REQUIRED */
	gfill(g, 16);
	g32(g, 7);
	g32(g, 3);
	g32(g, 0);
	g32(g, 0);
	g32(g, 0);
	CHECK_BODY(g, smb2_break_rsp_code, &m);
	assert_int_equal(m.structure_size, SMB2_BREAK_LEASE);
	assert_int_equal(m.lease.new_epoch, 3);
	assert_int_equal(m.lease.current_lease_state, 7);
	assert_int_equal(m.lease.new_lease_state, 3);
	CHECK_REFUSED(g, 64, smb2_break_req_code, &m); /* nobody sends a server one */
}

/* Backs: A070, A072. */
static void test_lease_acknowledgment_layout(void **state)
{
	struct golden *g = body();
	struct smb2_break m = {0};

	(void)state;
	g16(g, 36);
	g16(g, 0);
	g32(g, 0);
	gfill(g, 16);
	g32(g, 3);
	g64(g, 0);
	CHECK_BODY(g, smb2_break_req_code, &m);
	CHECK_BODY(g, smb2_break_rsp_code, &m);
	assert_int_equal(m.structure_size, SMB2_BREAK_LEASE_ACK);
	assert_int_equal(m.ack.lease_state, 3);
	assert_int_equal(m.ack.lease_key[15], 16);
}

/* Backs: A073. */
static void test_ioctl_request_layout(void **state)
{
	struct golden *g = body();
	struct smb2_ioctl_req m = {0};

	(void)state;
	g16(g, 57);
	g16(g, 0);
	g32(g, 0x0011C017);
	gfid(g, UINT64_MAX, UINT64_MAX);
	g32(g, 120);
	g32(g, 5);
	g32(g, 0);           /* MaxInputResponse */
	g32(g, 0);           /* OutputOffset */
	g32(g, 0);
	g32(g, 1024);        /* MaxOutputResponse */
	g32(g, 1);
	g32(g, 0);
	gascii(g, "input");
	CHECK_BODY(g, smb2_ioctl_req_code, &m);
	assert_int_equal(m.ctl_code, 0x0011C017);
	assert_true(m.file_id.persistent == SMB2_FILEID_NONE);
	assert_int_equal(m.max_output_response, 1024);
	assert_int_equal(m.flags, 1);
	assert_slice(m.input, "input", 5);
	g->b[64 + 28] = 6;
	CHECK_REFUSED(g, 64, smb2_ioctl_req_code, &m);
	g->b[64 + 28] = 5;
	g->b[64 + 40] = 1; /* an output that starts in the header */
	CHECK_REFUSED(g, 64, smb2_ioctl_req_code, &m);
}

/* Backs: A074. */
static void test_ioctl_response_layout(void **state)
{
	struct golden *g = body();
	struct smb2_ioctl_rsp m = {0};

	(void)state;
	g16(g, 49);
	g16(g, 0);
	g32(g, 0x0011C017);
	gfid(g, 5, 6);
	g32(g, 112);
	g32(g, 5);
	g32(g, 120);         /* the input's end, rounded up to 8 */
	g32(g, 6);
	g32(g, 0);
	g32(g, 0);
	gascii(g, "input");
	gzero(g, 3);
	gascii(g, "output");
	CHECK_BODY(g, smb2_ioctl_rsp_code, &m);
	assert_slice(m.input, "input", 5);
	assert_slice(m.output, "output", 6);
	g->b[64 + 36] = 7;
	CHECK_REFUSED(g, 64, smb2_ioctl_rsp_code, &m);
	store_le32(g->b + 64 + 36, 0); /* without output its offset means nothing */
	store_le32(g->b + 64 + 32, 0xFFFF);
	{
		struct wire w = golden_decoder(g, 64);

		smb2_ioctl_rsp_code(&w, &m);
		assert_true(wire_ok(&w));
		assert_int_equal(m.output.len, 0);
	}
}

/* Backs: A096, G003. */
static void test_transform_header_layout(void **state)
{
	struct golden *g = golden_new();
	struct smb2_transform_header m = {0};

	(void)state;
	ghex(g, "FD 53 4D 42");
	gfill(g, 16);
	gfill(g, 16);
	g32(g, 0x12345);
	g16(g, 0);
	g16(g, 1);           /* AES128_CCM, or "encrypted" in 3.1.1 */
	g64(g, 0x1122334455667788);
	CHECK_CODER(g, 0, smb2_transform_header_code, &m);
	assert_int_equal(g->n, SMB2_TRANSFORM_SIZE);
	assert_int_equal(m.original_message_size, 0x12345);
	assert_int_equal(m.algorithm, 1);
	assert_true(m.session_id == 0x1122334455667788);
	g->b[0] = 0xFE;
	CHECK_REFUSED(g, 0, smb2_transform_header_code, &m);
}

static void test_compression_header_layout(void **state)
{
	struct golden *g = golden_new();
	struct smb2_compression_header m = {0};

	(void)state;
	ghex(g, "FC 53 4D 42");
	g32(g, 0x10000);
	g16(g, 2);
	g16(g, 1);
	g32(g, 0x40);
	CHECK_CODER(g, 0, smb2_compression_header_code, &m);
	assert_int_equal(m.original_size, 0x10000);
	assert_int_equal(m.algorithm, 2);
	assert_int_equal(m.flags, 1);
	assert_int_equal(m.offset_or_length, 0x40);
}


static void test_the_table_names_the_commands_whose_payload_is_charged(void **state)
{
	static const char *const names[] = {"READ", "WRITE", "IOCTL", "QUERY_DIRECTORY", "CHANGE_NOTIFY", "QUERY_INFO", "SET_INFO"};
	size_t found = 0;

	(void)state;
	for (uint16_t i = 0; i < SMB2_COMMAND_COUNT; i++) {
		const struct smb2_message *m = smb2_message_of(i);
		uint32_t large = SMB2_NEEDS_CREDIT_CHARGE | SMB2_MAY_BE_LARGE;

		assert_int_equal(m->command, i);
		assert_true((m->preconditions & large) == 0 || (m->preconditions & large) == large);
		if (m->preconditions & large)
			assert_string_equal(m->name, names[found++]);
		if (m->preconditions & SMB2_NEEDS_OPEN)
			assert_true(m->preconditions & SMB2_NEEDS_TREE);
		if (m->preconditions & SMB2_NEEDS_TREE)
			assert_true(m->preconditions & SMB2_NEEDS_SESSION);
		assert_true(m->req_struct_size == m->req_fixed_size || m->req_struct_size == m->req_fixed_size + 1 || i == SMB2_LOCK);
		assert_true(m->rsp_struct_size == m->rsp_fixed_size || m->rsp_struct_size == m->rsp_fixed_size + 1);
		assert_int_equal(m->least_dialect, 0x0202);
	}
	assert_int_equal(found, ARRAY_LEN(names));
	assert_null(smb2_message_of(SMB2_COMMAND_COUNT));
	assert_null(smb2_message_of(0xFFFF));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sync_header_layout),
		cmocka_unit_test(test_async_header_layout),
		cmocka_unit_test(test_header_flags_have_their_values),
		cmocka_unit_test(test_a_header_of_another_protocol_or_size_is_refused),
		cmocka_unit_test(test_error_response_layout_and_its_dummy_byte),
		cmocka_unit_test(test_symlink_error_layout_and_its_lies),
		cmocka_unit_test(test_negotiate_request_layout),
		cmocka_unit_test(test_negotiate_request_with_too_many_dialects_is_refused),
		cmocka_unit_test(test_negotiate_request_of_311_has_contexts_where_the_start_time_was),
		cmocka_unit_test(test_negotiate_response_layout),
		cmocka_unit_test(test_negotiate_response_of_311_has_contexts_behind_the_token),
		cmocka_unit_test(test_session_setup_request_layout),
		cmocka_unit_test(test_session_setup_response_layout),
		cmocka_unit_test(test_bodies_of_four_bytes),
		cmocka_unit_test(test_tree_connect_request_layout),
		cmocka_unit_test(test_tree_connect_response_layout),
		cmocka_unit_test(test_create_request_layout),
		cmocka_unit_test(test_create_request_for_the_root_has_one_byte_of_buffer),
		cmocka_unit_test(test_create_response_layout),
		cmocka_unit_test(test_close_request_layout),
		cmocka_unit_test(test_close_response_layout),
		cmocka_unit_test(test_flush_request_layout),
		cmocka_unit_test(test_read_request_layout_and_its_pad_byte),
		cmocka_unit_test(test_read_request_with_channel_info),
		cmocka_unit_test(test_read_response_layout),
		cmocka_unit_test(test_write_request_layout),
		cmocka_unit_test(test_write_response_is_sixteen_bytes),
		cmocka_unit_test(test_lock_request_layout),
		cmocka_unit_test(test_query_directory_request_layout),
		cmocka_unit_test(test_responses_with_an_output_buffer),
		cmocka_unit_test(test_change_notify_request_layout),
		cmocka_unit_test(test_query_info_request_layout),
		cmocka_unit_test(test_set_info_request_layout),
		cmocka_unit_test(test_set_info_response_is_two_bytes),
		cmocka_unit_test(test_oplock_break_layout),
		cmocka_unit_test(test_lease_break_layout),
		cmocka_unit_test(test_lease_acknowledgment_layout),
		cmocka_unit_test(test_ioctl_request_layout),
		cmocka_unit_test(test_ioctl_response_layout),
		cmocka_unit_test(test_transform_header_layout),
		cmocka_unit_test(test_compression_header_layout),
		cmocka_unit_test(test_the_table_names_the_commands_whose_payload_is_charged),
	};

	return cmocka_run_group_tests(tests, NULL, golden_teardown);
}
