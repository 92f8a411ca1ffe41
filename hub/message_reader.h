/**
 * Reads messages, and dead letters, from Kafka on demand: a few threads, each with a consumer of
 * its own that joins no group. Each read is bounded in rows, bytes and time, and so is the number
 * of reads that wait. Nothing is kept from one read to the next.
 *
 * Thread-safe.
 */
#ifndef WEBSUB_HUB_MESSAGE_READER_H
#define WEBSUB_HUB_MESSAGE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/kafka_admin.h"
#include "hub/catalog.h"

#define MESSAGE_READER_MAX_ID 64 /**< bytes of a message id; longer ones are cut */

struct message_reader;
struct message_read;

/** What tells whether a message is wanted. */
struct message_head {
    int64_t offset;
    int64_t published_at_ms;
    size_t body_length;
    int64_t dead_lettered_at_ms; /**< of a dead letter, else 0 */
    bool is_mark; /**< no dead letter, but that earlier ones of the same origin are settled */
    int64_t origin_offset; /**< of a dead letter: where the message lies; -1: not known, or
                              not in the partition that the read names as origin */
    char id[MESSAGE_READER_MAX_ID + 1];
};

/** A message that was read. Strings are owned. */
struct message_row {
    struct message_head head;
    char *content_type; /**< or NULL */
    char *body;         /**< head.body_length bytes, then a NUL */
    /* Of dead letters only: */
    char *reason;
    int64_t failures;
};

enum message_verdict { MESSAGE_TAKE, MESSAGE_PASS_OVER, MESSAGE_STOP };

/** Why a read ended. */
enum message_read_end {
    MESSAGE_READ_COMPLETE, /**< the range was read to its end */
    MESSAGE_READ_ROWS,     /**< there are `max_rows`; perhaps there are more */
    MESSAGE_READ_BYTES,    /**< the next one would be more than `max_bytes`, and not the first */
    MESSAGE_READ_STOPPED,  /**< `judge` said so */
    MESSAGE_READ_TIME,     /**< `timeout_ms` was over */
};

/**
 * One read, embedded by the asker, who keeps it and what it points to until `done` was called,
 * exactly once, on any thread; it must not block. `error` NULL: the answer is filled.
 */
struct message_read {
    void (*done)(struct message_read *read, const struct error *error);
    /** Asked about each message with the key, in order; NULL: all are taken. On a reader's thread;
     * must be quick. */
    enum message_verdict (*judge)(struct message_read *read, const struct message_head *head);
    /** Asked before that, with when Kafka got the message: it and so many that follow it, this
     * number in all, are passed over unseen. NULL: none. */
    int64_t (*skip)(struct message_read *read, int64_t written_ms);
    bool alone; /**< no other key's records are in the partition: what is skipped is not read */
    const char *kafka_topic;
    int32_t partition;
    const char *key; /**< of the records that are meant: the WebSub topic, or a subscription's id */
    const struct location *origin; /**< of dead letters; NULL: any */
    int64_t from;                  /**< first offset */
    int64_t from_ms;    /**< nor before the first record that Kafka got then or later; 0: any */
    int64_t to;         /**< offset behind the last; -1: the end that there is now */
    size_t max_rows;    /**< 0: none is read, `next` tells where the range begins */
    size_t max_bytes;   /**< of bodies */
    int64_t timeout_ms; /**< of all but waiting for a reader */
    /* the answer */
    enum message_read_end end;
    struct message_row *rows; /**< see message_read_fini */
    size_t count;
    size_t bytes;
    int64_t next; /**< where a read that goes on begins */
    /* private */
    size_t capacity;
    int64_t skipping; /* messages that are still to be passed over */
    int64_t started_ms;
    struct message_read *previous, *following;
};

struct message_reader *message_reader_new(const struct config *config);
/** Settles what waits and what is under way as unavailable, and frees. NULL is fine. */
void message_reader_free(struct message_reader *reader);

/** -1, and `done` is not called: ERROR_RESOURCE, too many wait. Never blocks. A read that has
 * waited for seconds without its turn coming fails, ERROR_RESOURCE. */
int message_reader_start(struct message_reader *reader, struct message_read *read,
                         struct error *error);
/** Fills in where a subscription's dead letters are: kafka_topic, partition, key; and its messages:
 * origin. Borrows. */
void message_read_dead_letters(struct message_read *read, const struct kafka_names *names,
                               const struct kafka_layout *layout,
                               const struct catalog_subscription *subscription);
/** Frees the rows. */
void message_read_fini(struct message_read *read);

#endif
