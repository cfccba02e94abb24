/* What a connection that speaks SMB1 keeps: the tables behind UID, TID, FID and SID ([MS-CIFS] 3.3.1.3 to 3.3.1.7). They hold ids of sessions, trees and opens,
 * not these themselves (but for sessions): what ends anywhere is gone here, too, when next it is asked for. */
#include "server/smb1/op.h"

#include "server/smb1/search.h"

#include <stdlib.h>

enum { FIRST_SLOTS = 16, MOST_IDS = 0xFFFD };

static void table_each(struct srv1_table *t, void (*fn)(void *item))
{
	for (size_t i = 0; i < t->cap; i++) {
		if (t->slots[i])
			fn(t->slots[i]);
	}
	free(t->slots);
	*t = (struct srv1_table){0};
}

static bool table_grow(struct srv1_table *t)
{
	size_t cap = t->cap == 0 ? FIRST_SLOTS : t->cap * 2;
	void **slots;

	if (cap > MOST_IDS)
		cap = MOST_IDS;
	if (cap == t->cap)
		return false;
	slots = realloc(t->slots, cap * sizeof(*slots));
	if (!slots)
		return false;
	memset(slots + t->cap, 0, (cap - t->cap) * sizeof(*slots));
	t->slots = slots;
	t->cap = cap;
	return true;
}

/* An id that was given back is not the next one to be given out: whoever still uses it is told that it is wrong. */
uint16_t srv1_table_add_locked(struct srv1_table *t, void *item, size_t most)
{
	if (t->count >= most || t->count >= MOST_IDS)
		return 0;
	if (t->count * 2 >= t->cap && !table_grow(t) && t->count >= t->cap)
		return 0;
	do
		t->last = t->last >= t->cap ? 1 : (uint16_t)(t->last + 1);
	while (t->slots[t->last - 1]);
	t->slots[t->last - 1] = item;
	t->count++;
	return t->last;
}

void *srv1_table_find_locked(const struct srv1_table *t, uint16_t id)
{
	return id != 0 && id <= t->cap ? t->slots[id - 1] : NULL;
}

void srv1_table_remove_locked(struct srv1_table *t, uint16_t id)
{
	if (!srv1_table_find_locked(t, id))
		return;
	t->slots[id - 1] = NULL;
	t->count--;
}

struct srv1_conn *srv1_conn_new(struct srv_conn *c)
{
	struct srv1_conn *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->conn = c;
	pthread_mutex_init(&s->lock, NULL);
	list_init(&s->uses);
	list_init(&s->transactions);
	list_init(&s->delayed);
	return s;
}

static void session_drop(void *item)
{
	struct srv1_session *s = item;

	srv_channel_put(s->channel);
	free(s);
}

static void tree_drop(void *item)
{
	struct srv1_tree *t = item;

	free(t->path);
	free(t);
}

static void search_drop(void *item)
{
	srv1_search_put(item);
}

static void list_move_all(struct list_node *to, struct list_node *from)
{
	while (!list_empty(from)) {
		struct list_node *n = from->next;

		list_remove(n);
		list_append(to, n);
	}
}

/* What refers to the connection goes with it. */
void srv1_conn_lost(struct srv1_conn *s)
{
	struct srv1_table sessions;
	struct list_node waiting;

	list_init(&waiting);
	pthread_mutex_lock(&s->lock);
	s->lost = true;
	sessions = s->sessions;
	s->sessions = (struct srv1_table){0};
	list_move_all(&waiting, &s->transactions);
	list_move_all(&waiting, &s->delayed);
	pthread_mutex_unlock(&s->lock);
	while (!list_empty(&waiting)) {
		struct srv1_op *op = list_entry(waiting.next, struct srv1_op, link);

		list_remove(&op->link);
		if (op->until_ms != 0)
			net_timer_cancel(op->conn->srv->pool, &op->timer);
		op->batch = NULL;
		srv1_op_free(op);
	}
	table_each(&sessions, session_drop);
}

void srv1_conn_free(struct srv1_conn *s)
{
	if (!s)
		return;
	list_for_each_safe(n, &s->uses)
		free(list_entry(n, struct srv1_use, link));
	table_each(&s->files, free);
	table_each(&s->searches, search_drop);
	table_each(&s->trees, tree_drop);
	table_each(&s->sessions, session_drop);
	if (s->mac_key)
		bytes_wipe(s->mac_key, s->mac_key_len);
	free(s->mac_key);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* --- files --- */

uint16_t srv1_file_add(struct srv1_op *op, const struct srv1_file *f)
{
	struct srv1_file *item = malloc(sizeof(*item));
	uint16_t fid;

	if (!item)
		return 0;
	*item = *f;
	pthread_mutex_lock(&op->smb1->lock);
	fid = srv1_table_add_locked(&op->smb1->files, item, MOST_IDS);
	item->fid = fid;
	pthread_mutex_unlock(&op->smb1->lock);
	if (fid == 0)
		free(item);
	return fid;
}

/* [MS-CIFS] 3.3.5.2: a FID counts together with the UID and the TID that it was opened with. */
ntstatus srv1_file_find(struct srv1_op *op, uint16_t fid)
{
	struct srv1_file *f;
	bool found;

	if (op->has_fid)
		fid = op->fid;
	pthread_mutex_lock(&op->smb1->lock);
	f = srv1_table_find_locked(&op->smb1->files, fid);
	found = f && f->uid == op->header.uid && f->tid == op->header.tid;
	if (found)
		op->file = *f;
	pthread_mutex_unlock(&op->smb1->lock);
	srv_open_put(op->open);
	op->open = found ? srv_open_find(op->session, op->file.id, op->tree) : NULL;
	if (!op->open && found)
		srv1_file_forget(op, fid);
	return op->open ? STATUS_SUCCESS : STATUS_INVALID_HANDLE;
}

void srv1_file_keep(struct srv1_op *op)
{
	struct srv1_file *f;

	pthread_mutex_lock(&op->smb1->lock);
	f = srv1_table_find_locked(&op->smb1->files, op->file.fid);
	if (f && f->id.volatile_id == op->file.id.volatile_id) {
		f->position = op->file.position;
		f->lock_failed_at = op->file.lock_failed_at;
	}
	pthread_mutex_unlock(&op->smb1->lock);
}

void srv1_file_forget(struct srv1_op *op, uint16_t fid)
{
	struct srv1_file *f;

	pthread_mutex_lock(&op->smb1->lock);
	f = srv1_table_find_locked(&op->smb1->files, fid);
	srv1_table_remove_locked(&op->smb1->files, fid);
	pthread_mutex_unlock(&op->smb1->lock);
	free(f);
}

bool srv1_file_same(struct srv1_op *op, uint64_t name_hash, bool fcb_only, struct srv1_file *f)
{
	struct srv1_table *t = &op->smb1->files;
	bool found = false;

	pthread_mutex_lock(&op->smb1->lock);
	for (size_t i = 0; i < t->cap && !found; i++) {
		const struct srv1_file *one = t->slots[i];

		found = one && (one->dos_mode & (fcb_only ? SRV1_DOS_FCB : SRV1_DOS_WRITES)) && one->name_hash == name_hash && one->uid == op->header.uid && one->tid == op->header.tid &&
			one->pid == srv1_pid(op);
		if (found)
			*f = *one;
	}
	pthread_mutex_unlock(&op->smb1->lock);
	return found;
}

void srv1_file_close(struct srv1_op *op, uint16_t fid, struct srv_open *o)
{
	struct srv1_table *t = &op->smb1->files;
	bool others = false;

	srv1_file_forget(op, fid);
	pthread_mutex_lock(&op->smb1->lock);
	for (size_t i = 0; i < t->cap && !others; i++) {
		const struct srv1_file *f = t->slots[i];

		others = f && f->dos_mode != 0 && f->id.volatile_id == o->file_id.volatile_id;
	}
	pthread_mutex_unlock(&op->smb1->lock);
	if (!others)
		srv_open_close(o);
}

void srv1_files_forget(struct srv1_op *op, uint16_t uid, uint16_t tid)
{
	struct srv1_table *t = &op->smb1->files;

	pthread_mutex_lock(&op->smb1->lock);
	for (size_t i = 0; i < t->cap; i++) {
		struct srv1_file *f = t->slots[i];

		if (!f || (uid != 0 && f->uid != uid) || (tid != 0 && f->tid != tid))
			continue;
		t->slots[i] = NULL;
		t->count--;
		free(f);
	}
	pthread_mutex_unlock(&op->smb1->lock);
}
