/* Information classes of files that are one structure each: [MS-FSCC] 2.4. Lists are in fscc_list.c, directory entries in
 * fscc_dir.c. Called by QUERY_INFO and SET_INFO of both roles, mostly through fscc_file_class_of. */
#include "wire/fscc.h"

/* [MS-FSCC] 2.4.7 FileBasicInformation */
void fscc_basic_code(struct wire *w, struct fscc_basic *m)
{
	wire_time(w, "CreationTime", &m->creation_time);
	wire_time(w, "LastAccessTime", &m->last_access_time);
	wire_time(w, "LastWriteTime", &m->last_write_time);
	wire_time(w, "ChangeTime", &m->change_time);
	wire_u32(w, "FileAttributes", &m->file_attributes);
	wire_reserved(w, 4);
}

/* [MS-FSCC] 2.4 FileStandardInformation */
void fscc_standard_code(struct wire *w, struct fscc_standard *m)
{
	wire_u64(w, "AllocationSize", &m->allocation_size);
	wire_u64(w, "EndOfFile", &m->end_of_file);
	wire_u32(w, "NumberOfLinks", &m->number_of_links);
	wire_bool(w, "DeletePending", &m->delete_pending);
	wire_bool(w, "Directory", &m->directory);
	wire_reserved(w, 2);
}

/* [MS-FSCC] 2.4 FileInternalInformation, FilePositionInformation, FileAllocationInformation, FileEndOfFileInformation,
 * FileValidDataLengthInformation */
void fscc_u64_code(struct wire *w, struct fscc_u64 *m)
{
	wire_u64(w, "Value", &m->value);
}

/* [MS-FSCC] 2.4 FileEaInformation, FileAccessInformation, FileModeInformation, FileAlignmentInformation,
 * FileDispositionInformationEx */
void fscc_u32_code(struct wire *w, struct fscc_u32 *m)
{
	wire_u32(w, "Value", &m->value);
}

/* [MS-FSCC] 2.4.11 FileDispositionInformation */
void fscc_u8_code(struct wire *w, struct fscc_u8 *m)
{
	wire_u8(w, "Value", &m->value);
}

/* [MS-FSCC] 2.1.7 FILE_NAME_INFORMATION: FileNameInformation, FileAlternateNameInformation, FileShortNameInformation,
 * FileNormalizedNameInformation */
void fscc_name_code(struct wire *w, struct fscc_name *m)
{
	wire_length(w, "FileNameLength", &m->name, 4);
	wire_text(w, "FileName", &m->name);
}

/* The size of FILE_RENAME_INFORMATION with padding: Windows refuses shorter buffers even when the name is. */
enum { RENAME_LEAST = 24 };

/* [MS-FSCC] 2.4.37.2: what follows the flag. */
static void rename_rest_code(struct wire *w, struct fscc_rename *m, size_t start)
{
	wire_u64(w, "RootDirectory", &m->root_directory);
	wire_length(w, "FileNameLength", &m->name, 4);
	wire_text(w, "FileName", &m->name);
	wire_pad_to(w, start + RENAME_LEAST);
}

/* [MS-FSCC] 2.4 FileRenameInformation for SMB2, FileLinkInformation for SMB2 */
void fscc_rename_code(struct wire *w, struct fscc_rename *m)
{
	bool replace = w->dir != WIRE_DECODE && w->dir != WIRE_GENERATE && m->flags != 0;
	size_t start = w->pos;

	wire_bool(w, "ReplaceIfExists", &replace);
	m->flags = replace;
	wire_reserved(w, 7);
	rename_rest_code(w, m, start);
}

/* [MS-FSCC] 2.4 FileRenameInformationEx */
void fscc_rename_ex_code(struct wire *w, struct fscc_rename *m)
{
	size_t start = w->pos;

	wire_u32(w, "Flags", &m->flags);
	wire_reserved(w, 4);
	rename_rest_code(w, m, start);
}

/* [MS-FSCC] 2.4.2 FileAllInformation */
void fscc_all_code(struct wire *w, struct fscc_all *m)
{
	struct fscc_name name = {m->name};

	fscc_basic_code(w, &m->basic);
	fscc_standard_code(w, &m->standard);
	wire_u64(w, "IndexNumber", &m->index_number);
	wire_u32(w, "EaSize", &m->ea_size);
	wire_u32(w, "AccessFlags", &m->access_flags);
	wire_u64(w, "CurrentByteOffset", &m->current_byte_offset);
	wire_u32(w, "Mode", &m->mode);
	wire_u32(w, "AlignmentRequirement", &m->alignment_requirement);
	fscc_name_code(w, &name);
	m->name = name.name;
}

/* [MS-FSCC] 2.4 FilePipeInformation */
void fscc_pipe_code(struct wire *w, struct fscc_pipe *m)
{
	wire_u32(w, "ReadMode", &m->read_mode);
	wire_u32(w, "CompletionMode", &m->completion_mode);
}

/* [MS-FSCC] 2.4 FilePipeLocalInformation */
void fscc_pipe_local_code(struct wire *w, struct fscc_pipe_local *m)
{
	wire_u32(w, "NamedPipeType", &m->type);
	wire_u32(w, "NamedPipeConfiguration", &m->configuration);
	wire_u32(w, "MaximumInstances", &m->maximum_instances);
	wire_u32(w, "CurrentInstances", &m->current_instances);
	wire_u32(w, "InboundQuota", &m->inbound_quota);
	wire_u32(w, "ReadDataAvailable", &m->read_data_available);
	wire_u32(w, "OutboundQuota", &m->outbound_quota);
	wire_u32(w, "WriteQuotaAvailable", &m->write_quota_available);
	wire_u32(w, "NamedPipeState", &m->state);
	wire_u32(w, "NamedPipeEnd", &m->end);
}

/* [MS-FSCC] 2.4 FilePipeRemoteInformation */
void fscc_pipe_remote_code(struct wire *w, struct fscc_pipe_remote *m)
{
	wire_u64(w, "CollectDataTime", &m->collect_data_time);
	wire_u32(w, "MaximumCollectionCount", &m->maximum_collection_count);
}

/* [MS-FSCC] 2.4.9 FileCompressionInformation */
void fscc_compression_code(struct wire *w, struct fscc_compression *m)
{
	wire_u64(w, "CompressedFileSize", &m->compressed_file_size);
	wire_u16(w, "CompressionFormat", &m->compression_format);
	wire_u8(w, "CompressionUnitShift", &m->compression_unit_shift);
	wire_u8(w, "ChunkShift", &m->chunk_shift);
	wire_u8(w, "ClusterShift", &m->cluster_shift);
	wire_reserved(w, 3);
}

/* [MS-FSCC] 2.4 FileNetworkOpenInformation */
void fscc_network_open_code(struct wire *w, struct fscc_network_open *m)
{
	wire_time(w, "CreationTime", &m->creation_time);
	wire_time(w, "LastAccessTime", &m->last_access_time);
	wire_time(w, "LastWriteTime", &m->last_write_time);
	wire_time(w, "ChangeTime", &m->change_time);
	wire_u64(w, "AllocationSize", &m->allocation_size);
	wire_u64(w, "EndOfFile", &m->end_of_file);
	wire_u32(w, "FileAttributes", &m->file_attributes);
	wire_reserved(w, 4);
}

/* [MS-FSCC] 2.4.6 FileAttributeTagInformation */
void fscc_attribute_tag_code(struct wire *w, struct fscc_attribute_tag *m)
{
	wire_u32(w, "FileAttributes", &m->file_attributes);
	wire_u32(w, "ReparseTag", &m->reparse_tag);
}

/* [MS-FSCC] 2.4 FileIdInformation */
void fscc_id_code(struct wire *w, struct fscc_id *m)
{
	wire_u64(w, "VolumeSerialNumber", &m->volume_serial_number);
	wire_bytes(w, "FileId", m->file_id, sizeof(m->file_id));
}

/* Number, name, struct and coder, bytes of the fixed part. */
#define FILE_CLASSES(X)                                                                                                \
	X(FSCC_FILE_BASIC, "FileBasicInformation", basic, basic, 40)                                                   \
	X(FSCC_FILE_STANDARD, "FileStandardInformation", standard, standard, 24)                                       \
	X(FSCC_FILE_INTERNAL, "FileInternalInformation", u64, u64, 8)                                                  \
	X(FSCC_FILE_EA, "FileEaInformation", u32, u32, 4)                                                              \
	X(FSCC_FILE_ACCESS, "FileAccessInformation", u32, u32, 4)                                                      \
	X(FSCC_FILE_NAME, "FileNameInformation", name, name, 4)                                                        \
	X(FSCC_FILE_RENAME, "FileRenameInformation", rename, rename, 20)                                               \
	X(FSCC_FILE_LINK, "FileLinkInformation", rename, rename, 20)                                                   \
	X(FSCC_FILE_DISPOSITION, "FileDispositionInformation", u8, u8, 1)                                              \
	X(FSCC_FILE_POSITION, "FilePositionInformation", u64, u64, 8)                                                  \
	X(FSCC_FILE_MODE, "FileModeInformation", u32, u32, 4)                                                          \
	X(FSCC_FILE_ALIGNMENT, "FileAlignmentInformation", u32, u32, 4)                                                \
	X(FSCC_FILE_ALL, "FileAllInformation", all, all, 100)                                                          \
	X(FSCC_FILE_ALLOCATION, "FileAllocationInformation", u64, u64, 8)                                              \
	X(FSCC_FILE_END_OF_FILE, "FileEndOfFileInformation", u64, u64, 8)                                              \
	X(FSCC_FILE_ALTERNATE_NAME, "FileAlternateNameInformation", name, name, 4)                                     \
	X(FSCC_FILE_PIPE, "FilePipeInformation", pipe, pipe, 8)                                                        \
	X(FSCC_FILE_PIPE_LOCAL, "FilePipeLocalInformation", pipe_local, pipe_local, 40)                                \
	X(FSCC_FILE_PIPE_REMOTE, "FilePipeRemoteInformation", pipe_remote, pipe_remote, 12)                            \
	X(FSCC_FILE_COMPRESSION, "FileCompressionInformation", compression, compression, 16)                           \
	X(FSCC_FILE_NETWORK_OPEN, "FileNetworkOpenInformation", network_open, network_open, 56)                        \
	X(FSCC_FILE_ATTRIBUTE_TAG, "FileAttributeTagInformation", attribute_tag, attribute_tag, 8)                     \
	X(FSCC_FILE_VALID_DATA_LENGTH, "FileValidDataLengthInformation", u64, u64, 8)                                  \
	X(FSCC_FILE_SHORT_NAME, "FileShortNameInformation", name, name, 4)                                             \
	X(FSCC_FILE_NORMALIZED_NAME, "FileNormalizedNameInformation", name, name, 4)                                   \
	X(FSCC_FILE_ID, "FileIdInformation", id, id, 24)                                                               \
	X(FSCC_FILE_DISPOSITION_EX, "FileDispositionInformationEx", u32, u32, 4)                                       \
	X(FSCC_FILE_RENAME_EX, "FileRenameInformationEx", rename, rename_ex, 20)

#define ANY_CODER(class, text, type, coder, fixed)                                                                     \
	static void class##_any(struct wire *w, void *m)                                                               \
	{                                                                                                              \
		fscc_##coder##_code(w, (struct fscc_##type *)m);                                                       \
	}
FILE_CLASSES(ANY_CODER)

#define CLASS_ROW(class, text, type, coder, fixed) [class] = {class, text, fixed, sizeof(struct fscc_##type), class##_any},
static const struct fscc_class classes[] = {FILE_CLASSES(CLASS_ROW)};

const struct fscc_class *fscc_file_class_of(uint8_t number)
{
	return number < ARRAY_LEN(classes) && classes[number].code ? &classes[number] : NULL;
}
