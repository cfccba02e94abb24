/* TREE_CONNECT_ANDX, TREE_CONNECT, TREE_DISCONNECT: [MS-CIFS] 2.2.4.55, 2.2.4.50, 2.2.4.51, 3.3.5.45, 3.3.5.39, 3.3.5.41, [MS-SMB] 2.2.4.7. Who may use a share is
 * decided by SMB2's TREE_CONNECT. */
#include "server/smb1/trees.h"

#include "server/tables.h"

#include "base/log.h"
#include "base/utf16.h"

#include <stdlib.h>

enum { MOST_TREES = 1024 };

static struct srv1_use *use_find_locked(struct srv1_conn *s, uint16_t tid, uint16_t uid)
{
	list_for_each(n, &s->uses) {
		struct srv1_use *u = list_entry(n, struct srv1_use, link);

		if (u->tid == tid && u->uid == uid)
			return u;
	}
	return NULL;
}

static bool use_add(struct srv1_op *op, uint16_t tid)
{
	struct srv1_use *u = malloc(sizeof(*u));

	if (!u)
		return false;
	*u = (struct srv1_use){.tid = tid, .uid = op->header.uid, .tree_id = op->tree->id};
	pthread_mutex_lock(&op->smb1->lock);
	list_prepend(&op->smb1->uses, &u->link);
	pthread_mutex_unlock(&op->smb1->lock);
	return true;
}

void srv1_uses_forget(struct srv1_op *op, uint16_t uid)
{
	pthread_mutex_lock(&op->smb1->lock);
	list_for_each_safe(n, &op->smb1->uses) {
		struct srv1_use *u = list_entry(n, struct srv1_use, link);

		if (u->uid != uid)
			continue;
		list_remove(&u->link);
		free(u);
	}
	pthread_mutex_unlock(&op->smb1->lock);
}

/* A tree of op->session for that path, in op->tree. */
static ntstatus connect_path(struct srv1_op *op, struct slice path)
{
	struct smb2_tree_connect_req in = {.path = path};
	ntstatus status = srv1_call_now(op, SMB2_TREE_CONNECT, &in);
	struct srv_user *user;

	if (nt_ok(status)) {
		op->tree = op->r->tree;
		op->r->tree = NULL;
	}
	srv1_call_forget(op);
	if (!nt_ok(status) || !op->ntlmv1 || op->tree->share->kind == SRV_SHARE_IPC || op->tree->share->ntlmv1)
		return status;
	user = srv_session_user(op->session);
	log_warn("%s: '%s' logged on by NTLMv1, which the share '%s' does not accept (ntlmv1)", op->conn->peer, user ? user->name : "",
		op->tree->share->name);
	srv_user_put(user);
	srv_tree_end(op->tree);
	srv_tree_put(op->tree);
	op->tree = NULL;
	return STATUS_ACCESS_DENIED;
}

/* A copy of the path of a TID, for a session that has not used it yet. */
static struct slice path_of(struct srv1_op *op, uint16_t tid)
{
	struct slice path = slice_of(NULL, 0);
	struct srv1_tree *t;
	uint8_t *copy;

	pthread_mutex_lock(&op->smb1->lock);
	t = srv1_table_find_locked(&op->smb1->trees, tid);
	copy = t ? arena_alloc(&op->arena, t->path_len) : NULL;
	if (copy) {
		memcpy(copy, t->path, t->path_len);
		path = slice_of(copy, t->path_len);
	}
	pthread_mutex_unlock(&op->smb1->lock);
	return path;
}

bool srv1_tree_known(struct srv1_op *op)
{
	bool known;

	pthread_mutex_lock(&op->smb1->lock);
	known = srv1_table_find_locked(&op->smb1->trees, op->header.tid) != NULL;
	pthread_mutex_unlock(&op->smb1->lock);
	return known;
}

ntstatus srv1_tree_find(struct srv1_op *op)
{
	uint16_t tid = op->header.tid;
	struct srv1_use *u;
	struct slice path;
	uint32_t tree_id = 0;
	ntstatus status;
	bool known;

	pthread_mutex_lock(&op->smb1->lock);
	known = srv1_table_find_locked(&op->smb1->trees, tid) != NULL;
	u = known ? use_find_locked(op->smb1, tid, op->header.uid) : NULL;
	if (u)
		tree_id = u->tree_id;
	pthread_mutex_unlock(&op->smb1->lock);
	if (!known)
		return STATUS_SMB_BAD_TID;
	if (u) {
		op->tree = srv_tree_find(op->session, tree_id);
		return op->tree ? STATUS_SUCCESS : STATUS_SMB_BAD_TID;
	}
	path = path_of(op, tid);
	status = path.data ? connect_path(op, path) : STATUS_INSUFFICIENT_RESOURCES;
	if (nt_ok(status) && !use_add(op, tid))
		status = STATUS_INSUFFICIENT_RESOURCES;
	return status;
}

/* --- connecting --- */

static uint16_t tree_add(struct srv1_op *op, struct slice path)
{
	struct srv1_tree *t = calloc(1, sizeof(*t));
	uint8_t *copy = malloc(path.len);
	uint16_t tid = 0;

	if (t && copy) {
		memcpy(copy, path.data, path.len);
		t->path = copy;
		t->path_len = path.len;
		t->ipc = op->tree->share->kind == SRV_SHARE_IPC;
		pthread_mutex_lock(&op->smb1->lock);
		tid = t->tid = srv1_table_add_locked(&op->smb1->trees, t, MOST_TREES);
		pthread_mutex_unlock(&op->smb1->lock);
	}
	if (tid != 0)
		return tid;
	free(copy);
	free(t);
	return 0;
}

static bool service_is(struct slice service, const char *name)
{
	return slice_equal(service, slice_of(name, strlen(name)));
}

/* [MS-CIFS] 2.2.4.55.1: what the client believes the share to be. */
static bool service_fits(struct slice service, bool ipc)
{
	return service_is(service, "?????") || service_is(service, ipc ? "IPC" : "A:");
}

static bool service_known(struct slice service)
{
	return service_is(service, "?????") || service_is(service, "IPC") || service_is(service, "A:") || service_is(service, "LPT1:") ||
		service_is(service, "COMM");
}

static void tree_end(struct srv1_op *op, uint16_t tid);

/* Clients of old leave the server's name out. */
static struct slice full_path(struct srv1_op *op, struct slice path)
{
	static const uint8_t server[] = {'\\', 0, '\\', 0, '*', 0, '\\', 0};
	struct slice dir, name;
	uint8_t *p;

	if (path.len >= 4 && utf16_at(path, 0) == '\\' && utf16_at(path, 1) == '\\')
		return path;
	srv1_path_split(path, &dir, &name);
	p = arena_alloc(&op->arena, sizeof(server) + name.len);
	if (!p || name.len == 0)
		return slice_of(NULL, 0);
	memcpy(p, server, sizeof(server));
	memcpy(p + sizeof(server), name.data, name.len);
	return slice_of(p, sizeof(server) + name.len);
}

static ntstatus connect_share(struct srv1_op *op, struct slice raw, struct slice service)
{
	struct slice path = full_path(op, srv1_text(op, raw));
	ntstatus status;
	uint16_t tid;

	if (!service_known(service))
		return STATUS_BAD_DEVICE_TYPE;
	status = path.data ? connect_path(op, path) : STATUS_BAD_NETWORK_NAME;
	/* A path that is none names no share. */
	if (nt_is(status, STATUS_INVALID_PARAMETER))
		status = STATUS_BAD_NETWORK_NAME;
	if (!nt_ok(status))
		return status;
	if (!service_fits(service, op->tree->share->kind == SRV_SHARE_IPC)) {
		srv_tree_end(op->tree);
		return STATUS_BAD_DEVICE_TYPE;
	}
	tid = tree_add(op, path);
	if (tid != 0 && use_add(op, tid)) {
		op->header.tid = tid;
		return STATUS_SUCCESS;
	}
	srv_tree_end(op->tree);
	if (tid != 0)
		tree_end(op, tid);
	return STATUS_INSUFFICIENT_RESOURCES;
}

/* [MS-CIFS] 3.3.5.45, [MS-SMB] 3.3.5.4 */
enum srv1_next srv1_tree_connect_andx(struct srv1_op *op)
{
	const struct smb1_tree_connect_andx_req *in = op->in;
	struct smb1_tree_connect_andx_rsp *out = op->out;
	ntstatus status;
	bool ipc;

	if (in->flags & SMB1_TREE_DISCONNECT_TID)
		tree_end(op, op->header.tid);
	status = connect_share(op, in->path, in->service);
	if (!nt_ok(status))
		return srv1_done(op, status);
	ipc = op->tree->share->kind == SRV_SHARE_IPC;
	out->word_count = in->flags & SMB1_TREE_EXTENDED_RESPONSE ? 7 : 3;
	out->optional_support = SMB1_SUPPORT_SEARCH_BITS;
	out->maximal_share_access_rights = op->tree->maximal_access;
	out->guest_maximal_share_access_rights = op->tree->share->guest ? op->tree->maximal_access : 0;
	out->service = ipc ? slice_of("IPC", 3) : slice_of("A:", 2);
	out->native_file_system = ipc ? slice_of("", 0) : srv1_ascii_out(op, "NTFS");
	return srv1_done(op, STATUS_SUCCESS);
}

/* [MS-CIFS] 3.3.5.39 */
enum srv1_next srv1_tree_connect(struct srv1_op *op)
{
	const struct smb1_tree_connect_req *in = op->in;
	struct smb1_tree_connect_rsp *out = op->out;
	ntstatus status = connect_share(op, in->path, in->service);

	if (!nt_ok(status))
		return srv1_done(op, status);
	out->max_buffer_size = SRV1_MAX_BUFFER;
	out->tid = op->header.tid;
	return srv1_done(op, STATUS_SUCCESS);
}

/* --- disconnecting --- */

static struct srv1_use *use_take(struct srv1_op *op, uint16_t tid, struct srv_session **session)
{
	struct srv1_use *found = NULL;

	pthread_mutex_lock(&op->smb1->lock);
	list_for_each(n, &op->smb1->uses) {
		struct srv1_use *u = list_entry(n, struct srv1_use, link);
		struct srv1_session *s;

		if (u->tid != tid)
			continue;
		list_remove(&u->link);
		found = u;
		s = srv1_table_find_locked(&op->smb1->sessions, u->uid);
		*session = s ? srv_session_ref(s->channel->session) : NULL;
		break;
	}
	pthread_mutex_unlock(&op->smb1->lock);
	return found;
}

/* Whoever used it loses it. */
static void tree_end(struct srv1_op *op, uint16_t tid)
{
	struct srv_session *session = NULL;
	struct srv1_tree *item;
	struct srv1_use *u;

	pthread_mutex_lock(&op->smb1->lock);
	item = srv1_table_find_locked(&op->smb1->trees, tid);
	srv1_table_remove_locked(&op->smb1->trees, tid);
	pthread_mutex_unlock(&op->smb1->lock);
	if (!item)
		return;
	while ((u = use_take(op, tid, &session)) != NULL) {
		struct srv_tree *t = session ? srv_tree_find(session, u->tree_id) : NULL;

		if (t)
			srv_tree_end(t);
		srv_tree_put(t);
		srv_session_put(session);
		free(u);
	}
	srv1_files_forget(op, 0, tid);
	free(item->path);
	free(item);
}

/* [MS-CIFS] 3.3.5.41 */
enum srv1_next srv1_tree_disconnect(struct srv1_op *op)
{
	tree_end(op, op->header.tid);
	return srv1_done(op, STATUS_SUCCESS);
}
