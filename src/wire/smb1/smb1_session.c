/* NEGOTIATE, SESSION_SETUP_ANDX, LOGOFF_ANDX, TREE_CONNECT_ANDX and TREE_CONNECT: [MS-CIFS] 2.2.4.50 to 2.2.4.55, [MS-SMB] 2.2.4.5
 * to 2.2.4.7. This is what a stranger can reach. */
#include "wire/smb1/smb1_internal.h"

/* [MS-CIFS] 2.2.3 */
void smb1_empty_code(struct wire *w, struct smb1_empty *m)
{
	struct smb1_body b;

	(void)m;
	SMB1_BEGIN(w, &b, NULL, 0);
	smb1_bytes(w, &b);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.54, 2.2.4.32.2 */
void smb1_andx_code(struct wire *w, struct smb1_andx *m)
{
	struct smb1_body b;

	(void)m;
	SMB1_BEGIN(w, &b, NULL, 2);
	smb1_andx_fields(w);
	smb1_bytes(w, &b);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.52.1 */
void smb1_negotiate_req_code(struct wire *w, struct smb1_negotiate_req *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 0);
	smb1_bytes(w, &b);
	wire_rest(w, "Dialects", &m->dialects);
	smb1_end(w, &b);
}

bool smb1_dialect_next(struct slice *list, struct slice *dialect, bool *bad)
{
	const uint8_t *end;

	*bad = false;
	if (list->len == 0)
		return false;
	end = memchr(list->data, 0, list->len);
	if (list->data[0] != SMB1_FORMAT_DIALECT || !end) {
		*bad = true;
		return false;
	}
	*dialect = slice_of(list->data + 1, (size_t)(end - list->data) - 1);
	*list = slice_of(end + 1, list->len - (size_t)(end - list->data) - 1);
	return true;
}

void smb1_dialect_put(struct wire *list, const char *dialect)
{
	struct slice s = slice_of(dialect, strlen(dialect));

	smb1_format(list, SMB1_FORMAT_DIALECT);
	smb1_oem_string(list, "DialectName", &s);
}

/* [MS-CIFS] 2.2.4.52.2: LAN Manager 1.0 to 2.1 */
static void negotiate_lanman(struct wire *w, struct smb1_body *b, struct smb1_negotiate_rsp *m)
{
	uint16_t max_buffer_size = (uint16_t)m->max_buffer_size, zone = (uint16_t)m->server_time_zone;

	wire_u16(w, "SecurityMode", &m->security_mode);
	wire_u16(w, "MaxBufferSize", &max_buffer_size);
	wire_u16(w, "MaxMpxCount", &m->max_mpx_count);
	wire_u16(w, "MaxNumberVcs", &m->max_number_vcs);
	wire_u16(w, "RawMode", &m->raw_mode);
	wire_u32(w, "SessionKey", &m->session_key);
	wire_u16(w, "ServerTime", &m->server_time);
	wire_u16(w, "ServerDate", &m->server_date);
	wire_u16(w, "ServerTimeZone", &zone);
	wire_length(w, "EncryptionKeyLength", &m->challenge, 2);
	wire_reserved(w, 2);
	smb1_bytes(w, b);
	wire_view(w, "EncryptionKey", m->challenge.len, &m->challenge);
	smb1_last_oem_string(w, "PrimaryDomain", &m->domain_name);
	if (w->dir != WIRE_ENCODE) {
		m->max_buffer_size = max_buffer_size;
		m->server_time_zone = (int16_t)zone;
	}
}

/* [MS-SMB] 2.2.4.5.2.1, 2.2.4.5.2.2 */
static void negotiate_nt(struct wire *w, struct smb1_body *b, struct smb1_negotiate_rsp *m)
{
	uint8_t security_mode = (uint8_t)m->security_mode;
	uint16_t zone = (uint16_t)m->server_time_zone;

	wire_u8(w, "SecurityMode", &security_mode);
	wire_u16(w, "MaxMpxCount", &m->max_mpx_count);
	wire_u16(w, "MaxNumberVcs", &m->max_number_vcs);
	wire_u32(w, "MaxBufferSize", &m->max_buffer_size);
	wire_u32(w, "MaxRawSize", &m->max_raw_size);
	wire_u32(w, "SessionKey", &m->session_key);
	wire_u32(w, "Capabilities", &m->capabilities);
	wire_time(w, "SystemTime", &m->system_time);
	wire_u16(w, "ServerTimeZone", &zone);
	if (m->capabilities & SMB1_CAP_EXTENDED_SECURITY)
		wire_reserved(w, 1);
	else
		wire_length(w, "ChallengeLength", &m->challenge, 1);
	smb1_bytes(w, b);
	if (m->capabilities & SMB1_CAP_EXTENDED_SECURITY) {
		wire_guid(w, "ServerGUID", &m->server_guid);
		wire_rest(w, "SecurityBlob", &m->security_blob);
	} else {
		wire_view(w, "Challenge", m->challenge.len, &m->challenge);
		smb1_packed_string(w, "DomainName", &m->domain_name);
		smb1_packed_string(w, "ServerName", &m->server_name);
	}
	if (w->dir != WIRE_ENCODE) {
		m->security_mode = security_mode;
		m->server_time_zone = (int16_t)zone;
	}
}

/* [MS-CIFS] 2.2.4.52.2 */
void smb1_negotiate_rsp_code(struct wire *w, struct smb1_negotiate_rsp *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, &m->word_count, 17, 13, 1);
	wire_u16(w, "DialectIndex", &m->dialect_index);
	if (smb1_words(&b) == 17)
		negotiate_nt(w, &b, m);
	else if (smb1_words(&b) == 13)
		negotiate_lanman(w, &b, m);
	else
		smb1_bytes(w, &b);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.53.1, [MS-SMB] 2.2.4.6.1 */
void smb1_session_setup_req_code(struct wire *w, struct smb1_session_setup_req *m)
{
	struct smb1_body b;
	size_t words;

	SMB1_BEGIN(w, &b, &m->word_count, 12, 13, 10);
	words = smb1_words(&b);
	smb1_andx_fields(w);
	wire_u16(w, "MaxBufferSize", &m->max_buffer_size);
	wire_u16(w, "MaxMpxCount", &m->max_mpx_count);
	wire_u16(w, "VcNumber", &m->vc_number);
	wire_u32(w, "SessionKey", &m->session_key);
	if (words == 12)
		wire_length(w, "SecurityBlobLength", &m->security_blob, 2);
	else
		wire_length(w, "OEMPasswordLen", &m->oem_password, 2);
	if (words == 13)
		wire_length(w, "UnicodePasswordLen", &m->unicode_password, 2);
	wire_reserved(w, 4);
	if (words != 10)
		wire_u32(w, "Capabilities", &m->capabilities);
	smb1_bytes(w, &b);
	if (words == 12) {
		wire_view(w, "SecurityBlob", m->security_blob.len, &m->security_blob);
	} else {
		wire_view(w, "OEMPassword", m->oem_password.len, &m->oem_password);
		if (words == 13)
			wire_view(w, "UnicodePassword", m->unicode_password.len, &m->unicode_password);
		smb1_string(w, "AccountName", &m->account_name);
		smb1_last_string(w, "PrimaryDomain", &m->primary_domain);
	}
	smb1_last_string(w, "NativeOS", &m->native_os);
	smb1_last_string(w, "NativeLanMan", &m->native_lan_man);
	if (words == 12)
		smb1_optional_string(w, "PrimaryDomain", &m->primary_domain);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.53.2, [MS-SMB] 2.2.4.6.2 */
void smb1_session_setup_rsp_code(struct wire *w, struct smb1_session_setup_rsp *m)
{
	struct smb1_body b;
	bool extended;

	SMB1_BEGIN(w, &b, &m->word_count, 4, 3);
	extended = smb1_words(&b) == 4;
	smb1_andx_fields(w);
	wire_u16(w, "Action", &m->action);
	if (extended)
		wire_length(w, "SecurityBlobLength", &m->security_blob, 2);
	smb1_bytes(w, &b);
	if (extended)
		wire_view(w, "SecurityBlob", m->security_blob.len, &m->security_blob);
	smb1_last_string(w, "NativeOS", &m->native_os);
	smb1_last_string(w, "NativeLanMan", &m->native_lan_man);
	if (extended)
		smb1_optional_string(w, "PrimaryDomain", &m->primary_domain);
	else
		smb1_last_string(w, "PrimaryDomain", &m->primary_domain);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.55.1 */
void smb1_tree_connect_andx_req_code(struct wire *w, struct smb1_tree_connect_andx_req *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 4);
	smb1_andx_fields(w);
	wire_u16(w, "Flags", &m->flags);
	wire_length(w, "PasswordLength", &m->password, 2);
	smb1_bytes(w, &b);
	wire_view(w, "Password", m->password.len, &m->password);
	smb1_string(w, "Path", &m->path);
	smb1_last_oem_string(w, "Service", &m->service);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.55.2, [MS-SMB] 2.2.4.7.2 */
void smb1_tree_connect_andx_rsp_code(struct wire *w, struct smb1_tree_connect_andx_rsp *m)
{
	struct smb1_body b;
	size_t words;

	SMB1_BEGIN(w, &b, &m->word_count, 3, 7, 2);
	words = smb1_words(&b);
	smb1_andx_fields(w);
	if (words != 2)
		wire_u16(w, "OptionalSupport", &m->optional_support);
	if (words == 7) {
		wire_u32(w, "MaximalShareAccessRights", &m->maximal_share_access_rights);
		wire_u32(w, "GuestMaximalShareAccessRights", &m->guest_maximal_share_access_rights);
	}
	smb1_bytes(w, &b);
	smb1_oem_string(w, "Service", &m->service);
	smb1_last_string(w, "NativeFileSystem", &m->native_file_system);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.50.1 */
void smb1_tree_connect_req_code(struct wire *w, struct smb1_tree_connect_req *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 0);
	smb1_bytes(w, &b);
	smb1_format_string(w, "Path", &m->path);
	smb1_format(w, SMB1_FORMAT_STRING);
	smb1_oem_string(w, "Password", &m->password);
	smb1_format(w, SMB1_FORMAT_STRING);
	smb1_oem_string(w, "Service", &m->service);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.50.2 */
void smb1_tree_connect_rsp_code(struct wire *w, struct smb1_tree_connect_rsp *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 2);
	wire_u16(w, "MaxBufferSize", &m->max_buffer_size);
	wire_u16(w, "TID", &m->tid);
	smb1_bytes(w, &b);
	smb1_end(w, &b);
}
