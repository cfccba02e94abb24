/* The long names of files that have just gone, by their short ones. Paths are relative to the share's root, UTF-16LE. */
#ifndef SERVER_TUNNEL_H
#define SERVER_TUNNEL_H

#include "base/arena.h"
#include "base/bytes.h"

struct srv_tunnel;

struct srv_tunnel *srv_tunnel_new(void);
void srv_tunnel_free(struct srv_tunnel *t); /* NULL is allowed here and below: no short names */
/* A file of that path has been removed or renamed. */
void srv_tunnel_gone(struct srv_tunnel *t, struct slice path, uint64_t now_ms);
/* The path that a new file gets which is to be made under this one: in the arena, or the same. */
struct slice srv_tunnel_find(struct srv_tunnel *t, struct slice path, uint64_t now_ms, struct arena *a);

#endif
