/* NetBIOS session packets and names in first-level encoding: RFC 1002 4.3, RFC 1001 14.1. A name is 16 bytes of which each half
 * becomes a letter; labels of a scope may follow. Compressed names have no place in a session request and are refused. */
#include "wire/nbss.h"

#include "wire/wire_internal.h"

#include <stdio.h>

enum { FLAG_LENGTH_17 = 1, LABEL_BYTES = 2 * NBSS_NAME_BYTES, MAX_LABEL = 63, MAX_NAME_BYTES = 255 };

const char *nbss_type_name(uint8_t type)
{
	switch (type) {
	case NBSS_SESSION_MESSAGE:
		return "SESSION MESSAGE";
	case NBSS_SESSION_REQUEST:
		return "SESSION REQUEST";
	case NBSS_POSITIVE_RESPONSE:
		return "POSITIVE SESSION RESPONSE";
	case NBSS_NEGATIVE_RESPONSE:
		return "NEGATIVE SESSION RESPONSE";
	case NBSS_RETARGET_RESPONSE:
		return "RETARGET SESSION RESPONSE";
	case NBSS_KEEP_ALIVE:
		return "SESSION KEEP ALIVE";
	default:
		return NULL;
	}
}

const char *nbss_error_name(uint8_t error_code)
{
	switch (error_code) {
	case NBSS_NOT_LISTENING_ON_CALLED_NAME:
		return "not listening on called name";
	case NBSS_NOT_LISTENING_FOR_CALLING_NAME:
		return "not listening for calling name";
	case NBSS_CALLED_NAME_NOT_PRESENT:
		return "called name not present";
	case NBSS_INSUFFICIENT_RESOURCES:
		return "called name present, but insufficient resources";
	case NBSS_UNSPECIFIED_ERROR:
		return "unspecified error";
	default:
		return NULL;
	}
}

static uint8_t generated_type(struct wire *w)
{
	static const uint8_t types[] = {NBSS_SESSION_MESSAGE, NBSS_SESSION_REQUEST, NBSS_POSITIVE_RESPONSE, NBSS_NEGATIVE_RESPONSE,
		NBSS_RETARGET_RESPONSE, NBSS_KEEP_ALIVE};

	return types[wire_random(w, ARRAY_LEN(types))];
}

/* RFC 1002 4.3.1 */
void nbss_header_code(struct wire *w, struct nbss_header *m)
{
	uint8_t flags = (uint8_t)(m->length >> 16);
	uint16_t low = (uint16_t)m->length;

	if (w->dir == WIRE_GENERATE) {
		*m = (struct nbss_header){.type = generated_type(w), .length = (uint32_t)wire_random(w, NBSS_MAX_LENGTH + 1)};
		return;
	}
	if (w->dir == WIRE_PRINT) {
		wire_u8(w, "TYPE", &m->type);
		wire_u32(w, "LENGTH", &m->length);
		return;
	}
	if (w->dir == WIRE_ENCODE && m->length > NBSS_MAX_LENGTH)
		wire_fail(w, STATUS_INVALID_PARAMETER, "LENGTH");
	wire_u8(w, "TYPE", &m->type);
	if (wire_ok(w) && !nbss_type_name(m->type))
		wire_fail(w, STATUS_INVALID_PARAMETER, "TYPE");
	wire_u8(w, "FLAGS", &flags);
	if (wire_ok(w) && (flags & ~FLAG_LENGTH_17) != 0)
		wire_fail(w, STATUS_INVALID_PARAMETER, "FLAGS");
	wire_u16be(w, "LENGTH", &low);
	if (w->dir == WIRE_DECODE)
		m->length = wire_ok(w) ? (uint32_t)flags << 16 | low : 0;
}

struct nbss_name nbss_name_of(const char *text, uint8_t suffix)
{
	struct nbss_name n;

	memset(n.bytes, ' ', sizeof(n.bytes));
	for (size_t i = 0; i < NBSS_NAME_BYTES - 1 && text[i]; i++)
		n.bytes[i] = (uint8_t)(text[i] >= 'a' && text[i] <= 'z' ? text[i] - 'a' + 'A' : text[i]);
	n.bytes[NBSS_NAME_BYTES - 1] = suffix;
	return n;
}

void nbss_name_text(char *out, const struct nbss_name *name)
{
	size_t n = NBSS_NAME_BYTES - 1;

	while (n > 0 && (name->bytes[n - 1] == ' ' || name->bytes[n - 1] == 0))
		n--;
	for (size_t i = 0; i < n; i++)
		out[i] = (char)(name->bytes[i] >= 0x20 && name->bytes[i] < 0x7F ? name->bytes[i] : '?');
	out[n] = 0;
}

static void name_encode(struct wire *w, const struct nbss_name *m)
{
	uint8_t len = LABEL_BYTES;

	wire_u8(w, "NAME", &len);
	for (size_t i = 0; i < NBSS_NAME_BYTES; i++) {
		uint8_t high = (uint8_t)('A' + (m->bytes[i] >> 4)), low = (uint8_t)('A' + (m->bytes[i] & 15));

		wire_u8(w, "NAME", &high);
		wire_u8(w, "NAME", &low);
	}
	wire_reserved(w, 1);
}

static void name_decode(struct wire *w, struct nbss_name *m)
{
	size_t start = w->pos;
	uint8_t len = 0, letters[LABEL_BYTES];

	wire_u8(w, "NAME", &len);
	if (wire_ok(w) && len != LABEL_BYTES)
		wire_fail(w, STATUS_INVALID_PARAMETER, "NAME");
	wire_bytes(w, "NAME", letters, sizeof(letters));
	for (size_t i = 0; i < LABEL_BYTES && wire_ok(w); i++) {
		if (letters[i] < 'A' || letters[i] > 'P')
			wire_fail(w, STATUS_INVALID_PARAMETER, "NAME");
	}
	for (size_t i = 0; i < NBSS_NAME_BYTES && wire_ok(w); i++)
		m->bytes[i] = (uint8_t)((letters[2 * i] - 'A') << 4 | (letters[2 * i + 1] - 'A'));
	do {
		wire_u8(w, "SCOPE_ID", &len);
		if (wire_ok(w) && (len > MAX_LABEL || w->pos - start + len > MAX_NAME_BYTES))
			wire_fail(w, STATUS_INVALID_PARAMETER, "SCOPE_ID");
		wire_reserved(w, len);
	} while (wire_ok(w) && len != 0);
}

/* RFC 1001 14.1, RFC 1002 4.1 */
void nbss_name_code(struct wire *w, struct nbss_name *m)
{
	char text[NBSS_NAME_BYTES], line[NBSS_NAME_BYTES + 8];

	switch (w->dir) {
	case WIRE_DECODE:
		memset(m, 0, sizeof(*m));
		name_decode(w, m);
		break;
	case WIRE_ENCODE:
		name_encode(w, m);
		break;
	case WIRE_PRINT:
		nbss_name_text(text, m);
		snprintf(line, sizeof(line), "%s<%02x>", text, m->bytes[NBSS_NAME_BYTES - 1]);
		wire_print_line(w, "NAME", line);
		break;
	case WIRE_GENERATE:
		wire_bytes(w, "NAME", m->bytes, sizeof(m->bytes));
		break;
	}
}

/* RFC 1002 4.3.2 */
void nbss_request_code(struct wire *w, struct nbss_request *m)
{
	wire_group(w, "CALLED NAME");
	nbss_name_code(w, &m->called);
	wire_group_end(w);
	wire_group(w, "CALLING NAME");
	nbss_name_code(w, &m->calling);
	wire_group_end(w);
}

/* RFC 1002 4.3.4 */
void nbss_negative_code(struct wire *w, struct nbss_negative *m)
{
	const char *name = nbss_error_name(m->error_code);

	wire_u8(w, "ERROR_CODE", &m->error_code);
	if (w->dir == WIRE_PRINT && name)
		wire_print_line(w, "Error", name);
}

/* RFC 1002 4.3.5 */
void nbss_retarget_code(struct wire *w, struct nbss_retarget *m)
{
	wire_bytes(w, "RETARGET_IP_ADDRESS", m->ip_address, sizeof(m->ip_address));
	wire_u16be(w, "PORT", &m->port);
}

/* RFC 1002 4.3: the trailer of a type, as decoded and printed */
static void print_trailer(uint8_t type, struct wire *w, struct wire *p)
{
	struct nbss_negative negative = {0};
	struct nbss_retarget retarget = {0};
	struct nbss_request request = {0};

	switch (type) {
	case NBSS_SESSION_REQUEST:
		nbss_request_code(w, &request);
		if (wire_ok(w))
			nbss_request_code(p, &request);
		break;
	case NBSS_NEGATIVE_RESPONSE:
		nbss_negative_code(w, &negative);
		if (wire_ok(w))
			nbss_negative_code(p, &negative);
		break;
	case NBSS_RETARGET_RESPONSE:
		nbss_retarget_code(w, &retarget);
		if (wire_ok(w))
			nbss_retarget_code(p, &retarget);
		break;
	}
}

void nbss_print(struct slice packet, struct wire_printer *printer)
{
	struct wire w = wire_decoder(packet.data, 0, packet.len, NULL), p = wire_printer_of(NULL, printer);
	struct nbss_header h = {0};

	nbss_header_code(&w, &h);
	wire_group(&p, wire_ok(&w) ? nbss_type_name(h.type) : "not a NetBIOS session packet");
	if (wire_ok(&w)) {
		nbss_header_code(&p, &h);
		print_trailer(h.type, &w, &p);
	}
	if (!wire_ok(&w))
		wire_print_line(&p, "malformed, field", w.where);
	wire_group_end(&p);
}
