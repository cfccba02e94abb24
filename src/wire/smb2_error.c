/* The ERROR response and the symbolic link data in it. [MS-SMB2] 2.2.2, 2.2.2.2.1. Sent for every failing request but the
 * exceptions of 3.3.4.4. */
#include "wire/fsctl.h"
#include "wire/smb2.h"

#define SYMLINK_ERROR_TAG 0x4C4D5953u

/* [MS-SMB2] 2.2.2. ErrorData is at least one byte: encoding writes a zero where there is none, decoding takes both. */
void smb2_error_rsp_code(struct wire *w, struct smb2_error_rsp *m)
{
	wire_struct_size(w, 9);
	wire_u8(w, "ErrorContextCount", &m->error_context_count);
	wire_reserved(w, 1);
	wire_length(w, "ByteCount", &m->error_data, 4);
	wire_view(w, "ErrorData", m->error_data.len, &m->error_data);
	if (m->error_data.len == 0)
		wire_pad_to(w, w->pos + 1);
}

/* [MS-SMB2] 2.2.2.2.1. The name offsets count from PathBuffer. */
void smb2_symlink_error_code(struct wire *w, struct smb2_symlink_error *m)
{
	struct wire_ref substitute = {0}, print = {0};
	size_t start = w->pos;
	uint32_t total = 0;
	uint16_t reparse = 0;

	if (w->dir != WIRE_GENERATE && w->dir != WIRE_PRINT) {
		wire_u32(w, "SymLinkLength", &total);
		wire_const_u32(w, "SymLinkErrorTag", SYMLINK_ERROR_TAG);
		wire_const_u32(w, "ReparseTag", IO_REPARSE_TAG_SYMLINK);
		wire_u16(w, "ReparseDataLength", &reparse);
	}
	wire_u16(w, "UnparsedPathLength", &m->unparsed_path_length);
	wire_ref_offset(w, "SubstituteNameOffset", &substitute, 2);
	wire_ref_length(w, "SubstituteNameLength", &substitute, 2);
	wire_ref_offset(w, "PrintNameOffset", &print, 2);
	wire_ref_length(w, "PrintNameLength", &print, 2);
	wire_u32(w, "Flags", &m->flags);
	substitute.origin = print.origin = w->pos;
	if (w->dir == WIRE_DECODE && wire_ok(w)) {
		/* Both lengths say where PathBuffer ends; they must agree and be true. */
		if (total < 24 || total - 24 > w->end - w->pos || reparse != total - 12)
			wire_fail(w, STATUS_INVALID_PARAMETER, "SymLinkLength");
		else
			w->end = w->pos + total - 24;
	}
	wire_name(w, "SubstituteName", &substitute, 1, &m->substitute_name);
	wire_name(w, "PrintName", &print, 1, &m->print_name);
	wire_patch(w, "SymLinkLength", start, 4, w->pos - start - 4);
	wire_patch(w, "ReparseDataLength", start + 12, 2, w->pos - start - 16);
}
