#include "hub/publish_trace.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/message.h"
#include "hub/operation.h"

/** Of the publisher's headers, what is proper goes on (Trace Context, section 4.3): a tracestate
 * only with a traceparent. */
static void take_headers(struct publish_trace *trace, const struct trace_headers *headers)
{
    if (!headers->parent || !message_traceparent_is_valid(headers->parent, strlen(headers->parent)))
        return;
    trace->traceparent = headers->parent;
    if (headers->state && message_tracestate_is_sendable(headers->state, strlen(headers->state)))
        trace->tracestate = headers->state;
}

/** As the publisher says, if it says anything. */
static bool choose_context(struct publish_trace *trace, const struct tracer *tracer)
{
    if (trace->traceparent)
        return trace_context_continue(trace->traceparent, &trace->context, trace->parent);
    if (!tracer_samples(tracer))
        return false;
    trace_context_root(true, &trace->context);
    return true;
}

void publish_trace_begin(struct operation_request *request)
{
    struct publish_trace *trace = &request->trace;
    const struct tracer *tracer = request->hub->tracer;
    take_headers(trace, &request->publisher_trace);
    trace->on = tracer && choose_context(trace, tracer);
    if (!trace->on)
        return;
    trace_context_write(&trace->context, trace->header);
    trace->traceparent = trace->header;
}

/** What it is about: a message, or topics that have changed. */
static void add_subject(struct span *span, const struct operation_request *request)
{
    size_t topics = ping_topic_count(request), length;
    span_add_sending(span);
    if (topics > 1) {
        span_add_number(span, "messaging.batch.message_count", (int64_t)topics);
        return;
    }
    span_add_text(span, "messaging.destination.name", request->topic);
    if (topics > 0)
        return;
    http_request_body(request->http, &length);
    span_add_text(span, "messaging.message.id", request->id[0] ? request->id : NULL);
    span_add_number(span, "messaging.message.body.size", (int64_t)length);
}

void publish_trace_end(const struct operation_request *request, unsigned status, const char *error)
{
    const struct publish_trace *trace = &request->trace;
    char error_type[16];
    if (!trace->on)
        return;
    int64_t now_us = clock_wall_us();
    struct span span = {
        .name = request->ping ? "ping" : "publish",
        .kind = SPAN_PRODUCER,
        .context = trace->context,
        .state = trace->tracestate,
        .parent = trace->parent[0] ? trace->parent : NULL,
        .start_us = now_us - (clock_monotonic_us() - request->started_us),
        .end_us = now_us,
        .error = error,
    };
    snprintf(error_type, sizeof(error_type), "%u", status);
    add_subject(&span, request);
    span_add_number(&span, "http.response.status_code", (int64_t)status);
    span_add_text(&span, "error.type", error ? error_type : NULL);
    tracer_record(request->hub->tracer, &span);
}
