/* Oplock breaks on their way to a client of SMB1: [MS-CIFS] 2.2.4.32.1, 3.3.4.2. A LOCKING_ANDX request of the server's, with MID 0xFFFF, that is never signed;
 * the client answers it with one of its own (lock.c). */
#include "server/smb1/op.h"

#include <stdatomic.h>

enum { BREAK_BYTES = 64, BREAK_MID = 0xFFFF };

static bool find_fid(struct srv1_conn *s, struct smb2_file_id id, struct srv1_file *out)
{
	bool found = false;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->files.cap && !found; i++) {
		const struct srv1_file *f = s->files.slots[i];

		found = f && f->id.volatile_id == id.volatile_id;
		if (found)
			*out = *f;
	}
	pthread_mutex_unlock(&s->lock);
	return found;
}

void srv1_tell_break(struct srv_conn *c, struct smb2_file_id id, uint8_t level)
{
	bool level2 = (atomic_load(&c->smb1->capabilities) & SMB1_CAP_LEVEL_II_OPLOCKS) != 0;
	struct smb1_locking_andx_req m = {.type_of_lock = SMB1_LOCKING_OPLOCK_RELEASE, .new_oplock_level = level == FSA_OPLOCK_II && level2};
	struct smb1_header h = {.command = SMB1_LOCKING_ANDX, .uid = 0, .mid = BREAK_MID, .pid_low = 0xFFFF, .flags2 = SMB1_FLAGS2_NT_STATUS};
	struct smb1_chain chain = {0};
	struct srv1_file f;
	struct buf *b;
	struct wire w;

	/* Closed meanwhile: what it had is gone with it. */
	if (!find_fid(c->smb1, id, &f))
		return;
	b = buf_get(BREAK_BYTES);
	if (!b) {
		net_conn_close(c->net, false);
		return;
	}
	m.fid = f.fid;
	h.tid = f.tid;
	w = wire_encoder(b->data, 0, BREAK_BYTES);
	smb1_header_code(&w, &h);
	smb1_chain_next(&w, &chain, SMB1_LOCKING_ANDX);
	smb1_locking_andx_req_code(&w, &m);
	if (wire_ok(&w))
		srv1_send(c, NULL, &(struct net_seg){.data = b->data, .len = w.pos, .owner = b}, 1);
	else
		buf_put(b);
}
