/** Inside the consolidating thread: what engine.c (group, loop), opening.c and transaction.c share.
 */
#ifndef WEBSUB_CONSOLIDATOR_ENGINE_INTERNAL_H
#define WEBSUB_CONSOLIDATOR_ENGINE_INTERNAL_H

#include "common/kafka.h"
#include "common/state_loader.h"
#include "consolidator/engine.h"
#include "consolidator/partition.h"

struct engine {
    const struct config *config;
    const struct kafka_names *names;
    const struct keyring *keyring;
    const struct engine_metrics *metrics;
    rd_kafka_t *consumer;
    rd_kafka_t *producer; /* transactional */
    struct state_loader *loader;
    rd_kafka_topic_t
        *notices; /* keeps what librdkafka knows of its leaders; NULL: none are wanted */
    int32_t partition_count;
    int32_t notices_partitions;
    struct partition **partitions; /* by number; NULL: not ours */
    rd_kafka_message_t **batch;
    size_t batch_count;
    int64_t *eof; /* by number: events offset at which the partition's end was seen, or -1 */
    atomic_bool *joined;
    bool closing; /* what is still assigned is only acknowledged */
    bool failed;  /* in the rebalance callback: `failure` says why */
    struct error failure;
};

/**
 * Fetches the committed offsets of `list` into it, reads the state of these partitions, in place of
 * what memory has of them, and finds out where folding goes on: the offsets of `list` become that.
 * Blocking. On failure none of them is open. ERROR_CONFIG: state and events do not fit each other.
 */
int opening_run(struct engine *engine, rd_kafka_topic_partition_list_t *list, struct error *error);
/** Forgets a partition; one that is not open is fine. */
void opening_close(struct engine *engine, int32_t number);

/** Whether the partition's state is complete up to an offset that no progress record tells yet, or
 * the record tells the level of a consolidator of another version. */
bool transaction_has_progress(const struct engine *engine, const struct partition *partition);

/**
 * Folds the batch, writes what is due and the progress, and commits with the offsets. On failure
 * memory is ahead of Kafka: abort, and open the partitions again.
 */
int transaction_run(struct engine *engine, struct error *error);

/** The result of a transactional call as ours; consumes `problem`. ERROR_CONFLICT: new handles are
 * needed. */
int transaction_error(struct error *error, rd_kafka_error_t *problem, const char *what);

#endif
