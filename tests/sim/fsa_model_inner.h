/* What the parts of the reference model share, see fsa_model.h. */
#ifndef SIM_FSA_MODEL_INNER_H
#define SIM_FSA_MODEL_INNER_H

#include "fsa_model.h"

/* All offsets that lie in a file are below it. */
enum { M_PAGE = 16 };
enum {
	M_READ_DATA = 1, M_WRITE_DATA = 2, M_APPEND = 4, M_EXECUTE = 0x20, M_READ_ATTRIBUTES = 0x80, M_WRITE_ATTRIBUTES = 0x100,
	M_DELETE = 0x10000, M_READ_CONTROL = 0x20000, M_SYNCHRONIZE = 0x100000
};
enum { M_SHARE_READ = 1, M_SHARE_WRITE = 2, M_SHARE_DELETE = 4, M_SHARE_ALL = 7 };

/* An operation under way: what it answers, and what it waits for. */
struct m_doing {
	struct m_model *m;
	const struct m_op *op;
	struct m_expected answer;
	int awaited;
};

struct m_expected *m_expect(struct m_model *m, const struct m_expected *e);
int m_lookup(const struct m_model *m, int dir, int name);
int m_stream_of(const struct m_model *m, int file);
int m_node_new(struct m_model *m);
int m_opens_of(const struct m_model *m, int node);
int m_stream_opens_of(const struct m_model *m, int file);
int m_lease_find(const struct m_model *m, int client, uint8_t key);
int m_grant_new(struct m_model *m, int node);
struct m_grant *m_grant_in_order(struct m_model *m, int node, int n);
struct m_wait *m_wait_first(struct m_model *m, int node, bool lock);
void m_node_event(struct m_model *m, int node);
void m_break(struct m_model *m, struct m_grant *g, uint8_t left);
void m_lease_answered(struct m_model *m, struct m_grant *g, uint8_t state);
void m_written(struct m_model *m, int open);
void m_directory_changed(struct m_model *m, int dir, int open);
bool m_lock_conflicts(const struct m_model *m, int open, uint64_t offset, uint64_t length, bool exclusive);
bool m_io_conflicts(const struct m_model *m, int open, uint64_t offset, uint64_t length, bool write);
void m_lock_add(struct m_model *m, int open, uint64_t offset, uint64_t length, bool exclusive);
void m_grant(struct m_model *m, int open, const struct m_op *op);
/* Rights with which one only looks at a file. */
bool m_looks(uint32_t access);
/* fsa_model_create.c */
ntstatus m_create(struct m_doing *d);
/* An open with these rights that shares that much does not go together with those of the node. */
bool m_share_conflicts(const struct m_model *m, int node, uint32_t access, uint32_t share);
bool m_forbids_deletion(uint32_t access, uint32_t share);
/* Carries op out; whoever is woken by it has not tried again yet. */
void m_do(struct m_model *m, const struct m_op *op);
/* Lets all who have been woken try again. */
void m_wake(struct m_model *m);

#endif
