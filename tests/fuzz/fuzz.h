/** What the fuzz targets share. */
#ifndef WEBSUB_TESTS_FUZZ_FUZZ_H
#define WEBSUB_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/** Tries one input; what must not be ends the process (ENSURE). libFuzzer calls it, or replay.c. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
