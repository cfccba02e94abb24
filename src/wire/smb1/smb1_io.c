/* Reading, writing, locking, ECHO: [MS-CIFS] 2.2.4.11 to 2.2.4.14, 2.2.4.19 to 2.2.4.22, 2.2.4.32, 2.2.4.39, 2.2.4.40, 2.2.4.42, 2.2.4.43,
 * [MS-SMB] 2.2.4.2, 2.2.4.3. The data of READ_ANDX responses and WRITE_ANDX requests are not copied here; they may be longer than
 * ByteCount can say, and then reach to the end of the message. */
#include "wire/smb1/smb1_internal.h"

/* [MS-CIFS] 2.2.4.11.1, 2.2.4.20.1 */
void smb1_read_req_code(struct wire *w, struct smb1_read_req *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 5);
	wire_u16(w, "FID", &m->fid);
	wire_u16(w, "CountOfBytesToRead", &m->count);
	wire_u32(w, "ReadOffsetInBytes", &m->offset);
	wire_u16(w, "EstimateOfRemainingBytesToBeRead", &m->remaining);
	smb1_bytes(w, &b);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.11.2, 2.2.4.20.2. The length is there twice; the one beside the data counts. */
void smb1_read_rsp_code(struct wire *w, struct smb1_read_rsp *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 5);
	wire_length(w, "CountOfBytesReturned", &m->data, 2);
	wire_reserved(w, 8);
	smb1_bytes(w, &b);
	smb1_format_data(w, "Bytes", SMB1_FORMAT_DATA, &m->data);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.22.1 */
void smb1_read_raw_req_code(struct wire *w, struct smb1_read_raw_req *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, &m->word_count, 10, 8);
	wire_u16(w, "FID", &m->fid);
	smb1_low_half(w, "Offset", &m->offset);
	wire_u16(w, "MaxCountOfBytesToReturn", &m->max_count);
	wire_u16(w, "MinCountOfBytesToReturn", &m->min_count);
	wire_u32(w, "Timeout", &m->timeout);
	wire_reserved(w, 2);
	smb1_high_half(w, "OffsetHigh", &m->offset, smb1_words(&b) == 10);
	smb1_bytes(w, &b);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.42.1, [MS-SMB] 2.2.4.2.1 */
void smb1_read_andx_req_code(struct wire *w, struct smb1_read_andx_req *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, &m->word_count, 12, 10);
	smb1_andx_fields(w);
	wire_u16(w, "FID", &m->fid);
	smb1_low_half(w, "Offset", &m->offset);
	wire_u16(w, "MaxCountOfBytesToReturn", &m->max_count);
	wire_u16(w, "MinCountOfBytesToReturn", &m->min_count);
	wire_u32(w, "Timeout_or_MaxCountHigh", &m->timeout_or_max_count_high);
	wire_u16(w, "Remaining", &m->remaining);
	smb1_high_half(w, "OffsetHigh", &m->offset, smb1_words(&b) == 12);
	smb1_bytes(w, &b);
	smb1_end(w, &b);
}

/* One half of a length that is coded apart from its buffer. */
static void length_half(struct wire *w, const char *name, struct wire_ref *r, size_t len, unsigned shift)
{
	uint16_t half = (uint16_t)(len >> shift);

	if (w->dir == WIRE_PRINT || w->dir == WIRE_GENERATE)
		return;
	wire_u16(w, name, &half);
	if (w->dir == WIRE_DECODE)
		r->length |= (uint32_t)half << shift;
}

/* The data end where ByteCount, which has 16 bits, cannot say. */
static bool reaches_far(const struct smb1_body *b, const struct wire_ref *data)
{
	return (size_t)data->offset + data->length > b->words_end + 2 + UINT16_MAX;
}

static void data_elsewhere(struct wire *w, struct wire_ref *r, uint16_t *offset, struct slice *data)
{
	size_t align = *offset != 0 ? 1 : 4, from = w->pos;

	if (w->dir == WIRE_ENCODE)
		wire_pad_to(w, *offset);
	wire_buffer_elsewhere(w, "Data", r, align, data);
	if (w->dir == WIRE_DECODE)
		*offset = (uint16_t)(r->offset >= from && r->offset <= w->end ? r->offset : 0);
}

/* [MS-CIFS] 2.2.4.42.2, [MS-SMB] 2.2.4.2.2 */
void smb1_read_andx_rsp_code(struct wire *w, struct smb1_read_andx_rsp *m)
{
	struct wire_ref data = {0};
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 12);
	smb1_andx_fields(w);
	wire_u16(w, "Available", &m->available);
	wire_u16(w, "DataCompactionMode", &m->data_compaction_mode);
	wire_reserved(w, 2);
	length_half(w, "DataLength", &data, m->data.len, 0);
	wire_ref_offset(w, "DataOffset", &data, 2);
	length_half(w, "DataLengthHigh", &data, m->data.len, 16);
	wire_reserved(w, 8);
	b.large = w->dir == WIRE_ENCODE || reaches_far(&b, &data);
	smb1_bytes(w, &b);
	data_elsewhere(w, &data, &m->data_offset, &m->data);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.12.1, 2.2.4.21.1. The length is there twice; the one beside the data counts. */
void smb1_write_req_code(struct wire *w, struct smb1_write_req *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 5);
	wire_u16(w, "FID", &m->fid);
	wire_length(w, "CountOfBytesToWrite", &m->data, 2);
	wire_u32(w, "WriteOffsetInBytes", &m->offset);
	wire_u16(w, "EstimateOfRemainingBytesToBeWritten", &m->remaining);
	smb1_bytes(w, &b);
	smb1_format_data(w, "Data", SMB1_FORMAT_DATA, &m->data);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.12.2, 2.2.4.21.2, 2.2.4.40.2 */
void smb1_count_rsp_code(struct wire *w, struct smb1_count_rsp *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 1);
	wire_u16(w, "CountOfBytesWritten", &m->count);
	smb1_bytes(w, &b);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.40.1: one byte of padding before the data */
void smb1_write_and_close_req_code(struct wire *w, struct smb1_write_and_close_req *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, &m->word_count, 6, 12);
	wire_u16(w, "FID", &m->fid);
	wire_length(w, "CountOfBytesToWrite", &m->data, 2);
	wire_u32(w, "WriteOffsetInBytes", &m->offset);
	wire_u32(w, "LastWriteTime", &m->last_write_time);
	if (smb1_words(&b) == 12)
		wire_reserved(w, 12);
	smb1_bytes(w, &b);
	wire_reserved(w, 1);
	wire_view(w, "Data", m->data.len, &m->data);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.43.1, [MS-SMB] 2.2.4.3.1 */
void smb1_write_andx_req_code(struct wire *w, struct smb1_write_andx_req *m)
{
	struct wire_ref data = {0};
	struct smb1_body b;

	SMB1_BEGIN(w, &b, &m->word_count, 14, 12);
	smb1_andx_fields(w);
	wire_u16(w, "FID", &m->fid);
	smb1_low_half(w, "Offset", &m->offset);
	wire_u32(w, "Timeout", &m->timeout);
	wire_u16(w, "WriteMode", &m->write_mode);
	wire_u16(w, "Remaining", &m->remaining);
	length_half(w, "DataLengthHigh", &data, m->data.len, 16);
	length_half(w, "DataLength", &data, m->data.len, 0);
	wire_ref_offset(w, "DataOffset", &data, 2);
	smb1_high_half(w, "OffsetHigh", &m->offset, smb1_words(&b) == 14);
	b.large = w->dir == WIRE_ENCODE || reaches_far(&b, &data);
	smb1_bytes(w, &b);
	data_elsewhere(w, &data, &m->data_offset, &m->data);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.43.2, [MS-SMB] 2.2.4.3.2 */
void smb1_write_andx_rsp_code(struct wire *w, struct smb1_write_andx_rsp *m)
{
	uint16_t low = (uint16_t)m->count, high = (uint16_t)(m->count >> 16);
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 6);
	smb1_andx_fields(w);
	wire_u16(w, "Count", &low);
	wire_u16(w, "Available", &m->available);
	wire_u16(w, "CountHigh", &high);
	wire_reserved(w, 2);
	smb1_bytes(w, &b);
	smb1_end(w, &b);
	if (w->dir != WIRE_ENCODE)
		m->count = (uint32_t)high << 16 | low;
}

/* [MS-CIFS] 2.2.4.19.1 */
void smb1_seek_req_code(struct wire *w, struct smb1_seek_req *m)
{
	uint32_t offset = (uint32_t)m->offset;
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 4);
	wire_u16(w, "FID", &m->fid);
	wire_u16(w, "Mode", &m->mode);
	wire_u32(w, "Offset", &offset);
	smb1_bytes(w, &b);
	smb1_end(w, &b);
	if (w->dir != WIRE_ENCODE)
		m->offset = (int32_t)offset;
}

/* [MS-CIFS] 2.2.4.19.2 */
void smb1_seek_rsp_code(struct wire *w, struct smb1_seek_rsp *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 2);
	wire_u32(w, "Offset", &m->offset);
	smb1_bytes(w, &b);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.39.1 */
void smb1_echo_req_code(struct wire *w, struct smb1_echo_req *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 1);
	wire_u16(w, "EchoCount", &m->echo_count);
	smb1_bytes(w, &b);
	wire_rest(w, "Data", &m->data);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.39.2 */
void smb1_echo_rsp_code(struct wire *w, struct smb1_echo_rsp *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 1);
	wire_u16(w, "SequenceNumber", &m->sequence_number);
	smb1_bytes(w, &b);
	wire_rest(w, "Data", &m->data);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.13.1, 2.2.4.14.1 */
void smb1_lock_byte_range_req_code(struct wire *w, struct smb1_lock_byte_range_req *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 5);
	wire_u16(w, "FID", &m->fid);
	wire_u32(w, "CountOfBytesToLock", &m->count);
	wire_u32(w, "LockOffsetInBytes", &m->offset);
	smb1_bytes(w, &b);
	smb1_end(w, &b);
}

/* One number of a range: 32 bits, or two halves of which the high one comes first. */
static void range_number(struct wire *w, const char *name, uint64_t *v, bool large)
{
	uint32_t low = (uint32_t)*v, high = (uint32_t)(*v >> 32);

	if (large)
		wire_u32(w, name, &high);
	else if (w->dir == WIRE_ENCODE && high != 0)
		wire_fail(w, STATUS_INVALID_PARAMETER, name);
	else
		high = 0;
	wire_u32(w, name, &low);
	if (w->dir != WIRE_ENCODE)
		*v = (uint64_t)high << 32 | low;
}

/* [MS-CIFS] 2.2.4.32.1 */
static void ranges(struct wire *w, const char *name, uint16_t *count, struct smb1_lock_range **list, bool large)
{
	*list = wire_array(w, name, *count, sizeof(**list), large ? 20 : 10, *list);
	if (!*list && w->dir != WIRE_ENCODE)
		*count = 0;
	for (size_t i = 0; i < *count && wire_ok(w); i++) {
		struct smb1_lock_range *r = &(*list)[i];

		wire_group(w, name);
		wire_u16(w, "PID", &r->pid);
		if (large)
			wire_reserved(w, 2);
		range_number(w, "ByteOffset", &r->offset, large);
		range_number(w, "LengthInBytes", &r->length, large);
		wire_group_end(w);
	}
}

/* [MS-CIFS] 2.2.4.32.1 */
void smb1_locking_andx_req_code(struct wire *w, struct smb1_locking_andx_req *m)
{
	struct smb1_body b;
	bool large;

	SMB1_BEGIN(w, &b, NULL, 8);
	smb1_andx_fields(w);
	wire_u16(w, "FID", &m->fid);
	wire_u8(w, "TypeOfLock", &m->type_of_lock);
	wire_u8(w, "NewOpLockLevel", &m->new_oplock_level);
	wire_u32(w, "Timeout", &m->timeout);
	wire_count16(w, "NumberOfRequestedUnlocks", &m->unlock_count, UINT16_MAX);
	wire_count16(w, "NumberOfRequestedLocks", &m->lock_count, UINT16_MAX);
	smb1_bytes(w, &b);
	large = (m->type_of_lock & SMB1_LOCKING_LARGE_FILES) != 0;
	ranges(w, "Unlock", &m->unlock_count, &m->unlocks, large);
	ranges(w, "Lock", &m->lock_count, &m->locks, large);
	smb1_end(w, &b);
}
