/* FSCTL_QUERY_NETWORK_INTERFACE_INFO: [MS-SMB2] 2.2.32.5, 3.3.5.15.11. By it clients learn where further channels may lead. */
#include "server/fsctl_interfaces.h"

#include "server/conn.h"
#include "wire/fsctl.h"

#include <stdatomic.h>

enum { INTERFACES_MOST = 128, INTERFACE_BYTES = 152 };

/* Whether one of the server's listeners takes connections to that address. */
static bool listens_on(const struct srv *srv, const struct net_address *a)
{
	size_t n = atomic_load(&srv->bound_count);

	for (size_t i = 0; i < n; i++) {
		const struct net_address *b = &srv->bound[i];

		/* A listener on every address of IPv6 has those of IPv4, too. */
		if (net_address_is_any(b) ? b->family == a->family || b->family == NET_IPV6
					  : b->family == a->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0)
			return true;
	}
	return false;
}

/* The machine's own addresses are there for those who are on it. */
static bool is_of_use(const struct srv_request *r, const struct net_interface *i)
{
	struct net_address here;
	bool local = net_conn_local_address(r->conn->net, &here) && net_address_is_loopback(&here);

	return (local || !net_address_is_loopback(&i->address)) && listens_on(r->srv, &i->address);
}

static struct fsctl_interface describe(const struct net_interface *i)
{
	struct fsctl_interface m = {
		.if_index = i->index, .capability = i->many_queues ? FSCTL_IF_RSS : 0, .link_speed = i->bits_a_second,
		.family = i->address.family == NET_IPV4 ? FSCTL_FAMILY_IPV4 : FSCTL_FAMILY_IPV6,
	};

	memcpy(m.address, i->address.bytes, sizeof(m.address));
	return m;
}

/* [MS-SMB2] 3.3.5.15.11 */
struct srv_result srv_fsctl_interfaces(struct srv_request *r, const struct smb2_ioctl_req *in, struct smb2_ioctl_rsp *out)
{
	struct net_interface *all = arena_alloc(&r->arena, INTERFACES_MOST * sizeof(*all));
	size_t n = all ? net_interfaces(all, INTERFACES_MOST) : 0, useful = 0;
	struct wire w;

	if (!all)
		return srv_reply(STATUS_INSUFFICIENT_RESOURCES);
	for (size_t i = 0; i < n; i++) {
		if (is_of_use(r, &all[i]))
			all[useful++] = all[i];
	}
	if (in->max_output_response < useful * INTERFACE_BYTES)
		return srv_reply(STATUS_BUFFER_TOO_SMALL);
	if (!srv_payload_alloc(r, useful * INTERFACE_BYTES))
		return srv_reply(STATUS_INSUFFICIENT_RESOURCES);
	w = wire_encoder(r->payload.data, 0, r->payload.cap);
	for (size_t i = 0; i < useful; i++) {
		struct fsctl_interface m = describe(&all[i]);

		fsctl_interface_put(&w, &m);
	}
	if (!wire_ok(&w))
		return srv_reply(STATUS_INTERNAL_ERROR);
	r->payload.len = w.pos;
	out->output = srv_payload_slice(r);
	return srv_reply(STATUS_SUCCESS);
}
