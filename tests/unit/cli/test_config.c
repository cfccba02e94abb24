/* The configuration file of `hythe serve`: every option reaches its field, and every mistake is an error that names file, line and,
 * where there is one, the nearest right word. */
#include "cli/config.h"
#include "cli/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool parse_bytes(struct config *c, const char *text, size_t n)
{
	char path[] = "/tmp/hythe-config-XXXXXX";
	int fd = mkstemp(path);
	bool ok;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), (ssize_t)n);
	close(fd);
	config_init(c);
	ok = config_read(c, path) && config_finish(c);
	unlink(path);
	return ok;
}

static bool parse(struct config *c, const char *text)
{
	return parse_bytes(c, text, strlen(text));
}

/* The text is refused, and the message, behind the file's name, is this. */
static void refused(const char *text, const char *message)
{
	struct config c;
	const char *tail;

	assert_false(parse(&c, text));
	tail = strncmp(c.why, "/tmp/", 5) == 0 ? strchr(c.why, ':') : c.why;
	assert_non_null(tail);
	assert_string_equal(tail, message);
	config_free(&c);
}

static void test_config_server_options_reach_their_fields(void **state)
{
	struct config c;
	const struct hythe_server_config *s = &c.server;

	(void)state;
	assert_true(parse(&c,
		"# a comment\n[server]\nlisten = 127.0.0.1:4450, [::1]:4450\n\tlisten = :445 smb1=yes\nstate=/var/lib/x\nname = HARBOUR\ncomment = by the sea ; note\n"
		"workgroup = OFFICE\nmin-dialect = 2.0.2\nmax-dialect = 3.0.2\nsigning = enabled\nencryption = required\nguest = yes\n"
		"threads = 3\nmax-connections = 100\nmax-unauthenticated = 9\nmax-opens = 77\nlogin-timeout = 5\nidle-timeout = 600\n"
		"max-io = 65536\nlog-level = debug\ntest-aids = yes\nmultichannel = no\n"));
	assert_int_equal(s->listen_count, 3);
	assert_string_equal(s->listen[0], "127.0.0.1:4450");
	assert_string_equal(s->listen[1], "[::1]:4450");
	assert_string_equal(s->listen[2], ":445 smb1=yes");
	assert_string_equal(s->state_dir, "/var/lib/x");
	assert_string_equal(s->name, "HARBOUR");
	assert_string_equal(s->comment, "by the sea");
	assert_string_equal(s->workgroup, "OFFICE");
	assert_int_equal(s->min_dialect, HYTHE_DIALECT_202);
	assert_int_equal(s->max_dialect, HYTHE_DIALECT_302);
	assert_false(s->signing_required);
	assert_int_equal(s->encryption, HYTHE_ENCRYPTION_REQUIRED);
	assert_true(s->guest && s->test_aids && !s->multichannel);
	assert_int_equal(s->threads, 3);
	assert_int_equal(s->max_connections, 100);
	assert_int_equal(s->max_unauthenticated, 9);
	assert_int_equal(s->max_opens_per_session, 77);
	assert_int_equal(s->authentication_timeout_s, 5);
	assert_int_equal(s->idle_timeout_s, 600);
	assert_int_equal(s->max_io_bytes, 65536);
	assert_int_equal(s->log_level, HYTHE_LOG_DEBUG);
	config_free(&c);
}

static void test_config_share_options_reach_their_fields(void **state)
{
	struct config c;
	const struct hythe_share_config *s;

	(void)state;
	assert_true(parse(&c,
		"[share photos]\n  path = /srv/photos/%U and more\n  create-path = yes\n  comment = Family\n  users = ann, bob\n  users = cy\n  admins = ann\n"
		"[share old stuff]\npath = /srv/old\nread-only = yes\nguest = yes\nencrypt = on\naccess-based-enumeration = true\nacl-flags-as-set = yes\nhidden = 1\n"
		"follow-symlinks = YES\n"));
	assert_int_equal(c.server.share_count, 2);
	s = &c.server.shares[0];
	assert_string_equal(s->name, "photos");
	assert_string_equal(s->path, "/srv/photos/%U and more");
	assert_true(s->create_path);
	assert_string_equal(s->comment, "Family");
	assert_int_equal(s->user_count, 3);
	assert_string_equal(s->users[1], "bob");
	assert_string_equal(s->users[2], "cy");
	assert_int_equal(s->admin_count, 1);
	assert_false(s->read_only || s->guest || s->encrypt || s->access_based_enumeration || s->acl_flags_as_set || s->hidden || s->follow_symlinks);
	s = &c.server.shares[1];
	assert_string_equal(s->name, "old stuff");
	assert_true(s->read_only && s->guest && s->encrypt && s->access_based_enumeration && s->acl_flags_as_set && s->hidden && s->follow_symlinks);
	assert_int_equal(s->user_count, 0);
	assert_true(c.server.guest); /* follows from the share */
	config_free(&c);
}

/* Backs: E054. */
static void test_config_defaults_are_safe(void **state)
{
	struct config c;

	(void)state;
	assert_true(parse(&c, "[share a]\npath = /a\n"));
	assert_int_equal(c.server.min_dialect, HYTHE_DIALECT_210);
	assert_int_equal(c.server.max_dialect, HYTHE_DIALECT_311);
	assert_true(c.server.signing_required && c.server.multichannel);
	assert_false(c.server.guest || c.server.test_aids || c.server.shares[0].guest || c.server.shares[0].follow_symlinks ||
		c.server.shares[0].create_path);
	config_free(&c);
}

static void test_config_unknown_words_name_the_nearest(void **state)
{
	(void)state;
	refused("[server]\nlisen = :445\n", ":2: unknown option 'lisen' in [server]; did you mean 'listen'?");
	refused("[share a]\npath = /a\n\nreadonly = yes\n", ":4: unknown option 'readonly' in [share NAME]; did you mean 'read-only'?");
	refused("[server]\npath = /a\n", ":2: path does not belong into [server] but into [share NAME]");
	refused("[share a]\nlisten = :1\n", ":2: listen does not belong into [share NAME] but into [server]");
	refused("[server]\nzzzzzzzz = 1\n", ":2: unknown option 'zzzzzzzz' in [server]; see man hythe.conf");
	refused("[sever]\nguest = yes\n", ":1: unknown section [sever]; did you mean [server]?");
	refused("[global]\n", ":1: unknown section [global]; did you mean [server]?");
	refused("[homes]\n", ":1: unknown section [homes]; did you mean [share NAME]?");
}

static void test_config_wrong_values_are_refused(void **state)
{
	(void)state;
	refused("[server]\nsigning = maybe\n", ":2: signing = maybe: it must be one of enabled, required");
	refused("[server]\nmin-dialect = 1.0\n", ":2: min-dialect = 1.0: it must be one of 2.0.2, 2.1, 3.0, 3.0.2, 3.1.1");
	refused("[server]\nguest = perhaps\n", ":2: guest = perhaps: it must be one of yes, no");
	refused("[server]\nthreads = 3x\n", ":2: threads = 3x: it must be a number from 0 to 1024");
	refused("[server]\nthreads = -1\n", ":2: threads = -1: it must be a number from 0 to 1024");
	refused("[server]\nthreads = 99999999999999999999\n", ":2: threads = 99999999999999999999: it must be a number from 0 to 1024");
	refused("[server]\nmax-io = 8388609\n", ":2: max-io = 8388609: it must be a number from 0 to 8388608");
	refused("[server]\nname =\n", ":2: name has no value");
	refused("[share a]\nusers = ,\n", ":2: the list is empty");
	refused("[server]\nname = A\nname = B\n", ":3: name is given twice");
	refused("[server]\nname\n", ":2: 'option = value' is wanted here");
	refused("[server\n", ":1: the section heading has no ]");
	refused("name = A\n", ":1: name stands before any section; it wants [server] or [share NAME] above it");
}

static void test_config_shares_are_checked_as_a_whole(void **state)
{
	(void)state;
	refused("[share]\npath = /a\n", ":1: [share] wants a name: [share NAME]");
	refused("[share a/b]\n", ":1: the share name 'a/b' has one of the characters \" / \\ [ ] : | < > + = ; , * ?");
	refused("[share ipc$]\n", ":1: IPC$ is there of itself and cannot be configured");
	refused("[share a]\npath = /a\n[share A]\npath = /b\n", ":3: the share A is given twice");
	refused("[share a]\n", "the share a has no path");
	refused("[server]\nmin-dialect = 3.0\nmax-dialect = 2.1\n", "min-dialect is newer than max-dialect");
	refused("[server]\nmax-dialect = 2.1\nencryption = required\n", "encryption = required wants a max-dialect of 3.0 or newer");
	refused("[server]\nmax-dialect = 2.1\n[share a]\npath = /a\nencrypt = yes\n",
		"the share a wants encryption, and so a max-dialect of 3.0 or newer");
	refused("[server]\nguest = no\n[share a]\npath = /a\nguest = yes\n", "a share allows guests, but [server] says guest = no");
	refused("[server]\nname = ANAMEMUCHTOOLONG\n", "the server's name 'ANAMEMUCHTOOLONG' has more than 15 characters");
}

static void test_config_hostile_bytes_are_refused(void **state)
{
	struct config c;
	char longest[300];

	(void)state;
	assert_false(parse_bytes(&c, "[server]\nname = A\0B\n", 20));
	assert_non_null(strstr(c.why, ":2: there is a zero byte in this line"));
	config_free(&c);
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "[server]\nname = ", 16);
	assert_false(parse_bytes(&c, longest, sizeof(longest)));
	assert_non_null(strstr(c.why, ":2: the line is longer than 198 characters"));
	config_free(&c);
	/* Any bytes at all give an answer. */
	for (unsigned seed = 1; seed <= 300; seed++) {
		uint32_t x = seed * 2654435761u;

		for (size_t i = 0; i < sizeof(longest); i++) {
			x = x * 1664525u + 1013904223u;
			longest[i] = (x >> 24) % 7 == 0 ? "[]=;#\n\t"[(x >> 16) % 7] : (char)(x >> 24);
		}
		if (!parse_bytes(&c, longest, sizeof(longest)))
			assert_true(c.why[0] != 0);
		config_free(&c);
	}
	config_init(&c);
	assert_false(config_read(&c, "/nonexistent/hythe.conf"));
	assert_string_equal(c.why, "cannot read /nonexistent/hythe.conf: No such file or directory");
	config_free(&c);
}

static void test_config_share_from_the_command_line(void **state)
{
	struct config c;

	(void)state;
	config_init(&c);
	assert_true(config_add_share_text(&c, "a=/srv/a"));
	assert_true(config_add_share_text(&c, "b=/srv/b,ro,encrypt,guest"));
	assert_true(config_add_share_text(&c, "c=/srv/with, comma,ro"));
	assert_string_equal(c.server.shares[0].path, "/srv/a");
	assert_false(c.server.shares[0].read_only);
	assert_string_equal(c.server.shares[1].path, "/srv/b");
	assert_true(c.server.shares[1].read_only && c.server.shares[1].encrypt && c.server.shares[1].guest);
	assert_string_equal(c.server.shares[2].path, "/srv/with, comma");
	assert_true(c.server.shares[2].read_only && !c.server.shares[2].guest);
	assert_false(config_add_share_text(&c, "/srv/d"));
	assert_string_equal(c.why, "--share /srv/d: NAME=DIRECTORY is wanted");
	config_free(&c);
}

static void test_config_many_shares_keep_their_order(void **state)
{
	struct config c;
	char text[64];

	(void)state;
	config_init(&c);
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "s%d=/srv/%d", i, i);
		assert_true(config_add_share_text(&c, text));
	}
	assert_int_equal(c.server.share_count, 100);
	assert_string_equal(c.server.shares[99].name, "s99");
	assert_string_equal(c.server.shares[7].path, "/srv/7");
	config_free(&c);
}

static void test_nearest_counts_edits(void **state)
{
	(void)state;
	assert_int_equal(nearest_distance("", ""), 0);
	assert_int_equal(nearest_distance("listen", "listen"), 0);
	assert_int_equal(nearest_distance("Listen", "listen"), 0);
	assert_int_equal(nearest_distance("", "abc"), 3);
	assert_int_equal(nearest_distance("lsiten", "listen"), 1);
	assert_int_equal(nearest_distance("kitten", "sitting"), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_server_options_reach_their_fields),
		cmocka_unit_test(test_config_share_options_reach_their_fields),
		cmocka_unit_test(test_config_defaults_are_safe),
		cmocka_unit_test(test_config_unknown_words_name_the_nearest),
		cmocka_unit_test(test_config_wrong_values_are_refused),
		cmocka_unit_test(test_config_shares_are_checked_as_a_whole),
		cmocka_unit_test(test_config_hostile_bytes_are_refused),
		cmocka_unit_test(test_config_share_from_the_command_line),
		cmocka_unit_test(test_config_many_shares_keep_their_order),
		cmocka_unit_test(test_nearest_counts_edits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
