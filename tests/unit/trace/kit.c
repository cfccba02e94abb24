/* See kit.h. */
#include "kit.h"

#include "base/utf16.h"

#include <stdio.h>
#include <stdlib.h>

uint32_t kit_sum(struct slice s)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < s.len; i++)
		sum = sum * 31 + s.data[i];
	return sum;
}

static void keep(void *arg, const struct trace_packet *p, const struct trace_words *words)
{
	struct kit *k = arg;
	struct kit_packet *o = &k->packets[k->count % KIT_PACKETS];
	size_t n = 0;

	k->count++;
	*o = (struct kit_packet){.p = *p, .raw_len = p->raw.len, .raw_sum = kit_sum(p->raw), .parts = words->count, .failed = words->failed};
	if (p->raw.len > 0)
		memcpy(o->raw, p->raw.data, p->raw.len < KIT_RAW ? p->raw.len : KIT_RAW);
	assert_true(words->count >= 1 && words->count <= TRACE_PARTS);
	for (size_t i = 0; i < words->count && n < sizeof(o->text); i++) {
		assert_true(strlen(words->parts[i].text) < TRACE_TITLE_BYTES);
		n += (size_t)snprintf(o->text + n, sizeof(o->text) - n, "%s%s", i ? " + " : "", words->parts[i].text);
	}
}

struct kit *kit_new(void)
{
	struct kit *k = calloc(1, sizeof(*k));

	assert_non_null(k);
	k->trace = trace_new(keep, k);
	assert_non_null(k->trace);
	return k;
}

void kit_free(struct kit *k)
{
	trace_free(k->trace);
	free(k);
}

void kit_frame_start(struct kit_frame *f)
{
	f->len = f->last = 4;
}

void kit_message(struct kit_frame *f, const struct smb2_header *h, void (*code)(struct wire *w, void *m), void *body)
{
	struct smb2_header copy = *h;
	struct wire w;

	if (f->len > 4) {
		size_t padded = 4 + round_up(f->len - 4, 8);

		memset(f->bytes + f->len, 0, padded - f->len);
		store_le32(f->bytes + f->last + 20, (uint32_t)(padded - f->last));
		f->len = padded;
	}
	f->last = f->len;
	w = wire_encoder(f->bytes + f->len, 0, sizeof(f->bytes) - f->len);
	smb2_header_code(&w, &copy);
	if (code)
		code(&w, body);
	wire_append_tail(&w);
	assert_true(wire_ok(&w));
	f->len += w.pos;
}

struct slice kit_frame_end(struct kit_frame *f)
{
	store_be32(f->bytes, (uint32_t)(f->len - 4));
	return slice_of(f->bytes, f->len);
}

const struct kit_packet *kit_feed(struct kit *k, bool from_server, struct slice raw)
{
	struct trace_packet p = {.time_ns = 1000000000u + k->count * 1000, .key = 1, .from_server = from_server, .raw = raw};

	trace_frame(k->trace, &p);
	return &k->packets[(k->count - 1) % KIT_PACKETS];
}

const struct kit_packet *kit_say(struct kit *k, bool from_server, uint16_t command, uint64_t message_id, ntstatus status, void *body)
{
	static struct kit_frame f;
	const struct smb2_message *m = smb2_message_of(command);
	struct smb2_header h = {.command = command, .message_id = message_id, .status = status.code, .session_id = 0x11, .tree_id = 5,
		.flags = from_server ? SMB2_FLAGS_SERVER_TO_REDIR : 0};

	kit_frame_start(&f);
	kit_message(&f, &h, from_server ? m->rsp_code : m->req_code, body);
	return kit_feed(k, from_server, kit_frame_end(&f));
}

struct slice kit_utf16(const char *ascii)
{
	static uint8_t buffers[8][512];
	static size_t next;
	uint8_t *b = buffers[next++ % 8];
	size_t n = utf8_to_utf16(b, sizeof(buffers[0]), ascii, strlen(ascii));

	assert_true(n != SIZE_MAX);
	return slice_of(b, n);
}
