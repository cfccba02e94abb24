/* Pieces that several coders of messages share. */
#ifndef WIRE_SMB2_INTERNAL_H
#define WIRE_SMB2_INTERNAL_H

#include "wire/smb2.h"

/* [MS-SMB2] 2.2.14.1 */
static inline void smb2_file_id_code(struct wire *w, struct smb2_file_id *m)
{
	wire_u64(w, "FileId.Persistent", &m->persistent);
	wire_u64(w, "FileId.Volatile", &m->volatile_id);
}

/* The body that QUERY_DIRECTORY, CHANGE_NOTIFY and QUERY_INFO responses share. */
void smb2_output_code(struct wire *w, struct slice *output);

/* The times and sizes that CREATE and CLOSE responses share. */
#define SMB2_NETWORK_TIMES(w, m)                                                                                       \
	do {                                                                                                           \
		wire_time(w, "CreationTime", &(m)->creation_time);                                                     \
		wire_time(w, "LastAccessTime", &(m)->last_access_time);                                                \
		wire_time(w, "LastWriteTime", &(m)->last_write_time);                                                  \
		wire_time(w, "ChangeTime", &(m)->change_time);                                                         \
		wire_u64(w, "AllocationSize", &(m)->allocation_size);                                                  \
		wire_u64(w, "EndofFile", &(m)->end_of_file);                                                           \
		wire_u32(w, "FileAttributes", &(m)->file_attributes);                                                  \
	} while (0)

#endif
