/* The first user of a server that has none, and the password that is shown once. Called by cmd_serve.c. */
#include "cli/serve.h"

#include "auth/auth.h"
#include "base/random.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* 20 characters of 32 are 100 bits; none of them is easily taken for another. */
static void make_password(char *out, size_t cap)
{
	static const char alphabet[] = "abcdefghijkmnpqrstuvwxyz23456789";
	uint8_t raw[20];
	size_t n = 0;

	_Static_assert(sizeof(alphabet) == 33, "a byte modulo 32 must choose evenly");
	random_bytes(raw, sizeof(raw));
	for (size_t i = 0; i < sizeof(raw) && n + 2 < cap; i++) {
		if (i > 0 && i % 5 == 0)
			out[n++] = '-';
		out[n++] = alphabet[raw[i] % 32];
	}
	out[n] = 0;
	bytes_wipe(raw, sizeof(raw));
}

static bool caller_name(char *out, size_t cap)
{
	const char *name = geteuid() == 0 ? getenv("SUDO_USER") : NULL;
	char buffer[4096];
	struct passwd pw, *found = NULL;

	if (!name || !*name)
		name = getpwuid_r(getuid(), &pw, buffer, sizeof(buffer), &found) == 0 && found ? pw.pw_name : getenv("USER");
	if (!name || !*name || strlen(name) >= cap)
		return false;
	memcpy(out, name, strlen(name) + 1);
	return true;
}

static void first_name(const struct user_entry *e, void *arg)
{
	struct serve_user *u = arg;

	if (!u->name) {
		memcpy(u->own_name, e->name, sizeof(u->own_name));
		u->name = u->own_name;
	}
}

static bool put_user(struct user_store *store, struct serve_user *u, const char *password, char *why, size_t why_cap)
{
	struct user_entry e = {0};
	bool known = user_store_find(store, u->name, &e), ok = false;
	uint8_t hash[16];
	ntstatus status;

	if (known && !password) /* --user of somebody who is there */
		return true;
	if (strlen(u->name) >= sizeof(e.name)) {
		snprintf(why, why_cap, "the user name is too long");
		return false;
	}
	if (!password) {
		make_password(u->password, sizeof(u->password));
		password = u->password;
	}
	status = user_nt_hash(password, hash);
	if (nt_ok(status) && known && !e.disabled && !e.no_password && bytes_equal_ct(hash, e.nt_hash, sizeof(hash))) {
		ok = true;
	} else if (nt_ok(status)) {
		memcpy(e.name, u->name, strlen(u->name) + 1);
		memcpy(e.nt_hash, hash, sizeof(hash));
		e.disabled = e.no_password = false;
		if (!known)
			e.uid = (uint32_t)getuid();
		status = user_store_put(store, &e);
		ok = nt_ok(status);
	}
	if (!ok)
		snprintf(why, why_cap, "cannot make the user %s: %s", u->name, hythe_status_text(status));
	bytes_wipe(hash, sizeof(hash));
	bytes_wipe(&e, sizeof(e));
	return ok;
}

bool serve_user_ensure(struct serve_user *u, const struct hythe_server_config *cfg, char *why, size_t why_cap)
{
	char detail[256] = "";
	const char *password = getenv("HYTHE_PASSWORD");
	struct user_store *store = user_store_open(cfg->state_dir, true, detail);
	bool ok = true;

	if (!store) {
		snprintf(why, why_cap, "%s", detail);
		return false;
	}
	if (password && !*password)
		password = NULL;
	if (!u->name && (password || (user_store_count(store) == 0 && !cfg->guest))) {
		if (caller_name(u->own_name, sizeof(u->own_name))) {
			u->name = u->own_name;
		} else {
			snprintf(why, why_cap, "you have no user name here; name one with --user");
			ok = false;
		}
	}
	if (ok && u->name)
		ok = put_user(store, u, password, why, why_cap);
	else if (ok && user_store_count(store) == 1)
		user_store_each(store, first_name, u);
	user_store_close(store);
	return ok;
}

void serve_user_wipe(struct serve_user *u)
{
	bytes_wipe(u->password, sizeof(u->password));
}
