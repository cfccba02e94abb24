/* The dispatcher, see dispatch.h: [MS-SMB2] 3.3.5.2.2 to 3.3.5.2.11. */
#include "server/dispatch.h"

#include "base/log.h"
#include "server/cmd.h"
#include "server/coming.h"
#include "server/durable.h"
#include "server/park.h"
#include "server/sequence.h"
#include "server/tables.h"

#include <stdatomic.h>

enum { NOT_LARGE_BYTES = 68 * 1024 };

/* A check's verdict: go on, answer with a status, or drop the connection. */
enum verdict { GO, ANSWER, DROP };

struct check {
	enum verdict verdict;
	ntstatus status;
};

static struct check go(void)
{
	return (struct check){GO, {0}};
}

static struct check answer(ntstatus status)
{
	return (struct check){ANSWER, status};
}

static struct check drop(void)
{
	return (struct check){DROP, {0}};
}

/* 3.3.5.2.2, 3.3.5.2, 3.3.5.2.3: what may end the connection. */
static struct check check_connection(struct srv_request *r)
{
	struct srv_conn *c = r->conn;
	bool negotiated = c->proto.dialect != 0 && c->proto.dialect != SMB2_DIALECT_WILDCARD;
	bool ok;

	if ((r->header.flags & SMB2_FLAGS_SERVER_TO_REDIR) != 0)
		return drop();
	if (negotiated == (r->header.command == SMB2_NEGOTIATE))
		return drop();
	if (r->raw.len > NOT_LARGE_BYTES && !(c->proto.multi_credit && (r->message->preconditions & SMB2_MAY_BE_LARGE)))
		return drop();
	pthread_mutex_lock(&c->lock);
	ok = proto_window_take(&c->window, r->header.message_id, c->proto.multi_credit ? r->header.credit_charge : 1);
	if (ok)
		r->credits = proto_window_grant(&c->window, r->header.credits, r->header.credit_charge);
	pthread_mutex_unlock(&c->lock);
	return ok ? go() : drop();
}

/* The legs of a logon come one after the other, which the receive token sees to: once it has been passed on in the middle of a
 * chain, another worker may be at the next leg. Nobody sends a logon behind a long READ. */
static struct check check_order(const struct srv_chain *ch, const struct srv_request *r)
{
	bool logon = r->header.command == SMB2_SESSION_SETUP;

	return logon && !ch->may_release_token ? answer(STATUS_INVALID_PARAMETER) : go();
}

/* 3.3.5.2.7.2: the ids that an element of a related chain takes over; any other element starts anew. */
static struct check check_related(struct srv_chain *ch, struct srv_request *r, bool first)
{
	if (!(r->header.flags & SMB2_FLAGS_RELATED_OPERATIONS)) {
		ch->have_session = ch->have_tree = ch->have_file = false;
		ch->create_failed = STATUS_SUCCESS;
		return go();
	}
	if (first)
		return answer(STATUS_INVALID_PARAMETER);
	if (!ch->have_session && (r->message->preconditions & SMB2_NEEDS_SESSION))
		return answer(STATUS_INVALID_PARAMETER);
	r->header.session_id = ch->session_id;
	if (r->message->preconditions & SMB2_NEEDS_TREE) {
		if (!ch->have_tree)
			return answer(STATUS_INVALID_PARAMETER);
		r->header.tree_id = ch->tree_id;
	}
	return go();
}

/* 3.3.5.2.7, inventory B192, B193, G053: inside a sealed frame only the session that sealed it speaks. */
static struct check check_sealed(struct srv_chain *ch, struct srv_request *r)
{
	if (!ch->transform)
		return go();
	r->encrypted = true;
	return r->header.session_id == ch->transform->session->id ? go() : drop();
}

static bool is_binding(const struct srv_request *r)
{
	return r->header.command == SMB2_SESSION_SETUP && r->raw.len > SMB2_HEADER_SIZE + 2 &&
		(r->raw.data[SMB2_HEADER_SIZE + 2] & SMB2_SESSION_FLAG_BINDING) != 0;
}

/* A SESSION_SETUP that wants to bind this connection to a session of another: whoever has that session's key signs it, and gets signed whatever
 * is the answer. A session that nobody has logged on to has none. */
static struct check join_session(struct srv_request *r)
{
	struct srv_session *s = srv_session_find_global(r->srv, r->header.session_id);
	bool valid = s && (s->state == SRV_SESSION_VALID || s->state == SRV_SESSION_EXPIRED);
	const struct proto_keys *keys = valid && s->have_keys ? &s->keys : NULL;

	r->verified = keys && nt_ok(proto_verify(keys, r->raw.data, r->raw.len, false));
	if (r->verified)
		r->channel = srv_channel_new(r->conn, s);
	srv_session_put(s);
	if (!r->channel)
		return r->verified ? answer(STATUS_INSUFFICIENT_RESOURCES) : keys ? answer(STATUS_ACCESS_DENIED) : go();
	r->session = r->channel->session;
	r->channel->signing = keys;
	return go();
}

static bool signature_right(const struct srv_chain *ch, const struct srv_request *r, const struct proto_keys *keys)
{
	struct srv_coming *in = ch->turn ? ch->turn->coming : NULL;

	return srv_coming_signs(in, keys, r->raw) ? srv_coming_verified(in) : nt_ok(proto_verify(keys, r->raw.data, r->raw.len, false));
}

/* 3.3.5.2.4 */
static struct check check_signature(const struct srv_chain *ch, struct srv_request *r)
{
	struct srv_session *s = r->session;
	const struct proto_keys *keys;

	if (r->encrypted)
		return go();
	if (!(r->header.flags & SMB2_FLAGS_SIGNED)) {
		if (s && s->signing_required && s->state != SRV_SESSION_IN_PROGRESS && r->channel->state != SRV_CHANNEL_BINDING)
			return answer(STATUS_ACCESS_DENIED);
		return go();
	}
	if (r->header.command == SMB2_NEGOTIATE)
		return answer(STATUS_INVALID_PARAMETER);
	if (!s && is_binding(r))
		return join_session(r);
	if (!s)
		return answer(STATUS_USER_SESSION_DELETED);
	keys = r->channel->signing;
	if (!keys)
		return answer(STATUS_NOT_SUPPORTED);
	r->verified = signature_right(ch, r, keys);
	/* Whoever logs on again on a bound channel may sign that with either key (inventory G030). */
	if (!r->verified && r->header.command == SMB2_SESSION_SETUP && keys != &s->keys && keys->signing == s->keys.signing)
		r->verified = nt_ok(proto_verify(&s->keys, r->raw.data, r->raw.len, false));
	return r->verified ? go() : answer(STATUS_ACCESS_DENIED);
}

/* smbtorture's private request about the connection itself, which comes without a session. */
static bool is_test_aid(const struct srv_request *r)
{
	return r->srv->test_aids && r->header.command == SMB2_IOCTL && r->header.session_id == 0 && r->raw.len > SMB2_HEADER_SIZE + 8 &&
		load_le32(r->raw.data + SMB2_HEADER_SIZE + 4) == FSCTL_TEST_UNACKED;
}

/* 3.3.5.2.9 */
static struct check check_session(struct srv_request *r)
{
	struct srv_session *s = r->session;
	bool late = r->header.command == SMB2_LOGOFF || r->header.command == SMB2_CLOSE || r->header.command == SMB2_LOCK;

	if (!(r->message->preconditions & SMB2_NEEDS_SESSION))
		return go();
	if (!s || s->state == SRV_SESSION_GONE || r->channel->state != SRV_CHANNEL_OPEN)
		return is_test_aid(r) ? go() : answer(STATUS_USER_SESSION_DELETED);
	if (s->state == SRV_SESSION_EXPIRED && !late)
		return answer(STATUS_NETWORK_SESSION_EXPIRED);
	if (s->state == SRV_SESSION_IN_PROGRESS && !late)
		return answer(STATUS_SEC_E_UNSUPPORTED_FUNCTION);
	if (s->encrypt_data && !r->encrypted)
		return answer(STATUS_ACCESS_DENIED);
	atomic_store_explicit(&s->idle_since_ms, clock_lately_ms(r->srv->clock), memory_order_relaxed);
	return go();
}

/* Where the FileId of a request lies, from its header; 0: it has none. */
static size_t file_id_at(uint16_t command)
{
	switch (command) {
	case SMB2_CLOSE:
	case SMB2_FLUSH:
	case SMB2_LOCK:
	case SMB2_IOCTL:
	case SMB2_QUERY_DIRECTORY:
	case SMB2_CHANGE_NOTIFY:
	case SMB2_OPLOCK_BREAK:
		return SMB2_HEADER_SIZE + 8;
	case SMB2_READ:
	case SMB2_WRITE:
	case SMB2_SET_INFO:
		return SMB2_HEADER_SIZE + 16;
	case SMB2_QUERY_INFO:
		return SMB2_HEADER_SIZE + 24;
	default:
		return 0;
	}
}

/* What a request says of its file: nothing, that of a chain whose CREATE failed, that of a chain without one, or an id. */
enum file_named { FILE_NONE, FILE_FAILED, FILE_UNKNOWN, FILE_NAMED };

static enum file_named file_named(const struct srv_chain *ch, const struct srv_request *r, struct smb2_file_id *id)
{
	size_t at = file_id_at(r->header.command);
	bool related = (r->header.flags & SMB2_FLAGS_RELATED_OPERATIONS) != 0;

	if (at == 0 || r->raw.len < at + 16)
		return FILE_NONE;
	*id = (struct smb2_file_id){load_le64(r->raw.data + at), load_le64(r->raw.data + at + 8)};
	if (related && !nt_ok(ch->create_failed))
		return FILE_FAILED;
	if (related && id->persistent == SMB2_FILEID_NONE && id->volatile_id == SMB2_FILEID_NONE) {
		if (!ch->have_file)
			return FILE_UNKNOWN;
		*id = ch->file_id;
	}
	return FILE_NAMED;
}

/* Both under the one lock, which every request takes. */
static void find_tree_and_open(const struct srv_chain *ch, struct srv_request *r)
{
	struct srv_session *s = r->session;
	struct smb2_file_id id;
	bool named = file_named(ch, r, &id) == FILE_NAMED;

	pthread_mutex_lock(&s->lock);
	r->tree = srv_tree_find_locked(s, r->header.tree_id);
	if (r->tree && named)
		r->open = srv_open_find_locked(s, id, r->tree);
	pthread_mutex_unlock(&s->lock);
}

/* 3.3.5.2.11 */
static struct check check_tree(const struct srv_chain *ch, struct srv_request *r)
{
	if (!(r->message->preconditions & SMB2_NEEDS_TREE))
		return go();
	if (!r->session)
		return go();
	find_tree_and_open(ch, r);
	if (!r->tree)
		return answer(STATUS_NETWORK_NAME_DELETED);
	if (r->tree->share->encrypt && !r->encrypted)
		return answer(STATUS_ACCESS_DENIED);
	return go();
}

/* 3.3.5.10 and its like: the open, or that of the chain. */
static struct check check_open(struct srv_chain *ch, struct srv_request *r)
{
	bool needed = (r->message->preconditions & SMB2_NEEDS_OPEN) != 0;
	struct smb2_file_id id;

	switch (file_named(ch, r, &id)) {
	case FILE_NONE:
		return go();
	case FILE_FAILED:
		return answer(ch->create_failed);
	case FILE_UNKNOWN:
		return needed ? answer(STATUS_INVALID_PARAMETER) : go();
	case FILE_NAMED:
		break;
	}
	ch->file_id = id;
	ch->have_file = true;
	if (r->session && !r->tree)
		r->open = srv_open_find(r->session, id, NULL);
	if (r->open && r->open->durable && !r->open->durable->used)
		atomic_store(&r->open->durable->used, true);
	if (!r->open)
		return needed ? answer(STATUS_FILE_CLOSED) : go();
	return srv_sequence_check(r) ? go() : answer(STATUS_FILE_NOT_AVAILABLE);
}

/* Bytes that a request brings and may bring back, for its credit charge (3.1.5.2). */
static void sizes_of(const struct srv_request *r, uint64_t *in, uint64_t *out)
{
	const uint8_t *b = r->raw.data + SMB2_HEADER_SIZE;

	*in = *out = 0;
	switch (r->header.command) {
	case SMB2_READ:
		*out = load_le32(b + 4);
		break;
	case SMB2_WRITE:
	case SMB2_SET_INFO:
		*in = load_le32(b + 4);
		break;
	case SMB2_QUERY_DIRECTORY:
		*out = load_le32(b + 28);
		break;
	case SMB2_CHANGE_NOTIFY:
		*out = load_le32(b + 4);
		break;
	case SMB2_QUERY_INFO:
		*in = load_le32(b + 12);
		*out = load_le32(b + 4);
		break;
	case SMB2_IOCTL:
		*in = (uint64_t)load_le32(b + 28) + load_le32(b + 40);
		*out = (uint64_t)load_le32(b + 32) + load_le32(b + 44);
		break;
	}
}

/* 3.3.5.2.5 */
static struct check check_credit_charge(struct srv_request *r)
{
	uint16_t charge = r->header.credit_charge == 0 ? 1 : r->header.credit_charge;
	uint64_t in, out;

	if (!r->conn->proto.multi_credit || !(r->message->preconditions & SMB2_NEEDS_CREDIT_CHARGE))
		return go();
	if (r->raw.len < (size_t)SMB2_HEADER_SIZE + r->message->req_fixed_size)
		return answer(STATUS_INVALID_PARAMETER);
	sizes_of(r, &in, &out);
	return charge >= proto_credit_charge(in, out) ? go() : answer(STATUS_INVALID_PARAMETER);
}

/* 3.3.5.2.6 */
static struct check decode(struct srv_request *r)
{
	struct wire w = wire_decoder(r->raw.data, SMB2_HEADER_SIZE, r->raw.len, &r->arena);

	w.dialect = r->conn->proto.dialect;
	r->in = arena_zalloc(&r->arena, r->message->req_size);
	r->body = arena_zalloc(&r->arena, r->message->rsp_size);
	if (!r->in || !r->body)
		return answer(STATUS_INSUFFICIENT_RESOURCES);
	r->message->req_code(&w, r->in);
	return wire_ok(&w) ? go() : answer(STATUS_INVALID_PARAMETER);
}

/* Mostly that of the request before. */
static struct srv_channel *channel_of(const struct srv_chain *ch, const struct srv_request *r)
{
	struct srv_channel **recent = ch->turn ? &ch->turn->recent : NULL, *found;

	if (recent && *recent && (*recent)->session->id == r->header.session_id && (*recent)->state != SRV_CHANNEL_GONE)
		return srv_channel_ref(*recent);
	found = srv_conn_channel(r->conn, r->header.session_id);
	if (recent && found) {
		srv_channel_put(*recent);
		*recent = srv_channel_ref(found);
	}
	return found;
}

static struct check check_request(struct srv_chain *ch, struct srv_request *r, bool first)
{
	struct check v = check_order(ch, r);

	if (v.verdict == GO)
		v = check_related(ch, r, first);
	if (v.verdict == GO)
		v = check_sealed(ch, r);
	if (v.verdict == GO) {
		r->channel = channel_of(ch, r);
		r->session = r->channel ? r->channel->session : NULL;
		v = check_signature(ch, r);
	}
	if (v.verdict == GO)
		v = check_credit_charge(r);
	if (v.verdict == GO)
		v = check_session(r);
	if (v.verdict == GO)
		v = check_tree(ch, r);
	if (v.verdict == GO)
		v = check_open(ch, r);
	if (v.verdict == GO)
		v = decode(r);
	return v;
}

/* What later elements of the chain may inherit from this one. */
static void remember(struct srv_chain *ch, const struct srv_request *r, struct srv_result res)
{
	bool failed = res.next != SRV_PARKED && nt_error(res.status);

	ch->session_id = r->header.session_id;
	ch->have_session = !(failed && r->header.command == SMB2_SESSION_SETUP);
	ch->tree_id = r->header.tree_id;
	ch->have_tree = r->header.command == SMB2_TREE_CONNECT ? !failed : ch->have_tree || r->tree != NULL;
	if (r->header.command != SMB2_CREATE)
		return;
	ch->have_file = r->has_created;
	ch->create_failed = r->has_created ? STATUS_SUCCESS : res.status;
	if (r->has_created)
		ch->file_id = r->created;
}

static void give_up_token(struct srv_chain *ch)
{
	if (!ch->may_release_token)
		return;
	ch->may_release_token = false;
	net_batch_flush(ch->batch);
	ch->batch->followed = false; /* by another worker's, if at all */
	net_conn_release_after(ch->conn->net, ch->frame);
}

void srv_request_waits(struct srv_request *r)
{
	if (r->chain)
		give_up_token(r->chain);
}

bool srv_request_may_block(struct srv_request *r)
{
	struct srv_chain *ch = r->chain;

	if (!ch)
		return true;
	/* The one who has to answer may be this client, about an oplock that this very chain has given it. */
	srv_out_flush(ch->out, ch->batch);
	if (ch->transform)
		ch->out->seal = srv_channel_ref(ch->transform);
	r->head = srv_out_room(ch->out, 1024, &r->head_cap);
	net_batch_flush(ch->batch);
	srv_chain_announce(ch);
	give_up_token(ch);
	return r->head != NULL;
}

/* Work that is worth a second core: another worker goes on with the frames behind it. What was answered so far goes out first. What waits for the
 * store does so, too, once that shows (store_wait.h). */
static void share_the_work(struct srv_chain *ch, struct srv_request *r)
{
	uint64_t in, out;

	if (!ch->may_release_token || (r->header.command != SMB2_READ && r->header.command != SMB2_WRITE))
		return;
	sizes_of(r, &in, &out);
	if (in + out < SRV_HEAVY_BYTES)
		return;
	/* Pages of a file take nearly no work before they are sent, which one worker at a time does. */
	if (r->header.command == SMB2_READ && srv_request_takes_pipes(r))
		return;
	give_up_token(ch);
}

static struct srv_result run_handler(struct srv_chain *ch, struct srv_request *r)
{
	srv_handler handler = srv_handler_of(r->header.command);
	bool creates = r->header.command == SMB2_CREATE;
	struct srv_result res;

	share_the_work(ch, r);
	if (creates)
		srv_seen_forget(ch);
	res = handler(r, r->in, r->body);
	/* A CREATE leaves what it found. */
	if (!creates && r->header.command != SMB2_QUERY_INFO)
		srv_seen_forget(ch);
	return res;
}

static bool park(struct srv_chain *ch, struct srv_request *r)
{
	if (!ch->frame->owner)
		return false;
	r->frame_owner = buf_ref(ch->frame->owner);
	r->out = NULL;
	r->chain = NULL;
	srv_out_flush(ch->out, ch->batch);
	if (ch->transform)
		ch->out->seal = srv_channel_ref(ch->transform);
	srv_request_interim(r, ch->batch);
	return true;
}

static bool finish(struct srv_chain *ch, struct srv_request *r, struct srv_result res)
{
	bool ok = true;

	switch (res.next) {
	case SRV_PARKED:
		return park(ch, r);
	case SRV_REPLY:
	case SRV_REPLY_BODY:
		ok = srv_response_build(r, res);
		if (ok && r->granted) {
			*ch->granted_end = r->granted;
			ch->granted_end = &r->granted->announce_next;
		}
		if (ok)
			r->granted = NULL;
		break;
	case SRV_NO_REPLY:
		break;
	case SRV_DROP:
		ok = false;
		break;
	}
	srv_request_free(r);
	return ok;
}

/* 3.3.5.2.6: a command that does not exist is answered, not a reason to go. */
static const struct smb2_message no_command = {.name = "UNKNOWN", .command = SMB2_COMMAND_COUNT};

static struct srv_request *request_of(struct srv_conn *c, const struct proto_element *e)
{
	struct srv_request *r = srv_request_new(c);

	if (!r)
		return NULL;
	r->header = e->header;
	r->raw = slice_of(e->data, e->len);
	r->message = smb2_message_of(e->header.command);
	if (!r->message)
		r->message = &no_command;
	return r;
}

struct srv_request *srv_element_admit(struct srv_chain *ch, const struct proto_element *e, ntstatus *status)
{
	struct srv_request *r = request_of(ch->conn, e);
	struct check v = r ? check_connection(r) : drop();

	if (v.verdict == GO)
		v = check_request(ch, r, true);
	*status = v.status;
	if (v.verdict == DROP && r) {
		srv_request_free(r);
		r = NULL;
	}
	return r;
}

bool srv_element_run(struct srv_chain *ch, struct proto_element *e, bool first, bool last)
{
	struct srv_request *r;
	struct srv_result res;
	struct check v;

	if (e->header.command == SMB2_CANCEL) {
		srv_cancel(ch->conn, &e->header);
		return true;
	}
	r = request_of(ch->conn, e);
	if (!r)
		return false;
	r->out = ch->out;
	r->chain = ch;
	r->in_compound = ch->compound;
	r->last_in_compound = last;
	r->head = srv_out_room(ch->out, 1024, &r->head_cap);
	v = r->head ? check_connection(r) : drop();
	if (v.verdict == GO)
		v = r->message == &no_command ? answer(STATUS_INVALID_PARAMETER) : check_request(ch, r, first);
	if (v.verdict == DROP) {
		log_info("%s: dropped at message %llu, command %u", ch->conn->peer, (unsigned long long)e->header.message_id, e->header.command);
		srv_request_free(r);
		return false;
	}
	res = v.verdict == GO ? run_handler(ch, r) : srv_reply(v.status);
	log_debug("%s: %s %llu: %s", ch->conn->peer, r->message->name, (unsigned long long)e->header.message_id,
		res.next == SRV_PARKED ? "waits" : hythe_status_name(res.status));
	remember(ch, r, res);
	return finish(ch, r, res);
}
