/**
 * What one delivery loop knows of its subscriptions at large, for metrics: counted once a second by
 * the loop, read by any thread.
 */
#ifndef WEBSUB_DISPATCHER_LOOP_STATS_H
#define WEBSUB_DISPATCHER_LOOP_STATS_H

#include <stdatomic.h>
#include <stdint.h>

/** What there is to expect of a subscription: an autoscaler looks at the healthy ones only. */
enum subscription_health {
    HEALTH_HEALTHY,
    HEALTH_FAILING,
    HEALTH_SUSPENDED,
    HEALTH_PAUSED,
    HEALTH_COUNT
};

struct loop_stats {
    atomic_int_least64_t detached;
    atomic_int_least64_t by_health[HEALTH_COUNT]; /**< of those that are behind */
    atomic_int_least64_t backlog[HEALTH_COUNT];   /**< messages, at most */
    /** Wall clock ms: when the oldest unconfirmed message was published; 0: there is none. */
    atomic_int_least64_t oldest[HEALTH_COUNT];
};

struct subscription;

/** Counts anew: begin, then each subscription that is behind or detached, then publish. */
struct loop_census {
    int64_t detached;
    int64_t by_health[HEALTH_COUNT];
    int64_t backlog[HEALTH_COUNT];
    int64_t oldest[HEALTH_COUNT];
};
void loop_census_count(struct loop_census *census, const struct subscription *subscription);
void loop_census_publish(const struct loop_census *census, struct loop_stats *stats);

#endif
