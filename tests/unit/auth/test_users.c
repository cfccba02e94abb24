/* The user store: the file as Samba writes it, changes by several processes, and what is wrong with a file. */
#include "kit.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct dir {
	char path[64], file[80];
	char why[256];
	struct user_store *s;
};

static int setup(void **state)
{
	struct dir *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	snprintf(d->path, sizeof(d->path), "/tmp/hythe-users-XXXXXX");
	assert_non_null(mkdtemp(d->path));
	snprintf(d->file, sizeof(d->file), "%s/users", d->path);
	kit_log_start();
	*state = d;
	return 0;
}

static int teardown(void **state)
{
	struct dir *d = *state;
	char command[100];

	user_store_close(d->s);
	snprintf(command, sizeof(command), "rm -rf %s", d->path);
	assert_int_equal(system(command), 0);
	free(d);
	log_sink(NULL, NULL);
	return 0;
}

static void store_open(struct dir *d)
{
	user_store_close(d->s);
	d->s = user_store_open(d->path, true, d->why);
	if (d->s == NULL)
		fail_msg("%s", d->why);
}

static void file_write(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void file_read(const char *path, char *out, size_t cap)
{
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(out, 1, cap - 1, f);
	out[n] = 0;
	fclose(f);
}

static void put(struct user_store *s, const char *name, const char *password)
{
	struct user_entry e = {.uid = 1000};

	snprintf(e.name, sizeof(e.name), "%s", name);
	assert_true(nt_ok(user_nt_hash(password, e.nt_hash)));
	assert_int_equal(user_store_put(s, &e).code, 0);
}

#define X32 "XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX"
#define HASH_PASS "36AA83BDCAB3C9FDAF321CA42A31C3FC"

static void test_nt_hashes_of_passwords(void **state)
{
	uint8_t hash[16], want[16];
	char long_password[600];

	(void)state;
	assert_true(nt_ok(user_nt_hash("pass", hash)));
	assert_true(bytes_from_hex(want, 16, HASH_PASS));
	assert_memory_equal(hash, want, 16);
	assert_true(nt_ok(user_nt_hash("", hash)));
	assert_true(bytes_from_hex(want, 16, "31d6cfe0d16ae931b73c59d7e0c089c0"));
	assert_memory_equal(hash, want, 16);
	assert_false(nt_ok(user_nt_hash("\xff\xfe", hash)));
	memset(long_password, 'a', sizeof(long_password));
	long_password[sizeof(long_password) - 1] = 0;
	assert_false(nt_ok(user_nt_hash(long_password, hash)));
}

static void test_users_survive_in_a_private_file(void **state)
{
	struct dir *d = *state;
	struct user_entry e;
	struct stat st;
	char text[1024];

	store_open(d);
	assert_int_equal(user_store_count(d->s), 0);
	put(d->s, "alice", "pass");
	put(d->s, "B\xc3\xb6" "b", "other");
	store_open(d);
	assert_int_equal(user_store_count(d->s), 2);
	assert_true(user_store_find(d->s, "ALICE", &e));
	assert_string_equal(e.name, "alice");
	assert_int_equal(e.uid, 1000);
	assert_false(e.disabled || e.no_password);
	assert_true(user_store_find(d->s, "b\xc3\x96" "B", &e));
	assert_false(user_store_find(d->s, "carol", &e));
	assert_false(user_store_find(d->s, "", &e));
	assert_int_equal(stat(d->file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	file_read(d->file, text, sizeof(text));
	assert_non_null(strstr(text, "alice:1000:" X32 ":" HASH_PASS ":[U          ]:LCT-"));
}

static void test_a_state_directory_is_made_for_its_owner_alone(void **state)
{
	struct dir *d = *state;
	struct user_store *s;
	struct stat st;
	char deep[100];

	snprintf(deep, sizeof(deep), "%s/a/b/state", d->path);
	assert_null(user_store_open(deep, false, d->why));
	assert_non_null(strstr(d->why, deep));
	s = user_store_open(deep, true, d->why);
	assert_non_null(s);
	user_store_close(s);
	assert_int_equal(stat(deep, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_null(user_store_open("/dev/null/x", true, d->why));
	assert_non_null(strstr(d->why, "--state"));
}

static void test_replacing_and_deleting(void **state)
{
	struct dir *d = *state;
	struct user_entry e, was;

	store_open(d);
	put(d->s, "alice", "pass");
	put(d->s, "bob", "pass");
	put(d->s, "carol", "pass");
	assert_true(user_store_find(d->s, "bob", &was));
	put(d->s, "BOB", "new");
	assert_int_equal(user_store_count(d->s), 3);
	assert_true(user_store_find(d->s, "bob", &e));
	assert_memory_not_equal(e.nt_hash, was.nt_hash, 16);
	assert_true(nt_ok(user_store_delete(d->s, "Alice")));
	assert_true(nt_is(user_store_delete(d->s, "alice"), STATUS_NO_SUCH_USER));
	store_open(d);
	assert_int_equal(user_store_count(d->s), 2);
	assert_true(user_store_find(d->s, "carol", &e));
	assert_false(user_store_find(d->s, "alice", &e));
}

static void name_take(const struct user_entry *e, void *arg)
{
	char *names = arg;

	snprintf(names + strlen(names), 20, "%.18s ", e->name);
}

static void test_each_goes_in_file_order(void **state)
{
	struct dir *d = *state;
	char names[200] = "";

	store_open(d);
	put(d->s, "zoe", "p");
	put(d->s, "adam", "p");
	put(d->s, "mia", "p");
	put(d->s, "Adam", "q");
	user_store_each(d->s, name_take, names);
	assert_string_equal(names, "zoe Adam mia ");
}

static void test_names_that_would_break_the_file_are_refused(void **state)
{
	static const char *const bad[] = {"", "a:b", "a\nb", "a\tb", "\x7f", "#x", " x", "x ", "\xff"};
	struct dir *d = *state;
	struct user_entry e = {0};

	store_open(d);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(e.name, sizeof(e.name), "%s", bad[i]);
		assert_true(nt_is(user_store_put(d->s, &e), STATUS_OBJECT_NAME_INVALID));
	}
	memset(e.name, 'a', sizeof(e.name));
	assert_true(nt_is(user_store_put(d->s, &e), STATUS_OBJECT_NAME_INVALID));
	e.name[255] = 0;
	assert_true(nt_ok(user_store_put(d->s, &e)));
	store_open(d);
	assert_true(user_store_find(d->s, e.name, &e));
}

/* --- files from elsewhere --- */

/* What `pdbedit -Lw` of Samba 4.17 prints. */
static const char pdbedit[] =
	"torture:1000:" X32 ":" HASH_PASS ":[U          ]:LCT-68FF0A10:\n"
	"off:1001:" X32 ":" HASH_PASS ":[DU         ]:LCT-68FF0A11:\n"
	"none:1002:" X32 ":NO PASSWORDXXXXXXXXXXXXXXXXXXXXX:[NU         ]:LCT-68FF0A12:\n"
	"unset:1003:" X32 ":" X32 ":[UX         ]:LCT-00000000:\n"
	"machine$:1004:" X32 ":" HASH_PASS ":[W          ]:LCT-68FF0A13:\n"
	"locked:4294967295:0123456789ABCDEF0123456789ABCDEF:" HASH_PASS ":[UL         ]:LCT-68FF0A14:\r\n";

static void test_import_takes_what_pdbedit_prints(void **state)
{
	struct dir *d = *state;
	struct user_entry e;
	char from[100], text[4096];

	snprintf(from, sizeof(from), "%s/pdbedit", d->path);
	file_write(from, pdbedit, 0644);
	store_open(d);
	put(d->s, "keep", "me");
	assert_int_equal(user_store_import(d->s, from, d->why), 5);
	assert_int_equal(user_store_count(d->s), 6);
	assert_true(user_store_find(d->s, "torture", &e) && !e.disabled && !e.no_password);
	assert_true(user_store_find(d->s, "off", &e) && e.disabled && !e.no_password);
	assert_true(user_store_find(d->s, "none", &e) && e.no_password);
	assert_true(user_store_find(d->s, "unset", &e) && e.no_password);
	assert_true(user_store_find(d->s, "locked", &e) && e.disabled);
	assert_false(user_store_find(d->s, "machine$", &e));
	file_read(d->file, text, sizeof(text));
	assert_non_null(strstr(text, "torture:1000:" X32 ":" HASH_PASS ":[U          ]:LCT-68FF0A10:\n"));
	assert_non_null(strstr(text, "none:1002:" X32 ":NO PASSWORDXXXXXXXXXXXXXXXXXXXXX:[NU"));
	assert_null(strstr(text, "0123456789ABCDEF")); /* an LM hash is not kept */
	assert_int_equal(user_store_import(d->s, from, d->why), 5); /* again: the same users */
	assert_int_equal(user_store_count(d->s), 6);
}

static void test_import_of_a_bad_file_changes_nothing(void **state)
{
	struct dir *d = *state;
	char from[100], text[200];

	snprintf(from, sizeof(from), "%s/other", d->path);
	store_open(d);
	put(d->s, "keep", "me");
	snprintf(text, sizeof(text), "good:1:%s:%s:[U          ]:LCT-0:\nbad line\n", X32, HASH_PASS);
	file_write(from, text, 0600);
	assert_int_equal(user_store_import(d->s, from, d->why), -1);
	assert_non_null(strstr(d->why, "line 2"));
	assert_int_equal(user_store_count(d->s), 1);
	assert_int_equal(user_store_import(d->s, "/nonexistent", d->why), -1);
	assert_non_null(strstr(d->why, "No such file"));
}

static void test_lines_of_every_shape(void **state)
{
	static const struct {
		const char *line;
		bool ok;
	} lines[] = {
		{"a:1:" X32 ":" HASH_PASS ":[U          ]:LCT-0:", true},
		{"a:1:" X32 ":" HASH_PASS ":", true}, /* before flags there were */
		{"a:1:" X32 ":" HASH_PASS ":[U          ]:LCT-68FF0A10:comment:more", true},
		{"# a comment", true},
		{"", true},
		{"a:1:" X32 ":36aa83bdcab3c9fdaf321ca42a31c3fc:[U          ]:LCT-0:", true},
		{"a:1:" X32 ":" HASH_PASS, false},
		{"a:1:" X32, false},
		{"a", false},
		{":1:" X32 ":" HASH_PASS ":[U          ]:LCT-0:", false},
		{"a:x:" X32 ":" HASH_PASS ":[U          ]:LCT-0:", false},
		{"a:-1:" X32 ":" HASH_PASS ":[U          ]:LCT-0:", false},
		{"a:99999999999:" X32 ":" HASH_PASS ":[U          ]:LCT-0:", false},
		{"a:1:" X32 ":36AA:[U          ]:LCT-0:", false},
		{"a:1:" X32 ":36AA83BDCAB3C9FDAF321CA42A31C3FG:[U          ]:LCT-0:", false},
		{"a:1:" X32 ":" HASH_PASS ":U:LCT-0:", false},
		{"a:1:" X32 ":" HASH_PASS ":[U          ]:LCT-XYZ:", false},
	};
	struct dir *d = *state;

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct user_store *s;

		file_write(d->file, lines[i].line, 0600);
		s = user_store_open(d->path, false, d->why);
		if ((s != NULL) != lines[i].ok)
			fail_msg("line '%s'", lines[i].line);
		if (s == NULL)
			assert_non_null(strstr(d->why, "line 1 is not of the form"));
		user_store_close(s);
	}
}

static void test_a_line_without_end_is_refused(void **state)
{
	struct dir *d = *state;
	char *line = malloc(5000);

	memset(line, 'a', 4999);
	line[4999] = 0;
	file_write(d->file, line, 0600);
	assert_null(user_store_open(d->path, false, d->why));
	assert_non_null(strstr(d->why, "line 1 is too long"));
	free(line);
}

static void test_a_file_that_others_can_read_is_refused(void **state)
{
	struct dir *d = *state;
	char target[100];

	file_write(d->file, "", 0644);
	assert_null(user_store_open(d->path, true, d->why));
	assert_non_null(strstr(d->why, "chmod 600"));
	file_write(d->file, "", 0660);
	assert_null(user_store_open(d->path, true, d->why));
	unlink(d->file);
	snprintf(target, sizeof(target), "%s/target", d->path);
	file_write(target, "", 0600);
	assert_int_equal(symlink(target, d->file), 0);
	assert_null(user_store_open(d->path, true, d->why));
	unlink(d->file);
	assert_int_equal(mkdir(d->file, 0700), 0);
	assert_null(user_store_open(d->path, true, d->why));
	assert_non_null(strstr(d->why, "not a regular file"));
}

/* --- several at it --- */

static void test_changes_of_another_process_are_seen(void **state)
{
	struct dir *d = *state;
	struct user_store *other;
	struct user_entry e;

	store_open(d);
	put(d->s, "alice", "pass");
	other = user_store_open(d->path, false, d->why);
	assert_non_null(other);
	put(other, "bob", "pass");
	assert_false(user_store_find(d->s, "bob", &e));
	user_store_refresh(d->s);
	assert_true(user_store_find(d->s, "bob", &e));
	assert_true(nt_ok(user_store_delete(other, "alice")));
	put(d->s, "carol", "pass"); /* does not bring alice back */
	assert_false(user_store_find(d->s, "alice", &e));
	user_store_refresh(other);
	assert_int_equal(user_store_count(other), 2);
	user_store_close(other);
}

static void test_a_damaged_file_leaves_the_users_as_they_were(void **state)
{
	struct dir *d = *state;
	struct user_entry e = {0};

	store_open(d);
	put(d->s, "alice", "pass");
	file_write(d->file, "nonsense", 0600);
	user_store_refresh(d->s);
	assert_true(user_store_find(d->s, "alice", &e));
	assert_true(kit_log_has("line 1"));
	kit_log_start();
	user_store_refresh(d->s);
	assert_false(kit_log_has("line 1")); /* said once */
	assert_true(nt_is(user_store_put(d->s, &e), STATUS_FILE_CORRUPT_ERROR)); /* what somebody wrote there is not thrown away */
	unlink(d->file);
	user_store_refresh(d->s);
	assert_int_equal(user_store_count(d->s), 0);
}

static void test_processes_take_turns(void **state)
{
	enum { PROCESSES = 4, USERS = 10 };
	struct dir *d = *state;

	for (int p = 0; p < PROCESSES; p++) {
		if (fork() == 0) {
			struct user_store *s = user_store_open(d->path, true, d->why);

			for (int i = 0; s && i < USERS; i++) {
				char name[32];

				snprintf(name, sizeof(name), "user-%d-%d", p, i);
				put(s, name, "pass");
			}
			user_store_close(s);
			_exit(s == NULL);
		}
	}
	for (int p = 0; p < PROCESSES; p++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	store_open(d);
	assert_int_equal(user_store_count(d->s), PROCESSES * USERS);
}

static void *find_all_the_time(void *arg)
{
	struct dir *d = arg;
	struct user_entry e;

	for (int i = 0; i < 2000; i++) {
		user_store_refresh(d->s);
		if (!user_store_find(d->s, "alice", &e))
			return "alice was missing";
	}
	return NULL;
}

static void test_readers_never_see_a_gap(void **state)
{
	struct dir *d = *state;
	pthread_t reader;
	void *complaint;

	store_open(d);
	put(d->s, "alice", "pass");
	assert_int_equal(pthread_create(&reader, NULL, find_all_the_time, d), 0);
	for (int i = 0; i < 20; i++) {
		put(d->s, "bob", "pass");
		assert_true(nt_ok(user_store_delete(d->s, "bob")));
	}
	assert_int_equal(pthread_join(reader, &complaint), 0);
	assert_null(complaint);
}

static void test_a_failed_write_keeps_the_old_file(void **state)
{
	struct dir *d = *state;
	struct user_entry e = {.name = "bob"};
	char fresh[100];

	store_open(d);
	put(d->s, "alice", "pass");
	snprintf(fresh, sizeof(fresh), "%s/users.new", d->path);
	assert_int_equal(mkdir(fresh, 0700), 0); /* in the way */
	assert_true(nt_error(user_store_put(d->s, &e)));
	assert_int_equal(user_store_count(d->s), 1);
	store_open(d);
	assert_int_equal(user_store_count(d->s), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nt_hashes_of_passwords),
		cmocka_unit_test_setup_teardown(test_users_survive_in_a_private_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_state_directory_is_made_for_its_owner_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replacing_and_deleting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_each_goes_in_file_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names_that_would_break_the_file_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_import_takes_what_pdbedit_prints, setup, teardown),
		cmocka_unit_test_setup_teardown(test_import_of_a_bad_file_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lines_of_every_shape, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_line_without_end_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_file_that_others_can_read_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changes_of_another_process_are_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_damaged_file_leaves_the_users_as_they_were, setup, teardown),
		cmocka_unit_test_setup_teardown(test_processes_take_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(test_readers_never_see_a_gap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_failed_write_keeps_the_old_file, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
