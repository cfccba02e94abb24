/* Around the reference model (fsa_model.h): random operations, and their way to a simulated server and back. */
#ifndef SIM_FSA_MODEL_DRIVER_H
#define SIM_FSA_MODEL_DRIVER_H

#include "sim.h"

#include "fsa_model.h"

enum { DRIVER_LOG = 40 };

struct driver {
	struct sim sim;
	struct raw raw[M_CONNS];
	struct m_model model;
	uint64_t seed, random, done;
	struct m_op log[DRIVER_LOG];   /* the last operations, a ring */
	uint64_t closing;              /* opens that are being closed, a bit each */
	bool trace;
};

/* A message that came, as the model has it. */
struct driver_message {
	struct m_expected e;
	struct smb2_file_id id;        /* CREATE: of the open; an oplock's break: whose */
	bool decoded;                  /* more than its status is known */
};

/* fsa_model_wire.c */
void driver_connect(struct driver *d, int conn);
void driver_disconnect(struct driver *d, int conn);
/* After LOGOFF (session) or TREE_DISCONNECT. */
void driver_log_on_again(struct driver *d, int conn, bool session);
/* Runs the server until nothing is left to do at this moment. */
void driver_settle(struct driver *d);
void driver_send(struct driver *d, const struct m_op *op);
/* Takes the next message that connection has got; false: there is none. */
bool driver_receive(struct driver *d, int conn, struct driver_message *out);

/* fsa_model_random.c */
/* conn: whose, M_NOBODY: anybody's. */
struct m_op driver_random(struct driver *d, int conn);
void driver_print_op(const struct m_op *op);
void driver_print_message(const char *what, const struct m_expected *e);

#endif
