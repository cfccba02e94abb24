/* One command in words. describe.c decodes and calls the function of the command for its request or response, which adds what it asks for
 * or grants behind "SMB2 NAME: " or "SMB2 NAME granted: "; a function that adds nothing leaves that out. */
#ifndef TRACE_SAY_H
#define TRACE_SAY_H

#include "trace/conn.h"
#include "trace/words.h"

struct say {
	struct words w;
	struct trace_conn *c;
	const struct smb2_header *h;
	struct trace_request *asked; /* request: where to note what its answer needs; response: what was noted, or NULL */
	const char *chain_name;      /* what the CREATE earlier in the same compound opened, or NULL */
	struct arena *arena;
};

typedef void say_fn(struct say *s, const void *body);
struct say_row {
	say_fn *req, *rsp;
};
const struct say_row *say_row_of(uint16_t command);

/* ", file 'name'" or the id. */
void say_file(struct say *s, struct smb2_file_id id);
/* "RWH", "none" */
void say_lease_state(struct words *w, uint32_t state);
const char *say_dialect(uint16_t dialect);
/* "NAME, what it says"; a code without a name is itself. */
void say_status_code(struct words *w, uint32_t code);
/* What a security token asks: a step of NTLM, or so many bytes. */
void say_token(struct words *w, struct slice token);
/* "open or create ", " to read, write", ", shared for reading" */
void say_disposition(struct words *w, uint32_t disposition);
void say_access(struct words *w, uint32_t access);
void say_sharing(struct words *w, uint32_t share);

say_fn say_negotiate_req, say_negotiate_rsp, say_session_setup_req, say_session_setup_rsp, say_logoff_req, say_tree_connect_req,
	say_tree_connect_rsp, say_tree_disconnect_req, say_echo_req, say_cancel_req;
say_fn say_create_req, say_create_rsp, say_close_req, say_close_rsp, say_flush_req, say_read_req, say_read_rsp, say_write_req,
	say_write_rsp, say_lock_req, say_break_req, say_break_rsp;
say_fn say_ioctl_req, say_ioctl_rsp, say_query_directory_req, say_query_directory_rsp, say_notify_req, say_notify_rsp,
	say_query_info_req, say_query_info_rsp, say_set_info_req;

#endif
