/**
 * Asks Kafka what the lag table wants to know: where partitions end and begin, and what shards have
 * committed; and where the events end. Few requests, whatever the number of partitions: one to each
 * broker for a thousand of them, and one for each shard.
 *
 * @locality one thread; only lag_poll_events_end may be called on any
 */
#ifndef WEBSUB_HUB_LAG_POLL_H
#define WEBSUB_HUB_LAG_POLL_H

#include <stdatomic.h>

#include "common/kafka_admin.h"
#include "hub/lag_table.h"
#include "hub/view.h"

struct lag_poll;

/** Everything is borrowed; `stopping` cuts a poll short. */
struct lag_poll *lag_poll_new(const struct config *config, const struct kafka_names *names,
                              const struct kafka_layout *layout, struct view *view,
                              struct lag_table *table, const atomic_bool *stopping,
                              struct error *error);
void lag_poll_free(struct lag_poll *poll);

/** Blocks for as long as Kafka takes to answer, some seconds at most. False: not all ends were
 * told; what was told is in the table. */
bool lag_poll_run(struct lag_poll *poll);

/** Where the shard's partition of the events ends, as it was told not before `since_ms`
 * (monotonic); -1: not known. Thread-safe. */
int64_t lag_poll_events_end(struct lag_poll *poll, int32_t shard, int64_t since_ms);

#endif
