/**
 * The span of a publication: from the request until Kafka has the message and the publisher is
 * answered (common/tracer.h). What is sent on with the message, or with a ping, names it as the
 * parent, so that the fetch and the deliveries hang below it.
 */
#ifndef WEBSUB_HUB_PUBLISH_TRACE_H
#define WEBSUB_HUB_PUBLISH_TRACE_H

#include "common/trace_context.h"
#include "common/tracer.h"

struct operation_request;

/** Embedded in the request; zero-initialised. */
struct publish_trace {
    const char *traceparent; /**< what goes on with the message; NULL: there is no trace */
    const char *tracestate;  /**< likewise */
    bool on;
    struct trace_context context;
    char parent[TRACE_SPAN_SIZE]; /**< "": it begins here */
    char header[TRACE_PARENT_SIZE];
};

/** For a publisher that was let in: reads request->publisher_trace, and decides whether the
 * publication is traced. */
void publish_trace_begin(struct operation_request *request);
/** Before the answer, whatever it is. `error`: why the publication failed, or NULL. With
 * compat.mosip the answer's own status may be another. */
void publish_trace_end(const struct operation_request *request, unsigned status, const char *error);

#endif
