/* SPNEGO tokens, see spnego.h. The reader takes definite, minimal lengths only and refuses bytes that are left over. The
 * writer fills its buffer from the end, so that every length is known when it is written. */
#include "auth/spnego.h"

#include "wire/wire.h"

enum {
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_OID = 0x06,
	DER_ENUMERATED = 0x0a,
	DER_GENERAL_STRING = 0x1b,
	DER_SEQUENCE = 0x30,
	DER_APPLICATION_0 = 0x60,
	DER_CONTEXT_0 = 0xa0 /* [n] EXPLICIT is DER_CONTEXT_0 + n */
};

#define OID_SPNEGO "\x2b\x06\x01\x05\x05\x02"                 /* 1.3.6.1.5.5.2 */
#define OID_NTLM "\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"   /* 1.3.6.1.4.1.311.2.2.10 */
#define MECH_TYPES_NTLM "\x30\x0c\x06\x0a" OID_NTLM
#define HINT_NAME "not_defined_in_RFC4178@please_ignore"      /* [MS-SPNG] 3.2.5.2 */

const struct slice spnego_ntlm_oid = {(const uint8_t *)OID_NTLM, sizeof(OID_NTLM) - 1};
const struct slice spnego_ntlm_mech_types = {(const uint8_t *)MECH_TYPES_NTLM, sizeof(MECH_TYPES_NTLM) - 1};
static const struct slice spnego_oid = {(const uint8_t *)OID_SPNEGO, sizeof(OID_SPNEGO) - 1};

/* --- reading --- */

static size_t der_length(struct wire *w)
{
	uint8_t first, byte;
	size_t n = 0;

	wire_u8(w, "length", &first);
	if (first < 0x80)
		return first;
	if (first == 0x80 || first > 0x83) {
		wire_fail(w, STATUS_INVALID_PARAMETER, "length");
		return 0;
	}
	for (uint8_t i = 0; i < (first & 0x7f); i++) {
		wire_u8(w, "length", &byte);
		n = n << 8 | byte;
	}
	if (n < 0x80 || n < 1u << (8 * ((first & 0x7f) - 1)))
		wire_fail(w, STATUS_INVALID_PARAMETER, "length");
	return n;
}

/* The element must be next. Its contents, as a cursor. */
static struct wire der_enter(struct wire *w, uint8_t tag)
{
	struct wire inner;
	uint8_t got = 0;
	size_t n;

	wire_u8(w, "tag", &got);
	if (got != tag)
		wire_fail(w, STATUS_INVALID_PARAMETER, "tag");
	n = der_length(w);
	inner = wire_window(w, w->pos, n);
	wire_adopt(w, &inner);
	if (wire_ok(w))
		w->pos += n;
	return inner;
}

static bool der_next_is(const struct wire *w, uint8_t tag)
{
	return wire_left(w) > 0 && w->base[w->pos] == tag;
}

/* Ends a constructed element: nothing may be left, and its error becomes the outer one's. */
static void der_leave(struct wire *outer, struct wire *inner)
{
	if (wire_left(inner) != 0)
		wire_fail(inner, STATUS_INVALID_PARAMETER, "left over");
	wire_adopt(outer, inner);
}

static struct slice der_primitive(struct wire *w, uint8_t tag)
{
	struct wire in = der_enter(w, tag);

	return wire_ok(w) ? slice_of(in.base + in.pos, in.end - in.pos) : slice_of(NULL, 0);
}

/* An optional [n] EXPLICIT OCTET STRING */
static struct slice der_optional_octets(struct wire *w, uint8_t n)
{
	struct slice s = {NULL, 0};
	struct wire in;

	if (!der_next_is(w, (uint8_t)(DER_CONTEXT_0 + n)))
		return s;
	in = der_enter(w, (uint8_t)(DER_CONTEXT_0 + n));
	s = der_primitive(&in, DER_OCTET_STRING);
	der_leave(w, &in);
	return s;
}

static void der_skip_optional(struct wire *w, uint8_t n)
{
	if (der_next_is(w, (uint8_t)(DER_CONTEXT_0 + n)))
		(void)der_enter(w, (uint8_t)(DER_CONTEXT_0 + n));
}

static void mech_types_decode(struct wire *w, struct spnego_init *m)
{
	struct wire in, list;
	size_t start, count = 0;

	in = der_enter(w, DER_CONTEXT_0);
	start = in.pos;
	list = der_enter(&in, DER_SEQUENCE);
	if (wire_ok(&in))
		m->mech_types = slice_of(in.base + start, in.pos - start);
	while (wire_left(&list) != 0) {
		struct slice oid = der_primitive(&list, DER_OID);

		if (wire_ok(&list) && slice_equal(oid, spnego_ntlm_oid)) {
			m->ntlm_first |= count == 0;
			m->ntlm_offered = true;
		}
		count++;
	}
	der_leave(&in, &list);
	der_leave(w, &in);
}

/* RFC 4178 4.2.1, [MS-SPNG] 2.2.1. In a NegTokenInit2 [3] is negHints and [4] mechListMIC; some peers, and RFC 4178, have
 * mechListMIC as [3]. What [3] contains tells which it is. */
bool spnego_init_decode(struct slice token, struct spnego_init *m)
{
	struct wire w = wire_decoder(token.data, 0, token.len, NULL), app, init, seq, in;

	*m = (struct spnego_init){0};
	app = der_enter(&w, DER_APPLICATION_0);
	if (!slice_equal(der_primitive(&app, DER_OID), spnego_oid))
		return false;
	init = der_enter(&app, DER_CONTEXT_0);
	seq = der_enter(&init, DER_SEQUENCE);
	mech_types_decode(&seq, m);
	der_skip_optional(&seq, 1); /* reqFlags: RFC 4178 lets us ignore them */
	m->mech_token = der_optional_octets(&seq, 2);
	if (der_next_is(&seq, DER_CONTEXT_0 + 3)) {
		in = der_enter(&seq, DER_CONTEXT_0 + 3);
		if (der_next_is(&in, DER_OCTET_STRING))
			m->mech_list_mic = der_primitive(&in, DER_OCTET_STRING);
		else
			(void)der_enter(&in, DER_SEQUENCE);
		der_leave(&seq, &in);
	}
	if (der_next_is(&seq, DER_CONTEXT_0 + 4))
		m->mech_list_mic = der_optional_octets(&seq, 4);
	der_leave(&init, &seq);
	der_leave(&app, &init);
	der_leave(&w, &app);
	return wire_ok(&w) && wire_left(&w) == 0;
}

static enum spnego_state neg_state_decode(struct wire *w)
{
	struct wire in;
	struct slice v;

	if (!der_next_is(w, DER_CONTEXT_0))
		return SPNEGO_NO_STATE;
	in = der_enter(w, DER_CONTEXT_0);
	v = der_primitive(&in, DER_ENUMERATED);
	der_leave(w, &in);
	if (v.len == 1 && v.data[0] <= SPNEGO_REQUEST_MIC)
		return (enum spnego_state)v.data[0];
	wire_fail(w, STATUS_INVALID_PARAMETER, "negState");
	return SPNEGO_NO_STATE;
}

/* RFC 4178 4.2.2 */
bool spnego_resp_decode(struct slice token, struct spnego_resp *m)
{
	struct wire w = wire_decoder(token.data, 0, token.len, NULL), resp, seq, in;

	*m = (struct spnego_resp){.state = SPNEGO_NO_STATE};
	resp = der_enter(&w, DER_CONTEXT_0 + 1);
	seq = der_enter(&resp, DER_SEQUENCE);
	m->state = neg_state_decode(&seq);
	if (der_next_is(&seq, DER_CONTEXT_0 + 1)) {
		in = der_enter(&seq, DER_CONTEXT_0 + 1);
		m->supported_mech = der_primitive(&in, DER_OID);
		der_leave(&seq, &in);
	}
	m->response_token = der_optional_octets(&seq, 2);
	m->mech_list_mic = der_optional_octets(&seq, 3);
	der_leave(&resp, &seq);
	der_leave(&w, &resp);
	return wire_ok(&w) && wire_left(&w) == 0;
}

/* --- writing --- */

struct der_out {
	uint8_t *base;
	size_t at, end; /* what is written is [at, end) */
};

/* Room for the fields and all the lengths and tags around them. */
static bool der_start(struct der_out *o, struct arena *a, size_t fields_len)
{
	o->end = o->at = fields_len + 160;
	o->base = arena_alloc(a, o->end);
	return o->base != NULL;
}

static struct slice der_finish(const struct der_out *o)
{
	return slice_of(o->base + o->at, o->end - o->at);
}

static void der_put(struct der_out *o, struct slice s)
{
	if (s.len == 0)
		return;
	o->at -= s.len;
	memcpy(o->base + o->at, s.data, s.len);
}

static void der_put_byte(struct der_out *o, uint8_t b)
{
	o->base[--o->at] = b;
}

/* Wraps what was written since `end` stood at `until` into an element. */
static void der_wrap(struct der_out *o, size_t until, uint8_t tag)
{
	size_t n = until - o->at, left = n;
	uint8_t bytes = 0;

	if (n < 0x80) {
		der_put_byte(o, (uint8_t)n);
	} else {
		for (; left != 0; left >>= 8, bytes++)
			der_put_byte(o, (uint8_t)left);
		der_put_byte(o, (uint8_t)(0x80 | bytes));
	}
	der_put_byte(o, tag);
}

/* [n] EXPLICIT of a primitive element; nothing when the value is empty */
static void der_put_field(struct der_out *o, uint8_t n, uint8_t tag, struct slice value)
{
	size_t until = o->at;

	if (value.len == 0)
		return;
	der_put(o, value);
	der_wrap(o, until, tag);
	der_wrap(o, until, (uint8_t)(DER_CONTEXT_0 + n));
}

/* What is written so far becomes the SEQUENCE of an InitialContextToken. */
static struct slice init_wrap(struct der_out *o)
{
	size_t until = o->at;

	der_put(o, spnego_ntlm_mech_types);
	der_wrap(o, until, DER_CONTEXT_0);
	der_wrap(o, o->end, DER_SEQUENCE);
	der_wrap(o, o->end, DER_CONTEXT_0);
	until = o->at;
	der_put(o, spnego_oid);
	der_wrap(o, until, DER_OID);
	der_wrap(o, o->end, DER_APPLICATION_0);
	return der_finish(o);
}

/* RFC 4178 4.2.1 */
struct slice spnego_init_encode(struct arena *a, struct slice mech_token)
{
	struct der_out o;

	if (!der_start(&o, a, mech_token.len))
		return slice_of(NULL, 0);
	der_put_field(&o, 2, DER_OCTET_STRING, mech_token);
	return init_wrap(&o);
}

/* [MS-SPNG] 2.2.1: NegTokenInit2 with negHints */
struct slice spnego_hint_encode(struct arena *a)
{
	struct der_out o;

	if (!der_start(&o, a, sizeof(HINT_NAME)))
		return slice_of(NULL, 0);
	der_put_field(&o, 0, DER_GENERAL_STRING, slice_of(HINT_NAME, sizeof(HINT_NAME) - 1));
	der_wrap(&o, o.end, DER_SEQUENCE);
	der_wrap(&o, o.end, DER_CONTEXT_0 + 3);
	return init_wrap(&o);
}

/* RFC 4178 4.2.2 */
struct slice spnego_resp_encode(struct arena *a, const struct spnego_resp *m)
{
	uint8_t state = (uint8_t)m->state;
	struct der_out o;

	if (!der_start(&o, a, m->supported_mech.len + m->response_token.len + m->mech_list_mic.len))
		return slice_of(NULL, 0);
	der_put_field(&o, 3, DER_OCTET_STRING, m->mech_list_mic);
	der_put_field(&o, 2, DER_OCTET_STRING, m->response_token);
	der_put_field(&o, 1, DER_OID, m->supported_mech);
	if (m->state != SPNEGO_NO_STATE)
		der_put_field(&o, 0, DER_ENUMERATED, slice_of(&state, 1));
	der_wrap(&o, o.end, DER_SEQUENCE);
	der_wrap(&o, o.end, DER_CONTEXT_0 + 1);
	return der_finish(&o);
}
