/**
 * How often each client may do something: a token bucket for each key, which holds a second's
 * worth. Thread-safe, never blocks.
 *
 * Bounded: buckets that are full again say nothing and are dropped; when too many are in use, the
 * one that was used longest ago gives way, so a flood of addresses cannot exhaust memory (it may
 * then go faster than the limit).
 */
#ifndef WEBSUB_HUB_RATE_LIMIT_H
#define WEBSUB_HUB_RATE_LIMIT_H

#include <stdint.h>

/** Buckets that are in use at the same time. */
#define RATE_LIMIT_MAX_KEYS 100000

struct rate_limit;

/** `per_second` > 0. Below 1, one at a time. Within 1 % up to 10 million. */
struct rate_limit *rate_limit_new(double per_second);
/** NULL is allowed. */
void rate_limit_free(struct rate_limit *limit);

/**
 * Takes one token of the key's bucket. @returns 0, or after how many milliseconds (at least 1)
 * there will be one; then none was taken. `now_us` never goes back: monotonic.
 */
int64_t rate_limit_take(struct rate_limit *limit, const char *key, int64_t now_us);

#endif
