/* Oplock breaks on their way to the holder: [MS-SMB2] 3.3.4.6, 2.2.23.1, and the timer of 3.3.6.1. */
#include "server/oplock.h"

#include "base/log.h"
#include "server/conn.h"
#include "server/out.h"

enum { ACKNOWLEDGE_MS = 35000, NOTIFICATION_BYTES = SMB2_HEADER_SIZE + 24 };

static struct srv_open *open_of(struct fsa_open *o)
{
	return CONTAINER_OF(o, struct srv_open, fsa);
}

void srv_oplock_hold(struct fsa_open *o)
{
	(void)srv_open_ref(open_of(o));
}

void srv_oplock_attach(struct srv_open *o, struct srv_conn *c)
{
	o->oplock_session = srv_session_ref(o->session);
	o->oplock_conn = srv_conn_ref(c);
}

/* 2.2.23.1: a message that answers nothing, sealed where the session is, never signed. */
static void notify(struct srv_open *o)
{
	struct smb2_header h = {
		.command = SMB2_OPLOCK_BREAK, .flags = SMB2_FLAGS_SERVER_TO_REDIR, .message_id = UINT64_MAX,
	};
	struct smb2_oplock_break body = {.oplock_level = o->fsa.break_to, .file_id = o->file_id};
	struct srv_conn *c = o->oplock_conn;
	struct net_batch batch;
	struct srv_out out;
	struct wire w;
	uint8_t *head;
	size_t cap;

	srv_out_init(&out, c);
	if (o->oplock_session->encrypt_data || o->tree->share->encrypt)
		out.seal = srv_session_ref(o->oplock_session);
	head = srv_out_room(&out, NOTIFICATION_BYTES + 8, &cap);
	if (!head) {
		/* A holder who is never told would keep what he may not; without him nobody does. */
		net_conn_close(c->net, false);
		srv_out_discard(&out);
		return;
	}
	w = wire_encoder(head, 0, cap - 8);
	smb2_header_code(&w, &h);
	smb2_oplock_break_code(&w, &body);
	out.elements[out.count++] = (struct srv_out_element){.head = head, .head_len = w.pos};
	net_batch_init(&batch, c->net);
	srv_out_flush(&out, &batch);
	net_batch_flush(&batch);
	log_debug("%s: oplock breaks to %u", c->peer, body.oplock_level);
}

/* 3.3.6.1 */
static void on_silence(struct net_timer *t)
{
	struct srv_open *o = CONTAINER_OF(t, struct srv_open, oplock_timer);
	bool mine;

	pthread_mutex_lock(&o->lock);
	mine = o->oplock_timer_armed;
	o->oplock_timer_armed = false;
	pthread_mutex_unlock(&o->lock);
	if (!mine)
		return;
	log_info("%s: no answer to an oplock break", o->oplock_conn->peer);
	fsa_oplock_expire(&o->fsa);
	srv_open_put(o);
}

/* The armed timer has a reference. An open that has left its node meanwhile breaks no more and gets none. */
static void arm(struct srv_open *o)
{
	pthread_mutex_lock(&o->lock);
	if (!o->oplock_timer_armed && fsa_oplock_breaking(&o->fsa)) {
		o->oplock_timer_armed = true;
		o->oplock_timer.fn = on_silence;
		net_timer_arm(o->oplock_conn->srv->pool, &srv_open_ref(o)->oplock_timer, ACKNOWLEDGE_MS);
	}
	pthread_mutex_unlock(&o->lock);
}

void srv_oplock_disarm(struct srv_open *o)
{
	bool mine;

	if (!o->oplock_conn)
		return;
	pthread_mutex_lock(&o->lock);
	mine = o->oplock_timer_armed;
	o->oplock_timer_armed = false;
	pthread_mutex_unlock(&o->lock);
	if (!mine)
		return;
	net_timer_cancel(o->oplock_conn->srv->pool, &o->oplock_timer);
	srv_open_put(o);
}

static void tell(struct srv_open *o)
{
	notify(o);
	arm(o);
	srv_open_put(o);
}

/* A client that does not know of its oplock yet will be told when it does. */
static void tell_or_postpone(struct srv_open *o)
{
	bool now, later;

	pthread_mutex_lock(&o->lock);
	now = o->oplock_announced;
	later = !now && !o->oplock_forgotten && !o->oplock_untold;
	o->oplock_untold = o->oplock_untold || later;
	pthread_mutex_unlock(&o->lock);
	if (now)
		tell(o);
	else if (!later)
		srv_open_put(o);
}

void srv_oplock_tell(struct fsa_breaks *b)
{
	struct fsa_open *f;

	while ((f = fsa_breaks_next(b)) != NULL)
		tell_or_postpone(open_of(f));
}

void srv_oplock_announce(struct srv_open *o)
{
	bool untold;

	if (!o)
		return;
	pthread_mutex_lock(&o->lock);
	o->oplock_announced = true;
	untold = o->oplock_untold;
	o->oplock_untold = false;
	pthread_mutex_unlock(&o->lock);
	if (untold)
		tell(o);
	srv_open_put(o);
}

void srv_oplock_forget(struct srv_open *o)
{
	bool untold;

	pthread_mutex_lock(&o->lock);
	o->oplock_forgotten = true;
	untold = o->oplock_untold;
	o->oplock_untold = false;
	pthread_mutex_unlock(&o->lock);
	if (untold)
		srv_open_put(o);
}

void srv_oplock_written(struct srv_open *o)
{
	struct fsa_breaks b;

	fsa_breaks_init(&b);
	fsa_oplock_written(&o->fsa, &b);
	srv_oplock_tell(&b);
}
