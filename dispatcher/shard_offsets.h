/**
 * Requests to the groups' coordinators: the offsets of shards, and our membership.
 *
 * Offsets are in the consumer groups <prefix>shard-<n>: fetched once when a shard is
 * taken over, committed when they moved. Nobody is a member of these groups. `folded` (position.h)
 * travels as the metadata of each offset. One commit carries all partitions of a shard that moved.
 *
 * Requests to a group's coordinator have a client handle of their own, which is thrown away, and
 * made anew, when an answer takes too long: librdkafka (2.0.2 and later) aborts when such a request
 * times out while the coordinator is away and the coordinator then comes back. So ours never time
 * out within librdkafka. And it is a consumer's handle: in one without a group of its own,
 * librdkafka follows a null pointer when it is told that a group has another coordinator, as after
 * a broker's restart (https://github.com/confluentinc/librdkafka/issues/5040).
 *
 * @locality control thread
 */
#ifndef WEBSUB_DISPATCHER_SHARD_OFFSETS_H
#define WEBSUB_DISPATCHER_SHARD_OFFSETS_H

#include "dispatcher/shard.h"

struct shard_offsets;

/** Finds an owned shard by number; NULL when it is not owned. */
typedef struct shard *(*shard_find_fn)(void *context, int32_t number);

struct shard_offsets_callbacks {
    shard_find_fn find;
    /** The offsets are in shard->offsets (`error` NULL), or could not be had. */
    void (*fetched)(void *context, struct shard *shard, const struct error *error);
    void (*committed)(void *context, struct shard *shard, const struct error *error);
    /** `error` NULL: at or after `sent_ms` (monotonic) the coordinator knew us as a member. */
    void (*checked)(void *context, int64_t sent_ms, const struct error *error);
    void *context;
};

struct shard_offsets *shard_offsets_new(const struct config *config, const char *group_prefix,
                                        struct channels *channels,
                                        const struct shard_offsets_callbacks *callbacks,
                                        struct error *error);
/** No callback is called any more. NULL is fine. */
void shard_offsets_free(struct shard_offsets *offsets);

/** Asks for the offsets of all partitions in shard->offsets. False: there are none, nothing was
 * asked. */
bool shard_offsets_fetch(struct shard_offsets *offsets, struct shard *shard);

/** The latest state that any of the shard's commits was made with; 0: there are none. */
int64_t shard_offsets_folded(const struct shard *shard);

/**
 * Commits where `wanted` differs from `commit`, and what was last written before
 * `refresh_before_ms`, so that Kafka does not forget it. Does nothing while a commit of the shard
 * is under way.
 */
void shard_offsets_commit(struct shard_offsets *offsets, struct shard *shard,
                          int64_t refresh_before_ms);
/** Whether something is still to be committed (refreshing aside). */
bool shard_offsets_pending(const struct shard *shard);

/**
 * Asks the coordinator of `group` whether it knows `member_id`. (Committing in the group would tell
 * too, but a commit that meets a rebalance makes librdkafka give up all partitions.)
 */
void shard_offsets_check_member(struct shard_offsets *offsets, const char *group,
                                const char *member_id);

/** Serves answers and time-outs, calling the callbacks. @returns how many requests are under way.
 */
int shard_offsets_poll(struct shard_offsets *offsets);

#endif
