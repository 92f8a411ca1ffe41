#include "dispatcher/fetch_trace.h"

#include "common/clock.h"

void fetch_trace_begin(struct fetch_trace *trace, const struct tracer *tracer,
                       const struct trace_headers *ping)
{
    *trace = (struct fetch_trace){0};
    trace->on = tracer && trace_context_continue(ping->parent, &trace->context, trace->parent);
    if (!trace->on)
        return;
    trace_context_write(&trace->context, trace->header);
    trace->start_us = clock_wall_us();
}

const char *fetch_trace_parent(const struct fetch_trace *trace, const struct trace_headers *ping)
{
    return trace->on ? trace->header : ping->parent;
}

void fetch_trace_end(struct fetch_trace *trace, struct tracer *tracer,
                     const struct trace_headers *ping, const struct fetch_trace_end *end)
{
    if (!trace->on)
        return;
    struct span span = {
        .name = "fetch",
        .kind = SPAN_CLIENT,
        .context = trace->context,
        .state = ping->state,
        .parent = trace->parent,
        .start_us = trace->start_us,
        .end_us = clock_wall_us(),
        .error = end->error,
    };
    trace->on = false;
    span_add_sending(&span);
    span_add_text(&span, "messaging.destination.name", end->topic);
    span_add_text(&span, "messaging.message.id", end->message_id);
    span_add_text(&span, "websub.outcome", end->outcome);
    if (trace->status > 0)
        span_add_number(&span, "http.response.status_code", trace->status);
    span_add_text(&span, "error.type", end->error);
    tracer_record(tracer, &span);
}
