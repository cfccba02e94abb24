/* Timers: a pairing heap ordered by due time, then by the order of arming, so that a pool without threads runs them in a fixed
 * order. The heap is intrusive: arming never allocates. With the system's clock a timerfd in the epoll set wakes a worker. */
#include "net/internal.h"

#include <sys/timerfd.h>

static bool before(const struct net_timer *a, const struct net_timer *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->seq < b->seq;
}

static struct net_timer *heap_merge(struct net_timer *a, struct net_timer *b)
{
	struct net_timer *t;

	if (!a || !b)
		return a ? a : b;
	if (before(b, a)) {
		t = a;
		a = b;
		b = t;
	}
	b->prev = a;
	b->next = a->child;
	if (b->next)
		b->next->prev = b;
	a->child = b;
	return a;
}

/* Merges a row of siblings: by twos from the left, then these from the right. */
static struct net_timer *heap_merge_row(struct net_timer *first)
{
	struct net_timer *pairs = NULL, *root = NULL, *a, *b, *rest;

	for (; first; first = rest) {
		a = first;
		b = a->next;
		rest = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		a = heap_merge(a, b);
		a->next = pairs;
		pairs = a;
	}
	for (; pairs; pairs = rest) {
		rest = pairs->next;
		pairs->next = NULL;
		root = heap_merge(root, pairs);
	}
	return root;
}

static void heap_remove(struct net_pool *p, struct net_timer *t)
{
	if (p->timers == t) {
		p->timers = heap_merge_row(t->child);
	} else {
		if (t->prev->child == t)
			t->prev->child = t->next;
		else
			t->prev->next = t->next;
		if (t->next)
			t->next->prev = t->prev;
		p->timers = heap_merge(p->timers, heap_merge_row(t->child));
	}
	t->child = t->next = t->prev = NULL;
	t->armed = false;
}

/* Publishes the next due time and sets the timerfd when that is earlier than what it is set to. */
static void timer_set_locked(struct net_pool *p, uint64_t now)
{
	uint64_t due = p->timers ? p->timers->due_ms : UINT64_MAX, in_ms;
	struct itimerspec at = {0};

	atomic_store(&p->timer_next_ms, due);
	if (p->virtual_clock || due >= p->timer_set_ms)
		return;
	p->timer_set_ms = due;
	in_ms = due > now ? due - now : 0;
	if (in_ms > (uint64_t)1 << 40)
		in_ms = (uint64_t)1 << 40;
	at.it_value.tv_sec = (time_t)(in_ms / 1000);
	at.it_value.tv_nsec = (long)(in_ms % 1000 * 1000000 + 1);
	timerfd_settime(p->timer_fd, 0, &at, NULL);
}

void net_timers_init(struct net_pool *p)
{
	list_init(&p->timer_calls);
	p->timer_set_ms = UINT64_MAX;
	atomic_init(&p->timer_next_ms, UINT64_MAX);
}

uint64_t net_timers_next(struct net_pool *p)
{
	return atomic_load(&p->timer_next_ms);
}

void net_timer_arm(struct net_pool *p, struct net_timer *t, uint64_t delay_ms)
{
	uint64_t now = clock_ms(p->clock);

	pthread_mutex_lock(&p->lock);
	if (t->armed)
		heap_remove(p, t);
	t->child = t->next = t->prev = NULL;
	t->due_ms = delay_ms > UINT64_MAX - 1 - now ? UINT64_MAX - 1 : now + delay_ms;
	t->seq = p->timer_seq++;
	t->armed = true;
	p->timers = heap_merge(p->timers, t);
	timer_set_locked(p, now);
	pthread_mutex_unlock(&p->lock);
}

static bool running_elsewhere_locked(struct net_pool *p, const struct net_timer *t)
{
	list_for_each(n, &p->timer_calls) {
		struct net_timer_call *call = list_entry(n, struct net_timer_call, link);

		if (call->timer == t && !pthread_equal(call->thread, pthread_self()))
			return true;
	}
	return false;
}

void net_timer_cancel(struct net_pool *p, struct net_timer *t)
{
	pthread_mutex_lock(&p->lock);
	for (;;) {
		/* The call that is waited for may have armed it again. */
		if (t->armed)
			heap_remove(p, t);
		if (!running_elsewhere_locked(p, t))
			break;
		pthread_cond_wait(&p->timer_cv, &p->lock);
	}
	timer_set_locked(p, 0);
	pthread_mutex_unlock(&p->lock);
}

bool net_timers_run(struct net_pool *p)
{
	struct net_timer_call call = {.thread = pthread_self()};
	uint64_t now = clock_ms(p->clock);
	bool ran = false;

	pthread_mutex_lock(&p->lock);
	/* The timerfd has fired, or what it waited for is run here: either way it has to be set anew. */
	p->timer_set_ms = UINT64_MAX;
	while (p->timers && p->timers->due_ms <= now) {
		struct net_timer *t = p->timers;

		heap_remove(p, t);
		/* While fn runs the others stay someone's duty. */
		timer_set_locked(p, now);
		call.timer = t;
		list_append(&p->timer_calls, &call.link);
		pthread_mutex_unlock(&p->lock);
		t->fn(t);
		ran = true;
		pthread_mutex_lock(&p->lock);
		list_remove(&call.link);
		pthread_cond_broadcast(&p->timer_cv);
		p->timer_set_ms = UINT64_MAX;
		if (p->threads == 0)
			break;
	}
	timer_set_locked(p, now);
	pthread_mutex_unlock(&p->lock);
	return ran;
}
