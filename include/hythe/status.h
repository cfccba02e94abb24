/* NTSTATUS codes ([MS-ERREF] 2.3), the one error type of Hythe's interfaces. HYTHE_STATUS_LIST is the only place where a
 * code, its name and the sentence shown to people are written; the constants and the name tables come from it. */
#ifndef HYTHE_STATUS_H
#define HYTHE_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A status. A struct, so that neither an errno nor a bare integer passes for one. */
typedef struct ntstatus {
	uint32_t code;
} ntstatus;

#define HYTHE_MUST_USE __attribute__((warn_unused_result))
/* For the compiler, which lays out what is likely in a row. */
#define HYTHE_LIKELY(x) __builtin_expect(!!(x), 1)

/* X(NAME, code, what it says to a person) */
#define HYTHE_STATUS_LIST(X)                                                                                           \
	X(SUCCESS, 0x00000000, "success")                                                                              \
	X(PENDING, 0x00000103, "the request is still being worked on")                                                \
	X(NOTIFY_CLEANUP, 0x0000010B, "the watched directory was closed")                                              \
	X(NOTIFY_ENUM_DIR, 0x0000010C, "too many changes to list; read the directory again")                          \
	X(BUFFER_OVERFLOW, 0x80000005, "the answer was longer than the buffer")                                        \
	X(NO_MORE_FILES, 0x80000006, "no more files")                                                                  \
	X(NO_MORE_EAS, 0x80000012, "no more extended attributes")                                                      \
	X(INVALID_EA_NAME, 0x80000013, "the name of an extended attribute is not valid")                              \
	X(EA_LIST_INCONSISTENT, 0x80000014, "the list of extended attributes is malformed")                           \
	X(NO_MORE_ENTRIES, 0x8000001A, "no more entries")                                                              \
	X(STOPPED_ON_SYMLINK, 0x8000002D, "the path goes through a symbolic link that the server does not follow")    \
	X(SEC_E_UNSUPPORTED_FUNCTION, 0x80090302, "the session is still being set up")                                 \
	X(INVALID_SMB, 0x00010002, "the message is malformed")                                                         \
	X(SMB_BAD_TID, 0x00050002, "there is no such connection to a share")                                           \
	X(SMB_BAD_FUNCTION, 0x00010001, "the function is not valid")                                                   \
	X(SMB_BAD_COMMAND, 0x00160002, "the other side does not know this command")                                    \
	X(SMB_BAD_UID, 0x005B0002, "there is no such logon on this connection")                                        \
	X(OS2_INVALID_ACCESS, 0x000C0001, "the way to open the file is not valid")                                     \
	X(OS2_NO_MORE_SIDS, 0x00710001, "too many searches")                                                           \
	X(OS2_CANCEL_VIOLATION, 0x00AD0001, "there is no such lock to cancel")                                         \
	X(OS2_ATOMIC_LOCKS_NOT_SUPPORTED, 0x00AE0001, "the kind of a lock cannot be changed")                          \
	X(UNSUCCESSFUL, 0xC0000001, "the operation failed")                                                            \
	X(NOT_IMPLEMENTED, 0xC0000002, "the other side does not implement this")                                      \
	X(INVALID_INFO_CLASS, 0xC0000003, "unknown information class")                                                 \
	X(INFO_LENGTH_MISMATCH, 0xC0000004, "the buffer has the wrong length for this information")                   \
	X(INVALID_HANDLE, 0xC0000008, "invalid handle")                                                                \
	X(INVALID_PARAMETER, 0xC000000D, "a parameter of the request is not valid")                                    \
	X(NO_SUCH_DEVICE, 0xC000000E, "no such device")                                                                \
	X(NO_SUCH_FILE, 0xC000000F, "no such file")                                                                    \
	X(INVALID_DEVICE_REQUEST, 0xC0000010, "the file system does not support this request")                        \
	X(END_OF_FILE, 0xC0000011, "end of file")                                                                      \
	X(MORE_PROCESSING_REQUIRED, 0xC0000016, "the logon needs another step")                                        \
	X(NO_MEMORY, 0xC0000017, "out of memory")                                                                      \
	X(ACCESS_DENIED, 0xC0000022, "access denied")                                                                  \
	X(BUFFER_TOO_SMALL, 0xC0000023, "the buffer is too small")                                                     \
	X(OBJECT_TYPE_MISMATCH, 0xC0000024, "wrong type of object")                                                    \
	X(OBJECT_NAME_INVALID, 0xC0000033, "the name is not valid")                                                    \
	X(OBJECT_NAME_NOT_FOUND, 0xC0000034, "no such file or directory")                                              \
	X(OBJECT_NAME_COLLISION, 0xC0000035, "a file or directory of that name exists already")                       \
	X(OBJECT_PATH_INVALID, 0xC0000039, "the path is not valid")                                                    \
	X(OBJECT_PATH_NOT_FOUND, 0xC000003A, "no such directory on the way to the file")                              \
	X(OBJECT_PATH_SYNTAX_BAD, 0xC000003B, "the path is not well formed or leaves the share")                      \
	X(SHARING_VIOLATION, 0xC0000043, "another program has the file open in a way that excludes this")            \
	X(EAS_NOT_SUPPORTED, 0xC000004F, "extended attributes are not supported there")                               \
	X(EA_TOO_LARGE, 0xC0000050, "the extended attributes are too large")                                           \
	X(NONEXISTENT_EA_ENTRY, 0xC0000051, "no such extended attribute")                                              \
	X(NO_EAS_ON_FILE, 0xC0000052, "the file has no extended attributes")                                           \
	X(FILE_LOCK_CONFLICT, 0xC0000054, "another program has locked that part of the file")                         \
	X(LOCK_NOT_GRANTED, 0xC0000055, "another program has locked that part of the file")                           \
	X(DELETE_PENDING, 0xC0000056, "the file is being deleted")                                                     \
	X(PRIVILEGE_NOT_HELD, 0xC0000061, "a privilege is missing")                                                    \
	X(NO_SUCH_USER, 0xC0000064, "no such user")                                                                    \
	X(WRONG_PASSWORD, 0xC000006A, "wrong password")                                                                \
	X(LOGON_FAILURE, 0xC000006D, "wrong user name or password")                                                    \
	X(ACCOUNT_RESTRICTION, 0xC000006E, "the account may not log on this way")                                      \
	X(PASSWORD_EXPIRED, 0xC0000071, "the password has expired")                                                    \
	X(ACCOUNT_DISABLED, 0xC0000072, "the account is disabled")                                                     \
	X(NONE_MAPPED, 0xC0000073, "nothing was mapped")                                                               \
	X(INVALID_OWNER, 0xC000005A, "that owner may not be set")                                                      \
	X(INVALID_ACL, 0xC0000077, "the access control list is malformed")                                             \
	X(INVALID_SID, 0xC0000078, "the security identifier is malformed")                                             \
	X(INVALID_SECURITY_DESCR, 0xC0000079, "the security descriptor is malformed")                                  \
	X(RANGE_NOT_LOCKED, 0xC000007E, "that range is not locked")                                                    \
	X(INVALID_LOCK_RANGE, 0xC00001A1, "a lock may not reach beyond the last byte that has a number")             \
	X(DISK_FULL, 0xC000007F, "the disk is full")                                                                   \
	X(TOO_MANY_OPENED_FILES, 0xC000011F, "too many open files")                                                    \
	X(INSUFFICIENT_RESOURCES, 0xC000009A, "the other side is out of resources")                                    \
	X(MEDIA_WRITE_PROTECTED, 0xC00000A2, "the share is read-only")                                                 \
	X(INVALID_PIPE_STATE, 0xC00000AD, "the pipe is in the wrong state")                                            \
	X(PIPE_BUSY, 0xC00000AE, "the pipe is busy")                                                                   \
	X(PIPE_DISCONNECTED, 0xC00000B0, "the pipe was disconnected")                                                  \
	X(IO_TIMEOUT, 0xC00000B5, "timed out")                                                                         \
	X(PIPE_BROKEN, 0xC000014B, "the pipe is broken")                                                               \
	X(PIPE_EMPTY, 0xC00000D9, "the pipe is empty")                                                                 \
	X(FILE_IS_A_DIRECTORY, 0xC00000BA, "that is a directory")                                                      \
	X(NOT_SUPPORTED, 0xC00000BB, "not supported")                                                                  \
	X(BAD_NETWORK_PATH, 0xC00000BE, "the network path was not found")                                              \
	X(UNEXPECTED_NETWORK_ERROR, 0xC00000C4, "a network error")                                                     \
	X(INVALID_NETWORK_RESPONSE, 0xC00000C3, "the server sent an answer that makes no sense")                      \
	X(NETWORK_NAME_DELETED, 0xC00000C9, "the connection to the share is gone")                                    \
	X(NETWORK_ACCESS_DENIED, 0xC00000CA, "network access denied")                                                  \
	X(BAD_DEVICE_TYPE, 0xC00000CB, "the share is of another type")                                                 \
	X(BAD_NETWORK_NAME, 0xC00000CC, "no such share on the server")                                                 \
	X(REQUEST_NOT_ACCEPTED, 0xC00000D0, "the server does not take more of these")                                  \
	X(REQUEST_OUT_OF_SEQUENCE, 0xC000042A, "the request does not fit what went before it")                         \
	X(FILE_RENAMED, 0xC00000D5, "the file was renamed")                                                            \
	X(NOT_SAME_DEVICE, 0xC00000D4, "source and target are not on the same volume")                                \
	X(INTERNAL_ERROR, 0xC00000E5, "internal error")                                                                \
	X(DIRECTORY_NOT_EMPTY, 0xC0000101, "the directory is not empty")                                               \
	X(NOT_A_DIRECTORY, 0xC0000103, "that is not a directory")                                                      \
	X(CANCELLED, 0xC0000120, "cancelled")                                                                          \
	X(CANNOT_DELETE, 0xC0000121, "the file cannot be deleted; is it read-only?")                                   \
	X(FILE_DELETED, 0xC0000123, "the file was deleted")                                                            \
	X(FILE_CLOSED, 0xC0000128, "the handle is closed")                                                             \
	X(INVALID_DEVICE_STATE, 0xC0000184, "wrong state for this request")                                            \
	X(IO_DEVICE_ERROR, 0xC0000185, "the disk reports an error")                                                    \
	X(USER_SESSION_DELETED, 0xC0000203, "the session is gone")                                                     \
	X(CONNECTION_DISCONNECTED, 0xC000020C, "the connection was closed")                                            \
	X(CONNECTION_RESET, 0xC000020D, "the connection was reset")                                                    \
	X(CONNECTION_REFUSED, 0xC0000236, "nobody listens there; is the server running, is the port right?")          \
	X(HOST_UNREACHABLE, 0xC000023D, "the host cannot be reached")                                                  \
	X(NETWORK_UNREACHABLE, 0xC000023C, "the network cannot be reached")                                            \
	X(ADDRESS_ALREADY_EXISTS, 0xC000020A, "the address is in use")                                                 \
	X(NOT_FOUND, 0xC0000225, "not found")                                                                          \
	X(VOLUME_NOT_UPGRADED, 0xC000029C, "the file system keeps no object ids")                                       \
	X(OBJECTID_NOT_FOUND, 0xC00002F0, "the file has no object id")                                                 \
	X(DUPLICATE_OBJECTID, 0xC000022A, "that object id exists already")                                             \
	X(NO_SUCH_LOGON_SESSION, 0xC000005F, "no such logon session")                                                  \
	X(LOGON_TYPE_NOT_GRANTED, 0xC000015B, "that user may not log on here")                                         \
	X(INVALID_LEVEL, 0xC0000148, "unknown information level")                                                      \
	X(TOO_MANY_LINKS, 0xC0000265, "too many links")                                                                \
	X(PATH_NOT_COVERED, 0xC0000257, "the path is on another server")                                               \
	X(NOT_A_REPARSE_POINT, 0xC0000275, "that is not a reparse point")                                              \
	X(BAD_IMPERSONATION_LEVEL, 0xC00000A5, "bad impersonation level")                                              \
	X(NO_TOKEN, 0xC000007C, "no token")                                                                            \
	X(FILE_NOT_AVAILABLE, 0xC0000467, "the file is not available just now")                                        \
	X(SHARE_UNAVAILABLE, 0xC0000480, "the share is not available just now")                                        \
	X(SERVER_UNAVAILABLE, 0xC0000466, "the server is not available just now")                                      \
	X(NETWORK_SESSION_EXPIRED, 0xC000035C, "the session has expired")                                              \
	X(INVALID_OPLOCK_PROTOCOL, 0xC00000E3, "that answer to an oplock break is not valid")                          \
	X(OPLOCK_NOT_GRANTED, 0xC00000E2, "the oplock was not granted")                                                \
	X(FS_DRIVER_REQUIRED, 0xC000019C, "DFS is not enabled there")                                                  \
	X(FILE_CORRUPT_ERROR, 0xC0000102, "the file is damaged")                                                       \
	X(VOLUME_DISMOUNTED, 0xC000026E, "the volume was dismounted")                                                  \
	X(SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP, 0xC05D0000, "no common preauthentication hash")                       \
	X(SMB_BAD_CLUSTER_DIALECT, 0xC05D0001, "wrong cluster dialect")                                                \
	X(FILE_SYSTEM_LIMITATION, 0xC0000427, "the file system cannot do that")                                        \
	X(DATA_ERROR, 0xC000003E, "data error")                                                                        \
	X(CRC_ERROR, 0xC000003F, "checksum error")                                                                     \
	X(BAD_COMPRESSION_BUFFER, 0xC0000242, "damaged compressed data")

#define HYTHE_STATUS_CONST(name, value, text) static const ntstatus STATUS_##name = {value};
HYTHE_STATUS_LIST(HYTHE_STATUS_CONST)
#undef HYTHE_STATUS_CONST

static inline bool nt_ok(ntstatus s)
{
	return HYTHE_LIKELY(s.code == 0);
}

static inline bool nt_is(ntstatus a, ntstatus b)
{
	return a.code == b.code;
}

/* Severity "error" ([MS-ERREF] 2.3): true for 0xCxxxxxxx, false for success, informational and warning codes. */
static inline bool nt_error(ntstatus s)
{
	return (s.code >> 30) == 3;
}

/* "STATUS_ACCESS_DENIED", or "0xC0001234" for a code without a row (in a per-thread buffer). Never NULL; not to be freed. */
const char *hythe_status_name(ntstatus s);

/* A sentence for people, without a final full stop. Never NULL; not to be freed. */
const char *hythe_status_text(ntstatus s);

#ifdef __cplusplus
}
#endif
#endif
