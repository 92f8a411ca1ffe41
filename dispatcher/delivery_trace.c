#include "dispatcher/delivery_trace.h"

#include <string.h>

#include "common/clock.h"
#include "dispatcher/loop_internal.h"

static const char header_name[] = "traceparent: ";

bool delivery_trace_begin(struct delivery_trace *trace, const struct tracer *tracer,
                          const struct message *message)
{
    trace->on =
        tracer && trace_context_continue(message->traceparent, &trace->context, trace->parent);
    if (!trace->on)
        return false;
    memcpy(trace->header, header_name, sizeof(header_name));
    trace_context_write(&trace->context, trace->header + strlen(header_name));
    trace->start_us = clock_wall_us();
    trace->attempts++;
    return true;
}

static void record_queue_time(const struct delivery_trace *trace, const struct subscription *s,
                              const struct message *message)
{
    struct span span = {
        .name = "queue",
        .kind = SPAN_INTERNAL,
        .state = message->tracestate,
        .parent = trace->parent,
        .start_us = message->published_at_ms * 1000,
        .end_us = trace->start_us,
    };
    trace_context_child(&trace->context, &span.context);
    span_add_text(&span, "messaging.destination.name", s->log->channel->topic);
    span_add_text(&span, "messaging.destination.subscription.name", s->id);
    span_add_text(&span, "messaging.message.id", message->id);
    tracer_record(s->loop->dispatcher->tracer, &span);
}

static void record_attempt(const struct delivery_trace *trace, const struct subscription *s,
                           const struct message *message, const struct http_result *result)
{
    bool answered = result->outcome == HTTP_ANSWERED;
    bool confirmed = answered && result->status < 300;
    const char *reason = confirmed ? NULL : http_reason_name(http_result_reason(result));
    struct span span = {
        .name = "deliver",
        .kind = SPAN_CLIENT,
        .context = trace->context,
        .state = message->tracestate,
        .parent = trace->parent,
        .start_us = trace->start_us,
        .end_us = clock_wall_us(),
        .error = reason,
    };
    span_add_sending(&span);
    span_add_text(&span, "messaging.destination.name", s->log->channel->topic);
    span_add_text(&span, "messaging.destination.subscription.name", s->id);
    span_add_text(&span, "messaging.message.id", message->id);
    span_add_number(&span, "websub.attempt", (int64_t)trace->attempts);
    if (answered)
        span_add_number(&span, "http.response.status_code", result->status);
    span_add_text(&span, "error.type", reason);
    tracer_record(s->loop->dispatcher->tracer, &span);
}

void delivery_trace_end(const struct delivery_trace *trace, const struct subscription *s,
                        const struct message *message, const struct http_result *result)
{
    if (!trace->on)
        return;
    if (trace->attempts == 1)
        record_queue_time(trace, s, message);
    record_attempt(trace, s, message, result);
}
