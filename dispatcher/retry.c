#include "dispatcher/retry.h"

int64_t retry_pause_ms(const struct retry_policy *policy, unsigned failures, int64_t retry_after_ms,
                       uint32_t random)
{
    int64_t pause = policy->min_interval_ms;
    for (unsigned i = 1; i < failures && pause < policy->max_interval_ms; i++)
        pause *= 2;
    if (pause > policy->max_interval_ms)
        pause = policy->max_interval_ms;
    pause = pause / 2 + (int64_t)((double)random / 4294967296.0 * (double)(pause - pause / 2));
    if (retry_after_ms > policy->max_interval_ms)
        retry_after_ms = policy->max_interval_ms;
    return pause > retry_after_ms ? pause : retry_after_ms;
}
