/* Leases on files by fcntl(2), F_SETLEASE: whoever else opens the file has to wait (or is told to come again), and we get a signal
 * that says which descriptor it is about. The signal is sent to a thread of the store's own, where it is blocked and waited for,
 * so that it disturbs no program that this is part of. Its lock comes after posix_store.names, before posix_store.files. */
#include "vfs/posix.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* Counted from SIGRTMIN; any that is not in use by the thread itself would do. */
enum { SIGNAL_OFFSET = 5 };

struct leased {
	struct htab_node by_fd;
	int fd;
	struct vfs_id id;
};

static int lease_signal(void)
{
	return SIGRTMIN + SIGNAL_OFFSET;
}

void posix_leases_init(struct posix_leases *l)
{
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->started, NULL);
}

void posix_leases_end(struct posix_leases *l)
{
	if (l->tid != 0) {
		atomic_store(&l->stop, true);
		pthread_kill(l->thread, lease_signal());
		pthread_join(l->thread, NULL);
	}
	htab_free(&l->by_fd);
	pthread_cond_destroy(&l->started);
	pthread_mutex_destroy(&l->lock);
}

static struct leased *find_locked(const struct posix_leases *l, int fd)
{
	for (struct htab_node *n = htab_find(&l->by_fd, hash_u64((uint64_t)fd)); n != NULL; n = htab_find_next(n)) {
		struct leased *e = CONTAINER_OF(n, struct leased, by_fd);

		if (e->fd == fd)
			return e;
	}
	return NULL;
}

static void tell_broken(struct htab_node *n, void *arg)
{
	const struct leased *e = CONTAINER_OF(n, struct leased, by_fd);
	const struct posix_leases *l = arg;

	if (l->broken != NULL && fcntl(e->fd, F_GETLEASE) != F_WRLCK)
		l->broken(l->arg, e->id);
}

static void on_signal(struct posix_leases *l, const siginfo_t *si)
{
	struct leased *e;

	pthread_mutex_lock(&l->lock);
	if (si->si_signo == SIGIO) {
		/* More signals than could be kept: each is looked at. */
		htab_each(&l->by_fd, tell_broken, l);
	} else if ((e = find_locked(l, si->si_fd)) != NULL) {
		tell_broken(&e->by_fd, l);
	}
	pthread_mutex_unlock(&l->lock);
}

static void *listen_main(void *arg)
{
	struct posix_leases *l = arg;
	siginfo_t si;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, lease_signal());
	sigaddset(&set, SIGIO);
	pthread_mutex_lock(&l->lock);
	l->tid = gettid();
	pthread_cond_broadcast(&l->started);
	pthread_mutex_unlock(&l->lock);
	while (!atomic_load(&l->stop)) {
		if (sigwaitinfo(&set, &si) > 0 && !atomic_load(&l->stop))
			on_signal(l, &si);
	}
	return NULL;
}

static bool start_locked(struct posix_leases *l)
{
	sigset_t all, saved;
	int err;

	if (l->tid != 0)
		return true;
	if (!l->starting) {
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &saved);
		err = pthread_create(&l->thread, NULL, listen_main, l);
		pthread_sigmask(SIG_SETMASK, &saved, NULL);
		if (err != 0)
			return false;
		l->starting = true;
	}
	while (l->tid == 0)
		pthread_cond_wait(&l->started, &l->lock);
	return true;
}

void posix_lease_listen(struct vfs *v, void (*broken)(void *arg, struct vfs_id id), void *arg)
{
	struct posix_leases *l = &posix_store_of(v)->leases;

	pthread_mutex_lock(&l->lock);
	l->broken = broken;
	l->arg = arg;
	pthread_mutex_unlock(&l->lock);
}

static bool take_locked(struct posix_leases *l, struct posix_file *f)
{
	struct f_owner_ex owner = {.type = F_OWNER_TID};
	struct leased *e = malloc(sizeof(*e));

	if (e == NULL || !start_locked(l))
		goto fail;
	owner.pid = l->tid;
	*e = (struct leased){.fd = f->fd, .id = f->id};
	/* The owner first: without one the lease's is the whole process. */
	if (fcntl(f->fd, F_SETOWN_EX, &owner) != 0 || fcntl(f->fd, F_SETSIG, lease_signal()) != 0)
		goto fail;
	if (!htab_insert(&l->by_fd, &e->by_fd, hash_u64((uint64_t)f->fd)))
		goto fail;
	if (fcntl(f->fd, F_SETLEASE, F_WRLCK) == 0)
		return true;
	/* EAGAIN: somebody has it open. */
	if (errno != EAGAIN)
		log_debug("F_SETLEASE: %s", strerrordesc_np(errno));
	htab_remove(&l->by_fd, &e->by_fd);
fail:
	free(e);
	return false;
}

bool posix_lease_take(struct vfs_file *vf)
{
	struct posix_file *f = posix_file_of(vf);
	struct posix_leases *l = &posix_store_of(vf->store)->leases;
	bool taken;

	if (f->directory || f->path_only)
		return false;
	pthread_mutex_lock(&l->lock);
	taken = f->leased || take_locked(l, f);
	f->leased = taken;
	pthread_mutex_unlock(&l->lock);
	return taken;
}

bool posix_lease_broken(struct vfs_file *vf)
{
	struct posix_file *f = posix_file_of(vf);

	return f->leased && fcntl(f->fd, F_GETLEASE) != F_WRLCK;
}

void posix_lease_release(struct vfs_file *vf)
{
	struct posix_file *f = posix_file_of(vf);
	struct posix_leases *l = &posix_store_of(vf->store)->leases;
	struct leased *e;

	if (!f->leased)
		return;
	pthread_mutex_lock(&l->lock);
	e = f->leased ? find_locked(l, f->fd) : NULL;
	f->leased = false;
	if (e != NULL) {
		htab_remove(&l->by_fd, &e->by_fd);
		free(e);
		(void)fcntl(f->fd, F_SETLEASE, F_UNLCK);
	}
	pthread_mutex_unlock(&l->lock);
}
