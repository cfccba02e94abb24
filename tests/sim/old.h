/* A client of SMB1 for the simulator, which sends right and wrong messages as a test wants them. */
#ifndef SIM_OLD_H
#define SIM_OLD_H

#include "sim.h"

#include "wire/smb1/smb1.h"
#include "wire/smb1/trans.h"

enum { OLD_FRAME_BYTES = 256 << 10, PID = 77 };

/* A client of SMB1 on one connection. */
struct old {
	struct raw raw;
	uint8_t frame[OLD_FRAME_BYTES];
	struct wire w;
	struct smb1_chain chain;
	uint16_t uid, tid, fid, mid, pid;
	uint16_t flags2;
	uint8_t mac_key[16];
	bool sign, bad_signature;
	uint32_t sequence;
	/* Of the last answer. */
	struct smb1_header header;
	struct slice answer;
	struct smb1_walk walk;
};

void old_connect(struct old *o, struct sim *s);
void old_hang_up(struct old *o);
/* Connected to share as user, by NT LM 0.12. */
void old_ready(struct old *o, struct sim *s);
/* One message: its header, its blocks, off it goes (signed, if it is to be). old_send_frame sends what is in frame. */
struct slice old_text(struct old *o, const char *s);
void old_begin(struct old *o, uint8_t command);
void old_block(struct old *o, uint8_t command, const void *body);
void old_send(struct old *o);
void old_send_frame(struct old *o, size_t len);
/* The next message that comes; false: none. Then its blocks, decoded; NO_COMMAND behind the last. */
bool old_receive(struct old *o);
bool old_is_answer(const struct old *o);
uint8_t old_answer_block(struct old *o, void *body);
ntstatus old_status(const struct old *o);
void old_assert_dropped(struct old *o);
/* A message of one block, and the status of its answer; CONNECTION_DISCONNECTED. */
ntstatus old_call(struct old *o, uint8_t command, const void *req, void *rsp);
/* The exchange; old_logon is with SPNEGO. */
ntstatus old_negotiate(struct old *o, const char *dialect, struct smb1_negotiate_rsp *rsp);
ntstatus old_logon(struct old *o, const char *user, const char *password);
ntstatus old_tree(struct old *o, const char *share);
/* Files, of full access but deletion; fid is what old_open opened. */
struct smb1_nt_create_andx_req old_create_of(struct old *o, const char *name, uint32_t access, uint32_t disposition);
ntstatus old_open(struct old *o, const char *name);
ntstatus old_write(struct old *o, const char *bytes);
ntstatus old_close(struct old *o, uint16_t fid);
void old_make_file(struct old *o, const char *name, const char *bytes);

#endif
