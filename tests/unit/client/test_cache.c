/* Oplocks and leases from the client's side ([MS-SMB2] 3.2.4.3.8, 3.2.5.7, 3.2.5.19): what is asked for, what of the answers is believed,
 * and breaks right, wrong, early, twice and for nobody. */
#include "fake.h"

#include <stdlib.h>

enum { R = HYTHE_CACHE_READ, RH = R | HYTHE_CACHE_HANDLE, RW = R | HYTHE_CACHE_WRITE, RWH = RH | HYTHE_CACHE_WRITE };
enum { LEASE = 0xFF, ACK = 1, MOST = 8 };

/* What the server says to the next CREATEs. */
struct verdict {
	ntstatus status;
	uint8_t level;
	bool context, v1, wrong_key, twice;
	uint32_t state;
	uint16_t epoch;
	unsigned break_first; /* breaks to this + 1, with the epoch one ahead, before the answer */
};

static struct fake f;
static struct hythe_session *s;
static struct hythe_tree *t;
static struct verdict verdicts[MOST];
static size_t opens;
static ntstatus ack_status;
static uint8_t key[16]; /* of the last CREATE with a lease */

static struct smb2_file_id id_of(size_t open)
{
	return (struct smb2_file_id){0x100 + open, 0x200 + open};
}

/* --- the server's side --- */

/* The lease that a CREATE asked for; false: none. */
static bool asked(size_t nth, struct smb2_ctx_lease *m, size_t *len)
{
	struct smb2_create_req req;
	struct smb2_create_context c;
	bool bad, found = false;
	fake_decode(&f, fake_nth(&f, SMB2_CREATE, nth), &req);
	*m = (struct smb2_ctx_lease){0};
	while (smb2_create_context_next(&req.contexts, &c, &bad)) {
		struct wire w = wire_decoder(c.data.data, 0, c.data.len, NULL);
		if (memcmp(c.name.data, "RqLs", 4) != 0)
			continue;
		found = true;
		*len = c.data.len;
		if (c.data.len == 52)
			smb2_ctx_lease_v2_code(&w, m);
		else
			smb2_ctx_lease_v1_code(&w, m);
		assert_true(wire_ok(&w) && w.pos == c.data.len);
	}
	assert_int_equal(found, req.requested_oplock_level == LEASE);
	return found;
}

static void send_break(struct smb2_break *b)
{
	uint8_t message[SMB2_HEADER_SIZE + 44];
	struct smb2_header h = {.flags = SMB2_FLAGS_SERVER_TO_REDIR, .command = SMB2_OPLOCK_BREAK, .message_id = UINT64_MAX};
	struct wire w = wire_encoder(message, 0, sizeof(message));
	smb2_header_code(&w, &h);
	smb2_break_rsp_code(&w, b);
	assert_true(wire_ok(&w));
	fake_send(&f, message, w.pos);
}

static void break_lease(const uint8_t lease_key[16], uint32_t to, uint16_t epoch, uint32_t flags)
{
	struct smb2_break b = {.structure_size = SMB2_BREAK_LEASE};
	b.lease = (struct smb2_lease_break){.new_epoch = epoch, .flags = flags, .current_lease_state = RWH, .new_lease_state = to};
	memcpy(b.lease.lease_key, lease_key, 16);
	send_break(&b);
}

static void break_oplock(struct smb2_file_id id, uint8_t level)
{
	struct smb2_break b = {.structure_size = SMB2_BREAK_OPLOCK};
	b.oplock = (struct smb2_oplock_break){.oplock_level = level, .file_id = id};
	send_break(&b);
}

static void answer_create(const struct fake_seen *r, const struct verdict *v)
{
	struct smb2_create_rsp rsp = {.file_id = id_of(opens), .create_action = 1, .oplock_level = v->level};
	uint8_t data[64], list[256];
	struct wire w = wire_encoder(data, 0, sizeof(data)), contexts = wire_encoder(list, 0, sizeof(list));
	struct smb2_ctx_lease m = {.lease_state = v->state, .epoch = v->epoch}, wish;
	size_t len;
	if (asked(opens, &wish, &len))
		memcpy(key, wish.lease_key, sizeof(key));
	if (v->break_first && v->level == LEASE)
		break_lease(key, v->break_first - 1, v->v1 ? 0 : (uint16_t)(v->epoch + 1), ACK);
	else if (v->break_first)
		break_oplock(rsp.file_id, (uint8_t)(v->break_first - 1));
	opens++;
	if (!nt_ok(v->status)) {
		fake_reply(&f, r, v->status, NULL, NULL, 0);
		return;
	}
	memcpy(m.lease_key, key, sizeof(m.lease_key));
	m.lease_key[5] ^= v->wrong_key;
	if (v->v1)
		smb2_ctx_lease_v1_code(&w, &m);
	else
		smb2_ctx_lease_v2_code(&w, &m);
	for (int i = 0; v->context && i < 1 + v->twice; i++)
		smb2_create_context_put(&contexts, slice_of("RqLs", 4), slice_of(data, w.pos));
	rsp.contexts = slice_of(list, contexts.pos);
	fake_reply(&f, r, STATUS_SUCCESS, &rsp, NULL, 0);
}

static bool serve(struct fake *fake, const struct fake_seen *r)
{
	(void)fake;
	if (r->h.command == SMB2_OPLOCK_BREAK && !nt_ok(ack_status)) {
		fake_reply(&f, r, ack_status, NULL, NULL, 0);
		return true;
	}
	if (r->h.command == SMB2_OPLOCK_BREAK) {
		struct smb2_break b;
		fake_decode(&f, r, &b);
		fake_reply(&f, r, STATUS_SUCCESS, &b, NULL, 0);
		return true;
	}
	if (r->h.command != SMB2_CREATE)
		return false;
	assert_true(opens < MOST);
	answer_create(r, &verdicts[opens]);
	return true;
}

static void begin_as(uint16_t dialect, uint32_t capabilities)
{
	fake_start(&f);
	f.hook = serve;
	f.cfg.max_dialect = dialect;
	f.cfg.capabilities = capabilities;
	f.o.credits = 16; /* so that a test can use them all */
	memset(verdicts, 0, sizeof(verdicts));
	opens = 0;
	ack_status = STATUS_SUCCESS;
	s = fake_login(&f);
	t = fake_tree(&f, s);
}

static void begin(uint16_t dialect)
{
	begin_as(dialect, SMB2_GLOBAL_CAP_LEASING | SMB2_GLOBAL_CAP_DIRECTORY_LEASING);
}

static void end(void)
{
	assert_int_equal(f.client->cache.by_key.count, 0);
	assert_int_equal(f.client->cache.by_name.count, 0);
	assert_int_equal(f.client->cache.oplocks.count, 0);
	hythe_tree_free(t);
	hythe_session_free(s);
	fake_stop(&f);
}

/* --- the application's side --- */

static struct {
	unsigned calls, deepest, depth;
	struct hythe_cache_change last;
	uint32_t state;
	void (*then)(struct hythe_file *file);
} app;

static void changed(void *arg, struct hythe_file *file, const struct hythe_cache_change *change)
{
	assert_ptr_equal(arg, &app);
	app.calls++;
	if (++app.depth > app.deepest)
		app.deepest = app.depth;
	app.last = *change;
	app.state = hythe_file_cache_state(file);
	if (app.then)
		app.then(file);
	app.depth--;
}

static struct hythe_open_params params(const char *path, uint32_t lease)
{
	struct hythe_open_params p;
	hythe_open_params_init(&p, path, HYTHE_READ_DATA | HYTHE_WRITE_DATA);
	p.lease = lease;
	return p;
}

static struct hythe_file *open_params(const struct hythe_open_params *p)
{
	struct hythe_file *file = NULL;
	assert_ok(hythe_open(t, p, &file, NULL));
	return file;
}

static struct hythe_file *open_lease(const char *path, uint32_t lease)
{
	struct hythe_open_params p = params(path, lease);
	return open_params(&p);
}

static struct hythe_file *open_told(const char *path, uint32_t lease, uint8_t level)
{
	struct hythe_open_params p = params(path, lease);
	p.oplock_level = level;
	p.on_cache_change = changed;
	p.cache_arg = &app;
	memset(&app, 0, sizeof(app));
	return open_params(&p);
}

static void grant(size_t open, uint32_t state, uint16_t epoch)
{
	verdicts[open] = (struct verdict){.level = LEASE, .context = true, .state = state, .epoch = epoch};
}

static void settle(void)
{
	while (hythe_client_poll(f.client, 0))
		;
}

static struct smb2_break ack(size_t nth)
{
	struct smb2_break b;
	const struct fake_seen *r = fake_nth(&f, SMB2_OPLOCK_BREAK, nth);
	fake_decode(&f, r, &b);
	assert_int_equal(r->h.session_id, f.session_id);
	assert_int_equal(r->h.tree_id, 7);
	return b;
}

static void lease_acked(size_t nth, const uint8_t lease_key[16], uint32_t state)
{
	assert_int_equal(fake_count(&f, SMB2_OPLOCK_BREAK), nth + 1);
	struct smb2_break b = ack(nth);
	assert_int_equal(b.structure_size, SMB2_BREAK_LEASE_ACK);
	assert_memory_equal(b.ack.lease_key, lease_key, 16);
	assert_int_equal(b.ack.lease_state, state);
	assert_int_equal(b.ack.flags, 0);
	assert_int_equal(b.ack.lease_duration, 0);
}

/* --- asking --- */

/* Backs: C002, C011, C077. */
static void test_one_key_for_a_name_and_the_key_of_its_directory(void **state)
{
	(void)state;
	static const char *const names[] = {"dir", "dir/File", "DIR\\fILE", "dir/other", "dir/File::$data", "dir/file:s", "dir/FILE:S:$DATA"};
	struct hythe_file *files[7];
	struct smb2_ctx_lease m[7];
	begin(SMB2_DIALECT_311);
	for (size_t i = 0; i < 7; i++) {
		size_t len;
		grant(i, 0, 1);
		files[i] = open_lease(names[i], i == 0 ? RH : RWH);
		assert_true(asked(i, &m[i], &len));
		assert_int_equal(len, 52);
		assert_int_equal(m[i].epoch, 0);
		assert_int_equal(m[i].lease_duration, 0);
		assert_int_equal(m[i].flags, i == 0 ? 0 : SMB2_LEASE_PARENT_KEY_SET);
		assert_int_equal(m[i].lease_state, i == 0 ? RH : i < 5 ? RWH : RW);
		if (i > 0)
			assert_memory_equal(m[i].parent_lease_key, m[0].lease_key, 16);
	}
	assert_memory_equal(m[1].lease_key, m[2].lease_key, 16);
	assert_memory_equal(m[1].lease_key, m[4].lease_key, 16);
	assert_memory_equal(m[5].lease_key, m[6].lease_key, 16);
	assert_memory_not_equal(m[1].lease_key, m[3].lease_key, 16);
	assert_memory_not_equal(m[1].lease_key, m[5].lease_key, 16);
	assert_memory_not_equal(m[1].lease_key, m[0].lease_key, 16);
	for (size_t i = 0; i < 7; i++)
		assert_ok(hythe_close(files[i], NULL));
	/* closed and opened again it is another, and the directory is not open any more */
	struct smb2_ctx_lease again;
	size_t len;
	grant(7, 0, 1);
	files[0] = open_lease("dir/File", R);
	assert_true(asked(7, &again, &len));
	assert_memory_not_equal(again.lease_key, m[1].lease_key, 16);
	assert_int_equal(again.flags, 0);
	assert_ok(hythe_close(files[0], NULL));
	end();
}

static void test_the_root_and_other_versions_are_names_of_their_own(void **state)
{
	(void)state;
	struct hythe_open_params p = params("x", R);
	struct hythe_file *files[4];
	struct smb2_ctx_lease m[4];
	size_t len;
	begin(SMB2_DIALECT_311);
	for (size_t i = 0; i < 4; i++)
		grant(i, 0, 1);
	files[0] = open_lease("/", R);
	files[1] = open_params(&p);
	p.snapshot_time = 99;
	files[2] = open_params(&p);
	files[3] = open_lease("", R);
	for (size_t i = 0; i < 4; i++)
		assert_true(asked(i, &m[i], &len));
	assert_int_equal(m[0].flags, 0);
	assert_memory_equal(m[1].parent_lease_key, m[0].lease_key, 16);
	assert_memory_not_equal(m[2].lease_key, m[1].lease_key, 16);
	assert_int_equal(m[2].flags, 0);
	assert_memory_equal(m[3].lease_key, m[0].lease_key, 16);
	for (size_t i = 0; i < 4; i++)
		assert_ok(hythe_close(files[i], NULL));
	end();
}

/* Backs: C078. */
static void test_version_1_in_2_1(void **state)
{
	(void)state;
	struct smb2_ctx_lease m;
	size_t len;
	begin(SMB2_DIALECT_210);
	verdicts[0] = (struct verdict){.level = LEASE, .context = true, .v1 = true, .state = RH};
	struct hythe_file *file = open_lease("dir/x", RWH);
	assert_true(asked(0, &m, &len));
	assert_int_equal(len, 32);
	assert_int_equal(m.lease_state, RWH);
	assert_int_equal(m.flags, 0);
	assert_int_equal(hythe_file_cache_state(file), RH);
	assert_ok(hythe_close(file, NULL));
	end();
}

static void nowhere_to_be_had(struct hythe_open_params p)
{
	struct hythe_file *file = NULL;
	size_t before = opens, len;
	struct smb2_ctx_lease m;
	struct smb2_create_req req;
	assert_status(hythe_open(t, &p, &file, NULL), STATUS_NOT_SUPPORTED);
	assert_int_equal(opens, before);
	/* an oplock instead, when one is named */
	p.oplock_level = HYTHE_OPLOCK_BATCH;
	verdicts[before] = (struct verdict){.level = HYTHE_OPLOCK_BATCH};
	file = open_params(&p);
	assert_false(asked(before, &m, &len));
	fake_decode(&f, fake_nth(&f, SMB2_CREATE, before), &req);
	assert_int_equal(req.requested_oplock_level, HYTHE_OPLOCK_BATCH);
	assert_int_equal(hythe_file_cache_state(file), RWH);
	assert_ok(hythe_close(file, NULL));
}

/* The server knows it as another client's, so that a lease of the others would not be its own. */
static void test_a_connection_apart_has_a_client_guid_and_no_leases(void **state)
{
	(void)state;
	struct smb2_negotiate_req together, apart;
	begin(SMB2_DIALECT_311);
	fake_decode(&f, fake_nth(&f, SMB2_NEGOTIATE, 0), &together);
	assert_true(guid_equal(&together.client_guid, &f.client->guid));
	hythe_tree_free(t);
	hythe_session_free(s);
	f.o.apart = true;
	s = fake_login(&f);
	t = fake_tree(&f, s);
	fake_decode(&f, fake_nth(&f, SMB2_NEGOTIATE, 1), &apart);
	assert_false(guid_equal(&apart.client_guid, &f.client->guid));
	assert_false(guid_equal(&apart.client_guid, &(struct guid){0}));
	nowhere_to_be_had(params("x", R));
	end();
}

/* Backs: C076. */
static void test_leases_are_not_asked_for_where_there_are_none(void **state)
{
	(void)state;
	struct hythe_open_params directory = params("dir", R);
	directory.options = HYTHE_OPTION_DIRECTORY;
	begin(SMB2_DIALECT_202);
	nowhere_to_be_had(params("x", R));
	end();
	begin_as(SMB2_DIALECT_311, SMB2_GLOBAL_CAP_DIRECTORY_LEASING);
	nowhere_to_be_had(params("x", R));
	end();
	begin(SMB2_DIALECT_210);
	nowhere_to_be_had(directory);
	nowhere_to_be_had(params("/", R));
	end();
}

static void test_what_cannot_be_asked_for(void **state)
{
	(void)state;
	static const struct {
		uint32_t lease;
		uint8_t level;
	} wrong[] = {{HYTHE_CACHE_HANDLE, 0}, {HYTHE_CACHE_WRITE, 0}, {HYTHE_CACHE_HANDLE | HYTHE_CACHE_WRITE, 0}, {8 | R, 0}, {0, 2}, {0, LEASE}};
	struct hythe_file *file;
	begin(SMB2_DIALECT_311);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct hythe_open_params p = params("x", wrong[i].lease);
		p.oplock_level = wrong[i].level;
		assert_status(hythe_open(t, &p, &file, NULL), STATUS_INVALID_PARAMETER);
	}
	assert_int_equal(opens, 0);
	end();
}

static void test_negotiate_says_that_we_understand_leases(void **state)
{
	(void)state;
	struct smb2_negotiate_req req;
	begin(SMB2_DIALECT_311);
	fake_decode(&f, fake_nth(&f, SMB2_NEGOTIATE, 0), &req);
	assert_int_equal(req.capabilities & 0x22, 0x22);
	end();
}

/* --- grants --- */

/* Backs: C012, C013, C182. */
static void test_handles_of_a_file_share_its_state(void **state)
{
	(void)state;
	begin(SMB2_DIALECT_302);
	grant(0, R, 1);
	grant(1, RWH, 2);
	grant(2, R, 1); /* an answer that was overtaken */
	struct hythe_file *one = open_lease("x", R);
	assert_int_equal(hythe_file_cache_state(one), R);
	struct hythe_file *two = open_lease("X", RWH);
	assert_int_equal(hythe_file_cache_state(one), RWH);
	assert_int_equal(hythe_file_cache_state(two), RWH);
	struct hythe_file *three = open_lease("x", R);
	assert_int_equal(hythe_file_cache_state(three), RWH);
	struct hythe_file *none = open_lease("x", 0);
	assert_int_equal(hythe_file_cache_state(none), 0);
	assert_ok(hythe_close(none, NULL));
	assert_ok(hythe_close(one, NULL));
	assert_int_equal(hythe_file_cache_state(two), RWH);
	assert_ok(hythe_close(two, NULL));
	assert_ok(hythe_close(three, NULL));
	end();
}

/* Backs: C182. */
static void test_an_epoch_that_jumps_purges_what_others_cached(void **state)
{
	(void)state;
	begin(SMB2_DIALECT_302);
	grant(0, R, 1);
	grant(1, RH, 3);
	struct hythe_file *one = open_told("x", RH, 0), *two = open_lease("x", RH);
	settle();
	assert_int_equal(app.calls, 1);
	assert_true(app.last.purge && app.last.from == RH && app.last.to == RH);
	assert_int_equal(hythe_file_cache_state(one), RH);
	assert_ok(hythe_close(one, NULL));
	assert_ok(hythe_close(two, NULL));
	end();
}

static void refused(uint32_t lease, uint8_t level, struct verdict v)
{
	struct hythe_open_params p = params("x", lease);
	struct hythe_file *file = NULL;
	struct smb2_close_req req;
	p.oplock_level = level;
	opens = 0;
	f.seen_count = 0;
	verdicts[0] = v;
	assert_status(hythe_open(t, &p, &file, NULL), STATUS_INVALID_NETWORK_RESPONSE);
	settle();
	assert_int_equal(fake_count(&f, SMB2_CLOSE), 1);
	fake_decode(&f, fake_nth(&f, SMB2_CLOSE, 0), &req);
	assert_true(req.file_id.persistent == id_of(0).persistent && req.file_id.volatile_id == id_of(0).volatile_id);
}

/* Backs: C181. */
static void test_more_than_was_asked_for_is_refused_and_closed(void **state)
{
	(void)state;
	begin(SMB2_DIALECT_311);
	/* a lease without its context, and the other way round */
	refused(RWH, 0, (struct verdict){.level = LEASE});
	refused(RWH, 0, (struct verdict){.level = 0, .context = true, .state = R, .epoch = 1});
	refused(0, 0, (struct verdict){.level = LEASE, .context = true, .state = R, .epoch = 1});
	refused(0, HYTHE_OPLOCK_BATCH, (struct verdict){.level = LEASE, .context = true, .state = R, .epoch = 1});
	/* more state, another's key, two of them */
	refused(RH, 0, (struct verdict){.level = LEASE, .context = true, .state = RWH, .epoch = 1});
	refused(RWH, 0, (struct verdict){.level = LEASE, .context = true, .state = RWH | 8, .epoch = 1});
	refused(RWH, 0, (struct verdict){.level = LEASE, .context = true, .state = R, .epoch = 1, .wrong_key = true});
	refused(RWH, 0, (struct verdict){.level = LEASE, .context = true, .state = R, .epoch = 1, .twice = true});
	/* oplocks */
	refused(0, 0, (struct verdict){.level = HYTHE_OPLOCK_II});
	refused(0, HYTHE_OPLOCK_II, (struct verdict){.level = HYTHE_OPLOCK_EXCLUSIVE});
	refused(0, HYTHE_OPLOCK_EXCLUSIVE, (struct verdict){.level = HYTHE_OPLOCK_BATCH});
	refused(0, HYTHE_OPLOCK_BATCH, (struct verdict){.level = 5});
	refused(RWH, 0, (struct verdict){.level = HYTHE_OPLOCK_BATCH});
	end();
	begin(SMB2_DIALECT_210);
	refused(RWH, 0, (struct verdict){.level = LEASE, .context = true, .state = R, .epoch = 1});
	end();
	begin_as(SMB2_DIALECT_302, 0);
	refused(0, 0, (struct verdict){.level = LEASE, .context = true, .v1 = true, .state = R});
	end();
}

static void test_less_than_was_asked_for_is_fine(void **state)
{
	(void)state;
	begin(SMB2_DIALECT_311);
	verdicts[0].level = 0;
	struct hythe_file *file = open_lease("x", RWH);
	assert_int_equal(hythe_file_cache_state(file), 0);
	assert_ok(hythe_close(file, NULL));
	verdicts[1].level = HYTHE_OPLOCK_II;
	file = open_told("x", 0, HYTHE_OPLOCK_BATCH);
	assert_int_equal(hythe_file_cache_state(file), R);
	assert_ok(hythe_close(file, NULL));
	end();
}

/* --- lease breaks --- */

/* Backs: C205, C206, C207, C209. */
static void test_a_break_is_acknowledged_once_with_what_is_left(void **state)
{
	(void)state;
	static const uint8_t nobody[16] = {1};
	begin(SMB2_DIALECT_311);
	grant(0, RWH, 1);
	struct hythe_file *file = open_lease("x", RWH);
	break_lease(nobody, 0, 2, ACK);
	settle();
	assert_int_equal(s->conn->breaks_ignored, 1);
	break_lease(key, RH, 2, ACK);
	settle();
	lease_acked(0, key, RH);
	assert_int_equal(hythe_file_cache_state(file), RH);
	/* again, and one from before that */
	break_lease(key, RH, 2, ACK);
	break_lease(key, 0, 1, ACK);
	settle();
	assert_int_equal(fake_count(&f, SMB2_OPLOCK_BREAK), 1);
	assert_int_equal(hythe_file_cache_state(file), RH);
	/* an answer that nobody waits for */
	ack_status = STATUS_UNSUCCESSFUL;
	break_lease(key, R, 3, ACK);
	settle();
	lease_acked(1, key, R);
	break_lease(key, 0, 4, 0);
	settle();
	assert_int_equal(fake_count(&f, SMB2_OPLOCK_BREAK), 2);
	assert_int_equal(hythe_file_cache_state(file), 0);
	assert_ok(hythe_close(file, NULL));
	/* closed: that was the answer */
	break_lease(key, 0, 5, ACK);
	settle();
	assert_int_equal(fake_count(&f, SMB2_OPLOCK_BREAK), 2);
	end();
}

static void write_back(struct hythe_file *file)
{
	size_t n;
	assert_int_equal(fake_count(&f, SMB2_OPLOCK_BREAK), 0);
	assert_ok(hythe_write(file, 0, "dirty", 5, &n));
	assert_ok(hythe_flush(file));
	assert_int_equal(fake_count(&f, SMB2_OPLOCK_BREAK), 0);
}

/* Backs: C012, C205, C207. */
static void test_what_was_cached_is_written_before_the_acknowledgment(void **state)
{
	(void)state;
	begin(SMB2_DIALECT_311);
	grant(0, RWH, 1);
	grant(1, RWH, 1);
	struct hythe_file *file = open_told("x", RWH, 0), *silent = open_lease("x", R);
	app.then = write_back;
	break_lease(key, R, 2, ACK);
	settle();
	assert_int_equal(app.calls, 1);
	assert_true(app.last.from == RWH && app.last.to == R && app.state == R && !app.last.purge);
	assert_int_equal(fake_count(&f, SMB2_WRITE), 1);
	assert_int_equal(fake_count(&f, SMB2_FLUSH), 1);
	lease_acked(0, key, R);
	app.then = NULL;
	/* inside of any call that waits */
	break_lease(key, 0, 3, 0);
	assert_ok(hythe_echo(s));
	assert_int_equal(app.calls, 2);
	assert_true(app.last.from == R && app.last.to == 0 && app.last.purge);
	assert_int_equal(fake_count(&f, SMB2_OPLOCK_BREAK), 1);
	assert_ok(hythe_close(file, NULL));
	assert_ok(hythe_close(silent, NULL));
	end();
}

static void break_further(struct hythe_file *file)
{
	if (app.calls > 1)
		return;
	break_lease(key, 0, 3, ACK);
	assert_ok(hythe_echo(s));
	assert_int_equal(hythe_file_cache_state(file), 0);
}

static void test_a_second_break_while_the_first_is_worked_on(void **state)
{
	(void)state;
	begin(SMB2_DIALECT_311);
	grant(0, RWH, 1);
	struct hythe_file *file = open_told("x", RWH, 0);
	app.then = break_further;
	break_lease(key, RH, 2, ACK);
	settle();
	assert_int_equal(app.calls, 2);
	assert_int_equal(app.deepest, 1);
	assert_true(app.last.from == RH && app.last.to == 0);
	lease_acked(0, key, 0);
	assert_ok(hythe_close(file, NULL));
	end();
}

static void close_it(struct hythe_file *file)
{
	assert_ok(hythe_close(file, NULL));
}

/* Backs: C207. */
static void test_a_file_closed_by_its_callback_needs_no_acknowledgment(void **state)
{
	(void)state;
	begin(SMB2_DIALECT_311);
	grant(0, RH, 1);
	(void)open_told("x", RH, 0);
	app.then = close_it;
	break_lease(key, R, 2, ACK);
	settle();
	assert_int_equal(app.calls, 1);
	assert_int_equal(fake_count(&f, SMB2_CLOSE), 1);
	assert_int_equal(fake_count(&f, SMB2_OPLOCK_BREAK), 0);
	end();
}

static uint8_t keys[2][16];
static struct hythe_file *both[2];

static void break_the_other(struct hythe_file *file)
{
	if (file == both[0]) {
		break_lease(keys[1], 0, 2, ACK);
		assert_ok(hythe_echo(s));
	}
}

static void test_callbacks_of_other_files_run_inside_of_one_that_waits(void **state)
{
	(void)state;
	begin(SMB2_DIALECT_311);
	for (size_t i = 0; i < 2; i++) {
		grant(i, RWH, 1);
		both[i] = open_told(i == 0 ? "a" : "b", RWH, 0);
		memcpy(keys[i], key, sizeof(key));
	}
	app.then = break_the_other;
	break_lease(keys[0], R, 2, ACK);
	settle();
	assert_int_equal(app.calls, 2);
	assert_int_equal(app.deepest, 2);
	assert_int_equal(fake_count(&f, SMB2_OPLOCK_BREAK), 2);
	struct smb2_break b = ack(0);
	assert_memory_equal(b.ack.lease_key, keys[1], 16);
	for (size_t i = 0; i < 2; i++)
		assert_ok(hythe_close(both[i], NULL));
	end();
}

/* Backs: C206. */
static void test_the_same_state_two_epochs_on_purges(void **state)
{
	(void)state;
	begin(SMB2_DIALECT_311);
	grant(0, R, 1);
	struct hythe_file *file = open_told("x", R, 0);
	break_lease(key, R, 3, 0);
	settle();
	assert_int_equal(app.calls, 1);
	assert_true(app.last.purge && app.last.from == R && app.last.to == R);
	assert_ok(hythe_close(file, NULL));
	end();
}

static void test_a_break_before_the_answer(void **state)
{
	(void)state;
	begin(SMB2_DIALECT_311);
	grant(0, RWH, 1);
	verdicts[0].break_first = R + 1;
	struct hythe_file *file = open_told("x", RWH, 0);
	settle();
	assert_int_equal(hythe_file_cache_state(file), R);
	assert_int_equal(app.calls, 0);
	lease_acked(0, key, R);
	assert_ok(hythe_close(file, NULL));
	end();
	begin(SMB2_DIALECT_210);
	verdicts[0] = (struct verdict){.level = LEASE, .context = true, .v1 = true, .state = RWH, .break_first = R + 1};
	file = open_told("x", RWH, 0);
	settle();
	assert_int_equal(hythe_file_cache_state(file), R);
	lease_acked(0, key, R);
	assert_ok(hythe_close(file, NULL));
	end();
	/* of an open that fails */
	begin(SMB2_DIALECT_311);
	grant(0, RWH, 1);
	verdicts[0].break_first = R + 1;
	verdicts[0].status = STATUS_ACCESS_DENIED;
	struct hythe_open_params p = params("x", RWH);
	assert_status(hythe_open(t, &p, &file, NULL), STATUS_ACCESS_DENIED);
	settle();
	end();
}

/* --- oplocks --- */

static void oplock_acked(size_t nth, uint8_t level)
{
	assert_int_equal(fake_count(&f, SMB2_OPLOCK_BREAK), nth + 1);
	struct smb2_break b = ack(nth);
	assert_int_equal(b.structure_size, SMB2_BREAK_OPLOCK);
	assert_int_equal(b.oplock.oplock_level, level);
	assert_int_equal(b.oplock.file_id.persistent, id_of(0).persistent);
}

static void hold_oplock(uint8_t level)
{
	begin(SMB2_DIALECT_202);
	verdicts[0].level = level;
	both[0] = open_told("x", 0, level);
}

static void release_oplock(void)
{
	assert_ok(hythe_close(both[0], NULL));
	end();
}

/* Backs: C204. */
static void test_oplock_breaks(void **state)
{
	(void)state;
	static const uint8_t high[] = {HYTHE_OPLOCK_BATCH, HYTHE_OPLOCK_EXCLUSIVE};
	for (size_t i = 0; i < 2; i++) {
		hold_oplock(high[i]);
		/* another's, one that there is not, and garbage */
		break_oplock(id_of(3), HYTHE_OPLOCK_NONE);
		break_oplock(id_of(0), HYTHE_OPLOCK_EXCLUSIVE);
		break_oplock(id_of(0), LEASE);
		settle();
		assert_int_equal(app.calls, 0);
		app.then = write_back;
		break_oplock(id_of(0), HYTHE_OPLOCK_II);
		settle();
		oplock_acked(0, HYTHE_OPLOCK_II);
		assert_int_equal(hythe_file_cache_state(both[0]), R);
		assert_int_equal(app.last.to, R);
		app.then = NULL;
		/* twice the same; then the rest, which needs no answer */
		break_oplock(id_of(0), HYTHE_OPLOCK_II);
		break_oplock(id_of(0), HYTHE_OPLOCK_NONE);
		break_oplock(id_of(0), HYTHE_OPLOCK_NONE);
		settle();
		assert_int_equal(hythe_file_cache_state(both[0]), 0);
		assert_int_equal(app.calls, 2);
		assert_int_equal(fake_count(&f, SMB2_OPLOCK_BREAK), 1);
		release_oplock();
		hold_oplock(high[i]);
		break_oplock(id_of(0), HYTHE_OPLOCK_NONE);
		settle();
		oplock_acked(0, HYTHE_OPLOCK_NONE);
		assert_true(app.last.to == 0 && app.last.purge);
		release_oplock();
	}
}

/* Backs: C208. */
static void test_an_acknowledgment_that_is_refused_leaves_nothing(void **state)
{
	(void)state;
	hold_oplock(HYTHE_OPLOCK_BATCH);
	ack_status = STATUS_INVALID_OPLOCK_PROTOCOL;
	break_oplock(id_of(0), HYTHE_OPLOCK_II);
	settle();
	assert_int_equal(fake_count(&f, SMB2_OPLOCK_BREAK), 1);
	assert_int_equal(hythe_file_cache_state(both[0]), 0);
	assert_int_equal(app.calls, 2);
	assert_true(app.last.from == R && app.last.to == 0 && app.last.purge);
	release_oplock();
}

static void test_an_oplock_break_before_the_answer(void **state)
{
	(void)state;
	begin(SMB2_DIALECT_302);
	verdicts[0] = (struct verdict){.level = HYTHE_OPLOCK_BATCH, .break_first = HYTHE_OPLOCK_II + 1};
	both[0] = open_told("x", 0, HYTHE_OPLOCK_BATCH);
	settle();
	oplock_acked(0, HYTHE_OPLOCK_II);
	assert_int_equal(hythe_file_cache_state(both[0]), R);
	assert_int_equal(s->conn->early_break_count, 0);
	release_oplock();
}

/* --- ends --- */

static void test_with_the_connection_all_is_gone(void **state)
{
	(void)state;
	begin(SMB2_DIALECT_311);
	grant(0, RWH, 1);
	verdicts[1].level = HYTHE_OPLOCK_II;
	both[0] = open_told("x", RWH, 0);
	both[1] = open_told("y", 0, HYTHE_OPLOCK_II);
	net_conn_close(f.net, false);
	settle();
	assert_int_equal(app.calls, 2);
	assert_int_equal(app.last.to, 0);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(hythe_file_cache_state(both[i]), 0);
		assert_status(hythe_close(both[i], NULL), STATUS_CONNECTION_DISCONNECTED);
	}
	end();
}

/* Trees and sessions that end at the server take what their files held with them. */
static void test_with_its_tree_what_a_file_held_is_gone(void **state)
{
	(void)state;
	begin(SMB2_DIALECT_311);
	struct hythe_tree *other = fake_tree(&f, s), *first = t;
	grant(0, RWH, 1);
	grant(1, RWH, 1);
	both[0] = open_told("x", RWH, 0);
	t = other;
	both[1] = open_lease("x", R);
	t = first;
	assert_ok(hythe_tree_disconnect(other));
	settle();
	assert_int_equal(app.calls, 0);
	assert_int_equal(hythe_file_cache_state(both[0]), RWH);
	assert_int_equal(hythe_file_cache_state(both[1]), 0);
	hythe_file_free(both[1]);
	assert_ok(hythe_session_logoff(s));
	settle();
	assert_int_equal(app.calls, 1);
	assert_int_equal(hythe_file_cache_state(both[0]), 0);
	hythe_file_free(both[0]);
	s = NULL;
	end();
}

static bool swallow_acks(struct fake *fake, const struct fake_seen *r)
{
	return r->h.command == SMB2_OPLOCK_BREAK || serve(fake, r);
}

static void test_a_server_that_wants_many_acknowledgments_gets_one_at_a_time(void **state)
{
	(void)state;
	begin(SMB2_DIALECT_311);
	f.hook = swallow_acks;
	grant(0, RWH, 1);
	struct hythe_file *file = open_lease("x", RWH);
	for (uint16_t i = 2; i < 200; i++)
		break_lease(key, R, i, ACK);
	fake_run(&f, 0);
	lease_acked(0, key, R);
	struct fake_seen first = *fake_nth(&f, SMB2_OPLOCK_BREAK, 0);
	fake_reply(&f, &first, STATUS_UNSUCCESSFUL, NULL, NULL, 0);
	fake_run(&f, 0);
	lease_acked(1, key, R);
	assert_ok(hythe_close(file, NULL));
	end();
}

static void test_a_file_given_back_is_not_told(void **state)
{
	(void)state;
	begin(SMB2_DIALECT_311);
	grant(0, RWH, 1);
	struct hythe_file *file = open_told("x", RWH, 0);
	break_lease(key, 0, 2, ACK);
	fake_run(&f, 0); /* the callback is due */
	hythe_file_free(file);
	settle();
	assert_int_equal(app.calls, 0);
	end();
	/* nor is one when the client goes */
	begin(SMB2_DIALECT_311);
	grant(0, RWH, 1);
	file = open_told("x", RWH, 0);
	break_lease(key, 0, 2, ACK);
	fake_run(&f, 0);
	hythe_file_free(file);
	end();
	assert_int_equal(app.calls, 0);
}

static void test_a_name_that_means_another_file_gets_another_key(void **state)
{
	(void)state;
	struct smb2_ctx_lease m[3];
	size_t len;
	begin(SMB2_DIALECT_311);
	grant(0, RWH, 1);
	verdicts[1].status = STATUS_INVALID_PARAMETER;
	grant(2, R, 1);
	both[0] = open_lease("x", RWH);
	both[1] = open_lease("x", RWH);
	for (size_t i = 0; i < 3; i++)
		assert_true(asked(i, &m[i], &len));
	assert_memory_equal(m[0].lease_key, m[1].lease_key, 16);
	assert_memory_not_equal(m[1].lease_key, m[2].lease_key, 16);
	assert_int_equal(hythe_file_cache_state(both[0]), RWH);
	assert_int_equal(hythe_file_cache_state(both[1]), R);
	/* a rename of ours says so beforehand */
	assert_ok(hythe_file_rename(both[1], "y", false));
	grant(3, R, 1);
	struct hythe_file *third = open_lease("x", R);
	assert_true(asked(3, &m[0], &len));
	assert_memory_not_equal(m[0].lease_key, m[2].lease_key, 16);
	assert_int_equal(opens, 4);
	assert_ok(hythe_close(third, NULL));
	assert_ok(hythe_close(both[0], NULL));
	assert_ok(hythe_close(both[1], NULL));
	/* without another there is nobody to mix it up with */
	verdicts[4].status = STATUS_INVALID_PARAMETER;
	struct hythe_open_params p = params("x", R);
	assert_status(hythe_open(t, &p, &third, NULL), STATUS_INVALID_PARAMETER);
	assert_int_equal(opens, 5);
	end();
}

static void test_chains_hold_what_they_keep(void **state)
{
	(void)state;
	struct hythe_open_params p = params("x", RWH);
	struct hythe_step steps[] = {{.kind = HYTHE_STEP_OPEN, .open = &p}, {.kind = HYTHE_STEP_CLOSE}};
	struct smb2_ctx_lease m;
	size_t len;
	begin(SMB2_DIALECT_311);
	grant(1, RWH, 1);
	assert_ok(hythe_chain(t, steps, 2));
	assert_false(asked(0, &m, &len));
	steps[0].keep = true;
	assert_ok(hythe_chain(t, steps, 1));
	both[0] = steps[0].file;
	assert_int_equal(hythe_file_cache_state(both[0]), RWH);
	steps[0] = (struct hythe_step){.kind = HYTHE_STEP_CLOSE, .on = both[0]};
	assert_ok(hythe_chain(t, steps, 1));
	assert_int_equal(hythe_file_cache_state(both[0]), 0);
	hythe_file_free(both[0]);
	end();
}

/* The acknowledgment goes before what waits for credits: the server may be waiting for it to answer those that have them. */
static void test_an_acknowledgment_does_not_queue(void **state)
{
	(void)state;
	begin(SMB2_DIALECT_311);
	grant(0, RWH, 1);
	struct hythe_file *file = open_lease("x", RWH);
	f.hold = true;
	size_t credits = (size_t)proto_sender_credits(&s->conn->sender);
	for (size_t i = 0; i < credits + 3; i++)
		assert_ok(hythe_flush_async(file, NULL, NULL));
	fake_run(&f, 0);
	break_lease(key, R, 2, ACK);
	fake_run(&f, 0);
	assert_int_equal(fake_count(&f, SMB2_OPLOCK_BREAK), 0);
	assert_int_equal(fake_count(&f, SMB2_FLUSH), credits);
	f.grant = 1;
	fake_let_go(&f, false);
	settle();
	size_t at = 0;
	while (f.seen[at].h.command != SMB2_OPLOCK_BREAK)
		at++;
	size_t before = 0;
	for (size_t i = 0; i < at; i++)
		before += f.seen[i].h.command == SMB2_FLUSH;
	assert_int_equal(before, credits);
	assert_int_equal(fake_count(&f, SMB2_FLUSH), credits + 3);
	assert_ok(hythe_close(file, NULL));
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_key_for_a_name_and_the_key_of_its_directory),
		cmocka_unit_test(test_the_root_and_other_versions_are_names_of_their_own),
		cmocka_unit_test(test_version_1_in_2_1),
		cmocka_unit_test(test_leases_are_not_asked_for_where_there_are_none),
		cmocka_unit_test(test_a_connection_apart_has_a_client_guid_and_no_leases),
		cmocka_unit_test(test_what_cannot_be_asked_for),
		cmocka_unit_test(test_negotiate_says_that_we_understand_leases),
		cmocka_unit_test(test_handles_of_a_file_share_its_state),
		cmocka_unit_test(test_an_epoch_that_jumps_purges_what_others_cached),
		cmocka_unit_test(test_more_than_was_asked_for_is_refused_and_closed),
		cmocka_unit_test(test_less_than_was_asked_for_is_fine),
		cmocka_unit_test(test_a_break_is_acknowledged_once_with_what_is_left),
		cmocka_unit_test(test_what_was_cached_is_written_before_the_acknowledgment),
		cmocka_unit_test(test_a_second_break_while_the_first_is_worked_on),
		cmocka_unit_test(test_a_file_closed_by_its_callback_needs_no_acknowledgment),
		cmocka_unit_test(test_callbacks_of_other_files_run_inside_of_one_that_waits),
		cmocka_unit_test(test_the_same_state_two_epochs_on_purges),
		cmocka_unit_test(test_a_break_before_the_answer),
		cmocka_unit_test(test_oplock_breaks),
		cmocka_unit_test(test_an_acknowledgment_that_is_refused_leaves_nothing),
		cmocka_unit_test(test_an_oplock_break_before_the_answer),
		cmocka_unit_test(test_with_the_connection_all_is_gone),
		cmocka_unit_test(test_with_its_tree_what_a_file_held_is_gone),
		cmocka_unit_test(test_a_server_that_wants_many_acknowledgments_gets_one_at_a_time),
		cmocka_unit_test(test_a_file_given_back_is_not_told),
		cmocka_unit_test(test_a_name_that_means_another_file_gets_another_key),
		cmocka_unit_test(test_chains_hold_what_they_keep),
		cmocka_unit_test(test_an_acknowledgment_does_not_queue),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
