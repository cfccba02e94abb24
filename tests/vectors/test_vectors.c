/* The captures of Samba's client against Samba's server: every message decodes and encodes to the same bytes but for padding
 * and reserved fields, or is refused for a reason that is counted here; so does what is in the buffers. Skipped (77) where
 * the captures are not: HYTHE_SHARED names the directory above vectors/, else ../shared beside the source tree. */
#include "capture.h"
#include "payloads.h"
#include "seeds.h"
#include "shapes.h"
#include "wire/fscc.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef SOURCE_ROOT
#define SOURCE_ROOT "."
#endif

enum { PENDING_SLOTS = 1 << 17, PORT = 4455 };

/* What a response must be understood by. */
struct pending {
	bool used;
	unsigned connection;
	uint64_t message_id;
	uint8_t info_type, class;
	uint32_t ctl_code;
};

static struct {
	unsigned messages, commands[SMB2_COMMAND_COUNT], sealed, errors, smb1;
	unsigned unknown_command;   /* refused: Command beyond OPLOCK_BREAK */
	unsigned refused;           /* refused: body malformed */
	unsigned short_frames;      /* refused: five bytes that a client's test sends to see what happens */
	unsigned different, moved, bad_frames, printed_lines;
	struct pending *pending;
} seen;

static void show(const char *what, const char *name, struct slice in, struct slice out, const char *where)
{
	static unsigned shown;

	if (shown++ > 8)
		return;
	printf("%s: %s at %s\n  in  ", name, what, where);
	for (size_t i = 64; i < in.len && i < 300; i++)
		printf("%02x", in.data[i]);
	printf("\n  out ");
	for (size_t i = 64; i < out.len && i < 300; i++)
		printf("%02x", out.data[i]);
	printf("\n");
}

static struct pending *pending_of(unsigned connection, uint64_t message_id)
{
	size_t i = (size_t)((message_id * 0x9E3779B97F4A7C15u + connection * 0x7F4A7C15u) >> 40) % PENDING_SLOTS;

	while (seen.pending[i].used && (seen.pending[i].connection != connection || seen.pending[i].message_id != message_id))
		i = (i + 1) % PENDING_SLOTS;
	return &seen.pending[i];
}

static void remember(unsigned connection, const struct smb2_header *h, uint8_t info_type, uint8_t class, uint32_t ctl_code)
{
	*pending_of(connection, h->message_id) = (struct pending){true, connection, h->message_id, info_type, class, ctl_code};
}

union body {
	struct smb2_error_rsp error;
	struct smb2_negotiate_req negotiate_req;
	struct smb2_negotiate_rsp negotiate_rsp;
	struct smb2_create_req create_req;
	struct smb2_create_rsp create_rsp;
	struct smb2_ioctl_req ioctl_req;
	struct smb2_ioctl_rsp ioctl_rsp;
	struct smb2_query_directory_req query_directory_req;
	struct smb2_query_directory_rsp query_directory_rsp;
	struct smb2_change_notify_rsp change_notify_rsp;
	struct smb2_query_info_req query_info_req;
	struct smb2_query_info_rsp query_info_rsp;
	struct smb2_set_info_req set_info_req;
	uint8_t room[1024];
};

static void request_payloads(unsigned connection, const struct smb2_header *h, const union body *b)
{
	switch (h->command) {
	case SMB2_NEGOTIATE:
		payload_negotiate_contexts(b->negotiate_req.contexts, b->negotiate_req.context_count);
		break;
	case SMB2_CREATE:
		payload_create_contexts(b->create_req.contexts, false);
		break;
	case SMB2_IOCTL:
		remember(connection, h, 0, 0, b->ioctl_req.ctl_code);
		payload_fsctl(b->ioctl_req.ctl_code, b->ioctl_req.input, false);
		break;
	case SMB2_QUERY_DIRECTORY:
		remember(connection, h, 0, b->query_directory_req.file_information_class, 0);
		break;
	case SMB2_QUERY_INFO:
		remember(connection, h, b->query_info_req.info_type, b->query_info_req.file_info_class, 0);
		break;
	case SMB2_SET_INFO:
		payload_info(b->set_info_req.info_type, b->set_info_req.file_info_class, b->set_info_req.input, false);
		break;
	}
}

static void response_payloads(unsigned connection, const struct smb2_header *h, const union body *b)
{
	const struct pending *p = pending_of(connection, h->message_id);
	bool cut = h->status == STATUS_BUFFER_OVERFLOW.code;

	switch (h->command) {
	case SMB2_NEGOTIATE:
		payload_negotiate_contexts(b->negotiate_rsp.contexts, b->negotiate_rsp.context_count);
		break;
	case SMB2_CREATE:
		payload_create_contexts(b->create_rsp.contexts, true);
		break;
	case SMB2_IOCTL:
		if (p->used)
			payload_fsctl(p->ctl_code, b->ioctl_rsp.output, true);
		break;
	case SMB2_QUERY_DIRECTORY:
		if (p->used && fscc_dir_class_valid(p->class))
			payload_directory(p->class, b->query_directory_rsp.output);
		break;
	case SMB2_CHANGE_NOTIFY:
		payload_notify(b->change_notify_rsp.output);
		break;
	case SMB2_QUERY_INFO:
		if (p->used)
			payload_info(p->info_type, p->class, b->query_info_rsp.output, cut);
		break;
	}
}

static enum shape_kind kind_of(const struct smb2_header *h, uint16_t structure_size, bool error)
{
	if (error)
		return SHAPE_ERROR;
	if (h->command == SMB2_OPLOCK_BREAK && structure_size != SMB2_BREAK_OPLOCK)
		return structure_size == SMB2_BREAK_LEASE ? SHAPE_LEASE_BREAK : SHAPE_LEASE_ACK;
	return h->flags & SMB2_FLAGS_SERVER_TO_REDIR ? SHAPE_RSP : SHAPE_REQ;
}

static void count_line(void *arg, const char *text)
{
	(*(unsigned *)arg)++;
	if (strlen(text) > 400)
		abort();
}

static void error_code(struct wire *w, void *m)
{
	smb2_error_rsp_code(w, m);
}

static void compare(const struct smb2_message *row, struct smb2_header *h, void (*code)(struct wire *, void *), union body *b,
	struct slice in, enum shape_kind kind)
{
	size_t cap = in.len + 256;
	uint8_t *out = calloc(1, cap);
	struct wire e = wire_encoder(out, 0, cap);
	struct shape_verdict v;

	smb2_header_code(&e, h);
	code(&e, b);
	wire_append_tail(&e);
	if (!wire_ok(&e) || memcmp(in.data, out, SMB2_HEADER_SIZE) != 0) {
		seen.different++;
		show("the header encodes differently", row->name, in, slice_of(out, e.pos), e.where ? e.where : "");
		free(out);
		return;
	}
	v = shape_compare(h->command, kind, slice_of(in.data + 64, in.len - 64), slice_of(out + 64, e.pos - 64));
	seen.moved += v.equal && v.moved;
	if (!v.equal) {
		char where[32];

		seen.different++;
		snprintf(where, sizeof(where), "byte %zu of the body", v.at);
		show("encodes differently", row->name, in, slice_of(out, e.pos), where);
	}
	free(out);
}

static void seed(const struct smb2_message *row, struct slice in, bool rsp, bool error)
{
	char name[64];

	snprintf(name, sizeof(name), "%s_%s", row->name, rsp ? "rsp" : "req");
	seed_write("header", slice_of(in.data, SMB2_HEADER_SIZE));
	seed_write(error ? "error_rsp" : name, slice_of(in.data + SMB2_HEADER_SIZE, in.len - SMB2_HEADER_SIZE));
}

static void message(unsigned connection, struct slice in)
{
	struct wire_printer printer = {count_line, &seen.printed_lines, 0};
	uint16_t structure_size = in.len >= 66 ? load_le16(in.data + 64) : 0;
	const struct smb2_message *row;
	struct smb2_header h;
	struct arena a;
	struct wire w;
	union body b = {.room = {0}};
	bool rsp, error;

	arena_init(&a, NULL, 0, 0);
	w = wire_decoder(in.data, 0, in.len, &a);
	smb2_header_code(&w, &h);
	seen.messages++;
	row = smb2_message_of(h.command);
	if (!row) {
		seen.unknown_command++;
		return;
	}
	seen.commands[h.command]++;
	rsp = (h.flags & SMB2_FLAGS_SERVER_TO_REDIR) != 0;
	error = smb2_is_error_response(&h, structure_size);
	void (*code)(struct wire *, void *) = error ? error_code : rsp ? row->rsp_code : row->req_code;
	seed(row, in, rsp, error);
	code(&w, &b);
	seen.errors += error;
	if (!wire_ok(&w)) {
		seen.refused++;
		show("refused", row->name, in, slice_of(NULL, 0), w.where);
	} else {
		compare(row, &h, code, &b, in, kind_of(&h, structure_size, error));
		if (error && h.status == STATUS_STOPPED_ON_SYMLINK.code)
			payload_symlink(b.error.error_data);
		else if (!error && rsp)
			response_payloads(connection, &h, &b);
		else if (!error)
			request_payloads(connection, &h, &b);
		smb2_print(in, &a, &printer);
	}
	arena_reset(&a);
}

static void sealed(struct slice in)
{
	struct smb2_transform_header h;
	uint8_t out[SMB2_TRANSFORM_SIZE];
	struct wire w = wire_decoder(in.data, 0, in.len, NULL), e = wire_encoder(out, 0, sizeof(out));

	seen.sealed++;
	smb2_transform_header_code(&w, &h);
	smb2_transform_header_code(&e, &h);
	if (!wire_ok(&w) || !wire_ok(&e) || memcmp(out, in.data, sizeof(out)) != 0 ||
		h.original_message_size != in.len - SMB2_TRANSFORM_SIZE)
		seen.different++;
}

static void frame(void *arg, const struct capture_frame *f)
{
	struct slice rest = f->data;

	(void)arg;
	if (rest.len >= 4 && load_le32(rest.data) == SMB2_TRANSFORM_ID) {
		sealed(rest);
		return;
	}
	if (rest.len >= 4 && load_le32(rest.data) == SMB1_PROTOCOL_ID) {
		seen.smb1++;
		return;
	}
	while (rest.len >= SMB2_HEADER_SIZE && load_le32(rest.data) == SMB2_PROTOCOL_ID) {
		uint32_t next = load_le32(rest.data + 20);

		if (next % 8 != 0 || next > rest.len)
			break;
		message(f->connection, slice_of(rest.data, next ? next : rest.len));
		if (next == 0)
			return;
		rest = slice_of(rest.data + next, rest.len - next);
	}
	if (rest.len < SMB2_HEADER_SIZE)
		seen.short_frames++;
	else
		seen.bad_frames++;
}

static int failures;

static void expect(const char *what, unsigned is, unsigned should)
{
	if (is == should)
		return;
	printf("FAILED: %s: %u, expected %u\n", what, is, should);
	failures++;
}

static void expect_reassembly(const char *name, const struct capture_stats *s)
{
	if (s->connections == 0 || s->frames == 0 || s->gaps != 0 || s->trailing != 0) {
		printf("FAILED: %s: %u connections, %u frames, %u gaps, %u cut off\n", name, s->connections, s->frames, s->gaps, s->trailing);
		failures++;
	}
}

/* Messages by command over all files, from the table in the captures' README. */
static void test_every_captured_message_encodes_to_the_same_bytes(void)
{
	static const unsigned counts[SMB2_COMMAND_COUNT] = {1106, 2462, 52, 926, 48, 25094, 19142, 12, 352, 16881, 946, 446, 52, 2,
		1238, 161, 4230, 2472, 133};

	for (size_t i = 0; i < SMB2_COMMAND_COUNT; i++)
		expect(smb2_message_of((uint16_t)i)->name, seen.commands[i], counts[i]);
	expect("messages that encode differently", seen.different, 0);
	expect("frames that are no chain of messages", seen.bad_frames, 0);
	expect("refused: unknown command", seen.unknown_command, 2);
	expect("refused: shorter than a header", seen.short_frames, 1);
	expect("refused: malformed body", seen.refused, 0);
	expect("SMB1 messages", seen.smb1, 0);
	expect("messages", seen.messages, 75757);
	expect("error responses", seen.errors, 4002);
}

/* Backs: A096. */
static void test_every_captured_transform_header_encodes_to_the_same_bytes(void)
{
	expect("sealed messages", seen.sealed, 444);
}

static void test_every_captured_payload_encodes_to_the_same_bytes(void)
{
	static const char *const names[PAYLOAD_KINDS] = {"negotiate contexts", "create contexts", "file classes", "file system classes",
		"security descriptors", "extended attributes", "streams", "directory entries", "notifications", "control codes", "symlinks"};
	static const unsigned counts[PAYLOAD_KINDS] = {4286, 23453, 729, 35, 2079, 8, 15, 6668, 40, 261, 0};

	for (size_t i = 0; i < PAYLOAD_KINDS; i++) {
		printf("%-22s %6u good %4u refused\n", names[i], payload_counts.good[i], payload_counts.refused[i]);
		expect(names[i], payload_counts.good[i], counts[i]);
		expect(names[i], payload_counts.different[i] + payload_counts.refused[i], 0);
	}
}

static void run(const char *name, void (*test)(void))
{
	int before = failures;

	test();
	printf("%s %s\n", failures == before ? "ok" : "not ok", name);
}

int main(void)
{
	static const char *const files[] = {"smb2-basics", "smb2-dir-setinfo", "smb2-compound-credits", "smb2-locks-oplocks-leases",
		"smb2-durable-session", "smb2-notify-ioctl-streams-acls"};
	const char *shared = getenv("HYTHE_SHARED");

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct capture_stats stats;
		const char *why;
		char path[4096];

		snprintf(path, sizeof(path), "%s/vectors/%s.pcapng.zst", shared ? shared : SOURCE_ROOT "/../shared", files[i]);
		if (access(path, R_OK) != 0) {
			printf("SKIP: %s is not there (set HYTHE_SHARED to the directory that has vectors/)\n", path);
			return 77;
		}
		seen.pending = calloc(PENDING_SLOTS, sizeof(*seen.pending));
		if (!seen.pending || !capture_read(path, PORT, frame, NULL, &stats, &why)) {
			printf("FAILED: %s: %s\n", path, seen.pending ? why : "out of memory");
			return 1;
		}
		free(seen.pending);
		expect_reassembly(files[i], &stats);
	}
	printf("%u messages, %u of them ERROR responses, %u sealed, %u with a buffer in another place, %u lines printed\n", seen.messages,
		seen.errors, seen.sealed, seen.moved, seen.printed_lines);
	run("test_every_captured_message_encodes_to_the_same_bytes", test_every_captured_message_encodes_to_the_same_bytes);
	run("test_every_captured_transform_header_encodes_to_the_same_bytes", test_every_captured_transform_header_encodes_to_the_same_bytes);
	run("test_every_captured_payload_encodes_to_the_same_bytes", test_every_captured_payload_encodes_to_the_same_bytes);
	return failures != 0;
}
