/* What READ and WRITE check alike. */
#ifndef SERVER_IO_H
#define SERVER_IO_H

#include "proto/proto.h"
#include "server/request.h"

enum { CHANNEL_NONE = 0, CHANNEL_RDMA_V1 = 1, CHANNEL_RDMA_V1_INVALIDATE = 2 };

/* [MS-SMB2] 3.3.5.12, 3.3.5.13: 2.x does not look at Channel. None of the transports does RDMA, so that with 3.x any value but
 * NONE is refused. */
static inline bool io_channel_valid(const struct srv_request *r, uint32_t channel)
{
	return channel == CHANNEL_NONE || srv_request_proto(r)->dialect < SMB2_DIALECT_300;
}

/* WRITE around the writing itself: everything that can be refused before, and what follows it, whatever came of it. */
ntstatus io_write_begin(const struct srv_request *r, const struct smb2_write_req *in) MUST_USE;
ntstatus io_write_end(const struct srv_request *r, const struct smb2_write_req *in, ntstatus status) MUST_USE;

/* The largest file, that of NTFS with 4 KiB clusters, which is what shares say they are. */
#define IO_MAX_FILE_BYTES 0xFFFFFFF0000ull

/* [MS-FSA] 2.1.5.2, 2.1.5.3: offsets are signed. */
static inline bool io_range_valid(uint64_t offset, uint64_t length)
{
	return offset <= INT64_MAX && length <= INT64_MAX - offset;
}

/* [MS-FSA] 2.1.5.3: nothing lies behind the end of the largest file; a write of nothing goes nowhere. */
static inline bool io_write_range_valid(uint64_t offset, uint64_t length)
{
	return io_range_valid(offset, length) && (length == 0 || offset + length <= IO_MAX_FILE_BYTES);
}

#endif
