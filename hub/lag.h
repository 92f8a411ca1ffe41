/**
 * How far behind the subscriptions are, and how much passes through the hub: looked up in Kafka
 * every hub.lag_interval on a thread of its own, whether dispatchers live or not, and put together
 * with what they report. While Kafka does not answer, what was known last stays for some intervals,
 * and is then not known.
 *
 * Thread-safe; nothing blocks but lag_free.
 */
#ifndef WEBSUB_HUB_LAG_H
#define WEBSUB_HUB_LAG_H

#include "hub/fleet.h"
#include "hub/lag_poll.h"
#include "hub/lag_summary.h"
#include "hub/throughput.h"

struct lag;

/** Tells the catalog from now on how far behind its subscriptions are, and `behind` how many are.
 * Everything is borrowed. */
struct lag *lag_new(const struct config *config, const struct kafka_names *names,
                    const struct kafka_layout *layout, struct catalog *catalog, struct view *view,
                    struct fleet *fleet, struct gauge *behind, struct error *error);
/** Blocks until the thread has ended, some seconds at most. NULL is fine. */
void lag_free(struct lag *lag);

/** As of the last look; the history is a copy. */
struct lag_overview {
    struct lag_summary summary;
    struct throughput_entry history[THROUGHPUT_ENTRIES]; /**< the oldest first */
    size_t history_count;
};

void lag_overview(struct lag *lag, struct lag_overview *overview);

/** Partitions with messages, as lag_table_list. */
struct lag_partition_entry *lag_list_messages(struct lag *lag, size_t *count);
/** Partitions of the events; `position` is up to where the hub's view contains them. */
struct lag_partition_entry *lag_list_events(struct lag *lag, size_t *count);

#endif
