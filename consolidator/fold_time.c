#include "consolidator/fold.h"

/** Short leases are not told of when they have hardly begun. */
static int64_t warning_due(const struct subscription_state *state, const struct fold_times *times)
{
    int64_t half = state->lease_seconds * 1000 / 2;
    return state->lease_end_ms - (times->lapse_warning_ms < half ? times->lapse_warning_ms : half);
}

int64_t fold_next_due(const struct subscription_state *state, const struct fold_times *times,
                      enum event_type *type, int64_t *deadline)
{
    *deadline = state->lease_end_ms;
    switch (state->status) {
    case SUBSCRIPTION_ACTIVE:
    case SUBSCRIPTION_SUSPENDED:
    case SUBSCRIPTION_PAUSED:
        if (times->lapse_warning_ms > 0 && !state->warned) {
            *type = EVENT_SUBSCRIPTION_LAPSING;
            return warning_due(state, times);
        }
        *type = EVENT_SUBSCRIPTION_EXPIRED;
        return state->lease_end_ms;
    case SUBSCRIPTION_LAPSED:
        *type = EVENT_SUBSCRIPTION_FORGOTTEN;
        return state->lease_end_ms + times->resume_window_ms;
    default:
        return INT64_MAX;
    }
}
