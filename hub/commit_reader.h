/**
 * Asks Kafka what dispatchers have committed in the groups of shards (dispatcher/shard_offsets.h).
 *
 * Such requests have a client handle of their own, which is thrown away, and made anew, when an
 * answer takes too long: librdkafka (2.0.2 and later) aborts when such a request times out while
 * the coordinator is away and the coordinator then comes back. So ours never time out within
 * librdkafka. And it is a consumer's handle: in one without a group of its own, librdkafka follows
 * a null pointer when it is told that a group has another coordinator, as after a broker's restart
 * (https://github.com/confluentinc/librdkafka/issues/5040).
 *
 * @locality one thread
 */
#ifndef WEBSUB_HUB_COMMIT_READER_H
#define WEBSUB_HUB_COMMIT_READER_H

#include "common/kafka.h"
#include "common/position.h"

struct commit_reader;

/** A request that is under way: about several partitions of one shard. */
struct commit_request {
    int32_t shard;
    int64_t sent_ms;
    struct commit_request *prev, *next;
};

/** Called for each partition that was asked for; `commit->offset` -1: none. */
typedef void (*commit_found_fn)(void *context, const struct commit_request *request,
                                const char *kafka_topic, int32_t partition,
                                const struct shard_commit *commit);
/** Called once for each request, then it is freed. */
typedef void (*commit_settled_fn)(void *context, const struct commit_request *request,
                                  const struct error *error);

/** `group_prefix` is borrowed. */
struct commit_reader *commit_reader_new(const struct config *config, const char *group_prefix,
                                        commit_found_fn found, commit_settled_fn settled,
                                        void *context);
/** Nothing is called any more. */
void commit_reader_free(struct commit_reader *reader);

/** Asks; `partitions` is borrowed for the call. NULL when no client can be made. */
struct commit_request *commit_reader_ask(struct commit_reader *reader, int32_t shard,
                                         const rd_kafka_topic_partition_list_t *partitions,
                                         struct error *error);
/** Waits up to `timeout_ms` for answers, whether any are due or not, and passes them on. */
void commit_reader_poll(struct commit_reader *reader, int timeout_ms);

#endif
