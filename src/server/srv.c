/* The server's own state: what exists before the first connection and after the last. */
#include "server/srv.h"

#include "base/random.h"
#include "server/durable.h"

#include <stdlib.h>

static const struct srv_limits default_limits = {
	.connections = 100000,
	.unauthenticated = 256,
	.sessions_per_connection = 512,
	.sessions_of_strangers = 16,
	.anonymous_trees_and_opens = 64,
	.trees_per_session = 4096,
	.opens_per_session = 65536,
	.locks_per_session = 100000,
	.disconnected_opens = 8192,
	.disconnected_opens_per_user = 2048,
	.durable_timeout_ms = 60000,
	.durable_timeout_most_ms = 300000,
	.share_instances = 4096,
	.share_instances_per_user = 256,
	.parked_per_connection = 1024,
	.unsent_per_connection = 512 << 10,
	.workers_waiting = 16,
	.store_waits = 32,
	.login_timeout_ms = 45000,
	.frame_timeout_ms = 60000,
	.idle_timeout_ms = 0,
};

static struct srv_share *ipc_share(void)
{
	struct srv_share *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->refs = 1;
	s->kind = SRV_SHARE_IPC;
	memcpy(s->name, "IPC$", 5);
	memcpy(s->comment, "Remote IPC", 11);
	list_init(&s->link);
	return s;
}

ntstatus srv_init(struct srv *s, const struct clock *clock)
{
	struct srv_share *ipc = ipc_share();
	struct srv_durables *durables = srv_durables_new();

	if (!ipc || !durables) {
		srv_share_put(ipc);
		srv_durables_free(durables);
		return STATUS_NO_MEMORY;
	}
	*s = (struct srv){.clock = clock, .limits = default_limits, .durables = durables};
	proto_config_default(&s->proto, true);
	s->start_filetime = clock_filetime(clock);
	/* Ids of this run are not those of the last. */
	s->next_session_id = (random_u64() & 0xFFFFFFF) + 1;
	s->next_open_id = (random_u64() & 0xFFFFFFF) + 1;
	list_init(&s->conns);
	list_init(&s->shares);
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->grant_lock, NULL);
	pthread_mutex_init(&s->mirror_lock, NULL);
	pthread_mutex_init(&s->local_lock, NULL);
	pthread_cond_init(&s->drained, NULL);
	pthread_cond_init(&s->session_left, NULL);
	srv_share_add(s, ipc);
	return STATUS_SUCCESS;
}

void srv_destroy(struct srv *s)
{
	while (!list_empty(&s->shares)) {
		struct srv_share *share = list_entry(s->shares.next, struct srv_share, link);

		list_remove(&share->link);
		srv_share_put(share);
	}
	htab_free(&s->sessions);
	htab_free(&s->leases);
	htab_free(&s->lease_conns);
	pthread_mutex_destroy(&s->local_lock);
	pthread_mutex_destroy(&s->mirror_lock);
	pthread_mutex_destroy(&s->grant_lock);
	pthread_cond_destroy(&s->session_left);
	pthread_cond_destroy(&s->drained);
	srv_durables_free(s->durables);
	pthread_mutex_destroy(&s->lock);
}
