/* Transactions: [MS-CIFS] 3.2.4.1.3, 3.2.4.1.4, 3.2.5.1.4. What is asked fits into one message; the answer may come in several, which are put together
 * here, in the order that servers send them in and within the sizes that were asked for, before anybody sees them. */
#include "client/smb1/smb1.h"

#include <stdlib.h>

struct cli1_trans {
	void (*complete)(struct cli_request *r, ntstatus status, struct slice parameters, struct slice data);
	size_t most_parameters, most_data;     /* as asked for */
	size_t parameter_count, data_count;    /* that are here */
	bool begun;
	uint8_t *parameters, *data;
};

void cli1_trans_free(struct cli1_trans *t)
{
	free(t);
}

/* The next piece, which has to stand where the last one ended. */
static bool put(uint8_t *to, size_t *have, size_t total, size_t at, struct slice piece)
{
	if (at != *have && piece.len > 0)
		return false;
	if (total < *have || piece.len > total - *have)
		return false;
	if (piece.len > 0)
		memcpy(to + *have, piece.data, piece.len);
	*have += piece.len;
	return true;
}

bool cli1_more(struct cli_request *r, struct cli_answer *a)
{
	struct cli1_trans *t = r->trans;
	struct smb1_trans_rsp m;
	ntstatus status;
	if (!t || nt_error(a->status))
		return false;
	if (!cli1_body(r, a, &m, &status) || m.total_parameter_count > t->most_parameters || m.total_data_count > t->most_data ||
		!put(t->parameters, &t->parameter_count, m.total_parameter_count, m.parameter_displacement, m.parameters) ||
		!put(t->data, &t->data_count, m.total_data_count, m.data_displacement, m.data)) {
		*a = (struct cli_answer){.status = STATUS_INVALID_NETWORK_RESPONSE};
		return false;
	}
	if (t->parameter_count == m.total_parameter_count && t->data_count == m.total_data_count)
		return false;
	/* A part that brings nothing must not make us wait again and again. */
	if (m.parameters.len + m.data.len == 0) {
		*a = (struct cli_answer){.status = STATUS_INVALID_NETWORK_RESPONSE};
		return false;
	}
	pthread_mutex_lock(&r->conn->lock);
	r->tick = r->conn->tick;
	pthread_mutex_unlock(&r->conn->lock);
	return true;
}

static void trans_complete(struct cli_request *r, const struct cli_answer *a)
{
	struct cli1_trans *t = r->trans;
	bool here = a->message && !nt_error(a->status);
	ntstatus status = !a->message && !nt_error(a->status) ? STATUS_INVALID_NETWORK_RESPONSE : a->status;
	t->complete(r, status, slice_of(t->parameters, here ? t->parameter_count : 0), slice_of(t->data, here ? t->data_count : 0));
}

ntstatus cli1_trans(struct cli_request *r, const struct cli1_ask *ask, hythe_done_fn *done, void *arg)
{
	if (!r)
		return STATUS_NO_MEMORY;
	uint8_t setup[sizeof(ask->setup)];
	struct cli1_trans *t = malloc(sizeof(*t) + ask->max_parameters + ask->max_data);
	size_t sent = ask->parameters.len + ask->data.len + ask->name.len;
	if (!t || sent + 128 > r->conn->smb1->max_buffer || ask->parameters.len > UINT16_MAX || ask->data.len > UINT16_MAX) {
		ntstatus status = t ? STATUS_INVALID_PARAMETER : STATUS_NO_MEMORY;
		if (t)
			cli_error_set("that is more than %s takes in one message", r->conn->host);
		free(t);
		cli_request_free(r);
		return status;
	}
	*t = (struct cli1_trans){.complete = ask->complete, .most_parameters = ask->max_parameters, .most_data = ask->max_data};
	t->parameters = (uint8_t *)(t + 1);
	t->data = t->parameters + ask->max_parameters;
	for (size_t i = 0; i < ask->setup_words; i++)
		store_le16(setup + 2 * i, ask->setup[i]);
	struct smb1_trans_req req = {
		.total_parameter_count = (uint16_t)ask->parameters.len, .total_data_count = (uint16_t)ask->data.len,
		.max_parameter_count = ask->max_parameters, .max_data_count = ask->max_data,
		.setup = slice_of(setup, 2 * ask->setup_words), .name = ask->name, .parameters = ask->parameters, .data = ask->data,
	};
	r->trans = t;
	r->complete = trans_complete;
	return cli1_go(r, &req, sent + 64, done, arg);
}
