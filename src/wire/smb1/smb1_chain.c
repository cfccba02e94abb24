/* The header and the chain of blocks behind it: [MS-CIFS] 2.2.3.1, 2.2.3.4. A received chain is walked once, forwards only, so
 * that loops, ways back and blocks that share bytes cannot be; each step is checked against the message before anybody reads it. */
#include "wire/smb1/smb1_internal.h"

enum { NEXT_AT = 1, OFFSET_AT = 3, ANDX_WORDS = 2 };

/* [MS-CIFS] 2.2.3.1 */
void smb1_header_code(struct wire *w, struct smb1_header *m)
{
	wire_const_u32(w, "Protocol", SMB1_PROTOCOL_ID);
	wire_u8(w, "Command", &m->command);
	wire_u32(w, "Status", &m->status);
	wire_u8(w, "Flags", &m->flags);
	wire_u16(w, "Flags2", &m->flags2);
	wire_u16(w, "PIDHigh", &m->pid_high);
	wire_bytes(w, "SecurityFeatures", m->signature, sizeof(m->signature));
	wire_reserved(w, 2);
	wire_u16(w, "TID", &m->tid);
	wire_u16(w, "PIDLow", &m->pid_low);
	wire_u16(w, "UID", &m->uid);
	wire_u16(w, "MID", &m->mid);
	w->unicode = (m->flags2 & SMB1_FLAGS2_UNICODE) != 0;
}

void smb1_walk_start(struct smb1_walk *c, struct slice message, const struct smb1_header *h)
{
	*c = (struct smb1_walk){
		.message = message,
		.next = SMB1_HEADER_SIZE,
		.command = h->command,
		.response = (h->flags & SMB1_FLAGS_REPLY) != 0,
		.unicode = (h->flags2 & SMB1_FLAGS2_UNICODE) != 0,
	};
}

static bool is_andx(uint8_t command)
{
	const struct smb1_message *row = smb1_message_of(command);

	return row && (row->preconditions & SMB1_IS_ANDX) != 0;
}

static size_t words_of(const struct smb1_walk *c, uint8_t count)
{
	if (c->response && c->command == SMB1_NT_CREATE_ANDX && count == SMB1_EXTENDED_CREATE_SAYS)
		return SMB1_EXTENDED_CREATE_HAS;
	return count;
}

bool smb1_walk_next(struct smb1_walk *c, struct smb1_block *b, bool *bad)
{
	const uint8_t *m = c->message.data;
	size_t at = c->next, len = c->message.len, words, end;

	*bad = false;
	if (at == 0)
		return false;
	*bad = true;
	c->next = 0;
	if (c->count++ >= SMB1_MAX_BLOCKS || at >= len)
		return false;
	words = 2 * words_of(c, m[at]);
	if (len - at < 1 + words + 2)
		return false;
	*b = (struct smb1_block){.command = c->command, .word_count = m[at], .at = at, .bytes_at = at + 1 + words + 2, .end = len,
		.byte_count = load_le16(m + at + 1 + words), .and_x_command = SMB1_NO_COMMAND};
	end = b->bytes_at + b->byte_count;
	if (end > len)
		return false;
	if (is_andx(c->command) && b->word_count >= ANDX_WORDS) {
		b->and_x_command = m[at + NEXT_AT];
		b->and_x_offset = load_le16(m + at + OFFSET_AT);
	}
	if (b->and_x_command != SMB1_NO_COMMAND) {
		if (b->and_x_offset < end || b->and_x_offset >= len)
			return false;
		b->end = b->and_x_offset;
		c->next = b->and_x_offset;
		c->command = b->and_x_command;
	}
	*bad = false;
	return true;
}

struct wire smb1_block_decoder(const struct smb1_walk *c, const struct smb1_block *b, struct arena *arena)
{
	struct wire w = wire_decoder(c->message.data, b->at, b->end, arena);

	w.unicode = c->unicode;
	return w;
}

void smb1_chain_next(struct wire *w, struct smb1_chain *c, uint8_t command)
{
	wire_append_tail(w);
	if (c->last_at != 0) {
		if (!is_andx(c->last_command) || !wire_ok(w) || w->base[c->last_at] < ANDX_WORDS) {
			wire_fail(w, STATUS_INVALID_PARAMETER, "AndXCommand");
			return;
		}
		wire_align(w, 4);
		wire_patch(w, "AndXCommand", c->last_at + NEXT_AT, 1, command);
		wire_patch(w, "AndXOffset", c->last_at + OFFSET_AT, 2, w->pos);
	}
	c->last_at = w->pos;
	c->last_command = command;
}
