/* Local files of `hythe get` and `put`: complete under their name or not there at all, times kept on demand, and names that one
 * side cannot hold. */
#include "cli/cli.h"

#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAPPED = 0xF000 };

static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static char *temporary_name(const char *directory)
{
	char name[64];
	snprintf(name, sizeof(name), ".hythe-%016" PRIx64 ".part", random_u64());
	return cli_path_join(directory, name);
}

/* Without a name where the file system can (the kernel then forgets it with the process), else under a temporary one. */
bool cli_local_create(struct cli_local_file *f, const char *path)
{
	*f = (struct cli_local_file){.fd = -1, .final = strdup(path)};
	char *directory = directory_of(path);
	if (!f->final || !directory) {
		errno = ENOMEM;
	} else {
		f->fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
		if (f->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL || errno == ENOENT)) {
			f->temp = temporary_name(directory);
			if (f->temp)
				f->fd = open(f->temp, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0666);
		}
	}
	free(directory);
	if (f->fd >= 0)
		return true;
	cli_failed_errno("create", path);
	free(f->temp);
	free(f->final);
	*f = (struct cli_local_file){.fd = -1};
	return false;
}

/* Gives a file without a name one. */
static bool link_name(int fd, const char *path)
{
	char self[64];
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0;
}

bool cli_local_finish(struct cli_local_file *f)
{
	bool ok = true;
	if (!f->temp && !link_name(f->fd, f->final)) {
		/* Something of that name exists: it has to be replaced in one step. */
		char *directory = errno == EEXIST ? directory_of(f->final) : NULL;
		f->temp = directory ? temporary_name(directory) : NULL;
		free(directory);
		ok = f->temp && link_name(f->fd, f->temp);
		if (!ok) {
			free(f->temp);
			f->temp = NULL;
		}
	}
	if (ok && f->temp)
		ok = rename(f->temp, f->final) == 0;
	if (!ok)
		cli_failed_errno("write", f->final);
	else {
		free(f->temp);
		f->temp = NULL;
	}
	if (close(f->fd) != 0 && ok)
		ok = cli_failed_errno("write", f->final);
	f->fd = -1;
	cli_local_abandon(f);
	return ok;
}

void cli_local_abandon(struct cli_local_file *f)
{
	if (f->temp)
		unlink(f->temp);
	if (f->fd >= 0)
		close(f->fd);
	free(f->temp);
	free(f->final);
	*f = (struct cli_local_file){.fd = -1};
}

bool cli_local_set_times(int fd, const struct hythe_stat *s)
{
	struct timespec ts[2];
	const uint64_t from[2] = {s->last_access_time, s->last_write_time};
	for (int i = 0; i < 2; i++) {
		int64_t seconds;
		uint32_t ns;
		hythe_time_to_unix(from[i], &seconds, &ns);
		ts[i] = (struct timespec){.tv_sec = (time_t)seconds, .tv_nsec = from[i] ? (long)ns : UTIME_OMIT};
	}
	return futimens(fd, ts) == 0;
}

static bool is_mapped(uint32_t c, bool last)
{
	return (c > 0 && c < 0x20) || (c > 0 && c < 0x80 && strchr("\"*:<>?|\\", (int)c)) || (last && (c == ' ' || c == '.'));
}

char *cli_name_to_share(const char *local)
{
	char *out = malloc(3 * strlen(local) + 1), *to = out;
	if (!out)
		return NULL;
	for (const char *p = local; *p; p++) {
		uint32_t c = (unsigned char)*p;
		if (!is_mapped(c, p[1] == 0)) {
			*to++ = *p;
			continue;
		}
		c |= MAPPED; /* three bytes of UTF-8 */
		*to++ = (char)(0xE0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 0x3F));
		*to++ = (char)(0x80 | (c & 0x3F));
	}
	*to = 0;
	return out;
}

char *cli_name_to_local(const char *remote)
{
	char *out = malloc(strlen(remote) + 1), *to = out;
	if (!out)
		return NULL;
	for (const unsigned char *p = (const unsigned char *)remote; *p;) {
		uint32_t c = p[0] == 0xEF && p[1] == 0x80 && p[2] >= 0x80 ? (p[2] & 0x3Fu) : 0;
		if (p[0] == 0xEF && p[1] == 0x81 && p[2] >= 0x80)
			c = 0x40 | (p[2] & 0x3Fu);
		if (c && is_mapped(c, p[3] == 0)) {
			*to++ = (char)c;
			p += 3;
		} else {
			*to++ = (char)*p++;
		}
	}
	*to = 0;
	/* What is no name by itself, and what the mapping makes one, must not lead elsewhere. */
	if (strcmp(out, ".") == 0 || strcmp(out, "..") == 0 || strchr(out, '/') || !out[0]) {
		free(out);
		return strdup(remote);
	}
	return out;
}
