/* The reference model of test_fsa_model.c: share modes, deletion, byte-range locks, oplocks and leases of a few files as [MS-FSA] and
 * [MS-SMB2] 3.3.1.4, 3.3.4.6, 3.3.4.7, 3.3.5.9 to 3.3.5.22 have them, in plain arrays that are searched from end to end. It shares
 * nothing with src/fsa and src/server. An operation goes in, and out come all the messages that it must bring to all clients. */
#ifndef SIM_FSA_MODEL_H
#define SIM_FSA_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include <hythe/status.h>

enum { M_CONNS = 4, M_OPENS = 64, M_NODES = 160, M_GRANTS = 96, M_LOCKS = 256, M_WAITS = 64, M_EXPECTED = 256, M_RANGES = 3 };
enum { M_R = 1, M_H = 2, M_W = 4, M_ALL = 7 };
enum { M_LEVEL_NONE = 0, M_LEVEL_II = 1, M_LEVEL_EXCLUSIVE = 8, M_LEVEL_BATCH = 9, M_LEVEL_LEASE = 0xFF };
enum { M_SUPERSEDE, M_OPEN, M_CREATE, M_OPEN_IF, M_OVERWRITE, M_OVERWRITE_IF };
enum { M_LOCK_SHARED = 1, M_LOCK_EXCLUSIVE = 2, M_LOCK_UNLOCK = 4, M_LOCK_FAIL = 0x10 };
enum { M_NOBODY = -1, M_DIRECTORY_ITSELF = -1, M_ROOT = 0, M_DIRECTORY = 1, M_DIRECTORY_NAME = 3 };

/* The clients behind the connections: 0 and 1 are one client, 2 another, 3 a third that speaks 2.1. */
enum m_kind {
	M_DO_CREATE, M_DO_CLOSE, M_DO_READ, M_DO_WRITE, M_DO_LOCK, M_DO_CANCEL, M_DO_DISPOSITION, M_DO_RENAME, M_DO_SIZE, M_DO_ATTRIBUTES,
	M_DO_ACK_OPLOCK, M_DO_ACK_LEASE, M_DO_TREE_DISCONNECT, M_DO_LOGOFF, M_DO_DISCONNECT, M_DO_TIME
};

struct m_op {
	enum m_kind kind;
	int conn;
	uint64_t message_id;
	int open;                          /* of most: its index ... */
	uint64_t persistent;               /* ... and its id, by which the server finds it */
	int dir, name;                     /* CREATE, RENAME: M_ROOT or M_DIRECTORY; which of its files, or the directory itself */
	int dir_name;                      /* what M_DIRECTORY was called when the path was written */
	bool stream, doc, replace, pending; /* CREATE of the file's stream; DELETE_ON_CLOSE; RENAME; DISPOSITION */
	uint32_t access, share, disposition;
	uint8_t level;                     /* CREATE, ACK_OPLOCK */
	uint8_t key, parent;               /* of leases, 0: none */
	uint8_t state;                     /* CREATE, ACK_LEASE */
	uint16_t epoch;
	bool v1;
	uint64_t offset, length;           /* READ, WRITE, SIZE */
	struct { uint64_t offset, length; uint32_t flags; } ranges[M_RANGES];
	int range_count;
	uint64_t target_id;                /* CANCEL: the message id of what is cancelled */
	unsigned ms;                       /* TIME */
};

enum m_message { M_ANSWER, M_INTERIM, M_OPLOCK_BREAK, M_LEASE_BREAK };

/* A message that must come. */
struct m_expected {
	enum m_message what;
	int conn;
	uint64_t message_id;
	enum m_kind kind;
	ntstatus status;
	int open;                          /* CREATE: what it made; a break: whose ... */
	uint64_t persistent;               /* ... and its id, 0: it comes with the answer to its CREATE */
	uint8_t level;
	uint32_t action;
	uint64_t size;                     /* CREATE: the file's; READ: how much comes */
	bool leased, v2;
	uint8_t key, from, to;             /* to: also what was granted */
	uint32_t flags;
	uint16_t epoch;
};

struct m_node {
	bool used, directory, linked, pending, is_stream;
	int file;                          /* of a stream; of a file itself */
	int dir, name;                     /* dir: a node */
	uint64_t size;
};
struct m_grant {
	bool used, lease, v2, breaking;
	int client, node;
	uint8_t key, state, to, wanted, held;
	uint16_t epoch;
	uint64_t order, deadline;
	/* The break was told on that connection; whether it has arrived there is looked at then (0: not, or it has), and `lost` is the answer. */
	int told_on;
	uint64_t arrives;
	bool lost;
	uint8_t told_from, told_to;
	uint16_t told_epoch;
};
struct m_open {
	bool used, doc, has_parent, written;
	int conn, node, grant;
	uint32_t access, share;
	uint8_t parent;
	uint64_t order, persistent, volatile_id; /* the ids are the driver's */
};
struct m_lock {
	bool used, exclusive;
	int open;
	uint64_t offset, length;
};
/* A request that waits; those of one node in their order. */
struct m_wait {
	bool used;
	int node;
	uint64_t order, woken;             /* woken: when, 0: it sleeps */
	struct m_op op;
};

struct m_model {
	struct m_node nodes[M_NODES];      /* the first are M_ROOT and M_DIRECTORY */
	struct m_grant grants[M_GRANTS];
	struct m_open opens[M_OPENS];
	struct m_lock locks[M_LOCKS];
	struct m_wait waits[M_WAITS];
	struct m_expected expected[M_EXPECTED];
	int expected_count;
	bool conn_dead[M_CONNS];
	uint64_t conn_order[M_CONNS];      /* since when it has leases, 0: it has none */
	uint64_t now_ms, order;
	bool overflow;                     /* an array was too small */
};

void m_start(struct m_model *m);
int m_client_of(int conn);
/* Carries out what has come at once. What must come is in m->expected from then on. */
void m_run(struct m_model *m, const struct m_op *ops, int n);
/* Time passes; ends at the first moment at which something is due. How much has passed. */
unsigned m_pass(struct m_model *m, unsigned ms);

#endif
