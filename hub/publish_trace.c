#include "hub/publish_trace.h"

#include <string.h>

#include "common/clock.h"
#include "hub/operation.h"

/** As the publisher says, if it says anything. */
static bool choose_context(struct publish_trace *trace, const struct tracer *tracer,
                           const char *traceparent)
{
    struct trace_context parent;
    if (!traceparent) {
        if (!tracer_samples(tracer))
            return false;
        trace_context_root(true, &trace->context);
        return true;
    }
    if (!trace_context_parse(traceparent, strlen(traceparent), &parent) || !parent.sampled)
        return false;
    memcpy(trace->parent, parent.span, sizeof(trace->parent));
    trace_context_child(&parent, &trace->context);
    return true;
}

void publish_trace_begin(struct operation_request *request)
{
    struct publish_trace *trace = &request->trace;
    const struct tracer *tracer = request->hub->tracer;
    trace->on = tracer && choose_context(trace, tracer, request->traceparent);
    if (!trace->on)
        return;
    trace_context_write(&trace->context, trace->header);
    trace->start_us = clock_wall_us();
    request->traceparent = trace->header;
}

void publish_trace_end(const struct operation_request *request, size_t length, const char *error)
{
    const struct publish_trace *trace = &request->trace;
    if (!trace->on)
        return;
    const struct span span = {
        .name = "publish",
        .kind = SPAN_PRODUCER,
        .context = trace->context,
        .parent = trace->parent[0] ? trace->parent : NULL,
        .start_us = trace->start_us,
        .end_us = clock_wall_us(),
        .error = error,
        .attributes = {{"messaging.system", "websub", 0},
                       {"messaging.destination.name", request->topic, 0},
                       {"messaging.message.id", request->id, 0},
                       {"messaging.message.body.size", NULL, (int64_t)length}},
    };
    tracer_record(request->hub->tracer, &span);
}
