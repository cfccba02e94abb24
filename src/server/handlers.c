/* The table from commands to handlers. The thunks give a handler its own types. */
#include "server/dispatch.h"

#include "server/cmd.h"

#define THUNK(name, req, rsp)                                                                                          \
	static struct srv_result run_##name(struct srv_request *r, const void *in, void *out)                         \
	{                                                                                                              \
		return cmd_##name(r, (const struct smb2_##req *)in, (struct smb2_##rsp *)out);                         \
	}

THUNK(negotiate, negotiate_req, negotiate_rsp)
THUNK(session_setup, session_setup_req, session_setup_rsp)
THUNK(logoff, empty, empty)
THUNK(tree_connect, tree_connect_req, tree_connect_rsp)
THUNK(tree_disconnect, empty, empty)
THUNK(create, create_req, create_rsp)
THUNK(close, close_req, close_rsp)
THUNK(flush, flush_req, empty)
THUNK(read, read_req, read_rsp)
THUNK(write, write_req, write_rsp)
THUNK(lock, lock_req, empty)
THUNK(ioctl, ioctl_req, ioctl_rsp)
THUNK(echo, empty, empty)
THUNK(query_directory, query_directory_req, query_directory_rsp)
THUNK(change_notify, change_notify_req, change_notify_rsp)
THUNK(query_info, query_info_req, query_info_rsp)
THUNK(set_info, set_info_req, empty)
THUNK(oplock_break, break, break)

static const srv_handler handlers[SMB2_COMMAND_COUNT] = {
	[SMB2_NEGOTIATE] = run_negotiate,
	[SMB2_SESSION_SETUP] = run_session_setup,
	[SMB2_LOGOFF] = run_logoff,
	[SMB2_TREE_CONNECT] = run_tree_connect,
	[SMB2_TREE_DISCONNECT] = run_tree_disconnect,
	[SMB2_CREATE] = run_create,
	[SMB2_CLOSE] = run_close,
	[SMB2_FLUSH] = run_flush,
	[SMB2_READ] = run_read,
	[SMB2_WRITE] = run_write,
	[SMB2_LOCK] = run_lock,
	[SMB2_IOCTL] = run_ioctl,
	[SMB2_ECHO] = run_echo,
	[SMB2_QUERY_DIRECTORY] = run_query_directory,
	[SMB2_CHANGE_NOTIFY] = run_change_notify,
	[SMB2_QUERY_INFO] = run_query_info,
	[SMB2_SET_INFO] = run_set_info,
	[SMB2_OPLOCK_BREAK] = run_oplock_break,
};

srv_handler srv_handler_of(uint16_t command)
{
	return command < SMB2_COMMAND_COUNT ? handlers[command] : NULL;
}
