/* Information classes of [MS-FSCC] 2.4 (files), 2.5 (file systems), 2.7.1 (change notification), as SMB2 carries them in
 * QUERY_INFO, SET_INFO, QUERY_DIRECTORY and CHANGE_NOTIFY, with the quota structures of [MS-SMB2] 2.2.37.1. Server and client
 * use the same coders. A payload's cursor has base at the payload and starts at pos 0. Names are UTF-16LE without terminator. */
#ifndef WIRE_FSCC_H
#define WIRE_FSCC_H

#include "wire/wire.h"

enum fscc_file_class {
	FSCC_FILE_DIRECTORY = 1, FSCC_FILE_FULL_DIRECTORY = 2, FSCC_FILE_BOTH_DIRECTORY = 3, FSCC_FILE_BASIC = 4,
	FSCC_FILE_STANDARD = 5, FSCC_FILE_INTERNAL = 6, FSCC_FILE_EA = 7, FSCC_FILE_ACCESS = 8, FSCC_FILE_NAME = 9,
	FSCC_FILE_RENAME = 10, FSCC_FILE_LINK = 11, FSCC_FILE_NAMES = 12, FSCC_FILE_DISPOSITION = 13, FSCC_FILE_POSITION = 14,
	FSCC_FILE_FULL_EA = 15, FSCC_FILE_MODE = 16, FSCC_FILE_ALIGNMENT = 17, FSCC_FILE_ALL = 18, FSCC_FILE_ALLOCATION = 19,
	FSCC_FILE_END_OF_FILE = 20, FSCC_FILE_ALTERNATE_NAME = 21, FSCC_FILE_STREAM = 22, FSCC_FILE_PIPE = 23,
	FSCC_FILE_PIPE_LOCAL = 24, FSCC_FILE_PIPE_REMOTE = 25, FSCC_FILE_COMPRESSION = 28, FSCC_FILE_NETWORK_OPEN = 34,
	FSCC_FILE_ATTRIBUTE_TAG = 35, FSCC_FILE_ID_BOTH_DIRECTORY = 37, FSCC_FILE_ID_FULL_DIRECTORY = 38,
	FSCC_FILE_VALID_DATA_LENGTH = 39, FSCC_FILE_SHORT_NAME = 40, FSCC_FILE_NORMALIZED_NAME = 48, FSCC_FILE_ID = 59,
	FSCC_FILE_ID_EXTD_DIRECTORY = 60, FSCC_FILE_ID_EXTD_BOTH_DIRECTORY = 63, FSCC_FILE_DISPOSITION_EX = 64,
	FSCC_FILE_RENAME_EX = 65
};
enum fscc_fs_class {
	FSCC_FS_VOLUME = 1, FSCC_FS_LABEL = 2, FSCC_FS_SIZE = 3, FSCC_FS_DEVICE = 4, FSCC_FS_ATTRIBUTE = 5, FSCC_FS_CONTROL = 6,
	FSCC_FS_FULL_SIZE = 7, FSCC_FS_OBJECT_ID = 8, FSCC_FS_SECTOR_SIZE = 11
};

/* --- files, 2.4 --- */

struct fscc_basic { /* 4 */
	uint64_t creation_time, last_access_time, last_write_time, change_time; /* set: 0 keeps, -1 and -2 see 2.4.7 */
	uint32_t file_attributes;
};
struct fscc_standard { /* 5 */
	uint64_t allocation_size, end_of_file;
	uint32_t number_of_links;
	bool delete_pending, directory;
};
struct fscc_u64 { uint64_t value; }; /* Internal 6, Position 14, Allocation 19, EndOfFile 20, ValidDataLength 39 */
struct fscc_u32 { uint32_t value; }; /* Ea 7, Access 8, Mode 16, Alignment 17, DispositionEx 64 */
struct fscc_u8 { uint8_t value; };   /* Disposition 13 */
struct fscc_name { struct slice name; }; /* Name 9, AlternateName 21, ShortName 40, NormalizedName 48 */
struct fscc_rename {                 /* Rename 10 (SMB2 form), Link 11: flags is ReplaceIfExists; RenameEx 65 */
	uint32_t flags;
	uint64_t root_directory;
	struct slice name;
};
struct fscc_all { /* 18; *_size of the fixed part is 100 */
	struct fscc_basic basic;
	struct fscc_standard standard;
	uint64_t index_number;
	uint32_t ea_size, access_flags;
	uint64_t current_byte_offset;
	uint32_t mode, alignment_requirement;
	struct slice name;
};
struct fscc_pipe { uint32_t read_mode, completion_mode; }; /* 23 */
struct fscc_pipe_local { /* 24 */
	uint32_t type, configuration, maximum_instances, current_instances, inbound_quota, read_data_available, outbound_quota,
		write_quota_available, state, end;
};
struct fscc_pipe_remote { /* 25 */
	uint64_t collect_data_time;
	uint32_t maximum_collection_count;
};
struct fscc_compression { /* 28 */
	uint64_t compressed_file_size;
	uint16_t compression_format;
	uint8_t compression_unit_shift, chunk_shift, cluster_shift;
};
struct fscc_network_open { /* 34 */
	uint64_t creation_time, last_access_time, last_write_time, change_time, allocation_size, end_of_file;
	uint32_t file_attributes;
};
struct fscc_attribute_tag { uint32_t file_attributes, reparse_tag; }; /* 35 */
struct fscc_id { /* 59 */
	uint64_t volume_serial_number;
	uint8_t file_id[16];
};
enum { FSCC_DISPOSITION_DELETE = 1, FSCC_DISPOSITION_POSIX = 2, FSCC_DISPOSITION_IGNORE_READONLY = 0x10 }; /* 64 */
enum { FSCC_RENAME_REPLACE = 1, FSCC_RENAME_POSIX = 2, FSCC_RENAME_IGNORE_READONLY = 0x40 };               /* 65 */

void fscc_basic_code(struct wire *w, struct fscc_basic *m);
void fscc_standard_code(struct wire *w, struct fscc_standard *m);
void fscc_u64_code(struct wire *w, struct fscc_u64 *m);
void fscc_u32_code(struct wire *w, struct fscc_u32 *m);
void fscc_u8_code(struct wire *w, struct fscc_u8 *m);
void fscc_name_code(struct wire *w, struct fscc_name *m);
void fscc_rename_code(struct wire *w, struct fscc_rename *m);
void fscc_rename_ex_code(struct wire *w, struct fscc_rename *m);
void fscc_all_code(struct wire *w, struct fscc_all *m);
void fscc_pipe_code(struct wire *w, struct fscc_pipe *m);
void fscc_pipe_local_code(struct wire *w, struct fscc_pipe_local *m);
void fscc_pipe_remote_code(struct wire *w, struct fscc_pipe_remote *m);
void fscc_compression_code(struct wire *w, struct fscc_compression *m);
void fscc_network_open_code(struct wire *w, struct fscc_network_open *m);
void fscc_attribute_tag_code(struct wire *w, struct fscc_attribute_tag *m);
void fscc_id_code(struct wire *w, struct fscc_id *m);

/* --- file systems, 2.5 --- */

struct fscc_fs_volume { /* 1 */
	uint64_t volume_creation_time;
	uint32_t volume_serial_number;
	bool supports_objects;
	struct slice volume_label;
};
struct fscc_fs_label { struct slice volume_label; }; /* 2 */
struct fscc_fs_size { /* 3 */
	uint64_t total_allocation_units, available_allocation_units;
	uint32_t sectors_per_allocation_unit, bytes_per_sector;
};
struct fscc_fs_device { uint32_t device_type, characteristics; }; /* 4 */
struct fscc_fs_attribute { /* 5 */
	uint32_t file_system_attributes, maximum_component_name_length;
	struct slice file_system_name;
};
struct fscc_fs_control { /* 6 */
	uint64_t free_space_start_filtering, free_space_threshold, free_space_stop_filtering, default_quota_threshold,
		default_quota_limit;
	uint32_t file_system_control_flags;
};
struct fscc_fs_full_size { /* 7 */
	uint64_t total_allocation_units, caller_available_allocation_units, actual_available_allocation_units;
	uint32_t sectors_per_allocation_unit, bytes_per_sector;
};
struct fscc_fs_object_id { /* 8 */
	struct guid object_id;
	uint8_t extended_info[48];
};
struct fscc_fs_sector_size { /* 11 */
	uint32_t logical_bytes_per_sector, physical_bytes_for_atomicity, physical_bytes_for_performance, effective_bytes_for_atomicity,
		flags, byte_offset_for_sector_alignment, byte_offset_for_partition_alignment;
};
void fscc_fs_volume_code(struct wire *w, struct fscc_fs_volume *m);
void fscc_fs_label_code(struct wire *w, struct fscc_fs_label *m);
void fscc_fs_size_code(struct wire *w, struct fscc_fs_size *m);
void fscc_fs_device_code(struct wire *w, struct fscc_fs_device *m);
void fscc_fs_attribute_code(struct wire *w, struct fscc_fs_attribute *m);
void fscc_fs_control_code(struct wire *w, struct fscc_fs_control *m);
void fscc_fs_full_size_code(struct wire *w, struct fscc_fs_full_size *m);
void fscc_fs_object_id_code(struct wire *w, struct fscc_fs_object_id *m);
void fscc_fs_sector_size_code(struct wire *w, struct fscc_fs_sector_size *m);

/* A row for every class above that is one structure (lists have functions of their own below). NULL: no such class.
 * fixed_size is the least length of a buffer: shorter ones get INFO_LENGTH_MISMATCH; what is longer than the buffer is cut
 * with BUFFER_OVERFLOW. */
struct fscc_class {
	uint8_t number;
	const char *name;      /* "FileBasicInformation" */
	uint16_t fixed_size;
	size_t size;           /* sizeof the struct */
	void (*code)(struct wire *w, void *m);
};
const struct fscc_class *fscc_file_class_of(uint8_t number);
const struct fscc_class *fscc_fs_class_of(uint8_t number);

/* --- lists --- */

/* Writes a list of entries that are linked by NextEntryOffset (their first field), each aligned from `out`. The functions that
 * put an entry return false, and leave the list as it was, when it does not fit. */
struct fscc_list {
	uint8_t *out;
	size_t cap, len; /* len: bytes used, without padding behind the last entry */
	size_t last;     /* where the last entry starts; meaningful when len != 0 */
};
/* Room for an entry of n bytes, aligned and linked to the one before it, NextEntryOffset 0, the rest not zeroed. NULL: does
 * not fit. */
uint8_t *fscc_list_add(struct fscc_list *l, size_t n, size_t align);
/* The next entry of a received list: *entry runs to the next one or to the end and has at least `least` bytes; false at the
 * end or on a malformed chain, which *bad tells apart. NextEntryOffset must be a multiple of `align`. */
bool fscc_list_next(struct slice *list, size_t least, size_t align, struct slice *entry, bool *bad);

/* Directory entries, classes 1, 2, 3, 12, 37, 38, 60, 63. Fields that a class does not have are ignored, or 0 when read. */
struct fscc_dir_entry {
	uint32_t file_index;
	uint64_t creation_time, last_access_time, last_write_time, change_time, end_of_file, allocation_size;
	uint32_t file_attributes;
	uint32_t ea_size;     /* classes up to 38 show reparse_tag in its place when file_attributes has REPARSE_POINT (0x400) */
	uint32_t reparse_tag;
	uint64_t file_id;     /* in classes 60 and 63: the low half of the 128 bits */
	struct slice name;
	struct slice short_name; /* at most 24 bytes, may be empty */
};
bool fscc_dir_class_valid(uint8_t class);
/* Bytes before the name; 0 for a class that is none of these. */
size_t fscc_dir_fixed_size(uint8_t class);
/* Writes one entry with NextEntryOffset 0; the bytes written, 0 when cap is too small (or the class unknown). */
size_t fscc_dir_entry_put(uint8_t *out, size_t cap, uint8_t class, const struct fscc_dir_entry *e);
/* The same at the end of a list. */
bool fscc_dir_list_put(struct fscc_list *l, uint8_t class, const struct fscc_dir_entry *e);
/* As smb2_create_context_next. */
bool fscc_dir_entry_next(struct slice *list, uint8_t class, struct fscc_dir_entry *e, bool *bad);

/* FileStreamInformation, 22 */
struct fscc_stream {
	uint64_t size, allocation_size;
	struct slice name; /* ":name:$DATA" */
};
bool fscc_stream_put(struct fscc_list *l, const struct fscc_stream *s);
bool fscc_stream_next(struct slice *list, struct fscc_stream *s, bool *bad);

/* FileFullEaInformation, 15; also the create context ExtA. Names are bytes, with a zero behind them on the wire. */
struct fscc_ea {
	uint8_t flags; /* 0x80: FILE_NEED_EA */
	struct slice name, value;
};
bool fscc_ea_put(struct fscc_list *l, const struct fscc_ea *e);
bool fscc_ea_next(struct slice *list, struct fscc_ea *e, bool *bad);
/* FILE_GET_EA_INFORMATION, the input of a query of class 15: names only */
bool fscc_get_ea_put(struct fscc_list *l, struct slice name);
bool fscc_get_ea_next(struct slice *list, struct slice *name, bool *bad);

/* FILE_NOTIFY_INFORMATION, 2.7.1 */
enum fscc_notify_action {
	FSCC_NOTIFY_ADDED = 1, FSCC_NOTIFY_REMOVED = 2, FSCC_NOTIFY_MODIFIED = 3, FSCC_NOTIFY_RENAMED_OLD_NAME = 4,
	FSCC_NOTIFY_RENAMED_NEW_NAME = 5, FSCC_NOTIFY_ADDED_STREAM = 6, FSCC_NOTIFY_REMOVED_STREAM = 7,
	FSCC_NOTIFY_MODIFIED_STREAM = 8
};
struct fscc_notify {
	uint32_t action;
	struct slice name;
};
bool fscc_notify_put(struct fscc_list *l, const struct fscc_notify *n);
bool fscc_notify_next(struct slice *list, struct fscc_notify *n, bool *bad);

/* FILE_QUOTA_INFORMATION and FILE_GET_QUOTA_INFORMATION; the SID stays raw, see secdesc.h */
struct fscc_quota {
	uint64_t change_time, quota_used, quota_threshold, quota_limit;
	struct slice sid;
};
bool fscc_quota_put(struct fscc_list *l, const struct fscc_quota *q);
bool fscc_quota_next(struct slice *list, struct fscc_quota *q, bool *bad);
bool fscc_get_quota_put(struct fscc_list *l, struct slice sid);
bool fscc_get_quota_next(struct slice *list, struct slice *sid, bool *bad);

/* SMB2_QUERY_QUOTA_INFO, [MS-SMB2] 2.2.37.1: the input of a quota query. sid_list (FILE_GET_QUOTA_INFORMATION entries) and
 * start_sid exclude each other; both empty: all from the start. */
struct fscc_query_quota {
	bool return_single, restart_scan;
	struct slice sid_list, start_sid;
};
void fscc_query_quota_code(struct wire *w, struct fscc_query_quota *m);

#endif
