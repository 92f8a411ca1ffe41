/**
 * Catch-up readers: a few threads that read a range of one channel again, a chunk at a time, for
 * subscriptions that are behind the tail.
 *
 * Fairness. Each subscription has at most one request at a time, and requests are served first
 * come, first served; but those of subscriptions that fail wait behind all others, and get at most
 * half of the memory. So neither a long backlog nor a crowd of dead subscribers keeps a healthy
 * one from catching up. What is read for one is given to all who wait for the same.
 */
#ifndef WEBSUB_DISPATCHER_CATCH_UP_H
#define WEBSUB_DISPATCHER_CATCH_UP_H

#include <stdbool.h>

#include "dispatcher/dispatcher.h"
#include "dispatcher/mailbox.h"

#define CHUNK_MESSAGES 256
#define CHUNK_BYTES    (1 << 20) /**< less when there is little memory */
#define CHUNK_SCANNED  200000    /**< messages of others in a pooled partition */

struct catch_up;
struct redelivery;
struct letter_run;

/** A request, and then its answer: posted to the loop's mailbox as `task`. */
struct chunk {
    struct task task;
    struct chunk *next;
    struct subscription *subscription; /**< the loop's; NULL when it is gone meanwhile */
    struct redelivery *redelivery;     /**< the loop's, in place of a subscription; or NULL */
    struct letter_run *letter_run;     /**< likewise */
    /** Dead letters are read: of messages in this partition. NULL: messages are. */
    const struct message_partition *origin;
    struct channel *channel;
    int loop;
    bool probing; /**< for a subscription that fails */
    int64_t from;
    int64_t to;      /**< read up to, but not including, this offset */
    size_t capacity; /**< messages that are wanted at most */
    int64_t requested_ms;
    /* the answer */
    bool failed;         /**< nothing could be read: ask again later */
    int64_t next_offset; /**< everything before it has been read; `to`: the range is complete */
    int64_t lost;        /**< offsets that Kafka had dropped already (retention) */
    int64_t answered_ms;
    size_t count;
    struct message *messages[];
};

/** A request for at most `capacity` messages, 1 to CHUNK_MESSAGES; the caller fills the rest. */
struct chunk *chunk_new(size_t capacity);
/** A request for dead letters of a subscription, of messages in `origin`: it has its own channel.
 */
struct chunk *chunk_new_letters(size_t capacity, struct message_partition *partition,
                                const char *subscription_id,
                                const struct message_partition *origin);

struct catch_up *catch_up_new(struct dispatcher *dispatcher, struct error *error);
/** Stops the threads; requests that were not begun are answered as failed. */
void catch_up_stop(struct catch_up *catch_up);
void catch_up_free(struct catch_up *catch_up);

/** Takes over `chunk`; comes back through the loop's mailbox. Thread-safe. */
void catch_up_request(struct catch_up *catch_up, struct chunk *chunk);

#endif
