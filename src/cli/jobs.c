/* Several files at a time: `hythe get -r` and `put -r` walk the tree on one thread and hand the files to a few others, which
 * share the session, so that small files do not wait for one another's round trips. */
#include "cli/cli.h"

#include <stdlib.h>

enum { WAITING_MAX = 256 };

struct job {
	struct job *next;
	char *from, *to;
};

struct cli_jobs {
	cli_job_fn *fn;
	void *arg;
	pthread_t threads[CLI_JOBS];
	unsigned started;
	pthread_mutex_t lock;
	pthread_cond_t work, room;
	struct job *first, **last;
	unsigned waiting;
	bool ended;
};

static void job_free(struct job *j)
{
	free(j->from);
	free(j->to);
	free(j);
}

static void *run(void *arg)
{
	struct cli_jobs *j = arg;
	pthread_mutex_lock(&j->lock);
	for (;;) {
		while (!j->first && !j->ended)
			pthread_cond_wait(&j->work, &j->lock);
		struct job *job = j->first;
		if (!job)
			break;
		j->first = job->next;
		if (!j->first)
			j->last = &j->first;
		j->waiting--;
		pthread_cond_signal(&j->room);
		pthread_mutex_unlock(&j->lock);
		if (!cli_interrupted())
			j->fn(j->arg, job->from, job->to);
		job_free(job);
		pthread_mutex_lock(&j->lock);
	}
	pthread_mutex_unlock(&j->lock);
	return NULL;
}

struct cli_jobs *cli_jobs_start(cli_job_fn *fn, void *arg)
{
	struct cli_jobs *j = calloc(1, sizeof(*j));
	if (j) {
		j->fn = fn;
		j->arg = arg;
		j->last = &j->first;
		pthread_mutex_init(&j->lock, NULL);
		pthread_cond_init(&j->work, NULL);
		pthread_cond_init(&j->room, NULL);
		while (j->started < CLI_JOBS && pthread_create(&j->threads[j->started], NULL, run, j) == 0)
			j->started++;
		if (j->started > 0)
			return j;
		cli_jobs_end(j);
	}
	fputs("hythe: no memory or threads to copy with\n", stderr);
	return NULL;
}

void cli_jobs_add(struct cli_jobs *j, const char *from, const char *to)
{
	struct job *job = calloc(1, sizeof(*job));
	if (job) {
		job->from = strdup(from);
		job->to = strdup(to);
	}
	if (!job || !job->from || !job->to) { /* then on this thread, for it has to be done */
		if (job)
			job_free(job);
		j->fn(j->arg, from, to);
		return;
	}
	pthread_mutex_lock(&j->lock);
	while (j->waiting >= WAITING_MAX)
		pthread_cond_wait(&j->room, &j->lock);
	*j->last = job;
	j->last = &job->next;
	j->waiting++;
	pthread_cond_signal(&j->work);
	pthread_mutex_unlock(&j->lock);
}

void cli_jobs_end(struct cli_jobs *j)
{
	pthread_mutex_lock(&j->lock);
	j->ended = true;
	pthread_cond_broadcast(&j->work);
	pthread_mutex_unlock(&j->lock);
	for (unsigned i = 0; i < j->started; i++)
		pthread_join(j->threads[i], NULL);
	pthread_mutex_destroy(&j->lock);
	pthread_cond_destroy(&j->work);
	pthread_cond_destroy(&j->room);
	free(j);
}
