/* Every structure of src/wire that has a coder, and every list that has an iterator, as a row: what the property tests, the
 * vectors test and the fuzz targets run over. Made from msgs.def and the tables of fscc.h and fsctl.h. */
#ifndef TESTS_CODEC_ROWS_H
#define TESTS_CODEC_ROWS_H

#include "wire/smb2.h"

struct codec_row {
	const char *name;  /* "create_req", "fscc_file_18", "fsctl_pipe_wait" ... */
	size_t size;       /* sizeof the struct */
	size_t start;      /* pos of its first byte: 64 for bodies */
	size_t fixed;      /* bytes that must be there; 0: unknown */
	void (*code)(struct wire *w, void *m);
};

/* Walks a list to its end and touches what it finds; the number of elements, or -1 if malformed. */
struct list_row {
	const char *name;
	int (*walk)(struct slice list);
};

size_t codec_row_count(void);
struct codec_row codec_row_at(size_t i);
/* Those of SMB1 and NetBIOS (smb1_rows.c), which are among the others. A byte before the structure says whether strings are Unicode. */
size_t smb1_row_count(void);
struct codec_row smb1_row_at(size_t i);
size_t smb1_list_row_count(void);
struct list_row smb1_list_row_at(size_t i);
size_t list_row_count(void);
struct list_row list_row_at(size_t i);

#endif
