/* What the client's commands share: URLs, options, names on both sides, output, and local files that are complete or not there. */
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct cli_url parse(const char *text)
{
	struct cli_url u;
	char why[512] = "";
	if (!cli_url_parse(&u, text, why, sizeof(why)))
		fail_msg("%s", why);
	return u;
}

static void test_url_has_all_its_parts(void **state)
{
	(void)state;
	struct cli_url u = parse("smb://DOM;ann%40work@files.example:4450/My%20Share/a%20b/%C3%BC//c/");
	assert_string_equal(u.domain, "DOM");
	assert_string_equal(u.user, "ann@work");
	assert_string_equal(u.host, "files.example");
	assert_int_equal(u.port, 4450);
	assert_string_equal(u.share, "My Share");
	assert_string_equal(u.path, "a b/\xC3\xBC/c");
	assert_true(u.directory);
	cli_url_free(&u);
}

static void test_url_parts_may_be_missing(void **state)
{
	(void)state;
	struct cli_url u = parse("smb://host");
	assert_null(u.user);
	assert_null(u.domain);
	assert_int_equal(u.port, 0);
	assert_string_equal(u.share, "");
	assert_string_equal(u.path, "");
	cli_url_free(&u);
	u = parse("smb://ann@[fd00::1]:445/s");
	assert_string_equal(u.host, "fd00::1");
	assert_int_equal(u.port, 445);
	assert_string_equal(u.share, "s");
	assert_false(u.directory);
	cli_url_free(&u);
	u = parse("smb://[::1]/s/x@y;z:1");
	assert_string_equal(u.host, "::1");
	assert_string_equal(u.path, "x@y;z:1");
	cli_url_free(&u);
}

static void test_url_that_is_wrong_is_refused_with_the_reason(void **state)
{
	static const struct {
		const char *text, *why;
	} wrong[] = {
		{"http://x/y", "a URL smb://"},
		{"/local/file", "a URL smb://"},
		{"smb://ann:secret@host/s", "a password does not belong there"},
		{"smb:///s", "host's name is missing"},
		{"smb://@host/s", "user's name is malformed"},
		{"smb://ann@", "host's name is missing"},
		{"smb://host:0/s", "the port is a number"},
		{"smb://host:65536/s", "the port is a number"},
		{"smb://host:/s", "the port is a number"},
		{"smb://host:12x/s", "the port is a number"},
		{"smb://[::1/s", "not closed"},
		{"smb://[::1]x/s", "after the address"},
		{"smb://host/s/../x", "goes through . or .."},
		{"smb://host/s/%2e%2E/x", "goes through . or .."},
		{"smb://host/s/a%2Fb", "malformed"},
		{"smb://host/s/a%5Cb", "malformed"},
		{"smb://host/s/a%00b", "malformed"},
		{"smb://host/s/a%4", "malformed"},
		{"smb://host/s/a%", "malformed"},
		{"smb://host/s%zz", "malformed"},
	};
	struct cli_url u;
	char why[512];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		if (cli_url_parse(&u, wrong[i].text, why, sizeof(why)))
			fail_msg("%s was taken", wrong[i].text);
		if (!strstr(why, wrong[i].why))
			fail_msg("%s: %s", wrong[i].text, why);
	}
}

static void test_paths_join_and_split(void **state)
{
	(void)state;
	static const char *const cases[][3] = {{"", "x", "x"}, {"a", "", "a"}, {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "", ""}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *p = cli_path_join(cases[i][0], cases[i][1]);
		assert_string_equal(p, cases[i][2]);
		free(p);
	}
	assert_string_equal(cli_base_name("a/b/c"), "c");
	assert_string_equal(cli_base_name("c"), "c");
	assert_string_equal(cli_base_name(""), "");
}

static const struct cli_flag flags[] = {{'r', "recursive", ""}, {'p', "preserve", ""}, {0, NULL, NULL}};
static const struct cli_spec spec = {.name = "x", .synopsis = "", .text = "", .flags = flags, .least = 1, .most = 2};

static int parse_args(struct cli_args *a, char **argv)
{
	int argc = 0;
	while (argv[argc])
		argc++;
	return cli_args_parse(a, &spec, argc, argv);
}

static void test_options_come_in_any_order(void **state)
{
	(void)state;
	struct cli_args a;
	char *argv[] = {"x", "one", "-p", "--dialect", "2.1-3.0.2", "--json", "--recursive", "--sign=optional", "--timeout", "5", "--", "-r", NULL};
	assert_int_equal(parse_args(&a, argv), -1);
	assert_true(cli_flag_set(&a, 'p'));
	assert_true(cli_flag_set(&a, 'r'));
	assert_false(cli_flag_set(&a, 'z'));
	assert_true(a.json);
	assert_true(a.sign_optional);
	assert_int_equal(a.timeout_s, 5);
	assert_int_equal(a.min_dialect, 0x0210);
	assert_int_equal(a.max_dialect, 0x0302);
	assert_int_equal(a.count, 2);
	assert_string_equal(a.operands[0], "one");
	assert_string_equal(a.operands[1], "-r");
}

static void test_wrong_options_are_usage_errors(void **state)
{
	(void)state;
	static char *const wrong[][4] = {{"x"}, {"x", "a", "b", "c"}, {"x", "--nope", "a"}, {"x", "-z", "a"}, {"x", "--dialect=1.0", "a"},
		{"x", "--dialect=3.0-2.1", "a"}, {"x", "--timeout=0", "a"}, {"x", "--timeout=-1", "a"}, {"x", "--timeout=1x", "a"},
		{"x", "--sign=no", "a"}, {"x", "a", "--password-file"}};
	struct cli_args a;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		char *argv[5] = {wrong[i][0], wrong[i][1], wrong[i][2], wrong[i][3], NULL};
		assert_int_equal(parse_args(&a, argv), CLI_USAGE);
	}
}

static void check_name(const char *local, const char *remote)
{
	char *r = cli_name_to_share(local), *back = cli_name_to_local(remote);
	assert_string_equal(r, remote);
	assert_string_equal(back, local);
	free(r);
	free(back);
}

static void test_names_windows_cannot_hold_are_mapped_both_ways(void **state)
{
	(void)state;
	check_name("plain \xC3\xBC.txt", "plain \xC3\xBC.txt");
	check_name("a:b", "a\xEF\x80\xBA" "b");
	check_name("what?", "what\xEF\x80\xBF");
	check_name("a\\b", "a\xEF\x81\x9C" "b");
	check_name("a|b", "a\xEF\x81\xBC" "b");
	check_name("dot.", "dot\xEF\x80\xAE");
	check_name("blank ", "blank\xEF\x80\xA0");
	check_name(".hidden", ".hidden");
	check_name("\x01", "\xEF\x80\x81");
}

static void test_names_from_a_server_never_lead_elsewhere(void **state)
{
	(void)state;
	/* U+F02E U+F02E is "..", of which only the last dot is mapped; and U+F02F is no mapping of '/' at all */
	static const char *const evil[] = {".\xEF\x80\xAE", "\xEF\x80\xAE", "a\xEF\x80\xAFz"};
	for (size_t i = 0; i < ARRAY_LEN(evil); i++) {
		char *name = cli_name_to_local(evil[i]);
		assert_string_not_equal(name, ".");
		assert_string_not_equal(name, "..");
		assert_null(strchr(name, '/'));
		free(name);
	}
}

/* What fn prints. */
static char *printed(void (*fn)(FILE *out))
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);
	fn(out);
	fclose(out);
	return text;
}

static void print_strings(FILE *out)
{
	cli_json_string(out, "a\"\\\n\x7F\xC3\xBC\xED\xA0\x80z");
}

static void print_entry(FILE *out)
{
	struct hythe_stat s = {.size_bytes = 5, .allocated_bytes = 4096, .last_write_time = 116444736000000001ull, .file_id = 0xAB,
		.attributes = HYTHE_ATTRIBUTE_HIDDEN | HYTHE_ATTRIBUTE_READONLY};
	cli_json_entry(out, "name", "x", &s);
}

static void test_json_is_json(void **state)
{
	(void)state;
	char *t = printed(print_strings);
	assert_string_equal(t, "\"a\\\"\\\\\\u000a\\u007f\xC3\xBC\\ud800z\"");
	free(t);
	t = printed(print_entry);
	assert_string_equal(t, "{\"name\":\"x\",\"type\":\"file\",\"size\":5,\"allocated\":4096,\"written\":\"1970-01-01T00:00:00.0000001Z\","
			       "\"id\":\"ab\",\"attributes\":[\"hidden\",\"read-only\"]}");
	free(t);
}

static void test_sizes_times_and_attributes_read_well(void **state)
{
	(void)state;
	char text[32], letters[16];
	cli_size_text(text, 1023);
	assert_string_equal(text, "1023 B");
	cli_size_text(text, 1536);
	assert_string_equal(text, "1.5 KiB");
	cli_size_text(text, UINT64_MAX);
	assert_string_equal(text, "16.0 EiB");
	cli_time_text(text, 0);
	assert_string_equal(text, "-");
	cli_attributes_text(letters, HYTHE_ATTRIBUTE_DIRECTORY | HYTHE_ATTRIBUTE_READONLY);
	assert_string_equal(letters, "d--r--");
	uint16_t least, most;
	assert_true(cli_dialect_parse("3.1.1", &least, &most));
	assert_int_equal(least, 0x0311);
	assert_int_equal(most, 0x0311);
	assert_string_equal(cli_dialect_name(0x0302), "3.0.2");
}

static char directory[64];

static int make_directory(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/hythe-cli-XXXXXX");
	assert_non_null(mkdtemp(directory));
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	char path[128];
	snprintf(path, sizeof(path), "%s/final", directory);
	unlink(path);
	return rmdir(directory); /* fails if anything was left over */
}

static char *final_path(void)
{
	return cli_path_join(directory, "final");
}

static void test_local_file_has_its_name_only_when_complete(void **state)
{
	(void)state;
	struct cli_local_file f;
	struct stat st;
	char *path = final_path();
	for (int round = 0; round < 2; round++) { /* new, and in place of an old one */
		assert_true(cli_local_create(&f, path));
		assert_int_equal(write(f.fd, "new", 3), 3);
		assert_int_equal(stat(path, &st), round ? 0 : -1);
		assert_true(cli_local_finish(&f));
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_size, 3);
	}
	free(path);
}

static void test_abandoned_local_file_leaves_nothing_and_the_old_one(void **state)
{
	(void)state;
	struct cli_local_file f;
	struct stat st;
	char *path = final_path();
	assert_true(cli_local_create(&f, path));
	assert_int_equal(write(f.fd, "half", 4), 4);
	cli_local_abandon(&f);
	assert_int_equal(stat(path, &st), -1);
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, "old content", 11), 11);
	close(fd);
	assert_true(cli_local_create(&f, path));
	cli_local_abandon(&f);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 11);
	free(path);
}

static void test_local_times_are_kept(void **state)
{
	(void)state;
	struct cli_local_file f;
	struct stat st;
	struct hythe_stat s = {.last_write_time = hythe_time_from_unix(1000000000, 123456700)};
	char *path = final_path();
	assert_true(cli_local_create(&f, path));
	assert_true(cli_local_set_times(f.fd, &s));
	assert_true(cli_local_finish(&f));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, 1000000000);
	assert_int_equal(st.st_mtim.tv_nsec, 123456700);
	free(path);
}

static void test_local_file_in_no_directory_is_refused(void **state)
{
	(void)state;
	struct cli_local_file f;
	assert_false(cli_local_create(&f, "/nonexistent/directory/file"));
}

static void test_password_comes_from_a_file_or_the_environment(void **state)
{
	(void)state;
	char out[16], *path = final_path();
	FILE *f = fopen(path, "w");
	fputs("from file\nnot this\n", f);
	fclose(f);
	setenv("HYTHE_PASSWORD", "from env", 1);
	assert_true(cli_password(path, "", out, sizeof(out)));
	assert_string_equal(out, "from file");
	assert_true(cli_password(NULL, "", out, sizeof(out)));
	assert_string_equal(out, "from env");
	setenv("HYTHE_PASSWORD", "longer than there is room for", 1);
	assert_false(cli_password(NULL, "", out, sizeof(out)));
	unsetenv("HYTHE_PASSWORD");
	assert_false(cli_password("/nonexistent/file", "", out, sizeof(out)));
	free(path);
}

#define IN_DIRECTORY(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_url_has_all_its_parts),
		cmocka_unit_test(test_url_parts_may_be_missing),
		cmocka_unit_test(test_url_that_is_wrong_is_refused_with_the_reason),
		cmocka_unit_test(test_paths_join_and_split),
		cmocka_unit_test(test_options_come_in_any_order),
		cmocka_unit_test(test_wrong_options_are_usage_errors),
		cmocka_unit_test(test_names_windows_cannot_hold_are_mapped_both_ways),
		cmocka_unit_test(test_names_from_a_server_never_lead_elsewhere),
		cmocka_unit_test(test_json_is_json),
		cmocka_unit_test(test_sizes_times_and_attributes_read_well),
		IN_DIRECTORY(test_local_file_has_its_name_only_when_complete),
		IN_DIRECTORY(test_abandoned_local_file_leaves_nothing_and_the_old_one),
		IN_DIRECTORY(test_local_times_are_kept),
		cmocka_unit_test(test_local_file_in_no_directory_is_refused),
		IN_DIRECTORY(test_password_comes_from_a_file_or_the_environment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
