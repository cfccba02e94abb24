/* Opens of SMB1 that wait a moment for a file that others have. */
#include "old.h"

static struct sim sim;
static struct old a, b;

static void start(void)
{
	sim_start(&sim, &(struct sim_options){.smb1 = true});
	old_ready(&a, &sim);
	old_ready(&b, &sim);
}

static void stop(void)
{
	old_hang_up(&b);
	old_hang_up(&a);
	sim_stop(&sim);
}

static struct smb1_nt_create_andx_req alone_of(struct old *o, const char *name)
{
	struct smb1_nt_create_andx_req alone = old_create_of(o, name, 0x0012019F, 3);

	alone.share_access = 0;
	return alone;
}

static void open_alone(struct old *o, const char *name, struct smb1_nt_create_andx_rsp *rsp)
{
	struct smb1_nt_create_andx_req alone = alone_of(o, name);

	assert_status(old_call(o, SMB1_NT_CREATE_ANDX, &alone, rsp), STATUS_SUCCESS);
}

/* The MID of the request, whose answer is still to come. */
static uint16_t ask_alone(struct old *o, const char *name)
{
	struct smb1_nt_create_andx_req alone = alone_of(o, name);

	old_begin(o, SMB1_NT_CREATE_ANDX);
	old_block(o, SMB1_NT_CREATE_ANDX, &alone);
	old_send(o);
	return o->mid;
}

/* An open that others stand in the way of is tried again for a second. */
static void test_an_open_waits_a_moment_for_others(void **state)
{
	struct smb1_nt_create_andx_req alone;
	struct smb1_nt_create_andx_rsp rsp = {0};
	uint64_t before;

	(void)state;
	start();
	open_alone(&a, "f", &rsp);
	before = sim.clock.now_ms;
	assert_status(old_open(&b, "f"), STATUS_SHARING_VIOLATION);
	assert_true(sim.clock.now_ms - before >= 900 && sim.clock.now_ms - before < 2000);
	alone = old_create_of(&b, "f", 0x0012019F, 3);
	old_begin(&b, SMB1_NT_CREATE_ANDX);
	old_block(&b, SMB1_NT_CREATE_ANDX, &alone);
	old_send(&b);
	sim_run(&sim, 300);
	assert_status(old_close(&a, rsp.fid), STATUS_SUCCESS);
	assert_true(old_receive(&b));
	assert_status(old_status(&b), STATUS_SUCCESS);
	/* Who hangs up meanwhile is forgotten. */
	ask_alone(&b, "f");
	sim_run(&sim, 100);
	stop();
}

/* a has f alone, and b asks for it every 70 ms; since when. */
static uint64_t ask_in_turn(struct smb1_nt_create_andx_rsp *rsp, uint16_t *mids, size_t n)
{
	uint64_t since;

	start();
	open_alone(&a, "f", rsp);
	since = sim.clock.now_ms;
	for (size_t i = 0; i < n; i++) {
		mids[i] = ask_alone(&b, "f");
		sim_run(&sim, 70);
	}
	return since;
}

static void expect_answer(struct old *o, uint16_t mid, ntstatus status)
{
	assert_true(old_receive(o));
	assert_int_equal(o->header.mid, mid);
	assert_status(old_status(o), status);
}

/* Of several that wait for the same file, whatever their tries come in between: who asked first gets it, and the others have waited as long as ever. */
static void test_who_asked_first_opens_first(void **state)
{
	struct smb1_nt_create_andx_rsp rsp = {0};
	uint16_t mids[3];
	uint64_t since = ask_in_turn(&rsp, mids, 3);

	(void)state;
	/* The first has tried again at 200 ms, and the second does at 270. */
	sim_run(&sim, 30);
	assert_status(old_close(&a, rsp.fid), STATUS_SUCCESS);
	for (size_t i = 0; i < 3; i++) {
		expect_answer(&b, mids[i], i == 0 ? STATUS_SUCCESS : STATUS_SHARING_VIOLATION);
		assert_true(i == 0 || sim.clock.now_ms - since >= 900);
	}
	stop();
}

/* However many others ask meanwhile, nobody waits for longer than that second. */
static void test_those_who_come_later_keep_nobody_waiting(void **state)
{
	struct smb1_nt_create_andx_rsp rsp = {0};
	uint16_t mids[16];
	uint64_t since = ask_in_turn(&rsp, mids, 16);

	(void)state;
	assert_true(sim.clock.now_ms - since < 1200);
	assert_true(b.raw.queued > 0);
	expect_answer(&b, mids[0], STATUS_SHARING_VIOLATION);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_open_waits_a_moment_for_others),
		cmocka_unit_test(test_who_asked_first_opens_first),
		cmocka_unit_test(test_those_who_come_later_keep_nobody_waiting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
