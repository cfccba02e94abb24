/* Extended attributes as clients know them, over those of the system: a client's "Name" is "user.Name", as Samba has it. What Samba
 * and we keep under such names ourselves is neither shown nor set. [MS-FSCC] 2.4.16, [MS-FSA] 2.1.5.12.9 and 2.1.5.15.5. */
#include "vfs/vfs_ops.h"

enum { NAME_BYTES = 255 + 1, USER_LEN = 5 };

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Names of EAs are ASCII; their case does not count. */
static bool equal_nocase(const char *a, size_t alen, const char *b, size_t blen)
{
	if (alen != blen)
		return false;
	for (size_t i = 0; i < alen; i++) {
		if (lower(a[i]) != lower(b[i]))
			return false;
	}
	return true;
}

bool vfs_ea_is_hidden(const char *name)
{
	static const struct {
		const char *name;
		bool prefix;
	} ours[] = {
		{"user.DOSATTRIB", false}, {"user.DosStream.", true}, {"user.NTACL", false}, {"user.SAMBA_PAI", false}, {"user.hythe.", true},
		{"user.org.netatalk.", true},
	};
	size_t n = strlen(name);

	for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
		size_t k = strlen(ours[i].name);

		if (equal_nocase(name, ours[i].prefix && n > k ? k : n, ours[i].name, k))
			return true;
	}
	return false;
}

/* [MS-FSCC] 2.4.16 */
static bool name_is_legal(struct slice name)
{
	if (name.len == 0 || name.len > VFS_EA_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		if (name.data[i] < 0x20 || strchr("\"*+,/:;<=>?[\\]|", name.data[i]) != NULL)
			return false;
	}
	return true;
}

/* The next name of the system's list that a client may know; NULL: no more. */
static const char *next_visible(struct slice *names)
{
	while (names->len > 0) {
		const char *name = (const char *)names->data;
		size_t n = strnlen(name, names->len);

		if (n == names->len)
			return NULL;
		*names = slice_of(names->data + n + 1, names->len - n - 1);
		if (strncmp(name, "user.", USER_LEN) == 0 && name[USER_LEN] != 0 && !vfs_ea_is_hidden(name))
			return name;
	}
	return NULL;
}

static ntstatus value_get(struct vfs_file *f, const char *name, struct arena *a, struct slice *out)
{
	size_t n;
	ntstatus st = vfs_xattr_get(f, name, NULL, 0, &n);
	uint8_t *p = nt_ok(st) ? arena_alloc(a, n + 1) : NULL;

	if (nt_ok(st) && p == NULL)
		st = STATUS_INSUFFICIENT_RESOURCES;
	if (nt_ok(st) && n > 0)
		st = vfs_xattr_get(f, name, p, n, &n);
	*out = slice_of(p, nt_ok(st) ? n : 0);
	return st;
}

/* What is longer than a client can be told has no place in the list. */
static bool fits(const char *name, struct slice value)
{
	return strlen(name) - USER_LEN <= VFS_EA_NAME_MAX && value.len <= UINT16_MAX;
}

ntstatus vfs_ea_list(struct vfs_file *f, struct arena *a, struct vfs_ea **list, size_t *count)
{
	struct slice names, rest;
	const char *name;
	size_t n = 0;
	ntstatus st = vfs_xattr_names(f, a, &names);

	*list = NULL;
	*count = 0;
	if (!nt_ok(st))
		return st;
	for (rest = names; next_visible(&rest) != NULL;)
		n++;
	*list = arena_alloc(a, n * sizeof(**list));
	if (*list == NULL)
		return STATUS_INSUFFICIENT_RESOURCES;
	for (rest = names; (name = next_visible(&rest)) != NULL;) {
		struct slice value;

		st = value_get(f, name, a, &value);
		/* Taken away meanwhile. */
		if (nt_is(st, STATUS_NONEXISTENT_EA_ENTRY))
			continue;
		if (!nt_ok(st))
			return st;
		if (fits(name, value))
			(*list)[(*count)++] = (struct vfs_ea){.name = slice_of(name + USER_LEN, strlen(name) - USER_LEN), .value = value};
	}
	return STATUS_SUCCESS;
}

uint32_t vfs_ea_size(const struct vfs_ea *list, size_t count)
{
	size_t size = count > 0 ? 4 : 0;

	for (size_t i = 0; i < count; i++)
		size += 5 + list[i].name.len + list[i].value.len;
	return (uint32_t)size;
}

/* --- setting --- */

static const struct vfs_ea *find(const struct vfs_ea *list, size_t count, struct slice name)
{
	for (size_t i = 0; i < count; i++) {
		if (equal_nocase((const char *)list[i].name.data, list[i].name.len, (const char *)name.data, name.len))
			return &list[i];
	}
	return NULL;
}

static bool full_name(char out[NAME_BYTES], struct slice name)
{
	if (name.len > NAME_BYTES - 1 - USER_LEN)
		return false;
	memcpy(out, "user.", USER_LEN);
	memcpy(out + USER_LEN, name.data, name.len);
	out[USER_LEN + name.len] = 0;
	return true;
}

/* Names are legal and the whole would not be too long. `now`: what the file has. */
static ntstatus list_check(const struct vfs_ea *list, size_t count, const struct vfs_ea *now, size_t now_count)
{
	size_t size = vfs_ea_size(now, now_count);

	for (size_t i = 0; i < count; i++) {
		const struct vfs_ea *old = find(now, now_count, list[i].name);
		char name[NAME_BYTES];

		if (!name_is_legal(list[i].name) || !full_name(name, list[i].name))
			return STATUS_INVALID_EA_NAME;
		if (vfs_ea_is_hidden(name))
			return STATUS_ACCESS_DENIED;
		size += 5 + list[i].name.len + list[i].value.len;
		if (old != NULL)
			size -= 5 + old->name.len + old->value.len;
		if (size > VFS_EAS_BYTES_MAX)
			return STATUS_EA_TOO_LARGE;
	}
	return STATUS_SUCCESS;
}

/* Under the name it has, if it is there in another case. */
static ntstatus set_one(struct vfs_file *f, const struct vfs_ea *ea, const struct vfs_ea *old)
{
	char name[NAME_BYTES];
	ntstatus st;

	if (!full_name(name, old != NULL ? old->name : ea->name))
		return STATUS_INVALID_EA_NAME;
	if (ea->value.len > 0) {
		st = vfs_xattr_set(f, name, ea->value.data, ea->value.len);
		/* ext4 keeps all of a file's in one block. */
		return nt_is(st, STATUS_DISK_FULL) || nt_is(st, STATUS_BUFFER_TOO_SMALL) ? STATUS_EA_TOO_LARGE : st;
	}
	st = vfs_xattr_set(f, name, NULL, 0);
	return nt_is(st, STATUS_NONEXISTENT_EA_ENTRY) ? STATUS_SUCCESS : st;
}

ntstatus vfs_ea_set(struct vfs_file *f, const struct vfs_ea *list, size_t count, struct arena *a)
{
	struct vfs_ea *now;
	size_t now_count, done = 0;
	ntstatus st = vfs_ea_list(f, a, &now, &now_count);

	if (nt_ok(st))
		st = list_check(list, count, now, now_count);
	while (nt_ok(st) && done < count) {
		st = set_one(f, &list[done], find(now, now_count, list[done].name));
		done += nt_ok(st) ? 1u : 0u;
	}
	/* Backwards, to what was there before. */
	while (!nt_ok(st) && done-- > 0) {
		const struct vfs_ea *old = find(now, now_count, list[done].name);
		const struct vfs_ea none = {.name = list[done].name};

		(void)nt_ok(set_one(f, old != NULL ? old : &none, old));
	}
	return st;
}

ntstatus vfs_extras_remove(struct vfs_file *f, struct arena *a)
{
	struct slice names, rest;
	const char *name;
	ntstatus st = vfs_xattr_names(f, a, &names);

	if (nt_is(st, STATUS_EAS_NOT_SUPPORTED))
		return STATUS_SUCCESS;
	for (rest = names; nt_ok(st) && (name = next_visible(&rest)) != NULL;) {
		st = vfs_xattr_set(f, name, NULL, 0);
		if (nt_is(st, STATUS_NONEXISTENT_EA_ENTRY))
			st = STATUS_SUCCESS;
	}
	return nt_ok(st) ? f->store->ops->streams_remove(f, a) : st;
}
