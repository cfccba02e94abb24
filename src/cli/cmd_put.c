/* `hythe put`: copies files to a server. A file is written under a temporary name that the server forgets with the connection
 * (it is marked for deletion as long as it is incomplete), then renamed; nothing is resumed. */
#include "cli/cli.h"

#include "base/random.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 200, FIRST_BYTES = 65536 };

static const struct cli_flag flags[] = {
	{'r', "recursive", "a directory and everything below it"},
	{'p', "preserve", "keep the times of the last change and access"},
	{0, NULL, NULL},
};
static const struct cli_spec spec = {
	.name = "put", .synopsis = "[OPTION]... LOCAL URL", .text = "Copies a local file, or standard input if LOCAL is -, to a server. The URL "
	"names the new file,\nor a directory that exists.", .flags = flags, .least = 2, .most = 2, .client = true};

struct putting {
	struct cli_link *link;
	const struct cli_args *args;
	struct cli_jobs *jobs;          /* of a recursive copy */
	struct cli_progress *all;       /* the same; NULL: each file has its own */
	_Atomic uint64_t files, bytes;
	_Atomic bool failed;
};

struct source {
	int fd;
	const char *name;
	const uint8_t *ahead; /* what was read before and not taken yet */
	size_t ahead_len;
};

/* As much as there is, so that pieces are full even from a pipe. */
static ssize_t from_file(void *arg, void *buf, size_t cap)
{
	struct source *s = arg;
	size_t n = s->ahead_len; /* which is less than a piece */
	if (n > 0)
		memcpy(buf, s->ahead, n);
	s->ahead_len = 0;
	while (n < cap) {
		ssize_t got = read(s->fd, (char *)buf + n, cap - n);
		if (got < 0 && errno == EINTR && !cli_interrupted())
			continue;
		if (got < 0) {
			if (!cli_interrupted())
				cli_failed_errno("read", s->name);
			return -1;
		}
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

/* Marks a file for deletion when it is closed, or takes the mark away. */
static ntstatus mark_delete(struct hythe_file *f, bool on)
{
	const uint8_t value = on;
	return hythe_set_info(f, HYTHE_INFO_FILE, HYTHE_FILE_DISPOSITION_INFORMATION, 0, &value, 1);
}

/* Hidden, but where that keeps it from being renamed, which servers of SMB1 do not do to hidden files. */
static char *temporary_name(const struct cli_link *l, const char *path)
{
	char name[64];
	const char *base = cli_base_name(path);
	struct hythe_session_info info;
	hythe_session_info(l->session, &info);
	snprintf(name, sizeof(name), "%shythe-%016" PRIx64 ".part", info.dialect == HYTHE_DIALECT_NT1 ? "" : ".", random_u64());
	char *directory = strndup(path, (size_t)(base - path));
	char *out = directory ? cli_path_join(directory, name) : NULL;
	free(directory);
	return out;
}

/* A file on its way. */
struct writing {
	struct putting *putting;
	const char *local, *remote;
	const struct stat *st;
	struct hythe_file *file;
	bool marked; /* for deletion */
	struct source source;
	uint64_t written;
};

/* Creates the file under its temporary name, marks it, and writes the first bytes, in one round trip: for most files that is
 * all of it. A server that will not mark it keeps what is left over after a crash of this command, and only then. */
static ntstatus open_temporary(struct writing *w, const char *temp)
{
	static const uint8_t marked[1] = {1};
	struct hythe_open_params p;
	hythe_open_params_init(&p, temp, HYTHE_WRITE_DATA | HYTHE_READ_ATTRIBUTES | HYTHE_WRITE_ATTRIBUTES | HYTHE_DELETE |
		HYTHE_SYNCHRONIZE);
	p.share_access = 0;
	p.disposition = HYTHE_CREATE;
	p.options = HYTHE_OPTION_NON_DIRECTORY | HYTHE_OPTION_SEQUENTIAL_ONLY;
	p.allocation_bytes = S_ISREG(w->st->st_mode) ? (uint64_t)w->st->st_size : 0; /* a full disk is told now, not later */
	struct source *from = &w->source;
	struct hythe_step steps[] = {
		{.kind = HYTHE_STEP_OPEN, .open = &p, .keep = true},
		{.kind = HYTHE_STEP_SET_INFO, .info_type = HYTHE_INFO_FILE, .info_class = HYTHE_FILE_DISPOSITION_INFORMATION,
			.data = marked, .len = 1},
		{.kind = HYTHE_STEP_WRITE, .data = from->ahead, .len = from->ahead_len},
	};
	ntstatus status = hythe_chain(w->putting->link->tree, steps, from->ahead_len > 0 ? 3 : 2);
	w->file = steps[0].file;
	w->marked = nt_ok(steps[1].status);
	if (w->file && nt_ok(steps[2].status) && steps[2].bytes == from->ahead_len) {
		w->written = from->ahead_len; /* what was not taken is written again, and then tells why not */
		from->ahead_len = 0;
	}
	return w->file ? STATUS_SUCCESS : status;
}

static ntstatus keep_times(struct hythe_file *f, const struct stat *st)
{
	return hythe_file_set_times(f, 0, hythe_time_from_unix(st->st_atim.tv_sec, (uint32_t)st->st_atim.tv_nsec),
		hythe_time_from_unix(st->st_mtim.tv_sec, (uint32_t)st->st_mtim.tv_nsec), 0, 0);
}

static ntstatus write_data(struct writing *w)
{
	struct putting *p = w->putting;
	struct cli_progress own;
	if (!p->all)
		cli_progress_start(&own, p->args, cli_base_name(w->local), S_ISREG(w->st->st_mode) ? (uint64_t)w->st->st_size : 0);
	cli_progress_add(p->all ? p->all : &own, w->written);
	ntstatus status = cli_push(p->link, w->file, from_file, &w->source, &w->written, p->all ? p->all : &own);
	if (!p->all)
		cli_progress_end(&own);
	return status;
}

/* Data, times, name. False, with everything said, leaves a file that is to be thrown away. */
static bool fill(struct writing *w)
{
	struct putting *p = w->putting;
	ntstatus status = write_data(w);
	if (!nt_ok(status))
		return nt_is(status, STATUS_CANCELLED) ? false : cli_link_failed(p->link, "write", w->remote);
	if (cli_flag_set(p->args, 'p') && !nt_ok(keep_times(w->file, w->st)))
		return cli_link_failed(p->link, "set the times of", w->remote);
	if (w->marked && !nt_ok(mark_delete(w->file, false)))
		return cli_link_failed(p->link, "keep", w->remote);
	if (!nt_ok(hythe_file_rename(w->file, w->remote, true)))
		return cli_link_failed(p->link, "replace", w->remote);
	p->bytes += w->written;
	return true;
}

/* The file is open, and closed afterwards. */
static bool write_and_name(struct writing *w)
{
	bool ok = fill(w);
	if (!ok) {
		ntstatus ignored = mark_delete(w->file, true);
		(void)ignored; /* marked before, or the connection is gone */
	}
	ntstatus status = hythe_close(w->file, NULL);
	return nt_ok(status) || !ok ? ok : cli_link_failed(w->putting->link, "close", w->remote);
}

static bool put_open(struct putting *p, int fd, const struct stat *st, const char *local, const char *remote)
{
	struct writing w = {.putting = p, .local = local, .remote = remote, .st = st, .source = {.fd = fd, .name = local}};
	uint8_t *first = malloc(FIRST_BYTES);
	char *temp = temporary_name(p->link, remote);
	ssize_t n = first && temp ? from_file(&w.source, first, FIRST_BYTES) : -1;
	ntstatus status = STATUS_CANCELLED;
	w.source.ahead = first;
	w.source.ahead_len = n > 0 ? (size_t)n : 0;
	if (n >= 0)
		status = open_temporary(&w, temp);
	free(temp);
	bool ok = nt_ok(status) ? write_and_name(&w) : n >= 0 && cli_link_failed(p->link, "create", remote);
	free(first);
	return ok;
}

static void put_file(void *arg, const char *local, const char *remote)
{
	struct putting *p = arg;
	struct stat st;
	bool is_stdin = strcmp(local, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(local, O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && fstat(fd, &st) == 0;
	if (ok && S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		ok = false;
	}
	ok = ok ? put_open(p, fd, &st, local, remote) : cli_failed_errno("read", local);
	if (fd > STDIN_FILENO)
		close(fd);
	if (ok)
		p->files++;
	else
		p->failed = true;
}

static bool ensure_directory(struct putting *p, const char *remote)
{
	struct hythe_stat s;
	if (!remote[0])
		return true;
	ntstatus status = hythe_mkdir(p->link->tree, remote);
	if (nt_ok(status))
		return true;
	if (nt_is(status, STATUS_OBJECT_NAME_COLLISION) && nt_ok(hythe_stat(p->link->tree, remote, &s)) && s.directory)
		return true;
	return cli_link_failed(p->link, "make", remote);
}

static void put_tree(struct putting *p, const char *local, const char *remote, unsigned depth);

static void put_entry(struct putting *p, const char *local, const char *remote, const char *name, unsigned depth)
{
	struct stat st;
	char *shared = cli_name_to_share(name);
	char *from = cli_path_join(local, name), *to = shared ? cli_path_join(remote, shared) : NULL;
	if (!from || !to || stat(from, &st) != 0) {
		p->failed = true;
		if (from && to)
			cli_failed_errno("read", from);
	} else if (S_ISDIR(st.st_mode)) {
		put_tree(p, from, to, depth + 1);
	} else if (S_ISREG(st.st_mode)) {
		cli_jobs_add(p->jobs, from, to);
	} else {
		fprintf(stderr, "hythe: \"%s\" is no regular file and is left out\n", from);
		p->failed = true;
	}
	free(shared);
	free(from);
	free(to);
}

static int skip_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

static void put_tree(struct putting *p, const char *local, const char *remote, unsigned depth)
{
	struct dirent **names;
	int n = -1;
	if (depth >= DEPTH_MAX)
		errno = ELOOP;
	else
		n = scandir(local, &names, skip_dots, alphasort);
	if (n < 0) {
		p->failed = true;
		cli_failed_errno("read", local);
		return;
	}
	bool made = ensure_directory(p, remote);
	if (!made)
		p->failed = true;
	for (int i = 0; i < n; i++) {
		if (made && !cli_interrupted())
			put_entry(p, local, remote, names[i]->d_name, depth);
		free(names[i]);
	}
	free(names);
}

/* The URL's path, or the file's name in it if that is a directory. */
static char *target_of(struct cli_link *l, const struct cli_url *u, const char *local)
{
	struct hythe_stat s;
	bool directory = !u->path[0] || u->directory || (nt_ok(hythe_stat(l->tree, u->path, &s)) && s.directory);
	if (!directory)
		return strdup(u->path);
	char *plain = strdup(local), *name = NULL, *path = NULL;
	for (size_t n = plain ? strlen(plain) : 0; n > 1 && plain[n - 1] == '/'; n--)
		plain[n - 1] = 0;
	const char *base = plain ? cli_base_name(plain) : "";
	if (strcmp(base, "-") == 0 || strcmp(base, ".") == 0 || strcmp(base, "..") == 0 || !base[0])
		fprintf(stderr, "hythe: \"%s\" has no name that could be used; let the URL name the file\n", local);
	else
		name = cli_name_to_share(base);
	if (name)
		path = cli_path_join(u->path, name);
	free(plain);
	free(name);
	return path;
}

static void put_recursively(struct putting *p, const char *local, const char *remote)
{
	struct cli_progress all;
	p->jobs = cli_jobs_start(put_file, p);
	if (!p->jobs) {
		p->failed = true;
		return;
	}
	p->all = &all;
	cli_progress_start(&all, p->args, cli_base_name(remote), 0);
	put_tree(p, local, remote, 0);
	cli_jobs_end(p->jobs);
	cli_progress_end(&all);
}

static void put(struct putting *p, const char *local, const char *remote)
{
	struct stat st;
	if (cli_flag_set(p->args, 'r') && stat(local, &st) == 0 && S_ISDIR(st.st_mode))
		put_recursively(p, local, remote);
	else
		put_file(p, local, remote);
}

int cmd_put(int argc, char **argv)
{
	struct cli_args a;
	struct cli_link link = {0};
	struct cli_url u;
	int status = cli_args_parse(&a, &spec, argc, argv);
	if (status >= 0)
		return status;
	if (!cli_link_url(&u, a.operands[1], true))
		return CLI_USAGE;
	struct putting p = {.link = &link, .args = &a, .failed = true};
	char *target = cli_link_open(&link, &a, &u) ? target_of(&link, &u, a.operands[0]) : NULL;
	if (target) {
		p.failed = false;
		cli_interrupt_catch();
		put(&p, a.operands[0], target);
	}
	if (a.json)
		printf("{\"files\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"complete\":%s}\n", p.files, p.bytes, p.failed ? "false" : "true");
	cli_link_close(&link);
	cli_url_free(&u);
	free(target);
	cli_interrupt_end();
	return p.failed ? CLI_FAILED : CLI_OK;
}
