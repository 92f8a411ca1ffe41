#include "dispatcher/loop_stats.h"

#include "dispatcher/loop_internal.h"

static enum subscription_health health_of(const struct subscription *s)
{
    if (s->status == SUBSCRIPTION_SUSPENDED)
        return HEALTH_SUSPENDED;
    if (s->status == SUBSCRIPTION_PAUSED)
        return HEALTH_PAUSED;
    return s->failures > 0 ? HEALTH_FAILING : HEALTH_HEALTHY;
}

void loop_census_count(struct loop_census *census, const struct subscription *s)
{
    enum subscription_health health = health_of(s);
    census->detached += s->position.detached;
    if (!s->is_behind || s->status == SUBSCRIPTION_LAPSED || s->status == SUBSCRIPTION_ENDING)
        return;
    int64_t published = subscription_oldest_published(s);
    census->by_health[health]++;
    census->backlog[health] += s->open_deliveries + source_backlog(s);
    if (published > 0 && (census->oldest[health] == 0 || published < census->oldest[health]))
        census->oldest[health] = published;
}

void loop_census_publish(const struct loop_census *census, struct loop_stats *stats)
{
    atomic_store_explicit(&stats->detached, census->detached, memory_order_relaxed);
    for (int i = 0; i < HEALTH_COUNT; i++) {
        atomic_store_explicit(&stats->by_health[i], census->by_health[i], memory_order_relaxed);
        atomic_store_explicit(&stats->backlog[i], census->backlog[i], memory_order_relaxed);
        atomic_store_explicit(&stats->oldest[i], census->oldest[i], memory_order_relaxed);
    }
}
