#include "dispatcher/delivery_trace.h"

#include <string.h>

#include "common/clock.h"
#include "dispatcher/loop_internal.h"

static const char header_name[] = "traceparent: ";

bool delivery_trace_begin(struct delivery_trace *trace, const struct tracer *tracer,
                          const struct message *message)
{
    struct trace_context parent;
    const char *traceparent = tracer ? message->traceparent : NULL;
    trace->on = traceparent && trace_context_parse(traceparent, strlen(traceparent), &parent) &&
                parent.sampled;
    if (!trace->on)
        return false;
    memcpy(trace->parent, parent.span, sizeof(trace->parent));
    trace_context_child(&parent, &trace->context);
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
        .parent = trace->parent,
        .start_us = message->published_at_ms * 1000,
        .end_us = trace->start_us,
        .attributes = {{"messaging.message.id", message->id, 0}, {"websub.subscription", s->id, 0}},
    };
    trace_context_child(&trace->context, &span.context);
    tracer_record(s->loop->dispatcher->tracer, &span);
}

void delivery_trace_end(const struct delivery_trace *trace, const struct subscription *s,
                        const struct message *message, const struct http_result *result)
{
    if (!trace->on)
        return;
    if (trace->attempts == 1)
        record_queue_time(trace, s, message);
    bool answered = result->outcome == HTTP_ANSWERED;
    bool confirmed = answered && result->status < 300;
    const struct span span = {
        .name = "deliver",
        .kind = SPAN_CLIENT,
        .context = trace->context,
        .parent = trace->parent,
        .start_us = trace->start_us,
        .end_us = clock_wall_us(),
        .error = confirmed ? NULL : http_reason_name(http_result_reason(result)),
        .attributes = {{"messaging.system", "websub", 0},
                       {"messaging.destination.name", s->log->channel->topic, 0},
                       {"messaging.message.id", message->id, 0},
                       {"websub.subscription", s->id, 0},
                       {"websub.attempt", NULL, (int64_t)trace->attempts},
                       {answered ? "http.response.status_code" : NULL, NULL, result->status}},
    };
    tracer_record(s->loop->dispatcher->tracer, &span);
}
