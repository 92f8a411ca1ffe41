/**
 * Sends notices to the webhook (docs/notices.md), on a thread of its own with a Kafka consumer of
 * its own: whatever the webhook does, deliveries do not notice.
 *
 * Invariants, and what they survive:
 *  - The dispatchers share the partitions of the notices topic in a consumer group. An offset is
 * committed only when everything before it was taken, or was too old: a crash anywhere repeats,
 * with the same webhook-id, and loses nothing.
 *  - Of one partition, and so of one subscription, one notice is under way at a time, in order.
 *  - What is held in memory is bounded for each partition (notice_queue.h); reading pauses then.
 */
#ifndef WEBSUB_DISPATCHER_NOTICE_SENDER_H
#define WEBSUB_DISPATCHER_NOTICE_SENDER_H

#include "dispatcher/dispatcher.h"

struct notice_sender;

/** Joins the group and starts the thread. */
struct notice_sender *notice_sender_new(struct dispatcher *dispatcher, struct error *error);
/** Nothing new is sent from now on. Does not block. NULL is fine. */
void notice_sender_stop(struct notice_sender *sender);
/**
 * After notice_sender_stop: waits for what is under way, up to dispatcher.shutdown_grace, commits,
 * and leaves the group. NULL is fine.
 */
void notice_sender_free(struct notice_sender *sender);

#endif
