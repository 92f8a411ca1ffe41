/** A delivery loop, as other threads see it: they post to it. All functions are thread-safe. */
#ifndef WEBSUB_DISPATCHER_LOOP_H
#define WEBSUB_DISPATCHER_LOOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/state.h"
#include "dispatcher/channel.h"
#include "dispatcher/dispatcher.h"
#include "dispatcher/mailbox.h"

struct loop;

/** Starts loop number `index`. */
struct loop *loop_new(struct dispatcher *dispatcher, int index);
/** Ends all transfers and the thread. What is posted after that only waits to be released. */
void loop_stop(struct loop *loop);
/** After loop_stop, when no other thread can post any more. */
void loop_free(struct loop *loop);

void loop_post(struct loop *loop, struct task *task);

struct loop_stats;
/** To be read by any thread; as long as the loop. */
const struct loop_stats *loop_get_stats(const struct loop *loop);

/* --- from the control thread --- */

/** Adds or updates a subscription; `state` is taken over. `resume`: where a new one begins. */
void loop_put(struct loop *loop, int32_t shard, struct channel *channel,
              struct subscription_state *state, int64_t resume);
void loop_remove(struct loop *loop, const char *id);

/** What a loop knows of one shard's progress in one message partition. */
struct covered {
    int32_t shard;
    struct message_partition *partition;
    int64_t offset; /**< every subscription that the shard's offset covers has all before it */
};

/** Collected from all loops; `done` is called on the last loop's thread. */
struct collection {
    atomic_int waiting;
    pthread_mutex_t lock;
    struct covered *items;
    size_t count;
    void (*done)(struct collection *collection);
};
/** Asks a loop for the positions of its shards. */
void loop_collect(struct loop *loop, struct collection *collection);

/**
 * Stops delivering for a shard and its verifications. With `drain`, transfers under way are waited
 * for up to a bound, and then the loop's positions are added to `collection`; loop_release must
 * follow. Without, the shard's subscriptions are dropped at once.
 */
void loop_revoke(struct loop *loop, int32_t shard, bool drain, struct collection *collection);

/** Shared by the loops of one hand-over. */
struct release {
    atomic_int waiting;
    size_t count;
    struct covered *committed;             /**< what will be committed for the shards */
    void (*done)(struct release *release); /**< on the last loop's thread */
};
/**
 * After loop_revoke: subscriptions of the released shards that are ahead of what will be committed
 * have their own position written as an event, so that the next owner repeats nothing; then they
 * are dropped.
 */
void loop_release(struct loop *loop, struct release *release);

/** Membership was confirmed again after a pause: deliveries that were held back go on. */
void loop_resume(struct loop *loop);

/**
 * Starts the verification of the oldest pending request, or the denial notice of an ending
 * subscription. `partition` is where a subscription's messages lie (NULL: not needed). Copies what
 * it needs.
 */
void loop_verify(struct loop *loop, int32_t shard, const struct subscription_state *state,
                 struct message_partition *partition);
/** Another request waits behind the one that is being verified: it is not to be retried for long.
 */
void loop_hurry(struct loop *loop, const char *id);

/* --- from the catch-up readers --- */

struct chunk;
/** Takes over the answer to catch_up_request. @locality the loop's thread */
void loop_on_chunk(struct loop *loop, struct chunk *chunk);

/* --- from the tail reader --- */

/** Answers tail_open, with its serial. */
void loop_opened(struct loop *loop, struct channel *channel, uint32_t serial, int64_t base);

struct feed_item {
    struct channel *channel;
    struct message *message; /**< one reference each */
};
struct feed {
    struct task task;
    struct message_partition *partition;
    int64_t end; /**< everything before it has been fed */
    size_t count;
    struct feed_item items[];
};
/** Takes over `feed`, made by malloc. */
void loop_feed(struct loop *loop, struct feed *feed);

#endif
