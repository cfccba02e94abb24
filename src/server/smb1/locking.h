/* Locks of one range, as LOCK_AND_READ and WRITE_AND_UNLOCK need them, too. */
#ifndef SERVER_SMB1_LOCKING_H
#define SERVER_SMB1_LOCKING_H

#include "server/smb1/op.h"

/* Those of SMB2's LOCK, [MS-SMB2] 2.2.26.1. */
enum { SRV1_LOCK_SHARED = 1, SRV1_LOCK_EXCLUSIVE = 2, SRV1_UNLOCK = 4, SRV1_LOCK_AT_ONCE = 0x10 };
/* Asks for it on op->open. false: no memory. */
bool srv1_lock_call(struct srv1_op *op, uint64_t offset, uint64_t length, uint32_t flags) MUST_USE;
/* The status of a lock that was not to be had: who asks for the same again is told of a conflict. */
ntstatus srv1_lock_failed(struct srv1_op *op, uint64_t offset, ntstatus status);

#endif
