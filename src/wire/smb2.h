/* The SMB2 messages as structs: [MS-SMB2] 2.2 up to 3.1.1. Each has one coder, `NAME_code(struct wire *, struct NAME *)`,
 * that starts behind the 64-byte header (pos 64 from the header). Field names are the specification's. Slices are views:
 * of the received bytes after decoding, of the caller's memory before encoding. Names are UTF-16LE without terminator.
 *
 * Payloads at the end of a message are not copied while encoding (wire_buffer_elsewhere): the data of READ responses and WRITE
 * requests, the output of IOCTL, QUERY_DIRECTORY, CHANGE_NOTIFY and QUERY_INFO responses. Of these slices only len counts;
 * pos is then past the padding, and the caller sends the bytes directly behind it, from wherever they lie. The input of an
 * IOCTL response and channel info are copied before that. wire_append_tail copies the payload too, for those who want one piece. */
#ifndef WIRE_SMB2_H
#define WIRE_SMB2_H

#include "wire/wire.h"

enum smb2_command {
	SMB2_NEGOTIATE, SMB2_SESSION_SETUP, SMB2_LOGOFF, SMB2_TREE_CONNECT, SMB2_TREE_DISCONNECT, SMB2_CREATE, SMB2_CLOSE,
	SMB2_FLUSH, SMB2_READ, SMB2_WRITE, SMB2_LOCK, SMB2_IOCTL, SMB2_CANCEL, SMB2_ECHO, SMB2_QUERY_DIRECTORY,
	SMB2_CHANGE_NOTIFY, SMB2_QUERY_INFO, SMB2_SET_INFO, SMB2_OPLOCK_BREAK, SMB2_COMMAND_COUNT
};

enum { SMB2_HEADER_SIZE = 64, SMB2_TRANSFORM_SIZE = 52 };
#define SMB2_PROTOCOL_ID 0x424D53FEu
#define SMB2_TRANSFORM_ID 0x424D53FDu
#define SMB2_COMPRESSION_ID 0x424D53FCu
#define SMB1_PROTOCOL_ID 0x424D53FFu

/* 2.2.1 Flags */
#define SMB2_FLAGS_SERVER_TO_REDIR 0x00000001u
#define SMB2_FLAGS_ASYNC_COMMAND 0x00000002u
#define SMB2_FLAGS_RELATED_OPERATIONS 0x00000004u
#define SMB2_FLAGS_SIGNED 0x00000008u
#define SMB2_FLAGS_PRIORITY_MASK 0x00000070u
#define SMB2_FLAGS_DFS_OPERATIONS 0x10000000u
#define SMB2_FLAGS_REPLAY_OPERATION 0x20000000u

enum {
	SMB2_DIALECT_202 = 0x0202, SMB2_DIALECT_210 = 0x0210, SMB2_DIALECT_300 = 0x0300, SMB2_DIALECT_302 = 0x0302,
	SMB2_DIALECT_311 = 0x0311, SMB2_DIALECT_WILDCARD = 0x02FF
};
enum { SMB2_NEGOTIATE_SIGNING_ENABLED = 1, SMB2_NEGOTIATE_SIGNING_REQUIRED = 2 };
enum {
	SMB2_GLOBAL_CAP_DFS = 1, SMB2_GLOBAL_CAP_LEASING = 2, SMB2_GLOBAL_CAP_LARGE_MTU = 4, SMB2_GLOBAL_CAP_MULTI_CHANNEL = 8,
	SMB2_GLOBAL_CAP_PERSISTENT_HANDLES = 0x10, SMB2_GLOBAL_CAP_DIRECTORY_LEASING = 0x20, SMB2_GLOBAL_CAP_ENCRYPTION = 0x40,
	SMB2_GLOBAL_CAP_NOTIFICATIONS = 0x80
};
#define SMB2_FILEID_NONE UINT64_MAX

/* 2.2.1.1, 2.2.1.2; async_id when flags has ASYNC_COMMAND, else process_id and tree_id. In requests of 3.x the low half of
 * status is the ChannelSequence. smb2_header_code starts at pos 0 and checks ProtocolId and StructureSize. */
struct smb2_header {
	uint16_t credit_charge;
	uint32_t status;
	uint16_t command;
	uint16_t credits;
	uint32_t flags;
	uint32_t next_command;
	uint64_t message_id;
	uint64_t async_id;
	uint32_t process_id;
	uint32_t tree_id;
	uint64_t session_id;
	uint8_t signature[16];
};
void smb2_header_code(struct wire *w, struct smb2_header *m);

struct smb2_file_id {
	uint64_t persistent, volatile_id;
};

/* 2.2.2; error contexts of 3.1.1 stay raw in error_data */
struct smb2_error_rsp {
	uint8_t error_context_count;
	struct slice error_data;
};
/* 2.2.2.2.1, the payload of STOPPED_ON_SYMLINK */
struct smb2_symlink_error {
	uint16_t unparsed_path_length;
	uint32_t flags; /* 1: relative */
	struct slice substitute_name, print_name;
};

/* 2.2.3, 2.2.4 and the contexts 2.2.3.1 */
struct smb2_negotiate_req {
	uint16_t security_mode;
	uint32_t capabilities;
	struct guid client_guid;
	uint64_t client_start_time; /* dialects without 0x0311 */
	uint16_t dialect_count;
	uint16_t dialects[64];
	uint16_t context_count; /* with 0x0311 */
	struct slice contexts;  /* the raw list; smb2_negotiate_context_next */
};
struct smb2_negotiate_rsp {
	uint16_t security_mode, dialect_revision, context_count;
	struct guid server_guid;
	uint32_t capabilities, max_transact_size, max_read_size, max_write_size;
	uint64_t system_time, server_start_time;
	struct slice security_buffer;
	struct slice contexts;
};
enum {
	SMB2_PREAUTH_INTEGRITY_CAPABILITIES = 1, SMB2_ENCRYPTION_CAPABILITIES = 2, SMB2_COMPRESSION_CAPABILITIES = 3,
	SMB2_NETNAME_NEGOTIATE_CONTEXT_ID = 5, SMB2_TRANSPORT_CAPABILITIES = 6, SMB2_RDMA_TRANSFORM_CAPABILITIES = 7,
	SMB2_SIGNING_CAPABILITIES = 8, SMB2_POSIX_EXTENSIONS_AVAILABLE = 0x100
};
enum { SMB2_PREAUTH_SHA512 = 1 };
enum { SMB2_CIPHER_AES128_CCM = 1, SMB2_CIPHER_AES128_GCM = 2, SMB2_CIPHER_AES256_CCM = 3, SMB2_CIPHER_AES256_GCM = 4 };
enum { SMB2_SIGNING_HMAC_SHA256 = 0, SMB2_SIGNING_AES_CMAC = 1, SMB2_SIGNING_AES_GMAC = 2 };
struct smb2_negotiate_context {
	uint16_t type;
	struct slice data;
};
/* Takes the next context from *list (8-byte aligned but the last); false at the end or, with w-like strictness, on malformed
 * data, which *bad tells apart. */
bool smb2_negotiate_context_next(struct slice *list, struct smb2_negotiate_context *out, bool *bad);
/* Appends one to a list that is being built at list->base: header, data, and padding before it. */
void smb2_negotiate_context_put(struct wire *list, uint16_t type, struct slice data);
struct smb2_preauth_caps {
	uint16_t hash_count, salt_length;
	uint16_t hashes[8]; /* the first eight; more are accepted and not kept */
	struct slice salt;
};
/* Encryption, signing and (with flags) compression capabilities: a count and 16-bit ids. */
struct smb2_algorithm_caps {
	uint16_t count;
	uint16_t ids[16]; /* the first sixteen */
	uint32_t flags;   /* compression only */
};
struct smb2_rdma_transform_caps {
	uint16_t count;
	uint16_t ids[8];
};
void smb2_preauth_caps_code(struct wire *w, struct smb2_preauth_caps *m);
void smb2_encryption_caps_code(struct wire *w, struct smb2_algorithm_caps *m);
void smb2_signing_caps_code(struct wire *w, struct smb2_algorithm_caps *m);
void smb2_compression_caps_code(struct wire *w, struct smb2_algorithm_caps *m);
void smb2_rdma_transform_caps_code(struct wire *w, struct smb2_rdma_transform_caps *m);

/* 2.2.5, 2.2.6 */
enum { SMB2_SESSION_FLAG_BINDING = 1 };
enum { SMB2_SESSION_FLAG_IS_GUEST = 1, SMB2_SESSION_FLAG_IS_NULL = 2, SMB2_SESSION_FLAG_ENCRYPT_DATA = 4 };
struct smb2_session_setup_req {
	uint8_t flags, security_mode;
	uint32_t capabilities, channel;
	uint64_t previous_session_id;
	struct slice security_buffer;
};
struct smb2_session_setup_rsp {
	uint16_t session_flags;
	struct slice security_buffer;
};

/* Bodies of four bytes: LOGOFF, TREE_DISCONNECT, ECHO both ways, CANCEL, responses of FLUSH and LOCK. */
struct smb2_empty {
	uint16_t reserved;
};

/* 2.2.9, 2.2.10 */
struct smb2_tree_connect_req {
	uint16_t flags; /* 3.1.1 */
	struct slice path;
};
struct smb2_tree_connect_rsp {
	uint8_t share_type;
	uint32_t share_flags, capabilities, maximal_access;
};
enum { SMB2_SHARE_TYPE_DISK = 1, SMB2_SHARE_TYPE_PIPE = 2, SMB2_SHARE_TYPE_PRINT = 3 };
enum {
	SMB2_SHAREFLAG_NO_CACHING = 0x30, SMB2_SHAREFLAG_RESTRICT_EXCLUSIVE_OPENS = 0x100, SMB2_SHAREFLAG_FORCE_SHARED_DELETE = 0x200,
	SMB2_SHAREFLAG_FORCE_LEVELII_OPLOCK = 0x1000,
	SMB2_SHAREFLAG_ACCESS_BASED_DIRECTORY_ENUM = 0x800, SMB2_SHAREFLAG_ENCRYPT_DATA = 0x8000
};

/* 2.2.13, 2.2.14 */
struct smb2_create_req {
	uint8_t security_flags, requested_oplock_level;
	uint32_t impersonation_level;
	uint64_t smb_create_flags;
	uint32_t desired_access, file_attributes, share_access, create_disposition, create_options;
	struct slice name;
	struct slice contexts; /* the raw list; smb2_create_context_next */
};
enum { SMB2_CREATE_FLAG_REPARSEPOINT = 1 };
struct smb2_create_rsp {
	uint8_t oplock_level, flags;
	uint32_t create_action;
	uint64_t creation_time, last_access_time, last_write_time, change_time, allocation_size, end_of_file;
	uint32_t file_attributes;
	struct smb2_file_id file_id;
	struct slice contexts;
};
struct smb2_create_context {
	struct slice name; /* four bytes such as "MxAc", or a 16-byte GUID */
	struct slice data;
};
/* As smb2_negotiate_context_next and _put: the elements' Next chain, offsets checked against each element. */
bool smb2_create_context_next(struct slice *list, struct smb2_create_context *out, bool *bad);
void smb2_create_context_put(struct wire *list, struct slice name, struct slice data);

/* Create context payloads, 2.2.13.2 and 2.2.14.2 */
struct smb2_ctx_file_id { struct smb2_file_id file_id; };                      /* DHnC */
struct smb2_ctx_timestamp { uint64_t time; };                                  /* MxAc request, TWrp, AlSi */
struct smb2_ctx_mxac_rsp { uint32_t query_status, maximal_access; };
struct smb2_ctx_qfid_rsp { uint64_t disk_file_id, volume_id; };
enum { SMB2_LEASE_BREAK_IN_PROGRESS = 2, SMB2_LEASE_PARENT_KEY_SET = 4 };
struct smb2_ctx_lease { /* v1 and, with epoch and parent, v2 */
	uint8_t lease_key[16];
	uint32_t lease_state, flags;
	uint64_t lease_duration;
	uint8_t parent_lease_key[16];
	uint16_t epoch;
};
struct smb2_ctx_dh2q_req { uint32_t timeout, flags; struct guid create_guid; };
struct smb2_ctx_dh2q_rsp { uint32_t timeout, flags; };
struct smb2_ctx_dh2c_req { struct smb2_file_id file_id; struct guid create_guid; uint32_t flags; };
struct smb2_ctx_app_instance_id { struct guid app_instance_id; };
struct smb2_ctx_app_instance_version { uint64_t high, low; };
void smb2_ctx_dhnq_code(struct wire *w, struct smb2_empty *m);        /* 16 reserved bytes in requests */
void smb2_ctx_dhnq_rsp_code(struct wire *w, struct smb2_empty *m);    /* 8 reserved bytes */
void smb2_ctx_dhnc_code(struct wire *w, struct smb2_ctx_file_id *m);
void smb2_ctx_timestamp_code(struct wire *w, struct smb2_ctx_timestamp *m);
void smb2_ctx_mxac_rsp_code(struct wire *w, struct smb2_ctx_mxac_rsp *m);
void smb2_ctx_qfid_rsp_code(struct wire *w, struct smb2_ctx_qfid_rsp *m);
void smb2_ctx_lease_v1_code(struct wire *w, struct smb2_ctx_lease *m);
void smb2_ctx_lease_v2_code(struct wire *w, struct smb2_ctx_lease *m);
void smb2_ctx_dh2q_req_code(struct wire *w, struct smb2_ctx_dh2q_req *m);
void smb2_ctx_dh2q_rsp_code(struct wire *w, struct smb2_ctx_dh2q_rsp *m);
void smb2_ctx_dh2c_req_code(struct wire *w, struct smb2_ctx_dh2c_req *m);
void smb2_ctx_app_instance_id_code(struct wire *w, struct smb2_ctx_app_instance_id *m);
void smb2_ctx_app_instance_version_code(struct wire *w, struct smb2_ctx_app_instance_version *m);

/* 2.2.15 to 2.2.22 */
struct smb2_close_req { uint16_t flags; struct smb2_file_id file_id; };
struct smb2_close_rsp {
	uint16_t flags;
	uint64_t creation_time, last_access_time, last_write_time, change_time, allocation_size, end_of_file;
	uint32_t file_attributes;
};
struct smb2_flush_req { struct smb2_file_id file_id; };
struct smb2_read_req {
	uint8_t padding, flags;
	uint32_t length;
	uint64_t offset;
	struct smb2_file_id file_id;
	uint32_t minimum_count, channel, remaining_bytes;
	struct slice channel_info;
};
struct smb2_read_rsp {
	uint32_t data_remaining;
	uint8_t data_padding; /* encoding: bytes that lie before the data; a server may leave room there */
	struct slice data; /* encoding: only .len counts, the bytes are sent from elsewhere (wire_buffer_elsewhere) */
};
struct smb2_write_req {
	uint64_t offset;
	struct smb2_file_id file_id;
	uint32_t channel, remaining_bytes, flags;
	uint16_t data_offset; /* as received, for the checks of 3.3.5.13 */
	uint32_t length;
	struct slice channel_info;
	struct slice data; /* encoding: as in smb2_read_rsp; `length` and `data_offset` are then ignored */
};
struct smb2_write_rsp { uint32_t count, remaining; };

/* 2.2.23 to 2.2.25: told apart by StructureSize */
struct smb2_oplock_break { uint8_t oplock_level; struct smb2_file_id file_id; }; /* notification, ack, response */
struct smb2_lease_break {
	uint16_t new_epoch;
	uint32_t flags;
	uint8_t lease_key[16];
	uint32_t current_lease_state, new_lease_state, break_reason, access_mask_hint, share_mask_hint;
};
struct smb2_lease_ack { uint32_t flags; uint8_t lease_key[16]; uint32_t lease_state; uint64_t lease_duration; };
/* Any of them: the struct of the OPLOCK_BREAK row. structure_size tells which; 0 encodes as SMB2_BREAK_OPLOCK. Requests are
 * oplock or ack, responses and notifications oplock, ack (the response to a lease acknowledgment) or lease. */
enum { SMB2_BREAK_OPLOCK = 24, SMB2_BREAK_LEASE_ACK = 36, SMB2_BREAK_LEASE = 44 };
struct smb2_break {
	union {
		struct smb2_oplock_break oplock;
		struct smb2_lease_break lease;
		struct smb2_lease_ack ack;
	};
	uint16_t structure_size;
};
void smb2_break_req_code(struct wire *w, struct smb2_break *m);
void smb2_break_rsp_code(struct wire *w, struct smb2_break *m);

/* 2.2.26 */
struct smb2_lock_element { uint64_t offset, length; uint32_t flags; };
struct smb2_lock_req {
	uint16_t lock_count;
	uint32_t lock_sequence;
	struct smb2_file_id file_id;
	struct smb2_lock_element *locks; /* lock_count of them, from the cursor's arena */
};

/* 2.2.31, 2.2.32 */
struct smb2_ioctl_req {
	uint32_t ctl_code;
	struct smb2_file_id file_id;
	uint32_t max_input_response, max_output_response, flags;
	struct slice input, output;
};
struct smb2_ioctl_rsp {
	uint32_t ctl_code;
	struct smb2_file_id file_id;
	uint32_t flags;
	struct slice input, output;
};

/* 2.2.33 to 2.2.40 */
struct smb2_query_directory_req {
	uint8_t file_information_class, flags;
	uint32_t file_index;
	struct smb2_file_id file_id;
	uint32_t output_buffer_length;
	struct slice file_name;
};
struct smb2_query_directory_rsp { struct slice output; };
struct smb2_change_notify_req {
	uint16_t flags;
	uint32_t output_buffer_length;
	struct smb2_file_id file_id;
	uint32_t completion_filter;
};
struct smb2_change_notify_rsp { struct slice output; };
struct smb2_query_info_req {
	uint8_t info_type, file_info_class;
	uint32_t output_buffer_length, additional_information, flags;
	struct smb2_file_id file_id;
	struct slice input;
};
struct smb2_query_info_rsp { struct slice output; };
struct smb2_set_info_req {
	uint8_t info_type, file_info_class;
	uint32_t additional_information;
	struct smb2_file_id file_id;
	uint16_t buffer_offset; /* as received */
	struct slice input;
};

/* 2.2.41, 2.2.42: starts at pos 0. `algorithm` is EncryptionAlgorithm in 3.0 and Flags in 3.1.1. */
struct smb2_transform_header {
	uint8_t signature[16];
	uint8_t nonce[16];
	uint32_t original_message_size;
	uint16_t algorithm;
	uint64_t session_id;
};
void smb2_transform_header_code(struct wire *w, struct smb2_transform_header *m);
struct smb2_compression_header { /* unchained: offset_or_length is Offset; chained: Length of the first payload */
	uint32_t original_size;
	uint16_t algorithm, flags;
	uint32_t offset_or_length;
};
void smb2_compression_header_code(struct wire *w, struct smb2_compression_header *m);

/* Bodies, in msgs.def */
#define SMB2_BODY(name) void smb2_##name##_code(struct wire *w, struct smb2_##name *m)
SMB2_BODY(error_rsp);
SMB2_BODY(symlink_error);
SMB2_BODY(negotiate_req);
SMB2_BODY(negotiate_rsp);
SMB2_BODY(session_setup_req);
SMB2_BODY(session_setup_rsp);
SMB2_BODY(empty);
SMB2_BODY(tree_connect_req);
SMB2_BODY(tree_connect_rsp);
SMB2_BODY(create_req);
SMB2_BODY(create_rsp);
SMB2_BODY(close_req);
SMB2_BODY(close_rsp);
SMB2_BODY(flush_req);
SMB2_BODY(read_req);
SMB2_BODY(read_rsp);
SMB2_BODY(write_req);
SMB2_BODY(write_rsp);
SMB2_BODY(oplock_break);
SMB2_BODY(lease_break);
SMB2_BODY(lease_ack);
SMB2_BODY(lock_req);
SMB2_BODY(ioctl_req);
SMB2_BODY(ioctl_rsp);
SMB2_BODY(query_directory_req);
SMB2_BODY(query_directory_rsp);
SMB2_BODY(change_notify_req);
SMB2_BODY(change_notify_rsp);
SMB2_BODY(query_info_req);
SMB2_BODY(query_info_rsp);
SMB2_BODY(set_info_req);
#undef SMB2_BODY
void smb2_set_info_rsp_code(struct wire *w, struct smb2_empty *m); /* StructureSize 2 and nothing else */

/* A row of msgs.def: everything that is the same for all commands is driven by it. */
struct smb2_message {
	const char *name;             /* "CREATE" */
	uint16_t command;
	uint16_t req_struct_size, rsp_struct_size; /* StructureSize values */
	uint16_t req_fixed_size, rsp_fixed_size;   /* bytes of the fixed part */
	uint32_t preconditions;       /* SMB2_NEEDS_* */
	uint16_t least_dialect;
	const char *sections;         /* "2.2.13 2.2.14 3.3.5.9" */
	size_t req_size, rsp_size;    /* sizeof the structs */
	void (*req_code)(struct wire *w, void *m);
	void (*rsp_code)(struct wire *w, void *m);
};
enum {
	SMB2_NEEDS_SESSION = 1,
	SMB2_NEEDS_TREE = 2,
	SMB2_NEEDS_OPEN = 4,          /* the body carries a FileId, all-ones means the previous one of a related chain */
	SMB2_NEEDS_CREDIT_CHARGE = 8, /* payload sizes are checked against CreditCharge (3.3.5.2.5) */
	SMB2_MAY_BE_LARGE = 16        /* may exceed 68 KiB with multi-credit (3.3.5.2) */
};
/* NULL when command >= SMB2_COMMAND_COUNT. */
const struct smb2_message *smb2_message_of(uint16_t command);

/* Whether a response has the ERROR body in place of its command's (3.3.4.4); its StructureSize decides where both are legal. */
bool smb2_is_error_response(const struct smb2_header *h, uint16_t structure_size);
/* One received message, from its header on, as text: the command, then a line a field; what is malformed is named. */
void smb2_print(struct slice message, struct arena *arena, struct wire_printer *printer);

#endif
