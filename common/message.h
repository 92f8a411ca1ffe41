/**
 * Messages as they lie in Kafka. Key: the WebSub topic; value: the body byte for byte; the rest is
 * in headers, as text.
 */
#ifndef WEBSUB_COMMON_MESSAGE_H
#define WEBSUB_COMMON_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#define MESSAGE_HEADER_ID           "message-id"   /**< UUID version 7 */
#define MESSAGE_HEADER_PUBLISHED_AT "published-at" /**< milliseconds since 1970 */
#define MESSAGE_HEADER_CONTENT_TYPE "content-type"
#define MESSAGE_HEADER_TRACEPARENT                                                                 \
    "traceparent" /**< W3C Trace Context; only if the message belongs to a trace */
#define MESSAGE_HEADER_TRACESTATE "tracestate" /**< likewise; only with a traceparent */
#define MESSAGE_HEADER_PUBLISHER_ID                                                                \
    "publisher-message-id" /**< the publisher's own id; only if it sent one */
#define MESSAGE_HEADER_SELF                                                                        \
    "self" /**< URL of the canonical topic, if fetched content names another than the topic */

/* Of what was copied from another hub's Kafka, beside the above (client/migration/copy.h). */
#define MESSAGE_HEADER_ORIGIN           "origin-topic" /**< Kafka topic there */
#define MESSAGE_HEADER_ORIGIN_PARTITION "origin-partition"
#define MESSAGE_HEADER_ORIGIN_OFFSET    "origin-offset"

/* Of dead letters, beside the above (dispatcher/dead_letter.h). */
#define DEAD_LETTER_HEADER_TOPIC     "topic"
#define DEAD_LETTER_HEADER_CALLBACK  "callback"
#define DEAD_LETTER_HEADER_REASON    "reason"           /**< of the last attempt */
#define DEAD_LETTER_HEADER_FAILURES  "failures"         /**< attempts */
#define DEAD_LETTER_HEADER_AT        "dead-lettered-at" /**< milliseconds since 1970 */
#define DEAD_LETTER_HEADER_ORIGIN    "origin-topic"     /**< Kafka topic of the message */
#define DEAD_LETTER_HEADER_PARTITION "origin-partition"
#define DEAD_LETTER_HEADER_OFFSET    "origin-offset"
/** Milliseconds since 1970. Only in a record without a body that says of an earlier letter of the
 * same origin that its message was redelivered. */
#define DEAD_LETTER_HEADER_SETTLED "settled-at"

/**
 * Whether a value can be sent on as a header field of HTTP (RFC 9110 section 5.5): no control
 * characters but tabs. Any other byte may be in it.
 */
bool message_header_is_sendable(const char *value, size_t length);

/**
 * Whether a value is a traceparent (W3C Trace Context, section 3.2): of version 00, or of a later
 * one, which may have more behind it, up to 512 bytes. Ids of zeros are none.
 */
bool message_traceparent_is_valid(const char *value, size_t length);

/**
 * Whether a value can be sent on as a tracestate (section 3.3): 1 to 512 bytes, which is as many as
 * must be, of printable ASCII. What is in it is its makers' affair.
 */
bool message_tracestate_is_sendable(const char *value, size_t length);

#endif
