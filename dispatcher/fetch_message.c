#include "dispatcher/fetch_message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/message.h"
#include "common/panic.h"

void fetch_message_id(const char *topic, const struct topic_pings *pings,
                      const struct fetched *fetched, char out[ID_UUID_SIZE])
{
    char *seed =
        xasprintf("%s\n%s\n%" PRId64, topic, fetched->digest ? fetched->digest : "", pings->oldest);
    id_uuid7_of(pings->oldest_at_ms, seed, out);
    free(seed);
}

int fetch_message_send(struct kafka_producer *producer, rd_kafka_topic_t *handle,
                       const struct topic_state *topic, const struct fetch_verdict *verdict,
                       const char *traceparent, struct kafka_receipt *receipt, struct error *error)
{
    char id[ID_UUID_SIZE], published_at[24];
    struct kafka_record record = {
        .topic = handle,
        .partition = topic->location.partition,
        .key = topic->topic,
        .key_length = strlen(topic->topic),
        .value = verdict->body,
        .value_length = verdict->length,
        .timestamp_ms = clock_wall_ms(),
        .headers = rd_kafka_headers_new(6),
    };
    fetch_message_id(topic->topic, &topic->pings, &verdict->fetched, id);
    snprintf(published_at, sizeof(published_at), "%" PRId64, record.timestamp_ms);
    kafka_add_header(record.headers, MESSAGE_HEADER_ID, id);
    kafka_add_header(record.headers, MESSAGE_HEADER_PUBLISHED_AT, published_at);
    kafka_add_header(record.headers, MESSAGE_HEADER_CONTENT_TYPE, verdict->content_type);
    kafka_add_header(record.headers, MESSAGE_HEADER_SELF, verdict->fetched.self);
    kafka_add_header(record.headers, MESSAGE_HEADER_TRACEPARENT, traceparent);
    kafka_add_header(record.headers, MESSAGE_HEADER_TRACESTATE, topic->pings.trace.state);
    int result = kafka_producer_send(producer, &record, receipt, error);
    if (result != 0)
        rd_kafka_headers_destroy(record.headers);
    return result;
}
