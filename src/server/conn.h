/* A connection ([MS-SMB2] 3.3.1.7). Referenced by net (until it is destroyed) and by requests. */
#ifndef SERVER_CONN_H
#define SERVER_CONN_H

#include "server/request.h"
#include "server/session.h"
#include "server/srv.h"

struct srv_conn {
	_Atomic uint32_t refs;
	struct srv *srv;
	struct net_conn *net;
	struct list_node link;           /* in srv->conns */
	struct htab_node by_client;      /* in srv->lease_conns, if lease_order is not 0; under srv->grant_lock */
	uint64_t lease_order;            /* all-ones: not any more */
	struct proto_conn proto;         /* written under the receive token until a dialect is chosen, then constant */
	uint64_t created_ms;
	_Atomic bool stranger;           /* counted in srv->stranger_count */
	_Atomic bool trusted;            /* somebody with a name has logged on */
	bool smb1_allowed;               /* where it has come in; constant */
	struct srv1_conn *smb1;          /* it speaks SMB1; set once, under the receive token */
	struct srv_coming *coming;       /* the large frame that is coming in; under the receive token */
	char peer[64];
	_Atomic uint8_t test_read_padding; /* bytes before the data of READ responses, set by a test aid */
	_Atomic bool test_unacked;         /* what is sent counts as not arriving; likewise */

	pthread_mutex_t lock;            /* of what follows */
	struct proto_window window;
	struct list_node channels;       /* srv_channel.on_conn: the sessions of this connection */
	uint32_t channel_count;
	struct list_node parked;         /* srv_request.link */
	uint32_t parked_count;
	uint64_t next_async_id;
	bool gone;
};

struct srv_turn;

struct srv_conn *srv_conn_ref(struct srv_conn *c);
void srv_conn_put(struct srv_conn *c);
/* The connection has logged on. */
void srv_conn_known(struct srv_conn *c);
/* The session of that id on this connection, referenced; NULL: none. It may be about to be bound only. */
struct srv_channel *srv_conn_channel(struct srv_conn *c, uint64_t id) MUST_USE;

/* A frame from net, whole: decrypts, walks the elements, answers through the turn's batch. *passed_on: the
 * receive token went to another worker, and with it the frames behind this one. false: the connection is to be dropped. */
bool srv_frame_run(struct srv_conn *c, struct net_frame *f, struct srv_turn *turn, bool *passed_on) MUST_USE;

struct net_sink;
struct net_frame;
/* The head of a large frame: where the rest goes, or NULL, then it has to come whole. */
struct net_sink *srv_frame_begun(struct srv_conn *c, const struct net_frame *head, size_t len) MUST_USE;

#endif
