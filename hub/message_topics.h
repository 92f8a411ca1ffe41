/**
 * Producer handles of the Kafka topics that hold messages, made once and kept: librdkafka looks
 * topics up by name in a list, and a first message to a topic whose metadata is unknown waits up to
 * a second. Thread-safe.
 */
#ifndef WEBSUB_HUB_MESSAGE_TOPICS_H
#define WEBSUB_HUB_MESSAGE_TOPICS_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

struct message_topics;

struct message_topic {
    rd_kafka_topic_t *handle;
    const char *name;
};

struct message_topics *message_topics_new(rd_kafka_t *producer);
/** Before the producer is destroyed. */
void message_topics_free(struct message_topics *topics);

/**
 * The handle for a Kafka topic, made when it is new. It lives as long as `topics`. Does not block;
 * its metadata is fetched by message_topics_warm_up.
 */
struct message_topic *message_topics_get(struct message_topics *topics, const char *name);

/**
 * Fetches the metadata of handles that were made since the last call, blocking up to `timeout_ms`
 * each; false: some failed and are left for the next call.
 */
bool message_topics_warm_up(struct message_topics *topics, int timeout_ms);

#endif
