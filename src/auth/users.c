/* The user store of auth.h: a table in memory, and behind it STATE_DIR/users, replaced as a whole by whoever changes it.
 * Processes that change it take STATE_DIR/users.lock in turn; readers need no lock, for the file is never half written. */
#include "auth/users.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* What tells one version of the file from another. */
struct version {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

struct user_store {
	pthread_mutex_t lock; /* over everything below */
	struct user_rows rows;
	struct version version;
	bool reported; /* the present version was already complained about */
	char *dir, *path; /* NULL: in memory only */
};

static bool version_of(const char *path, struct version *v)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return false;
	*v = (struct version){.dev = st.st_dev, .ino = st.st_ino, .size = st.st_size, .mtime = st.st_mtim, .ctime = st.st_ctim};
	return true;
}

static bool version_equal(const struct version *a, const struct version *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime.tv_sec == b->mtime.tv_sec &&
		a->mtime.tv_nsec == b->mtime.tv_nsec && a->ctime.tv_sec == b->ctime.tv_sec && a->ctime.tv_nsec == b->ctime.tv_nsec;
}

/* Reads the file anew. The table stays as it was when that fails. No file is an empty table. */
static bool load_locked(struct user_store *s, char *why)
{
	struct user_rows rows = {0};
	struct version v = {0};
	size_t machines = 0;
	FILE *f;

	(void)version_of(s->path, &v); /* before reading: a change in between makes us read again, never miss it */
	f = user_file_open_private(s->path, why);
	if (f == NULL && errno != ENOENT)
		return false;
	if (f != NULL && !user_file_parse(f, s->path, &rows, &machines, why)) {
		fclose(f);
		user_rows_free(&rows);
		return false;
	}
	if (f != NULL)
		fclose(f);
	user_rows_free(&s->rows);
	s->rows = rows;
	s->version = v;
	s->reported = false;
	return true;
}

static void refresh_locked(struct user_store *s)
{
	char why[USER_WHY_SIZE];
	struct version v = {0};

	if (s->path == NULL)
		return;
	(void)version_of(s->path, &v);
	if (version_equal(&v, &s->version))
		return;
	if (load_locked(s, why))
		return;
	if (!s->reported)
		log_error("users are kept as they were: %s", why);
	s->version = v;
	s->reported = true;
}

static char *join(const char *dir, const char *name)
{
	char *p;

	return asprintf(&p, "%s/%s", dir, name) < 0 ? NULL : p;
}

struct user_store *user_store_in_memory(void)
{
	struct user_store *s = calloc(1, sizeof(*s));

	if (s != NULL)
		pthread_mutex_init(&s->lock, NULL);
	return s;
}

/* Makes the directory and those above it. */
static bool make_dir(const char *dir, char *why)
{
	char *copy = strdup(dir);
	bool ok = copy != NULL;

	for (char *p = copy; ok && (p = strchr(p + 1, '/')) != NULL;) {
		*p = 0;
		ok = mkdir(copy, 0755) == 0 || errno == EEXIST || errno == EROFS || errno == EACCES;
		*p = '/';
	}
	if (ok)
		ok = mkdir(dir, 0700) == 0 || errno == EEXIST;
	if (!ok)
		user_why(why, "the state directory %.150s cannot be made: %s; choose another with --state", dir, strerror(errno));
	free(copy);
	return ok;
}

struct user_store *user_store_open(const char *state_dir, bool create, char *why)
{
	struct user_store *s = user_store_in_memory();
	struct stat st;

	if (s == NULL || (s->dir = strdup(state_dir)) == NULL || (s->path = join(state_dir, "users")) == NULL) {
		user_why(why, "out of memory");
		goto fail;
	}
	if (create && !make_dir(state_dir, why))
		goto fail;
	if (stat(state_dir, &st) != 0) {
		user_why(why, errno == ENOENT ? "the state directory %.120s does not exist%s; `hythe user add NAME` makes it" :
			"the state directory %.120s cannot be used: %s", state_dir, errno == ENOENT ? "" : strerror(errno));
		goto fail;
	}
	if (!S_ISDIR(st.st_mode)) {
		user_why(why, "%.150s is not a directory", state_dir);
		goto fail;
	}
	if (load_locked(s, why))
		return s;
fail:
	user_store_close(s);
	return NULL;
}

void user_store_close(struct user_store *s)
{
	if (s == NULL)
		return;
	user_rows_free(&s->rows);
	free(s->dir);
	free(s->path);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

bool user_store_find(struct user_store *s, const char *name, struct user_entry *out)
{
	struct user_row *r;

	pthread_mutex_lock(&s->lock);
	r = user_rows_find(&s->rows, name);
	if (r != NULL)
		*out = r->e;
	pthread_mutex_unlock(&s->lock);
	return r != NULL;
}

void user_store_each(struct user_store *s, void (*fn)(const struct user_entry *e, void *arg), void *arg)
{
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->rows.n; i++)
		fn(&s->rows.rows[i].e, arg);
	pthread_mutex_unlock(&s->lock);
}

size_t user_store_count(struct user_store *s)
{
	size_t n;

	pthread_mutex_lock(&s->lock);
	n = s->rows.n;
	pthread_mutex_unlock(&s->lock);
	return n;
}

void user_store_refresh(struct user_store *s)
{
	pthread_mutex_lock(&s->lock);
	refresh_locked(s);
	pthread_mutex_unlock(&s->lock);
}

/* --- changes --- */

static ntstatus status_of_errno(const char *what, const char *path)
{
	int err = errno;

	log_error("%s %s: %s", what, path, strerror(err));
	switch (err) {
	case EACCES:
	case EPERM:
		return STATUS_ACCESS_DENIED;
	case EROFS:
		return STATUS_MEDIA_WRITE_PROTECTED;
	case ENOSPC:
	case EDQUOT:
		return STATUS_DISK_FULL;
	case ENOMEM:
		return STATUS_NO_MEMORY;
	default:
		return STATUS_UNSUCCESSFUL;
	}
}

static bool sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool write_new(const char *path, const struct user_rows *rows)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
	bool ok;

	if (f == NULL) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	ok = fchmod(fd, 0600) == 0 && user_file_print(f, rows) && fflush(f) == 0 && fsync(fd) == 0;
	return fclose(f) == 0 && ok;
}

/* Writes the table beside the file and puts it in its place. */
static ntstatus save_locked(struct user_store *s, const struct user_rows *rows)
{
	char *fresh;
	ntstatus st = STATUS_SUCCESS;

	if (s->path == NULL)
		return STATUS_SUCCESS;
	fresh = join(s->dir, "users.new");
	if (fresh == NULL)
		return STATUS_NO_MEMORY;
	if (!write_new(fresh, rows) || rename(fresh, s->path) != 0) {
		st = status_of_errno("cannot write", fresh);
		unlink(fresh);
	} else if (!sync_dir(s->dir)) {
		st = status_of_errno("cannot sync", s->dir);
	}
	free(fresh);
	return st;
}

/* The turn of this process to change the file; -1 and *st. Closing it ends the turn. */
static int turn_take(const struct user_store *s, ntstatus *st)
{
	char *path = join(s->dir, "users.lock");
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
	int got;

	*st = STATUS_SUCCESS;
	if (fd < 0) {
		*st = path ? status_of_errno("cannot open", path) : STATUS_NO_MEMORY;
	} else {
		do {
			got = flock(fd, LOCK_EX);
		} while (got != 0 && errno == EINTR);
		if (got != 0) {
			*st = status_of_errno("cannot lock", path);
			close(fd);
			fd = -1;
		}
	}
	free(path);
	return fd;
}

/* A change is made to a copy, which becomes the table once it is on disk. */
static ntstatus change(struct user_store *s, bool (*edit)(struct user_rows *rows, const void *arg, ntstatus *st), const void *arg)
{
	struct user_rows copy = {0};
	ntstatus st = STATUS_SUCCESS;
	int turn = -1;

	pthread_mutex_lock(&s->lock);
	if (s->path != NULL)
		turn = turn_take(s, &st);
	if (nt_ok(st)) {
		char why[USER_WHY_SIZE];

		if (s->path != NULL && !load_locked(s, why)) {
			log_error("%s", why);
			st = STATUS_FILE_CORRUPT_ERROR;
		}
	}
	for (size_t i = 0; nt_ok(st) && i < s->rows.n; i++) {
		if (!user_rows_put(&copy, &s->rows.rows[i]))
			st = STATUS_NO_MEMORY;
	}
	if (nt_ok(st) && !edit(&copy, arg, &st) && nt_ok(st))
		st = STATUS_NO_MEMORY;
	if (nt_ok(st))
		st = save_locked(s, &copy);
	if (nt_ok(st)) {
		struct user_rows old = s->rows;

		s->rows = copy;
		copy = old;
		s->version = (struct version){0};
		if (s->path != NULL)
			(void)version_of(s->path, &s->version);
	}
	user_rows_free(&copy);
	if (turn >= 0)
		close(turn);
	pthread_mutex_unlock(&s->lock);
	return st;
}

static bool edit_put(struct user_rows *rows, const void *arg, ntstatus *st)
{
	struct user_row row = {.e = *(const struct user_entry *)arg, .changed = (uint32_t)time(NULL)};
	const struct user_row *old = user_rows_find(rows, row.e.name);
	bool ok;

	(void)st;
	if (old != NULL && memcmp(old->e.nt_hash, row.e.nt_hash, sizeof(row.e.nt_hash)) == 0)
		row.changed = old->changed;
	ok = user_rows_put(rows, &row);
	bytes_wipe(&row, sizeof(row));
	return ok;
}

ntstatus user_store_put(struct user_store *s, const struct user_entry *e)
{
	if (memchr(e->name, 0, sizeof(e->name)) == NULL || !user_name_ok(e->name))
		return STATUS_OBJECT_NAME_INVALID;
	return change(s, edit_put, e);
}

static bool edit_delete(struct user_rows *rows, const void *arg, ntstatus *st)
{
	struct user_row *r = user_rows_find(rows, arg);
	size_t at;

	if (r == NULL) {
		*st = STATUS_NO_SUCH_USER;
		return false;
	}
	at = (size_t)(r - rows->rows);
	memmove(r, r + 1, (rows->n - at - 1) * sizeof(*r));
	rows->n--;
	bytes_wipe(&rows->rows[rows->n], sizeof(*r));
	return true;
}

ntstatus user_store_delete(struct user_store *s, const char *name)
{
	return change(s, edit_delete, name);
}

static bool edit_import(struct user_rows *rows, const void *arg, ntstatus *st)
{
	const struct user_rows *more = arg;

	(void)st;
	for (size_t i = 0; i < more->n; i++) {
		if (!user_rows_put(rows, &more->rows[i]))
			return false;
	}
	return true;
}

int user_store_import(struct user_store *s, const char *path, char *why)
{
	struct user_rows more = {0};
	size_t machines = 0;
	FILE *f = fopen(path, "re");
	ntstatus st;
	int n = -1;

	if (f == NULL) {
		user_why(why, "%.150s cannot be read: %s", path, strerror(errno));
		return -1;
	}
	if (user_file_parse(f, path, &more, &machines, why)) {
		st = change(s, edit_import, &more);
		if (nt_ok(st))
			n = (int)more.n;
		else
			user_why(why, "the users cannot be stored: %s", hythe_status_text(st));
	}
	if (machines != 0)
		log_info("%zu accounts of machines were passed over", machines);
	fclose(f);
	user_rows_free(&more);
	return n;
}
