/* Payloads of control codes whose layout [MS-SMB2] 2.2.31 and 2.2.32 give, and those of pipes and DFS. Ranges and file
 * properties are in fsctl_ranges.c, reparse points in reparse.c. Called by IOCTL of both roles. */
#include "wire/fsctl.h"

#include "wire/fscc.h"

enum { CHUNK_BYTES = 24, CHUNKS_MAX = 65536, INTERFACE_BYTES = 152, SOCKADDR_BYTES = 128 };

/* [MS-SMB2] 2.2.31.1, 2.2.31.1.1 */
void fsctl_copychunk_code(struct wire *w, struct fsctl_copychunk *m)
{
	wire_bytes(w, "SourceKey", m->source_key, sizeof(m->source_key));
	wire_count32(w, "ChunkCount", &m->chunk_count, CHUNKS_MAX);
	wire_reserved(w, 4);
	m->chunks = wire_array(w, "Chunks", m->chunk_count, sizeof(*m->chunks), CHUNK_BYTES, m->chunks);
	if (!m->chunks)
		m->chunk_count = 0;
	for (size_t i = 0; i < m->chunk_count && wire_ok(w); i++) {
		wire_group(w, "Chunk");
		wire_u64(w, "SourceOffset", &m->chunks[i].source_offset);
		wire_u64(w, "TargetOffset", &m->chunks[i].target_offset);
		wire_u32(w, "Length", &m->chunks[i].length);
		wire_reserved(w, 4);
		wire_group_end(w);
	}
}

/* [MS-SMB2] 2.2.32.1 */
void fsctl_copychunk_rsp_code(struct wire *w, struct fsctl_copychunk_rsp *m)
{
	wire_u32(w, "ChunksWritten", &m->chunks_written);
	wire_u32(w, "ChunkBytesWritten", &m->chunk_bytes_written);
	wire_u32(w, "TotalBytesWritten", &m->total_bytes_written);
}

/* [MS-SMB2] 2.2.32.3. ContextLength is 0; behind it are four bytes that only some senders leave out. */
void fsctl_resume_key_code(struct wire *w, struct fsctl_resume_key *m)
{
	wire_bytes(w, "ResumeKey", m->resume_key, sizeof(m->resume_key));
	wire_reserved(w, 4);
	wire_pad_to(w, w->pos + 4);
}

/* [MS-SMB2] 2.2.31.2 */
void fsctl_read_hash_code(struct wire *w, struct fsctl_read_hash *m)
{
	wire_u32(w, "HashType", &m->hash_type);
	wire_u32(w, "HashVersion", &m->hash_version);
	wire_u32(w, "HashRetrievalType", &m->hash_retrieval_type);
	wire_u32(w, "Length", &m->length);
	wire_u64(w, "Offset", &m->offset);
}

/* [MS-SMB2] 2.2.32.4.1 */
void fsctl_hash_header_code(struct wire *w, struct fsctl_hash_header *m)
{
	wire_u32(w, "HashType", &m->hash_type);
	wire_u32(w, "HashVersion", &m->hash_version);
	wire_time(w, "SourceFileChangeTime", &m->source_file_change_time);
	wire_u64(w, "SourceFileSize", &m->source_file_size);
	wire_u32(w, "HashBlobLength", &m->hash_blob_length);
	wire_u32(w, "HashBlobOffset", &m->hash_blob_offset);
	wire_u16(w, "Dirty", &m->dirty);
	wire_length(w, "SourceFileNameLength", &m->source_file_name, 2);
	wire_text(w, "SourceFileName", &m->source_file_name);
}

/* [MS-SMB2] 2.2.32.4.2 */
void fsctl_hash_by_blob_code(struct wire *w, struct fsctl_hash_by_blob *m)
{
	wire_u64(w, "Offset", &m->offset);
	wire_length(w, "BufferLength", &m->buffer, 4);
	wire_reserved(w, 4);
	wire_view(w, "Buffer", m->buffer.len, &m->buffer);
}

/* [MS-SMB2] 2.2.32.4.3 */
void fsctl_hash_by_file_code(struct wire *w, struct fsctl_hash_by_file *m)
{
	wire_u64(w, "FileDataOffset", &m->file_data_offset);
	wire_u64(w, "FileDataLength", &m->file_data_length);
	wire_length(w, "BufferLength", &m->buffer, 4);
	wire_reserved(w, 4);
	wire_view(w, "Buffer", m->buffer.len, &m->buffer);
}

/* [MS-SMB2] 2.2.31.3 */
void fsctl_resiliency_code(struct wire *w, struct fsctl_resiliency *m)
{
	wire_u32(w, "Timeout", &m->timeout_ms);
	wire_reserved(w, 4);
}

/* [MS-SMB2] 2.2.31.4 */
void fsctl_validate_negotiate_code(struct wire *w, struct fsctl_validate_negotiate *m)
{
	wire_u32(w, "Capabilities", &m->capabilities);
	wire_guid(w, "Guid", &m->guid);
	wire_u16(w, "SecurityMode", &m->security_mode);
	wire_count16(w, "DialectCount", &m->dialect_count, ARRAY_LEN(m->dialects));
	for (size_t i = 0; i < m->dialect_count && i < ARRAY_LEN(m->dialects); i++)
		wire_u16(w, "Dialect", &m->dialects[i]);
}

/* [MS-SMB2] 2.2.32.6 */
void fsctl_validate_negotiate_rsp_code(struct wire *w, struct fsctl_validate_negotiate_rsp *m)
{
	wire_u32(w, "Capabilities", &m->capabilities);
	wire_guid(w, "Guid", &m->guid);
	wire_u16(w, "SecurityMode", &m->security_mode);
	wire_u16(w, "Dialect", &m->dialect);
}

/* [MS-SMB2] 2.2.32.2. SnapShotArraySize says what is needed, which is more than what is there when the buffer was too small. */
void fsctl_snapshots_code(struct wire *w, struct fsctl_snapshots *m)
{
	wire_u32(w, "NumberOfSnapShots", &m->number);
	wire_u32(w, "NumberOfSnapShotsReturned", &m->number_returned);
	wire_u32(w, "SnapShotArraySize", &m->array_size);
	if (w->dir == WIRE_DECODE && wire_left(w) > m->array_size)
		wire_view(w, "SnapShots", m->array_size, &m->tokens);
	else
		wire_rest(w, "SnapShots", &m->tokens);
	if (w->dir == WIRE_GENERATE)
		m->array_size = (uint32_t)m->tokens.len;
}

/* [MS-SMB2] 2.2.32.5.1.1, 2.2.32.5.1.2 */
static void sockaddr_code(struct wire *w, struct fsctl_interface *m)
{
	size_t start = w->pos;

	wire_u16(w, "Family", &m->family);
	if (w->dir == WIRE_GENERATE)
		m->family = wire_random(w, 2) == 0 ? FSCTL_FAMILY_IPV4 : FSCTL_FAMILY_IPV6;
	if (m->family == FSCTL_FAMILY_IPV4) {
		wire_u16be(w, "Port", &m->port);
		wire_bytes(w, "IPv4Address", m->address, 4);
	} else if (m->family == FSCTL_FAMILY_IPV6) {
		wire_u16be(w, "Port", &m->port);
		wire_u32be(w, "FlowInfo", &m->flow_info);
		wire_bytes(w, "IPv6Address", m->address, sizeof(m->address));
		wire_u32be(w, "ScopeId", &m->scope_id);
	}
	if (w->dir == WIRE_DECODE || w->dir == WIRE_ENCODE)
		wire_reserved(w, SOCKADDR_BYTES - (w->pos - start));
}

/* [MS-SMB2] 2.2.32.5; Next belongs to the list */
void fsctl_interface_code(struct wire *w, struct fsctl_interface *m)
{
	wire_reserved(w, 4);
	wire_u32(w, "IfIndex", &m->if_index);
	wire_u32(w, "Capability", &m->capability);
	wire_reserved(w, 4);
	wire_u64(w, "LinkSpeed", &m->link_speed);
	sockaddr_code(w, m);
}

/* [MS-SMB2] 2.2.32.5 */
bool fsctl_interface_next(struct slice *list, struct fsctl_interface *out, bool *bad)
{
	struct slice e;
	struct wire w;

	if (!fscc_list_next(list, INTERFACE_BYTES, 8, &e, bad))
		return false;
	*out = (struct fsctl_interface){0};
	w = wire_decoder(e.data, 0, e.len, NULL);
	fsctl_interface_code(&w, out);
	*bad = !wire_ok(&w);
	return !*bad;
}

/* [MS-SMB2] 2.2.32.5 */
void fsctl_interface_put(struct wire *list, const struct fsctl_interface *m)
{
	struct fsctl_interface copy = *m;

	if (list->pos >= INTERFACE_BYTES)
		wire_patch(list, "Next", list->pos - INTERFACE_BYTES, 4, INTERFACE_BYTES);
	fsctl_interface_code(list, &copy);
}

/* [MS-FSCC] 2.3.49 FSCTL_PIPE_WAIT */
void fsctl_pipe_wait_code(struct wire *w, struct fsctl_pipe_wait *m)
{
	wire_u64(w, "Timeout", &m->timeout);
	wire_length(w, "NameLength", &m->name, 4);
	wire_bool(w, "TimeoutSpecified", &m->timeout_specified);
	wire_reserved(w, 1);
	wire_text(w, "Name", &m->name);
}

/* [MS-FSCC] 2.3.46 FSCTL_PIPE_PEEK reply */
void fsctl_pipe_peek_rsp_code(struct wire *w, struct fsctl_pipe_peek_rsp *m)
{
	wire_u32(w, "NamedPipeState", &m->state);
	wire_u32(w, "ReadDataAvailable", &m->read_data_available);
	wire_u32(w, "NumberOfMessages", &m->number_of_messages);
	wire_u32(w, "MessageLength", &m->message_length);
	wire_rest(w, "Data", &m->data);
}

/* The part of a UTF-16 string before its terminator. */
static struct slice until_zero(struct slice s)
{
	size_t n = 0;

	while (n + 2 <= s.len && load_le16(s.data + n) != 0)
		n += 2;
	return slice_of(s.data, n);
}

/* [MS-DFSC] 2.2.2 */
void fsctl_dfs_referral_code(struct wire *w, struct fsctl_dfs_referral *m)
{
	wire_u16(w, "MaxReferralLevel", &m->max_referral_level);
	if (w->dir == WIRE_DECODE || w->dir == WIRE_GENERATE) {
		wire_rest(w, "RequestFileName", &m->request_file_name);
		m->request_file_name = until_zero(m->request_file_name);
	} else {
		wire_text(w, "RequestFileName", &m->request_file_name);
		wire_pad_to(w, w->pos + 2);
	}
}

/* [MS-DFSC] 2.2.3 */
void fsctl_dfs_referral_ex_code(struct wire *w, struct fsctl_dfs_referral_ex *m)
{
	wire_u16(w, "MaxReferralLevel", &m->max_referral_level);
	wire_u16(w, "RequestFlags", &m->request_flags);
	wire_length(w, "RequestDataLength", &m->request_data, 4);
	wire_view(w, "RequestData", m->request_data.len, &m->request_data);
}

const char *fsctl_name(uint32_t code)
{
	static const struct {
		uint32_t code;
		const char *name;
	} names[] = {
#define NAME(x) {x, #x},
		NAME(FSCTL_DFS_GET_REFERRALS) NAME(FSCTL_DFS_GET_REFERRALS_EX) NAME(FSCTL_SET_REPARSE_POINT)
		NAME(FSCTL_GET_REPARSE_POINT) NAME(FSCTL_DELETE_REPARSE_POINT) NAME(FSCTL_CREATE_OR_GET_OBJECT_ID) NAME(FSCTL_GET_OBJECT_ID) NAME(FSCTL_DELETE_OBJECT_ID)
		NAME(FSCTL_GET_COMPRESSION) NAME(FSCTL_SET_COMPRESSION) NAME(FSCTL_SET_SPARSE) NAME(FSCTL_SET_ZERO_DATA)
		NAME(FSCTL_QUERY_ALLOCATED_RANGES) NAME(FSCTL_FILE_LEVEL_TRIM) NAME(FSCTL_DUPLICATE_EXTENTS_TO_FILE)
		NAME(FSCTL_QUERY_SHARED_VIRTUAL_DISK_SUPPORT) NAME(FSCTL_SVHDX_SYNC_TUNNEL_REQUEST) NAME(FSCTL_PIPE_WAIT)
		NAME(FSCTL_PIPE_PEEK) NAME(FSCTL_PIPE_TRANSCEIVE) NAME(FSCTL_SRV_REQUEST_RESUME_KEY)
		NAME(FSCTL_SRV_ENUMERATE_SNAPSHOTS) NAME(FSCTL_SRV_COPYCHUNK) NAME(FSCTL_SRV_COPYCHUNK_WRITE)
		NAME(FSCTL_SRV_READ_HASH) NAME(FSCTL_LMR_REQUEST_RESILIENCY) NAME(FSCTL_QUERY_NETWORK_INTERFACE_INFO)
		NAME(FSCTL_VALIDATE_NEGOTIATE_INFO)
#undef NAME
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (names[i].code == code)
			return names[i].name;
	}
	return NULL;
}
