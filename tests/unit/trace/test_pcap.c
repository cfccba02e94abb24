/* Captures: what we write we read back, other forms of capture, what the network does to segments, and files that lie. */
#include "kit.h"

#include <hythe/types.h>
#include <stdio.h>
#include <stdlib.h>

struct file {
	uint8_t bytes[1 << 20];
	size_t len;
	bool big;      /* numbers in the capture are big-endian */
};
static struct file file;

static void put(const void *p, size_t n)
{
	assert_true(file.len + n <= sizeof(file.bytes));
	if (n > 0)
		memcpy(file.bytes + file.len, p, n);
	file.len += n;
}

static void n32(uint32_t v)
{
	uint8_t b[4];

	(file.big ? store_be32 : store_le32)(b, v);
	put(b, 4);
}

static void n16(uint16_t v)
{
	uint8_t b[2] = {(uint8_t)v, (uint8_t)(v >> 8)};

	if (file.big)
		b[0] = (uint8_t)(v >> 8), b[1] = (uint8_t)v;
	put(b, 2);
}

static void start_pcap(uint32_t link, bool big, bool nano)
{
	file.len = 0;
	file.big = big;
	n32(nano ? 0xA1B23C4D : 0xA1B2C3D4);
	n16(2);
	n16(4);
	n32(0);
	n32(0);
	n32(262144);
	n32(link);
}

static void record(uint32_t seconds, uint32_t fraction, const void *packet, size_t len)
{
	n32(seconds);
	n32(fraction);
	n32((uint32_t)len);
	n32((uint32_t)len);
	put(packet, len);
}

/* An IPv4 packet of TCP. flags: 2 SYN, 16 ACK. from_server: 192.0.2.2:445 to 192.0.2.1:50000. */
static size_t ip_packet(uint8_t *out, bool from_server, uint32_t seq, uint8_t flags, const void *data, size_t len)
{
	const uint16_t ports[2] = {50000, 445};

	memset(out, 0, 40);
	out[0] = 0x45;
	out[2] = (uint8_t)((40 + len) >> 8);
	out[3] = (uint8_t)(40 + len);
	out[9] = 6;
	memcpy(out + 12, (uint8_t[]){192, 0, 2, from_server ? 2 : 1}, 4);
	memcpy(out + 16, (uint8_t[]){192, 0, 2, from_server ? 1 : 2}, 4);
	out[20] = (uint8_t)(ports[from_server] >> 8);
	out[21] = (uint8_t)ports[from_server];
	out[22] = (uint8_t)(ports[!from_server] >> 8);
	out[23] = (uint8_t)ports[!from_server];
	store_be32(out + 24, seq);
	out[32] = 0x50;
	out[33] = flags;
	if (len > 0)
		memcpy(out + 40, data, len);
	return 40 + len;
}

static uint32_t next_second;

static void segment(bool from_server, uint32_t seq, uint8_t flags, const void *data, size_t len)
{
	static uint8_t packet[70000];

	record(next_second++, 500, packet, ip_packet(packet, from_server, seq, flags, data, len));
}

/* An ECHO of that message id; padded behind, so that it can be cut into segments. */
static size_t echo(uint8_t *out, uint64_t id, size_t padding)
{
	memset(out, 0, 72 + padding);
	store_be32(out, (uint32_t)(68 + padding));
	store_le32(out + 4, SMB2_PROTOCOL_ID);
	store_le16(out + 8, 64);
	store_le16(out + 16, SMB2_ECHO);
	store_le64(out + 28, id);
	store_le16(out + 68, 4);
	return 72 + padding;
}

static struct trace_pcap_stats stats;
static char why[256];

static bool read_bytes(struct kit *k, const void *p, size_t n, uint16_t port)
{
	FILE *f = fmemopen((void *)(uintptr_t)p, n ? n : 1, "rb");
	bool ok;

	assert_non_null(f);
	ok = trace_pcap_read(f, port, k->trace, &stats, why, sizeof(why));
	fclose(f);
	return ok;
}

static void read_file(struct kit *k)
{
	assert_true(read_bytes(k, file.bytes, file.len, 0));
	assert_string_equal(why, "");
}

static void test_what_we_write_we_read(void **state)
{
	static struct kit_frame f;
	struct kit *sent = kit_new(), *got = kit_new();
	char *bytes = NULL;
	size_t len = 0;
	struct trace_pcap_writer *w = trace_pcap_writer_new(open_memstream(&bytes, &len));
	struct smb2_write_req req = {.length = 66000};
	struct smb2_header h = {.command = SMB2_WRITE};
	uint8_t *data = calloc(1, 66000);

	(void)state;
	assert_non_null(w);
	req.data = slice_of(data, 66000);
	for (unsigned i = 0; i < 40; i++) {
		struct trace_packet p = {.key = i % 3, .time_ns = 1700000000000000000u + i * 1000, .from_server = i % 2, .connection = i % 3 + 1};

		assert_true(trace_address_parse(&p.client, i % 3 == 1 ? "[2001:db8::1]:50001" : "192.0.2.7:50001"));
		assert_true(trace_address_parse(&p.server, i % 3 == 1 ? "[2001:db8::2]:445" : i % 3 ? "192.0.2.9:4450" : "192.0.2.8:139"));
		data[i] = (uint8_t)i;
		h.message_id = i;
		kit_frame_start(&f);
		kit_message(&f, &h, smb2_message_of(SMB2_WRITE)->req_code, &req);
		p.raw = kit_frame_end(&f);
		trace_frame(sent->trace, &p);
		trace_pcap_write(w, &p);
	}
	assert_true(trace_pcap_writer_end(w));
	assert_true(read_bytes(got, bytes, len, 0));
	assert_int_equal(got->count, sent->count);
	assert_int_equal(stats.skipped, 0);
	assert_int_equal(stats.connections, 3);
	for (size_t i = 0; i < sent->count; i++) {
		assert_int_equal(got->packets[i].raw_sum, sent->packets[i].raw_sum);
		assert_int_equal(got->packets[i].p.time_ns, sent->packets[i].p.time_ns);
		assert_int_equal(got->packets[i].p.from_server, sent->packets[i].p.from_server);
		assert_memory_equal(got->packets[i].p.client.ip, sent->packets[i].p.client.ip, 16);
	}
	/* 4450 is written as 445, with a comment */
	assert_int_equal(got->packets[2].p.server.port, 445);
	assert_non_null(memmem(bytes, len, "the server's port was 4450", 26));
	free(data);
	free(bytes);
	kit_free(sent);
	kit_free(got);
}

/* Sums over header and data are 0xFFFF where the checksum is right. */
static void test_checksums(void **state)
{
	char *bytes = NULL;
	size_t len = 0, checked = 0;
	struct trace_pcap_writer *w = trace_pcap_writer_new(open_memstream(&bytes, &len));
	uint8_t raw[301];
	struct trace_packet p = {.connection = 1, .time_ns = 1, .raw = slice_of(raw, sizeof(raw))};

	(void)state;
	memset(raw, 0xAB, sizeof(raw));
	assert_true(trace_address_parse(&p.client, "10.1.2.3:50001"));
	assert_true(trace_address_parse(&p.server, "10.1.2.4:445"));
	trace_pcap_write(w, &p);
	assert_true(trace_pcap_writer_end(w));
	for (size_t at = 0, n; at < len; at += n) {
		const uint8_t *b = (const uint8_t *)bytes + at, *ip = b + 28;
		size_t total;
		uint64_t head = 0, all;

		n = load_le32(b + 4);
		assert_int_equal(load_le32(b + n - 4), n);
		if (load_le32(b) != 6)
			continue;
		total = load_le32(b + 20);
		assert_int_equal(ip[2] << 8 | ip[3], total);
		for (size_t i = 0; i < 20; i += 2)
			head += (uint64_t)(ip[i] << 8 | ip[i + 1]);
		assert_int_equal((head & 0xFFFF) + (head >> 16), 0xFFFF);
		all = 6 + total - 20;
		for (size_t i = 12; i < total; i++)
			all += i % 2 ? ip[i] : (uint64_t)ip[i] << 8;
		while (all >> 16)
			all = (all & 0xFFFF) + (all >> 16);
		assert_int_equal(all, 0xFFFF);
		checked++;
	}
	assert_int_equal(checked, 7);
	free(bytes);
}

static void test_byte_orders_and_times(void **state)
{
	uint8_t frame[200];
	size_t n = echo(frame, 1, 0);

	(void)state;
	for (int form = 0; form < 4; form++) {
		struct kit *k = kit_new();

		start_pcap(101, form & 1, form & 2);
		next_second = 7;
		segment(false, 100, 16, frame, n);
		read_file(k);
		assert_int_equal(k->count, 1);
		assert_int_equal(k->packets[0].p.time_ns, 7000000000u + (form & 2 ? 500 : 500000));
		assert_string_equal(k->packets[0].text, "SMB2 ECHO: are you there?");
		kit_free(k);
	}
}

static void test_links(void **state)
{
	static const struct {
		uint32_t link;
		size_t len;
		const char *head;
	} links[] = {
		{0, 4, "\x02\0\0\0"},
		{108, 4, "\0\0\0\x02"},
		{1, 14, "\1\2\3\4\5\6\1\2\3\4\5\6\x08\0"},
		{1, 22, "\1\2\3\4\5\6\1\2\3\4\5\6\x88\xA8\0\1\x81\0\0\2\x08\0"},
		{113, 16, "\0\0\0\1\0\6\1\2\3\4\5\6\0\0\x08\0"},
		{276, 20, "\x08\0\0\0\0\0\0\1\0\1\0\6\1\2\3\4\5\6\0\0"},
		{101, 0, ""},
		{12, 0, ""},
		{228, 0, ""},
	};
	uint8_t frame[200], packet[400];
	size_t n = echo(frame, 1, 0);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		struct kit *k = kit_new();
		size_t len = ip_packet(packet + links[i].len, false, 1, 16, frame, n);

		memcpy(packet, links[i].head, links[i].len);
		start_pcap(links[i].link, false, false);
		/* Ethernet pads short packets */
		record(1, 1, packet, links[i].len + len + 6);
		read_file(k);
		assert_int_equal(k->count, 1);
		assert_int_equal(k->packets[0].raw_len, n);
		kit_free(k);
	}
}

static void test_other_packets_are_skipped(void **state)
{
	struct kit *k = kit_new();
	uint8_t frame[200], packet[400];
	size_t n = echo(frame, 1, 0), len = ip_packet(packet, false, 1, 16, frame, n);

	(void)state;
	start_pcap(101, false, false);
	packet[9] = 17; /* UDP */
	record(1, 1, packet, len);
	packet[9] = 6;
	packet[7] = 1; /* a later fragment */
	record(1, 1, packet, len);
	packet[7] = 0;
	packet[0] = 0x65; /* a version that says IPv6 */
	record(1, 1, packet, len);
	packet[0] = 0x41; /* a header of 4 bytes */
	record(1, 1, packet, len);
	packet[0] = 0x45;
	packet[32] = 0x10; /* likewise */
	record(1, 1, packet, len);
	packet[32] = 0xF0; /* options behind the end */
	record(1, 1, packet, 60);
	read_file(k);
	assert_int_equal(k->count, 0);
	assert_int_equal(stats.skipped, 6);
	kit_free(k);
}

static void test_ipv6_extensions(void **state)
{
	struct kit *k = kit_new();
	uint8_t frame[200], v4[400], v6[400] = {0x60};
	size_t n = echo(frame, 1, 0), len = ip_packet(v4, false, 1, 16, frame, n) - 20;

	(void)state;
	v6[5] = (uint8_t)(len + 16);
	v6[6] = 0; /* hop by hop, */
	v6[40] = 44; /* then an atomic fragment */
	v6[48] = 6;
	v6[8] = v6[24] = 0xFD;
	v6[23] = 1;
	v6[39] = 2;
	memcpy(v6 + 56, v4 + 20, len);
	start_pcap(101, false, false);
	record(1, 1, v6, 56 + len);
	read_file(k);
	assert_int_equal(k->count, 1);
	assert_int_equal(k->packets[0].p.client.len, 16);
	kit_free(k);
}

/* Order, repetition and overlap do not matter. */
static void test_segments_in_any_order(void **state)
{
	struct kit *k = kit_new();
	uint8_t a[400], b[400];
	size_t na = echo(a, 1, 200), nb = echo(b, 2, 100);

	(void)state;
	start_pcap(101, false, false);
	segment(false, 99, 2, NULL, 0);
	segment(true, 4000000000u, 18, NULL, 0);
	segment(false, 100 + (uint32_t)na, 16, b, nb);        /* early */
	segment(false, 200, 16, a + 100, na - 100);            /* early */
	segment(false, 100, 16, a, 50);
	segment(false, 100, 16, a, 50);                        /* again */
	segment(false, 120, 16, a + 20, 80);                   /* over both */
	segment(false, 99, 16, "x", 1);                        /* keeps the connection alive */
	segment(false, 100 + (uint32_t)na, 16, b, nb);
	read_file(k);
	assert_int_equal(k->count, 2);
	assert_int_equal(k->packets[0].raw_sum, kit_sum(slice_of(a, na)));
	assert_int_equal(k->packets[1].raw_sum, kit_sum(slice_of(b, nb)));
	kit_free(k);
}

/* What never comes is said to be missing, and the next whole frame is found, in step or out of it. */
static void test_lost_segments(void **state)
{
	struct kit *k = kit_new();
	uint8_t a[400], b[400];
	size_t na = echo(a, 1, 200), nb = echo(b, 2, 0);

	(void)state;
	start_pcap(101, false, false);
	segment(false, 99, 2, NULL, 0);
	segment(false, 100, 16, a, 100);
	segment(false, 250, 16, a + 150, na - 150);
	segment(false, 100 + (uint32_t)na, 16, b, nb);
	read_file(k);
	assert_int_equal(k->count, 2);
	assert_string_equal(k->packets[0].text, "50 bytes are missing in the capture, or are no SMB");
	assert_int_equal(k->packets[1].raw_sum, kit_sum(slice_of(b, nb)));
	kit_free(k);

	/* The gap goes into the next frame. */
	k = kit_new();
	start_pcap(101, false, false);
	segment(false, 99, 2, NULL, 0);
	segment(false, 100, 16, a, 100);
	segment(false, 100 + (uint32_t)na + 10, 16, b + 10, nb - 10);
	segment(false, 100 + (uint32_t)(na + nb), 16, b, nb);
	read_file(k);
	assert_int_equal(k->count, 2);
	assert_int_equal(k->packets[0].p.lost, na - 100 + 10);
	assert_int_equal(k->packets[1].raw_sum, kit_sum(slice_of(b, nb)));
	kit_free(k);
}

/* A capture that kept the first bytes of each packet only. */
static void test_cut_packets(void **state)
{
	struct kit *k = kit_new();
	uint8_t a[400], packet[500];
	size_t na = echo(a, 1, 200), len = ip_packet(packet, false, 100, 16, a, na);

	(void)state;
	start_pcap(101, false, false);
	segment(false, 99, 2, NULL, 0);
	record(1, 1, packet, len - 100);
	segment(false, 100 + (uint32_t)na, 16, a, na);
	read_file(k);
	assert_int_equal(k->count, 2);
	assert_int_equal(k->packets[0].p.lost, 100);
	assert_int_equal(k->packets[1].raw_len, na);
	kit_free(k);
}

/* Without a handshake, and on a port that means nothing: the header says who is who. */
static void test_middle_of_a_connection(void **state)
{
	struct kit *k = kit_new();
	uint8_t a[400], packet[500];
	size_t na = echo(a, 1, 0), len;

	(void)state;
	a[20] = SMB2_FLAGS_SERVER_TO_REDIR;
	len = ip_packet(packet, true, 100, 16, a, na);
	packet[20] = 0x12; /* port 0x12BD */
	start_pcap(101, false, false);
	record(1, 1, packet, len);
	read_file(k);
	assert_int_equal(k->count, 1);
	assert_true(k->packets[0].p.from_server);
	assert_int_equal(k->packets[0].p.server.port, 0x12BD);
	assert_false(read_bytes(k, "", 0, 0));
	/* Another port is asked for. */
	assert_true(read_bytes(k, file.bytes, file.len, 446));
	assert_int_equal(k->count, 1);
	kit_free(k);
}

static void test_other_protocols_are_left_alone(void **state)
{
	struct kit *k = kit_new();
	uint8_t packet[500];
	static const char http[] = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";
	size_t len = ip_packet(packet, false, 100, 16, http, sizeof(http));

	(void)state;
	packet[22] = 0;
	packet[23] = 80;
	start_pcap(101, false, false);
	record(1, 1, packet, len);
	read_file(k);
	assert_int_equal(k->count, 0);
	assert_int_equal(stats.connections, 0);
	kit_free(k);
}

/* pcapng of the other byte order, with a resolution of 2^-10 s and an offset, a packet of the old form and a simple one. */
static void test_pcapng_forms(void **state)
{
	struct kit *k = kit_new();
	uint8_t a[400], packet[500];
	size_t na = echo(a, 1, 0), len;

	(void)state;
	file.len = 0;
	file.big = true;
	n32(0x0A0D0D0A), n32(28), n32(0x1A2B3C4D), n16(1), n16(0), n32(UINT32_MAX), n32(UINT32_MAX), n32(28);
	n32(1), n32(44), n16(101), n16(0), n32(0), n16(9), n16(1), put("\x8A\0\0\0", 4), n16(14), n16(8), n32(0), n32(100), n32(0), n32(44);
	n32(0xABCD), n32(16), n32(0), n32(16); /* something else */
	len = ip_packet(packet, false, 100, 16, a, na);
	n32(6), n32((uint32_t)(32 + len)), n32(0), n32(0), n32(1536), n32((uint32_t)len), n32((uint32_t)len), put(packet, len), n32((uint32_t)(32 + len));
	len = ip_packet(packet, false, 100 + (uint32_t)na, 16, a, na);
	n32(2), n32((uint32_t)(32 + len)), n16(0), n16(0), n32(0), n32(2048), n32((uint32_t)len), n32((uint32_t)len), put(packet, len), n32((uint32_t)(32 + len));
	len = ip_packet(packet, false, 100 + 2 * (uint32_t)na, 16, a, na);
	n32(3), n32((uint32_t)(16 + len)), n32((uint32_t)len), put(packet, len), n32((uint32_t)(16 + len));
	read_file(k);
	assert_int_equal(k->count, 3);
	assert_int_equal(k->packets[0].p.time_ns, 101500000000u);
	assert_int_equal(k->packets[1].p.time_ns, 102000000000u);
	assert_int_equal(k->packets[2].p.time_ns, 102000000000u);
	kit_free(k);
}

static void test_no_capture(void **state)
{
	struct kit *k = kit_new();

	(void)state;
	assert_false(read_bytes(k, "hello, this is text", 19, 0));
	assert_string_equal(why, "this is no capture in the formats pcap or pcapng");
	start_pcap(1, false, false);
	n32(0), n32(0), n32(0x7FFFFFFF), n32(0x7FFFFFFF);
	assert_false(read_bytes(k, file.bytes, file.len, 0));
	assert_string_equal(why, "the capture is damaged: a packet of 2147483647 bytes");
	file.len = 0;
	n32(0x0A0D0D0A), n32(0x7FFFFFFC), n32(0x1A2B3C4D), n32(1), n32(0);
	assert_false(read_bytes(k, file.bytes, file.len, 0));
	kit_free(k);
}

/* A file cut anywhere, or with any byte changed, harms nobody. */
static void test_hostile_files(void **state)
{
	struct kit *k = kit_new();
	char *bytes = NULL;
	size_t len = 0;
	struct trace_pcap_writer *w = trace_pcap_writer_new(open_memstream(&bytes, &len));
	uint8_t a[400];
	struct trace_packet p = {.connection = 1, .time_ns = 1};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		p.raw = slice_of(a, echo(a, i, 64));
		trace_pcap_write(w, &p);
	}
	assert_true(trace_pcap_writer_end(w));
	for (size_t n = 1; n < len; n++)
		(void)!read_bytes(k, bytes, n, 0);
	for (size_t i = 0; i < len; i++) {
		for (unsigned v = 0; v < 4; v++) {
			char was = bytes[i];

			bytes[i] = (char)(v == 0 ? 0 : v == 1 ? 0xFF : v == 2 ? was ^ 0x80 : was + 1);
			(void)!read_bytes(k, bytes, len, 0);
			bytes[i] = was;
		}
	}
	free(bytes);
	kit_free(k);
}

/* Segments that wait for one that never comes are held within the bound. */
static void test_waiting_is_bounded(void **state)
{
	struct kit *k = kit_new();
	uint8_t a[400];
	size_t na = echo(a, 1, 0);

	(void)state;
	start_pcap(101, false, false);
	segment(false, 99, 2, NULL, 0);
	for (uint32_t i = 0; i < 5000; i++)
		segment(false, 10000 + i * 2 * (uint32_t)na, 16, a, na);
	read_file(k);
	assert_true(k->count > 5000);
	kit_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_we_write_we_read),
		cmocka_unit_test(test_checksums),
		cmocka_unit_test(test_byte_orders_and_times),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_other_packets_are_skipped),
		cmocka_unit_test(test_ipv6_extensions),
		cmocka_unit_test(test_segments_in_any_order),
		cmocka_unit_test(test_lost_segments),
		cmocka_unit_test(test_cut_packets),
		cmocka_unit_test(test_middle_of_a_connection),
		cmocka_unit_test(test_other_protocols_are_left_alone),
		cmocka_unit_test(test_pcapng_forms),
		cmocka_unit_test(test_no_capture),
		cmocka_unit_test(test_hostile_files),
		cmocka_unit_test(test_waiting_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
