/* Control codes about ranges and properties of a file: trim, zeroing, allocated ranges, sparse, compression, cloning, object ids.
 * [MS-FSCC] 2.3. Called by IOCTL of both roles. */
#include "wire/fsctl.h"

enum { RANGE_BYTES = 16, RANGES_MAX = 65536 };

/* [MS-FSCC] 2.3.52: FILE_ALLOCATED_RANGE_BUFFER, to the end. */
static void range_list_code(struct wire *w, uint32_t *count, struct fsctl_range **ranges)
{
	*ranges = wire_array(w, "Ranges", *count, sizeof(**ranges), RANGE_BYTES, *ranges);
	if (!*ranges)
		*count = 0;
	for (size_t i = 0; i < *count && wire_ok(w); i++) {
		wire_group(w, "Range");
		wire_u64(w, "Offset", &(*ranges)[i].offset);
		wire_u64(w, "Length", &(*ranges)[i].length);
		wire_group_end(w);
	}
}

/* [MS-FSCC] 2.3.73 FSCTL_FILE_LEVEL_TRIM */
void fsctl_file_level_trim_code(struct wire *w, struct fsctl_file_level_trim *m)
{
	wire_u32(w, "Key", &m->key);
	wire_count32(w, "NumRanges", &m->num_ranges, RANGES_MAX);
	range_list_code(w, &m->num_ranges, &m->ranges);
}

/* [MS-FSCC] 2.3.74 FSCTL_FILE_LEVEL_TRIM reply */
void fsctl_file_level_trim_rsp_code(struct wire *w, struct fsctl_file_level_trim_rsp *m)
{
	wire_u32(w, "NumRangesProcessed", &m->num_ranges_processed);
}

/* [MS-FSCC] 2.3 FSCTL_SET_ZERO_DATA */
void fsctl_zero_data_code(struct wire *w, struct fsctl_zero_data *m)
{
	wire_u64(w, "FileOffset", &m->file_offset);
	wire_u64(w, "BeyondFinalZero", &m->beyond_final_zero);
}

/* [MS-FSCC] 2.3 FSCTL_QUERY_ALLOCATED_RANGES, both ways: as many whole elements as there are */
void fsctl_ranges_code(struct wire *w, struct fsctl_ranges *m)
{
	if (w->dir == WIRE_DECODE)
		m->count = (uint32_t)(wire_left(w) / RANGE_BYTES < RANGES_MAX ? wire_left(w) / RANGE_BYTES : RANGES_MAX);
	else if (w->dir == WIRE_GENERATE)
		m->count = (uint32_t)wire_random(w, 5);
	range_list_code(w, &m->count, &m->ranges);
}

/* [MS-FSCC] 2.3 FSCTL_SET_SPARSE */
void fsctl_set_sparse_code(struct wire *w, struct fsctl_set_sparse *m)
{
	if (w->dir == WIRE_DECODE && wire_ok(w) && wire_left(w) == 0)
		m->set = true;
	else
		wire_bool(w, "SetSparse", &m->set);
}

/* [MS-FSCC] 2.3 FSCTL_SET_COMPRESSION, FSCTL_GET_COMPRESSION reply */
void fsctl_compression_code(struct wire *w, struct fsctl_compression *m)
{
	wire_u16(w, "CompressionState", &m->state);
}

/* [MS-FSCC] 2.3.7 FSCTL_DUPLICATE_EXTENTS_TO_FILE; the file id is SMB2's */
void fsctl_duplicate_extents_code(struct wire *w, struct fsctl_duplicate_extents *m)
{
	wire_bytes(w, "SourceFileId", m->file_id, sizeof(m->file_id));
	wire_u64(w, "SourceFileOffset", &m->source_offset);
	wire_u64(w, "TargetFileOffset", &m->target_offset);
	wire_u64(w, "ByteCount", &m->byte_count);
}

/* [MS-FSCC] 2.1.3 FILE_OBJECTID_BUFFER */
void fsctl_object_id_code(struct wire *w, struct fsctl_object_id *m)
{
	wire_guid(w, "ObjectId", &m->object_id);
	wire_bytes(w, "ExtendedInfo", m->extended_info, sizeof(m->extended_info));
}
