/* The messages that carry transactions: TRANSACTION and TRANSACTION2 ([MS-CIFS] 2.2.4.33, 2.2.4.34, 2.2.4.46, 2.2.4.47) and NT_TRANSACT
 * (2.2.4.62, 2.2.4.63). What is in their parameters and data is in smb1_parts.c and smb1_lists.c. */
#include "wire/smb1/smb1_internal.h"

/* Count, offset and, with `displacement`, displacement of a part: fields of `size` bytes. */
static void part(struct wire *w, const char *count, const char *offset, struct wire_ref *r, uint8_t size)
{
	wire_ref_length(w, count, r, size);
	wire_ref_offset(w, offset, r, size);
}

static void parts(struct wire *w, struct wire_ref *parameters, struct wire_ref *data, struct slice *p, struct slice *d)
{
	wire_buffer_or_none(w, "Parameters", parameters, 4, p);
	wire_buffer_or_none(w, "Data", data, 4, d);
}

/* [MS-CIFS] 2.2.4.33.1, 2.2.4.46.1 */
static void trans_req(struct wire *w, struct smb1_trans_req *m, bool named)
{
	struct wire_ref parameters = {0}, data = {0};
	struct smb1_body b;

	smb1_begin_setup(w, &b, 14, &m->setup);
	wire_u16(w, "TotalParameterCount", &m->total_parameter_count);
	wire_u16(w, "TotalDataCount", &m->total_data_count);
	wire_u16(w, "MaxParameterCount", &m->max_parameter_count);
	wire_u16(w, "MaxDataCount", &m->max_data_count);
	wire_u8(w, "MaxSetupCount", &m->max_setup_count);
	wire_reserved(w, 1);
	wire_u16(w, "Flags", &m->flags);
	wire_u32(w, "Timeout", &m->timeout);
	wire_reserved(w, 2);
	part(w, "ParameterCount", "ParameterOffset", &parameters, 2);
	part(w, "DataCount", "DataOffset", &data, 2);
	smb1_setup_count(w, &m->setup);
	wire_reserved(w, 1);
	smb1_setup(w, &m->setup);
	smb1_bytes(w, &b);
	if (named)
		smb1_string(w, "Name", &m->name);
	else if (w->dir == WIRE_ENCODE)
		wire_reserved(w, 1); /* Name, which must be a single zero byte */
	parts(w, &parameters, &data, &m->parameters, &m->data);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.33.1 */
void smb1_trans_req_code(struct wire *w, struct smb1_trans_req *m)
{
	trans_req(w, m, true);
}

/* [MS-CIFS] 2.2.4.46.1 */
void smb1_trans2_req_code(struct wire *w, struct smb1_trans_req *m)
{
	trans_req(w, m, false);
}

/* [MS-CIFS] 2.2.4.34.1, 2.2.4.47.1 */
static void trans_secondary(struct wire *w, struct smb1_trans_secondary_req *m, bool with_fid)
{
	static const uint8_t plain = 8, longer = 9;
	struct wire_ref parameters = {0}, data = {0};
	struct smb1_body b;

	smb1_begin(w, &b, NULL, with_fid ? &longer : &plain, 1);
	wire_u16(w, "TotalParameterCount", &m->total_parameter_count);
	wire_u16(w, "TotalDataCount", &m->total_data_count);
	part(w, "ParameterCount", "ParameterOffset", &parameters, 2);
	wire_u16(w, "ParameterDisplacement", &m->parameter_displacement);
	part(w, "DataCount", "DataOffset", &data, 2);
	wire_u16(w, "DataDisplacement", &m->data_displacement);
	if (with_fid)
		wire_u16(w, "FID", &m->fid);
	smb1_bytes(w, &b);
	parts(w, &parameters, &data, &m->parameters, &m->data);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.34.1 */
void smb1_trans_secondary_req_code(struct wire *w, struct smb1_trans_secondary_req *m)
{
	trans_secondary(w, m, false);
}

/* [MS-CIFS] 2.2.4.47.1 */
void smb1_trans2_secondary_req_code(struct wire *w, struct smb1_trans_secondary_req *m)
{
	trans_secondary(w, m, true);
}

/* [MS-CIFS] 2.2.4.33.2, 2.2.4.46.2 */
void smb1_trans_rsp_code(struct wire *w, struct smb1_trans_rsp *m)
{
	struct wire_ref parameters = {0}, data = {0};
	struct smb1_body b;

	smb1_begin_setup(w, &b, 10, &m->setup);
	wire_u16(w, "TotalParameterCount", &m->total_parameter_count);
	wire_u16(w, "TotalDataCount", &m->total_data_count);
	wire_reserved(w, 2);
	part(w, "ParameterCount", "ParameterOffset", &parameters, 2);
	wire_u16(w, "ParameterDisplacement", &m->parameter_displacement);
	part(w, "DataCount", "DataOffset", &data, 2);
	wire_u16(w, "DataDisplacement", &m->data_displacement);
	smb1_setup_count(w, &m->setup);
	wire_reserved(w, 1);
	smb1_setup(w, &m->setup);
	smb1_bytes(w, &b);
	parts(w, &parameters, &data, &m->parameters, &m->data);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.62.1 */
void smb1_nt_transact_req_code(struct wire *w, struct smb1_nt_transact_req *m)
{
	struct wire_ref parameters = {0}, data = {0};
	struct smb1_body b;

	smb1_begin_setup(w, &b, 19, &m->setup);
	wire_u8(w, "MaxSetupCount", &m->max_setup_count);
	wire_reserved(w, 2);
	wire_u32(w, "TotalParameterCount", &m->total_parameter_count);
	wire_u32(w, "TotalDataCount", &m->total_data_count);
	wire_u32(w, "MaxParameterCount", &m->max_parameter_count);
	wire_u32(w, "MaxDataCount", &m->max_data_count);
	part(w, "ParameterCount", "ParameterOffset", &parameters, 4);
	part(w, "DataCount", "DataOffset", &data, 4);
	smb1_setup_count(w, &m->setup);
	wire_u16(w, "Function", &m->function);
	smb1_setup(w, &m->setup);
	smb1_bytes(w, &b);
	parts(w, &parameters, &data, &m->parameters, &m->data);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.63.1 */
void smb1_nt_transact_secondary_req_code(struct wire *w, struct smb1_nt_transact_secondary_req *m)
{
	struct wire_ref parameters = {0}, data = {0};
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 18);
	wire_reserved(w, 3);
	wire_u32(w, "TotalParameterCount", &m->total_parameter_count);
	wire_u32(w, "TotalDataCount", &m->total_data_count);
	part(w, "ParameterCount", "ParameterOffset", &parameters, 4);
	wire_u32(w, "ParameterDisplacement", &m->parameter_displacement);
	part(w, "DataCount", "DataOffset", &data, 4);
	wire_u32(w, "DataDisplacement", &m->data_displacement);
	wire_reserved(w, 1);
	smb1_bytes(w, &b);
	parts(w, &parameters, &data, &m->parameters, &m->data);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.62.2 */
void smb1_nt_transact_rsp_code(struct wire *w, struct smb1_nt_transact_rsp *m)
{
	struct wire_ref parameters = {0}, data = {0};
	struct smb1_body b;

	smb1_begin_setup(w, &b, 18, &m->setup);
	wire_reserved(w, 3);
	wire_u32(w, "TotalParameterCount", &m->total_parameter_count);
	wire_u32(w, "TotalDataCount", &m->total_data_count);
	part(w, "ParameterCount", "ParameterOffset", &parameters, 4);
	wire_u32(w, "ParameterDisplacement", &m->parameter_displacement);
	part(w, "DataCount", "DataOffset", &data, 4);
	wire_u32(w, "DataDisplacement", &m->data_displacement);
	smb1_setup_count(w, &m->setup);
	smb1_setup(w, &m->setup);
	smb1_bytes(w, &b);
	parts(w, &parameters, &data, &m->parameters, &m->data);
	smb1_end(w, &b);
}
