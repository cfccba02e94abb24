/* NetBIOS sessions: RFC 1002 4.3, 5.3. The side that accepts: a session request before the first frame, whose name the owner
 * judges. Either side, in the session: keep-alives are taken and mean nothing, frames have 17 bits of length. The side that calls does so
 * before its connection becomes one of the pool's, since nothing else can happen on it until the answer is there.
 * Layouts are wire/nbss.h's. */
#include "net/internal.h"

#include "base/log.h"
#include "wire/nbss.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

enum { PACKET_MAX = 600, NAME_TEXT = 16, WHY_BYTES = 256, PEER_BYTES = 64, SERVER_SUFFIX = 0x20, ANSWER_MAX = 10 };

static const char any_server[] = "*SMBSERVER";

bool net_conn_is_nbss(const struct net_conn *c)
{
	return c->nbss;
}

void net_conn_make_nbss(struct net_conn *c, bool awaits)
{
	c->nbss = true;
	c->nbss_session = !awaits;
}

static struct nbss_header header_of(const uint8_t *p, bool *ok)
{
	struct nbss_header h = {0};
	struct wire w = wire_decoder(p, 0, NBSS_HEADER_SIZE, NULL);

	nbss_header_code(&w, &h);
	*ok = wire_ok(&w);
	return h;
}

/* --- receiving --- */

size_t net_nbss_total(const struct net_conn *c, const uint8_t *p, size_t n)
{
	struct nbss_header h;
	bool ok, message = p[0] == NBSS_SESSION_MESSAGE;

	/* Only what has a place here is waited for: the rest of a stranger's packet need not come first. */
	if (message ? !c->nbss_session : !nbss_type_name(p[0]))
		return SIZE_MAX;
	if (n < NBSS_HEADER_SIZE)
		return 0;
	h = header_of(p, &ok);
	if (!ok || (message && (h.length == 0 || h.length > atomic_load(&c->limit))) || (!message && h.length > PACKET_MAX))
		return SIZE_MAX;
	return h.length + NBSS_HEADER_SIZE;
}

/* RFC 1002 4.3.4; the peer gets a moment to read it. */
static void refuse(struct net_conn *c, uint8_t error)
{
	const uint8_t answer[] = {NBSS_NEGATIVE_RESPONSE, 0, 0, 1, error};

	net_conn_send_raw(c, answer, sizeof(answer));
	net_conn_close(c, true);
}

/* RFC 1002 4.3.2, 5.3.1.3 */
static bool session_request(struct net_conn *c, const uint8_t *p, size_t n)
{
	static const uint8_t positive[] = {NBSS_POSITIVE_RESPONSE, 0, 0, 0};
	char called[NAME_TEXT], calling[NAME_TEXT], peer[PEER_BYTES];
	struct wire w = wire_decoder(p, NBSS_HEADER_SIZE, n, NULL);
	struct nbss_request m = {0};
	uint8_t error;

	net_conn_peer(c, peer, sizeof(peer));
	nbss_request_code(&w, &m);
	if (!wire_ok(&w)) {
		log_info("%s: dropped, its NetBIOS session request is malformed", peer);
		refuse(c, NBSS_UNSPECIFIED_ERROR);
		return true;
	}
	nbss_name_text(called, &m.called);
	nbss_name_text(calling, &m.calling);
	error = c->ops->called ? c->ops->called(c, c->user, called, m.called.bytes[NBSS_NAME_BYTES - 1], calling) : NBSS_NOT_LISTENING_ON_CALLED_NAME;
	if (error != 0) {
		const char *name = nbss_error_name(error);

		log_info("%s: no NetBIOS session for %s, which called %s<%02X>: %s", peer, calling, called, m.called.bytes[NBSS_NAME_BYTES - 1],
			name ? name : "refused");
		refuse(c, error);
		return true;
	}
	c->nbss_session = true;
	net_conn_send_raw(c, positive, sizeof(positive));
	return true;
}

bool net_nbss_packet(struct net_conn *c, const uint8_t *p, size_t n)
{
	if (p[0] == NBSS_KEEP_ALIVE)
		return true;
	return p[0] == NBSS_SESSION_REQUEST && !c->nbss_session && session_request(c, p, n);
}

void net_nbss_misplaced(struct net_conn *c, const uint8_t *p)
{
	char peer[PEER_BYTES];

	net_conn_peer(c, peer, sizeof(peer));
	if (c->nbss && !c->nbss_session && p && p[0] == NBSS_SESSION_MESSAGE) {
		log_info("%s: dropped, it speaks SMB without a NetBIOS session, which this port is for; ports without nbss: take it", peer);
		refuse(c, NBSS_UNSPECIFIED_ERROR);
	} else if (!c->nbss && p && p[0] == NBSS_SESSION_REQUEST) {
		log_info("%s: turned away, it asks for a NetBIOS session, and this port is for direct TCP; \"listen = nbss:ADDRESS:139\" makes one", peer);
		refuse(c, NBSS_NOT_LISTENING_ON_CALLED_NAME);
	} else {
		log_debug("%s: dropped, a packet of it is malformed or too long", peer);
		net_conn_drop(c);
	}
}

/* --- calling --- */

struct call {
	const struct net_nbss_call *how;
	uint64_t until_ms;
	ntstatus status;
	char *why;
	char called[NAME_TEXT]; /* of the attempt */
};

static unsigned time_left(const struct call *k)
{
	uint64_t now = clock_ms(&clock_system);

	return k->until_ms > now ? (unsigned)(k->until_ms - now) : 0;
}

static bool call_failed(struct call *k, int err)
{
	k->status = err == ETIMEDOUT ? STATUS_IO_TIMEOUT : err ? net_status_from_errno(err) : STATUS_CONNECTION_DISCONNECTED;
	snprintf(k->why, WHY_BYTES, err == ETIMEDOUT ? "no answer to the NetBIOS session request came" :
		"the connection was ended instead of an answer to the NetBIOS session request");
	return false;
}

static bool wait_for(struct call *k, int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};
	int n;

	do
		n = poll(&p, 1, (int)time_left(k));
	while (n < 0 && errno == EINTR);
	return n > 0 || call_failed(k, n == 0 ? ETIMEDOUT : errno);
}

static bool put_all(struct call *k, int fd, const uint8_t *p, size_t n)
{
	if (k->how->packet)
		k->how->packet(k->how->arg, false, p, n);
	while (n > 0) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return call_failed(k, errno);
		if (sent < 0 && !wait_for(k, fd, POLLOUT))
			return false;
		if (sent > 0) {
			p += sent;
			n -= (size_t)sent;
		}
	}
	return true;
}

static bool get_all(struct call *k, int fd, uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t got = recv(fd, p, n, 0);

		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
			return call_failed(k, got == 0 ? 0 : errno);
		if (got < 0 && !wait_for(k, fd, POLLIN))
			return false;
		if (got > 0) {
			p += got;
			n -= (size_t)got;
		}
	}
	return true;
}

/* The next packet that is no keep-alive; not a byte of what follows it. */
static bool get_answer(struct call *k, int fd, uint8_t *p, size_t *n)
{
	struct nbss_header h;
	bool ok;

	do {
		if (!get_all(k, fd, p, NBSS_HEADER_SIZE))
			return false;
		h = header_of(p, &ok);
		if (!ok || h.length > ANSWER_MAX - NBSS_HEADER_SIZE) {
			k->status = STATUS_INVALID_NETWORK_RESPONSE;
			snprintf(k->why, WHY_BYTES, "what answers there does not speak the NetBIOS session service");
			return false;
		}
		*n = NBSS_HEADER_SIZE + h.length;
		if (!get_all(k, fd, p + NBSS_HEADER_SIZE, h.length))
			return false;
		if (k->how->packet)
			k->how->packet(k->how->arg, true, p, *n);
	} while (h.type == NBSS_KEEP_ALIVE);
	return true;
}

static bool put_request(struct call *k, int fd)
{
	uint8_t packet[NBSS_HEADER_SIZE + NBSS_REQUEST_LENGTH];
	struct wire w = wire_encoder(packet, 0, sizeof(packet));
	struct nbss_header h = {.type = NBSS_SESSION_REQUEST, .length = NBSS_REQUEST_LENGTH};
	struct nbss_request m = {.called = nbss_name_of(k->called, SERVER_SUFFIX)};
	char host[256] = "";

	if (!k->how->calling && gethostname(host, sizeof(host) - 1) != 0)
		host[0] = 0;
	host[strcspn(host, ".")] = 0;
	m.calling = nbss_name_of(k->how->calling ? k->how->calling : host[0] ? host : "HYTHE", 0);
	nbss_header_code(&w, &h);
	nbss_request_code(&w, &m);
	return wire_ok(&w) && put_all(k, fd, packet, w.pos);
}

enum outcome { ACCEPTED, FAILED, NAME_REFUSED, RETARGETED };

static enum outcome refused(struct call *k, uint8_t error)
{
	const char *name = nbss_error_name(error);
	bool unknown = error == NBSS_CALLED_NAME_NOT_PRESENT || error == NBSS_NOT_LISTENING_ON_CALLED_NAME;

	k->status = unknown ? STATUS_BAD_NETWORK_PATH : error == NBSS_INSUFFICIENT_RESOURCES ? STATUS_INSUFFICIENT_RESOURCES : STATUS_CONNECTION_REFUSED;
	snprintf(k->why, WHY_BYTES, "it refuses a NetBIOS session with the name %s: %s%s", k->called, name ? name : "no reason that is known",
		error == NBSS_NOT_LISTENING_FOR_CALLING_NAME ? " (ours)" : "");
	return unknown ? NAME_REFUSED : FAILED;
}

/* RFC 1002 5.3.1.1. *to is where a retarget leads. */
static enum outcome ask(struct call *k, int fd, struct nbss_retarget *to)
{
	uint8_t p[ANSWER_MAX];
	struct nbss_negative negative = {0};
	struct wire w;
	size_t n;

	if (!put_request(k, fd) || !get_answer(k, fd, p, &n))
		return FAILED;
	w = wire_decoder(p, NBSS_HEADER_SIZE, n, NULL);
	if (p[0] == NBSS_POSITIVE_RESPONSE)
		return ACCEPTED;
	if (p[0] == NBSS_NEGATIVE_RESPONSE)
		nbss_negative_code(&w, &negative);
	else if (p[0] == NBSS_RETARGET_RESPONSE)
		nbss_retarget_code(&w, to);
	else
		wire_fail(&w, STATUS_INVALID_NETWORK_RESPONSE, "TYPE");
	if (!wire_ok(&w)) {
		k->status = STATUS_INVALID_NETWORK_RESPONSE;
		snprintf(k->why, WHY_BYTES, "its answer to the NetBIOS session request makes no sense");
		return FAILED;
	}
	return p[0] == NBSS_RETARGET_RESPONSE ? RETARGETED : refused(k, negative.error_code);
}

static bool is_address(const char *host)
{
	uint8_t bytes[16];

	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static void name_called(struct call *k, const char *host)
{
	size_t n;

	if (k->how->called)
		snprintf(k->called, sizeof(k->called), "%s", k->how->called);
	else if (is_address(host))
		snprintf(k->called, sizeof(k->called), "%s", any_server);
	else
		snprintf(k->called, sizeof(k->called), "%.*s", (n = strcspn(host, ".")) < NAME_TEXT ? (int)n : NAME_TEXT - 1, host);
}

/* A socket with a session, or -1: at most four attempts, two names at two places. */
static int call_run(struct call *k, const char *host, uint16_t port)
{
	struct nbss_retarget to = {0};
	char elsewhere[INET_ADDRSTRLEN];
	bool moved = false;

	name_called(k, host);
	for (;;) {
		int fd = net_tcp_dial(host, port, time_left(k), &k->status);
		enum outcome o;

		if (fd < 0)
			return -1;
		o = ask(k, fd, &to);
		if (o == ACCEPTED)
			return fd;
		close(fd);
		if (o == NAME_REFUSED && strcmp(k->called, any_server) != 0) {
			snprintf(k->called, sizeof(k->called), "%s", any_server);
		} else if (o == RETARGETED && !moved) {
			inet_ntop(AF_INET, to.ip_address, elsewhere, sizeof(elsewhere));
			host = elsewhere;
			port = to.port;
			moved = true;
		} else {
			if (o == RETARGETED) {
				k->status = STATUS_UNEXPECTED_NETWORK_ERROR;
				snprintf(k->why, WHY_BYTES, "it sends the NetBIOS session request on to another place a second time");
			}
			return -1;
		}
	}
}

struct net_conn *net_connect_nbss(struct net_pool *p, const char *host, uint16_t port, const struct net_nbss_call *call, unsigned timeout_ms,
	ntstatus *status, char *why)
{
	struct call k = {.how = call, .until_ms = clock_ms(&clock_system) + (timeout_ms < INT32_MAX ? timeout_ms : INT32_MAX), .why = why};
	struct net_conn *c = NULL;
	int fd;

	why[0] = 0;
	fd = call_run(&k, host, port);
	if (fd >= 0) {
		why[0] = 0;
		c = net_tcp_dialled(p, fd);
		k.status = c ? STATUS_SUCCESS : STATUS_NO_MEMORY;
	}
	if (c)
		net_conn_make_nbss(c, false);
	*status = k.status;
	return c;
}
