/**
 * One shard: a partition of the state topic, and what this process knows of its subscriptions.
 *
 *   LOADING    its state is being read; nothing is served
 *   RESOLVING  its committed offsets are being fetched
 *   LIVE       its subscriptions are with their loops; changes of state are passed on
 *   REVOKED    it is being given up: loops finish what is under way
 *
 * @locality control thread
 */
#ifndef WEBSUB_DISPATCHER_SHARD_H
#define WEBSUB_DISPATCHER_SHARD_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "common/position.h"
#include "common/state.h"
#include "dispatcher/dispatcher.h"

enum shard_phase { SHARD_LOADING, SHARD_RESOLVING, SHARD_LIVE, SHARD_REVOKED };

/** What the shard's group has committed for one message partition. */
struct shard_offset {
    struct message_partition *partition;
    struct shard_commit commit; /**< as Kafka has it */
    struct shard_commit wanted; /**< as the loops reported it last */
    uint64_t serial;            /**< of the snapshot that `wanted` comes from */
    int64_t sent_folded;        /**< of the commit that is under way */
    int64_t committed_ms;       /**< monotonic: when it was last written */
    int64_t end;  /**< of the partition, when the shard was taken over; -1: not known */
    int64_t back; /**< where those beyond it go on; -1: nobody has asked */
    UT_hash_handle hh;
};

struct shard_member;

struct shard {
    int32_t number;
    enum shard_phase phase;
    int64_t folded; /**< progress of its state (common/state.h) */
    struct shard_member *members;
    struct shard_offset *offsets;
    bool committing;       /**< a commit is under way */
    uint32_t incarnation;  /**< tells answers about it from those about an earlier ownership */
    uint64_t born;         /**< snapshots up to this one were asked for before it was ours */
    int64_t await_folded;  /**< while RESOLVING: offsets are known, but made with a later state */
    int64_t hope_folded;   /**< the same, but only until hope_until_ms (takeover.c) */
    int64_t hope_until_ms; /**< 0: offsets are not known yet */
    int64_t refetch_ms;    /**< when to ask for the offsets again; 0: not */
};

struct shard *shard_new(int32_t number);
void shard_free(struct shard *shard);

/** The offset entry for a message partition, made when it is new. */
struct shard_offset *shard_get_offset(struct shard *shard, struct message_partition *partition);

/**
 * Takes a record of the shard's state. While LOADING it is only remembered, while LIVE it takes
 * effect.
 */
void shard_take_record(struct shard *shard, struct dispatcher *dispatcher,
                       struct channels *channels, const char *key, size_t key_length,
                       struct state_record *record);

/** Tells `visit` each message partition that the loaded subscriptions need. */
void shard_needed_partitions(struct shard *shard, struct channels *channels);

/** LOADING or RESOLVING -> LIVE: hands all subscriptions to their loops. */
void shard_go_live(struct shard *shard, struct dispatcher *dispatcher, struct channels *channels);

#endif
