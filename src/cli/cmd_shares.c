/* `hythe shares`: what a server offers. */
#include "cli/cli.h"

enum { TYPE_MASK = 0x0FFFFFFF, TYPE_SPECIAL = (int)0x80000000 };

static const struct cli_flag flags[] = {
	{'a', "all", "hidden shares too"},
	{0, NULL, NULL},
};
static const struct cli_spec spec = {
	.name = "shares", .synopsis = "[OPTION]... smb://[DOMAIN;]USER@HOST[:PORT]", .text = "Lists a server's shares.", .flags = flags,
	.least = 1, .most = 1, .client = true};

static const char *type_name(uint32_t type)
{
	static const char *const names[] = {"disk", "printer", "device", "ipc"};
	type &= TYPE_MASK;
	return type < ARRAY_LEN(names) ? names[type] : "other";
}

static bool hidden(const struct hythe_share *s)
{
	size_t n = strlen(s->name);
	return (s->type & (uint32_t)TYPE_SPECIAL) || (n > 0 && s->name[n - 1] == '$');
}

static void show(const struct cli_args *a, const struct hythe_share *shares, size_t n)
{
	bool first = true;
	if (a->json)
		putchar('[');
	for (size_t i = 0; i < n; i++) {
		if (hidden(&shares[i]) && !cli_flag_set(a, 'a'))
			continue;
		if (a->json) {
			fputs(first ? "\n{\"name\":" : ",\n{\"name\":", stdout);
			cli_json_string(stdout, shares[i].name);
			printf(",\"type\":\"%s\",\"hidden\":%s,\"remark\":", type_name(shares[i].type), hidden(&shares[i]) ? "true" : "false");
			cli_json_string(stdout, shares[i].remark);
			putchar('}');
			first = false;
			continue;
		}
		int pad = 24 - (int)strlen(shares[i].name);
		cli_put_name(stdout, shares[i].name);
		printf("%*s  %-8s  ", pad > 0 ? pad : 0, "", type_name(shares[i].type));
		cli_put_name(stdout, shares[i].remark);
		putchar('\n');
	}
	if (a->json)
		puts(first ? "]" : "\n]");
}

int cmd_shares(int argc, char **argv)
{
	struct cli_args a;
	struct cli_link link = {0};
	struct cli_url u;
	struct hythe_share *shares;
	size_t n;
	int status = cli_args_parse(&a, &spec, argc, argv);
	if (status >= 0)
		return status;
	if (!cli_link_url(&u, a.operands[0], false))
		return CLI_USAGE;
	u.share[0] = 0; /* one that is named plays no role */
	status = CLI_FAILED;
	if (cli_link_open(&link, &a, &u)) {
		if (nt_ok(hythe_share_list(link.session, &shares, &n))) {
			show(&a, shares, n);
			hythe_share_list_free(shares, n);
			status = CLI_OK;
		} else {
			cli_link_failed(&link, "list the shares of", u.host);
		}
	}
	cli_link_close(&link);
	cli_url_free(&u);
	return status;
}
