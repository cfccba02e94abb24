/* Random masks on two servers, the same on both: what a directory of random names lists for a mask must be the same, "." and ".."
 * included. What masktest of Samba's suite does over SMB1, over SMB2. Names that end in a dot are left out, and
 * "." and ".." where the mask has a >: see docs/differences.md.
 * usage: mask_compare USER SHARE PORT PORT OPERATIONS SEED...     (HYTHE_PASSWORD; both on 127.0.0.1) */
#include <hythe/client.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SERVERS = 2, FILES = 24, NAME_UNITS = 12, MASK_UNITS = 20, MASKS_PER_SET = 50, LISTING_BYTES = 16384, FOUND_BYTES = 1024 };
enum { FILE_NAMES_INFORMATION = 12, RESTART_SCANS = 1, REOPEN = 0x10 };

struct server {
	struct hythe_client *client;
	struct hythe_session *session;
	struct hythe_tree *tree;
	struct hythe_file *directory;
	struct hythe_file *file[FILES];
};

static struct server servers[SERVERS];
static uint64_t seed;

static uint64_t rnd(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return seed >> 33;
}

/* Characters that occur twice in the set come twice as often. */
static void some_text(char *out, const char *set, size_t most)
{
	size_t n = 1 + rnd() % most;

	for (size_t i = 0; i < n; i++)
		out[i] = set[rnd() % strlen(set)];
	out[n] = 0;
}

static bool join_in(struct server *s, const char *user, const char *share, const char *port)
{
	struct hythe_connect_options o;
	struct hythe_open_params p;

	hythe_connect_options_init(&o);
	o.user = user;
	o.password = getenv("HYTHE_PASSWORD");
	s->client = hythe_client_new(NULL);
	if (!s->client || !nt_ok(hythe_connect(s->client, "127.0.0.1", (uint16_t)strtoul(port, NULL, 10), &o, &s->session)) ||
		!nt_ok(hythe_tree_connect(s->session, share, &s->tree)))
		return false;
	hythe_open_params_init(&p, "masks", 0x1F01FF);
	p.disposition = HYTHE_OPEN_IF;
	p.options = HYTHE_OPTION_DIRECTORY;
	return nt_ok(hythe_open(s->tree, &p, &s->directory, NULL));
}

static ntstatus make(struct server *s, size_t i, const char *name)
{
	struct hythe_open_params p;
	char path[NAME_UNITS + 8];

	snprintf(path, sizeof(path), "masks\\%s", name);
	hythe_open_params_init(&p, path, 0x1F01FF);
	p.disposition = HYTHE_OPEN_IF;
	p.options = HYTHE_OPTION_DELETE_ON_CLOSE;
	return hythe_open(s->tree, &p, &s->file[i], NULL);
}

static bool new_files(void)
{
	char name[NAME_UNITS + 1];

	for (size_t i = 0; i < FILES; i++) {
		ntstatus status[SERVERS];

		for (size_t k = 0; k < SERVERS; k++) {
			if (servers[k].file[i] && !nt_ok(hythe_close(servers[k].file[i], NULL)))
				return false;
			servers[k].file[i] = NULL;
		}
		do
			some_text(name, "abcABCd...", NAME_UNITS);
		while (name[strlen(name) - 1] == '.');
		for (size_t k = 0; k < SERVERS; k++)
			status[k] = make(&servers[k], i, name);
		if (status[0].code != status[1].code) {
			printf("making \"%s\": %s here, %s there\n", name, hythe_status_name(status[0]), hythe_status_name(status[1]));
			return false;
		}
	}
	return true;
}

static uint32_t le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* The names of a listing, sorted, in a line. They are ASCII. */
static bool names_of(const uint8_t *p, size_t len, bool dots, char out[FOUND_BYTES])
{
	char text[FILES + 2][NAME_UNITS + 1], *sorted[FILES + 2];
	size_t n = 0, at = 0, used = 0, next;

	do {
		if (n == FILES + 2 || at + 12 > len || le32(p + at + 8) / 2 > NAME_UNITS || at + 12 + le32(p + at + 8) > len)
			return false;
		for (size_t i = 0; i < le32(p + at + 8) / 2; i++)
			text[n][i] = (char)p[at + 12 + 2 * i];
		text[n][le32(p + at + 8) / 2] = 0;
		sorted[n] = text[n];
		n++;
		next = le32(p + at);
		at += next;
	} while (next != 0);
	qsort(sorted, n, sizeof(*sorted), by_text);
	for (size_t i = 0; i < n; i++) {
		if (dots || !is_dots(sorted[i]))
			used += (size_t)snprintf(out + used, FOUND_BYTES - used, "%s ", sorted[i]);
	}
	return true;
}

static ntstatus list(struct server *s, const char *mask, char found[FOUND_BYTES])
{
	uint8_t buffer[LISTING_BYTES];
	size_t len = 0;
	ntstatus status = hythe_query_directory(s->directory, FILE_NAMES_INFORMATION, RESTART_SCANS | REOPEN, mask, 0, buffer, sizeof(buffer), &len);

	found[0] = 0;
	if (nt_ok(status) && !names_of(buffer, len, !strchr(mask, '>'), found))
		return STATUS_INVALID_NETWORK_RESPONSE;
	/* Nothing but dots. */
	return nt_ok(status) && found[0] == 0 ? STATUS_NO_SUCH_FILE : status;
}

static bool step(unsigned long number, unsigned long *hits)
{
	char mask[MASK_UNITS + 1], found[SERVERS][FOUND_BYTES];
	ntstatus status[SERVERS];

	some_text(mask, "<>\"?*aBc..*<", MASK_UNITS);
	for (size_t k = 0; k < SERVERS; k++)
		status[k] = list(&servers[k], mask, found[k]);
	*hits += nt_ok(status[0]) ? 1 : 0;
	if (status[0].code == status[1].code && strcmp(found[0], found[1]) == 0)
		return true;
	printf("operation %lu, mask '%s'\n  here:  %s %s\n  there: %s %s\n", number, mask, hythe_status_name(status[0]), found[0],
		hythe_status_name(status[1]), found[1]);
	return false;
}

int main(int argc, char **argv)
{
	unsigned long operations, hits = 0, different = 0;

	if (argc < 7) {
		printf("usage: mask_compare USER SHARE PORT PORT OPERATIONS SEED...\n");
		return 2;
	}
	operations = strtoul(argv[5], NULL, 10);
	for (int i = 0; i < SERVERS; i++) {
		if (!join_in(&servers[i], argv[1], argv[2], argv[3 + i])) {
			printf("server %d: %s\n", i, hythe_client_error(servers[i].client));
			return 2;
		}
	}
	for (int i = 6; i < argc; i++) {
		seed = strtoull(argv[i], NULL, 10);
		for (unsigned long n = 0; n < operations; n++) {
			if ((n % MASKS_PER_SET == 0 && !new_files()) || (!step(n, &hits) && ++different == 10)) {
				printf("seed %s\n", argv[i]);
				return 1;
			}
		}
	}
	printf("%lu masks of each seed, %lu differences; %lu in all matched something\n", operations, different, hits);
	return different ? 1 : 0;
}
