/* Byte-range locks as the system has them, too, on shares with mirror_locks ([MS-SMB2] 3.3.5.14 knows of no others than clients). */
#ifndef SERVER_LOCK_H
#define SERVER_LOCK_H

#include "server/open.h"

/* As fsa_lock and fsa_unlock. *local: local programs stand in the way, and nobody else. */
ntstatus srv_locks_take(struct srv_open *o, const struct fsa_range *ranges, size_t n, bool *local) MUST_USE;
ntstatus srv_locks_give(struct srv_open *o, const struct fsa_range *ranges, size_t n) MUST_USE;
/* A lock that was waited for has been granted by fsa, now by the system: LOCK_NOT_GRANTED, and it is given back. */
ntstatus srv_lock_granted(struct srv_open *o, const struct fsa_range *range) MUST_USE;
/* The open is closed. */
void srv_locks_end(struct srv_open *o);
/* Whether local programs see the locks of that open. */
bool srv_locks_mirrored(const struct srv_open *o);

#endif
