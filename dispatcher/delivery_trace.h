/**
 * The spans of a delivery, below that of the publication (common/tracer.h): how long the message
 * waited until its first attempt, and each attempt. @locality the loop's thread
 */
#ifndef WEBSUB_DISPATCHER_DELIVERY_TRACE_H
#define WEBSUB_DISPATCHER_DELIVERY_TRACE_H

#include "common/tracer.h"
#include "dispatcher/message.h"

struct subscription;
struct http_result;

struct delivery_trace {
    bool on; /**< the attempt that is under way is traced */
    unsigned attempts;
    struct trace_context context;
    char parent[TRACE_SPAN_SIZE];
    int64_t start_us;
    char header[sizeof("traceparent: ") + TRACE_PARENT_SIZE];
};

/** Before an attempt. @returns whether `trace->header` is to be sent instead of the message's. */
bool delivery_trace_begin(struct delivery_trace *trace, const struct tracer *tracer,
                          const struct message *message);
/** After it, whatever came of it. */
void delivery_trace_end(const struct delivery_trace *trace, const struct subscription *subscription,
                        const struct message *message, const struct http_result *result);

#endif
