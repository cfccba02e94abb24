/* The answer to a large READ goes from the socket to where its caller wants it, memory or a file, without lying in a buffer of ours first. It is told apart by the
 * first bytes of its frame; everything else, and what is sealed or compounded, comes as a whole frame (receive.c). A signature is computed over
 * the pieces as they come, while the cache has them, and checked when all are there, before the caller hears of it: until then, and if it is
 * wrong, his buffer holds whatever came. Called by net, with the receive token. What is sealed lies in a frame of ours, and is decrypted to
 * where the caller wants it. */
#include "client/smb1/smb1.h"

#include <stdlib.h>

struct receiving {
	struct net_sink sink;
	struct hythe_connection *conn;
	struct cli_request *request; /* stays in the table meanwhile, so that it can expire; nobody else completes it */
	struct proto_element element;
	size_t data_len;
	bool leave;                   /* what is asked for next can leave with others, see WAITS_BYTES */
	uint8_t head[CLI_FRAME_HEAD]; /* what lies before the data */
	bool verifies;
	struct proto_verifying verifying; /* if so */
};

/* A request that follows an answer of at most so much waits for those that follow the next ones, if the server has so many messages to answer meanwhile. */
enum { WAITS_BYTES = 128 * 1024, WAITS_MESSAGES = 8 };

static void finish(struct hythe_connection *c, void *arg)
{
	struct receiving *in = arg;
	struct cli_request *r = in->request;
	enum cli_shown shown = CLI_IN_CLEAR;

	if (in->verifies)
		shown = nt_ok(proto_verify_end(&in->verifying)) ? CLI_RIGHTLY_SIGNED : CLI_WRONGLY_SIGNED;
	pthread_mutex_lock(&c->lock);
	cli_answer_locked(c, r, &in->element.header);
	pthread_mutex_unlock(&c->lock);
	r->received = in->data_len;
	cli_answered(c, r, &in->element, shown);
}

/* The answer does not come this way. */
static void give_up(struct receiving *in)
{
	if (in->verifies)
		(void)nt_ok(proto_verify_end(&in->verifying));
	pthread_mutex_lock(&in->conn->lock);
	in->request->receiving = false;
	pthread_mutex_unlock(&in->conn->lock);
}

static void done(struct net_sink *sink, bool whole)
{
	struct receiving *in = CONTAINER_OF(sink, struct receiving, sink);

	if (whole)
		cli_batch_run(in->conn, finish, in, in->leave);
	else /* the end of the connection is the answer */
		give_up(in);
	free(in);
}

/* Where the data of a READ response of len bytes begins, of which the head is there; 0: it is none, or not alone in its frame. */
static size_t data_at(const struct net_frame *head, size_t len, struct proto_element *e, size_t *data_len)
{
	struct proto_chain walk = {.next = head->data, .left = len};
	struct smb2_read_rsp rsp;
	ntstatus status;
	struct wire w;
	size_t at;

	if (load_le32(head->data) != SMB2_PROTOCOL_ID || !proto_chain_next(&walk, e, &status) || e->len != len)
		return 0;
	if (e->header.command != SMB2_READ || e->header.status != STATUS_SUCCESS.code || !(e->header.flags & SMB2_FLAGS_SERVER_TO_REDIR))
		return 0;
	/* Nothing behind the fixed part is looked at. */
	w = wire_decoder(head->data, SMB2_HEADER_SIZE, len, NULL);
	smb2_read_rsp_code(&w, &rsp);
	if (!wire_ok(&w) || rsp.data.len == 0)
		return 0;
	at = (size_t)(rsp.data.data - head->data);
	*data_len = rsp.data.len;
	return at <= CLI_FRAME_HEAD && at + rsp.data.len == len ? at : 0;
}

/* The request that the answer is for, if its caller's buffer can take it; the lock is held. */
static struct cli_request *request_locked(struct hythe_connection *c, const struct proto_element *e, size_t data_len)
{
	struct cli_request *r = cli_table_find_locked(c, e->header.message_id);

	return r && r->command == SMB2_READ && r->takes_data && !r->receiving && data_len <= r->buffer_len ? r : NULL;
}

/* A signature is over bytes in memory. */
static bool comes_in_parts(const struct cli_request *r, const struct proto_element *e)
{
	return !r->sealed && !(r->to_file && (r->is_signed || (e->header.flags & SMB2_FLAGS_SIGNED)));
}

/* That of an answer in the clear; it is then marked. */
static struct cli_request *request_for(struct hythe_connection *c, const struct proto_element *e, size_t data_len, bool *leave)
{
	struct cli_request *r;

	pthread_mutex_lock(&c->lock);
	r = request_locked(c, e, data_len);
	if (r && !comes_in_parts(r, e))
		r = NULL;
	if (r)
		r->receiving = true;
	*leave = data_len <= WAITS_BYTES && c->messages >= WAITS_MESSAGES;
	pthread_mutex_unlock(&c->lock);
	return r;
}

static ntstatus sink_bytes(struct net_sink *sink, const void *p, size_t n)
{
	return cli_keep_bytes(CONTAINER_OF(sink, struct receiving, sink)->request, p, n);
}

static ntstatus sink_pipe(struct net_sink *sink, int pipe_fd, size_t n)
{
	return cli_keep_pipe(CONTAINER_OF(sink, struct receiving, sink)->request, pipe_fd, n);
}

static void sink_came(struct net_sink *sink, const void *p, size_t n)
{
	proto_verify_step(&CONTAINER_OF(sink, struct receiving, sink)->verifying, p, n);
}

/* Begins with what must be verified. false: out of memory. */
static bool verify_begin(struct receiving *in, const uint8_t *head)
{
	const struct hythe_session *s = in->request->session;

	if (!(in->element.header.flags & SMB2_FLAGS_SIGNED) || !s || !s->have_keys)
		return true;
	in->verifies = nt_ok(proto_verify_begin(&in->verifying, &s->keys, head, true));
	if (in->verifies)
		proto_verify_step(&in->verifying, head + SMB2_HEADER_SIZE, CLI_FRAME_HEAD - SMB2_HEADER_SIZE);
	return in->verifies;
}

/* The data that lie in the head already: where those behind it go. */
static uint8_t *take_begin(struct cli_request *r, const uint8_t *head, size_t at)
{
	memcpy(r->buffer, head + at, CLI_FRAME_HEAD - at);
	return (uint8_t *)r->buffer + (CLI_FRAME_HEAD - at);
}

struct net_sink *cli_conn_begun(struct net_conn *nc, void *user, const struct net_frame *head, size_t len)
{
	struct hythe_connection *c = user;
	struct receiving *in;
	struct proto_element e;
	size_t at, data_len = 0;

	(void)nc;
	/* Several threads check signatures side by side, which whole frames let them; a tap is told of those. */
	if (c->smb1 || c->client->tap.fn || c->client->threads > 1)
		return NULL;
	at = data_at(head, len, &e, &data_len);
	in = at ? aligned_alloc(_Alignof(struct receiving), sizeof(*in)) : NULL;
	if (!in)
		return NULL;
	in->conn = c;
	in->element = e;
	in->data_len = data_len;
	in->verifies = false;
	in->request = request_for(c, &e, data_len, &in->leave);
	if (!in->request) {
		free(in);
		return NULL;
	}
	if (!verify_begin(in, head->data)) {
		give_up(in);
		free(in);
		return NULL;
	}
	memcpy(in->head, head->data, at);
	in->element.data = in->head;
	in->element.len = at;
	in->sink = (struct net_sink){.done = done};
	if (in->request->to_file) {
		in->sink.bytes = sink_bytes;
		in->sink.pipe = sink_pipe;
		in->sink.status = cli_keep_bytes(in->request, head->data + at, CLI_FRAME_HEAD - at);
	} else {
		in->sink.into = take_begin(in->request, head->data, at);
		in->sink.came = in->verifies ? sink_came : NULL;
	}
	return &in->sink;
}

/* Whose answer a sealed READ response is, going by a head that is not verified yet: the request is then the caller's alone. */
static struct cli_request *sealed_request(const struct cli_placing *p)
{
	struct hythe_connection *c = p->conn;
	struct cli_request *r;

	pthread_mutex_lock(&c->lock);
	r = request_locked(c, &p->element, p->data_len);
	if (r && (r->session != p->session || r->to_file))
		r = NULL;
	if (r)
		cli_answer_locked(c, r, &p->element.header);
	pthread_mutex_unlock(&c->lock);
	return r;
}

uint8_t *cli_sealed_place(void *arg, const uint8_t *head, size_t len)
{
	struct net_frame f = {.data = (uint8_t *)(uintptr_t)head, .len = CLI_FRAME_HEAD};
	struct cli_placing *p = arg;
	size_t at = data_at(&f, len, &p->element, &p->data_len);

	p->request = at ? sealed_request(p) : NULL;
	if (!p->request)
		return NULL;
	p->element.len = at;
	return take_begin(p->request, head, at);
}

void cli_sealed_placed(struct cli_placing *p, bool ok)
{
	if (!ok) {
		cli_ended(p->conn, p->request);
		return;
	}
	p->request->received = p->data_len;
	cli_answered(p->conn, p->request, &p->element, CLI_WAS_SEALED);
}
