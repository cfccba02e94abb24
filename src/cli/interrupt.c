/* Interruption of the commands that leave something behind: the first signal asks them to clean up, the second ends them. */
#include "cli/cli.h"

#include <signal.h>

static volatile sig_atomic_t caught;
static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

static void on_signal(int number)
{
	caught = number;
}

void cli_interrupt_catch(void)
{
	struct sigaction now = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND}, before;
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
			sigaction(signals[i], &now, NULL);
	}
}

bool cli_interrupted(void)
{
	return caught != 0;
}

void cli_interrupt_end(void)
{
	struct sigaction usual = {.sa_handler = SIG_DFL};
	int number = caught;
	if (number == 0)
		return;
	sigaction(number, &usual, NULL);
	raise(number);
}
