/* Lists in the data of transactions: entries of FIND levels 1 to 3 ([MS-CIFS] 2.2.8.1.1 to 2.2.8.1.3), lists of extended attributes
 * (2.2.1.2.1, 2.2.1.2.2). The server packs them into a reply's data, the client reads views out of them. */
#include "wire/smb1/smb1_internal.h"
#include "wire/smb1/trans.h"

enum { LENGTH_BYTES = 4, FEA_FIXED = 4 };

static void ea_list_part(struct wire *w, struct slice *ea_list)
{
	uint32_t len = w->dir == WIRE_DECODE && wire_left(w) >= LENGTH_BYTES ? load_le32(w->base + w->pos) : (uint32_t)ea_list->len;

	if (len < LENGTH_BYTES)
		wire_fail(w, STATUS_INVALID_PARAMETER, "SizeOfListInBytes");
	wire_view(w, "ExtendedAttributeList", len, ea_list);
}

/* [MS-CIFS] 2.2.8.1.1 to 2.2.8.1.3. A Unicode name of level 1 is an SMB_STRING and so begins at an even offset. */
static void find_entry_code(struct wire *w, uint16_t level, bool resume_key, struct smb1_find_entry *e)
{
	size_t unit = w->unicode ? 2 : 1;

	if (resume_key)
		wire_u32(w, "ResumeKey", &e->resume_key);
	if (level == SMB1_FIND_EA_SIZE)
		smb1_info_ea_size_code(w, &e->info);
	else
		smb1_info_standard_code(w, &e->info);
	if (level == SMB1_FIND_EAS_FROM_LIST)
		ea_list_part(w, &e->ea_list);
	wire_length(w, "FileNameLength", &e->file_name, 1);
	if (level == SMB1_FIND_STANDARD && w->unicode)
		wire_align(w, 2);
	smb1_sized_text(w, "FileName", &e->file_name);
	if (w->dir == WIRE_ENCODE || wire_left(w) >= unit)
		wire_reserved(w, unit);
}

bool smb1_find_entry_put(struct wire *list, uint16_t level, bool resume_key, const struct smb1_find_entry *e)
{
	struct smb1_find_entry copy = *e;
	struct wire w = *list;

	find_entry_code(&w, level, resume_key, &copy);
	if (!wire_ok(&w))
		return false;
	*list = w;
	return true;
}

bool smb1_find_entry_next(struct wire *list, uint16_t level, bool resume_key, struct smb1_find_entry *e, bool *bad)
{
	*e = (struct smb1_find_entry){0};
	*bad = !wire_ok(list);
	if (wire_left(list) == 0)
		return false;
	find_entry_code(list, level, resume_key, e);
	*bad = !wire_ok(list);
	return !*bad;
}

bool smb1_ea_list_open(struct slice *list)
{
	uint32_t len = list->len >= LENGTH_BYTES ? load_le32(list->data) : 0;

	if (len < LENGTH_BYTES || len > list->len)
		return false;
	*list = slice_of(list->data + LENGTH_BYTES, len - LENGTH_BYTES);
	return true;
}

static struct slice behind(struct slice s, size_t n)
{
	return slice_of(s.data + n, s.len - n);
}

bool smb1_fea_next(struct slice *list, struct smb1_fea *e, bool *bad)
{
	size_t name, value;

	*bad = false;
	if (list->len == 0)
		return false;
	*bad = true;
	if (list->len < FEA_FIXED)
		return false;
	name = list->data[1];
	value = load_le16(list->data + 2);
	if (list->len - FEA_FIXED < name + 1 + value)
		return false;
	*e = (struct smb1_fea){.flags = list->data[0], .name = slice_of(list->data + FEA_FIXED, name),
		.value = slice_of(list->data + FEA_FIXED + name + 1, value)};
	*list = behind(*list, FEA_FIXED + name + 1 + value);
	*bad = false;
	return true;
}

bool smb1_gea_next(struct slice *list, struct slice *name, bool *bad)
{
	size_t n;

	*bad = false;
	if (list->len == 0)
		return false;
	n = list->data[0];
	if (list->len - 1 < n + 1) {
		*bad = true;
		return false;
	}
	*name = slice_of(list->data + 1, n);
	*list = behind(*list, n + 2);
	return true;
}

static void length_now(struct wire *list)
{
	wire_patch(list, "SizeOfListInBytes", 0, LENGTH_BYTES, list->pos);
}

void smb1_ea_list_begin(struct wire *list)
{
	wire_reserved(list, LENGTH_BYTES);
	length_now(list);
}

void smb1_fea_put(struct wire *list, const struct smb1_fea *e)
{
	struct smb1_fea copy = *e;

	wire_u8(list, "ExtendedAttributeFlag", &copy.flags);
	wire_length(list, "AttributeNameLengthInBytes", &copy.name, 1);
	wire_length(list, "AttributeValueLengthInBytes", &copy.value, 2);
	wire_view(list, "AttributeName", copy.name.len, &copy.name);
	wire_reserved(list, 1);
	wire_view(list, "AttributeValue", copy.value.len, &copy.value);
	length_now(list);
}

void smb1_gea_put(struct wire *list, struct slice name)
{
	wire_length(list, "AttributeNameLengthInBytes", &name, 1);
	wire_view(list, "AttributeName", name.len, &name);
	wire_reserved(list, 1);
	length_now(list);
}
