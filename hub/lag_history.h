/**
 * Where a partition ended at which time: tells about when a record was published. Bounded: the
 * older, the sparser. Pure; zero-initialised is empty.
 */
#ifndef WEBSUB_HUB_LAG_HISTORY_H
#define WEBSUB_HUB_LAG_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAG_HISTORY_MAX 64

/** At `at_ms` the next record's offset was `end`, and not much later it was another one. */
struct lag_sample {
    int64_t at_ms; /**< monotonic; may be negative: before the machine started */
    int64_t end;
};

struct lag_history {
    struct lag_sample *samples; /**< in order of time, and of end */
    size_t count, capacity;
};

void lag_history_fini(struct lag_history *history);

/** Later than all others. An end that went back (Kafka lost records) begins a new history. */
void lag_history_add(struct lag_history *history, int64_t at_ms, int64_t end);
/** Earlier than all others; needs at least one. Ignored when it does not go before them. */
void lag_history_add_older(struct lag_history *history, int64_t at_ms, int64_t end);

/**
 * When the record at `offset` was published: between two samples, as if records had come evenly.
 * False: before the first sample.
 */
bool lag_history_published(const struct lag_history *history, int64_t offset, int64_t *at_ms);

#endif
