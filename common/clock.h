/** Time. Wall-clock for what is written down, monotonic for what is waited for. */
#ifndef WEBSUB_COMMON_CLOCK_H
#define WEBSUB_COMMON_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOCK_TIMESTAMP_SIZE sizeof("2026-01-01T00:00:00.000Z")

/** Milliseconds since 1970-01-01T00:00:00Z. */
int64_t clock_wall_ms(void);
/** The same in microseconds. */
int64_t clock_wall_us(void);

/** Milliseconds and microseconds of a clock that never jumps, but stands still in suspend. */
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_us(void);

/** Blocks this thread. For pauses between tries, never for waiting until something has happened. */
void clock_sleep_ms(int milliseconds);

/** Writes `wall_ms` as RFC 3339 in UTC with milliseconds. */
void clock_format(int64_t wall_ms, char out[CLOCK_TIMESTAMP_SIZE]);
/**
 * Reads an ISO 8601 time: 2026-01-31T12:00, with or without seconds, a fraction of up to nine
 * digits (beyond milliseconds cut), and zone (Z, +01:00, +0100; without it is UTC).
 */
bool clock_parse(const char *text, int64_t *wall_ms);

#endif
