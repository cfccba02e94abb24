/* A pipe: gathers the bytes of WRITEs into PDUs, runs bind, alter_context and request ([MS-RPCE] 3.3.1, C706 12), and queues
 * the answers by fragment. Each fragment is one message of the pipe. Called by the server under the open's lock. */
#include "rpc/ndr.h"
#include "rpc/pdu.h"

#include "base/list.h"
#include "base/log.h"

#include <stdlib.h>
#include <strings.h>

enum {
	STUB_IN_MAX = 64 * 1024,          /* no operation of ours needs more */
	STUB_OUT_START = 8 * 1024,
	STUB_OUT_MAX = 16 * 1024 * 1024,
	QUEUE_MAX = 256 * 1024,           /* with this much unread no further call is taken */
	CONTEXTS_MAX = 32
};

struct message {
	struct list_node link;
	size_t len, read;
	uint8_t data[];
};

struct rpc_pipe {
	const struct rpc_interface *iface;
	struct rpc_host host;
	bool broken, bound;
	uint16_t contexts[CONTEXTS_MAX]; /* accepted presentation contexts */
	size_t n_contexts;
	size_t out_frag_max;
	uint8_t in[RPC_FRAG_MAX + 1536]; /* the PDU that is coming in; more than we said we take is nonsense */
	size_t in_len;
	uint8_t *stub; /* of the request that is coming in fragments */
	size_t stub_len;
	uint32_t stub_call;
	uint16_t stub_context, stub_opnum;
	bool gathering;
	struct list_node queue;
	size_t queued;
};

static const struct rpc_interface *const interfaces[] = {&rpc_interface_srvsvc, &rpc_interface_wkssvc};

struct rpc_pipe *rpc_pipe_open(const char *name, const struct rpc_host *host)
{
	struct rpc_pipe *p;

	for (size_t i = 0; i < ARRAY_LEN(interfaces); i++) {
		if (strcasecmp(name, interfaces[i]->pipe) != 0)
			continue;
		p = calloc(1, sizeof(*p));
		if (p == NULL)
			return NULL;
		p->iface = interfaces[i];
		p->host = *host;
		p->out_frag_max = RPC_FRAG_MAX;
		list_init(&p->queue);
		return p;
	}
	return NULL;
}

void rpc_pipe_close(struct rpc_pipe *p)
{
	if (p == NULL)
		return;
	list_for_each_safe(n, &p->queue)
		free(list_entry(n, struct message, link));
	free(p->stub);
	free(p);
}

/* --- answers --- */

static ntstatus queue_pdu(struct rpc_pipe *p, const struct wire *w)
{
	struct message *m;

	if (!wire_ok(w))
		return w->error;
	m = malloc(sizeof(*m) + w->pos);
	if (m == NULL)
		return STATUS_INSUFFICIENT_RESOURCES;
	m->len = w->pos;
	m->read = 0;
	memcpy(m->data, w->base, w->pos);
	list_append(&p->queue, &m->link);
	p->queued += m->len;
	return STATUS_SUCCESS;
}

/* [MS-RPCE] 2.2.2.9; C706 12.6.4.7 */
static ntstatus fault(struct rpc_pipe *p, uint32_t call_id, uint16_t context, uint32_t code)
{
	uint8_t buf[32];
	struct wire w = wire_encoder(buf, 0, sizeof(buf));

	rpc_pdu_begin(&w, RPC_FAULT, RPC_FIRST_FRAG | RPC_LAST_FRAG | RPC_DID_NOT_EXECUTE, call_id);
	ndr_put_u32(&w, sizeof(buf)); /* alloc_hint */
	wire_u16(&w, "p_cont_id", &context);
	wire_reserved(&w, 2); /* cancel_count, reserved */
	ndr_put_u32(&w, code);
	wire_reserved(&w, 4);
	rpc_pdu_end(&w, 0);
	return queue_pdu(p, &w);
}

/* C706 12.6.4.10: the stub in as many fragments as the client's size asks for */
static ntstatus respond(struct rpc_pipe *p, uint32_t call_id, uint16_t context, const uint8_t *stub, size_t len)
{
	size_t piece_max = (p->out_frag_max - RPC_CALL_HEADER_LEN) / 8 * 8, done = 0;
	ntstatus st = STATUS_SUCCESS;

	do {
		size_t piece = len - done < piece_max ? len - done : piece_max;
		uint8_t buf[RPC_FRAG_MAX];
		struct wire w = wire_encoder(buf, 0, sizeof(buf));
		struct slice s = slice_of(stub + done, piece);

		rpc_pdu_begin(&w, RPC_RESPONSE, (uint8_t)((done == 0 ? RPC_FIRST_FRAG : 0) | (done + piece == len ? RPC_LAST_FRAG : 0)), call_id);
		ndr_put_u32(&w, (uint32_t)(len - done)); /* alloc_hint */
		wire_u16(&w, "p_cont_id", &context);
		wire_reserved(&w, 2);
		wire_view(&w, "stub data", piece, &s);
		rpc_pdu_end(&w, 0);
		st = queue_pdu(p, &w);
		done += piece;
	} while (nt_ok(st) && done < len);
	return st;
}

/* --- requests --- */

static bool context_known(const struct rpc_pipe *p, uint16_t id)
{
	for (size_t i = 0; i < p->n_contexts; i++) {
		if (p->contexts[i] == id)
			return true;
	}
	return false;
}

/* Runs the operation into a buffer that grows until the answer fits. */
static ntstatus run(struct rpc_pipe *p, rpc_operation op)
{
	const struct rpc_call call = {.host = &p->host, .server_name = p->host.server_name ? p->host.server_name : ""};

	for (size_t cap = STUB_OUT_START; cap <= STUB_OUT_MAX; cap *= 4) {
		struct wire in = wire_decoder(p->stub, 0, p->stub_len, NULL);
		uint8_t *buf = malloc(cap);
		struct wire out = wire_encoder(buf, 0, cap);
		uint32_t code;
		ntstatus st;

		if (buf == NULL)
			break;
		code = op(&call, &in, &out);
		if (code != 0)
			st = fault(p, p->stub_call, p->stub_context, code);
		else if (wire_ok(&out))
			st = respond(p, p->stub_call, p->stub_context, buf, out.pos);
		else
			st = out.error;
		free(buf);
		if (!nt_is(st, STATUS_BUFFER_OVERFLOW))
			return st;
	}
	return fault(p, p->stub_call, p->stub_context, RPC_FAULT_NO_MEMORY);
}

static ntstatus request_run(struct rpc_pipe *p)
{
	rpc_operation op;

	if (!context_known(p, p->stub_context))
		return fault(p, p->stub_call, p->stub_context, RPC_NCA_UNK_IF);
	op = p->iface->operation(p->stub_opnum);
	if (op == NULL) {
		log_debug("pipe %s: operation %u is not one of ours", p->iface->pipe, p->stub_opnum);
		return fault(p, p->stub_call, p->stub_context, RPC_NCA_OP_RNG_ERROR);
	}
	return run(p, op);
}

static ntstatus stub_append(struct rpc_pipe *p, struct slice more)
{
	uint8_t *grown;

	if (more.len > STUB_IN_MAX - p->stub_len)
		return STATUS_INSUFFICIENT_RESOURCES;
	grown = realloc(p->stub, p->stub_len + more.len + 1);
	if (grown == NULL)
		return STATUS_INSUFFICIENT_RESOURCES;
	if (more.len != 0)
		memcpy(grown + p->stub_len, more.data, more.len);
	p->stub = grown;
	p->stub_len += more.len;
	return STATUS_SUCCESS;
}

static void stub_drop(struct rpc_pipe *p)
{
	free(p->stub);
	p->stub = NULL;
	p->stub_len = 0;
	p->gathering = false;
}

/* C706 12.6.4.9 */
static ntstatus on_request(struct rpc_pipe *p, const struct rpc_header *h, struct wire *w)
{
	uint32_t alloc_hint;
	uint16_t context, opnum;
	struct slice stub;
	ntstatus st;

	wire_u32(w, "alloc_hint", &alloc_hint);
	wire_u16(w, "p_cont_id", &context);
	wire_u16(w, "opnum", &opnum);
	if (h->flags & RPC_OBJECT_UUID)
		wire_reserved(w, 16);
	wire_rest(w, "stub data", &stub);
	if (!wire_ok(w) || p->gathering == ((h->flags & RPC_FIRST_FRAG) != 0))
		return STATUS_PIPE_BROKEN;
	if (p->gathering && (h->call_id != p->stub_call || context != p->stub_context || opnum != p->stub_opnum))
		return STATUS_PIPE_BROKEN;
	if (h->auth_len != 0) /* no security context was ever set up */
		return fault(p, h->call_id, context, RPC_FAULT_ACCESS_DENIED);
	if (!p->bound)
		return fault(p, h->call_id, context, RPC_NCA_PROTO_ERROR);
	p->gathering = true;
	p->stub_call = h->call_id;
	p->stub_context = context;
	p->stub_opnum = opnum;
	st = stub_append(p, stub);
	if (nt_ok(st) && !(h->flags & RPC_LAST_FRAG))
		return STATUS_SUCCESS;
	if (nt_ok(st))
		st = request_run(p);
	stub_drop(p);
	return st;
}

/* --- bind --- */

enum { ACCEPTANCE = 0, PROVIDER_REJECTION = 2, NEGOTIATE_ACK = 3 };
enum { REASON_NONE = 0, ABSTRACT_SYNTAX_NOT_SUPPORTED = 1, TRANSFER_SYNTAXES_NOT_SUPPORTED = 2 };
enum { NAK_NOT_SPECIFIED = 0, NAK_AUTH_TYPE_NOT_RECOGNIZED = 8 };

struct context_result {
	uint16_t result, reason;
	struct rpc_syntax syntax;
};

/* [MS-RPCE] 3.3.1.5.3: 6cb71c2c-9812-4540-XXXX-..., the bits asked for in the place of X; we have none of those features */
static bool is_feature_negotiation(const struct rpc_syntax *s)
{
	static const uint8_t prefix[8] = {0x2c, 0x1c, 0xb7, 0x6c, 0x12, 0x98, 0x40, 0x45};

	return memcmp(s->uuid.b, prefix, sizeof(prefix)) == 0 && s->version == 1;
}

/* One p_cont_elem_t (C706 12.6.3.1) and what we say to it */
static void context_decode(struct rpc_pipe *p, struct wire *w, struct context_result *r)
{
	struct rpc_syntax abstract, transfer;
	uint16_t id;
	uint8_t n, reserved;
	bool known;

	wire_u16(w, "p_cont_id", &id);
	wire_u8(w, "n_transfer_syn", &n);
	wire_u8(w, "reserved", &reserved);
	rpc_syntax_code(w, &abstract);
	known = guid_equal(&abstract.uuid, &p->iface->syntax->uuid) && (abstract.version & 0xffff) == p->iface->syntax->version;
	*r = (struct context_result){.result = PROVIDER_REJECTION, .reason = known ? TRANSFER_SYNTAXES_NOT_SUPPORTED : ABSTRACT_SYNTAX_NOT_SUPPORTED};
	for (uint8_t i = 0; i < n && wire_ok(w); i++) {
		rpc_syntax_code(w, &transfer);
		if (is_feature_negotiation(&transfer) && n == 1)
			*r = (struct context_result){.result = NEGOTIATE_ACK};
		else if (known && rpc_syntax_equal(&transfer, &rpc_syntax_ndr))
			*r = (struct context_result){.result = ACCEPTANCE, .syntax = rpc_syntax_ndr};
	}
	if (wire_ok(w) && r->result == ACCEPTANCE && !context_known(p, id) && p->n_contexts < CONTEXTS_MAX)
		p->contexts[p->n_contexts++] = id;
}

/* C706 12.6.4.5 */
static ntstatus bind_nak(struct rpc_pipe *p, uint32_t call_id, uint16_t reason)
{
	uint8_t buf[24];
	struct wire w = wire_encoder(buf, 0, sizeof(buf));
	uint8_t versions[3] = {1, 5, 0};

	rpc_pdu_begin(&w, RPC_BIND_NAK, RPC_FIRST_FRAG | RPC_LAST_FRAG, call_id);
	wire_u16(&w, "provider_reject_reason", &reason);
	wire_bytes(&w, "versions", versions, sizeof(versions));
	rpc_pdu_end(&w, 0);
	return queue_pdu(p, &w);
}

/* C706 12.6.4.4, 12.6.4.2 */
static ntstatus bind_ack(struct rpc_pipe *p, const struct rpc_header *h, uint32_t group, struct context_result *results, uint8_t n)
{
	uint8_t buf[RPC_FRAG_MIN];
	struct wire w = wire_encoder(buf, 0, sizeof(buf));
	bool alter = h->ptype == RPC_ALTER_CONTEXT;
	uint16_t frag = (uint16_t)p->out_frag_max, ours = RPC_FRAG_MAX, address_len = alter ? 0 : (uint16_t)(6 + strlen(p->iface->pipe) + 1);

	rpc_pdu_begin(&w, alter ? RPC_ALTER_CONTEXT_RESP : RPC_BIND_ACK, RPC_FIRST_FRAG | RPC_LAST_FRAG, h->call_id);
	wire_u16(&w, "max_xmit_frag", &frag);
	wire_u16(&w, "max_recv_frag", &ours);
	wire_u32(&w, "assoc_group_id", &group);
	wire_u16(&w, "sec_addr length", &address_len);
	if (!alter) {
		struct slice pipe = slice_of(p->iface->pipe, strlen(p->iface->pipe) + 1), prefix = slice_of("\\PIPE\\", 6);

		wire_view(&w, "sec_addr", prefix.len, &prefix);
		wire_view(&w, "sec_addr", pipe.len, &pipe);
	}
	wire_align(&w, 4);
	wire_u8(&w, "n_results", &n);
	wire_reserved(&w, 3);
	for (uint8_t i = 0; i < n; i++) {
		wire_u16(&w, "result", &results[i].result);
		wire_u16(&w, "reason", &results[i].reason);
		rpc_syntax_code(&w, &results[i].syntax);
	}
	rpc_pdu_end(&w, 0);
	return queue_pdu(p, &w);
}

/* C706 12.6.4.3, 12.6.4.1. Security above SMB's own is not on offer: a client that asks for it is told so. */
static ntstatus on_bind(struct rpc_pipe *p, const struct rpc_header *h, struct wire *w)
{
	struct context_result results[CONTEXTS_MAX];
	uint16_t xmit = 0, recv = 0;
	uint32_t group;
	uint8_t n;

	wire_u16(w, "max_xmit_frag", &xmit);
	wire_u16(w, "max_recv_frag", &recv);
	wire_u32(w, "assoc_group_id", &group);
	wire_u8(w, "n_context_elem", &n);
	wire_reserved(w, 3);
	if (!wire_ok(w) || n == 0 || n > CONTEXTS_MAX || p->gathering)
		return STATUS_PIPE_BROKEN;
	if ((h->ptype == RPC_BIND) == p->bound) /* bind once, alter_context after it */
		return fault(p, h->call_id, 0, RPC_NCA_PROTO_ERROR);
	if (h->auth_len != 0)
		return p->bound ? fault(p, h->call_id, 0, RPC_FAULT_ACCESS_DENIED) : bind_nak(p, h->call_id, NAK_AUTH_TYPE_NOT_RECOGNIZED);
	if (recv < RPC_FRAG_MIN)
		return bind_nak(p, h->call_id, NAK_NOT_SPECIFIED);
	for (uint8_t i = 0; i < n; i++)
		context_decode(p, w, &results[i]);
	if (!wire_ok(w))
		return STATUS_PIPE_BROKEN;
	if (h->ptype == RPC_BIND)
		p->out_frag_max = recv < RPC_FRAG_MAX ? recv : RPC_FRAG_MAX;
	p->bound = true;
	return bind_ack(p, h, group != 0 ? group : 0x000053f0, results, n);
}

/* --- bytes --- */

static ntstatus on_pdu(struct rpc_pipe *p, const struct rpc_header *h)
{
	/* A security trailer (8 bytes and the token) is at the end ([MS-RPCE] 2.2.2.11) */
	size_t end = h->frag_len;
	struct wire w;

	if (p->queued > QUEUE_MAX)
		return STATUS_INSUFFICIENT_RESOURCES;
	if (h->auth_len != 0) {
		if ((size_t)h->auth_len + 8 > end - RPC_HEADER_LEN)
			return STATUS_PIPE_BROKEN;
		end -= (size_t)h->auth_len + 8;
	}
	w = wire_decoder(p->in, RPC_HEADER_LEN, end, NULL);
	switch (h->ptype) {
	case RPC_BIND:
	case RPC_ALTER_CONTEXT:
		return on_bind(p, h, &w);
	case RPC_REQUEST:
		return on_request(p, h, &w);
	case RPC_CO_CANCEL: /* calls are over before a cancel can be read */
		return STATUS_SUCCESS;
	case RPC_ORPHANED:
		if (p->gathering && p->stub_call == h->call_id)
			stub_drop(p);
		return STATUS_SUCCESS;
	default:
		return STATUS_PIPE_BROKEN;
	}
}

static ntstatus header_check(const struct rpc_pipe *p, struct rpc_header *h)
{
	struct wire w = wire_decoder(p->in, 0, RPC_HEADER_LEN, NULL);

	rpc_header_code(&w, h);
	if (h->version != 5 || h->version_minor > 1 || h->frag_len < RPC_HEADER_LEN || h->frag_len > sizeof(p->in))
		return STATUS_PIPE_BROKEN;
	if ((h->drep[0] & 0xf0) != 0x10) /* integers with the low byte first */
		return STATUS_PIPE_BROKEN;
	return STATUS_SUCCESS;
}

/* Takes bytes until `want` are there. */
static bool gather(struct rpc_pipe *p, struct slice *in, size_t want)
{
	size_t n = want - p->in_len < in->len ? want - p->in_len : in->len;

	if (n != 0)
		memcpy(p->in + p->in_len, in->data, n);
	p->in_len += n;
	*in = slice_of(in->data + n, in->len - n);
	return p->in_len == want;
}

ntstatus rpc_pipe_write(struct rpc_pipe *p, struct slice in)
{
	struct rpc_header h;
	ntstatus st = STATUS_SUCCESS;

	if (p->broken)
		return STATUS_PIPE_BROKEN;
	while (nt_ok(st) && in.len != 0) {
		if (p->in_len < RPC_HEADER_LEN && !gather(p, &in, RPC_HEADER_LEN))
			break;
		st = header_check(p, &h);
		if (!nt_ok(st) || !gather(p, &in, h.frag_len))
			break;
		st = on_pdu(p, &h);
		p->in_len = 0;
	}
	if (!nt_ok(st))
		p->broken = true;
	return st;
}

ntstatus rpc_pipe_read(struct rpc_pipe *p, void *out, size_t cap, size_t *done)
{
	struct message *m;
	size_t n;

	*done = 0;
	if (list_empty(&p->queue))
		return p->broken ? STATUS_PIPE_BROKEN : STATUS_PIPE_EMPTY;
	m = list_entry(p->queue.next, struct message, link);
	n = m->len - m->read < cap ? m->len - m->read : cap;
	if (n != 0)
		memcpy(out, m->data + m->read, n);
	m->read += n;
	p->queued -= n;
	*done = n;
	if (m->read < m->len)
		return STATUS_BUFFER_OVERFLOW;
	list_remove(&m->link);
	free(m);
	return STATUS_SUCCESS;
}

size_t rpc_pipe_available(const struct rpc_pipe *p)
{
	return p->queued;
}
