/* Opening files, as TRANSACTION2 and NT_TRANSACT need it, too. */
#ifndef SERVER_SMB1_OPENING_H
#define SERVER_SMB1_OPENING_H

#include "server/smb1/op.h"

/* What NT_CREATE_ANDX and NT_TRANSACT_CREATE ask for alike. */
struct srv1_nt_wish {
	uint32_t flags, root_fid, desired_access, attributes, share_access, disposition, options, impersonation_level;
	uint64_t allocation_size;
};

/* A CREATE of that name; NULL: *status. */
struct smb2_create_req *srv1_create_call(struct srv1_op *op, struct slice raw, ntstatus *status) MUST_USE;
/* Adds a context of four letters. false: no memory. */
bool srv1_create_context(struct srv1_op *op, struct smb2_create_req *in, const char *name, struct slice data) MUST_USE;
ntstatus srv1_nt_create_fill(struct srv1_op *op, struct smb2_create_req *c, const struct srv1_nt_wish *wish) MUST_USE;
/* AccessMode and OpenMode of DOS: OS2_INVALID_ACCESS. The name has to be in c. */
ntstatus srv1_dos_access(struct srv1_op *op, struct smb2_create_req *c, uint16_t mode) MUST_USE;
ntstatus srv1_dos_disposition(struct smb2_create_req *c, uint16_t open_mode, uint16_t access_mode) MUST_USE;
/* A CREATE of DOS's has failed: the process may have the file open itself in a way that it shares with itself. */
void srv1_share_with_self(struct srv1_op *op);
uint8_t srv1_dos_oplock(bool exclusive, bool batch);
/* After a CREATE that others stand in the way of: it is tried again. Return SRV1_WAIT. */
bool srv1_stands_back(struct srv1_op *op) MUST_USE;
/* After a successful CREATE: op->open, and a FID for it. */
ntstatus srv1_opened_fid(struct srv1_op *op, uint16_t *fid) MUST_USE;
uint16_t srv1_dos_granted(const struct srv1_op *op);
uint16_t srv1_dos_result(const struct srv1_op *op, const struct smb2_create_rsp *rsp);
/* Of the answer to a CREATE that asked for it. */
uint32_t srv1_maximal_access(const struct smb2_create_rsp *rsp);
/* A SET_INFO that makes op->open's file that long. NULL: no memory. */
struct smb2_set_info_req *srv1_set_size(struct srv1_op *op, uint64_t size) MUST_USE;
/* A SET_INFO of any kind. */
struct smb2_set_info_req *srv1_set_info(struct srv1_op *op, struct srv_open *o, uint8_t type, uint8_t class, struct slice data) MUST_USE;
struct smb2_query_info_req *srv1_query_info(struct srv1_op *op, struct srv_open *o, uint8_t type, uint8_t class, uint32_t room) MUST_USE;

#endif
