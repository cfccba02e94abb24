/* The descriptor of a new file from that of its directory: [MS-DTYP] 2.5.3.4 (CreateSecurityDescriptor, ComputeACL,
 * ComputeInheritedACLfromParent), for CREATE ([MS-FSA] 2.1.5.1.1). */
#include "server/acl.h"

#include "fsa/fsa.h"

enum { AUTHORITY_CREATOR = 3, CREATOR_OWNER = 0, CREATOR_GROUP = 1 };
enum { ACE_INHERITS = ACE_OBJECT_INHERIT | ACE_CONTAINER_INHERIT };

/* For whom a list is inherited. */
struct heir {
	const struct sid *owner, *group;
	bool directory, automatic;
};

static const struct sid *mapped_sid(const struct heir *h, const struct sid *sid)
{
	const struct sid owner = sid_make(AUTHORITY_CREATOR, 1, (const uint32_t[]){CREATOR_OWNER});
	const struct sid group = sid_make(AUTHORITY_CREATOR, 1, (const uint32_t[]){CREATOR_GROUP});

	if (sid_equal(sid, &owner))
		return h->owner;
	return sid_equal(sid, &group) ? h->group : sid;
}

static struct ace *ace_put(struct acl *out, const struct heir *h, const struct ace *e, uint8_t flags)
{
	struct ace *to = &out->aces[out->ace_count++];

	*to = *e;
	to->flags = (uint8_t)((e->flags & (ACE_SUCCESSFUL_ACCESS | ACE_FAILED_ACCESS)) | flags | (h->automatic ? ACE_INHERITED : 0));
	return to;
}

/* At most two entries for one: what holds for the heir itself, and what it hands on. */
static void ace_inherit(struct acl *out, const struct heir *h, const struct ace *e)
{
	bool applies = (e->flags & (h->directory ? ACE_CONTAINER_INHERIT : ACE_OBJECT_INHERIT)) != 0;
	uint8_t on = h->directory && !(e->flags & ACE_NO_PROPAGATE_INHERIT) ? e->flags & ACE_INHERITS : 0;
	const struct sid *sid = mapped_sid(h, &e->sid);
	uint32_t mask = fsa_access_map_generic(e->mask);
	bool changes = sid != &e->sid || mask != e->mask;
	struct ace *to;

	if (applies) {
		to = ace_put(out, h, e, changes ? 0 : on);
		to->sid = *sid;
		to->mask = mask;
	}
	if (on && (!applies || changes))
		ace_put(out, h, e, on | ACE_INHERIT_ONLY);
}

/* NULL with ok: nothing to inherit. */
static struct acl *acl_inherit(const struct acl *parent, const struct heir *h, struct arena *a, bool *ok)
{
	struct acl *out = arena_zalloc(a, sizeof(*out));

	if (!parent)
		return NULL;
	*ok = out && (parent->ace_count == 0 || (out->aces = arena_alloc(a, 2u * parent->ace_count * sizeof(*out->aces))));
	if (!*ok)
		return NULL;
	out->revision = parent->revision;
	for (size_t i = 0; i < parent->ace_count; i++)
		ace_inherit(out, h, &parent->aces[i]);
	return out->ace_count > 0 ? out : NULL;
}

/* What was asked for comes first, what is inherited behind it. */
static struct acl *acl_join(const struct acl *first, const struct acl *then, struct arena *a, bool *ok)
{
	struct acl *out = arena_zalloc(a, sizeof(*out));
	size_t n = (size_t)first->ace_count + then->ace_count;

	*ok = out && n <= UINT16_MAX && (out->aces = arena_alloc(a, (n + 1) * sizeof(*out->aces)));
	if (!*ok)
		return NULL;
	out->revision = first->revision > then->revision ? first->revision : then->revision;
	for (size_t i = 0; i < first->ace_count; i++) {
		if (!(first->aces[i].flags & ACE_INHERITED))
			out->aces[out->ace_count++] = first->aces[i];
	}
	memcpy(out->aces + out->ace_count, then->aces, then->ace_count * sizeof(*then->aces));
	out->ace_count = (uint16_t)(out->ace_count + then->ace_count);
	return out;
}

static bool dacl_inherit(struct secdesc *sd, const struct secdesc *parent, bool explicit_dacl, const struct heir *h, struct arena *a, bool *changed)
{
	bool ok = true;
	struct acl *from = acl_inherit(parent->dacl, h, a, &ok);

	*changed = from != NULL;
	if (!ok || !from)
		return ok;
	if (explicit_dacl && sd->dacl) {
		sd->dacl = acl_join(sd->dacl, from, a, &ok);
	} else {
		sd->dacl = from;
	}
	sd->control = (uint16_t)((sd->control & ~(SD_DACL_AUTO_INHERITED | SD_DACL_DEFAULTED)) | SD_DACL_PRESENT |
				 (h->automatic ? SD_DACL_AUTO_INHERITED : 0));
	return ok;
}

bool srv_acl_inherit(struct secdesc *sd, const struct secdesc *parent, bool explicit_dacl, bool directory, struct arena *a, bool *changed)
{
	struct heir h = {
		.owner = sd->owner, .group = sd->group, .directory = directory,
		.automatic = (parent->control & SD_DACL_AUTO_INHERITED) != 0,
	};
	struct acl *sacl;
	bool ok;

	*changed = false;
	/* A list that was asked for takes more only where inheritance is automatic and not kept away. */
	if (!(explicit_dacl && (!sd->dacl || !h.automatic || (sd->control & SD_DACL_PROTECTED))) &&
		!dacl_inherit(sd, parent, explicit_dacl, &h, a, changed))
		return false;
	h.automatic = (parent->control & SD_SACL_AUTO_INHERITED) != 0;
	ok = true;
	sacl = acl_inherit(parent->sacl, &h, a, &ok);
	if (sacl && !(sd->control & SD_SACL_PRESENT)) {
		sd->sacl = sacl;
		sd->control |= (uint16_t)(SD_SACL_PRESENT | (h.automatic ? SD_SACL_AUTO_INHERITED : 0));
		*changed = true;
	}
	return ok;
}
