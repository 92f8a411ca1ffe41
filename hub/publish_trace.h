/**
 * The span of a publication: from the request until Kafka has the message (common/tracer.h). What
 * is sent on with the message names it as the parent, so that the deliveries hang below it.
 */
#ifndef WEBSUB_HUB_PUBLISH_TRACE_H
#define WEBSUB_HUB_PUBLISH_TRACE_H

#include "common/trace_context.h"
#include "common/tracer.h"

struct operation_request;

/** Embedded in the request; zero-initialised. */
struct publish_trace {
    bool on;
    struct trace_context context;
    char parent[TRACE_SPAN_SIZE]; /**< "": it begins here */
    char header[TRACE_PARENT_SIZE];
    int64_t start_us;
};

/** Decides whether the publication is traced; if so request->traceparent is then our own. */
void publish_trace_begin(struct operation_request *request);
/** `error`: why it failed, or NULL. */
void publish_trace_end(const struct operation_request *request, size_t length, const char *error);

#endif
