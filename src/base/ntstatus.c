/* Names and sentences of NTSTATUS codes, from the list in hythe/status.h. */
#include <hythe/status.h>

#include <stdio.h>

const char *hythe_status_name(ntstatus s)
{
	static _Thread_local char unknown[16];

	switch (s.code) {
#define ROW(name, value, text)                                                                                         \
	case value:                                                                                                    \
		return "STATUS_" #name;
		HYTHE_STATUS_LIST(ROW)
#undef ROW
	}
	snprintf(unknown, sizeof(unknown), "0x%08X", s.code);
	return unknown;
}

const char *hythe_status_text(ntstatus s)
{
	switch (s.code) {
#define ROW(name, value, text)                                                                                         \
	case value:                                                                                                    \
		return text;
		HYTHE_STATUS_LIST(ROW)
#undef ROW
	}
	return hythe_status_name(s);
}
