/* Searches: a directory that is open for a client who asks for its entries bit by bit ([MS-CIFS] 3.3.1.7, SID). FIND_FIRST2 and SEARCH share them. Only the
 * operation that works on one touches it: such operations do not park, and run under the connection's receive token. */
#ifndef SERVER_SMB1_SEARCH_H
#define SERVER_SMB1_SEARCH_H

#include "server/smb1/op.h"

enum { SRV1_SEARCH_NAME_BYTES = 512 };

struct srv1_search {
	_Atomic uint32_t refs;
	uint16_t sid, uid, tid, attributes;
	struct smb2_file_id id;
	uint8_t pattern[SRV1_SEARCH_NAME_BYTES];
	size_t pattern_len;
	uint8_t *listed;             /* entries that are still to be given out, of FSCC_FILE_ID_BOTH_DIRECTORY */
	struct slice left;           /* of listed */
	uint64_t given;              /* how many have been; also the resume key of the last of them */
	uint8_t last[SRV1_SEARCH_NAME_BYTES];
	size_t last_len;
	bool restart, ended;
	uint64_t used;               /* order of use */
	/* While it is looked for where to go on. */
	uint64_t skip_to;            /* entries with this number and those before are not given out; 0: none */
	uint8_t skip_name[SRV1_SEARCH_NAME_BYTES];
	size_t skip_name_len;        /* nor those up to this one */
};

enum srv1_found {
	SRV1_ENTRY,      /* there is one */
	SRV1_ASK,        /* a QUERY_DIRECTORY was asked for: return SRV1_CALL */
	SRV1_END,        /* no more */
	SRV1_FAILED      /* *status */
};

void srv1_search_put(struct srv1_search *s);
/* Asks for the CREATE of the directory that the path's name is in. */
ntstatus srv1_search_open(struct srv1_op *op, struct slice raw, struct slice *pattern) MUST_USE;
/* With that done: a new search, referenced. NULL: *status. */
struct srv1_search *srv1_search_new(struct srv1_op *op, struct slice pattern, uint16_t attributes, ntstatus *status) MUST_USE;
/* The search of that SID, referenced, with op->open its directory; NULL: none of this session and tree. */
struct srv1_search *srv1_search_find(struct srv1_op *op, uint16_t sid) MUST_USE;
void srv1_search_end(struct srv1_op *op, struct srv1_search *s);
/* The next entry, which is not taken yet; answered: the QUERY_DIRECTORY that was asked for has its answer in op->r. */
enum srv1_found srv1_search_next(struct srv1_op *op, struct srv1_search *s, bool *answered, struct fscc_dir_entry *e, ntstatus *status);
/* It has been given out. */
void srv1_search_taken(struct srv1_search *s, const struct fscc_dir_entry *e);
/* Goes on behind the entry of that number, or that name. */
void srv1_search_resume(struct srv1_search *s, uint64_t number, struct slice name);

#endif
