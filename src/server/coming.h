/* A large frame whose signature is computed, or that is decrypted, while it comes in. */
#ifndef SERVER_COMING_H
#define SERVER_COMING_H

#include "proto/proto.h"

struct srv_channel;
struct srv_coming;
struct srv_conn;

/* As net_conn_ops.coming. What becomes of it stands in c->coming, for who then gets the frame. */
bool srv_coming_show(struct srv_conn *c, uint8_t *frame, size_t at, size_t n, size_t len);
/* All of the message was gone through that `raw` is, for a signature by these keys. in may be NULL. */
bool srv_coming_signs(const struct srv_coming *in, const struct proto_keys *keys, struct slice raw);
/* Once, for what the former is said of. */
bool srv_coming_verified(struct srv_coming *in) MUST_USE;
/* The frame was sealed, and now lies there decrypted, all or a part of it. in may be NULL. */
bool srv_coming_unseals(const struct srv_coming *in);
/* Once, for what that is said of: *plain is the message of this frame, and the channel it came by the caller's. NULL: it is not right. */
struct srv_channel *srv_coming_unsealed(struct srv_coming *in, uint8_t *frame, size_t len, struct slice *plain) MUST_USE;
/* NULL is allowed. */
void srv_coming_free(struct srv_coming *in);

#endif
