/**
 * The number of shards. It is fixed when the first state is written: an entity's partition is its
 * hash modulo that number, and commits, positions and progress name offsets of that partition.
 * Kafka lets anybody add partitions to a topic, and never takes them away again. So the state says
 * itself with how many it was written (its progress records, common/state.h), and partitions beyond
 * are left alone, by programs that run as well as by those that start.
 */
#ifndef WEBSUB_COMMON_KAFKA_SHARDS_H
#define WEBSUB_COMMON_KAFKA_SHARDS_H

#include "common/kafka.h"

/**
 * Looks at the last records of each of the `partitions` of the state topic for what they say.
 * `*shards` 0: nothing does yet. Blocking, some 10 ms. ERROR_TIMEOUT, ERROR_UNAVAILABLE: Kafka does
 * not answer.
 */
int kafka_shards_find(const struct config *config, const struct kafka_names *names,
                      int32_t partitions, int32_t *shards, struct error *error);

/** A copy of what a group has assigned or revoked, without partitions that are no shards; the
 * caller destroys it. */
rd_kafka_topic_partition_list_t *
kafka_shards_among(const rd_kafka_topic_partition_list_t *partitions, int32_t shards);

#endif
