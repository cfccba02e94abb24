/* The command around `hythe get` and `hythe put`. */
#include "cli/copying.h"

#include <inttypes.h>
#include <stdlib.h>

enum { SECOND_AFTER = 100 };

/* Many files travel over two connections: smbd has a process for each client, and it is busy all the time with one of them. Whoever refuses the
 * second one gets all files over the first. In SMB1 it could end the first ([MS-CIFS] 2.2.4.53.1, VcNumber). */
static void connect_again(struct cli_copying *c)
{
	const struct cli_url *u = &c->link->url;
	struct hythe_connect_options o = *c->link->options;
	o.apart = true;
	if (cli_link_smb1(c->link) || !nt_ok(hythe_connect(c->link->client, u->host, u->port, &o, &c->session)))
		c->session = NULL;
	else if (nt_ok(hythe_tree_connect(c->session, u->share, &c->tree)))
		cli_jobs_use(c->jobs, c->tree);
	else
		c->tree = NULL;
}

static void disconnect_again(struct cli_copying *c)
{
	hythe_tree_free(c->tree);
	if (c->session) {
		ntstatus ignored = hythe_session_logoff(c->session);
		(void)ignored; /* as in cli_link_close */
	}
}

void cli_copy_add(struct cli_copying *c, const char *from, const char *to, uint64_t size)
{
	if (!cli_jobs_add(c->jobs, from, to, size))
		c->failed = true;
	if (++c->added == SECOND_AFTER)
		connect_again(c);
}

void cli_copied(struct cli_job *job, bool ok, uint64_t bytes)
{
	struct cli_copying *c = cli_jobs_arg(job->jobs);
	if (ok) {
		c->files++;
		c->bytes += bytes;
	} else {
		c->failed = true;
	}
	cli_job_end(job);
}

static void copy(struct cli_copying *c, const struct cli_copy_command *command, const char *remote, const char *local, const char *target)
{
	c->jobs = cli_jobs_start(command->ops, c->link->client, c->link->tree, c);
	if (!c->jobs)
		return;
	c->failed = false;
	cli_interrupt_catch();
	cli_progress_start(&c->progress, c->args, cli_base_name(target), 0);
	command->walk(c, remote, local, target);
	cli_jobs_end(c->jobs);
	disconnect_again(c);
	cli_progress_end(&c->progress);
}

int cli_copy(const struct cli_copy_command *command, int argc, char **argv)
{
	struct cli_args a;
	char password[CLI_PASSWORD_BYTES] = ""; /* a second connection needs it again */
	struct hythe_connect_options o;
	struct cli_link link = {.options = &o};
	struct cli_url u;
	int status = cli_args_parse(&a, command->spec, argc, argv);
	if (status >= 0)
		return status;
	if (!cli_link_url(&u, a.operands[command->url], true))
		return CLI_USAGE;
	struct cli_copying c = {.link = &link, .args = &a, .times = cli_flag_set(&a, 'p'), .failed = true};
	const char *local = a.count > command->local ? a.operands[command->local] : NULL;
	bool known = cli_link_options(&o, &a, &u, password, sizeof(password));
	char *target = known && cli_link_open(&link, &a, &u) ? command->target_of(&link, &u, local) : NULL;
	if (target)
		copy(&c, command, u.path, local, target);
	if (a.json)
		printf("{\"files\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"complete\":%s}\n", c.files, c.bytes, c.failed ? "false" : "true");
	bytes_wipe(password, sizeof(password));
	cli_link_close(&link);
	cli_url_free(&u);
	free(target);
	cli_interrupt_end();
	return c.failed ? CLI_FAILED : CLI_OK;
}
