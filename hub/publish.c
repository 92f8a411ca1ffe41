/*
 * hub.mode=publish; without content see ping.c. With content (fat ping): the body is the message,
 * byte for byte, whatever its type. It is written to the topic's partition with acks=all and
 * answered once Kafka has confirmed it; the body is not copied on the way: the HTTP request owns it
 * and lives until it is answered.
 */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/log.h"
#include "common/message.h"
#include "hub/admission.h"

enum { MAX_PUBLISHER_ID = 256 };

static const char default_type[] = "application/octet-stream";

/** Kafka did not take the message: too large for the Kafka topic's own bound, or a matter of time.
 */
static void answer_failure(struct operation_request *request, const struct error *error)
{
    if (error->code == ERROR_TOO_LARGE)
        operation_refuse(request, 413, "the message is larger than Kafka accepts for this topic");
    else
        operation_unavailable(request, error->message);
}

/* @locality producer thread */
static void on_settled(struct kafka_receipt *receipt, rd_kafka_resp_err_t code, int64_t offset)
{
    struct operation_request *request = CONTAINER_OF(receipt, struct operation_request, receipt);
    struct error error;
    size_t length;
    (void)offset;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        kafka_error(&error, code, "Kafka did not confirm the message");
        answer_failure(request, &error);
        return;
    }
    http_request_body(request->http, &length);
    counter_add(request->hub->metrics.published_bytes, length);
    histogram_observe(request->hub->metrics.publish_seconds,
                      clock_monotonic_us() - request->started_us);
    admission_audit_allowed(request, request->id);
    http_response_header(request->http, "X-Hub-Message-Id", request->id);
    operation_accept(request, 200);
}

static void write_message(struct operation_request *request)
{
    const struct view_topic *topic = &request->view_wait.found;
    struct error error;
    struct kafka_record record = {
        .topic = topic->messages->handle,
        .partition = topic->partition,
        .key = request->topic,
        .key_length = strlen(request->topic),
        .timestamp_ms = clock_wall_ms(),
        .headers = rd_kafka_headers_new(6),
    };
    char published_at[32];
    snprintf(published_at, sizeof(published_at), "%lld", (long long)record.timestamp_ms);
    record.value = http_request_body(request->http, &record.value_length);
    id_uuid7(request->id);
    kafka_add_header(record.headers, MESSAGE_HEADER_ID, request->id);
    kafka_add_header(record.headers, MESSAGE_HEADER_PUBLISHED_AT, published_at);
    kafka_add_header(record.headers, MESSAGE_HEADER_CONTENT_TYPE, request->content_type);
    kafka_add_header(record.headers, MESSAGE_HEADER_TRACEPARENT, request->trace.traceparent);
    kafka_add_header(record.headers, MESSAGE_HEADER_TRACESTATE, request->trace.tracestate);
    kafka_add_header(record.headers, MESSAGE_HEADER_PUBLISHER_ID, request->publisher_id);
    request->receipt.settled = on_settled;
    if (kafka_producer_send(request->hub->producer, &record, &request->receipt, &error) != 0) {
        rd_kafka_headers_destroy(record.headers);
        answer_failure(request, &error);
    }
}

static bool check_publisher_id(struct operation_request *request)
{
    const char *id = request->publisher_id;
    if (!id || (strlen(id) <= MAX_PUBLISHER_ID && message_header_is_sendable(id, strlen(id))))
        return true;
    operation_refuse(request, 400, "X-Hub-MessageId must have at most %d bytes, none a control",
                     MAX_PUBLISHER_ID);
    return false;
}

static bool check_headers(struct operation_request *request)
{
    if (!request->content_type || !*request->content_type)
        request->content_type = default_type;
    if (!message_header_is_sendable(request->content_type, strlen(request->content_type))) {
        operation_refuse(request, 400, "Content-Type has control characters");
        return false;
    }
    return check_publisher_id(request);
}

static void publish(struct operation_request *request)
{
    operation_with_topic(request, write_message);
}

/* @locality any thread */
static void decide(struct operation_request *request)
{
    admission_decide(request, NULL, publish);
}

void publish_handle(struct operation_request *request)
{
    size_t length;
    publish_trace_begin(request);
    http_request_body(request->http, &length);
    if (length == 0 || request->body_is_form)
        ping_handle(request);
    else if (operation_take_topic(request, "hub.url") && check_headers(request))
        operation_choose_topic(request, decide);
}
