/* Transactions: what the three commands and their secondary requests have in common ([MS-CIFS] 3.2.4.1.5, 3.3.5.31, 3.3.5.37, 3.3.5.49). A transaction's handler sees parameters and
 * data whole, however many messages they came in, and answers whole; the answer is cut to what the client takes. */
#ifndef SERVER_SMB1_TRANSACT_H
#define SERVER_SMB1_TRANSACT_H

#include "server/smb1/op.h"

struct srv1_transaction {
	/* The request. */
	uint8_t command;
	uint16_t function;            /* NT_TRANSACT; else setup word 0 */
	struct slice setup, name, parameters, data;
	uint32_t max_parameters, max_data;
	/* While parts of it are still to come. */
	uint8_t *memory;              /* parameters, then data; NULL: they are in the message */
	size_t total_parameters, total_data, got_parameters, got_data;
	/* The answer. */
	struct slice out_setup, out_parameters, out_data;
	srv1_handler run;
	void *state;                  /* the function's own */
	bool answered;
};

static inline struct srv1_transaction *srv1_t(struct srv1_op *op)
{
	return op->transaction;
}
void srv1_transaction_free(struct srv1_transaction *t);
/* Decodes the parameters with one of the coders of wire/smb1/trans.h. */
#define SRV1_PARAMETERS(op, name, m)                                                                                   \
	({                                                                                                             \
		struct wire w_ = smb1_part_decoder(srv1_t(op)->parameters, srv1_unicode(op), &(op)->arena);            \
		smb1_##name##_code(&w_, m);                                                                            \
		wire_ok(&w_);                                                                                          \
	})
/* Encodes the answer's parameters. false: no memory. */
#define SRV1_PARAMETERS_OUT(op, name, m)                                                                               \
	({                                                                                                             \
		uint8_t *p_ = arena_alloc(&(op)->arena, 256);                                                          \
		struct wire w_ = smb1_part_encoder(p_, p_ ? 256 : 0, srv1_unicode(op));                                \
		smb1_##name##_code(&w_, m);                                                                            \
		srv1_t(op)->out_parameters = slice_of(p_, w_.pos);                                                     \
		p_ && wire_ok(&w_);                                                                                    \
	})

/* The SMB_FEA_LIST in the data as FILE_FULL_EA_INFORMATION, in the arena. */
ntstatus srv1_ea_list(struct srv1_op *op, struct slice *out) MUST_USE;
struct smb2_create_req;
/* The SMB_FEA_LIST in the data, for what that CREATE makes. */
ntstatus srv1_take_eas(struct srv1_op *op, struct smb2_create_req *c) MUST_USE;

/* Functions: trans2_find.c, trans2_open.c, trans2_info.c, nt_transact.c, pipes.c. */
enum srv1_next srv1_open2(struct srv1_op *op);
enum srv1_next srv1_find_first2(struct srv1_op *op);
enum srv1_next srv1_find_next2(struct srv1_op *op);
enum srv1_next srv1_query_fs(struct srv1_op *op);
enum srv1_next srv1_query_path(struct srv1_op *op);
enum srv1_next srv1_query_file(struct srv1_op *op);
enum srv1_next srv1_set_path(struct srv1_op *op);
enum srv1_next srv1_set_file(struct srv1_op *op);
enum srv1_next srv1_trans2_mkdir(struct srv1_op *op);
enum srv1_next srv1_nt_create(struct srv1_op *op);
enum srv1_next srv1_nt_ioctl(struct srv1_op *op);
enum srv1_next srv1_nt_notify(struct srv1_op *op);
enum srv1_next srv1_nt_query_security(struct srv1_op *op);
enum srv1_next srv1_nt_set_security(struct srv1_op *op);
enum srv1_next srv1_pipe(struct srv1_op *op);

#endif
