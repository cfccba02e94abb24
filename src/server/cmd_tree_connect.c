/* TREE_CONNECT and TREE_DISCONNECT: [MS-SMB2] 2.2.9 to 2.2.12, 3.3.5.7, 3.3.5.8. */
#include "server/cmd.h"
#include "fsa/fsa.h"
#include "server/conn.h"
#include "server/share_instance.h"
#include "server/tables.h"

#include "base/log.h"
#include "base/utf16.h"

#include <stdio.h>

enum { MAX_SERVER_UNITS = 255, MAX_SHARE_UNITS = 80, SHARE_NAME_BYTES = 3 * MAX_SHARE_UNITS + 1 };

static size_t unit_index(struct slice s, size_t from, uint16_t unit)
{
	size_t i = from;

	while (i < s.len / 2 && utf16_at(s, i) != unit)
		i++;
	return i;
}

/* \\server\share (2.2.9): the share part. */
static ntstatus share_of_path(struct slice path, struct slice *share)
{
	size_t server_end;

	if (path.len % 2 != 0 || path.len / 2 < 4 || utf16_at(path, 0) != '\\' || utf16_at(path, 1) != '\\')
		return STATUS_INVALID_PARAMETER;
	server_end = unit_index(path, 2, '\\');
	if (server_end == 2 || server_end - 2 > MAX_SERVER_UNITS || server_end >= path.len / 2)
		return STATUS_INVALID_PARAMETER;
	*share = slice_of(path.data + 2 * (server_end + 1), path.len - 2 * (server_end + 1));
	if (share->len == 0 || share->len / 2 > MAX_SHARE_UNITS || unit_index(*share, 0, '\\') != share->len / 2)
		return STATUS_INVALID_PARAMETER;
	return STATUS_SUCCESS;
}

static bool listed(char (*names)[256], size_t n, const char *user)
{
	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(names[i], user) == 0)
			return true;
	}
	return false;
}

/* ConnectSecurity (B278) */
static bool may_connect(const struct srv_share *share, const struct srv_user *user)
{
	if (share->kind == SRV_SHARE_IPC)
		return true;
	if (user->anonymous)
		return false;
	if (user->guest)
		return share->guest;
	return !share->users || listed(share->users, share->user_count, user->name) || listed(share->admins, share->admin_count, user->name);
}

/* B277: a share that demands encryption is of no use to a connection that cannot encrypt. */
static ntstatus check_encryption(const struct srv_request *r, const struct srv_share *share)
{
	const struct srv_session *s = r->session;

	if (!share->encrypt || r->encrypted)
		return STATUS_SUCCESS;
	return s->have_keys && s->keys.send ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
}

static uint32_t maximal_access(const struct srv_share *share)
{
	if (share->kind == SRV_SHARE_IPC)
		return ACCESS_FILE_READ | ACCESS_FILE_WRITE | ACCESS_FILE_EXECUTE;
	return share->read_only ? ACCESS_FILE_READ | ACCESS_FILE_EXECUTE : ACCESS_FILE_ALL;
}

static void describe(const struct srv_tree *t, struct smb2_tree_connect_rsp *out)
{
	const struct srv_share *share = t->share;

	out->share_type = share->kind == SRV_SHARE_IPC ? SMB2_SHARE_TYPE_PIPE : SMB2_SHARE_TYPE_DISK;
	out->share_flags = (share->kind == SRV_SHARE_IPC ? SMB2_SHAREFLAG_NO_CACHING : 0u) |
		(share->access_based_enumeration ? SMB2_SHAREFLAG_ACCESS_BASED_DIRECTORY_ENUM : 0u) |
		(share->restrict_exclusive_opens ? SMB2_SHAREFLAG_RESTRICT_EXCLUSIVE_OPENS : 0u) |
		(share->force_shared_delete ? SMB2_SHAREFLAG_FORCE_SHARED_DELETE : 0u) |
		(share->force_level2_oplocks ? SMB2_SHAREFLAG_FORCE_LEVELII_OPLOCK : 0u) |
		(share->encrypt ? SMB2_SHAREFLAG_ENCRYPT_DATA : 0u);
	out->maximal_access = t->maximal_access;
}

/* With 3.1.1 the signature of the first TREE_CONNECT is what shows that nobody has changed the NEGOTIATE messages: a user's has
 * to have one, even where signing is not required. */
static bool proves_negotiation(const struct srv_request *r)
{
	return r->conn->proto.dialect < SMB2_DIALECT_311 || r->encrypted || !r->session->have_keys ||
		(r->header.flags & SMB2_FLAGS_SIGNED) != 0;
}

/* Takes over the reference to the share. */
static struct srv_result connect_tree(struct srv_request *r, struct srv_share *share, const struct srv_user *user,
	struct smb2_tree_connect_rsp *out)
{
	struct srv_share *used;
	struct srv_tree *t;
	ntstatus status = srv_share_instance(r, share, user, &used);

	srv_share_put(share);
	if (!nt_ok(status))
		return srv_reply(status);
	t = srv_tree_new(r->session, used);
	if (!t)
		return srv_reply(STATUS_INSUFFICIENT_RESOURCES);
	t->read_only = t->share->read_only;
	t->is_admin = listed(t->share->admins, t->share->admin_count, user->name);
	t->maximal_access = maximal_access(t->share);
	r->header.tree_id = t->id;
	r->tree = t;
	describe(t, out);
	return srv_reply(STATUS_SUCCESS);
}

/* A share that is not for clients of SMB1 does not exist for them. */
static bool hidden_from(const struct srv_conn *c, const struct srv_share *share)
{
	return c->smb1 && !share->smb1 && share->kind != SRV_SHARE_IPC;
}

/* [MS-SMB2] 3.3.5.7 */
struct srv_result cmd_tree_connect(struct srv_request *r, const struct smb2_tree_connect_req *in, struct smb2_tree_connect_rsp *out)
{
	char name[SHARE_NAME_BYTES];
	struct slice share_name;
	struct srv_share *share;
	struct srv_result result;
	struct srv_user *user;
	ntstatus status = share_of_path(in->path, &share_name);

	if (!proves_negotiation(r))
		return srv_drop();
	if (!nt_ok(status))
		return srv_reply(status);
	if (utf16_to_utf8(name, sizeof(name), share_name) == SIZE_MAX)
		return srv_reply(STATUS_INVALID_PARAMETER);
	share = srv_share_find(r->srv, share_name);
	if (share && hidden_from(r->conn, share)) {
		log_info("%s: the share '%s' is not for clients of SMB1 (smb1)", r->conn->peer, name);
		srv_share_put(share);
		return srv_reply(STATUS_BAD_NETWORK_NAME);
	}
	if (!share) {
		log_info("%s: there is no share named '%s'", r->conn->peer, name);
		return srv_reply(STATUS_BAD_NETWORK_NAME);
	}
	user = srv_session_user(r->session);
	status = user && may_connect(share, user) ? check_encryption(r, share) : STATUS_ACCESS_DENIED;
	if (nt_ok(status)) {
		result = connect_tree(r, share, user, out);
	} else {
		log_info("%s: '%s' may not use the share '%s'%s", r->conn->peer, user ? user->name : "", name,
			share->encrypt ? " (it demands encryption)" : "");
		srv_share_put(share);
		result = srv_reply(status);
	}
	srv_user_put(user);
	return result;
}

/* [MS-SMB2] 3.3.5.8 */
struct srv_result cmd_tree_disconnect(struct srv_request *r, const struct smb2_empty *in, struct smb2_empty *out)
{
	(void)in;
	(void)out;
	srv_tree_end(r->tree);
	return srv_reply(STATUS_SUCCESS);
}
