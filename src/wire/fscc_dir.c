/* Directory entries, the hot path of listings: [MS-FSCC] 2.4.8, 2.4.10, 2.4.15, 2.4.22 and the other classes of
 * [MS-SMB2] 2.2.33. The classes differ in which fields follow a common start, so one table of offsets serves them all.
 * The server packs into the reply's buffer, the client reads views out of it. */
#include "wire/fscc.h"

enum { COMMON = 64, SHORT_NAME_MAX = 24, ATTRIBUTE_REPARSE_POINT = 0x400 };

/* Offsets of fields; 0: the class does not have it. */
struct layout {
	uint8_t fixed, name_length, ea_size, reparse_tag, short_name, file_id, file_id_bytes;
};

static const struct layout layouts[] = {
	[FSCC_FILE_DIRECTORY] = {64, 60, 0, 0, 0, 0, 0},
	[FSCC_FILE_FULL_DIRECTORY] = {68, 60, 64, 0, 0, 0, 0},
	[FSCC_FILE_BOTH_DIRECTORY] = {94, 60, 64, 0, 68, 0, 0},
	[FSCC_FILE_NAMES] = {12, 8, 0, 0, 0, 0, 0},
	[FSCC_FILE_ID_BOTH_DIRECTORY] = {104, 60, 64, 0, 68, 96, 8},
	[FSCC_FILE_ID_FULL_DIRECTORY] = {80, 60, 64, 0, 0, 72, 8},
	[FSCC_FILE_ID_EXTD_DIRECTORY] = {88, 60, 64, 68, 0, 72, 16},
	[FSCC_FILE_ID_EXTD_BOTH_DIRECTORY] = {114, 60, 64, 68, 88, 72, 16},
};

static const struct layout *layout_of(uint8_t class)
{
	return class < ARRAY_LEN(layouts) && layouts[class].fixed != 0 ? &layouts[class] : NULL;
}

bool fscc_dir_class_valid(uint8_t class)
{
	return layout_of(class) != NULL;
}

size_t fscc_dir_fixed_size(uint8_t class)
{
	const struct layout *k = layout_of(class);

	return k ? k->fixed : 0;
}

static void common_put(uint8_t *p, const struct fscc_dir_entry *e)
{
	store_le64(p + 8, e->creation_time);
	store_le64(p + 16, e->last_access_time);
	store_le64(p + 24, e->last_write_time);
	store_le64(p + 32, e->change_time);
	store_le64(p + 40, e->end_of_file);
	store_le64(p + 48, e->allocation_size);
	store_le32(p + 56, e->file_attributes);
}

/* In the older classes the tag of a reparse point stands where EaSize is. */
static bool tag_in_ea_size(const struct layout *k, uint32_t attributes)
{
	return k->reparse_tag == 0 && (attributes & ATTRIBUTE_REPARSE_POINT) != 0;
}

static void put(uint8_t *p, const struct layout *k, const struct fscc_dir_entry *e)
{
	store_le32(p + 4, e->file_index);
	if (k->fixed >= COMMON)
		common_put(p, e);
	if (k->fixed > COMMON)
		memset(p + COMMON, 0, (size_t)k->fixed - COMMON);
	store_le32(p + k->name_length, (uint32_t)e->name.len);
	if (k->ea_size)
		store_le32(p + k->ea_size, tag_in_ea_size(k, e->file_attributes) ? e->reparse_tag : e->ea_size);
	if (k->reparse_tag)
		store_le32(p + k->reparse_tag, e->reparse_tag);
	if (k->short_name && e->short_name.len != 0) {
		size_t n = e->short_name.len < SHORT_NAME_MAX ? e->short_name.len : SHORT_NAME_MAX;

		p[k->short_name] = (uint8_t)n;
		memcpy(p + k->short_name + 2, e->short_name.data, n);
	}
	if (k->file_id)
		store_le64(p + k->file_id, e->file_id);
	if (e->name.len != 0)
		memcpy(p + k->fixed, e->name.data, e->name.len);
}

size_t fscc_dir_entry_put(uint8_t *out, size_t cap, uint8_t class, const struct fscc_dir_entry *e)
{
	const struct layout *k = layout_of(class);

	if (!k || cap < k->fixed || cap - k->fixed < e->name.len)
		return 0;
	store_le32(out, 0);
	put(out, k, e);
	return k->fixed + e->name.len;
}

bool fscc_dir_list_put(struct fscc_list *l, uint8_t class, const struct fscc_dir_entry *e)
{
	const struct layout *k = layout_of(class);
	uint8_t *p = k ? fscc_list_add(l, k->fixed + e->name.len, 8) : NULL;

	if (!p)
		return false;
	put(p, k, e);
	return true;
}

static void common_get(const uint8_t *p, struct fscc_dir_entry *e)
{
	e->creation_time = load_le64(p + 8);
	e->last_access_time = load_le64(p + 16);
	e->last_write_time = load_le64(p + 24);
	e->change_time = load_le64(p + 32);
	e->end_of_file = load_le64(p + 40);
	e->allocation_size = load_le64(p + 48);
	e->file_attributes = load_le32(p + 56);
}

bool fscc_dir_entry_next(struct slice *list, uint8_t class, struct fscc_dir_entry *e, bool *bad)
{
	const struct layout *k = layout_of(class);
	struct slice s;
	size_t name_len;

	*bad = true;
	*e = (struct fscc_dir_entry){.name = {(const uint8_t *)"", 0}, .short_name = {(const uint8_t *)"", 0}};
	if (!k || !fscc_list_next(list, k->fixed, 4, &s, bad))
		return false;
	e->file_index = load_le32(s.data + 4);
	if (k->fixed >= COMMON)
		common_get(s.data, e);
	if (k->ea_size) {
		uint32_t v = load_le32(s.data + k->ea_size);

		*(tag_in_ea_size(k, e->file_attributes) ? &e->reparse_tag : &e->ea_size) = v;
	}
	if (k->reparse_tag)
		e->reparse_tag = load_le32(s.data + k->reparse_tag);
	if (k->short_name)
		e->short_name = slice_of(s.data + k->short_name + 2, s.data[k->short_name]);
	if (k->file_id)
		e->file_id = load_le64(s.data + k->file_id);
	name_len = load_le32(s.data + k->name_length);
	*bad = name_len > s.len - k->fixed || name_len % 2 != 0 || e->short_name.len > SHORT_NAME_MAX || e->short_name.len % 2 != 0;
	if (!*bad)
		e->name = slice_of(s.data + k->fixed, name_len);
	return !*bad;
}
