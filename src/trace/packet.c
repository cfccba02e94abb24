/* TCP segments in the packets of a capture: Ethernet with VLAN tags, the loopback forms of BSD, raw IP, Linux's cooked forms; IPv4 and
 * IPv6 with their extension headers. Fragments of IP are left out. RFC 791, 8200, 9293. */
#include "trace/flow.h"

enum {
	LINK_NULL = 0, LINK_ETHERNET = 1, LINK_RAW_BSD = 12, LINK_RAW_OPENBSD = 14, LINK_RAW = 101, LINK_LOOP = 108, LINK_SLL = 113,
	LINK_IPV4 = 228, LINK_IPV6 = 229, LINK_SLL2 = 276
};
enum { TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86DD, TYPE_VLAN = 0x8100, TYPE_QINQ = 0x88A8, PROTOCOL_TCP = 6, TAGS_MAX = 4 };

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static bool skip(struct slice *p, size_t n)
{
	if (p->len < n)
		return false;
	*p = slice_of(p->data + n, p->len - n);
	return true;
}

static bool is_ip(uint16_t type)
{
	return type == TYPE_IPV4 || type == TYPE_IPV6;
}

static bool ethernet(struct slice *p)
{
	uint16_t type;

	if (p->len < 14)
		return false;
	type = be16(p->data + 12);
	(void)skip(p, 14);
	for (int i = 0; i < TAGS_MAX && (type == TYPE_VLAN || type == TYPE_QINQ); i++) {
		if (p->len < 4)
			return false;
		type = be16(p->data + 2);
		(void)skip(p, 4);
	}
	return is_ip(type);
}

/* Moves to the IP header. */
static bool link_layer(uint32_t link, struct slice *p)
{
	switch (link) {
	case LINK_ETHERNET: return ethernet(p);
	case LINK_NULL:
	case LINK_LOOP: return skip(p, 4);
	case LINK_RAW:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
	case LINK_IPV4:
	case LINK_IPV6: return true;
	case LINK_SLL: return p->len >= 16 && is_ip(be16(p->data + 14)) && skip(p, 16);
	case LINK_SLL2: return p->len >= 20 && is_ip(be16(p->data)) && skip(p, 20);
	default: return false;
	}
}

static struct trace_address address(const uint8_t *p, uint8_t len)
{
	struct trace_address a = {.len = len};

	memcpy(a.ip, p, len);
	return a;
}

/* *p becomes what the IP packet holds, cut to its length; the part of it that was not captured is counted. A length of 0 means
 * that the packet was still to be cut by the network card. */
static bool trim(struct slice *p, size_t header, size_t total, struct tcp_segment *out)
{
	if (p->len < header)
		return false;
	if (total >= header && total <= p->len)
		p->len = total;
	else if (total > p->len)
		out->cut = total - p->len;
	else if (total != 0)
		return false;
	return skip(p, header);
}

static bool ipv4(struct slice *p, struct tcp_segment *out)
{
	size_t header;

	if (p->len < 20)
		return false;
	header = (size_t)(p->data[0] & 15) * 4;
	if (header < 20 || p->data[9] != PROTOCOL_TCP || (be16(p->data + 6) & 0x3FFF) != 0)
		return false;
	out->from = address(p->data + 12, 4);
	out->to = address(p->data + 16, 4);
	return trim(p, header, be16(p->data + 2), out);
}

static bool ipv6(struct slice *p, struct tcp_segment *out)
{
	enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, OPTIONS = 60, HEADERS_MAX = 8 };
	uint8_t next;
	size_t total;

	if (p->len < 40)
		return false;
	next = p->data[6];
	total = be16(p->data + 4);
	out->from = address(p->data + 8, 16);
	out->to = address(p->data + 24, 16);
	if (!trim(p, 40, total ? total + 40 : 0, out))
		return false;
	for (int i = 0; i < HEADERS_MAX && next != PROTOCOL_TCP; i++) {
		size_t len;

		if (p->len < 8 || (next != HOP_BY_HOP && next != ROUTING && next != OPTIONS && next != FRAGMENT))
			return false;
		/* offset 0 and no more to come: whole all the same */
		if (next == FRAGMENT && (be16(p->data + 2) & 0xFFF9) != 0)
			return false;
		len = next == FRAGMENT ? 8 : ((size_t)p->data[1] + 1) * 8;
		next = p->data[0];
		if (!skip(p, len))
			return false;
	}
	return next == PROTOCOL_TCP;
}

static bool tcp(struct slice p, struct tcp_segment *out)
{
	enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };
	size_t header;

	if (p.len < 20)
		return false;
	header = (size_t)(p.data[12] >> 4) * 4;
	if (header < 20 || header > p.len)
		return false;
	out->from.port = be16(p.data);
	out->to.port = be16(p.data + 2);
	out->seq = load_be32(p.data + 4);
	out->syn = p.data[13] & SYN;
	out->ack = p.data[13] & ACK;
	out->fin = p.data[13] & FIN;
	out->rst = p.data[13] & RST;
	out->data = slice_of(p.data + header, p.len - header);
	return true;
}

bool packet_segment(uint32_t link, struct slice packet, struct tcp_segment *out)
{
	*out = (struct tcp_segment){0};
	if (!link_layer(link, &packet) || packet.len == 0)
		return false;
	switch (packet.data[0] >> 4) {
	case 4: return ipv4(&packet, out) && tcp(packet, out);
	case 6: return ipv6(&packet, out) && tcp(packet, out);
	default: return false;
	}
}
