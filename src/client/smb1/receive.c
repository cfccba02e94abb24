/* Receiving SMB1 messages: [MS-CIFS] 3.2.5.1. An answer belongs to the request of its MID, and has to fit it: command, PID, UID, TID, and where
 * messages are signed the signature. A server that errs there is not talked to any more, since nothing it says can be told apart. */
#include "client/smb1/smb1.h"

enum { PROCESS_ID = 0xFEFF, BREAK_MID = 0xFFFF, ERRSRV = SMB1_ERRCLS_SRV, ERRDOS = SMB1_ERRCLS_DOS, ERRHRD = SMB1_ERRCLS_HRD };

/* 2.2.2.4. Of several statuses that are one code, the most usual. */
ntstatus cli1_status_of_dos(uint8_t class, uint16_t code)
{
#define DOS_ERRORS(X)                                                                                                  \
	X(DOS, 1, NOT_IMPLEMENTED) X(DOS, 2, OBJECT_NAME_NOT_FOUND) X(DOS, 3, OBJECT_PATH_NOT_FOUND) X(DOS, 4, TOO_MANY_OPENED_FILES)      \
	X(DOS, 5, ACCESS_DENIED) X(DOS, 6, INVALID_HANDLE) X(DOS, 8, INSUFFICIENT_RESOURCES) X(DOS, 15, OBJECT_NAME_NOT_FOUND)       \
	X(DOS, 17, NOT_SAME_DEVICE) X(DOS, 18, NO_MORE_FILES) X(DOS, 31, UNSUCCESSFUL) X(DOS, 32, SHARING_VIOLATION)       \
	X(DOS, 33, FILE_LOCK_CONFLICT) X(DOS, 38, END_OF_FILE) X(DOS, 50, NOT_SUPPORTED) X(DOS, 67, BAD_NETWORK_NAME)      \
	X(DOS, 80, OBJECT_NAME_COLLISION) X(DOS, 87, INVALID_PARAMETER) X(DOS, 112, DISK_FULL) X(DOS, 123, OBJECT_NAME_INVALID) \
	X(DOS, 124, INVALID_INFO_CLASS) X(DOS, 145, DIRECTORY_NOT_EMPTY) X(DOS, 158, RANGE_NOT_LOCKED) X(DOS, 183, OBJECT_NAME_COLLISION) \
	X(DOS, 230, INVALID_PIPE_STATE) X(DOS, 231, PIPE_BUSY) X(DOS, 233, PIPE_DISCONNECTED) X(DOS, 234, BUFFER_OVERFLOW)     \
	X(DOS, 267, NOT_A_DIRECTORY) X(SRV, 2, LOGON_FAILURE) X(SRV, 4, ACCESS_DENIED) X(SRV, 5, NETWORK_NAME_DELETED)         \
	X(SRV, 6, BAD_NETWORK_NAME) X(SRV, 22, NOT_SUPPORTED) X(SRV, 64, NOT_SUPPORTED) X(SRV, 91, USER_SESSION_DELETED)      \
	X(HRD, 19, MEDIA_WRITE_PROTECTED) X(HRD, 31, UNSUCCESSFUL) X(HRD, 39, DISK_FULL)
#define ROW(class_name, number, name)                                                                                  \
	if (class == ERR##class_name && code == (number))                                                              \
		return STATUS_##name;
	DOS_ERRORS(ROW)
#undef ROW
#undef DOS_ERRORS
	return class == SMB1_ERRCLS_SUCCESS && code == 0 ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}

static ntstatus status_of(const struct smb1_header *h)
{
	if (h->flags2 & SMB1_FLAGS2_NT_STATUS)
		return (ntstatus){h->status};
	return cli1_status_of_dos(smb1_dos_class(h->status), smb1_dos_code(h->status));
}

bool cli1_body(const struct cli_request *r, const struct cli_answer *a, void *body, ntstatus *status)
{
	const struct smb1_message *m = smb1_message_of((uint8_t)r->command);
	struct smb1_walk walk;
	struct smb1_block b, next;
	bool bad;
	*status = a->status;
	memset(body, 0, m->rsp_size);
	if (!a->message || (nt_error(a->status) && !nt_is(a->status, STATUS_MORE_PROCESSING_REQUIRED)))
		return false;
	smb1_walk_start(&walk, slice_of(a->message, a->len), a->header1);
	*status = STATUS_INVALID_NETWORK_RESPONSE;
	if (!smb1_walk_next(&walk, &b, &bad))
		return false;
	/* What we send is no chain, so neither is the answer. */
	if (smb1_walk_next(&walk, &next, &bad) || bad)
		return false;
	struct wire w = smb1_block_decoder(&walk, &b, NULL);
	m->rsp_code(&w, body);
	if (!wire_ok(&w))
		return false;
	*status = a->status;
	return true;
}

/* The server assigns UIDs and TIDs by these two. */
static bool fits(const struct cli_request *r, const struct smb1_header *h)
{
	uint16_t uid = r->session ? (uint16_t)r->session->id : 0, tid = r->tree ? (uint16_t)r->tree->id : UINT16_MAX;
	if (h->command != r->command || h->pid_low != PROCESS_ID)
		return false;
	if (r->command == SMB1_NEGOTIATE || r->command == SMB1_SESSION_SETUP_ANDX)
		return true;
	return h->uid == uid && (h->tid == tid || r->command == SMB1_TREE_CONNECT_ANDX || !r->tree);
}

/* 3.1.5.1, with the number that was kept for it. */
static bool signature_holds(const struct cli_request *r, const struct net_frame *f, const struct smb1_header *h)
{
	const struct cli1 *s = r->conn->smb1;
	struct iovec message = {f->data, f->len};
	uint8_t expected[8];
	if (!r->is_signed)
		return true;
	return nt_ok(proto_smb1_mac(slice_of(s->mac_key, s->mac_key_len), r->sequence, &message, 1, expected)) &&
		bytes_equal_ct(expected, h->signature, sizeof(expected));
}

static void refuse(struct hythe_connection *c, const struct smb1_header *h, const char *what)
{
	ntstatus status = status_of(h);
	if (nt_is(status, STATUS_USER_SESSION_DELETED) || nt_is(status, STATUS_NETWORK_SESSION_EXPIRED))
		cli_conn_kill(c, status, "%s; the connection was ended, connect anew", hythe_status_text(status));
	else
		cli_conn_kill(c, STATUS_INVALID_NETWORK_RESPONSE, "the answer of %s to %s %s (%s): somebody on the way may be meddling", c->host,
			cli_command_name(c, h->command), what, hythe_status_name(status));
}

static struct cli_request *find(struct hythe_connection *c, uint16_t mid)
{
	pthread_mutex_lock(&c->lock);
	struct cli_request *r = c->table[mid % CLI_TABLE];
	while (r && r->message_id != mid)
		r = r->next;
	pthread_mutex_unlock(&c->lock);
	return r;
}

/* Only the thread with the receive token, which a connection of SMB1 never gives away early, takes requests out. */
static void receive_answer(struct hythe_connection *c, const struct net_frame *f, const struct smb1_header *h)
{
	struct cli_request *r = find(c, h->mid);
	if (!r)
		return;
	struct cli_answer a = {.status = status_of(h), .message = f->data, .len = f->len, .header1 = h};
	const char *wrong = !fits(r, h) ? "belongs to something else" : !signature_holds(r, f, h) ? "has a wrong signature or none" : NULL;
	if (wrong) {
		refuse(c, h, wrong);
		pthread_mutex_lock(&c->lock);
		a = (struct cli_answer){.status = c->end_status};
		pthread_mutex_unlock(&c->lock);
	} else if (cli1_more(r, &a)) {
		return;
	}
	pthread_mutex_lock(&c->lock);
	cli_table_remove_locked(c, r);
	pthread_mutex_unlock(&c->lock);
	cli_complete(r, &a);
	cli1_pump(c);
}

void cli1_receive(struct hythe_connection *c, const struct net_frame *f)
{
	struct smb1_header h = {0};
	struct wire w = wire_decoder(f->data, 0, f->len, NULL);
	smb1_header_code(&w, &h);
	if (!wire_ok(&w)) {
		cli_conn_kill(c, STATUS_INVALID_NETWORK_RESPONSE, "%s sent a malformed message", c->host);
		return;
	}
	/* 3.2.5.42: we ask for no oplocks, so there is none to be broken. */
	if (!(h.flags & SMB1_FLAGS_REPLY) && h.command == SMB1_LOCKING_ANDX && h.mid == BREAK_MID)
		return;
	if (!(h.flags & SMB1_FLAGS_REPLY)) {
		cli_conn_kill(c, STATUS_INVALID_NETWORK_RESPONSE, "%s sent a request where an answer belongs", c->host);
		return;
	}
	receive_answer(c, f, &h);
}
