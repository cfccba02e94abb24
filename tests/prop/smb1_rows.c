/* The rows of SMB1 and of NetBIOS session packets for codec_rows.h, made from msgs1.def and the table of trans.h. */
#include "codec_rows.h"

#include "wire/nbss.h"
#include "wire/smb1/trans.h"

#include <stdlib.h>

/* Strings depend on Flags2: every structure has the flag in a byte before it. The structure itself begins at SMB1_HEADER_SIZE. */
enum { FLAG_AT = SMB1_HEADER_SIZE - 1 };

#define WITH_FLAG(row, type, coder)                                                                                    \
	struct row##_flagged {                                                                                         \
		bool unicode;                                                                                          \
		struct type m;                                                                                         \
	};                                                                                                             \
	static void row##_any(struct wire *w, void *any)                                                               \
	{                                                                                                              \
		struct row##_flagged *f = any;                                                                         \
                                                                                                                       \
		wire_bool(w, "Unicode", &f->unicode);                                                                  \
		w->unicode = f->unicode;                                                                               \
		coder(w, &f->m);                                                                                       \
	}

#define MSG(NAME, req, rsp, req_c, rsp_c, conditions, sections)                                                        \
	WITH_FLAG(NAME##_req, smb1_##req, smb1_##req_c##_code)                                                         \
	WITH_FLAG(NAME##_rsp, smb1_##rsp, smb1_##rsp_c##_code)
#include "wire/smb1/msgs1.def"

#define PART(name, section) WITH_FLAG(part_##name, smb1_##name, smb1_##name##_code)
SMB1_PARTS(PART)
WITH_FLAG(part_info_ea_size, smb1_info_standard, smb1_info_ea_size_code)
WITH_FLAG(part_set_info_standard, smb1_info_standard, smb1_set_info_standard_code)

#define PLAIN(row, type, coder)                                                                                        \
	static void row##_any(struct wire *w, void *m)                                                                 \
	{                                                                                                              \
		coder(w, (struct type *)m);                                                                            \
	}
PLAIN(smb1_header, smb1_header, smb1_header_code)
PLAIN(smb1_directory_entry, smb1_directory_entry, smb1_directory_entry_code)
PLAIN(nbss_header, nbss_header, nbss_header_code)
PLAIN(nbss_name, nbss_name, nbss_name_code)
PLAIN(nbss_request, nbss_request, nbss_request_code)
PLAIN(nbss_negative, nbss_negative, nbss_negative_code)
PLAIN(nbss_retarget, nbss_retarget, nbss_retarget_code)

static const struct codec_row rows[] = {
#define MSG(NAME, ...)                                                                                                 \
	{"smb1_" #NAME "_req", sizeof(struct NAME##_req_flagged), FLAG_AT, 4, NAME##_req_any},                         \
	{"smb1_" #NAME "_rsp", sizeof(struct NAME##_rsp_flagged), FLAG_AT, 4, NAME##_rsp_any},
#include "wire/smb1/msgs1.def"
#define PART_ROW(name, section) {"smb1_part_" #name, sizeof(struct part_##name##_flagged), FLAG_AT, 1, part_##name##_any},
	SMB1_PARTS(PART_ROW)
	{"smb1_part_info_ea_size", sizeof(struct part_info_ea_size_flagged), FLAG_AT, 27, part_info_ea_size_any},
	{"smb1_part_set_info_standard", sizeof(struct part_set_info_standard_flagged), FLAG_AT, 23, part_set_info_standard_any},
	{"smb1_header", sizeof(struct smb1_header), 0, SMB1_HEADER_SIZE, smb1_header_any},
	{"smb1_directory_entry", sizeof(struct smb1_directory_entry), 0, SMB1_DIRECTORY_ENTRY_BYTES, smb1_directory_entry_any},
	{"nbss_header", sizeof(struct nbss_header), 0, NBSS_HEADER_SIZE, nbss_header_any},
	{"nbss_name", sizeof(struct nbss_name), 0, 34, nbss_name_any},
	{"nbss_request", sizeof(struct nbss_request), 0, NBSS_REQUEST_LENGTH, nbss_request_any},
	{"nbss_negative", sizeof(struct nbss_negative), 0, 1, nbss_negative_any},
	{"nbss_retarget", sizeof(struct nbss_retarget), 0, 6, nbss_retarget_any},
};

size_t smb1_row_count(void)
{
	return ARRAY_LEN(rows);
}

struct codec_row smb1_row_at(size_t i)
{
	return rows[i];
}

/* --- lists --- */

static uint8_t touch(struct slice s)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < s.len; i++)
		sum = (uint8_t)(sum + s.data[i]);
	return sum;
}

static void touch_line(void *arg, const char *text)
{
	*(uint8_t *)arg = (uint8_t)(*(uint8_t *)arg + strlen(text));
}

/* A whole message: its header, and the chain, which may not go back; each block through its coder, and everything printed. */
static int walk_chain(struct slice list)
{
	uint8_t sink = 0, room[2048] __attribute__((aligned(16)));
	struct wire_printer printer = {touch_line, &sink, 0};
	struct smb1_header h = {0};
	struct smb1_block b;
	struct smb1_walk c;
	struct arena a;
	struct wire w;
	size_t behind = SMB1_HEADER_SIZE;
	bool bad = false;
	int n = 0;

	arena_init(&a, NULL, 0, 16u << 20);
	w = wire_decoder(list.data, 0, list.len, &a);
	smb1_header_code(&w, &h);
	if (wire_ok(&w)) {
		smb1_walk_start(&c, list, &h);
		while (smb1_walk_next(&c, &b, &bad)) {
			smb1_coder code = smb1_coder_of(b.command, c.response, b.word_count);

			if (b.at < behind || b.bytes_at + b.byte_count > b.end || b.end > list.len)
				abort();
			behind = b.bytes_at + b.byte_count;
			memset(room, 0, sizeof(room));
			w = smb1_block_decoder(&c, &b, &a);
			if (code)
				code(&w, room);
			n++;
		}
	} else {
		bad = true;
	}
	smb1_print(list, &a, &printer);
	arena_reset(&a);
	return bad ? -1 : n;
}

static int walk_nbss(struct slice list)
{
	uint8_t sink = 0;
	struct wire_printer printer = {touch_line, &sink, 0};

	nbss_print(list, &printer);
	return 0;
}

static int walk_dialects(struct slice list)
{
	volatile uint8_t sink = 0;
	struct slice one;
	bool bad;
	int n = 0;

	while (smb1_dialect_next(&list, &one, &bad)) {
		sink = (uint8_t)(sink + touch(one));
		n++;
	}
	return bad ? -1 : n;
}

/* The first byte chooses: level, resume keys, Unicode. */
static int walk_find(struct slice list)
{
	volatile uint8_t sink = 0;
	uint8_t how = list.len ? list.data[0] : 0;
	struct smb1_find_entry e;
	struct wire w;
	bool bad;
	int n = 0;

	if (list.len < 2)
		return 0;
	w = smb1_part_decoder(slice_of(list.data + 1, list.len - 1), how & 4, NULL);
	while (smb1_find_entry_next(&w, (uint16_t)(1 + (how & 3) % 3), how & 8, &e, &bad)) {
		sink = (uint8_t)(sink + touch(e.file_name) + touch(e.ea_list));
		n++;
	}
	return bad ? -1 : n;
}

static int walk_feas(struct slice list)
{
	volatile uint8_t sink = 0;
	struct smb1_fea e;
	bool bad = !smb1_ea_list_open(&list);
	int n = 0;

	while (!bad && smb1_fea_next(&list, &e, &bad)) {
		sink = (uint8_t)(sink + touch(e.name) + touch(e.value));
		n++;
	}
	return bad ? -1 : n;
}

static int walk_geas(struct slice list)
{
	volatile uint8_t sink = 0;
	struct slice name;
	bool bad = !smb1_ea_list_open(&list);
	int n = 0;

	while (!bad && smb1_gea_next(&list, &name, &bad)) {
		sink = (uint8_t)(sink + touch(name));
		n++;
	}
	return bad ? -1 : n;
}

static const struct list_row lists[] = {
	{"smb1_chain", walk_chain}, {"smb1_dialects", walk_dialects}, {"smb1_find_entries", walk_find}, {"smb1_feas", walk_feas},
	{"smb1_geas", walk_geas}, {"nbss_packet", walk_nbss},
};

size_t smb1_list_row_count(void)
{
	return ARRAY_LEN(lists);
}

struct list_row smb1_list_row_at(size_t i)
{
	return lists[i];
}
