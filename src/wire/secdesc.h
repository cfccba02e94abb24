/* Security descriptors in self-relative form: [MS-DTYP] 2.4.2 (SID), 2.4.4 (ACE), 2.4.5 (ACL), 2.4.6. Used for QUERY_INFO and
 * SET_INFO of InfoType 3, the create context SecD and the store's NT ACLs. Nothing here decides about access. */
#ifndef WIRE_SECDESC_H
#define WIRE_SECDESC_H

#include "wire/wire.h"

enum { SID_MAX_SUBS = 15, SID_MAX_BYTES = 8 + 4 * SID_MAX_SUBS, SID_TEXT_CHARS = 188 };

struct sid {
	uint8_t revision;     /* 1 */
	uint8_t sub_count;    /* <= 15 */
	uint8_t authority[6]; /* big-endian */
	uint32_t subs[SID_MAX_SUBS];
};
/* Cursor anywhere; 8 + 4 * sub_count bytes. */
void sid_code(struct wire *w, const char *name, struct sid *m);
static inline size_t sid_size(const struct sid *s)
{
	return 8 + 4 * (size_t)s->sub_count;
}
bool sid_equal(const struct sid *a, const struct sid *b);
/* "S-1-5-21-..." */
void sid_text(char out[SID_TEXT_CHARS], const struct sid *s);
bool sid_from_text(struct sid *s, const char *text);
/* S-1-`authority`-sub[0]-... */
struct sid sid_make(uint8_t authority, uint8_t sub_count, const uint32_t *subs);

enum ace_type {
	ACE_ACCESS_ALLOWED = 0, ACE_ACCESS_DENIED = 1, ACE_SYSTEM_AUDIT = 2, ACE_ACCESS_ALLOWED_OBJECT = 5, ACE_ACCESS_DENIED_OBJECT = 6,
	ACE_SYSTEM_AUDIT_OBJECT = 7, ACE_ACCESS_ALLOWED_CALLBACK = 9, ACE_ACCESS_DENIED_CALLBACK = 0xA, ACE_SYSTEM_MANDATORY_LABEL = 0x11,
	ACE_SYSTEM_RESOURCE_ATTRIBUTE = 0x12, ACE_SYSTEM_SCOPED_POLICY_ID = 0x13
};
enum {
	ACE_OBJECT_INHERIT = 1, ACE_CONTAINER_INHERIT = 2, ACE_NO_PROPAGATE_INHERIT = 4, ACE_INHERIT_ONLY = 8, ACE_INHERITED = 0x10,
	ACE_SUCCESSFUL_ACCESS = 0x40, ACE_FAILED_ACCESS = 0x80
};
struct ace {
	uint8_t type, flags;
	uint32_t mask;
	uint32_t object_flags;              /* object types: 1 object_type, 2 inherited_object_type is there */
	struct guid object_type, inherited_object_type;
	struct sid sid;
	struct slice extra;                 /* what follows the SID; for a type without mask and SID all that follows the header */
};
struct acl {
	uint8_t revision;                   /* 2, or 4 with object types */
	uint16_t ace_count;
	struct ace *aces;                   /* in the cursor's arena after decoding */
};

/* 2.4.6 Control */
enum {
	SD_OWNER_DEFAULTED = 0x0001, SD_GROUP_DEFAULTED = 0x0002, SD_DACL_PRESENT = 0x0004, SD_DACL_DEFAULTED = 0x0008,
	SD_SACL_PRESENT = 0x0010, SD_SACL_DEFAULTED = 0x0020, SD_DACL_AUTO_INHERIT_REQ = 0x0100, SD_SACL_AUTO_INHERIT_REQ = 0x0200,
	SD_DACL_AUTO_INHERITED = 0x0400, SD_SACL_AUTO_INHERITED = 0x0800, SD_DACL_PROTECTED = 0x1000, SD_SACL_PROTECTED = 0x2000,
	SD_RM_CONTROL_VALID = 0x4000, SD_SELF_RELATIVE = 0x8000
};
struct secdesc {
	uint8_t resource_manager_control;   /* Sbz1 */
	uint16_t control;                   /* SELF_RELATIVE is added while encoding; *_PRESENT say whether the ACLs are there */
	struct sid *owner, *group;          /* NULL: none */
	struct acl *dacl, *sacl;            /* PRESENT and NULL: the null ACL, which grants everything */
	bool system_owner;                  /* not coded: owner and group are the system's by other names, see server/acl.h */
};
/* base is the descriptor's first byte, pos 0. Decoding takes the parts in any order and needs an arena. */
void secdesc_code(struct wire *w, struct secdesc *m);
/* Bytes that encoding takes. */
size_t secdesc_size(const struct secdesc *m);

#endif
