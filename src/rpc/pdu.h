/* Connection-oriented DCE/RPC PDUs ([MS-RPCE] 2.2.2, C706 12.6): what the pipe, its interfaces and the client share. Not
 * for other folders. */
#ifndef RPC_PDU_H
#define RPC_PDU_H

#include "base/guid.h"
#include "rpc/rpc.h"
#include "wire/wire.h"

enum rpc_ptype {
	RPC_REQUEST = 0,
	RPC_RESPONSE = 2,
	RPC_FAULT = 3,
	RPC_BIND = 11,
	RPC_BIND_ACK = 12,
	RPC_BIND_NAK = 13,
	RPC_ALTER_CONTEXT = 14,
	RPC_ALTER_CONTEXT_RESP = 15,
	RPC_AUTH3 = 16,
	RPC_CO_CANCEL = 18,
	RPC_ORPHANED = 19
};

enum { RPC_FIRST_FRAG = 0x01, RPC_LAST_FRAG = 0x02, RPC_DID_NOT_EXECUTE = 0x20, RPC_OBJECT_UUID = 0x80 };
enum { RPC_HEADER_LEN = 16, RPC_CALL_HEADER_LEN = 24, RPC_FRAG_MIN = 1432, RPC_FRAG_MAX = 4280 };

/* Fault codes (C706 E, [MS-RPCE] 2.2.2.9) */
#define RPC_NCA_OP_RNG_ERROR 0x1c010002u
#define RPC_NCA_UNK_IF 0x1c010003u
#define RPC_NCA_PROTO_ERROR 0x1c01000bu
#define RPC_NCA_INVALID_TAG 0x1c000006u
#define RPC_FAULT_BAD_STUB_DATA 0x000006f7u
#define RPC_FAULT_ACCESS_DENIED 0x00000005u
#define RPC_FAULT_NO_MEMORY 0x1c00001bu

/* The common header; frag_len is patched when the PDU is complete. */
struct rpc_header {
	uint8_t version, version_minor, ptype, flags;
	uint8_t drep[4];
	uint16_t frag_len, auth_len;
	uint32_t call_id;
};

struct rpc_syntax {
	struct guid uuid;
	uint32_t version; /* major in the low half */
};

void rpc_header_code(struct wire *w, struct rpc_header *h);
void rpc_syntax_code(struct wire *w, struct rpc_syntax *s);
bool rpc_syntax_equal(const struct rpc_syntax *a, const struct rpc_syntax *b);
/* Starts a PDU of ours, and fills in its length. */
void rpc_pdu_begin(struct wire *w, uint8_t ptype, uint8_t flags, uint32_t call_id);
void rpc_pdu_end(struct wire *w, size_t start);

extern const struct rpc_syntax rpc_syntax_ndr, rpc_syntax_srvsvc, rpc_syntax_wkssvc;

/* --- interfaces --- */

/* An operation reads its stub and writes the answer's. A fault code, or 0. A stub that does not fit makes the writer fail
 * with BUFFER_OVERFLOW: it is called again with more room. */
struct rpc_call {
	const struct rpc_host *host;
	const char *server_name;
};
typedef uint32_t (*rpc_operation)(const struct rpc_call *call, struct wire *in, struct wire *out);

struct rpc_interface {
	const char *pipe;              /* lower case */
	const struct rpc_syntax *syntax;
	rpc_operation (*operation)(uint16_t opnum); /* NULL: there is no such one */
};

extern const struct rpc_interface rpc_interface_srvsvc, rpc_interface_wkssvc;

/* Win32 codes that operations return ([MS-ERREF] 2.2) */
enum { WERR_OK = 0, WERR_INVALID_PARAMETER = 87, WERR_INVALID_LEVEL = 124, WERR_MORE_DATA = 234, WERR_NET_NAME_NOT_FOUND = 2310, WERR_ACCESS_DENIED = 5 };

#endif
