/* Reparse points: the buffer of FSCTL_SET_REPARSE_POINT and FSCTL_GET_REPARSE_POINT and what it holds for symbolic links and
 * mount points. [MS-FSCC] 2.1.2. */
#include "wire/fsctl.h"

/* [MS-FSCC] 2.1.2.2 REPARSE_DATA_BUFFER, 2.1.2.3 REPARSE_GUID_DATA_BUFFER */
void fsctl_reparse_code(struct wire *w, struct fsctl_reparse *m)
{
	wire_u32(w, "ReparseTag", &m->tag);
	wire_length(w, "ReparseDataLength", &m->data, 2);
	wire_reserved(w, 2);
	if ((m->tag & 0x80000000u) == 0)
		wire_guid(w, "ReparseGuid", &m->guid);
	wire_view(w, "Data", m->data.len, &m->data);
}

struct names {
	struct wire_ref substitute, print;
};

/* [MS-FSCC] 2.1.2.4, 2.1.2.5: the fields that symbolic links and mount points share. */
static void name_fields_code(struct wire *w, struct names *n)
{
	*n = (struct names){0};
	wire_ref_offset(w, "SubstituteNameOffset", &n->substitute, 2);
	wire_ref_length(w, "SubstituteNameLength", &n->substitute, 2);
	wire_ref_offset(w, "PrintNameOffset", &n->print, 2);
	wire_ref_length(w, "PrintNameLength", &n->print, 2);
}

/* [MS-FSCC] 2.1.2.4 */
void fsctl_reparse_symlink_code(struct wire *w, struct fsctl_reparse_symlink *m)
{
	struct names n;

	name_fields_code(w, &n);
	wire_u32(w, "Flags", &m->flags);
	n.substitute.origin = n.print.origin = w->pos;
	wire_name(w, "SubstituteName", &n.substitute, 1, &m->substitute_name);
	wire_name(w, "PrintName", &n.print, 1, &m->print_name);
}

/* [MS-FSCC] 2.1.2.5. Here Windows wants a terminator behind each name, which the lengths do not count. */
void fsctl_reparse_mount_point_code(struct wire *w, struct fsctl_reparse_mount_point *m)
{
	struct names n;

	name_fields_code(w, &n);
	n.substitute.origin = n.print.origin = w->pos;
	wire_name(w, "SubstituteName", &n.substitute, 1, &m->substitute_name);
	wire_pad_to(w, w->pos + 2);
	wire_name(w, "PrintName", &n.print, 1, &m->print_name);
	wire_pad_to(w, w->pos + 2);
}
