/**
 * Names for where messages come from, shared by all threads and compared by pointer: a message
 * partition in Kafka, and within it a channel, the messages of one WebSub topic. Made once, kept
 * for the life of the process, immutable but for the slots that are marked with their owner.
 */
#ifndef WEBSUB_DISPATCHER_CHANNEL_H
#define WEBSUB_DISPATCHER_CHANNEL_H

#include <stdatomic.h>
#include <stdint.h>
#include <uthash.h>

#include "common/location.h"
#include "dispatcher/memory.h"

#define MAX_LOOPS 16

struct topic_log;
struct tail_route;

struct message_partition {
    uint32_t index; /**< dense, from 0 */
    int32_t partition;
    char *kafka_topic;
    atomic_int channels;           /**< how many lie in it */
    struct memory_account account; /**< opened and closed by the tail reader */
    UT_hash_handle hh;
    char key[]; /**< "<partition>:<kafka topic>" */
};

struct channel {
    struct message_partition *partition;
    struct topic_log *logs[MAX_LOOPS]; /**< slot i belongs to delivery loop i */
    struct tail_route *route;          /**< belongs to the tail reader */
    /** The greatest offset that any subscription at the tail has come to; written by any loop. */
    atomic_int_least64_t lead;
    const char *topic; /**< the WebSub topic */
    UT_hash_handle hh;
    char key[]; /**< "<index of partition>:<topic>" */
};

/** The registry. Zero-initialised is empty. Not thread-safe: owned by the control thread. */
struct channels {
    struct message_partition *partitions;
    struct channel *channels;
};

struct message_partition *channels_get_partition(struct channels *channels, const char *kafka_topic,
                                                 int32_t partition);
struct channel *channels_get(struct channels *channels, const struct location *location,
                             const char *topic);
/** Only after all threads that use channels have ended. */
void channels_fini(struct channels *channels);

#endif
