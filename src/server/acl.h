/* What protects a file: the descriptor that was set on it, kept in an extended attribute where Samba keeps its own, or else one
 * made from owner, group and mode. Everybody works as the user that the server runs as; that user's SIDs are the token. */
#ifndef SERVER_ACL_H
#define SERVER_ACL_H

#include "vfs/vfs.h"
#include "wire/secdesc.h"

enum { ACL_PART_OWNER = 1, ACL_PART_GROUP = 2, ACL_PART_DACL = 4, ACL_PART_SACL = 8, ACL_PART_LABEL = 0x10 };

/* The file's descriptor, whole, in the arena; NULL: out of memory. *stored: it was set. */
struct secdesc *srv_acl_load(struct vfs_file *f, const struct vfs_stat *st, struct arena *a, bool *stored) MUST_USE;
/* NOT_SUPPORTED where the store has no place for it. */
ntstatus srv_acl_store(struct vfs_file *f, struct secdesc *sd, struct arena *a) MUST_USE;
/* Replaces parts of `sd` by those of `with`, flags of control included ([MS-DTYP] 2.5.3.4.1). */
void srv_acl_replace(struct secdesc *sd, const struct secdesc *with, uint32_t parts);
/* The rights that it gives, [MS-DTYP] 2.5.3.2. */
uint32_t srv_acl_grants(const struct secdesc *sd);
/* The ids that the server runs under, which do not change. */
uint32_t srv_acl_uid(void);
uint32_t srv_acl_gid(void);
/* Whether the token may make that SID an owner. */
bool srv_acl_in_token(const struct sid *sid);

#endif
