/* Security descriptors, access control lists and their entries. [MS-DTYP] 2.4.4, 2.4.5, 2.4.6. Every size and count is checked
 * against the window of what contains it, before memory is taken. */
#include "wire/secdesc.h"

enum { SD_HEADER = 20, ACL_HEADER = 8, ACE_HEADER = 4 };
enum ace_form { ACE_FORM_RAW, ACE_FORM_SID, ACE_FORM_OBJECT };

/* [MS-DTYP] 2.4.4.1: what follows the header of an entry. */
static enum ace_form ace_form_of(uint8_t type)
{
	static const uint8_t forms[] = {
		[0x00] = ACE_FORM_SID, [0x01] = ACE_FORM_SID, [0x02] = ACE_FORM_SID, [0x03] = ACE_FORM_SID,
		[0x05] = ACE_FORM_OBJECT, [0x06] = ACE_FORM_OBJECT, [0x07] = ACE_FORM_OBJECT, [0x08] = ACE_FORM_OBJECT,
		[0x09] = ACE_FORM_SID, [0x0A] = ACE_FORM_SID, [0x0B] = ACE_FORM_OBJECT, [0x0C] = ACE_FORM_OBJECT,
		[0x0D] = ACE_FORM_SID, [0x0E] = ACE_FORM_SID, [0x0F] = ACE_FORM_OBJECT, [0x10] = ACE_FORM_OBJECT,
		[0x11] = ACE_FORM_SID, [0x12] = ACE_FORM_SID, [0x13] = ACE_FORM_SID,
	};

	return type < ARRAY_LEN(forms) ? (enum ace_form)forms[type] : ACE_FORM_RAW;
}

/* [MS-DTYP] 2.4.4.2 to 2.4.4.17: what follows the ACE_HEADER. */
static void ace_body_code(struct wire *w, struct ace *m)
{
	enum ace_form form = ace_form_of(m->type);

	if (form != ACE_FORM_RAW)
		wire_u32(w, "Mask", &m->mask);
	if (form == ACE_FORM_OBJECT) {
		wire_u32(w, "Flags", &m->object_flags);
		if (m->object_flags & 1)
			wire_guid(w, "ObjectType", &m->object_type);
		if (m->object_flags & 2)
			wire_guid(w, "InheritedObjectType", &m->inherited_object_type);
	}
	if (form != ACE_FORM_RAW)
		sid_code(w, "Sid", &m->sid);
	wire_rest(w, "ApplicationData", &m->extra);
}

/* [MS-DTYP] 2.4.4. Entries are padded to four bytes. */
static void ace_code(struct wire *w, struct ace *m)
{
	size_t start = w->pos;
	uint16_t size = 0;

	wire_group(w, "Ace");
	wire_u8(w, "AceType", &m->type);
	if (w->dir == WIRE_GENERATE)
		m->type = (uint8_t)wire_random(w, 0x15);
	wire_u8(w, "AceFlags", &m->flags);
	if (w->dir == WIRE_DECODE) {
		struct wire body;

		wire_u16(w, "AceSize", &size);
		body = wire_window(w, w->pos, size < ACE_HEADER ? SIZE_MAX : (size_t)size - ACE_HEADER);
		ace_body_code(&body, m);
		wire_adopt(w, &body);
		if (wire_ok(w))
			w->pos = start + size;
		return;
	}
	if (w->dir == WIRE_ENCODE)
		wire_u16(w, "AceSize", &size);
	ace_body_code(w, m);
	wire_pad_to(w, start + round_up(w->pos - start, 4));
	wire_patch(w, "AceSize", start + 2, 2, w->pos - start);
	wire_group_end(w);
}

/* [MS-DTYP] 2.4.5 */
static void acl_code(struct wire *w, struct acl *m)
{
	size_t start = w->pos;
	uint16_t size = 0;

	wire_u8(w, "AclRevision", &m->revision);
	wire_reserved(w, 1);
	if (w->dir == WIRE_DECODE || w->dir == WIRE_ENCODE)
		wire_u16(w, "AclSize", &size);
	wire_count16(w, "AceCount", &m->ace_count, UINT16_MAX);
	wire_reserved(w, 2);
	if (w->dir == WIRE_DECODE && wire_ok(w)) {
		if (size < ACL_HEADER || size > w->end - start)
			wire_fail(w, STATUS_INVALID_PARAMETER, "AclSize");
		else
			w->end = start + size;
	}
	m->aces = wire_array(w, "AceCount", m->ace_count, sizeof(*m->aces), ACE_HEADER, m->aces);
	if (!m->aces)
		m->ace_count = 0;
	for (size_t i = 0; i < m->ace_count && wire_ok(w); i++)
		ace_code(w, &m->aces[i]);
	wire_patch(w, "AclSize", start + 2, 2, w->pos - start);
}

static struct sid *sid_part_decode(struct wire *w, const char *name, uint32_t offset)
{
	struct wire in = wire_window(w, offset, offset < SD_HEADER || offset > w->end ? SIZE_MAX : w->end - offset);
	struct sid *s = NULL;

	if (wire_ok(&in) && !(s = arena_zalloc(w->arena, sizeof(*s))))
		wire_fail(&in, STATUS_NO_MEMORY, name);
	if (s)
		sid_code(&in, name, s);
	wire_adopt(w, &in);
	return s;
}

static struct acl *acl_part_decode(struct wire *w, const char *name, uint32_t offset)
{
	struct wire in = wire_window(w, offset, offset < SD_HEADER || offset > w->end ? SIZE_MAX : w->end - offset);
	struct acl *a = NULL;

	if (wire_ok(&in) && !(a = arena_zalloc(w->arena, sizeof(*a))))
		wire_fail(&in, STATUS_NO_MEMORY, name);
	if (a)
		acl_code(&in, a);
	wire_adopt(w, &in);
	return a;
}

enum { OWNER, GROUP, SACL, DACL, PARTS };

static void parts_decode(struct wire *w, struct secdesc *m, const uint32_t offsets[PARTS])
{
	m->owner = offsets[OWNER] ? sid_part_decode(w, "Owner", offsets[OWNER]) : NULL;
	m->group = offsets[GROUP] ? sid_part_decode(w, "Group", offsets[GROUP]) : NULL;
	m->sacl = (m->control & SD_SACL_PRESENT) && offsets[SACL] ? acl_part_decode(w, "Sacl", offsets[SACL]) : NULL;
	m->dacl = (m->control & SD_DACL_PRESENT) && offsets[DACL] ? acl_part_decode(w, "Dacl", offsets[DACL]) : NULL;
}

static void part_place(struct wire *w, size_t start, size_t part)
{
	wire_patch(w, "Offset", start + 4 + 4 * part, 4, w->pos - start);
}

/* [MS-DTYP] 2.4.6: encoding and printing, and generating into parts that are there. */
static void parts_code(struct wire *w, struct secdesc *m, size_t start)
{
	if (m->owner) {
		part_place(w, start, OWNER);
		sid_code(w, "OwnerSid", m->owner);
	}
	if (m->group) {
		part_place(w, start, GROUP);
		sid_code(w, "GroupSid", m->group);
	}
	if (m->sacl && (m->control & SD_SACL_PRESENT)) {
		part_place(w, start, SACL);
		wire_group(w, "Sacl");
		acl_code(w, m->sacl);
		wire_group_end(w);
	}
	if (m->dacl && (m->control & SD_DACL_PRESENT)) {
		part_place(w, start, DACL);
		wire_group(w, "Dacl");
		acl_code(w, m->dacl);
		wire_group_end(w);
	}
}

static void *maybe_part(struct wire *w, size_t size)
{
	return wire_random(w, 3) == 0 || !w->arena ? NULL : arena_zalloc(w->arena, size);
}

/* [MS-DTYP] 2.4.6 */
void secdesc_code(struct wire *w, struct secdesc *m)
{
	size_t start = w->pos;
	uint8_t revision = 1;
	uint32_t offsets[PARTS] = {0};

	if (w->dir == WIRE_DECODE)
		*m = (struct secdesc){0};
	if (w->dir == WIRE_ENCODE)
		m->control |= SD_SELF_RELATIVE;
	if (w->dir != WIRE_GENERATE)
		wire_u8(w, "Revision", &revision);
	if (revision != 1)
		wire_fail(w, STATUS_INVALID_PARAMETER, "Revision");
	wire_u8(w, "Sbz1", &m->resource_manager_control);
	wire_u16(w, "Control", &m->control);
	for (size_t i = 0; i < PARTS && (w->dir == WIRE_DECODE || w->dir == WIRE_ENCODE); i++)
		wire_u32(w, "Offset", &offsets[i]);
	if (w->dir == WIRE_DECODE) {
		if (!w->arena)
			wire_fail(w, STATUS_NO_MEMORY, "arena");
		if (wire_ok(w))
			parts_decode(w, m, offsets);
		return;
	}
	if (w->dir == WIRE_GENERATE) {
		m->control |= SD_SELF_RELATIVE;
		m->owner = maybe_part(w, sizeof(*m->owner));
		m->group = maybe_part(w, sizeof(*m->group));
		m->sacl = maybe_part(w, sizeof(*m->sacl));
		m->dacl = maybe_part(w, sizeof(*m->dacl));
	}
	parts_code(w, m, start);
}

static size_t acl_size(const struct acl *a)
{
	size_t n = ACL_HEADER;

	for (size_t i = 0; i < a->ace_count; i++) {
		const struct ace *e = &a->aces[i];
		enum ace_form form = ace_form_of(e->type);
		size_t len = ACE_HEADER + e->extra.len;

		if (form != ACE_FORM_RAW)
			len += 4 + sid_size(&e->sid);
		if (form == ACE_FORM_OBJECT)
			len += 4 + (e->object_flags & 1 ? 16u : 0) + (e->object_flags & 2 ? 16u : 0);
		n += round_up(len, 4);
	}
	return n;
}

size_t secdesc_size(const struct secdesc *m)
{
	size_t n = SD_HEADER;

	n += m->owner ? sid_size(m->owner) : 0;
	n += m->group ? sid_size(m->group) : 0;
	n += m->sacl && (m->control & SD_SACL_PRESENT) ? acl_size(m->sacl) : 0;
	n += m->dacl && (m->control & SD_DACL_PRESENT) ? acl_size(m->dacl) : 0;
	return n;
}
