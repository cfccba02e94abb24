/* Rights: what generic bits mean, which rights share modes speak of, what attributes and POSIX modes leave of them.
 * [MS-SMB2] 2.2.13.1, [MS-FSA] 2.1.5.1.2.1 and 2.1.5.1.2.2. */
#include "fsa/fsa.h"

uint32_t fsa_access_map_generic(uint32_t access)
{
	if (access & ACCESS_GENERIC_ALL)
		access |= ACCESS_FILE_ALL;
	if (access & ACCESS_GENERIC_READ)
		access |= ACCESS_FILE_READ;
	if (access & ACCESS_GENERIC_WRITE)
		access |= ACCESS_FILE_WRITE;
	if (access & ACCESS_GENERIC_EXECUTE)
		access |= ACCESS_FILE_EXECUTE;
	return access & ~(ACCESS_GENERIC_ALL | ACCESS_GENERIC_READ | ACCESS_GENERIC_WRITE | ACCESS_GENERIC_EXECUTE);
}

/* The sharing that an open needs from everybody else. */
static uint32_t share_needed(uint32_t access)
{
	uint32_t need = 0;

	if (access & (FILE_READ_DATA | FILE_EXECUTE))
		need |= FILE_SHARE_READ;
	if (access & (FILE_WRITE_DATA | FILE_APPEND_DATA))
		need |= FILE_SHARE_WRITE;
	if (access & ACCESS_DELETE)
		need |= FILE_SHARE_DELETE;
	return need;
}

bool fsa_share_conflict(uint32_t access_a, uint32_t share_a, uint32_t access_b, uint32_t share_b)
{
	uint32_t need_a = share_needed(access_a), need_b = share_needed(access_b);

	if (need_a == 0 || need_b == 0)
		return false;
	return (need_a & ~share_b) != 0 || (need_b & ~share_a) != 0;
}

/* Rights that the three bits of a mode stand for. */
static uint32_t access_of_bits(uint32_t rwx, bool directory)
{
	uint32_t access = 0;

	if (rwx & 4)
		access |= FILE_READ_DATA | FILE_READ_EA;
	if (rwx & 2)
		access |= FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_WRITE_EA | FILE_WRITE_ATTRIBUTES | (directory ? FILE_DELETE_CHILD : 0);
	if (rwx & 1)
		access |= FILE_EXECUTE;
	return access;
}

uint32_t fsa_access_of_stat(const struct vfs_stat *st, uint32_t uid, uint32_t gid)
{
	uint32_t access = ACCESS_FILE_ALL;

	if (uid != 0) {
		uint32_t bits = st->uid == uid ? st->mode >> 6 : st->gid == gid ? st->mode >> 3 : st->mode;

		access = ACCESS_DELETE | ACCESS_READ_CONTROL | ACCESS_SYNCHRONIZE | FILE_READ_ATTRIBUTES;
		access |= access_of_bits(bits, st->directory);
		if (st->uid == uid)
			access |= ACCESS_WRITE_DAC | ACCESS_WRITE_OWNER | FILE_WRITE_ATTRIBUTES;
	}
	if (!st->directory && (st->attributes & FILE_ATTRIBUTE_READONLY))
		access &= ~(uint32_t)(FILE_WRITE_DATA | FILE_APPEND_DATA);
	return access;
}
