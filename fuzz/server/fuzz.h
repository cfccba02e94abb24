/* A whole server on a mem store, and two clients that reach it over mem connections, in one pool without threads and on a virtual clock: the
 * same input gives the same run. Shared by the targets of this folder, one for each protocol.
 *
 * An input is two bytes that say how far the clients have come by messages as they should be (enum fuzz_level, enum fuzz_who, FUZZ_*), and
 * pieces: two bytes of length, then the piece, of which its first byte says how it becomes a frame. */
#ifndef FUZZ_SERVER_H
#define FUZZ_SERVER_H

#include "base/clock.h"
#include "net/net.h"
#include "server/srv.h"
#include "wire/smb2.h"

#include <stdlib.h>

#define MUST(x)                                                                                                        \
	do {                                                                                                           \
		if (!(x))                                                                                              \
			abort();                                                                                       \
	} while (0)

/* The first byte: a level, who logs on, and whether the second client comes as far. */
enum fuzz_level { LEVEL_NOTHING, LEVEL_NEGOTIATED, LEVEL_LOGGED_ON, LEVEL_TREE, LEVEL_FILE, LEVEL_DIRECTORY, LEVEL_PIPE, LEVEL_FILE_AGAIN, LEVEL_MASK = 7 };
enum fuzz_who { WHO_USER, WHO_GUEST, WHO_NOBODY, WHO_USER_SPNEGO, WHO_SHIFT = 3, WHO_MASK = 3 };
enum { FUZZ_BOTH = 0x20, FUZZ_NBSS = 0x40 };
/* The second byte: what the share is like; the protocol has the rest. */
enum { FUZZ_READ_ONLY = 1, FUZZ_SHORT_NAMES = 2, FUZZ_NO_STREAMS = 4, FUZZ_HIDES = 8, FUZZ_PROTOCOL_SHIFT = 4 };
/* The first byte of a piece. */
enum {
	PIECE_RAW = 1,       /* the rest is the frame; else it is the command and what follows the header */
	PIECE_NO_SESSION = 2, PIECE_NO_TREE = 4,
	PIECE_OTHER = 8,     /* the second client's */
	PIECE_LATER = 0x10,  /* a while has passed */
	PIECE_FID = 0x20,    /* put the FID of the open to where the message has it */
	PIECE_SAME_ID = 0x40, /* with the id of the one before */
	PIECE_OTHER_PROCESS = 0x80
};

enum { FUZZ_FRAME_BYTES = 8192, FUZZ_PIECE_BYTES = 2048 };

struct fuzz_client {
	struct net_conn *net;
	bool closed;
	enum fuzz_level level;
	enum fuzz_who who;
	unsigned options;          /* the second byte */
	/* The last answer. */
	uint8_t answer[FUZZ_FRAME_BYTES];
	size_t answer_len;
	uint8_t challenge[8];
	uint64_t next_id, session_id;
	uint32_t tree_id;
	struct smb2_file_id file_id;
	uint16_t uid, tid, fid;
};

extern struct clock_virtual fuzz_clock;

/* Sends a frame, and lets the server answer. */
void fuzz_send(struct fuzz_client *c, const uint8_t *frame, size_t len);

/* --- of the protocol --- */
/* The client's way to its level; it may end sooner. */
void fuzz_prelude(struct fuzz_client *c);
/* The frame that a piece is; its length. */
size_t fuzz_frame(struct fuzz_client *c, struct slice piece, uint8_t frame[FUZZ_FRAME_BYTES]);
/* What a server may not send. */
void fuzz_check(const struct fuzz_client *c, struct slice answer);
/* A piece that is a legal message, made of the seed; its length, 0: none. */
size_t fuzz_generate(uint64_t seed, uint8_t piece[FUZZ_PIECE_BYTES]);

/* --- for generators --- */
struct slice fuzz_name(struct wire *random, bool unicode);
/* Up to `most` bytes, in the arena. */
struct slice fuzz_random_bytes(struct wire *random, struct arena *a, size_t most);

#endif
