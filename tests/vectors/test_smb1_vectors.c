/* The SMB1 capture of Samba's client against Samba's server: every message decodes, block by block, and encodes to the same bytes but
 * for padding, or is refused for a reason that is counted; so does what the transactions carry. Skipped (77) where the capture is
 * not, as test_vectors.c. */
#include "capture.h"
#include "seeds.h"
#include "wire/fscc.h"
#include "wire/nbss.h"
#include "wire/smb1/trans.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef SOURCE_ROOT
#define SOURCE_ROOT "."
#endif

enum { PORT = 4470, MAX_MESSAGE = 1 << 18, MAX_STRUCT = 1024, CONNECTIONS = 64, MIDS = 1 << 16 };

static struct {
	unsigned messages, requests[256], responses[256], empty, different, refused, bad_chains, printed_lines;
	unsigned second_strings; /* SET_INFORMATION with an empty string behind the name, as LAN Manager had it */
	unsigned parts, parts_different;
	uint16_t levels[CONNECTIONS][MIDS]; /* of the TRANSACTION2 that the MID asked, and how: */
	uint16_t subcommands[CONNECTIONS][MIDS];
} seen;

static void show(const char *what, const char *name, struct slice in, struct slice out, const char *where)
{
	static unsigned shown;

	if (shown++ > 8)
		return;
	printf("%s: %s at %s\n  in  ", name, what, where);
	for (size_t i = 0; i < in.len && i < 240; i++)
		printf("%02x", in.data[i]);
	printf("\n  out ");
	for (size_t i = 0; i < out.len && i < 240; i++)
		printf("%02x", out.data[i]);
	printf("\n");
}

static void count_line(void *arg, const char *text)
{
	(void)text;
	++*(unsigned *)arg;
}

/* --- what transactions carry --- */

static void part_compare(const char *name, smb1_coder code, struct slice in, bool unicode)
{
	uint8_t out[4096], room[MAX_STRUCT] __attribute__((aligned(16))) = {0};
	struct wire w, e = smb1_part_encoder(out, sizeof(out), unicode);
	struct arena a;

	arena_init(&a, NULL, 0, 0);
	w = smb1_part_decoder(in, unicode, &a);
	code(&w, room);
	code(&e, room);
	seen.parts++;
	if (!wire_ok(&w) || !wire_ok(&e) || e.pos != in.len || memcmp(out, in.data, in.len) != 0) {
		seen.parts_different++;
		show("part", name, in, slice_of(out, e.pos), wire_ok(&w) ? "?" : w.where);
	}
	arena_reset(&a);
}

#define PART(name)                                                                                                     \
	static void name##_any(struct wire *w, void *m)                                                                \
	{                                                                                                              \
		smb1_##name##_code(w, (struct smb1_##name *)m);                                                        \
	}
PART(find_first2)
PART(find_first2_rsp)
PART(find_next2)
PART(file_info)
PART(set_file_info)
PART(path_info)
PART(ea_error)
PART(basic_info)
PART(all_info)
PART(info_standard)

static void ea_list(struct slice in)
{
	uint8_t out[4096];
	struct wire e = wire_encoder(out, 0, sizeof(out));
	struct slice rest = in;
	struct smb1_fea fea;
	bool bad = !smb1_ea_list_open(&rest);

	smb1_ea_list_begin(&e);
	while (!bad && smb1_fea_next(&rest, &fea, &bad))
		smb1_fea_put(&e, &fea);
	seen.parts++;
	if (bad || e.pos != in.len || memcmp(out, in.data, in.len) != 0) {
		seen.parts_different++;
		show("part", "SMB_FEA_LIST", in, slice_of(out, e.pos), "?");
	}
}

static void level_data(uint16_t level, bool set, struct slice data, bool unicode)
{
	const struct fscc_class *class = fscc_file_class_of(set ? smb1_set_class_of(level) : smb1_query_class_of(level));

	if (class)
		part_compare(class->name, class->code, data, unicode);
	else if (!set && level == SMB1_QUERY_FILE_BASIC_INFO)
		part_compare("basic_info", basic_info_any, data, unicode);
	else if (!set && level == SMB1_QUERY_FILE_ALL_INFO)
		part_compare("all_info", all_info_any, data, unicode);
	else if (set ? level == SMB1_SET_INFO_EAS : level == SMB1_INFO_QUERY_ALL_EAS)
		ea_list(data);
	else if (!set && level == SMB1_INFO_STANDARD)
		part_compare("info_standard", info_standard_any, data, unicode);
}

static void trans2_request(unsigned connection, const struct smb1_header *h, const struct smb1_trans_req *m)
{
	bool unicode = (h->flags2 & SMB1_FLAGS2_UNICODE) != 0;
	uint16_t subcommand = smb1_setup_word(m->setup, 0), level = 0;

	switch (subcommand) {
	case SMB1_TRANS2_QUERY_FILE_INFORMATION:
		part_compare("file_info", file_info_any, m->parameters, unicode);
		level = load_le16(m->parameters.data + 2);
		break;
	case SMB1_TRANS2_SET_FILE_INFORMATION:
		part_compare("set_file_info", set_file_info_any, m->parameters, unicode);
		level_data(load_le16(m->parameters.data + 2), true, m->data, unicode);
		break;
	case SMB1_TRANS2_QUERY_PATH_INFORMATION:
		part_compare("path_info", path_info_any, m->parameters, unicode);
		level = load_le16(m->parameters.data);
		break;
	case SMB1_TRANS2_SET_PATH_INFORMATION:
		part_compare("path_info", path_info_any, m->parameters, unicode);
		level_data(load_le16(m->parameters.data), true, m->data, unicode);
		break;
	case SMB1_TRANS2_FIND_FIRST2:
		part_compare("find_first2", find_first2_any, m->parameters, unicode);
		break;
	case SMB1_TRANS2_FIND_NEXT2:
		part_compare("find_next2", find_next2_any, m->parameters, unicode);
		break;
	}
	seen.levels[connection % CONNECTIONS][h->mid] = level;
	seen.subcommands[connection % CONNECTIONS][h->mid] = subcommand;
}

static void trans2_response(unsigned connection, const struct smb1_header *h, const struct smb1_trans_rsp *m)
{
	bool unicode = (h->flags2 & SMB1_FLAGS2_UNICODE) != 0;

	switch (seen.subcommands[connection % CONNECTIONS][h->mid]) {
	case SMB1_TRANS2_QUERY_FILE_INFORMATION:
	case SMB1_TRANS2_QUERY_PATH_INFORMATION:
		part_compare("ea_error", ea_error_any, m->parameters, unicode);
		level_data(seen.levels[connection % CONNECTIONS][h->mid], false, m->data, unicode);
		break;
	case SMB1_TRANS2_SET_FILE_INFORMATION:
	case SMB1_TRANS2_SET_PATH_INFORMATION:
		part_compare("ea_error", ea_error_any, m->parameters, unicode);
		break;
	case SMB1_TRANS2_FIND_FIRST2:
		part_compare("find_first2_rsp", find_first2_rsp_any, m->parameters, unicode);
		break;
	}
}

/* --- messages --- */

/* What means nothing in a TRANSACTION2 request becomes what we send there: zeros for the Name and for what pads the parts, and, where
 * there are no data, for DataOffset; no padding behind the parameters then. */
static void blank_padding(uint8_t *message, size_t *len, const struct smb1_block *b, const struct smb1_trans_req *m)
{
	enum { DATA_OFFSET_AT = 25 };
	size_t end = (size_t)(m->parameters.data - message) + m->parameters.len;

	for (size_t i = b->bytes_at; i < b->end; i++) {
		const uint8_t *p = message + i;
		bool in_parameters = p >= m->parameters.data && p < m->parameters.data + m->parameters.len;
		bool in_data = p >= m->data.data && p < m->data.data + m->data.len;

		if (!in_parameters && !in_data)
			message[i] = 0;
	}
	if (m->data.len != 0 || m->parameters.len == 0 || *len - end >= 4)
		return;
	store_le16(message + b->at + DATA_OFFSET_AT, 0);
	store_le16(message + b->bytes_at - 2, (uint16_t)(end - b->bytes_at));
	*len = end;
}

/* [MS-CIFS] 2.2.4.10.1 knows one string. */
static bool has_second_string(const struct smb1_block *b, struct slice in, size_t encoded)
{
	static const uint8_t empty[] = {4, 0, 0, 0};

	return b->command == SMB1_SET_INFORMATION && in.len == encoded + sizeof(empty) &&
		memcmp(in.data + encoded, empty, sizeof(empty)) == 0;
}

static void write_seeds(struct slice in, const struct smb1_block *b, bool response)
{
	uint8_t copy[2048] = {1};
	char row[64];

	seed_write("smb1_chain", in);
	if (b->end - b->at >= sizeof(copy))
		return;
	memcpy(copy + 1, in.data + b->at, b->end - b->at);
	snprintf(row, sizeof(row), "smb1_%s_%s", smb1_message_of(b->command)->name + strlen("SMB_COM_"), response ? "rsp" : "req");
	seed_write(row, slice_of(copy, b->end - b->at + 1));
}

static bool block(unsigned connection, uint8_t *message, size_t *len, const struct smb1_header *h, const struct smb1_walk *c,
	const struct smb1_block *b, struct smb1_chain *chain, struct wire *e)
{
	struct slice in = slice_of(message, *len);
	uint8_t room[MAX_STRUCT] __attribute__((aligned(16))) = {0};
	smb1_coder code = smb1_coder_of(b->command, c->response, b->word_count);
	struct arena a;
	struct wire w;
	char name[16];

	(c->response ? seen.responses : seen.requests)[b->command]++;
	seen.empty += c->response && b->word_count == 0;
	arena_init(&a, NULL, 0, 0);
	w = smb1_block_decoder(c, b, &a);
	if (code)
		code(&w, room);
	if (!code || !wire_ok(&w)) {
		seen.refused++;
		show("refused", smb1_command_name(b->command, name), in, slice_of(NULL, 0), code ? w.where : "command");
		arena_reset(&a);
		return false;
	}
	if (b->command == SMB1_TRANSACTION2 && !c->response)
		trans2_request(connection, h, (struct smb1_trans_req *)(void *)room);
	else if (b->command == SMB1_TRANSACTION2 && b->word_count != 0)
		trans2_response(connection, h, (struct smb1_trans_rsp *)(void *)room);
	write_seeds(in, b, c->response);
	smb1_chain_next(e, chain, b->command);
	code(e, room);
	if (b->command == SMB1_TRANSACTION2 && !c->response)
		blank_padding(message, len, b, (struct smb1_trans_req *)(void *)room);
	arena_reset(&a);
	return true;
}

static void compare(struct slice in, struct slice out, const struct smb1_block *last)
{
	char where[32], name[16];
	size_t at = 0;

	if (has_second_string(last, in, out.len)) {
		seen.second_strings++;
		return;
	}
	while (at < in.len && at < out.len && in.data[at] == out.data[at])
		at++;
	if (at == in.len && at == out.len)
		return;
	seen.different++;
	snprintf(where, sizeof(where), "%zu", at);
	show("different", smb1_command_name(last->command, name), in, out, where);
}

static void frame(void *arg, const struct capture_frame *f)
{
	static uint8_t copy[MAX_MESSAGE], out[MAX_MESSAGE];
	struct wire_printer printer = {count_line, &seen.printed_lines, 0};
	struct slice in = slice_of(copy, f->data.len);
	struct smb1_chain chain = {0};
	struct smb1_block b = {0};
	struct smb1_header h;
	struct smb1_walk c;
	struct arena a;
	struct wire w, e = wire_encoder(out, 0, sizeof(out));
	bool bad, ok = true;

	(void)arg;
	arena_init(&a, NULL, 0, 0);
	memcpy(copy, f->data.data, f->data.len);
	smb1_print(in, &a, &printer);
	w = wire_decoder(in.data, 0, in.len, NULL);
	smb1_header_code(&w, &h);
	smb1_header_code(&e, &h);
	seen.messages++;
	smb1_walk_start(&c, in, &h);
	while (ok && smb1_walk_next(&c, &b, &bad))
		ok = block(f->connection, copy, &in.len, &h, &c, &b, &chain, &e);
	wire_append_tail(&e);
	if (!wire_ok(&w) || bad)
		seen.bad_chains++;
	else if (ok)
		compare(in, slice_of(out, e.pos), &b);
	arena_reset(&a);
}

static int failures;

static void expect(const char *what, unsigned is, unsigned should)
{
	if (is == should)
		return;
	printf("FAILED: %s: %u, expected %u\n", what, is, should);
	failures++;
}

/* Messages by command, requests and responses, as the capture's README and tshark count them. */
static void test_every_captured_smb1_message_encodes_to_the_same_bytes(void)
{
	static const struct {
		uint8_t command;
		unsigned requests, responses;
	} counts[] = {
		{SMB1_CREATE_DIRECTORY, 3, 3}, {SMB1_DELETE_DIRECTORY, 3, 3}, {SMB1_CLOSE, 54, 54}, {SMB1_DELETE, 82, 82},
		{SMB1_QUERY_INFORMATION, 4, 4}, {SMB1_SET_INFORMATION, 35, 35}, {SMB1_READ, 8, 8}, {SMB1_WRITE, 1, 1},
		{SMB1_CREATE_TEMPORARY, 1, 1}, {SMB1_PROCESS_EXIT, 4, 4}, {SMB1_LOCKING_ANDX, 4, 4}, {SMB1_OPEN_ANDX, 40, 40},
		{SMB1_READ_ANDX, 100, 100}, {SMB1_WRITE_ANDX, 107, 107}, {SMB1_TRANSACTION2, 41, 41}, {SMB1_TREE_DISCONNECT, 6, 6},
		{SMB1_NEGOTIATE, 113, 14}, {SMB1_SESSION_SETUP_ANDX, 28, 28}, {SMB1_TREE_CONNECT_ANDX, 24, 24},
		{SMB1_NT_CREATE_ANDX, 54, 54},
	};

	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		const char *name = smb1_message_of(counts[i].command)->name;

		expect(name, seen.requests[counts[i].command], counts[i].requests);
		expect(name, seen.responses[counts[i].command], counts[i].responses);
	}
	expect("messages", seen.messages, 1325);
	expect("responses without words", seen.empty, 244);
	expect("messages that encode differently", seen.different, 0);
	expect("refused: malformed block", seen.refused, 0);
	expect("refused: malformed chain", seen.bad_chains, 0);
	expect("SET_INFORMATION with a second string", seen.second_strings, 35);
}

static void test_every_captured_transaction_part_encodes_to_the_same_bytes(void)
{
	expect("parts of transactions", seen.parts, 117);
	expect("parts that encode differently", seen.parts_different, 0);
}

int main(void)
{
	const char *shared = getenv("HYTHE_SHARED"), *why;
	struct capture_stats stats;
	char path[4096];

	snprintf(path, sizeof(path), "%s/vectors/smb1-exchange.pcapng.zst", shared ? shared : SOURCE_ROOT "/../shared");
	if (access(path, R_OK) != 0) {
		printf("SKIP: %s is not there (set HYTHE_SHARED to the directory that has vectors/)\n", path);
		return 77;
	}
	if (!capture_read(path, PORT, frame, NULL, &stats, &why)) {
		printf("FAILED: %s: %s\n", path, why);
		return 1;
	}
	expect("streams with gaps", stats.gaps, 0);
	expect("streams cut off", stats.trailing, 0);
	printf("%u messages, %u parts of transactions, %u lines printed\n", seen.messages, seen.parts, seen.printed_lines);
	test_every_captured_smb1_message_encodes_to_the_same_bytes();
	test_every_captured_transaction_part_encodes_to_the_same_bytes();
	printf("%s\n", failures == 0 ? "ok" : "not ok");
	return failures != 0;
}
