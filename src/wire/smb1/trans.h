/* What the transactions of smb1.h carry: parameter blocks of TRANSACTION2 ([MS-CIFS] 2.2.6) and of NT_TRANSACT (2.2.7), and the
 * information levels (2.2.8) that are not classes of [MS-FSCC]; those are in wire/fscc.h: levels 0x0102 to 0x0104 and 0x0108 on of
 * queries, 0x0101 to 0x0104 of SET (Basic, Disposition, Allocation, EndOfFile), 0x0102 to 0x0105 of file systems, 0x0101 to 0x0106 of FIND
 * (entries of fscc_dir_*; names in the character set of the message), and everything from SMB1_PASSTHROUGH on but Rename.
 *
 * A block's coder starts at pos 0 of a cursor over the block alone, whose `unicode` the caller sets: smb1_part_decoder. */
#ifndef WIRE_SMB1_TRANS_H
#define WIRE_SMB1_TRANS_H

#include "wire/smb1/smb1.h"

/* 2.2.2.2 */
enum {
	SMB1_TRANS2_OPEN2 = 0x00, SMB1_TRANS2_FIND_FIRST2 = 0x01, SMB1_TRANS2_FIND_NEXT2 = 0x02, SMB1_TRANS2_QUERY_FS_INFORMATION = 0x03,
	SMB1_TRANS2_SET_FS_INFORMATION = 0x04, SMB1_TRANS2_QUERY_PATH_INFORMATION = 0x05, SMB1_TRANS2_SET_PATH_INFORMATION = 0x06,
	SMB1_TRANS2_QUERY_FILE_INFORMATION = 0x07, SMB1_TRANS2_SET_FILE_INFORMATION = 0x08, SMB1_TRANS2_CREATE_DIRECTORY = 0x0D,
	SMB1_TRANS2_GET_DFS_REFERRAL = 0x10
};
enum {
	SMB1_NT_TRANSACT_CREATE = 1, SMB1_NT_TRANSACT_IOCTL = 2, SMB1_NT_TRANSACT_SET_SECURITY_DESC = 3,
	SMB1_NT_TRANSACT_NOTIFY_CHANGE = 4, SMB1_NT_TRANSACT_RENAME = 5, SMB1_NT_TRANSACT_QUERY_SECURITY_DESC = 6,
	SMB1_NT_TRANSACT_QUERY_QUOTA = 7, SMB1_NT_TRANSACT_SET_QUOTA = 8
};
/* First setup word of TRANSACTION on named pipes, 2.2.5; the second is the FID or a priority. */
enum {
	SMB1_TRANS_SET_NMPIPE_STATE = 0x01, SMB1_TRANS_QUERY_NMPIPE_STATE = 0x21, SMB1_TRANS_QUERY_NMPIPE_INFO = 0x22,
	SMB1_TRANS_PEEK_NMPIPE = 0x23, SMB1_TRANS_TRANSACT_NMPIPE = 0x26, SMB1_TRANS_WAIT_NMPIPE = 0x53, SMB1_TRANS_CALL_NMPIPE = 0x54
};

/* 2.2.2.3. Levels from SMB1_PASSTHROUGH on are that much more than a class of [MS-FSCC] ([MS-SMB] 2.2.2.3.5). */
enum { SMB1_PASSTHROUGH = 1000 };
enum { /* FIND */
	SMB1_FIND_STANDARD = 0x0001, SMB1_FIND_EA_SIZE = 0x0002, SMB1_FIND_EAS_FROM_LIST = 0x0003, SMB1_FIND_DIRECTORY_INFO = 0x0101,
	SMB1_FIND_FULL_DIRECTORY_INFO = 0x0102, SMB1_FIND_NAMES_INFO = 0x0103, SMB1_FIND_BOTH_DIRECTORY_INFO = 0x0104,
	SMB1_FIND_ID_FULL_DIRECTORY_INFO = 0x0105, SMB1_FIND_ID_BOTH_DIRECTORY_INFO = 0x0106
};
enum { /* QUERY_PATH_ and QUERY_FILE_INFORMATION */
	SMB1_INFO_STANDARD = 0x0001, SMB1_INFO_QUERY_EA_SIZE = 0x0002, SMB1_INFO_QUERY_EAS_FROM_LIST = 0x0003,
	SMB1_INFO_QUERY_ALL_EAS = 0x0004, SMB1_INFO_IS_NAME_VALID = 0x0006, SMB1_QUERY_FILE_BASIC_INFO = 0x0101,
	SMB1_QUERY_FILE_STANDARD_INFO = 0x0102, SMB1_QUERY_FILE_EA_INFO = 0x0103, SMB1_QUERY_FILE_NAME_INFO = 0x0104,
	SMB1_QUERY_FILE_ALL_INFO = 0x0107, SMB1_QUERY_FILE_ALT_NAME_INFO = 0x0108, SMB1_QUERY_FILE_STREAM_INFO = 0x0109,
	SMB1_QUERY_FILE_COMPRESSION_INFO = 0x010B
};
enum { /* SET_PATH_ and SET_FILE_INFORMATION */
	SMB1_SET_INFO_STANDARD = 0x0001, SMB1_SET_INFO_EAS = 0x0002, SMB1_SET_FILE_BASIC_INFO = 0x0101,
	SMB1_SET_FILE_DISPOSITION_INFO = 0x0102, SMB1_SET_FILE_ALLOCATION_INFO = 0x0103, SMB1_SET_FILE_END_OF_FILE_INFO = 0x0104
};
enum { /* QUERY_FS_INFORMATION */
	SMB1_FS_INFO_ALLOCATION = 0x0001, SMB1_FS_INFO_VOLUME = 0x0002, SMB1_FS_VOLUME_INFO = 0x0102, SMB1_FS_SIZE_INFO = 0x0103,
	SMB1_FS_DEVICE_INFO = 0x0104, SMB1_FS_ATTRIBUTE_INFO = 0x0105
};
/* The class of [MS-FSCC] whose layout a level has; 0: none (then the level's structure is one of this header, or it is unknown). */
uint8_t smb1_query_class_of(uint16_t level);
uint8_t smb1_set_class_of(uint16_t level);
uint8_t smb1_fs_class_of(uint16_t level);
uint8_t smb1_find_class_of(uint16_t level);

/* Cursors over a block of parameters, data or setup. */
struct wire smb1_part_decoder(struct slice part, bool unicode, struct arena *arena);
struct wire smb1_part_encoder(void *out, size_t cap, bool unicode);

/* --- parameters of TRANSACTION2, 2.2.6 --- */

enum {
	SMB1_FIND_CLOSE_AFTER_REQUEST = 1, SMB1_FIND_CLOSE_AT_EOS = 2, SMB1_FIND_RETURN_RESUME_KEYS = 4,
	SMB1_FIND_CONTINUE_FROM_LAST = 8, SMB1_FIND_WITH_BACKUP_INTENT = 0x10
};
struct smb1_open2 { /* 2.2.6.1.1; the data are an SMB_FEA_LIST */
	uint16_t flags, access_mode, file_attributes;
	uint32_t creation_time; /* UTIME */
	uint16_t open_mode;
	uint32_t allocation_size;
	struct slice file_name;
};
struct smb1_open2_rsp { /* 2.2.6.1.2 */
	uint16_t fid, file_attributes;
	uint32_t creation_time, file_data_size; /* UTIME */
	uint16_t access_mode, resource_type, nm_pipe_status, action_taken, ea_error_offset;
	uint32_t ea_length;
};
struct smb1_find_first2 { /* 2.2.6.2.1 */
	uint16_t search_attributes, search_count, flags, information_level;
	uint32_t search_storage_type;
	struct slice file_name;
};
struct smb1_find_first2_rsp { uint16_t sid, search_count, end_of_search, ea_error_offset, last_name_offset; };
struct smb1_find_next2 { /* 2.2.6.3.1 */
	uint16_t sid, search_count, information_level;
	uint32_t resume_key;
	uint16_t flags;
	struct slice file_name;
};
struct smb1_find_next2_rsp { uint16_t search_count, end_of_search, ea_error_offset, last_name_offset; };
struct smb1_fs_info { uint16_t information_level; };                           /* QUERY_FS_INFORMATION, 2.2.6.4.1 */
struct smb1_file_info { uint16_t fid, information_level; };                    /* QUERY_FILE_, SET_FS_INFORMATION, 2.2.6.8.1 */
struct smb1_set_file_info { uint16_t fid, information_level; };                /* with two reserved bytes, 2.2.6.9.1 */
struct smb1_path_info { uint16_t information_level; struct slice file_name; }; /* QUERY_ and SET_PATH_, 2.2.6.6.1, 2.2.6.7.1 */
struct smb1_ea_error { uint16_t ea_error_offset; };                            /* responses of QUERY_ and SET_PATH_, _FILE_INFORMATION */
struct smb1_trans2_create_directory { struct slice directory_name; };          /* 2.2.6.14.1 */

/* --- NT_TRANSACT, 2.2.7 --- */

struct smb1_nt_create { /* parameters of NT_TRANSACT_CREATE, 2.2.7.1.1; the data are the security descriptor, then the attributes */
	uint32_t flags, root_directory_fid, desired_access;
	uint64_t allocation_size;
	uint32_t ext_file_attributes, share_access, create_disposition, create_options, security_descriptor_length, ea_length,
		impersonation_level;
	uint8_t security_flags;
	struct slice name;
};
struct smb1_nt_create_rsp { /* parameters, 2.2.7.1.2 and, with extended true, [MS-SMB] 2.2.7.1.2 */
	uint8_t oplock_level;
	bool extended; /* ResponseType */
	uint16_t fid;
	uint32_t create_action, ea_error_offset;
	uint64_t creation_time, last_access_time, last_write_time, last_change_time;
	uint32_t ext_file_attributes;
	uint64_t allocation_size, end_of_file;
	uint16_t resource_type, nm_pipe_status;
	uint8_t directory;
	struct guid volume_guid;
	uint64_t file_id;
	uint32_t maximal_access_rights, guest_maximal_access_rights;
};
struct smb1_nt_ioctl { uint32_t function_code; uint16_t fid; uint8_t is_fsctl, is_flags; };        /* setup, 2.2.7.2.1 */
struct smb1_nt_notify { uint32_t completion_filter; uint16_t fid; bool watch_tree; };              /* setup, 2.2.7.4.1; the answer's
	parameters are a list for fscc_notify_next */
struct smb1_nt_security { uint16_t fid; uint32_t security_information; };                          /* parameters, 2.2.7.3.1, 2.2.7.6.1 */
struct smb1_nt_length { uint32_t length_needed; };                                                 /* 2.2.7.6.2 */

/* --- information levels, 2.2.8 --- */

struct smb1_info_standard { /* 2.2.8.3.1, 2.2.8.4.1 (times only) and, with ea_size, 2.2.8.3.2 */
	struct dos_time creation, last_access, last_write;
	uint32_t file_data_size, allocation_size;
	uint16_t attributes;
	uint32_t ea_size;
};
struct smb1_basic_info { /* 2.2.8.3.6: servers leave the reserved bytes at its end out, so does the coder */
	uint64_t creation_time, last_access_time, last_write_time, last_change_time;
	uint32_t ext_file_attributes;
};
struct smb1_all_info { /* 2.2.8.3.10 */
	uint64_t creation_time, last_access_time, last_write_time, last_change_time;
	uint32_t ext_file_attributes;
	uint64_t allocation_size, end_of_file;
	uint32_t number_of_links;
	bool delete_pending, directory;
	uint32_t ea_size;
	struct slice file_name; /* always UTF-16 */
};
struct smb1_rename_info { /* pass-through Rename, [MS-FSCC] 2.4.42.1 */
	uint8_t replace_if_exists;
	uint32_t root_directory;
	struct slice file_name; /* always UTF-16 */
};
struct smb1_fs_allocation { uint32_t id_file_system, sectors_per_unit, units, units_available; uint16_t bytes_per_sector; }; /* 2.2.8.2.1 */
struct smb1_fs_volume { uint32_t serial_number; struct slice volume_label; };                                              /* 2.2.8.2.2 */

/* Entries of FIND levels 1 to 3, 2.2.8.1.1 to 2.2.8.1.3. They stand one behind the other; a resume key is there if the request asked
 * for it. A name of more than 255 bytes has no place in them. */
struct smb1_find_entry {
	uint32_t resume_key;
	struct smb1_info_standard info; /* ea_size: level 2 */
	struct slice ea_list;           /* level 3: an SMB_FEA_LIST, with its length */
	struct slice file_name;
};
/* Appends one to the data that begin where list's base is. false: it does not fit, and the list is as it was. */
bool smb1_find_entry_put(struct wire *list, uint16_t level, bool resume_key, const struct smb1_find_entry *e);
/* Takes the next one. false: at the end, or *bad. */
bool smb1_find_entry_next(struct wire *list, uint16_t level, bool resume_key, struct smb1_find_entry *e, bool *bad);

/* SMB_FEA_LIST, 2.2.1.2.2, and SMB_GEA_LIST, 2.2.1.2.1. Names are OEM; a list begins with its own length in 32 bits. */
struct smb1_fea { uint8_t flags; struct slice name, value; };
/* Takes the length off and cuts *list to it. false: malformed. */
bool smb1_ea_list_open(struct slice *list);
/* As smb2_create_context_next, on an opened list. */
bool smb1_fea_next(struct slice *list, struct smb1_fea *e, bool *bad);
bool smb1_gea_next(struct slice *list, struct slice *name, bool *bad);
/* Appends to the list that begins at pos 0 of `list`, and keeps its length current. _begin makes an empty one. */
void smb1_ea_list_begin(struct wire *list);
void smb1_fea_put(struct wire *list, const struct smb1_fea *e);
void smb1_gea_put(struct wire *list, struct slice name);

#define SMB1_PARTS(X)                                                                                                  \
	X(open2, "2.2.6.1.1") X(open2_rsp, "2.2.6.1.2")                                                                \
	X(find_first2, "2.2.6.2.1") X(find_first2_rsp, "2.2.6.2.2") X(find_next2, "2.2.6.3.1")                         \
	X(find_next2_rsp, "2.2.6.3.2") X(fs_info, "2.2.6.4.1") X(file_info, "2.2.6.8.1")                               \
	X(set_file_info, "2.2.6.9.1") X(path_info, "2.2.6.6.1") X(ea_error, "2.2.6.6.2")                               \
	X(trans2_create_directory, "2.2.6.14.1") X(nt_create, "2.2.7.1.1") X(nt_create_rsp, "2.2.7.1.2")               \
	X(nt_ioctl, "2.2.7.2.1") X(nt_notify, "2.2.7.4.1") X(nt_security, "2.2.7.3.1") X(nt_length, "2.2.7.6.2")       \
	X(all_info, "2.2.8.3.10") X(rename_info, "FSCC 2.4.42.1") X(fs_allocation, "2.2.8.2.1")                        \
	X(fs_volume, "2.2.8.2.2") X(info_standard, "2.2.8.3.1") X(basic_info, "2.2.8.3.6")
#define SMB1_PART_DECLARE(name, section) void smb1_##name##_code(struct wire *w, struct smb1_##name *m);
SMB1_PARTS(SMB1_PART_DECLARE)
#undef SMB1_PART_DECLARE
void smb1_info_ea_size_code(struct wire *w, struct smb1_info_standard *m);     /* query level 2 */
void smb1_set_info_standard_code(struct wire *w, struct smb1_info_standard *m); /* SET level 1: times, 10 reserved bytes */

#endif
