/**
 * The span of a fetch, below that of the ping that asked for it (common/tracer.h): each attempt,
 * from the request to the publisher's page until Kafka has the message, if there is one. What is
 * fetched goes on with it, so that the deliveries hang below. @locality the fetcher's thread
 */
#ifndef WEBSUB_DISPATCHER_FETCH_TRACE_H
#define WEBSUB_DISPATCHER_FETCH_TRACE_H

#include "common/trace_headers.h"
#include "common/tracer.h"

/** Embedded; zero-initialised. */
struct fetch_trace {
    bool on;
    struct trace_context context;
    char parent[TRACE_SPAN_SIZE];
    char header[TRACE_PARENT_SIZE];
    int64_t start_us;
    long status; /**< that the page was answered with; 0: none yet */
};

/** What became of it. Strings are borrowed. */
struct fetch_trace_end {
    const char *topic;
    const char *outcome;    /**< as in websub_dispatcher_fetches_total */
    const char *message_id; /**< NULL: there is no message */
    const char *error;      /**< reason; NULL: it did not fail */
};

/** Before the request. `ping` is the trace of the ping. */
void fetch_trace_begin(struct fetch_trace *trace, const struct tracer *tracer,
                       const struct trace_headers *ping);
/** The traceparent for the message: its own, or that of the ping; NULL: there is none. */
const char *fetch_trace_parent(const struct fetch_trace *trace, const struct trace_headers *ping);
/** Once; does nothing if it is not traced, or has ended. */
void fetch_trace_end(struct fetch_trace *trace, struct tracer *tracer,
                     const struct trace_headers *ping, const struct fetch_trace_end *end);

#endif
