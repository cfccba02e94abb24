/* See trace_out.h. Taps call from several threads: one packet at a time is put into words and printed. */
#include "cli/trace_out.h"

#include "cli/cli.h"
#include "trace/draw.h"
#include "trace/pcap.h"

#include <pthread.h>
#include <stdlib.h>

struct cli_trace {
	struct cli_trace_options options;
	pthread_mutex_t lock;
	struct trace *trace;
	struct trace_pcap_writer *writer;
	struct trace_drawing *drawing;
	uint64_t start_ns;
	const char *peer;       /* of the packet that is being told of */
	char text[TRACE_TEXT_BYTES];
};

static void field(void *arg, const char *text)
{
	fprintf(arg, "          %s\n", text);
}

static void packet(void *arg, const struct trace_packet *p, const struct trace_words *words)
{
	struct cli_trace *t = arg;
	FILE *out = t->options.out;
	if (t->start_ns == 0)
		t->start_ns = p->time_ns;
	if (t->writer)
		trace_pcap_write(t->writer, p);
	if (t->drawing)
		trace_drawing_add(t->drawing, p, words);
	if (!out)
		return;
	size_t n = trace_text(p, words, t->start_ns, t->options.server, t->text, sizeof(t->text));
	if (t->options.server)
		fprintf(out, "%-21s ", t->peer);
	fwrite(t->text, 1, n, out);
	putc('\n', out);
	if (t->options.verbose)
		trace_fields(p, t->options.secrets, field, out);
}

static bool open_capture(struct cli_trace *t)
{
	FILE *f = fopen(t->options.write, "wbe");
	if (!f)
		return cli_failed_errno("write", t->options.write);
	t->writer = trace_pcap_writer_new(f);
	return t->writer != NULL;
}

static bool draw(const struct cli_trace *t, const char *path, void (*fn)(const struct trace_drawing *d, FILE *out, const char *title))
{
	FILE *f = path ? fopen(path, "we") : NULL;
	if (!path)
		return true;
	if (!f)
		return cli_failed_errno("write", path);
	fn(t->drawing, f, t->options.title);
	bool ok = !ferror(f);
	ok = fclose(f) == 0 && ok;
	return ok || cli_failed_errno("write", path);
}

struct cli_trace *cli_trace_new(const struct cli_trace_options *o)
{
	struct cli_trace *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->options = *o;
	pthread_mutex_init(&t->lock, NULL);
	t->trace = trace_new(packet, t);
	if (o->svg || o->html)
		t->drawing = trace_drawing_new(o->html, o->secrets);
	if (t->trace && (t->drawing || (!o->svg && !o->html)) && (!o->write || open_capture(t)))
		return t;
	cli_trace_free(t);
	return NULL;
}

bool cli_trace_free(struct cli_trace *t)
{
	if (!t)
		return true;
	bool ok = !t->writer || trace_pcap_writer_end(t->writer) || cli_failed_errno("write", t->options.write);
	if (t->drawing) {
		ok &= draw(t, t->options.svg, trace_drawing_svg);
		ok &= draw(t, t->options.html, trace_drawing_html);
	}
	trace_drawing_free(t->drawing);
	trace_free(t->trace);
	pthread_mutex_destroy(&t->lock);
	free(t);
	return ok;
}

struct trace *cli_trace_of(struct cli_trace *t)
{
	return t->trace;
}

void cli_trace_tap(void *arg, const struct hythe_tap_frame *f)
{
	struct cli_trace *t = arg;
	struct trace_packet p = {.time_ns = f->time_ns, .key = f->connection, .from_server = f->received != t->options.server,
		.raw = slice_of(f->raw, f->raw_len), .plain = slice_of(f->plain, f->plain_len)};
	bool local = trace_address_parse(t->options.server ? &p.server : &p.client, f->local);
	bool peer = trace_address_parse(t->options.server ? &p.client : &p.server, f->peer);
	(void)local; /* a transport without addresses leaves them empty */
	(void)peer;
	pthread_mutex_lock(&t->lock);
	t->peer = f->peer;
	trace_frame(t->trace, &p);
	if (t->options.out)
		fflush(t->options.out);
	pthread_mutex_unlock(&t->lock);
}
