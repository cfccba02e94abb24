/* Named streams of the posix store: their names, opening, listing, renaming and removing. What they are on disk: posix_stream.h. */
#include "vfs/posix_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { PREFIX_LEN = sizeof(POSIX_STREAM_PREFIX) - 1, TYPE_LEN = sizeof(POSIX_STREAM_TYPE) - 1, VALUE_MAX = 65536 };

struct posix_streams *posix_streams_of(struct posix_store *s, struct vfs_id id)
{
	uint64_t h = (id.inode ^ id.device << 32) * 0x9E3779B97F4A7C15ull;

	return &s->streams[h >> 58];
}

int posix_value_get(int fd, bool path_only, const char *xattr, struct posix_value *v)
{
	ssize_t n = posix_fgetxattr(fd, path_only, xattr, v->small, sizeof(v->small));

	v->p = v->small;
	v->n = n > 0 ? (size_t)n : 0;
	if (n != -ERANGE)
		return n < 0 ? (int)n : 0;
	v->p = malloc(VALUE_MAX);
	if (v->p == NULL) {
		v->p = v->small;
		return -ENOMEM;
	}
	n = posix_fgetxattr(fd, path_only, xattr, v->p, VALUE_MAX);
	v->n = n > 0 ? (size_t)n : 0;
	return n < 0 ? (int)n : 0;
}

void posix_value_free(struct posix_value *v)
{
	if (v->p != v->small)
		free(v->p);
}

size_t posix_value_data(const struct posix_value *v)
{
	return v->n > 0 ? v->n - 1 : 0;
}

/* --- names --- */

/* A stream's own part of an attribute's name; false: the attribute is no stream. Samba can be told to leave the type away. */
static bool stem_of(const char *xattr, const char **stem, size_t *len)
{
	if (strncmp(xattr, POSIX_STREAM_PREFIX, PREFIX_LEN) != 0)
		return false;
	*stem = xattr + PREFIX_LEN;
	*len = strlen(*stem);
	if (*len > TYPE_LEN && strcasecmp(*stem + *len - TYPE_LEN, POSIX_STREAM_TYPE) == 0)
		*len -= TYPE_LEN;
	return *len > 0;
}

static bool same_stream(const char *a, const char *b)
{
	const char *as, *bs;
	size_t an, bn;

	return stem_of(a, &as, &an) && stem_of(b, &bs, &bn) && posix_name_equal_nocase(as, an, bs, bn);
}

/* The attribute that a stream of that name gets; false: its name would be too long. */
static bool xattr_name(char out[XATTR_NAME_MAX + 1], struct slice name)
{
	size_t n;

	memcpy(out, POSIX_STREAM_PREFIX, PREFIX_LEN);
	n = utf16_to_utf8(out + PREFIX_LEN, XATTR_NAME_MAX + 1 - PREFIX_LEN - TYPE_LEN, name);
	if (n == SIZE_MAX)
		return false;
	memcpy(out + PREFIX_LEN + n, POSIX_STREAM_TYPE, TYPE_LEN + 1);
	return true;
}

static struct slice wire_name(struct arena *a, const char *xattr)
{
	const char *stem;
	size_t len, n;
	uint8_t *p;

	if (!stem_of(xattr, &stem, &len))
		return slice_of(NULL, 0);
	p = arena_alloc(a, 2 * len);
	n = p != NULL ? utf8_to_utf16(p, 2 * len, stem, len) : SIZE_MAX;
	return n != SIZE_MAX ? slice_of(p, n) : slice_of(NULL, 0);
}

/* Looks for the attribute that is a stream of that name in any case: 1, with the name it has, 0, or a negated errno. */
static int find(const struct posix_file *of, const char *wanted, char found[XATTR_NAME_MAX + 1])
{
	ssize_t n = posix_fgetxattr(of->fd, of->path_only, wanted, NULL, 0);
	int result = 0;
	char *names;

	if (n >= 0) {
		memcpy(found, wanted, strlen(wanted) + 1);
		return 1;
	}
	n = n == -ENODATA ? posix_flistxattr(of->fd, of->path_only, &names) : n;
	if (n < 0)
		return (int)n;
	for (const char *name = names; result == 0 && name < names + n; name += strlen(name) + 1) {
		if (same_stream(name, wanted) && strlen(name) <= XATTR_NAME_MAX) {
			memcpy(found, name, strlen(name) + 1);
			result = 1;
		}
	}
	free(names);
	return result;
}

/* --- open streams --- */

static struct posix_stream *open_find_locked(struct posix_streams *all, struct vfs_id id, const char *xattr)
{
	list_for_each(pos, &all->open) {
		struct posix_stream *stream = list_entry(pos, struct posix_stream, link);

		if (vfs_id_same_file(stream->id, id) && strcmp(stream->xattr, xattr) == 0)
			return stream;
	}
	return NULL;
}

static void put_locked(struct posix_stream *stream)
{
	if (--stream->refs != 0)
		return;
	list_remove(&stream->link);
	if (stream->side >= 0)
		close(stream->side);
	if (stream->replaced >= 0)
		close(stream->replaced);
	free(stream);
}

/* The shared object of a stream that is there, with one more reference. */
static struct posix_stream *get_locked(struct posix_store *s, struct posix_streams *all, const struct posix_file *of, const char *xattr)
{
	struct posix_stream *stream = open_find_locked(all, of->id, xattr);

	if (stream == NULL) {
		stream = calloc(1, sizeof(*stream));
		if (stream == NULL)
			return NULL;
		stream->id = of->id;
		stream->id.stream = ++s->next_stream;
		stream->side = stream->replaced = -1;
		memcpy(stream->xattr, xattr, strlen(xattr) + 1);
		list_append(&all->open, &stream->link);
	}
	stream->refs++;
	return stream;
}

static ntstatus stream_error(int err)
{
	return err == EOPNOTSUPP || err == ENOSYS ? STATUS_OBJECT_NAME_INVALID : posix_error(err);
}

bool posix_stream_make_room_locked(struct posix_file *of, const struct posix_stream *but)
{
	struct posix_store *s = posix_store_of(of->base.store);
	struct posix_streams *all = posix_streams_of(s, of->id);
	struct posix_stream *stream = NULL;
	/* What is shorter than a reference is not worth it. */
	ssize_t longest = 2 * POSIX_REFERENCE_BYTES, n;
	const char *which = NULL;
	bool made = false;
	char *names;

	n = posix_flistxattr(of->fd, of->path_only, &names);
	if (n < 0)
		return false;
	for (const char *name = names; name < names + n; name += strlen(name) + 1) {
		ssize_t k = strncmp(name, POSIX_STREAM_PREFIX, PREFIX_LEN) == 0 ? posix_fgetxattr(of->fd, of->path_only, name, NULL, 0) : -1;

		if (k > longest && (but == NULL || strcmp(name, but->xattr) != 0)) {
			longest = k;
			which = name;
		}
	}
	if (which != NULL)
		stream = get_locked(s, all, of, which);
	if (stream != NULL) {
		made = posix_stream_to_side_locked(of, stream) == 0;
		put_locked(stream);
	}
	free(names);
	return made;
}

/* Finds or makes the attribute; `xattr` becomes the name it has. */
static ntstatus place_locked(struct posix_store *s, struct posix_file *of, enum vfs_disposition disposition, char *xattr, bool *created)
{
	char found[XATTR_NAME_MAX + 1];
	int match = find(of, xattr, found), err;

	*created = false;
	if (match < 0)
		return stream_error(-match);
	if (match > 0) {
		memcpy(xattr, found, strlen(found) + 1);
		return disposition == VFS_CREATE ? STATUS_OBJECT_NAME_COLLISION : STATUS_SUCCESS;
	}
	if (disposition == VFS_OPEN)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	if (s->read_only)
		return STATUS_MEDIA_WRITE_PROTECTED;
	do
		err = posix_fsetxattr(of->fd, of->path_only, xattr, "", 1);
	while (posix_no_room(err) && posix_stream_make_room_locked(of, NULL));
	*created = err == 0;
	return err == 0 ? STATUS_SUCCESS : stream_error(-err);
}

ntstatus posix_stream_open(struct vfs_file *base, struct slice name, enum vfs_disposition disposition, uint32_t flags,
	struct vfs_open_result *out)
{
	struct posix_store *s = posix_store_of(base->store);
	struct posix_file *of = posix_file_of(base);
	struct posix_streams *all = posix_streams_of(s, of->id);
	struct posix_stream_file *f;
	char xattr[XATTR_NAME_MAX + 1];
	ntstatus st;

	if (!s->xattrs || of->symlink || !xattr_name(xattr, name))
		return STATUS_OBJECT_NAME_INVALID;
	if (s->read_only && (flags & VFS_WRITE) != 0)
		return STATUS_MEDIA_WRITE_PROTECTED;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return STATUS_INSUFFICIENT_RESOURCES;
	f->head = (struct vfs_stream_file){.file.store = &s->streams_view, .of = base};
	f->readable = (flags & (VFS_READ | VFS_WRITE)) != 0;
	f->writable = (flags & VFS_WRITE) != 0;
	f->write_through = (flags & VFS_WRITE_THROUGH) != 0;
	pthread_mutex_lock(&all->lock);
	st = place_locked(s, of, disposition, xattr, &out->created);
	if (nt_ok(st)) {
		f->stream = get_locked(s, all, of, xattr);
		st = f->stream != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
	}
	pthread_mutex_unlock(&all->lock);
	if (nt_ok(st))
		st = posix_stream_stat_get(&f->head.file, &out->stat);
	if (nt_ok(st)) {
		out->file = &f->head.file;
		return STATUS_SUCCESS;
	}
	if (f->stream != NULL) {
		pthread_mutex_lock(&all->lock);
		put_locked(f->stream);
		pthread_mutex_unlock(&all->lock);
	}
	free(f);
	return st;
}

static struct posix_streams *streams_of(struct vfs_file *vf)
{
	struct posix_file *of = posix_stream_base(vf);

	return posix_streams_of(posix_store_of(of->base.store), of->id);
}

static void stream_close(struct vfs_file *vf)
{
	struct posix_stream_file *f = posix_stream_file_of(vf);
	struct posix_streams *all = streams_of(vf);

	pthread_mutex_lock(&all->lock);
	put_locked(f->stream);
	pthread_mutex_unlock(&all->lock);
	vfs_file_close(f->head.of);
	free(f);
}

static struct slice stream_name(struct vfs_file *vf, struct arena *a)
{
	struct posix_streams *all = streams_of(vf);
	char xattr[XATTR_NAME_MAX + 1];

	pthread_mutex_lock(&all->lock);
	memcpy(xattr, posix_stream_file_of(vf)->stream->xattr, sizeof(xattr));
	pthread_mutex_unlock(&all->lock);
	return wire_name(a, xattr);
}

/* --- removing --- */

/* Two streams refer to the same side file between the steps of a rename, and for good if it was cut short there. */
static bool side_is_shared(const struct posix_file *of, const char *but, const struct posix_side_id *id)
{
	bool shared = false;
	char *names;
	ssize_t n = posix_flistxattr(of->fd, of->path_only, &names);

	if (n < 0)
		return true;
	for (const char *name = names; !shared && name < names + n; name += strlen(name) + 1) {
		struct posix_value v;
		struct posix_side_id other;

		if (strncmp(name, POSIX_STREAM_PREFIX, PREFIX_LEN) != 0 || strcmp(name, but) == 0)
			continue;
		shared = posix_value_get(of->fd, of->path_only, name, &v) == 0 && posix_side_parse(&v, &other) && strcmp(other.hex, id->hex) == 0;
		posix_value_free(&v);
	}
	free(names);
	return shared;
}

/* First the attribute, then what it refers to: cut short, it leaves a side file that nobody misses. */
static ntstatus remove_locked(struct posix_store *s, struct posix_streams *all, struct posix_file *of, const char *xattr)
{
	struct posix_stream *stream = open_find_locked(all, of->id, xattr);
	struct posix_side_id id;
	struct posix_value v;
	bool side = posix_value_get(of->fd, of->path_only, xattr, &v) == 0 && posix_side_parse(&v, &id);
	int err;

	posix_value_free(&v);
	side = side && !side_is_shared(of, xattr, &id);
	err = posix_fremovexattr(of->fd, of->path_only, xattr);
	if (err == 0 && side)
		posix_side_drop(s, of->fd, of->id.inode, &id);
	if (stream != NULL && (err == 0 || err == -ENODATA))
		list_remove(&stream->link);
	return err == 0 ? STATUS_SUCCESS : err == -ENODATA ? STATUS_OBJECT_NAME_NOT_FOUND : posix_error(-err);
}

static ntstatus stream_unlink(struct vfs_file *vf)
{
	struct posix_stream *stream = posix_stream_file_of(vf)->stream;
	struct posix_file *of = posix_stream_base(vf);
	struct posix_store *s = posix_store_of(of->base.store);
	struct posix_streams *all = streams_of(vf);
	ntstatus st = STATUS_OBJECT_NAME_NOT_FOUND;

	if (s->read_only)
		return STATUS_MEDIA_WRITE_PROTECTED;
	pthread_mutex_lock(&all->lock);
	if (!list_unlinked(&stream->link))
		st = remove_locked(s, all, of, stream->xattr);
	pthread_mutex_unlock(&all->lock);
	return st;
}

ntstatus posix_streams_remove(struct vfs_file *vf, struct arena *a)
{
	struct posix_file *of = posix_file_of(vf);
	struct posix_store *s = posix_store_of(vf->store);
	struct posix_streams *all = posix_streams_of(s, of->id);
	ntstatus st = STATUS_SUCCESS;
	char *names;
	ssize_t n = posix_flistxattr(of->fd, of->path_only, &names);

	(void)a;
	if (n < 0)
		return n == -EOPNOTSUPP ? STATUS_SUCCESS : posix_error((int)-n);
	pthread_mutex_lock(&all->lock);
	for (const char *name = names; nt_ok(st) && name < names + n; name += strlen(name) + 1) {
		if (strncmp(name, POSIX_STREAM_PREFIX, PREFIX_LEN) != 0)
			continue;
		st = remove_locked(s, all, of, name);
		if (nt_is(st, STATUS_OBJECT_NAME_NOT_FOUND))
			st = STATUS_SUCCESS;
	}
	pthread_mutex_unlock(&all->lock);
	free(names);
	return st;
}

/* --- listing --- */

static void sizes_get(struct posix_store *s, struct posix_file *of, const char *xattr, struct vfs_stream *out)
{
	struct posix_side_id id;
	struct posix_value v;
	struct stat st;
	bool own;
	int err = posix_value_get(of->fd, of->path_only, xattr, &v), fd;

	if (err == 0 && posix_side_parse(&v, &id)) {
		fd = posix_side_open(s, of->fd, of->id.inode, &id, &own);
		if (fd >= 0 && fstat(fd, &st) == 0) {
			out->size = (uint64_t)st.st_size;
			out->allocation = (uint64_t)st.st_blocks * 512;
		}
		if (fd >= 0)
			close(fd);
	} else if (err == 0) {
		out->size = posix_value_data(&v);
		out->allocation = round_up(out->size, 8);
	}
	posix_value_free(&v);
}

static ntstatus list_names(struct posix_store *s, struct posix_file *of, const char *names, size_t n, struct arena *a,
	struct vfs_stream **list, size_t *count)
{
	size_t all = 0;

	for (const char *name = names; name < names + n; name += strlen(name) + 1)
		all += strncmp(name, POSIX_STREAM_PREFIX, PREFIX_LEN) == 0 ? 1u : 0u;
	*list = arena_zalloc(a, all * sizeof(**list));
	if (*list == NULL)
		return STATUS_INSUFFICIENT_RESOURCES;
	for (const char *name = names; name < names + n; name += strlen(name) + 1) {
		struct vfs_stream *at = &(*list)[*count];

		at->name = wire_name(a, name);
		if (at->name.len == 0)
			continue; /* no stream, or none that a client can name */
		sizes_get(s, of, name, at);
		(*count)++;
	}
	return STATUS_SUCCESS;
}

ntstatus posix_stream_list(struct vfs_file *vf, struct arena *a, struct vfs_stream **list, size_t *count)
{
	struct posix_file *of = posix_file_of(vf);
	char *names;
	ssize_t n = posix_flistxattr(of->fd, of->path_only, &names);
	ntstatus st;

	if (n < 0)
		return n == -EOPNOTSUPP ? STATUS_SUCCESS : posix_error((int)-n);
	st = list_names(posix_store_of(vf->store), of, names, (size_t)n, a, list, count);
	free(names);
	return st;
}

/* --- renaming --- */

/* The data under its new name, then the old one away. What is too long for both to have room goes to a side file first. */
static int move_locked(struct posix_file *of, struct posix_stream *stream, const char *to)
{
	bool room = true;
	int err;

	do {
		struct posix_value v;

		err = posix_value_get(of->fd, of->path_only, stream->xattr, &v);
		if (err == 0)
			err = posix_fsetxattr(of->fd, of->path_only, to, v.p, v.n);
		if (posix_no_room(err))
			room = v.n > 2 * POSIX_REFERENCE_BYTES ? posix_stream_to_side_locked(of, stream) == 0 :
				posix_stream_make_room_locked(of, stream);
		posix_value_free(&v);
	} while (posix_no_room(err) && room);
	return err == 0 ? posix_fremovexattr(of->fd, of->path_only, stream->xattr) : err;
}

static ntstatus rename_locked(struct posix_store *s, struct posix_streams *all, struct posix_file *of, struct posix_stream *stream,
	const char *to, bool replace)
{
	char found[XATTR_NAME_MAX + 1];
	int match = find(of, to, found), err;
	bool itself = match > 0 && strcmp(found, stream->xattr) == 0;
	ntstatus st = STATUS_SUCCESS;

	if (list_unlinked(&stream->link))
		return STATUS_OBJECT_NAME_NOT_FOUND;
	if (match < 0)
		return posix_error(-match);
	if (match > 0 && !itself && !replace)
		return STATUS_OBJECT_NAME_COLLISION;
	if (itself && strcmp(found, to) == 0)
		return STATUS_SUCCESS;
	if (match > 0 && !itself)
		st = remove_locked(s, all, of, found);
	if (!nt_ok(st))
		return st;
	err = move_locked(of, stream, to);
	if (err == 0)
		memcpy(stream->xattr, to, strlen(to) + 1);
	return err == 0 ? STATUS_SUCCESS : posix_error(-err);
}

static ntstatus stream_rename(struct vfs_file *vf, struct slice new_name, bool replace)
{
	struct posix_file *of = posix_stream_base(vf);
	struct posix_store *s = posix_store_of(of->base.store);
	struct posix_streams *all = streams_of(vf);
	char to[XATTR_NAME_MAX + 1];
	ntstatus st;

	if (s->read_only)
		return STATUS_MEDIA_WRITE_PROTECTED;
	if (!xattr_name(to, new_name))
		return STATUS_OBJECT_NAME_INVALID;
	pthread_mutex_lock(&all->lock);
	st = rename_locked(s, all, of, posix_stream_file_of(vf)->stream, to, replace);
	pthread_mutex_unlock(&all->lock);
	return st;
}

/* --- with notes: to those who watch, the attributes of its file change --- */

static ntstatus noted_write(struct vfs_file *vf, const void *p, size_t n, uint64_t offset)
{
	struct posix_file *of = posix_stream_base(vf);
	struct posix_note *note = posix_note_attributes(&of->base);
	ntstatus st = posix_stream_write(vf, p, n, offset);

	posix_note_end(posix_store_of(of->base.store), note, nt_ok(st));
	return st;
}

static ntstatus noted_truncate(struct vfs_file *vf, uint64_t size)
{
	struct posix_file *of = posix_stream_base(vf);
	struct posix_note *note = posix_note_attributes(&of->base);
	ntstatus st = posix_stream_truncate(vf, size);

	posix_note_end(posix_store_of(of->base.store), note, nt_ok(st));
	return st;
}

static ntstatus noted_unlink(struct vfs_file *vf)
{
	struct posix_file *of = posix_stream_base(vf);
	struct posix_note *note = posix_note_attributes(&of->base);
	ntstatus st = stream_unlink(vf);

	posix_note_end(posix_store_of(of->base.store), note, nt_ok(st));
	return st;
}

static ntstatus noted_rename(struct vfs_file *vf, struct slice new_name, bool replace)
{
	struct posix_file *of = posix_stream_base(vf);
	struct posix_note *note = posix_note_attributes(&of->base);
	ntstatus st = stream_rename(vf, new_name, replace);

	posix_note_end(posix_store_of(of->base.store), note, nt_ok(st));
	return st;
}

const struct vfs_ops posix_stream_ops = {
	VFS_STREAM_OPS_COMMON, .file_close = stream_close, .unlink = noted_unlink, .read = posix_stream_read,
	.write = noted_write, .flush = posix_stream_flush, .truncate = noted_truncate, .allocate = posix_stream_allocate,
	.stat_get = posix_stream_stat_get, .stream_name = stream_name, .stream_rename = noted_rename
};
