/* errno to NTSTATUS: the one table. Callers that know more (what ENOENT was about) decide before they come here. */
#include "vfs/posix.h"

#include <errno.h>

/* The codes once more as constants, which a table can be made of. */
enum {
#define HYTHE_STATUS_CODE(name, value, text) CODE_##name = value,
	HYTHE_STATUS_LIST(HYTHE_STATUS_CODE)
#undef HYTHE_STATUS_CODE
};

static const struct {
	int err;
	uint32_t code;
} table[] = {
	{EPERM, CODE_ACCESS_DENIED},
	{EACCES, CODE_ACCESS_DENIED},
	{ENXIO, CODE_ACCESS_DENIED}, /* opening a socket */
	{ENODEV, CODE_ACCESS_DENIED}, /* opening a device without driver */
	{ELOOP, CODE_ACCESS_DENIED}, /* links in a circle */
	{ENOENT, CODE_OBJECT_NAME_NOT_FOUND},
	{ESTALE, CODE_OBJECT_NAME_NOT_FOUND},
	{ENOTDIR, CODE_OBJECT_PATH_NOT_FOUND},
	{EEXIST, CODE_OBJECT_NAME_COLLISION},
	{ENAMETOOLONG, CODE_OBJECT_NAME_INVALID},
	{EILSEQ, CODE_OBJECT_NAME_INVALID}, /* a file system with names in a character set */
	{EISDIR, CODE_FILE_IS_A_DIRECTORY},
	{ENOTEMPTY, CODE_DIRECTORY_NOT_EMPTY},
	{ENOSPC, CODE_DISK_FULL},
	{EDQUOT, CODE_DISK_FULL},
	{EFBIG, CODE_FILE_SYSTEM_LIMITATION},
	{EIO, CODE_IO_DEVICE_ERROR},
	{EUCLEAN, CODE_FILE_CORRUPT_ERROR},
	{EBADMSG, CODE_CRC_ERROR},
	{EROFS, CODE_MEDIA_WRITE_PROTECTED},
	{EMFILE, CODE_TOO_MANY_OPENED_FILES},
	{ENFILE, CODE_TOO_MANY_OPENED_FILES},
	{ENOMEM, CODE_INSUFFICIENT_RESOURCES},
	{EXDEV, CODE_NOT_SAME_DEVICE},
	{ETXTBSY, CODE_SHARING_VIOLATION}, /* a program that runs */
	{EBUSY, CODE_SHARING_VIOLATION}, /* a mount point */
	{EAGAIN, CODE_SHARING_VIOLATION}, /* a lease of a local program */
	{EMLINK, CODE_TOO_MANY_LINKS},
	{EINVAL, CODE_INVALID_PARAMETER},
	{EOPNOTSUPP, CODE_NOT_SUPPORTED},
	{ENOSYS, CODE_NOT_SUPPORTED},
	{ENODATA, CODE_NONEXISTENT_EA_ENTRY},
	{ERANGE, CODE_BUFFER_TOO_SMALL},
	{E2BIG, CODE_EA_TOO_LARGE},
	{ETIMEDOUT, CODE_IO_TIMEOUT},
	{EBADF, CODE_ACCESS_DENIED}, /* not opened for this kind of access */
};

ntstatus posix_error(int err)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (table[i].err == err)
			return (ntstatus){table[i].code};
	}
	return STATUS_UNSUCCESSFUL;
}
