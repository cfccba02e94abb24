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
/* Replaces parts of `sd` by those of `with`, flags of control included ([MS-DTYP] 2.5.3.4.1); as_set: AUTO_INHERITED, too, without
 * the flag that asks for it. */
void srv_acl_replace(struct secdesc *sd, const struct secdesc *with, uint32_t parts, bool as_set);
/* Adds to the descriptor of a new file, whose owner and group are set, what that of its directory hands on. explicit_dacl: the
 * list in sd was asked for. *changed: something was inherited. false: out of memory, or too much. */
bool srv_acl_inherit(struct secdesc *sd, const struct secdesc *parent, bool explicit_dacl, bool directory, struct arena *a, bool *changed) MUST_USE;
/* The rights to a file: by the descriptor that was set on it, else by its mode; READONLY takes writing away in any case. */
uint32_t srv_acl_access(struct vfs_file *f, const struct vfs_stat *st, struct arena *a);
/* The rights that it gives, [MS-DTYP] 2.5.3.2. st: of its file, NULL if there is none: an account of Samba's that owns a file of our
 * uid, and likewise its group, is in the token, too. */
uint32_t srv_acl_grants(const struct secdesc *sd, const struct vfs_stat *st);
/* Gives a new file's descriptor the owner and group that Samba would, if `parent`, that of its directory, shows whom it calls us. */
void srv_acl_follow_owner(struct secdesc *sd, const struct secdesc *parent, const struct vfs_stat *parent_stat);
/* The ids that the server runs under, which do not change. */
uint32_t srv_acl_uid(void);
uint32_t srv_acl_gid(void);
/* Whether the token may make that SID an owner. */
bool srv_acl_in_token(const struct sid *sid);

#endif
