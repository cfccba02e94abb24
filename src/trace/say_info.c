/* In words: queries and changes of information, listings, watches and control codes. [MS-SMB2] 2.2.31 to 2.2.40. */
#include "trace/say.h"

#include "wire/fscc.h"
#include "wire/fsctl.h"

#include <inttypes.h>

enum { INFO_FILE = 1, INFO_FS = 2, INFO_SECURITY = 3, INFO_QUOTA = 4, NAMES_SHOWN = 5 };

static const struct words_value list_classes[] = {{FSCC_FILE_DIRECTORY, "FileDirectoryInformation"},
	{FSCC_FILE_FULL_DIRECTORY, "FileFullDirectoryInformation"}, {FSCC_FILE_BOTH_DIRECTORY, "FileBothDirectoryInformation"},
	{FSCC_FILE_NAMES, "FileNamesInformation"}, {FSCC_FILE_ID_BOTH_DIRECTORY, "FileIdBothDirectoryInformation"},
	{FSCC_FILE_ID_FULL_DIRECTORY, "FileIdFullDirectoryInformation"}, {FSCC_FILE_FULL_EA, "FileFullEaInformation"},
	{FSCC_FILE_STREAM, "FileStreamInformation"}, {FSCC_FILE_ID_EXTD_DIRECTORY, "FileIdExtdDirectoryInformation"},
	{FSCC_FILE_ID_EXTD_BOTH_DIRECTORY, "FileIdExtdBothDirectoryInformation"}};

static void say_class(struct words *w, uint8_t type, uint8_t number)
{
	const struct fscc_class *c = type == INFO_FILE ? fscc_file_class_of(number) : type == INFO_FS ? fscc_fs_class_of(number) : NULL;
	const char *list = type == INFO_FILE ? words_of(number, list_classes, ARRAY_LEN(list_classes)) : NULL;

	if (type == INFO_SECURITY)
		words_add(w, "the security descriptor");
	else if (type == INFO_QUOTA)
		words_add(w, "the quota");
	else if (c || list)
		words_add(w, "%s", c ? c->name : list);
	else
		words_add(w, "information %u of class %u", type, number);
}

void say_query_info_req(struct say *s, const void *body)
{
	const struct smb2_query_info_req *m = body;

	s->asked->info_type = m->info_type;
	s->asked->info_class = m->file_info_class;
	say_class(&s->w, m->info_type, m->file_info_class);
	words_add(&s->w, " of ");
	say_file(s, m->file_id);
}

void say_query_info_rsp(struct say *s, const void *body)
{
	const struct smb2_query_info_rsp *m = body;

	if (s->asked) {
		say_class(&s->w, s->asked->info_type, s->asked->info_class);
		words_add(&s->w, ", ");
	}
	words_size(&s->w, m->output.len);
}

/* The changes that mean most to a reader, with their value. */
static bool say_change(struct say *s, const struct smb2_set_info_req *m)
{
	struct wire w = wire_decoder(m->input.data, 0, m->input.len, s->arena);
	struct fscc_rename rename = {0};
	struct fscc_u64 size = {0};
	struct fscc_u8 disposition = {0};

	if (m->info_type != INFO_FILE)
		return false;
	switch (m->file_info_class) {
	case FSCC_FILE_RENAME:
	case FSCC_FILE_LINK:
		fscc_rename_code(&w, &rename);
		if (!wire_ok(&w))
			return false;
		words_add(&s->w, m->file_info_class == FSCC_FILE_RENAME ? "rename to " : "link to it as ");
		words_name(&s->w, rename.name);
		words_add(&s->w, "%s: ", rename.flags & FSCC_RENAME_REPLACE ? ", replacing what has that name" : "");
		return true;
	case FSCC_FILE_END_OF_FILE:
		fscc_u64_code(&w, &size);
		if (!wire_ok(&w))
			return false;
		words_add(&s->w, "make it end at %" PRIu64 ": ", size.value);
		return true;
	case FSCC_FILE_DISPOSITION:
		fscc_u8_code(&w, &disposition);
		if (!wire_ok(&w))
			return false;
		words_add(&s->w, disposition.value ? "delete it when it is closed: " : "do not delete it: ");
		return true;
	default:
		return false;
	}
}

void say_set_info_req(struct say *s, const void *body)
{
	const struct smb2_set_info_req *m = body;

	if (!say_change(s, m)) {
		words_add(&s->w, "set ");
		say_class(&s->w, m->info_type, m->file_info_class);
		words_add(&s->w, " of ");
	}
	say_file(s, m->file_id);
}

void say_query_directory_req(struct say *s, const void *body)
{
	enum { RESTART = 1, SINGLE = 2 };
	const struct smb2_query_directory_req *m = body;

	s->asked->info_type = INFO_FILE;
	s->asked->info_class = m->file_information_class;
	words_add(&s->w, "list ");
	words_name(&s->w, m->file_name);
	words_add(&s->w, " in ");
	say_file(s, m->file_id);
	words_add(&s->w, "%s%s", m->flags & RESTART ? ", from the start" : "", m->flags & SINGLE ? ", one entry" : "");
}

void say_query_directory_rsp(struct say *s, const void *body)
{
	const struct smb2_query_directory_rsp *m = body;
	struct fscc_dir_entry e;
	struct slice list = m->output;
	bool bad = false;
	unsigned n = 0;

	if (!s->asked || !fscc_dir_class_valid(s->asked->info_class)) {
		words_size(&s->w, m->output.len);
		return;
	}
	words_list(&s->w, "");
	for (; fscc_dir_entry_next(&list, s->asked->info_class, &e, &bad); n++) {
		if (n >= NAMES_SHOWN)
			continue;
		words_item(&s->w, "%s", "");
		words_name(&s->w, e.name);
	}
	if (n > NAMES_SHOWN)
		words_add(&s->w, " and %u more", n - NAMES_SHOWN);
	if (bad)
		words_add(&s->w, ", malformed");
}

void say_notify_req(struct say *s, const void *body)
{
	const struct smb2_change_notify_req *m = body;

	words_add(&s->w, "tell what changes in ");
	say_file(s, m->file_id);
	words_add(&s->w, "%s", m->flags & 1 ? " and below" : "");
}

void say_notify_rsp(struct say *s, const void *body)
{
	static const struct words_value actions[] = {{1, "added"}, {2, "removed"}, {3, "changed"}, {4, "renamed"}, {5, "renamed to"},
		{6, "stream added"}, {7, "stream removed"}, {8, "stream changed"}};
	const struct smb2_change_notify_rsp *m = body;
	struct slice list = m->output;
	struct fscc_notify e;
	bool bad = false;
	unsigned n = 0;

	words_list(&s->w, "");
	for (; fscc_notify_next(&list, &e, &bad); n++) {
		const char *action = words_of(e.action, actions, ARRAY_LEN(actions));

		if (n >= NAMES_SHOWN)
			continue;
		words_item(&s->w, "%s ", action ? action : "something with");
		words_name(&s->w, e.name);
	}
	if (n > NAMES_SHOWN)
		words_add(&s->w, " and %u more", n - NAMES_SHOWN);
	if (bad)
		words_add(&s->w, ", malformed");
}

#define CODE(name) {FSCTL_##name, #name}
static const struct words_value codes[] = {CODE(DFS_GET_REFERRALS), CODE(DFS_GET_REFERRALS_EX), CODE(SET_REPARSE_POINT), CODE(GET_REPARSE_POINT),
	CODE(DELETE_REPARSE_POINT), CODE(CREATE_OR_GET_OBJECT_ID), CODE(GET_OBJECT_ID), CODE(DELETE_OBJECT_ID), CODE(GET_COMPRESSION),
	CODE(SET_COMPRESSION), CODE(SET_SPARSE), CODE(SET_ZERO_DATA), CODE(QUERY_ALLOCATED_RANGES), CODE(FILE_LEVEL_TRIM),
	CODE(DUPLICATE_EXTENTS_TO_FILE), CODE(PIPE_WAIT), CODE(PIPE_PEEK), CODE(PIPE_TRANSCEIVE), CODE(SRV_REQUEST_RESUME_KEY),
	CODE(SRV_ENUMERATE_SNAPSHOTS), CODE(SRV_COPYCHUNK), CODE(SRV_COPYCHUNK_WRITE), CODE(SRV_READ_HASH), CODE(LMR_REQUEST_RESILIENCY),
	CODE(QUERY_NETWORK_INTERFACE_INFO), CODE(VALIDATE_NEGOTIATE_INFO), CODE(QUERY_SHARED_VIRTUAL_DISK_SUPPORT), CODE(SVHDX_SYNC_TUNNEL_REQUEST)};

static void say_code(struct words *w, uint32_t code)
{
	const char *name = words_of(code, codes, ARRAY_LEN(codes));

	if (name)
		words_add(w, "%s", name);
	else
		words_add(w, "control code 0x%08" PRIx32, code);
}

void say_ioctl_req(struct say *s, const void *body)
{
	const struct smb2_ioctl_req *m = body;

	s->asked->ctl_code = m->ctl_code;
	say_code(&s->w, m->ctl_code);
	if (m->file_id.volatile_id != SMB2_FILEID_NONE || s->h->flags & SMB2_FLAGS_RELATED_OPERATIONS) {
		words_add(&s->w, " of ");
		say_file(s, m->file_id);
	}
	if (m->input.len > 0) {
		words_add(&s->w, ", with ");
		words_size(&s->w, m->input.len);
	}
}

void say_ioctl_rsp(struct say *s, const void *body)
{
	const struct smb2_ioctl_rsp *m = body;

	say_code(&s->w, m->ctl_code);
	words_add(&s->w, ", ");
	words_size(&s->w, m->output.len);
}
