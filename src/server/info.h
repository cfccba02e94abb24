/* QUERY_INFO and SET_INFO by InfoType ([MS-SMB2] 2.2.37, 2.2.39): files (info_file.c, info_file_set.c, info_rename.c, info_stream.c,
 * info_ea.c), file systems
 * (info_fs.c), security (info_security.c). Quotas are answered where the types are told apart. */
#ifndef SERVER_INFO_H
#define SERVER_INFO_H

#include "server/open.h"
#include "server/request.h"
#include "server/session.h"
#include "server/srv.h"
#include "wire/fscc.h"

enum { INFO_FILE = 1, INFO_FILESYSTEM = 2, INFO_SECURITY = 3, INFO_QUOTA = 4 };

struct srv_result info_file_query(struct srv_request *r, const struct smb2_query_info_req *in, struct smb2_query_info_rsp *out);
struct srv_result info_fs_query(struct srv_request *r, const struct smb2_query_info_req *in, struct smb2_query_info_rsp *out);
struct srv_result info_security_query(struct srv_request *r, const struct smb2_query_info_req *in, struct smb2_query_info_rsp *out);
ntstatus info_file_set(struct srv_request *r, const struct smb2_set_info_req *in) MUST_USE;
ntstatus info_fs_set(struct srv_request *r, const struct smb2_set_info_req *in) MUST_USE;
ntstatus info_security_set(struct srv_request *r, const struct smb2_set_info_req *in) MUST_USE;

/* Rename and Link, from info_file_set. */
ntstatus info_rename(struct srv_request *r, const struct fscc_rename *m) MUST_USE;
ntstatus info_link(struct srv_request *r, const struct fscc_rename *m) MUST_USE;

/* Named streams, info_stream.c. */
struct srv_result info_streams_query(struct srv_request *r, const struct smb2_query_info_req *in, struct smb2_query_info_rsp *out);
ntstatus info_stream_rename(struct srv_request *r, const struct fscc_rename *m) MUST_USE;

/* Extended attributes, info_ea.c. */
struct srv_result info_eas_query(struct srv_request *r, const struct smb2_query_info_req *in, struct smb2_query_info_rsp *out);
ntstatus info_eas_set(struct srv_request *r, struct slice list) MUST_USE;
ntstatus info_eas_size(struct srv_request *r, uint32_t *size) MUST_USE;
/* A list of FILE_FULL_EA_INFORMATION, which the result views: EA_LIST_INCONSISTENT, INVALID_EA_NAME, EA_TOO_LARGE. */
ntstatus info_eas_decode(struct slice in, struct arena *a, struct vfs_ea **list, size_t *count) MUST_USE;

/* Encodes a structure of that class (name: its variable part, for the room) as the output, cut at OutputBufferLength with
 * BUFFER_OVERFLOW; INFO_LENGTH_MISMATCH when not even the fixed part fits (3.3.5.20.1). */
struct srv_result info_answer(struct srv_request *r, const struct fscc_class *class, void *m, size_t name_len, uint32_t room,
	struct slice *output);
/* After a write or a new size: a LastWriteTime that was set through the handle stays ([MS-FSA] 2.1.4.17). */
ntstatus info_keep_written(struct srv_open *o) MUST_USE;
/* Before a write or a new size: marks the file for the archive ([MS-FSA] 2.1.4.17), unless the handle has done so since its
 * attributes were last set through it. */
void info_archive(struct srv_open *o, const struct vfs_stat *st);

#endif
