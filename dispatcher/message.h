/**
 * A message to be delivered, shared by reference between all subscriptions that get it. Immutable;
 * any thread may hold and release references.
 */
#ifndef WEBSUB_DISPATCHER_MESSAGE_H
#define WEBSUB_DISPATCHER_MESSAGE_H

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/id.h"
#include "dispatcher/memory.h"

#define MESSAGE_HEADERS_MAX 7

/** What a record of the dead letters topic has besides its message. */
struct letter {
    int64_t offset; /**< of the record */
    int64_t at_ms;  /**< wall clock: when it was given up */
    bool is_mark;   /**< no letter, but that its message was redelivered (dead_letter.h) */
};

struct message {
    atomic_int references;
    struct memory_account *account; /**< that is charged for it while it exists */
    int64_t offset; /**< of a dead letter: of its message where it lies, -1: elsewhere by now */
    struct letter letter;    /**< of dead letters */
    int64_t received_ms;     /**< monotonic: when it was read here */
    int64_t published_at_ms; /**< wall clock */
    const char *id;
    /** Header lines that are the same for all deliveries of it ("Content-Type: ..."), made once. */
    const char *headers[MESSAGE_HEADERS_MAX];
    int header_count;
    /** The last of `headers`, without the name; NULL: it belongs to no trace. */
    const char *traceparent;
    const char *tracestate; /**< the one before, likewise; only with a traceparent */
    const char *self;       /**< canonical topic that the content names; NULL: none, or the topic */
    const char *link;       /**< the Link header line that says so, or NULL */
    const char *body;
    size_t body_length;
    size_t cost;
    char bytes[];
};

/**
 * Copies what is needed out of a consumed message, so that it does not hold on to the whole fetched
 * batch. `hub_url` is what Link headers name.
 * @returns one reference, or NULL when the record is no message of ours (ERROR_INVALID).
 */
struct message *message_from_kafka(const rd_kafka_message_t *record, const char *hub_url,
                                   struct memory_account *account, struct error *error);
/** After message_from_kafka, before it is shared: what makes it a dead letter of a message in that
 * partition. */
void message_take_letter(struct message *message, const rd_kafka_message_t *record,
                         const char *origin_topic, int32_t origin_partition);
/** Without the name of the header. */
const char *message_content_type(const struct message *message);

struct message *message_hold(struct message *message);
void message_release(struct message *message);

#endif
