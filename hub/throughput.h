/** What passed through lately: an entry every ten seconds, an hour of them. Pure. */
#ifndef WEBSUB_HUB_THROUGHPUT_H
#define WEBSUB_HUB_THROUGHPUT_H

#include <stddef.h>
#include <stdint.h>

enum { THROUGHPUT_ENTRIES = 360, THROUGHPUT_INTERVAL_MS = 10000 };

/** Rates are per second; negative: not known. */
struct throughput_entry {
    int64_t at_ms; /**< wall clock */
    double published, delivered, failed;
    size_t behind; /**< subscriptions, see lag_summary.h */
};

/** Zero-initialised is empty. */
struct throughput {
    struct throughput_entry entries[THROUGHPUT_ENTRIES];
    size_t next, count;
};

/** The oldest goes when there is no room. */
void throughput_add(struct throughput *throughput, const struct throughput_entry *entry);
/** Copies all, the oldest first. @returns how many. */
size_t throughput_copy(const struct throughput *throughput,
                       struct throughput_entry out[THROUGHPUT_ENTRIES]);

/** How fast something grows, from what it is now and then. Zero-initialised: not known yet. */
struct growth {
    int64_t value, at_ms; /**< when it was looked at last; 0: never */
    double per_second;
};

/** The value as it was at `at_ms` (monotonic). The rate since the last call, or, when it was not
 * looked at since, that of the last call; negative: not known. */
double growth_rate(struct growth *growth, int64_t value, int64_t at_ms);

#endif
