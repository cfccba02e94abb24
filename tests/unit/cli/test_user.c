/* hythe user: what its subcommands do to the store, and what they say no to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "auth/auth.h"
#include "cli/cli.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
	char dir[64], state[80], file[80];
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	snprintf(p->dir, sizeof(p->dir), "/tmp/hythe-user-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->state, sizeof(p->state), "%s/state", p->dir);
	snprintf(p->file, sizeof(p->file), "%s/file", p->dir);
	setenv("HYTHE_PASSWORD", "first", 1);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", p->dir);
	assert_int_equal(system(command), 0);
	unsetenv("HYTHE_PASSWORD");
	free(p);
	return 0;
}

static int run(const struct place *p, const char *verb, const char *operand, const char *option, const char *value)
{
	const char *text[] = {"user", verb, "--state", p->state, operand, option, value};
	char *argv[ARRAY_LEN(text) + 1];
	int argc = 0, status;

	for (size_t i = 0; i < ARRAY_LEN(text); i++) {
		if (text[i] != NULL)
			argv[argc++] = strdup(text[i]);
	}
	argv[argc] = NULL;
	status = cmd_user(argc, argv);
	while (argc > 0)
		free(argv[--argc]);
	return status;
}

static void write_file(const struct place *p, const char *text)
{
	FILE *f = fopen(p->file, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* password NULL: there must be no such user. */
static void expect_user(const struct place *p, const char *name, const char *password, bool disabled)
{
	char why[256];
	struct user_store *s = user_store_open(p->state, false, why);
	struct user_entry e;
	uint8_t hash[16];

	assert_non_null(s);
	assert_int_equal(user_store_find(s, name, &e), password != NULL);
	if (password != NULL) {
		assert_true(nt_ok(user_nt_hash(password, hash)));
		assert_memory_equal(e.nt_hash, hash, sizeof(hash));
		assert_int_equal(e.disabled, disabled);
	}
	user_store_close(s);
}

static void test_add_passwd_and_del(void **state)
{
	struct place *p = *state;
	struct stat st;

	assert_int_equal(run(p, "add", "alice", NULL, NULL), CLI_OK);
	expect_user(p, "alice", "first", false);
	assert_int_equal(stat(p->state, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	setenv("HYTHE_PASSWORD", "second", 1);
	assert_int_equal(run(p, "add", "ALICE", NULL, NULL), CLI_FAILED);
	expect_user(p, "alice", "first", false);
	assert_int_equal(run(p, "passwd", "ALICE", NULL, NULL), CLI_OK);
	expect_user(p, "alice", "second", false);
	assert_int_equal(run(p, "list", NULL, NULL, NULL), CLI_OK);
	assert_int_equal(run(p, "del", "alice", NULL, NULL), CLI_OK);
	expect_user(p, "alice", NULL, false);
	assert_int_equal(run(p, "del", "alice", NULL, NULL), CLI_FAILED);
	assert_int_equal(run(p, "passwd", "alice", NULL, NULL), CLI_FAILED);
}

static void test_a_password_file_goes_before_the_environment(void **state)
{
	struct place *p = *state;

	write_file(p, "from the file\nand no more\n");
	assert_int_equal(run(p, "add", "alice", "--password-file", p->file), CLI_OK);
	expect_user(p, "alice", "from the file", false);
	assert_int_equal(run(p, "add", "bob", "--password-file", "/nonexistent"), CLI_FAILED);
	expect_user(p, "bob", NULL, false);
}

static void test_an_empty_password_is_refused(void **state)
{
	struct place *p = *state;

	setenv("HYTHE_PASSWORD", "", 1);
	assert_int_equal(run(p, "add", "alice", NULL, NULL), CLI_FAILED);
	expect_user(p, "alice", NULL, false);
	setenv("HYTHE_PASSWORD", "\xff", 1);
	assert_int_equal(run(p, "add", "alice", NULL, NULL), CLI_FAILED);
	expect_user(p, "alice", NULL, false);
}

static void test_import_and_a_disabled_user_let_in_again(void **state)
{
	struct place *p = *state;

	write_file(p, "off:1:XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX:36AA83BDCAB3C9FDAF321CA42A31C3FC:[DU         ]:LCT-68FF0A11:\n");
	assert_int_equal(run(p, "import", p->file, NULL, NULL), CLI_OK);
	expect_user(p, "off", "pass", true);
	assert_int_equal(run(p, "list", NULL, NULL, NULL), CLI_OK);
	assert_int_equal(run(p, "passwd", "off", NULL, NULL), CLI_OK);
	expect_user(p, "off", "first", false);
	write_file(p, "nonsense\n");
	assert_int_equal(run(p, "import", p->file, NULL, NULL), CLI_FAILED);
	expect_user(p, "off", "first", false);
}

static void test_wrong_calls_are_usage_errors(void **state)
{
	struct place *p = *state;
	char user[] = "user", help[] = "--help", wrong[] = "--wrong", *bare[] = {user, NULL}, *with_help[] = {user, help, NULL},
	     *with_wrong[] = {user, wrong, NULL};

	assert_int_equal(cmd_user(1, bare), CLI_USAGE);
	assert_int_equal(cmd_user(2, with_help), CLI_OK);
	assert_int_equal(cmd_user(2, with_wrong), CLI_USAGE);
	assert_int_equal(run(p, "ad", "x", NULL, NULL), CLI_USAGE);
	assert_int_equal(run(p, "add", NULL, NULL, NULL), CLI_USAGE);
	assert_int_equal(run(p, "list", "x", NULL, NULL), CLI_USAGE);
	assert_int_equal(run(p, "list", NULL, NULL, NULL), CLI_FAILED); /* there is no state yet */
	assert_int_equal(run(p, "add", "a:b", NULL, NULL), CLI_FAILED);
	assert_int_equal(run(p, "add", "", NULL, NULL), CLI_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_add_passwd_and_del, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_password_file_goes_before_the_environment, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_empty_password_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_import_and_a_disabled_user_let_in_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_calls_are_usage_errors, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
