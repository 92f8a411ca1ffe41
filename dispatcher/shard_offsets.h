/**
 * The offsets of a shard, in the consumer group <prefix>shard-<n>: fetched once when the shard is taken over,
 * committed when they moved. Nobody is a member of these groups. `folded` (position.h) travels as the
 * metadata of each offset. One commit carries all partitions that moved.
 *
 * Asynchronous: results come as events on the queue that is given, with the shard's number as opaque.
 */
#ifndef WEBSUB_DISPATCHER_SHARD_OFFSETS_H
#define WEBSUB_DISPATCHER_SHARD_OFFSETS_H

#include "dispatcher/shard.h"

/** Asks for the offsets of all partitions in shard->offsets. False: there are none, nothing was asked. */
bool shard_offsets_fetch(struct shard *shard, rd_kafka_t *rk, const char *group_prefix,
                         rd_kafka_queue_t *queue);
/** Takes an RD_KAFKA_EVENT_LISTCONSUMERGROUPOFFSETS_RESULT into shard->offsets. */
int shard_offsets_fetched(struct shard *shard, struct channels *channels, rd_kafka_event_t *event,
                          struct error *error);

/**
 * Commits where `wanted` differs from `commit`, and what was last written before `refresh_before_ms`, so that
 * Kafka does not forget it. False: nothing to commit, or a commit is under way.
 */
bool shard_offsets_commit(struct shard *shard, rd_kafka_t *rk, const char *group_prefix,
                          int64_t refresh_before_ms, rd_kafka_queue_t *queue);
/** Whether something is still to be committed (refreshing aside). */
bool shard_offsets_pending(const struct shard *shard);
/** Takes an RD_KAFKA_EVENT_ALTERCONSUMERGROUPOFFSETS_RESULT. */
int shard_offsets_committed(struct shard *shard, struct channels *channels,
                            rd_kafka_event_t *event, struct error *error);

#endif
