/* Sessions with several connections, a thread each, made for ThreadSanitizer: all work on the same open files of their session at once, log on again,
 * hang up, are bound anew, and in the end somebody logs off under the others. What a request comes to is nobody's business; that each is answered, or its
 * connection gone, and that the server is left with nothing, is. HYTHE_SOAK_SECONDS (default 3). */
#include "sim.h"

#include <hythe/server.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TEAMS = 2, MEMBERS = 4, FILES = 6, WORKERS = 8, ALL = 0x1F01FF, OPEN = 1, OPEN_IF = 3 };

/* A session. Its first connection is the one that logged on, and has the keys that others are bound with. */
struct team {
	pthread_t thread;
	unsigned number;
	uint16_t port;
	bool sealed;
	pthread_mutex_t lock; /* of files and directory */
	struct smb2_file_id files[FILES], directory;
	struct raw first; /* what raw_bind wants of it */
	_Atomic bool over;
	_Atomic uint16_t sequence;
	_Atomic uint64_t operations, bound;
};

struct member {
	pthread_t thread;
	struct team *team;
	uint64_t seed;
	struct raw raw;
	bool is_first, connected;
	ntstatus came; /* how its last NEGOTIATE, log-on or binding ended */
};

static _Atomic int failures;
static time_t end_at;

static uint64_t rnd(struct member *m)
{
	uint64_t x = m->seed += 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

/* Breaks are answered at once, in the tree that stays, and that answer's answer is not looked for. */
static void on_unasked(struct raw *r, struct slice f)
{
	struct smb2_break ack = {.structure_size = SMB2_BREAK_OPLOCK};
	uint32_t tree_id = r->tree_id;
	uint8_t frame[256];

	if (load_le16(f.data + 12) != SMB2_OPLOCK_BREAK || load_le64(f.data + 24) != UINT64_MAX)
		return;
	ack.oplock.file_id = (struct smb2_file_id){load_le64(f.data + 72), load_le64(f.data + 80)};
	r->tree_id = CONTAINER_OF(r, struct member, raw)->team->first.tree_id;
	raw_send(r, frame, raw_encode(r, frame, sizeof(frame), SMB2_OPLOCK_BREAK, &ack));
	r->tree_id = tree_id;
}

static void post(struct member *m, uint16_t command, const void *req)
{
	uint8_t frame[1024];

	raw_send(&m->raw, frame, raw_encode(&m->raw, frame, sizeof(frame), command, req));
}

static struct smb2_file_id some_file(struct member *m)
{
	struct smb2_file_id id;

	pthread_mutex_lock(&m->team->lock);
	id = m->team->files[rnd(m) % FILES];
	pthread_mutex_unlock(&m->team->lock);
	return id;
}

static ntstatus open_some(struct member *m)
{
	struct smb2_ctx_dh2q_req ctx = {.create_guid = guid_random()};
	uint8_t data[64], mem[128];
	struct wire w = wire_encoder(data, 0, sizeof(data)), list = wire_encoder(mem, 0, sizeof(mem));
	bool directory = rnd(m) % 4 == 0;
	size_t i = rnd(m) % FILES;
	struct smb2_create_req req = {
		.impersonation_level = 2, .desired_access = directory ? 0x1F01BF : ALL, .share_access = 7,
		.create_disposition = directory ? OPEN : OPEN_IF, .create_options = directory ? 1 : 0,
		.requested_oplock_level = !directory && rnd(m) % 3 == 0 ? 9 : 0,
	};
	struct smb2_create_rsp rsp = {0};
	char name[16] = "";
	ntstatus status;

	if (!directory)
		snprintf(name, sizeof(name), "f-%u", (unsigned)(rnd(m) % 5));
	req.name = raw_wide(&m->raw, name);
	smb2_ctx_dh2q_req_code(&w, &ctx);
	smb2_create_context_put(&list, slice_of("DH2Q", 4), slice_of(data, w.pos));
	if (rnd(m) % 2)
		req.contexts = slice_of(mem, list.pos);
	status = raw_call(&m->raw, SMB2_CREATE, &req, &rsp);
	if (!nt_ok(status))
		return status;
	pthread_mutex_lock(&m->team->lock);
	m->raw.file_id = m->team->files[i];
	m->team->files[i] = rsp.file_id;
	pthread_mutex_unlock(&m->team->lock);
	return raw_call(&m->raw, SMB2_CLOSE, &(struct smb2_close_req){.file_id = m->raw.file_id}, NULL);
}

/* Waits for a range, or not for long. */
static ntstatus lock_some(struct member *m)
{
	struct smb2_lock_element e = {.offset = rnd(m) % 4, .length = 4, .flags = (uint32_t)(rnd(m) % 3 == 0 ? 4 : 2)};
	struct smb2_lock_req req = {.file_id = some_file(m), .lock_count = 1, .locks = &e, .lock_sequence = (uint32_t)(rnd(m) % 64)};
	uint64_t id = m->raw.next_id;
	uint8_t frame[128];

	if (e.flags != 4 && rnd(m) % 2)
		e.flags |= 0x10;
	post(m, SMB2_LOCK, &req);
	if (e.flags == 2) {
		/* CANCEL is not answered, and takes no id of its own. */
		m->raw.next_id = id;
		raw_send(&m->raw, frame, raw_encode(&m->raw, frame, sizeof(frame), SMB2_CANCEL, &(struct smb2_empty){0}));
	}
	return raw_call(&m->raw, SMB2_ECHO, &(struct smb2_empty){0}, NULL);
}

static const char rename_to[] = "\1\0\0\0\0\0\0\0" "\0\0\0\0\0\0\0\0" "\6\0\0\0" "f\0-\0" "3\0\0\0";
static const char one_ea[] = "\0\0\0\0\0\2\3\0ea\0abc\0\0";

static ntstatus set_some(struct member *m)
{
	static const struct {
		uint8_t type, class;
		uint32_t additional;
		const char *bytes;
		uint8_t len;
	} sets[] = {
		{1, 20, 0, "\x10\0\0\0\0\0\0\0", 8}, {1, 10, 0, rename_to, 26}, {1, 13, 0, "\0", 1}, {1, 13, 0, "\1", 1}, {1, 15, 0, one_ea, 15},
		{1, 14, 0, "\x10\0\0\0\0\0\0\0", 8}, {1, 16, 0, "\2\0\0\0", 4},
	};
	struct smb2_set_info_req req;
	/* A file that is to be deleted is not opened any more: seldom. */
	size_t i = rnd(m) % ARRAY_LEN(sets), rarely = 3;

	if (i == rarely && rnd(m) % 8)
		i = 0;
	req = (struct smb2_set_info_req){
		.info_type = sets[i].type, .file_info_class = sets[i].class, .additional_information = sets[i].additional, .file_id = some_file(m),
		.input = slice_of(sets[i].bytes, sets[i].len),
	};

	return raw_call(&m->raw, SMB2_SET_INFO, &req, NULL);
}

static ntstatus look_at_some(struct member *m)
{
	static const uint8_t looks[][2] = {{1, 18}, {1, 7}, {1, 15}, {1, 22}, {2, 3}, {3, 0}, {1, 34}};
	size_t i = rnd(m) % ARRAY_LEN(looks);
	struct smb2_query_info_req req = {
		.info_type = looks[i][0], .file_info_class = looks[i][1], .file_id = some_file(m), .output_buffer_length = 2000,
		.additional_information = looks[i][0] == 3 ? 7 : 0,
	};

	return raw_call(&m->raw, SMB2_QUERY_INFO, &req, NULL);
}

static ntstatus read_some(struct member *m)
{
	return raw_call(&m->raw, SMB2_READ, &(struct smb2_read_req){.file_id = some_file(m), .length = 100, .minimum_count = 0}, NULL);
}

static ntstatus list_some(struct member *m)
{
	struct smb2_query_directory_req req = {
		.file_information_class = 37, .flags = rnd(m) % 2 ? 1 : 0, .file_id = some_file(m), .output_buffer_length = 4096,
		.file_name = raw_wide(&m->raw, "*"),
	};

	return raw_call(&m->raw, SMB2_QUERY_DIRECTORY, &req, NULL);
}

static ntstatus write_some(struct member *m)
{
	struct smb2_write_req req = {.file_id = some_file(m), .offset = rnd(m) % 100, .data = slice_of("some data", 9)};

	return raw_call(&m->raw, SMB2_WRITE, &req, NULL);
}

static ntstatus tree_some(struct member *m)
{
	uint32_t kept = m->raw.tree_id;
	ntstatus status = raw_tree(&m->raw, "soak");

	if (nt_ok(status))
		status = raw_call(&m->raw, SMB2_TREE_DISCONNECT, &(struct smb2_empty){0}, NULL);
	m->raw.tree_id = kept;
	return status;
}

/* All watch the same directory and close it, so that some do so at the same time. */
static ntstatus watch_and_close(struct member *m)
{
	struct smb2_create_req open = {
		.impersonation_level = 2, .desired_access = 1, .share_access = 7, .create_disposition = OPEN, .create_options = 1,
	};
	struct smb2_change_notify_req watch = {.output_buffer_length = 1024, .completion_filter = 0xFFF};
	struct smb2_create_rsp opened = {0};
	ntstatus status = raw_call(&m->raw, SMB2_CREATE, &open, &opened);

	if (!nt_ok(status))
		return status;
	for (unsigned i = 0; i < MEMBERS; i++) {
		pthread_mutex_lock(&m->team->lock);
		if (i == 0)
			m->team->directory = opened.file_id;
		watch.file_id = m->team->directory;
		pthread_mutex_unlock(&m->team->lock);
		post(m, SMB2_CHANGE_NOTIFY, &watch);
		status = raw_call(&m->raw, SMB2_CLOSE, &(struct smb2_close_req){.file_id = watch.file_id}, NULL);
	}
	return raw_call(&m->raw, SMB2_CLOSE, &(struct smb2_close_req){.file_id = opened.file_id}, NULL);
}

static ntstatus one_operation(struct member *m)
{
	switch (rnd(m) % 14) {
	case 0:
		return lock_some(m);
	case 1:
		return set_some(m);
	case 2:
		return list_some(m);
	case 3:
		return tree_some(m);
	case 4:
		return watch_and_close(m);
	case 5:
		return look_at_some(m);
	case 6:
		return rnd(m) % 16 == 0 ? raw_login(&m->raw, "soak", "soak")
					: raw_call(&m->raw, SMB2_FLUSH, &(struct smb2_flush_req){.file_id = some_file(m)}, NULL);
	case 7:
	case 8:
		return write_some(m);
	case 9:
		return read_some(m);
	case 10:
		return set_some(m);
	default:
		return open_some(m);
	}
}

static bool come(struct member *m)
{
	struct raw *r = &m->raw;

	if (!raw_dial(r, m->team->port))
		return false;
	m->connected = true;
	r->unasked = on_unasked;
	r->config.capabilities = SMB2_GLOBAL_CAP_MULTI_CHANNEL;
	m->came = raw_negotiate(r, 0x0311, 0x0311);
	if (nt_ok(m->came) && !m->is_first)
		m->came = raw_bind(r, &m->team->first, "soak", "soak");
	else if (nt_ok(m->came))
		m->came = raw_login(r, "soak", "soak");
	if (nt_ok(m->came) && m->is_first)
		m->came = raw_tree(r, "soak");
	return nt_ok(m->came);
}

static void go(struct member *m)
{
	if (m->connected)
		raw_hang_up(&m->raw);
	m->connected = false;
}

static void *work(void *arg)
{
	struct member *m = arg;

	while (time(NULL) < end_at && !m->team->over) {
		ntstatus status;

		if (!m->connected && !come(m)) {
			/* Only under a session that has gone. */
			if (!m->team->over && !m->is_first && failures++ == 0)
				printf("team %u: cannot be bound\n", m->team->number);
			break;
		}
		m->raw.sign = !m->team->sealed;
		m->raw.sequence = m->team->sequence;
		m->raw.seal = m->team->sealed;
		status = one_operation(m);
		arena_reset(&m->raw.arena);
		m->team->operations++;
		if (m->raw.closed || nt_is(status, STATUS_CONNECTION_DISCONNECTED) || nt_is(status, STATUS_USER_SESSION_DELETED)) {
			if (!m->team->over && failures++ == 0)
				printf("team %u: %s\n", m->team->number, hythe_status_name(status));
			break;
		}
		if (!m->is_first && rnd(m) % 64 == 0) {
			go(m);
			m->team->sequence++;
			m->team->bound++;
		}
		if (rnd(m) % 4096 == 0) {
			m->team->over = true;
			if (m->connected && rnd(m) % 2)
				(void)!nt_ok(raw_call(&m->raw, SMB2_LOGOFF, &(struct smb2_empty){0}, NULL));
		}
	}
	/* With the time up, too, a session without a connection goes, and cannot be bound to. */
	m->team->over = true;
	/* Nobody is to wait for who has stopped listening. */
	if (!m->is_first)
		go(m);
	else
		shutdown(m->raw.fd, SHUT_RDWR);
	return NULL;
}

/* One session from its beginning to its end. */
static void play(struct team *t, uint64_t seed)
{
	struct member *m = calloc(MEMBERS, sizeof(*m));

	assert_non_null(m);
	t->over = false;
	t->sequence = 0;
	memset(t->files, 0, sizeof(t->files));
	for (unsigned i = 0; i < MEMBERS; i++)
		m[i] = (struct member){.team = t, .seed = seed + i, .is_first = i == 0};
	if (!come(&m[0])) {
		printf("team %u: cannot log on: %s%s\n", t->number, hythe_status_name(m[0].came), m[0].connected ? "" : ", not even connect");
		failures++;
	} else {
		t->first = m[0].raw;
		for (unsigned i = 0; i < MEMBERS; i++)
			pthread_create(&m[i].thread, NULL, work, &m[i]);
		for (unsigned i = 0; i < MEMBERS; i++)
			pthread_join(m[i].thread, NULL);
	}
	/* The first has keys that others use. */
	for (unsigned i = MEMBERS; i-- > 0;)
		go(&m[i]);
	free(m);
}

static void *lead(void *arg)
{
	struct team *t = arg;

	for (uint64_t round = 1; time(NULL) < end_at && failures == 0; round++)
		play(t, 1000 * t->number + round * 17);
	return NULL;
}

int main(void)
{
	const char *seconds = getenv("HYTHE_SOAK_SECONDS");
	char dir[] = "/tmp/hythe-channels-XXXXXX", state[64], command[96];
	struct team teams[TEAMS] = {0};
	struct hythe_server *server;

	if (!mkdtemp(dir))
		return 1;
	snprintf(state, sizeof(state), "%s/.state", dir);
	server = sim_user(state, "soak", "soak") ? sim_serve(dir, state, "soak", WORKERS) : NULL;
	if (!server)
		return 1;
	end_at = time(NULL) + (seconds ? (time_t)strtol(seconds, NULL, 10) : 3);
	for (unsigned i = 0; i < TEAMS; i++) {
		teams[i].number = i;
		teams[i].sealed = i % 2;
		teams[i].port = hythe_server_port(server, 0);
		pthread_mutex_init(&teams[i].lock, NULL);
		pthread_create(&teams[i].thread, NULL, lead, &teams[i]);
	}
	for (unsigned i = 0; i < TEAMS; i++) {
		pthread_join(teams[i].thread, NULL);
		printf("channel threads: team %u: %llu operations, %llu times bound anew\n", i, (unsigned long long)teams[i].operations,
			(unsigned long long)teams[i].bound);
	}
	hythe_server_stop(server, 2000);
	hythe_server_free(server);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command) != 0)
		return 1;
	return failures != 0;
}
