/* Instances of a share whose path depends on who connects (share_path.h): one for each directory in use, with a store and nodes of its own, and the
 * rules of the configured share. Trees and opens keep it, disconnected ones too; whoever connects to the same directory meanwhile
 * gets the same, so that share modes, locks and oplocks hold between them. Called by cmd_tree_connect.c, server.c and share.c. */
#ifndef SERVER_SHARE_INSTANCE_H
#define SERVER_SHARE_INSTANCE_H

#include "server/request.h"
#include "server/session.h"
#include "server/share.h"

/* A share whose rules and path are set becomes one that has instances. false: `why` (256 bytes) says what is wrong with the part of the path that is
 * the same for everybody. */
bool srv_share_vary(struct srv_share *s, char *why) MUST_USE;

/* What a tree on `configured` is to be on: the share itself, or the instance for that user, whom its rules let in, and the request's connection;
 * referenced. BAD_NETWORK_NAME: there is no such directory, which the log says. */
ntstatus srv_share_instance(struct srv_request *r, struct srv_share *configured, const struct srv_user *user, struct srv_share **out) MUST_USE;

/* Nobody refers to the instance any more. */
void srv_instance_gone(struct srv_share *s);
void srv_instances_free(struct srv_instances *i);
/* How many there are. */
uint32_t srv_instances_count(const struct srv_share *configured);

#endif
