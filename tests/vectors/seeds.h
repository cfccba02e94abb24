/* Seeds for the fuzz targets out of captured messages: where HYTHE_SEEDS names a directory, up to some dozens of different ones a
 * row of tests/prop/codec_rows.c are written to DIR/ROW/cHASH. */
#ifndef TESTS_SEEDS_H
#define TESTS_SEEDS_H

#include "base/bytes.h"

void seed_write(const char *row, struct slice data);

#endif
