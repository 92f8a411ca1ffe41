/** When a failed delivery is tried again. Pure but for the random number that the caller brings. */
#ifndef WEBSUB_DISPATCHER_RETRY_H
#define WEBSUB_DISPATCHER_RETRY_H

#include <stdint.h>

struct retry_policy {
    int64_t min_interval_ms;
    int64_t max_interval_ms;
};

/**
 * The pause after `failures` (1 = the first) failures in a row: doubling from min to max, then
 * spread over [1/2, 1) of that so that subscribers that failed together do not return together.
 *
 * @param retry_after_ms what the subscriber asked for (Retry-After), 0 if nothing; obeyed up to
 * max.
 * @param random any 32 random bits.
 */
int64_t retry_pause_ms(const struct retry_policy *policy, unsigned failures, int64_t retry_after_ms,
                       uint32_t random);

#endif
