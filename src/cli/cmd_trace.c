/* `hythe trace`: an exchange with a server, from connect to close, each packet told in words as it goes; or a capture of others'. */
#include "cli/cli.h"
#include "cli/trace_out.h"

#include "trace/pcap.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum { PIECE_BYTES = 65536 };

static const struct cli_flag flags[] = {
	{'v', "verbose", "every field of every packet"},
	{'s', "secrets", "show what passwords are proven with, too"},
	{0, NULL, NULL},
};
static const struct cli_option options[] = {
	{"pcap", "FILE", "show this capture (pcap or pcapng; - is standard input) in place of a URL"},
	{"keys", "FILE", "with --pcap: session keys, a line \"SESSION-ID KEY\" each, to read what is encrypted"},
	{"port", "N", "with --pcap: only connections of this port (default: 445, 139, and what looks like SMB)"},
	{"write", "FILE", "write the packets to a capture (pcapng) for Wireshark"},
	{"write-keys", "FILE", "write the session's key, for --keys and for Wireshark's smb2_seskey_list"},
	{"svg", "FILE", "draw the exchange"},
	{"html", "FILE", "draw the exchange on a page where packets open to show their fields"},
	{NULL, NULL, NULL},
};
static const struct cli_spec spec = {
	.name = "trace", .synopsis = "[OPTION]... URL | --pcap FILE", .text = "Logs on, connects to the share, opens the file, reads it and closes it, and shows every\n"
	"packet; or shows the packets of a capture.", .flags = flags, .options = options, .least = 0, .most = 1, .client = true};

/* Opens what the URL names, reads a file to its end, and closes it. */
static bool read_file(struct cli_link *l, const char *path)
{
	struct hythe_open_params p;
	struct hythe_open_info info;
	struct hythe_file *f;
	uint8_t *piece = malloc(PIECE_BYTES);
	ntstatus status = STATUS_SUCCESS;
	hythe_open_params_init(&p, path, HYTHE_READ_DATA | HYTHE_READ_ATTRIBUTES | HYTHE_SYNCHRONIZE);
	p.smb1_open_andx = true; /* as the exchanges go that are written about */
	if (!piece || !nt_ok(hythe_open(l->tree, &p, &f, &info))) {
		free(piece);
		return cli_link_failed(l, "open", path);
	}
	for (uint64_t at = 0; !info.stat.directory && at < info.stat.size_bytes && nt_ok(status) && !cli_interrupted();) {
		size_t n = 0;
		status = hythe_read(f, at, piece, PIECE_BYTES, &n);
		if (nt_ok(status) && n == 0)
			break;
		at += n;
	}
	free(piece);
	if (!nt_ok(status) && !nt_is(status, STATUS_END_OF_FILE))
		cli_link_failed(l, "read", path);
	ntstatus closed = hythe_close(f, NULL);
	return (nt_ok(status) || nt_is(status, STATUS_END_OF_FILE)) && (nt_ok(closed) || cli_link_failed(l, "close", path));
}

/* A line that Wireshark takes for its list: the id as it is on the wire, the key, and no keys of the two directions. */
static bool write_keys(struct hythe_session *s, const char *path)
{
	struct hythe_session_info info;
	uint8_t key[16], id[8];
	char hex_id[17], hex_key[33];
	hythe_session_info(s, &info);
	ntstatus status = hythe_session_root_key(s, key);
	if (!nt_ok(status)) {
		fprintf(stderr, "hythe: there is no key to write: %s\n", hythe_client_error(NULL));
		return false;
	}
	store_le64(id, info.session_id);
	bytes_to_hex(hex_id, id, sizeof(id));
	bytes_to_hex(hex_key, key, sizeof(key));
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && dprintf(fd, "%s,%s,\"\",\"\"\n", hex_id, hex_key) > 0;
	ok = (ok || cli_failed_errno("write", path)) && ok;
	if (fd >= 0)
		close(fd);
	bytes_wipe(key, sizeof(key));
	bytes_wipe(hex_key, sizeof(hex_key));
	return ok;
}

static bool trace_live(const struct cli_args *a, struct cli_trace *t, const struct cli_url *u)
{
	struct cli_link link = {.trace = t};
	cli_interrupt_catch();
	const char *keys = cli_option_value(a, "write-keys");
	bool ok = cli_link_open(&link, a, u);
	/* Before anything else can fail: what was recorded so far wants to be read as well. */
	if (keys && link.session)
		ok &= write_keys(link.session, keys);
	ok = ok && read_file(&link, u->path);
	if (link.tree) {
		ntstatus ignored = hythe_tree_disconnect(link.tree);
		(void)ignored; /* shown like every other packet */
		link.tree = NULL;
	}
	cli_link_close(&link);
	return ok;
}

static bool trace_capture(const struct cli_args *a, struct cli_trace *t, uint16_t port)
{
	const char *path = cli_option_value(a, "pcap"), *keys = cli_option_value(a, "keys");
	struct trace_pcap_stats stats;
	char why[512];
	if (keys && !trace_keys_read(cli_trace_of(t), keys, why, sizeof(why))) {
		fprintf(stderr, "hythe: %s\n", why);
		return false;
	}
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rbe");
	if (!f)
		return cli_failed_errno("read", path);
	bool ok = trace_pcap_read(f, port, cli_trace_of(t), &stats, why, sizeof(why));
	if (f != stdin)
		fclose(f);
	if (!ok)
		fprintf(stderr, "hythe: %s: %s\n", path, why);
	if (stats.cut)
		fprintf(stderr, "hythe: %s ends in the middle of a packet\n", path);
	if (ok && stats.connections == 0)
		fprintf(stderr, "hythe: none of the %" PRIu64 " packets is of an SMB connection\n", stats.packets);
	return ok;
}

static int refuse(const char *what)
{
	fprintf(stderr, "hythe trace: %s\nTry 'hythe help trace'.\n", what);
	return CLI_USAGE;
}

/* -1: go on. */
static int check(const struct cli_args *a, uint16_t *port)
{
	const char *text = cli_option_value(a, "port");
	bool capture = cli_option_value(a, "pcap");
	char *end = NULL;
	unsigned long n = text ? strtoul(text, &end, 10) : 0;
	if (capture == (a->count == 1))
		return refuse(capture ? "either a URL or --pcap, not both" : "a URL or --pcap FILE is wanted");
	if (!capture && (text || cli_option_value(a, "keys")))
		return refuse("--keys and --port go with --pcap");
	if (capture && cli_option_value(a, "write-keys"))
		return refuse("--write-keys goes with a URL: a capture does not hold its keys");
	if (text && (*end || n == 0 || n > UINT16_MAX))
		return refuse("--port is a number, 1 to 65535");
	*port = (uint16_t)n;
	return -1;
}

int cmd_trace(int argc, char **argv)
{
	struct cli_args a;
	struct cli_url u = {0};
	uint16_t port = 0;
	int status = cli_args_parse(&a, &spec, argc, argv);
	if (status < 0)
		status = check(&a, &port);
	if (status >= 0)
		return status;
	if (a.count == 1 && !cli_link_url(&u, a.operands[0], true))
		return CLI_USAGE;
	struct cli_trace_options o = {.out = stdout, .verbose = cli_flag_set(&a, 'v'), .secrets = cli_flag_set(&a, 's'),
		.write = cli_option_value(&a, "write"), .svg = cli_option_value(&a, "svg"), .html = cli_option_value(&a, "html"),
		.title = a.count == 1 ? a.operands[0] : cli_option_value(&a, "pcap")};
	struct cli_trace *t = cli_trace_new(&o);
	bool ok = t && (a.count == 1 ? trace_live(&a, t, &u) : trace_capture(&a, t, port));
	ok &= cli_trace_free(t);
	cli_url_free(&u);
	cli_interrupt_end();
	return ok ? CLI_OK : CLI_FAILED;
}
