/**
 * Light pings: a thread that fetches the pinged topics of this dispatcher's shards and writes what
 * has changed as messages, to be delivered like any other. A thread of its own, since what
 * strangers' servers send is also parsed there: that must not hold up deliveries.
 *
 * Everything that must survive is in the topic's state (common/state.h, consolidator/fold_ping.c).
 */
#ifndef WEBSUB_DISPATCHER_FETCHER_H
#define WEBSUB_DISPATCHER_FETCHER_H

#include "common/state.h"
#include "dispatcher/dispatcher.h"

struct fetcher;

struct fetcher *fetcher_new(struct dispatcher *dispatcher);
/** Ends all transfers and the thread; what is under way to Kafka is not waited for. */
void fetcher_stop(struct fetcher *fetcher);
/** After fetcher_stop, when the producer was drained and no other thread can post any more. NULL is
 * fine. */
void fetcher_free(struct fetcher *fetcher);

/* --- from the control thread --- */

/** Takes over what `record`, of the shard's state, says of a topic; other records are left alone.
 */
void fetcher_take_record(struct fetcher *fetcher, int32_t shard, const char *key, size_t key_length,
                         struct state_record *record);
/** The shard is served from now on: what is pinged is fetched. */
void fetcher_open_shard(struct fetcher *fetcher, int32_t shard);
/** The shard is given up: its topics are forgotten, and no fetch of theirs leads to a message but
 * those that are under way to Kafka already. */
void fetcher_drop_shard(struct fetcher *fetcher, int32_t shard);
/** Messages that are under way to Kafka. */
int fetcher_pending(struct fetcher *fetcher);

#endif
