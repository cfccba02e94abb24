/* Control codes of IOCTL and their payloads: [MS-SMB2] 2.2.31, 2.2.32, [MS-FSCC] 2.1.2, 2.3, [MS-DFSC] 2.2.2, 2.2.3. A payload's
 * cursor has base at the payload and starts at pos 0. Server and client use the same coders. */
#ifndef WIRE_FSCTL_H
#define WIRE_FSCTL_H

#include "wire/wire.h"

#define FSCTL_DFS_GET_REFERRALS 0x00060194u
#define FSCTL_DFS_GET_REFERRALS_EX 0x000601B0u
#define FSCTL_SET_REPARSE_POINT 0x000900A4u
#define FSCTL_GET_REPARSE_POINT 0x000900A8u
#define FSCTL_DELETE_REPARSE_POINT 0x000900ACu
#define FSCTL_CREATE_OR_GET_OBJECT_ID 0x000900C0u
#define FSCTL_GET_OBJECT_ID 0x0009009Cu
#define FSCTL_DELETE_OBJECT_ID 0x000900A0u
#define FSCTL_GET_COMPRESSION 0x0009003Cu
#define FSCTL_SET_COMPRESSION 0x0009C040u
#define FSCTL_SET_SPARSE 0x000900C4u
#define FSCTL_SET_ZERO_DATA 0x000980C8u
#define FSCTL_QUERY_ALLOCATED_RANGES 0x000940CFu
#define FSCTL_FILE_LEVEL_TRIM 0x00098208u
#define FSCTL_DUPLICATE_EXTENTS_TO_FILE 0x00098344u
#define FSCTL_QUERY_SHARED_VIRTUAL_DISK_SUPPORT 0x00090300u
#define FSCTL_SVHDX_SYNC_TUNNEL_REQUEST 0x00090304u
#define FSCTL_PIPE_WAIT 0x00110018u
#define FSCTL_PIPE_PEEK 0x0011400Cu
#define FSCTL_PIPE_TRANSCEIVE 0x0011C017u
#define FSCTL_SRV_REQUEST_RESUME_KEY 0x00140078u
#define FSCTL_SRV_ENUMERATE_SNAPSHOTS 0x00144064u
#define FSCTL_SRV_COPYCHUNK 0x001440F2u
#define FSCTL_SRV_COPYCHUNK_WRITE 0x001480F2u
#define FSCTL_SRV_READ_HASH 0x001441BBu
#define FSCTL_LMR_REQUEST_RESILIENCY 0x001401D4u
#define FSCTL_QUERY_NETWORK_INTERFACE_INFO 0x001401FCu
#define FSCTL_VALIDATE_NEGOTIATE_INFO 0x00140204u
enum { SMB2_IOCTL_IS_FSCTL = 1 };

/* 2.2.31.1; 3.3.5.15.6 limits the number, 65536 here only bounds what is read */
struct fsctl_chunk { uint64_t source_offset, target_offset; uint32_t length; };
struct fsctl_copychunk {
	uint8_t source_key[24];
	uint32_t chunk_count;
	struct fsctl_chunk *chunks; /* from the cursor's arena */
};
struct fsctl_copychunk_rsp { uint32_t chunks_written, chunk_bytes_written, total_bytes_written; }; /* 2.2.32.1 */
struct fsctl_resume_key { uint8_t resume_key[24]; };                                              /* 2.2.32.3, 32 bytes */

/* 2.2.31.2, 2.2.32.4 */
struct fsctl_read_hash { uint32_t hash_type, hash_version, hash_retrieval_type, length; uint64_t offset; };
struct fsctl_hash_header {
	uint32_t hash_type, hash_version;
	uint64_t source_file_change_time, source_file_size;
	uint32_t hash_blob_length, hash_blob_offset;
	uint16_t dirty;
	struct slice source_file_name; /* UTF-16LE with a terminator, as stored */
};
struct fsctl_hash_by_blob { uint64_t offset; struct slice buffer; };                            /* hash-based */
struct fsctl_hash_by_file { uint64_t file_data_offset, file_data_length; struct slice buffer; }; /* file-based */

struct fsctl_resiliency { uint32_t timeout_ms; }; /* 2.2.31.3 */

/* 2.2.31.4, 2.2.32.6 */
struct fsctl_validate_negotiate {
	uint32_t capabilities;
	struct guid guid;
	uint16_t security_mode, dialect_count;
	uint16_t dialects[64];
};
struct fsctl_validate_negotiate_rsp {
	uint32_t capabilities;
	struct guid guid;
	uint16_t security_mode, dialect;
};

/* 2.2.32.2: the tokens are "@GMT-..." strings, each ended by a zero, with another zero behind the last */
struct fsctl_snapshots { uint32_t number, number_returned, array_size; struct slice tokens; };

/* 2.2.32.5: a list, 152 bytes an element */
enum { FSCTL_IF_RSS = 1, FSCTL_IF_RDMA = 2, FSCTL_FAMILY_IPV4 = 2, FSCTL_FAMILY_IPV6 = 0x17 };
struct fsctl_interface {
	uint32_t if_index, capability;
	uint64_t link_speed;      /* bits a second */
	uint16_t family;          /* FSCTL_FAMILY_*; others are handed through with zero address */
	uint16_t port;            /* host order */
	uint8_t address[16];      /* the first 4 for IPv4 */
	uint32_t flow_info, scope_id; /* host order */
};
bool fsctl_interface_next(struct slice *list, struct fsctl_interface *out, bool *bad);
/* Appends one to the list under construction at list->base. */
void fsctl_interface_put(struct wire *list, const struct fsctl_interface *m);

/* [MS-FSCC] 2.3.49, 2.3.46 */
struct fsctl_pipe_wait { uint64_t timeout; bool timeout_specified; struct slice name; }; /* 100 ns; name without \pipe\ */
struct fsctl_pipe_peek_rsp { uint32_t state, read_data_available, number_of_messages, message_length; struct slice data; };

/* [MS-FSCC] 2.3.73, 2.3.74 and other ranges */
struct fsctl_range { uint64_t offset, length; };
struct fsctl_file_level_trim { uint32_t key, num_ranges; struct fsctl_range *ranges; };
struct fsctl_file_level_trim_rsp { uint32_t num_ranges_processed; };
struct fsctl_zero_data { uint64_t file_offset, beyond_final_zero; };
struct fsctl_ranges { uint32_t count; struct fsctl_range *ranges; }; /* QUERY_ALLOCATED_RANGES: one in, any number out */
struct fsctl_set_sparse { bool set; };                             /* an empty buffer means true */
struct fsctl_compression { uint16_t state; };
struct fsctl_duplicate_extents { uint8_t file_id[16]; uint64_t source_offset, target_offset, byte_count; };
struct fsctl_object_id { struct guid object_id; uint8_t extended_info[48]; };

/* REPARSE_DATA_BUFFER, [MS-FSCC] 2.1.2.2, 2.1.2.3 */
#define IO_REPARSE_TAG_SYMLINK 0xA000000Cu
#define IO_REPARSE_TAG_MOUNT_POINT 0xA0000003u
#define IO_REPARSE_TAG_NFS 0x80000014u
struct fsctl_reparse {
	uint32_t tag;
	struct guid guid; /* only when the tag is not Microsoft's (high bit clear) */
	struct slice data;
};
/* The data of IO_REPARSE_TAG_SYMLINK (2.1.2.4); flags 1: relative */
struct fsctl_reparse_symlink { uint32_t flags; struct slice substitute_name, print_name; };
struct fsctl_reparse_mount_point { struct slice substitute_name, print_name; }; /* 2.1.2.5 */

/* [MS-DFSC] 2.2.2, 2.2.3; the file name of the first has a terminator on the wire, which is taken off. Responses are opaque. */
struct fsctl_dfs_referral { uint16_t max_referral_level; struct slice request_file_name; };
struct fsctl_dfs_referral_ex { uint16_t max_referral_level, request_flags; struct slice request_data; };

#define FSCTL_PAYLOADS(X)                                                                                              \
	X(copychunk, "2.2.31.1") X(copychunk_rsp, "2.2.32.1") X(resume_key, "2.2.32.3") X(read_hash, "2.2.31.2")       \
	X(hash_header, "2.2.32.4.1") X(hash_by_blob, "2.2.32.4.2") X(hash_by_file, "2.2.32.4.3")                       \
	X(resiliency, "2.2.31.3") X(validate_negotiate, "2.2.31.4") X(validate_negotiate_rsp, "2.2.32.6")              \
	X(snapshots, "2.2.32.2") X(interface, "2.2.32.5") X(pipe_wait, "FSCC 2.3.49") X(pipe_peek_rsp, "FSCC 2.3.46")  \
	X(file_level_trim, "FSCC 2.3.73") X(file_level_trim_rsp, "FSCC 2.3.74") X(zero_data, "FSCC 2.3.71")            \
	X(ranges, "FSCC 2.3.52") X(set_sparse, "FSCC 2.3.69") X(compression, "FSCC 2.3.67")                            \
	X(duplicate_extents, "FSCC 2.3.7") X(object_id, "FSCC 2.1.3") X(reparse, "FSCC 2.1.2")                         \
	X(reparse_symlink, "FSCC 2.1.2.4") X(reparse_mount_point, "FSCC 2.1.2.5") X(dfs_referral, "DFSC 2.2.2")        \
	X(dfs_referral_ex, "DFSC 2.2.3")
#define FSCTL_DECLARE(name, section) void fsctl_##name##_code(struct wire *w, struct fsctl_##name *m);
FSCTL_PAYLOADS(FSCTL_DECLARE)
#undef FSCTL_DECLARE

/* "FSCTL_PIPE_WAIT", or NULL. */
const char *fsctl_name(uint32_t code);

#endif
