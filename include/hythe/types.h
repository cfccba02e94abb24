/* Constants and plain structs that Hythe's public interfaces share: access rights, dispositions, attributes, information
 * classes and what is known about a file. Values are those of [MS-SMB2], [MS-FSCC] and [MS-DTYP]. */
#ifndef HYTHE_TYPES_H
#define HYTHE_TYPES_H

#include <hythe/status.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Protocol versions ([MS-SMB2] 2.2.3) */
enum hythe_dialect {
	HYTHE_DIALECT_NT1 = 0x0100, /* SMB1, "NT LM 0.12" of [MS-CIFS]; a number of ours, for it has none */
	HYTHE_DIALECT_202 = 0x0202,
	HYTHE_DIALECT_210 = 0x0210,
	HYTHE_DIALECT_300 = 0x0300,
	HYTHE_DIALECT_302 = 0x0302,
	HYTHE_DIALECT_311 = 0x0311
};

/* Ciphers (2.2.3.1.2) */
enum hythe_cipher {
	HYTHE_CIPHER_NONE = 0,
	HYTHE_CIPHER_AES128_CCM = 1,
	HYTHE_CIPHER_AES128_GCM = 2,
	HYTHE_CIPHER_AES256_CCM = 3,
	HYTHE_CIPHER_AES256_GCM = 4
};

/* Signature algorithms (2.2.3.1.7), one higher than on the wire so that 0 means "any" */
enum hythe_signer { HYTHE_SIGNER_ANY = 0, HYTHE_SIGNER_HMAC_SHA256 = 1, HYTHE_SIGNER_AES_CMAC = 2, HYTHE_SIGNER_AES_GMAC = 3 };

/* When messages are encrypted */
enum hythe_encryption {
	HYTHE_ENCRYPTION_OFF = 0,      /* only where the other side demands it */
	HYTHE_ENCRYPTION_DESIRED = 1,  /* whenever both sides can */
	HYTHE_ENCRYPTION_REQUIRED = 2  /* or fail */
};

/* Access rights (2.2.13.1) */
#define HYTHE_READ_DATA 0x00000001u
#define HYTHE_WRITE_DATA 0x00000002u
#define HYTHE_APPEND_DATA 0x00000004u
#define HYTHE_READ_EA 0x00000008u
#define HYTHE_WRITE_EA 0x00000010u
#define HYTHE_EXECUTE 0x00000020u
#define HYTHE_DELETE_CHILD 0x00000040u
#define HYTHE_READ_ATTRIBUTES 0x00000080u
#define HYTHE_WRITE_ATTRIBUTES 0x00000100u
#define HYTHE_DELETE 0x00010000u
#define HYTHE_READ_CONTROL 0x00020000u
#define HYTHE_WRITE_DAC 0x00040000u
#define HYTHE_WRITE_OWNER 0x00080000u
#define HYTHE_SYNCHRONIZE 0x00100000u
#define HYTHE_MAXIMUM_ALLOWED 0x02000000u
#define HYTHE_GENERIC_ALL 0x10000000u
#define HYTHE_GENERIC_EXECUTE 0x20000000u
#define HYTHE_GENERIC_WRITE 0x40000000u
#define HYTHE_GENERIC_READ 0x80000000u

/* Share access (2.2.13): what others may do meanwhile */
#define HYTHE_SHARE_READ 1u
#define HYTHE_SHARE_WRITE 2u
#define HYTHE_SHARE_DELETE 4u
#define HYTHE_SHARE_ALL 7u

/* CreateDisposition (2.2.13) */
enum hythe_disposition {
	HYTHE_SUPERSEDE = 0,    /* replace or create */
	HYTHE_OPEN = 1,         /* must exist */
	HYTHE_CREATE = 2,       /* must not exist */
	HYTHE_OPEN_IF = 3,      /* open or create */
	HYTHE_OVERWRITE = 4,    /* must exist; truncate */
	HYTHE_OVERWRITE_IF = 5  /* truncate or create */
};

/* CreateAction (2.2.14) */
enum hythe_create_action { HYTHE_WAS_SUPERSEDED = 0, HYTHE_WAS_OPENED = 1, HYTHE_WAS_CREATED = 2, HYTHE_WAS_OVERWRITTEN = 3 };

/* CreateOptions (2.2.13) */
#define HYTHE_OPTION_DIRECTORY 0x00000001u
#define HYTHE_OPTION_WRITE_THROUGH 0x00000002u
#define HYTHE_OPTION_SEQUENTIAL_ONLY 0x00000004u
#define HYTHE_OPTION_NO_INTERMEDIATE_BUFFERING 0x00000008u
#define HYTHE_OPTION_NON_DIRECTORY 0x00000040u
#define HYTHE_OPTION_RANDOM_ACCESS 0x00000800u
#define HYTHE_OPTION_DELETE_ON_CLOSE 0x00001000u
#define HYTHE_OPTION_OPEN_BY_FILE_ID 0x00002000u
#define HYTHE_OPTION_OPEN_REPARSE_POINT 0x00200000u

/* File attributes ([MS-FSCC] 2.6) */
#define HYTHE_ATTRIBUTE_READONLY 0x00000001u
#define HYTHE_ATTRIBUTE_HIDDEN 0x00000002u
#define HYTHE_ATTRIBUTE_SYSTEM 0x00000004u
#define HYTHE_ATTRIBUTE_DIRECTORY 0x00000010u
#define HYTHE_ATTRIBUTE_ARCHIVE 0x00000020u
#define HYTHE_ATTRIBUTE_NORMAL 0x00000080u
#define HYTHE_ATTRIBUTE_TEMPORARY 0x00000100u
#define HYTHE_ATTRIBUTE_SPARSE_FILE 0x00000200u
#define HYTHE_ATTRIBUTE_REPARSE_POINT 0x00000400u
#define HYTHE_ATTRIBUTE_COMPRESSED 0x00000800u
#define HYTHE_ATTRIBUTE_OFFLINE 0x00001000u
#define HYTHE_ATTRIBUTE_ENCRYPTED 0x00004000u

/* Kinds of information for query_info and set_info ([MS-SMB2] 2.2.37) */
enum hythe_info_type { HYTHE_INFO_FILE = 1, HYTHE_INFO_FILESYSTEM = 2, HYTHE_INFO_SECURITY = 3, HYTHE_INFO_QUOTA = 4 };

/* File information classes ([MS-FSCC] 2.4) */
enum hythe_file_class {
	HYTHE_FILE_DIRECTORY_INFORMATION = 1,
	HYTHE_FILE_FULL_DIRECTORY_INFORMATION = 2,
	HYTHE_FILE_BOTH_DIRECTORY_INFORMATION = 3,
	HYTHE_FILE_BASIC_INFORMATION = 4,
	HYTHE_FILE_STANDARD_INFORMATION = 5,
	HYTHE_FILE_INTERNAL_INFORMATION = 6,
	HYTHE_FILE_EA_INFORMATION = 7,
	HYTHE_FILE_ACCESS_INFORMATION = 8,
	HYTHE_FILE_RENAME_INFORMATION = 10,
	HYTHE_FILE_LINK_INFORMATION = 11,
	HYTHE_FILE_NAMES_INFORMATION = 12,
	HYTHE_FILE_DISPOSITION_INFORMATION = 13,
	HYTHE_FILE_POSITION_INFORMATION = 14,
	HYTHE_FILE_FULL_EA_INFORMATION = 15,
	HYTHE_FILE_MODE_INFORMATION = 16,
	HYTHE_FILE_ALIGNMENT_INFORMATION = 17,
	HYTHE_FILE_ALL_INFORMATION = 18,
	HYTHE_FILE_ALLOCATION_INFORMATION = 19,
	HYTHE_FILE_END_OF_FILE_INFORMATION = 20,
	HYTHE_FILE_ALTERNATE_NAME_INFORMATION = 21,
	HYTHE_FILE_STREAM_INFORMATION = 22,
	HYTHE_FILE_NETWORK_OPEN_INFORMATION = 34,
	HYTHE_FILE_ATTRIBUTE_TAG_INFORMATION = 35,
	HYTHE_FILE_ID_BOTH_DIRECTORY_INFORMATION = 37,
	HYTHE_FILE_ID_FULL_DIRECTORY_INFORMATION = 38
};

/* File system information classes ([MS-FSCC] 2.5) */
enum hythe_filesystem_class {
	HYTHE_FS_VOLUME_INFORMATION = 1,
	HYTHE_FS_SIZE_INFORMATION = 3,
	HYTHE_FS_DEVICE_INFORMATION = 4,
	HYTHE_FS_ATTRIBUTE_INFORMATION = 5,
	HYTHE_FS_CONTROL_INFORMATION = 6,
	HYTHE_FS_FULL_SIZE_INFORMATION = 7,
	HYTHE_FS_OBJECT_ID_INFORMATION = 8,
	HYTHE_FS_SECTOR_SIZE_INFORMATION = 11
};

/* Share types as TREE_CONNECT tells them (2.2.10) */
enum hythe_share_type { HYTHE_SHARE_TYPE_DISK = 1, HYTHE_SHARE_TYPE_PIPE = 2, HYTHE_SHARE_TYPE_PRINT = 3 };

/* What is known about a file. Times are FILETIMEs: 100 ns steps since 1601-01-01 UTC. */
struct hythe_stat {
	uint64_t creation_time, last_access_time, last_write_time, change_time;
	uint64_t size_bytes, allocated_bytes;
	uint64_t file_id;     /* unique within the volume; 0: not told */
	uint32_t attributes;  /* HYTHE_ATTRIBUTE_* */
	uint32_t links;       /* 0: not told */
	bool directory, delete_pending;
};

/* FILETIME to and from seconds and nanoseconds since 1970-01-01 UTC. Rounds down to 100 ns. */
void hythe_time_to_unix(uint64_t filetime, int64_t *seconds, uint32_t *nanoseconds);
uint64_t hythe_time_from_unix(int64_t seconds, uint32_t nanoseconds);

#ifdef __cplusplus
}
#endif
#endif
