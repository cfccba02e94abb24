/* What a server is doing, for whoever runs it: as lines to read or as JSON. A picture of the moment: each session is looked at by itself. */
#include "base/filetime.h"
#include "server/conn.h"
#include "server/status.h"
#include "server/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PEERS = 4, TIME_BYTES = 32 };

/* --- what there is --- */

struct sessions {
	struct srv_session **all; /* referenced */
	size_t count, cap;
};

static void count_one(struct htab_node *n, void *arg)
{
	(void)n;
	(*(size_t *)arg)++;
}

static void take_one(struct htab_node *n, void *arg)
{
	struct sessions *s = arg;

	if (s->count < s->cap)
		s->all[s->count++] = srv_session_ref(CONTAINER_OF(n, struct srv_session, by_id));
}

static bool sessions_take(struct srv *srv, struct sessions *s)
{
	pthread_mutex_lock(&srv->lock);
	htab_each(&srv->sessions, count_one, &s->cap);
	s->all = calloc(s->cap + 1, sizeof(*s->all));
	if (s->all)
		htab_each(&srv->sessions, take_one, s);
	pthread_mutex_unlock(&srv->lock);
	return s->all != NULL;
}

static void sessions_put(struct sessions *s)
{
	for (size_t i = 0; i < s->count; i++)
		srv_session_put(s->all[i]);
	free(s->all);
}

struct session_row {
	char user[260], dialect[8];
	char peers[PEERS][64];
	const char *protection;
	size_t peer_count, trees, opens;
	time_t since;
};

static time_t unix_time(uint64_t filetime)
{
	return filetime_to_timespec(filetime).tv_sec;
}

static const char *dialect_name(const struct srv_session *s)
{
	switch (s->dialect) {
	case SMB2_DIALECT_202: return "2.0.2";
	case SMB2_DIALECT_210: return "2.1";
	case SMB2_DIALECT_300: return "3.0";
	case SMB2_DIALECT_302: return "3.0.2";
	case SMB2_DIALECT_311: return "3.1.1";
	default: return "?";
	}
}

/* false: nobody has logged on by it. */
static bool look_at(struct srv_session *s, struct session_row *row)
{
	struct srv_user *u = srv_session_user(s);

	if (!u)
		return false;
	*row = (struct session_row){.since = unix_time(s->created_filetime)};
	snprintf(row->user, sizeof(row->user), "%s", u->anonymous ? "(anonymous)" : u->name);
	if (u->guest)
		snprintf(row->user, sizeof(row->user), "(guest)");
	srv_user_put(u);
	row->protection = s->encrypt_data ? "encrypted" : s->signing_required ? "signed" : "open";
	pthread_mutex_lock(&s->lock);
	row->trees = s->tree_count;
	row->opens = s->open_count;
	snprintf(row->dialect, sizeof(row->dialect), "%s", dialect_name(s));
	list_for_each(n, &s->channels) {
		const struct srv_channel *ch = list_entry(n, struct srv_channel, on_session);

		if (ch->conn->smb1)
			snprintf(row->dialect, sizeof(row->dialect), "SMB1");
		if (row->peer_count < PEERS)
			snprintf(row->peers[row->peer_count], sizeof(row->peers[0]), "%s", ch->conn->peer);
		row->peer_count++;
	}
	pthread_mutex_unlock(&s->lock);
	return true;
}

/* --- as JSON --- */

static void json_string(FILE *f, const char *s)
{
	putc('"', f);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			fprintf(f, "\\u%04x", *s);
		else
			putc(*s, f);
	}
	putc('"', f);
}

static void json_share(FILE *f, const struct srv_share *s, bool smb1)
{
	fputs("{\"name\":", f);
	json_string(f, s->name);
	fputs(",\"path\":", f);
	json_string(f, s->path);
	fprintf(f, ",\"read_only\":%s,\"encrypt\":%s,\"guest\":%s,\"smb1\":%s,\"ntlmv1\":%s,\"trees\":%u}", s->read_only ? "true" : "false",
		s->encrypt ? "true" : "false", s->guest ? "true" : "false", smb1 && s->smb1 ? "true" : "false",
		smb1 && s->smb1 && s->ntlmv1 ? "true" : "false", s->current_uses);
}

static void json_session(FILE *f, const struct session_row *row)
{
	fputs("{\"user\":", f);
	json_string(f, row->user);
	fprintf(f, ",\"dialect\":\"%s\",\"protection\":\"%s\",\"trees\":%zu,\"open_files\":%zu,\"since\":%lld,\"clients\":[", row->dialect,
		row->protection, row->trees, row->opens, (long long)row->since);
	for (size_t i = 0; i < row->peer_count && i < PEERS; i++) {
		fputs(i > 0 ? "," : "", f);
		json_string(f, row->peers[i]);
	}
	fputs("]}", f);
}

/* --- as text --- */

static const char *when(char out[TIME_BYTES], time_t t)
{
	struct tm tm;

	if (!localtime_r(&t, &tm) || strftime(out, TIME_BYTES, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(out, TIME_BYTES, "?");
	return out;
}

static void text_share(FILE *f, const struct srv_share *s, bool smb1)
{
	fprintf(f, "  %-20s %6u  %s%s%s%s%s%s\n", s->name, s->current_uses, s->path, s->read_only ? " (read-only)" : "", s->encrypt ? " (encrypted)" : "",
		s->guest ? " (guests)" : "", smb1 && s->smb1 ? " (SMB1: open to its clients, unencrypted)" : "",
		smb1 && s->smb1 && s->ntlmv1 ? " (NTLMv1)" : "");
}

static void text_session(FILE *f, const struct session_row *row)
{
	char time[TIME_BYTES];

	fprintf(f, "  %-20s %-24s %-6s %-10s %6zu %6zu  %s", row->user, row->peer_count > 0 ? row->peers[0] : "(disconnected)", row->dialect,
		row->protection, row->trees, row->opens, when(time, row->since));
	if (row->peer_count > 1)
		fprintf(f, " (%zu connections)", row->peer_count);
	putc('\n', f);
}

/* --- */

static bool is_any_port(const char *address)
{
	size_t n = strlen(address);

	return n >= 2 && strcmp(address + n - 2, ":0") == 0;
}

static void put_listeners(FILE *f, const struct srv_listening *l, size_t n, bool json)
{
	for (size_t i = 0; i < n; i++) {
		if (json) {
			fputs(i > 0 ? ",{\"address\":" : "{\"address\":", f);
			json_string(f, l[i].address);
			fprintf(f, ",\"port\":%u,\"smb1\":%s}", l[i].port, l[i].smb1 ? "true" : "false");
		} else {
			fprintf(f, "  %s", l[i].address);
			/* Port 0 is any. */
			if (is_any_port(l[i].address))
				fprintf(f, ", which is port %u", l[i].port);
			fputs(l[i].smb1 ? " (SMB1)\n" : "\n", f);
		}
	}
}

static void put_shares(FILE *f, struct srv *srv, bool smb1, bool json)
{
	bool first = true;

	pthread_mutex_lock(&srv->lock);
	list_for_each(n, &srv->shares) {
		const struct srv_share *share = list_entry(n, struct srv_share, link);

		if (share->kind == SRV_SHARE_IPC)
			continue;
		if (json) {
			fputs(first ? "" : ",", f);
			json_share(f, share, smb1);
		} else {
			text_share(f, share, smb1);
		}
		first = false;
	}
	pthread_mutex_unlock(&srv->lock);
}

static void put_sessions(FILE *f, const struct sessions *all, bool json)
{
	struct session_row row;
	bool first = true;

	for (size_t i = 0; i < all->count; i++) {
		if (!look_at(all->all[i], &row))
			continue;
		if (json) {
			fputs(first ? "" : ",", f);
			json_session(f, &row);
		} else {
			if (first)
				fprintf(f, "  %-20s %-24s %-6s %-10s %6s %6s  %s\n", "USER", "CLIENT", "SMB", "PROTECTION", "SHARES", "FILES", "SINCE");
			text_session(f, &row);
		}
		first = false;
	}
	if (first && !json)
		fputs("  nobody has logged on\n", f);
}

static void write_all(FILE *f, struct srv *srv, const struct srv_listening *l, size_t n, const struct sessions *all, bool json)
{
	char time[TIME_BYTES];
	uint32_t conns, strangers;
	bool smb1 = false;

	pthread_mutex_lock(&srv->lock);
	conns = srv->conn_count;
	strangers = srv->stranger_count;
	pthread_mutex_unlock(&srv->lock);
	if (json)
		fprintf(f, "{\"version\":\"%s\",\"since\":%lld,\"connections\":%u,\"logging_on\":%u,\"listeners\":[", HYTHE_VERSION,
			(long long)unix_time(srv->start_filetime), conns, strangers);
	else
		fprintf(f, "Hythe %s, since %s\nconnections\n  %u, %u not logged on\nlistens on\n", HYTHE_VERSION,
			when(time, unix_time(srv->start_filetime)), conns, strangers);
	for (size_t i = 0; i < n; i++)
		smb1 = smb1 || l[i].smb1;
	put_listeners(f, l, n, json);
	if (json)
		fputs("],\"shares\":[", f);
	else
		fprintf(f, "shares\n  %-20s %6s  %s\n", "NAME", "IN USE", "DIRECTORY");
	put_shares(f, srv, smb1, json);
	fputs(json ? "],\"sessions\":[" : "sessions\n", f);
	put_sessions(f, all, json);
	if (json)
		fputs("]}\n", f);
}

char *srv_status(struct srv *srv, const struct srv_listening *l, size_t n, bool json)
{
	struct sessions all = {0};
	char *text = NULL;
	size_t size;
	FILE *f = sessions_take(srv, &all) ? open_memstream(&text, &size) : NULL;

	if (f) {
		write_all(f, srv, l, n, &all, json);
		if (fclose(f) != 0) {
			free(text);
			text = NULL;
		}
	}
	sessions_put(&all);
	return text;
}
