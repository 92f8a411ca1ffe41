/**
 * What the hub knows of partitions: where they begin and end, and what the dispatchers' shards have
 * committed in them. Filled by the poller (lag.c); asked by whoever wants to know how far behind
 * something is. Does no I/O; times are monotonic ms.
 *
 * Bounded by what is wanted: the partitions of topics, and for each of them the shards that have
 * subscriptions there. What has not been told for `stale_ms` is not known any more.
 *
 * Thread-safe; nothing blocks but on a lock that is held for moments.
 */
#ifndef WEBSUB_HUB_LAG_TABLE_H
#define WEBSUB_HUB_LAG_TABLE_H

#include "hub/catalog.h"
#include "hub/lag_figure.h"

struct lag_table;

/** `pool` is the Kafka topic whose partitions are shared; borrowed. */
struct lag_table *lag_table_new(const char *pool, int64_t stale_ms);
void lag_table_free(struct lag_table *table);

/* --- what is wanted; a round: begin, want…, end --- */

void lag_table_begin(struct lag_table *table);
void lag_table_want(struct lag_table *table, const char *kafka_topic, int32_t partition);
/** Its partition is wanted, too. `attended`: the shard's dispatcher has somebody to serve there. */
void lag_table_want_commit(struct lag_table *table, const char *kafka_topic, int32_t partition,
                           int32_t shard, bool attended);
/** Forgets what was not wanted in this round. */
void lag_table_end(struct lag_table *table);

typedef void (*lag_partition_fn)(void *context, const char *kafka_topic, int32_t partition);
typedef void (*lag_commit_fn)(void *context, const char *kafka_topic, int32_t partition,
                              int32_t shard);
void lag_table_each_partition(struct lag_table *table, lag_partition_fn show, void *context);
void lag_table_each_commit(struct lag_table *table, lag_commit_fn show, void *context);

/** Shows each partition of which it should be known where it ended at `at_ms`, since some
 * subscription is further behind than the history goes. */
typedef void (*lag_past_fn)(void *context, const char *kafka_topic, int32_t partition,
                            int64_t at_ms);
void lag_table_each_past(struct lag_table *table, int64_t now_ms, lag_past_fn show, void *context);

/* --- what was told; of what is not wanted (any more) it is ignored --- */

void lag_table_set_end(struct lag_table *table, const char *kafka_topic, int32_t partition,
                       int64_t end, int64_t now_ms);
void lag_table_set_start(struct lag_table *table, const char *kafka_topic, int32_t partition,
                         int64_t start);
/** The answer to lag_table_each_past: the first record that Kafka got at `at_ms` or later. */
void lag_table_set_past(struct lag_table *table, const char *kafka_topic, int32_t partition,
                        int64_t at_ms, int64_t offset);
/** A commit with `offset` -1 says that there is none. Only with a state in the catalog that is at
 * least as new as the one that the commit was made with (position.h). */
void lag_table_set_commit(struct lag_table *table, const char *kafka_topic, int32_t partition,
                          int32_t shard, const struct shard_commit *commit, int64_t now_ms);

/* --- asking --- */

/** How far behind a verified subscription is. */
void lag_table_measure(struct lag_table *table, const struct catalog_sight *sight, int64_t now_ms,
                       int64_t now_wall_ms, struct lag_figure *figure);

/** How many records were added to all partitions since the table was made, as far as it was told.
 */
int64_t lag_table_growth(struct lag_table *table);

/** A partition as it is listed; -1: not known. */
struct lag_partition_entry {
    char *kafka_topic; /**< owned */
    int32_t partition;
    int64_t position; /**< least commit of the shards that have somebody to serve there */
    int64_t end;
};

/** All partitions, in the order of their names; the caller frees with lag_partition_entries_free.
 */
struct lag_partition_entry *lag_table_list(struct lag_table *table, int64_t now_ms, size_t *count);
void lag_partition_entries_free(struct lag_partition_entry *entries, size_t count);

#endif
