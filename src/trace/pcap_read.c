/* The two formats of captures: pcap (a header, then records, in either byte order and with micro- or nanoseconds) and pcapng (sections,
 * interfaces, packet blocks). Read block by block, so that the size of a file does not matter. */
#include "trace/flow.h"

#include <stdarg.h>
#include <stdlib.h>

enum { RECORD_MAX = 1 << 20, BLOCK_MAX = 16 << 20, INTERFACES = 256, DISCARD_BYTES = 4096 };
enum { BLOCK_SECTION = 0x0A0D0D0A, BLOCK_INTERFACE = 1, BLOCK_PACKET = 2, BLOCK_SIMPLE = 3, BLOCK_ENHANCED = 6 };
enum { OPTION_END = 0, OPTION_TSRESOL = 9, OPTION_TSOFFSET = 14 };
#define MAGIC_MICRO 0xA1B2C3D4u
#define MAGIC_NANO 0xA1B23C4Du
#define MAGIC_SECTION 0x1A2B3C4Du

struct interface {
	uint32_t link;
	uint8_t resolution; /* if_tsresol */
	uint64_t offset_s;
};

struct reader {
	FILE *f;
	struct flows flows;
	struct trace_pcap_stats *stats;
	bool swapped;
	uint8_t *buf;
	size_t cap;
	struct interface interfaces[INTERFACES];
	size_t interface_count;
	uint64_t last_ns;
	char *why;
	size_t why_cap;
};

static bool wrong(struct reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool wrong(struct reader *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why, r->why_cap, fmt, ap);
	va_end(ap);
	return false;
}

static uint32_t u32(const struct reader *r, const uint8_t *p)
{
	return r->swapped ? load_be32(p) : load_le32(p);
}

static uint16_t u16(const struct reader *r, const uint8_t *p)
{
	uint16_t v = load_le16(p);

	return r->swapped ? __builtin_bswap16(v) : v;
}

/* The next n bytes into the buffer; NULL: there are not so many, or no memory. */
static uint8_t *bytes(struct reader *r, size_t n)
{
	if (r->cap < n) {
		uint8_t *more = realloc(r->buf, n);

		if (!more)
			return NULL;
		r->buf = more;
		r->cap = n;
	}
	return fread(r->buf, 1, n, r->f) == n ? r->buf : NULL;
}

static bool discard(struct reader *r, size_t n)
{
	uint8_t gone[DISCARD_BYTES];

	while (n > 0) {
		size_t k = n < sizeof(gone) ? n : sizeof(gone);

		if (fread(gone, 1, k, r->f) != k)
			return false;
		n -= k;
	}
	return true;
}

static void one_packet(struct reader *r, uint32_t link, uint64_t time_ns, struct slice data)
{
	struct tcp_segment s;

	r->stats->packets++;
	r->last_ns = time_ns;
	if (packet_segment(link, data, &s)) {
		s.time_ns = time_ns;
		flows_segment(&r->flows, &s);
	} else {
		r->stats->skipped++;
	}
}

/* --- pcap --- */

static bool read_pcap(struct reader *r, uint32_t magic)
{
	uint8_t head[20], *data;
	uint32_t link;

	if (fread(head, 1, sizeof(head), r->f) != sizeof(head))
		return wrong(r, "the capture ends within its header");
	link = u32(r, head + 16) & 0x0FFFFFFF;
	for (;;) {
		uint8_t record[16];
		size_t n = fread(record, 1, sizeof(record), r->f), len;
		uint64_t fraction;

		if (n < sizeof(record)) {
			r->stats->cut = n != 0;
			return true;
		}
		len = u32(r, record + 8);
		if (len > RECORD_MAX)
			return wrong(r, "the capture is damaged: a packet of %zu bytes", len);
		data = bytes(r, len);
		if (!data && len > 0) {
			r->stats->cut = true;
			return true;
		}
		fraction = u32(r, record + 4);
		one_packet(r, link, u32(r, record) * 1000000000ull + fraction * (magic == MAGIC_NANO ? 1 : 1000), slice_of(data, len));
	}
}

/* --- pcapng --- */

static uint64_t to_ns(const struct interface *i, uint64_t ticks)
{
	unsigned n = i->resolution & 0x7F;
	uint64_t ns = ticks, seconds;

	if (i->resolution & 0x80) {
		if (n > 63)
			return 0;
		seconds = ticks >> n;
		ns = (uint64_t)((double)(ticks - (seconds << n)) / (double)(1ull << n) * 1e9);
		return (i->offset_s + seconds) * 1000000000u + ns;
	}
	for (; n < 9; n++)
		ns *= 10;
	for (; n > 9 && ns > 0; n--)
		ns /= 10;
	return i->offset_s * 1000000000u + ns;
}

static void read_interface(struct reader *r, struct slice body)
{
	struct interface *i = &r->interfaces[r->interface_count];

	if (body.len < 8 || r->interface_count == INTERFACES)
		return;
	*i = (struct interface){.link = u16(r, body.data), .resolution = 6};
	r->interface_count++;
	for (size_t at = 8; body.len - at >= 4;) {
		uint16_t code = u16(r, body.data + at), len = u16(r, body.data + at + 2);

		at += 4;
		if (code == OPTION_END || round_up(len, 4) > body.len - at)
			return;
		if (code == OPTION_TSRESOL && len == 1)
			i->resolution = body.data[at];
		if (code == OPTION_TSOFFSET && len == 8)
			i->offset_s = r->swapped ? (uint64_t)load_be32(body.data + at) << 32 | load_be32(body.data + at + 4) : load_le64(body.data + at);
		at += round_up(len, 4);
	}
}

/* Enhanced packets and the form before them: the interface, a time, and how much of the packet there is. */
static void read_packet(struct reader *r, uint32_t type, struct slice body)
{
	uint32_t number, len;

	if (body.len < 20)
		return;
	number = type == BLOCK_PACKET ? u16(r, body.data) : u32(r, body.data);
	len = u32(r, body.data + 12);
	if (len > body.len - 20 || number >= r->interface_count) {
		r->stats->packets++;
		r->stats->skipped++;
		return;
	}
	one_packet(r, r->interfaces[number].link,
		to_ns(&r->interfaces[number], (uint64_t)u32(r, body.data + 4) << 32 | u32(r, body.data + 8)), slice_of(body.data + 20, len));
}

/* Has no time of its own. */
static void read_simple(struct reader *r, struct slice body)
{
	uint32_t len;

	if (body.len < 4 || r->interface_count == 0)
		return;
	len = u32(r, body.data);
	one_packet(r, r->interfaces[0].link, r->last_ns, slice_of(body.data + 4, len < body.len - 4 ? len : body.len - 4));
}

static bool read_body(struct reader *r, uint32_t type, size_t len)
{
	uint8_t *body;

	if (type != BLOCK_INTERFACE && type != BLOCK_PACKET && type != BLOCK_SIMPLE && type != BLOCK_ENHANCED)
		return discard(r, len);
	body = bytes(r, len);
	if (!body)
		return false;
	if (type == BLOCK_INTERFACE)
		read_interface(r, slice_of(body, len - 4));
	else if (type == BLOCK_SIMPLE)
		read_simple(r, slice_of(body, len - 4));
	else
		read_packet(r, type, slice_of(body, len - 4));
	return true;
}

/* The block's type has been read. */
static bool read_block(struct reader *r, uint32_t type)
{
	uint8_t head[8];
	size_t len, done = 8;

	if (fread(head, 1, 4, r->f) != 4)
		return false;
	if (type == BLOCK_SECTION) {
		if (fread(head + 4, 1, 4, r->f) != 4)
			return false;
		r->swapped = load_be32(head + 4) == MAGIC_SECTION;
		if (!r->swapped && load_le32(head + 4) != MAGIC_SECTION)
			return wrong(r, "the capture is damaged: a section of no known byte order");
		r->interface_count = 0;
		done = 12;
	}
	len = u32(r, head);
	if (len < done + 4 || len > BLOCK_MAX || len % 4 != 0)
		return wrong(r, "the capture is damaged: a block of %zu bytes", len);
	return read_body(r, type, len - done);
}

static bool read_pcapng(struct reader *r)
{
	uint32_t type = BLOCK_SECTION;
	uint8_t head[4];
	size_t n;

	for (;;) {
		if (!read_block(r, type)) {
			r->stats->cut = r->why[0] == 0;
			return r->why[0] == 0;
		}
		n = fread(head, 1, sizeof(head), r->f);
		if (n < sizeof(head)) {
			r->stats->cut = n != 0;
			return true;
		}
		type = u32(r, head);
	}
}

bool trace_pcap_read(FILE *f, uint16_t port, struct trace *t, struct trace_pcap_stats *stats, char *why, size_t cap)
{
	struct reader *r = calloc(1, sizeof(*r));
	uint8_t head[4];
	uint32_t magic;
	bool ok = true;

	*stats = (struct trace_pcap_stats){0};
	snprintf(why, cap, "%s", r ? "" : "out of memory");
	if (!r)
		return false;
	r->f = f;
	r->stats = stats;
	r->why = why;
	r->why_cap = cap;
	flows_init(&r->flows, t, port, stats);
	if (fread(head, 1, sizeof(head), f) != sizeof(head)) {
		ok = wrong(r, "this is no capture: it has less than four bytes");
	} else if (load_le32(head) == BLOCK_SECTION) {
		ok = read_pcapng(r);
	} else {
		magic = load_le32(head);
		r->swapped = magic != MAGIC_MICRO && magic != MAGIC_NANO;
		magic = r->swapped ? load_be32(head) : magic;
		ok = magic == MAGIC_MICRO || magic == MAGIC_NANO ? read_pcap(r, magic) :
			wrong(r, "this is no capture in the formats pcap or pcapng");
	}
	flows_end(&r->flows);
	free(r->buf);
	free(r);
	return ok;
}
