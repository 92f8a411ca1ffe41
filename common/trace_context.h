/** W3C Trace Context (https://www.w3.org/TR/trace-context/): what travels with a message. Pure but
 * for the ids, which are random. */
#ifndef WEBSUB_COMMON_TRACE_CONTEXT_H
#define WEBSUB_COMMON_TRACE_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#define TRACE_ID_SIZE     33 /**< lower-case hex and NUL */
#define TRACE_SPAN_SIZE   17
#define TRACE_PARENT_SIZE 56

struct trace_context {
    char trace[TRACE_ID_SIZE];
    char span[TRACE_SPAN_SIZE];
    bool sampled;
};

/** False: not a valid traceparent (message.h), `*context` is undefined. */
bool trace_context_parse(const char *traceparent, size_t length, struct trace_context *context);
/** As a traceparent of version 00. */
void trace_context_write(const struct trace_context *context, char out[TRACE_PARENT_SIZE]);

/** A new span within the trace of `parent`. */
void trace_context_child(const struct trace_context *parent, struct trace_context *child);
/**
 * A new span that goes on with a traceparent; `parent` becomes the span that it is below. False:
 * there is nothing to go on with, as it is NULL, not valid or not sampled; both are undefined then.
 */
bool trace_context_continue(const char *traceparent, struct trace_context *context,
                            char parent[TRACE_SPAN_SIZE]);
/** The first span of a new trace. */
void trace_context_root(bool sampled, struct trace_context *context);

#endif
