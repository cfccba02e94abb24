/* NTSTATUS as error class and code, for clients that do not ask for NT's ([MS-CIFS] 2.2.2.4). What has no row is a general failure of DOS. */
#include "server/smb1/transact.h"

#define ROWS(X)                                                                                                        \
	X(BUFFER_OVERFLOW, DOS, 234) X(NO_MORE_FILES, DOS, 18) X(NO_MORE_EAS, DOS, 259) X(STOPPED_ON_SYMLINK, DOS, 5)  \
	X(NOTIFY_ENUM_DIR, DOS, 1022)                                                                                  \
	X(UNSUCCESSFUL, HRD, 31) X(NOT_IMPLEMENTED, DOS, 1) X(INVALID_INFO_CLASS, DOS, 124) X(INFO_LENGTH_MISMATCH, DOS, 24)  \
	X(INVALID_HANDLE, DOS, 6) X(INVALID_PARAMETER, DOS, 87) X(NO_SUCH_DEVICE, DOS, 2) X(NO_SUCH_FILE, DOS, 2)      \
	X(INVALID_DEVICE_REQUEST, DOS, 1) X(END_OF_FILE, DOS, 38) X(MORE_PROCESSING_REQUIRED, DOS, 234)                \
	X(NO_MEMORY, DOS, 8) X(ACCESS_DENIED, DOS, 5) X(BUFFER_TOO_SMALL, DOS, 122) X(OBJECT_TYPE_MISMATCH, DOS, 6)    \
	X(OBJECT_NAME_INVALID, DOS, 123) X(OBJECT_NAME_NOT_FOUND, DOS, 2)                                            \
	X(OBJECT_PATH_INVALID, DOS, 3) X(OBJECT_PATH_NOT_FOUND, DOS, 3) X(OBJECT_PATH_SYNTAX_BAD, DOS, 161)              \
	X(SHARING_VIOLATION, DOS, 32) X(EAS_NOT_SUPPORTED, DOS, 282) X(EA_TOO_LARGE, DOS, 255)                         \
	X(NONEXISTENT_EA_ENTRY, DOS, 255) X(NO_EAS_ON_FILE, DOS, 255) X(FILE_LOCK_CONFLICT, DOS, 33)                   \
	X(LOCK_NOT_GRANTED, DOS, 33) X(DELETE_PENDING, DOS, 5) X(PRIVILEGE_NOT_HELD, DOS, 5) X(LOGON_FAILURE, SRV, 2)  \
	X(NO_SUCH_USER, SRV, 2) X(WRONG_PASSWORD, SRV, 2) X(ACCOUNT_RESTRICTION, SRV, 2) X(ACCOUNT_DISABLED, SRV, 2)   \
	X(LOGON_TYPE_NOT_GRANTED, SRV, 2) X(PASSWORD_EXPIRED, SRV, 2) X(RANGE_NOT_LOCKED, DOS, 158)                    \
	X(INVALID_LOCK_RANGE, DOS, 307) X(DISK_FULL, DOS, 112) X(TOO_MANY_OPENED_FILES, DOS, 4)                        \
	X(INSUFFICIENT_RESOURCES, DOS, 8) X(MEDIA_WRITE_PROTECTED, HRD, 19) X(INVALID_PIPE_STATE, DOS, 230)            \
	X(PIPE_BUSY, DOS, 231) X(PIPE_DISCONNECTED, DOS, 233) X(IO_TIMEOUT, DOS, 121) X(PIPE_BROKEN, DOS, 109)         \
	X(PIPE_EMPTY, DOS, 232) X(FILE_IS_A_DIRECTORY, DOS, 5) X(NOT_SUPPORTED, DOS, 50)                               \
	X(NETWORK_NAME_DELETED, DOS, 64) X(NETWORK_ACCESS_DENIED, DOS, 65) X(BAD_NETWORK_NAME, DOS, 67)                \
	X(REQUEST_NOT_ACCEPTED, DOS, 71) X(FILE_RENAMED, DOS, 5) X(NOT_SAME_DEVICE, DOS, 17)                           \
	X(DIRECTORY_NOT_EMPTY, DOS, 145) X(NOT_A_DIRECTORY, DOS, 267) X(CANCELLED, DOS, 995) X(CANNOT_DELETE, DOS, 5)  \
	X(FILE_DELETED, DOS, 5) X(FILE_CLOSED, DOS, 6) X(IO_DEVICE_ERROR, HRD, 31) X(USER_SESSION_DELETED, SRV, 91)    \
	X(INVALID_LEVEL, DOS, 124) X(PATH_NOT_COVERED, SRV, 3) X(BAD_DEVICE_TYPE, SRV, 7)

bool srv1_is_dos(ntstatus s)
{
	return (s.code & 0xFF00u) == 0 && (s.code & 0xFF) >= SMB1_ERRCLS_DOS && (s.code & 0xFF) <= SMB1_ERRCLS_HRD && s.code >> 16 != 0 &&
		(s.code >> 24) == 0;
}

/* That there is a file of that name is told in three ways. */
static uint32_t collision(const struct srv1_op *op)
{
	enum { NO_ACCESS = 5, FILE_EXISTS = 80, RENAME = 183 };

	switch (op->header.command) {
	case SMB1_CREATE_DIRECTORY:
		return SMB1_DOS_ERROR(SMB1_ERRCLS_DOS, NO_ACCESS);
	case SMB1_RENAME:
	case SMB1_NT_RENAME:
		return SMB1_DOS_ERROR(SMB1_ERRCLS_DOS, RENAME);
	case SMB1_TRANSACTION2:
		if (op->transaction && op->transaction->function != SMB1_TRANS2_OPEN2)
			return SMB1_DOS_ERROR(SMB1_ERRCLS_DOS, RENAME);
		return SMB1_DOS_ERROR(SMB1_ERRCLS_DOS, FILE_EXISTS);
	default:
		return SMB1_DOS_ERROR(SMB1_ERRCLS_DOS, FILE_EXISTS);
	}
}

uint32_t srv1_dos_error(const struct srv1_op *op, ntstatus s)
{
	if (nt_is(s, STATUS_OBJECT_NAME_COLLISION))
		return collision(op);
	/* What is asked whether it is a directory, and is none, is a wrong path, whatever it is otherwise. */
	if (op->header.command == SMB1_CHECK_DIRECTORY &&
		(nt_is(s, STATUS_OBJECT_NAME_INVALID) || nt_is(s, STATUS_OBJECT_NAME_NOT_FOUND) || nt_is(s, STATUS_NOT_A_DIRECTORY)))
		return SMB1_DOS_ERROR(SMB1_ERRCLS_DOS, 3);
	if (srv1_is_dos(s) || nt_ok(s))
		return s.code;
#define ROW(name, class, number)                                                                                       \
	if (nt_is(s, STATUS_##name))                                                                                   \
		return SMB1_DOS_ERROR(SMB1_ERRCLS_##class, number);
	ROWS(ROW)
#undef ROW
	return SMB1_DOS_ERROR(SMB1_ERRCLS_HRD, 31);
}
