/* The SMB1 messages as structs: [MS-CIFS] 2.2 with the extensions of [MS-SMB] 2.2. A message is a header of 32 bytes and one or
 * more blocks (a chain, where the command is an AndX one): WordCount and words, ByteCount and bytes. Each block has one coder,
 * `smb1_NAME_code(struct wire *, struct smb1_NAME *)`, that starts at its WordCount. Offsets count from the header. Field names
 * are the specification's. Slices are views: of the received bytes after decoding, of the caller's memory before encoding.
 *
 * `word_count`, where a struct has one, tells which form of the block it is: decoding, the one received; encoding, the one to
 * send, 0 being the usual one, named first in the comment. Fields that a form does not have are left alone.
 *
 * Strings are raw, without terminator: UTF-16LE where `unicode` of the cursor is true, else in the OEM character set. smb1_header_code
 * sets it from Flags2 in all directions. What is OEM in every message says so.
 *
 * The AndX fields are not in the structs: decoding, smb1_walk_next has them; encoding, smb1_chain_next patches them. A response that
 * reports an error, or that is an interim one, has a block of no words and no bytes (smb1_empty) whatever its command is.
 *
 * The data of READ_ANDX responses and WRITE_ANDX requests are not copied while encoding (wire_buffer_elsewhere), as in wire/smb2.h. */
#ifndef WIRE_SMB1_SMB1_H
#define WIRE_SMB1_SMB1_H

#include "base/dostime.h"
#include "wire/smb2.h"

enum { SMB1_HEADER_SIZE = 32, SMB1_NO_COMMAND = 0xFF, SMB1_MAX_BLOCKS = 16 };

/* 2.2.2.1 */
enum smb1_command {
	SMB1_CREATE_DIRECTORY = 0x00, SMB1_DELETE_DIRECTORY = 0x01, SMB1_OPEN = 0x02, SMB1_CREATE = 0x03, SMB1_CLOSE = 0x04,
	SMB1_FLUSH = 0x05, SMB1_DELETE = 0x06, SMB1_RENAME = 0x07, SMB1_QUERY_INFORMATION = 0x08, SMB1_SET_INFORMATION = 0x09,
	SMB1_READ = 0x0A, SMB1_WRITE = 0x0B, SMB1_LOCK_BYTE_RANGE = 0x0C, SMB1_UNLOCK_BYTE_RANGE = 0x0D, SMB1_CREATE_TEMPORARY = 0x0E,
	SMB1_CREATE_NEW = 0x0F, SMB1_CHECK_DIRECTORY = 0x10, SMB1_PROCESS_EXIT = 0x11, SMB1_SEEK = 0x12, SMB1_LOCK_AND_READ = 0x13,
	SMB1_WRITE_AND_UNLOCK = 0x14, SMB1_READ_RAW = 0x1A, SMB1_SET_INFORMATION2 = 0x22, SMB1_QUERY_INFORMATION2 = 0x23,
	SMB1_LOCKING_ANDX = 0x24, SMB1_TRANSACTION = 0x25, SMB1_TRANSACTION_SECONDARY = 0x26, SMB1_ECHO = 0x2B,
	SMB1_WRITE_AND_CLOSE = 0x2C, SMB1_OPEN_ANDX = 0x2D, SMB1_READ_ANDX = 0x2E, SMB1_WRITE_ANDX = 0x2F, SMB1_TRANSACTION2 = 0x32,
	SMB1_TRANSACTION2_SECONDARY = 0x33, SMB1_FIND_CLOSE2 = 0x34, SMB1_TREE_CONNECT = 0x70, SMB1_TREE_DISCONNECT = 0x71,
	SMB1_NEGOTIATE = 0x72, SMB1_SESSION_SETUP_ANDX = 0x73, SMB1_LOGOFF_ANDX = 0x74, SMB1_TREE_CONNECT_ANDX = 0x75,
	SMB1_QUERY_INFORMATION_DISK = 0x80, SMB1_SEARCH = 0x81, SMB1_FIND = 0x82, SMB1_FIND_UNIQUE = 0x83, SMB1_FIND_CLOSE = 0x84,
	SMB1_NT_TRANSACT = 0xA0, SMB1_NT_TRANSACT_SECONDARY = 0xA1, SMB1_NT_CREATE_ANDX = 0xA2, SMB1_NT_CANCEL = 0xA4,
	SMB1_NT_RENAME = 0xA5
};

/* --- header, 2.2.3.1 --- */

enum {
	SMB1_FLAGS_LOCK_AND_READ_OK = 0x01, SMB1_FLAGS_BUF_AVAIL = 0x02, SMB1_FLAGS_CASE_INSENSITIVE = 0x08,
	SMB1_FLAGS_CANONICALIZED_PATHS = 0x10, SMB1_FLAGS_OPLOCK = 0x20, SMB1_FLAGS_OPBATCH = 0x40, SMB1_FLAGS_REPLY = 0x80
};
enum {
	SMB1_FLAGS2_LONG_NAMES = 0x0001, SMB1_FLAGS2_EAS = 0x0002, SMB1_FLAGS2_SECURITY_SIGNATURE = 0x0004,
	SMB1_FLAGS2_COMPRESSED = 0x0008, SMB1_FLAGS2_SIGNATURE_REQUIRED = 0x0010, SMB1_FLAGS2_IS_LONG_NAME = 0x0040,
	SMB1_FLAGS2_REPARSE_PATH = 0x0400, SMB1_FLAGS2_EXTENDED_SECURITY = 0x0800, SMB1_FLAGS2_DFS = 0x1000,
	SMB1_FLAGS2_PAGING_IO = 0x2000, SMB1_FLAGS2_NT_STATUS = 0x4000, SMB1_FLAGS2_UNICODE = 0x8000
};
/* Capabilities of NEGOTIATE and SESSION_SETUP_ANDX, 2.2.4.52.2 and [MS-SMB] 2.2.4.5.2.1 */
#define SMB1_CAP_RAW_MODE 0x00000001u
#define SMB1_CAP_MPX_MODE 0x00000002u
#define SMB1_CAP_UNICODE 0x00000004u
#define SMB1_CAP_LARGE_FILES 0x00000008u
#define SMB1_CAP_NT_SMBS 0x00000010u
#define SMB1_CAP_RPC_REMOTE_APIS 0x00000020u
#define SMB1_CAP_STATUS32 0x00000040u
#define SMB1_CAP_LEVEL_II_OPLOCKS 0x00000080u
#define SMB1_CAP_LOCK_AND_READ 0x00000100u
#define SMB1_CAP_NT_FIND 0x00000200u
#define SMB1_CAP_DFS 0x00001000u
#define SMB1_CAP_INFOLEVEL_PASSTHRU 0x00002000u
#define SMB1_CAP_LARGE_READX 0x00004000u
#define SMB1_CAP_LARGE_WRITEX 0x00008000u
#define SMB1_CAP_LWIO 0x00010000u
#define SMB1_CAP_UNIX 0x00800000u
#define SMB1_CAP_COMPRESSED_DATA 0x02000000u
#define SMB1_CAP_DYNAMIC_REAUTH 0x20000000u
#define SMB1_CAP_PERSISTENT_HANDLES 0x40000000u
#define SMB1_CAP_EXTENDED_SECURITY 0x80000000u

/* Starts at pos 0, checks Protocol, and sets w->unicode. status is an NTSTATUS with FLAGS2_NT_STATUS, else SMB1_DOS_ERROR. */
struct smb1_header {
	uint8_t command;
	uint32_t status;
	uint8_t flags;
	uint16_t flags2, pid_high;
	uint8_t signature[8];
	uint16_t tid, pid_low, uid, mid;
};
void smb1_header_code(struct wire *w, struct smb1_header *m);
enum { SMB1_SIGNATURE_AT = 14 };

/* 2.2.2.4 */
enum { SMB1_ERRCLS_SUCCESS = 0, SMB1_ERRCLS_DOS = 1, SMB1_ERRCLS_SRV = 2, SMB1_ERRCLS_HRD = 3, SMB1_ERRCLS_CMD = 0xFF };
#define SMB1_DOS_ERROR(class, code) ((uint32_t)(class) | (uint32_t)(code) << 16)
static inline uint8_t smb1_dos_class(uint32_t status)
{
	return (uint8_t)status;
}
static inline uint16_t smb1_dos_code(uint32_t status)
{
	return (uint16_t)(status >> 16);
}
static inline uint32_t smb1_pid(const struct smb1_header *h)
{
	return (uint32_t)h->pid_high << 16 | h->pid_low;
}

/* --- the AndX chain, 2.2.3.4 --- */

/* A block of a received message. Positions count from the header. */
struct smb1_block {
	uint8_t command, word_count;
	size_t at;                  /* its WordCount */
	size_t bytes_at;            /* behind its ByteCount */
	size_t end;                 /* of the bytes; of a last block the end of the message, since ByteCount is too short for large data */
	uint16_t byte_count;
	uint8_t and_x_command;      /* SMB1_NO_COMMAND: the last one */
	uint16_t and_x_offset;
};
struct smb1_walk {
	struct slice message;
	size_t next;                /* where the next block starts; 0: none */
	uint8_t command;
	bool response, unicode;
	unsigned count;
};
/* Starts at the first block; h is its decoded header. */
void smb1_walk_start(struct smb1_walk *c, struct slice message, const struct smb1_header *h);
/* The next block. false: no more, or *bad: words or bytes that reach beyond the message, an AndXOffset that does not lie behind this
 * block (so loops, ways back and overlaps) or lies outside the message, more than SMB1_MAX_BLOCKS. */
bool smb1_walk_next(struct smb1_walk *c, struct smb1_block *b, bool *bad);
/* A cursor on the block for its coder. */
struct wire smb1_block_decoder(const struct smb1_walk *c, const struct smb1_block *b, struct arena *arena);

/* Encoding: call smb1_chain_next before each block's coder, the first too, with a zeroed chain for a new message. It appends a
 * tail (wire_append_tail), pads, and patches the AndX fields of the block before. A block before must be an AndX one with words. */
struct smb1_chain {
	uint8_t last_command;
	size_t last_at; /* its WordCount; 0: none */
};
void smb1_chain_next(struct wire *w, struct smb1_chain *c, uint8_t command);

/* --- negotiation and sessions --- */

/* No words and no bytes: errors, interim responses, and the commands that have nothing to say. Bytes received are ignored. */
struct smb1_empty { uint8_t nothing; };

/* 2.2.4.52.1; smb1_dialect_next takes a list apart. */
struct smb1_negotiate_req { struct slice dialects; };
/* The next dialect string (OEM, without 0x02 and terminator). false: at the end, or *bad. */
bool smb1_dialect_next(struct slice *list, struct slice *dialect, bool *bad);
/* Appends one to a list under construction. */
void smb1_dialect_put(struct wire *list, const char *dialect);

enum {
	SMB1_SECURITY_USER = 1, SMB1_SECURITY_ENCRYPT_PASSWORDS = 2, SMB1_SECURITY_SIGNATURES_ENABLED = 4,
	SMB1_SECURITY_SIGNATURES_REQUIRED = 8
};
/* 2.2.4.52.2, [MS-SMB] 2.2.4.5.2. word_count 17: NT LM 0.12; 13: LAN Manager; 1: dialect_index only (0xFFFF: none of them). Of 17
 * words with SMB1_CAP_EXTENDED_SECURITY the bytes are server_guid and security_blob, else challenge, domain_name, server_name. */
struct smb1_negotiate_rsp {
	uint8_t word_count;
	uint16_t dialect_index;
	uint16_t security_mode; /* 8 bits in the NT form */
	uint16_t max_mpx_count, max_number_vcs;
	uint32_t max_buffer_size; /* 16 bits in the LAN Manager form */
	uint32_t max_raw_size, session_key, capabilities;
	uint64_t system_time;
	int16_t server_time_zone; /* minutes from UTC, west is positive */
	struct slice challenge;
	struct slice domain_name, server_name; /* domain_name of the LAN Manager form is OEM */
	struct guid server_guid;
	struct slice security_blob;
	uint16_t raw_mode, server_time, server_date; /* LAN Manager */
};

/* 2.2.4.53.1, [MS-SMB] 2.2.4.6.1. word_count 12: security_blob (SPNEGO); 13: two passwords; 10: LAN Manager, oem_password only */
struct smb1_session_setup_req {
	uint8_t word_count;
	uint16_t max_buffer_size, max_mpx_count, vc_number;
	uint32_t session_key, capabilities;
	struct slice security_blob;                /* 12 */
	struct slice oem_password, unicode_password; /* 13, 10 */
	struct slice account_name;                 /* 13, 10 */
	struct slice native_os, native_lan_man;
	struct slice primary_domain;               /* in the form of 12 words optional and last: .data NULL is none */
};
enum { SMB1_SETUP_GUEST = 1, SMB1_SETUP_USE_LANMAN_KEY = 2 };
/* 2.2.4.53.2, [MS-SMB] 2.2.4.6.2. word_count 4: with security_blob; 3: with primary_domain */
struct smb1_session_setup_rsp {
	uint8_t word_count;
	uint16_t action;
	struct slice security_blob;
	struct slice native_os, native_lan_man, primary_domain; /* primary_domain is optional with 4 words: .data NULL is none */
};
/* LOGOFF_ANDX both ways, 2.2.4.54, and LOCKING_ANDX responses: nothing but the AndX fields */
struct smb1_andx { uint8_t nothing; };

enum { SMB1_TREE_DISCONNECT_TID = 1, SMB1_TREE_EXTENDED_SIGNATURES = 4, SMB1_TREE_EXTENDED_RESPONSE = 8 };
/* 2.2.4.55.1, [MS-SMB] 2.2.4.7.1; service is OEM: "A:", "IPC", "LPT1:", "COMM", "?????" */
struct smb1_tree_connect_andx_req {
	uint16_t flags;
	struct slice password, path, service;
};
enum { SMB1_SUPPORT_SEARCH_BITS = 1, SMB1_SHARE_IS_IN_DFS = 2, SMB1_UNIQUE_FILE_NAME = 8, SMB1_EXTENDED_SIGNATURES = 0x10 };
/* 2.2.4.55.2, [MS-SMB] 2.2.4.7.2. word_count 3; 7: with the access rights; 2: without optional_support */
struct smb1_tree_connect_andx_rsp {
	uint8_t word_count;
	uint16_t optional_support;
	uint32_t maximal_share_access_rights, guest_maximal_share_access_rights;
	struct slice service; /* OEM */
	struct slice native_file_system;
};
/* 2.2.4.50; password and service are OEM */
struct smb1_tree_connect_req { struct slice path, password, service; };
struct smb1_tree_connect_rsp { uint16_t max_buffer_size, tid; };

/* --- opening files --- */

/* CREATE_DIRECTORY, DELETE_DIRECTORY, CHECK_DIRECTORY, QUERY_INFORMATION */
struct smb1_name_req { struct slice name; };
struct smb1_open_req { uint16_t access_mode, search_attributes; struct slice file_name; }; /* 2.2.4.3 */
struct smb1_open_rsp {
	uint16_t fid, file_attrs;
	uint32_t last_modified, file_size; /* UTIME */
	uint16_t access_mode;
};
/* CREATE, CREATE_NEW and (file_name is the directory) CREATE_TEMPORARY: 2.2.4.4, 2.2.4.16, 2.2.4.15 */
struct smb1_create_req { uint16_t file_attributes; uint32_t creation_time; struct slice file_name; };
struct smb1_fid { uint16_t fid; }; /* CREATE and CREATE_NEW responses, FLUSH, QUERY_INFORMATION2, FIND_CLOSE2 requests */
struct smb1_create_temporary_rsp { uint16_t fid; struct slice temporary_file_name; /* OEM */ };

enum { SMB1_OPEN_QUERY_INFORMATION = 1, SMB1_OPEN_OPLOCK = 2, SMB1_OPEN_OPBATCH = 4, SMB1_OPEN_EXTENDED_RESPONSE = 0x10 };
struct smb1_open_andx_req { /* 2.2.4.41.1 */
	uint16_t flags, access_mode, search_attrs, file_attrs;
	uint32_t creation_time; /* UTIME */
	uint16_t open_mode;
	uint32_t allocation_size, timeout;
	struct slice file_name;
};
/* 2.2.4.41.2, [MS-SMB] 2.2.4.1.2. word_count 15; 19: with the access rights */
struct smb1_open_andx_rsp {
	uint8_t word_count;
	uint16_t fid, file_attrs;
	uint32_t last_write_time, file_data_size; /* UTIME */
	uint16_t access_rights, resource_type, nm_pipe_status, open_results;
	uint32_t server_fid;
	uint32_t maximal_access_rights, guest_maximal_access_rights;
};
/* Flags of NT_CREATE_ANDX, 2.2.4.64.1 and [MS-SMB] 2.2.4.9.1 */
enum {
	SMB1_NT_CREATE_REQUEST_OPLOCK = 2, SMB1_NT_CREATE_REQUEST_OPBATCH = 4, SMB1_NT_CREATE_OPEN_TARGET_DIR = 8,
	SMB1_NT_CREATE_REQUEST_EXTENDED_RESPONSE = 0x10
};
struct smb1_nt_create_andx_req {
	uint32_t flags, root_directory_fid, desired_access;
	uint64_t allocation_size;
	uint32_t ext_file_attributes, share_access, create_disposition, create_options, impersonation_level;
	uint8_t security_flags;
	struct slice file_name;
};
/* 2.2.4.64.2, [MS-SMB] 2.2.4.9.2. word_count 34; 42: extended, which is what Windows writes before 50 words; 50: the same, counted right */
struct smb1_nt_create_andx_rsp {
	uint8_t word_count;
	uint8_t oplock_level;
	uint16_t fid;
	uint32_t create_action;
	uint64_t creation_time, last_access_time, last_write_time, last_change_time;
	uint32_t ext_file_attributes;
	uint64_t allocation_size, end_of_file;
	uint16_t resource_type, nm_pipe_status; /* FileStatusFlags of the extended form */
	uint8_t directory;
	struct guid volume_guid;
	uint64_t file_id;
	uint32_t maximal_access_rights, guest_maximal_access_rights;
};
struct smb1_close_req { uint16_t fid; uint32_t last_time_modified; }; /* 2.2.4.5; UTIME, 0 and -1: leave it */

/* --- reading and writing --- */

struct smb1_read_req { uint16_t fid, count; uint32_t offset; uint16_t remaining; }; /* READ, LOCK_AND_READ: 2.2.4.11, 2.2.4.20 */
struct smb1_read_rsp { struct slice data; };
/* 2.2.4.22. word_count 10; 8: without the high half of the offset. The answer is bytes without header */
struct smb1_read_raw_req {
	uint8_t word_count;
	uint16_t fid;
	uint64_t offset;
	uint16_t max_count, min_count;
	uint32_t timeout;
};
/* 2.2.4.42, [MS-SMB] 2.2.4.2. word_count 12; 10: without the high half of the offset */
struct smb1_read_andx_req {
	uint8_t word_count;
	uint16_t fid;
	uint64_t offset;
	uint16_t max_count, min_count;
	uint32_t timeout_or_max_count_high; /* files: the high half of max_count, 0xFFFFFFFF being none; pipes: a timeout */
	uint16_t remaining;
};
struct smb1_read_andx_rsp {
	uint16_t available, data_compaction_mode;
	uint16_t data_offset; /* as received; encoding: where the data are to begin, 0: at the next multiple of 4 */
	struct slice data; /* encoding: only .len counts, the bytes are sent from elsewhere */
};
struct smb1_write_req { uint16_t fid; uint32_t offset; uint16_t remaining; struct slice data; }; /* WRITE, WRITE_AND_UNLOCK */
struct smb1_count_rsp { uint16_t count; };
/* 2.2.4.40. word_count 6; 12 */
struct smb1_write_and_close_req {
	uint8_t word_count;
	uint16_t fid;
	uint32_t offset, last_write_time; /* UTIME */
	struct slice data;
};
enum { SMB1_WRITE_THROUGH = 1, SMB1_READ_BYTES_AVAILABLE = 2, SMB1_RAW_MODE = 4, SMB1_MSG_START = 8 };
/* 2.2.4.43, [MS-SMB] 2.2.4.3. word_count 14; 12: without the high half of the offset */
struct smb1_write_andx_req {
	uint8_t word_count;
	uint16_t fid;
	uint64_t offset;
	uint32_t timeout;
	uint16_t write_mode, remaining;
	uint16_t data_offset; /* as in smb1_read_andx_rsp */
	struct slice data; /* encoding: as in smb1_read_andx_rsp */
};
struct smb1_write_andx_rsp { uint32_t count; uint16_t available; }; /* count with CountHigh */
struct smb1_seek_req { uint16_t fid, mode; int32_t offset; }; /* 2.2.4.19 */
struct smb1_seek_rsp { uint32_t offset; };
struct smb1_echo_req { uint16_t echo_count; struct slice data; }; /* 2.2.4.39 */
struct smb1_echo_rsp { uint16_t sequence_number; struct slice data; };

/* --- locks, 2.2.4.32 --- */

struct smb1_lock_byte_range_req { uint16_t fid; uint32_t count, offset; }; /* LOCK_ and UNLOCK_BYTE_RANGE */
enum {
	SMB1_LOCKING_SHARED = 1, SMB1_LOCKING_OPLOCK_RELEASE = 2, SMB1_LOCKING_CHANGE_TYPE = 4, SMB1_LOCKING_CANCEL = 8,
	SMB1_LOCKING_LARGE_FILES = 0x10
};
struct smb1_lock_range { uint16_t pid; uint64_t offset, length; };
struct smb1_locking_andx_req { /* also the server's oplock break, with MID 0xFFFF and no FLAGS_REPLY */
	uint16_t fid;
	uint8_t type_of_lock, new_oplock_level;
	uint32_t timeout;
	uint16_t unlock_count, lock_count;
	struct smb1_lock_range *unlocks, *locks; /* from the cursor's arena */
};

/* --- names and attributes --- */

struct smb1_delete_req { uint16_t search_attributes; struct slice file_name; };                       /* 2.2.4.7 */
struct smb1_rename_req { uint16_t search_attributes; struct slice old_file_name, new_file_name; };    /* 2.2.4.8 */
enum { SMB1_NT_RENAME_SET_LINK_INFO = 0x103, SMB1_NT_RENAME_RENAME_FILE = 0x104, SMB1_NT_RENAME_MOVE_FILE = 0x105 };
struct smb1_nt_rename_req { uint16_t search_attributes, information_level; struct slice old_file_name, new_file_name; }; /* 2.2.4.66 */
struct smb1_query_information_rsp { uint16_t file_attributes; uint32_t last_write_time, file_size; }; /* 2.2.4.9.2; UTIME */
struct smb1_set_information_req { uint16_t file_attributes; uint32_t last_write_time; struct slice file_name; }; /* 2.2.4.10 */
struct smb1_set_information2_req { uint16_t fid; struct dos_time creation, last_access, last_write; }; /* 2.2.4.30 */
struct smb1_query_information2_rsp { /* 2.2.4.31 */
	struct dos_time creation, last_access, last_write;
	uint32_t file_data_size, file_allocation_size;
	uint16_t file_attributes;
};
struct smb1_query_information_disk_rsp { uint16_t total_units, blocks_per_unit, block_size, free_units; }; /* 2.2.4.57 */

/* SEARCH, FIND, FIND_UNIQUE, FIND_CLOSE: 2.2.4.58 to 2.2.4.61. resume_key is empty or has 21 bytes. */
enum { SMB1_RESUME_KEY_BYTES = 21, SMB1_DIRECTORY_ENTRY_BYTES = 43 };
struct smb1_search_req { uint16_t max_count, search_attributes; struct slice file_name, resume_key; };
struct smb1_search_rsp { uint16_t count; struct slice directory_information; };
struct smb1_directory_entry {
	uint8_t resume_key[SMB1_RESUME_KEY_BYTES];
	uint8_t file_attributes;
	struct dos_time last_write;
	uint32_t file_size;
	uint8_t file_name[13]; /* OEM 8.3 name, ended by a zero, filled up with blanks */
};
void smb1_directory_entry_code(struct wire *w, struct smb1_directory_entry *m);

/* --- transactions: TRANSACTION 2.2.4.33, TRANSACTION2 2.2.4.46, NT_TRANSACT 2.2.4.62 and their secondary requests --- */

/* setup: the raw words. Total counts are sent as they are here; what is in this message is parameters.len and data.len.
 * Displacements say where they belong within the whole. name: TRANSACTION only ("\PIPE\"). */
struct smb1_trans_req {
	uint16_t total_parameter_count, total_data_count, max_parameter_count, max_data_count;
	uint8_t max_setup_count;
	uint16_t flags;
	uint32_t timeout;
	struct slice setup, name, parameters, data;
};
struct smb1_trans_secondary_req {
	uint16_t total_parameter_count, total_data_count, parameter_displacement, data_displacement;
	uint16_t fid; /* TRANSACTION2 */
	struct slice parameters, data;
};
struct smb1_trans_rsp {
	uint16_t total_parameter_count, total_data_count, parameter_displacement, data_displacement;
	struct slice setup, parameters, data;
};
struct smb1_nt_transact_req {
	uint8_t max_setup_count;
	uint32_t total_parameter_count, total_data_count, max_parameter_count, max_data_count;
	uint16_t function;
	struct slice setup, parameters, data;
};
struct smb1_nt_transact_secondary_req {
	uint32_t total_parameter_count, total_data_count, parameter_displacement, data_displacement;
	struct slice parameters, data;
};
struct smb1_nt_transact_rsp {
	uint32_t total_parameter_count, total_data_count, parameter_displacement, data_displacement;
	struct slice setup, parameters, data;
};
/* Word i of a setup; 0 beyond its end. */
static inline uint16_t smb1_setup_word(struct slice setup, size_t i)
{
	return 2 * i + 2 <= setup.len ? load_le16(setup.data + 2 * i) : 0;
}

/* --- bodies, in msgs1.def --- */

#define SMB1_BODIES(X)                                                                                                 \
	X(empty) X(negotiate_req) X(negotiate_rsp) X(session_setup_req) X(session_setup_rsp) X(andx)                   \
	X(tree_connect_andx_req) X(tree_connect_andx_rsp) X(tree_connect_req) X(tree_connect_rsp) X(name_req)          \
	X(open_req) X(open_rsp) X(create_req) X(fid) X(create_temporary_rsp) X(open_andx_req) X(open_andx_rsp)         \
	X(nt_create_andx_req) X(nt_create_andx_rsp) X(close_req) X(read_req) X(read_rsp) X(read_raw_req)               \
	X(read_andx_req) X(read_andx_rsp) X(write_req) X(count_rsp) X(write_and_close_req) X(write_andx_req)           \
	X(write_andx_rsp) X(seek_req) X(seek_rsp) X(echo_req) X(echo_rsp) X(lock_byte_range_req) X(locking_andx_req)   \
	X(delete_req) X(rename_req) X(nt_rename_req) X(query_information_rsp) X(set_information_req)                   \
	X(set_information2_req) X(query_information2_rsp) X(query_information_disk_rsp) X(search_req) X(search_rsp)    \
	X(trans_req) X(trans_secondary_req) X(trans_rsp) X(nt_transact_req) X(nt_transact_secondary_req)               \
	X(nt_transact_rsp)
#define SMB1_DECLARE(name) void smb1_##name##_code(struct wire *w, struct smb1_##name *m);
SMB1_BODIES(SMB1_DECLARE)
#undef SMB1_DECLARE
void smb1_trans2_req_code(struct wire *w, struct smb1_trans_req *m);                     /* no name */
void smb1_trans2_secondary_req_code(struct wire *w, struct smb1_trans_secondary_req *m); /* with fid */

/* A row of msgs1.def. */
struct smb1_message {
	const char *name;       /* "SMB_COM_NEGOTIATE" */
	uint8_t command;
	uint8_t preconditions;  /* SMB1_NEEDS_*, SMB1_IS_ANDX */
	const char *sections;
	size_t req_size, rsp_size; /* sizeof the structs */
	void (*req_code)(struct wire *w, void *m);
	void (*rsp_code)(struct wire *w, void *m);
};
enum { SMB1_IS_ANDX = 1, SMB1_NEEDS_SESSION = 2 /* UID */, SMB1_NEEDS_TREE = 4 /* TID */ };
/* NULL: a command that we do not know. */
const struct smb1_message *smb1_message_of(uint8_t command);
size_t smb1_message_count(void);
const struct smb1_message *smb1_message_at(size_t i);
/* The coder of a block: that of its row, but smb1_empty for a response without words. NULL: a command that we do not know. */
typedef void (*smb1_coder)(struct wire *w, void *m);
smb1_coder smb1_coder_of(uint8_t command, bool response, uint8_t word_count);
/* "SMB_COM_NEGOTIATE"; "SMB_COM_0x99" for one that has no row. */
const char *smb1_command_name(uint8_t command, char room[16]);

/* One received message, from its header on, as text: the commands of the chain, then a line a field; what is malformed is named. */
void smb1_print(struct slice message, struct arena *arena, struct wire_printer *printer);

#endif
