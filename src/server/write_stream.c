/* A large WRITE that is neither signed nor sealed: its data goes from the socket into the file as it comes in, without lying in
 * memory in between ([MS-SMB2] 3.3.5.13). Its head is checked when it is there, its answer goes out when the data is through;
 * what is unusual in it, or in what it writes to, goes the ordinary way. */
#include "server/dispatch.h"
#include "server/io.h"
#include "server/open.h"
#include "server/park.h"
#include "server/create.h"

enum { WRITE_AT = SMB2_HEADER_SIZE, FLAGS_ALLOWED = SMB2_FLAGS_PRIORITY_MASK };

struct stream {
	struct net_sink sink;
	struct srv_request *r;
	uint64_t offset; /* of the next byte */
};

/* The layout that every client uses: the data right behind the fixed part, up to the end of the frame, and nothing else. */
static bool form_is_plain(const struct smb2_header *h, const uint8_t *head, size_t len)
{
	const uint8_t *w = head + WRITE_AT;

	return h->command == SMB2_WRITE && (h->flags & ~(uint32_t)FLAGS_ALLOWED) == 0 && h->next_command == 0 &&
		load_le16(w + 2) == NET_FRAME_HEAD && load_le32(w + 4) == len - NET_FRAME_HEAD && /* DataOffset, Length */
		load_le32(w + 32) == 0 && load_le32(w + 40) == 0 && load_le32(w + 44) == 0;   /* Channel, its info, Flags */
}

static bool open_is_plain(struct srv_session *s, struct smb2_file_id id)
{
	struct srv_open *o = srv_open_find(s, id, NULL);
	bool plain = o && o->file && !o->directory &&
		!(o->create_options & (OPTION_WRITE_THROUGH | OPTION_NO_INTERMEDIATE_BUFFERING));

	srv_open_put(o);
	return plain;
}

static bool target_is_plain(struct srv_conn *c, const struct smb2_header *h, const uint8_t *head)
{
	const uint8_t *id = head + WRITE_AT + 16;
	struct srv_channel *ch = srv_conn_channel(c, h->session_id);
	struct srv_session *s = ch && ch->state == SRV_CHANNEL_OPEN ? ch->session : NULL;
	bool plain = s && s->state == SRV_SESSION_VALID && !s->signing_required && !s->encrypt_data &&
		open_is_plain(s, (struct smb2_file_id){load_le64(id), load_le64(id + 8)});

	srv_channel_put(ch);
	return plain;
}

/* Bytes for an open that has been closed meanwhile are nobody's. */
static ntstatus stream_status(const struct stream *st)
{
	return st->r->open->closed ? STATUS_FILE_CLOSED : STATUS_SUCCESS;
}

static ntstatus stream_bytes(struct net_sink *sink, const void *p, size_t n)
{
	struct stream *st = CONTAINER_OF(sink, struct stream, sink);
	ntstatus status = stream_status(st);

	if (nt_ok(status))
		status = vfs_write(st->r->open->file, p, n, st->offset);
	st->offset += n;
	return status;
}

static ntstatus stream_pipe(struct net_sink *sink, int pipe_fd, size_t n)
{
	struct stream *st = CONTAINER_OF(sink, struct stream, sink);
	ntstatus status = stream_status(st);

	if (nt_ok(status))
		status = vfs_write_pipe(st->r->open->file, pipe_fd, n, st->offset);
	st->offset += n;
	return status;
}

static void stream_done(struct net_sink *sink, bool whole)
{
	struct srv_request *r = CONTAINER_OF(sink, struct stream, sink)->r;
	const struct smb2_write_req *in = r->in;
	ntstatus status = io_write_end(r, in, whole ? sink->status : STATUS_CONNECTION_DISCONNECTED);

	((struct smb2_write_rsp *)r->body)->count = in->length;
	if (whole)
		srv_request_answer_soon(r, srv_reply(status));
	else
		srv_request_free(r);
}

/* Nothing was written, and nothing will be: the frame passes, then comes the answer. */
static void refused_done(struct net_sink *sink, bool whole)
{
	struct srv_request *r = CONTAINER_OF(sink, struct stream, sink)->r;

	if (whole)
		srv_request_answer_soon(r, srv_reply(sink->status));
	else
		srv_request_free(r);
}

static struct net_sink *stream_new(struct srv_request *r, ntstatus status)
{
	struct stream *st = arena_zalloc(&r->arena, sizeof(*st));
	struct smb2_write_req *in = r->in;

	if (!st)
		return NULL;
	st->r = r;
	if (nt_ok(status))
		status = io_write_begin(r, in);
	/* What these pointed to is gone when the frame goes on. */
	r->raw = slice_of(NULL, 0);
	st->sink = (struct net_sink){.status = status, .bytes = stream_bytes, .done = nt_ok(status) ? stream_done : refused_done};
	if (nt_ok(status)) {
		st->offset = in->offset;
		in->data.data = NULL;
		if (vfs_takes_pipe(r->open->file))
			st->sink.pipe = stream_pipe;
	}
	return &st->sink;
}

struct net_sink *srv_frame_begun(struct srv_conn *c, const struct net_frame *head, size_t len)
{
	struct srv_chain ch = {.conn = c, .frame = NULL};
	struct proto_chain walk = {.next = head->data, .left = len};
	struct proto_element e;
	struct net_sink *sink = NULL;
	struct srv_request *r;
	ntstatus status;

	if (c->srv->tap.fn)
		return NULL; /* a tap is told of whole frames */
	/* Only the first NET_FRAME_HEAD bytes of the element are there; nobody looks at data before it is written. */
	if (load_le32(head->data) != SMB2_PROTOCOL_ID || !proto_chain_next(&walk, &e, &status) ||
		!form_is_plain(&e.header, head->data, len) || !target_is_plain(c, &e.header, head->data))
		return NULL;
	ch.may_release_token = true;
	r = srv_element_admit(&ch, &e, &status);
	if (r)
		sink = stream_new(r, status);
	if (r && !sink)
		srv_request_free(r);
	if (!sink)
		net_conn_close(c->net, false);
	return sink;
}
