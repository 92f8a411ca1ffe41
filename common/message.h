/**
 * Messages as they lie in Kafka. Key: the WebSub topic; value: the body byte for byte; the rest is
 * in headers, as text.
 */
#ifndef WEBSUB_COMMON_MESSAGE_H
#define WEBSUB_COMMON_MESSAGE_H

#define MESSAGE_HEADER_ID           "message-id"   /**< UUID version 7 */
#define MESSAGE_HEADER_PUBLISHED_AT "published-at" /**< milliseconds since 1970 */
#define MESSAGE_HEADER_CONTENT_TYPE "content-type"
#define MESSAGE_HEADER_TRACEPARENT                                                                 \
    "traceparent" /**< W3C Trace Context; only if the publisher sent it */

#endif
