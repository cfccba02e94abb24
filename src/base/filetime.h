/* FILETIME ([MS-DTYP] 2.3.3): 100 ns steps since 1601-01-01 UTC, and struct timespec. */
#ifndef BASE_FILETIME_H
#define BASE_FILETIME_H

#include "base/bytes.h"

#include <time.h>

#define FILETIME_UNIX_EPOCH 116444736000000000ull

/* Rounds down to 100 ns; times before 1601 give 0. */
uint64_t filetime_from_timespec(struct timespec ts);

/* Exact; times before 1970 give negative seconds. */
struct timespec filetime_to_timespec(uint64_t ft);

#endif
