/* See writer.h. */
#include "cli/writer.h"

#include "base/fdio.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct pieces {
	struct cli_piece *head, **tail;
};

struct cli_writer {
	pthread_t thread;
	int fd;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t came, went;
	struct pieces todo, done;
	int err; /* the first */
	bool ending;
};

static void append(struct pieces *l, struct cli_piece *p)
{
	p->next = NULL;
	*l->tail = p;
	l->tail = &p->next;
}

static struct cli_piece *first(struct pieces *l)
{
	struct cli_piece *p = l->head;
	l->head = p->next;
	if (!l->head)
		l->tail = &l->head;
	return p;
}

/* The next to write; NULL at the end. */
static struct cli_piece *next(struct cli_writer *w)
{
	while (!w->todo.head && !w->ending)
		pthread_cond_wait(&w->came, &w->lock);
	return w->todo.head ? first(&w->todo) : NULL;
}

static void *run(void *arg)
{
	struct cli_writer *w = arg;
	struct cli_piece *p;
	pthread_mutex_lock(&w->lock);
	while ((p = next(w)) != NULL) {
		int err = w->err;
		pthread_mutex_unlock(&w->lock);
		if (err == 0)
			err = fd_write_all(w->fd, p->data, p->len, p->offset);
		pthread_mutex_lock(&w->lock);
		w->err = err;
		append(&w->done, p);
		pthread_cond_signal(&w->went);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* Signals are for the thread that talks to the server. */
static bool start(struct cli_writer *w)
{
	sigset_t all, saved;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	int err = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	return err == 0;
}

struct cli_writer *cli_writer_start(int fd)
{
	struct cli_writer *w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->fd = fd;
	w->todo.tail = &w->todo.head;
	w->done.tail = &w->done.head;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->came, NULL);
	pthread_cond_init(&w->went, NULL);
	if (start(w))
		return w;
	free(w);
	return NULL;
}

void cli_writer_put(struct cli_writer *w, struct cli_piece *p)
{
	pthread_mutex_lock(&w->lock);
	append(&w->todo, p);
	pthread_cond_signal(&w->came);
	pthread_mutex_unlock(&w->lock);
}

struct cli_piece *cli_writer_take(struct cli_writer *w, bool wait, int *err)
{
	pthread_mutex_lock(&w->lock);
	while (wait && !w->done.head)
		pthread_cond_wait(&w->went, &w->lock);
	struct cli_piece *p = w->done.head ? first(&w->done) : NULL;
	*err = w->err;
	pthread_mutex_unlock(&w->lock);
	return p;
}

void cli_writer_end(struct cli_writer *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->ending = true;
	pthread_cond_signal(&w->came);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->came);
	pthread_cond_destroy(&w->went);
	free(w);
}
