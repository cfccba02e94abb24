/* What the files of the cursor share among themselves; coders include wire.h only. */
#ifndef WIRE_INTERNAL_H
#define WIRE_INTERNAL_H

#include "wire/wire.h"

/* n bytes left, or the error is set. Decode and encode only. */
bool wire_room(struct wire *w, const char *name, size_t n);
void wire_store(uint8_t *p, size_t n, uint64_t v);
void wire_fill_random(struct wire *w, uint8_t *p, size_t n) COLD;

void wire_print_line(struct wire *w, const char *name, const char *value) COLD;
void wire_print_number(struct wire *w, const char *name, uint64_t v, size_t n) COLD;
void wire_print_time(struct wire *w, const char *name, uint64_t v) COLD;
void wire_print_bytes(struct wire *w, const char *name, struct slice s) COLD;
void wire_print_text(struct wire *w, const char *name, struct slice s) COLD;
void wire_print_ascii(struct wire *w, const char *name, struct slice s) COLD; /* one byte a character; others than ASCII as '?' */
void wire_print_guid(struct wire *w, const char *name, const struct guid *g) COLD;

#endif
