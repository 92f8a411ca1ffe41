/**
 * The recent messages of one channel in one delivery loop, as read by the tail reader: from `base`
 * on without a gap, up to the end that the loop has been told. Each entry is kept until every
 * subscription that reads the log has passed it.
 *
 * Entries are numbered; a reader holds the number of the entry that it needs next. Numbers, unlike
 * Kafka's offsets, have no holes. @locality the loop's thread
 */
#ifndef WEBSUB_DISPATCHER_TOPIC_LOG_H
#define WEBSUB_DISPATCHER_TOPIC_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dispatcher/message.h"

struct log_entry {
    struct message *message;
    uint32_t readers; /**< that have not passed it */
};

struct topic_log {
    struct channel *channel;
    uint32_t serial; /**< of the tail_open that it waits for or got */
    bool open;       /**< the tail reader has told where it begins */
    int64_t base;    /**< offset: every message from here on is kept, or will come */
    uint64_t first;  /**< number of the oldest entry kept */
    uint64_t next;   /**< number that the next message will get */
    uint32_t readers;
    struct log_entry *ring; /* capacity: a power of two */
    size_t capacity;
    size_t bytes;
    struct subscription *subscriptions; /**< all that want this channel's messages */
    struct partition_progress *progress;
    char *link_header; /**< the same for all deliveries */
};

struct topic_log *topic_log_new(struct channel *channel, char *link_header);
void topic_log_free(struct topic_log *log);

/** Takes over the reference. Without readers nothing is kept. */
void topic_log_append(struct topic_log *log, struct message *message);

/** A reader joins before the entry with the least offset that is at least `offset`. @returns its
 * number */
uint64_t topic_log_join(struct topic_log *log, int64_t offset);
/** The entry `number`, or NULL when it has not come yet. */
struct message *topic_log_get(const struct topic_log *log, uint64_t number);
/** A reader passes entry `number`. */
void topic_log_pass(struct topic_log *log, uint64_t number);
/** A reader that would need `number` next leaves. */
void topic_log_leave(struct topic_log *log, uint64_t number);

#endif
