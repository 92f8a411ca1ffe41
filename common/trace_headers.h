/**
 * The trace that something belongs to, as W3C Trace Context hands it on: the headers traceparent
 * and tracestate. Part of a ping's event and of the state that it leaves.
 */
#ifndef WEBSUB_COMMON_TRACE_HEADERS_H
#define WEBSUB_COMMON_TRACE_HEADERS_H

#include <jansson.h>

#include "common/error.h"

/** Zero-initialised: there is no trace. Strings are owned; NULL is "not there". */
struct trace_headers {
    char *parent; /**< traceparent */
    char *state;  /**< tracestate; only with a parent */
};

/** `*to` must own nothing. */
void trace_headers_copy(struct trace_headers *to, const struct trace_headers *from);
void trace_headers_fini(struct trace_headers *trace);

/** Adds the object `name`, unless there is no trace. */
void trace_headers_put(json_t *object, const char *name, const struct trace_headers *trace);
/** Fills `*trace`, which the caller finishes in any case; sets `*problem` when it is malformed. A
 * trace that is not proper (message.h) is none. */
void trace_headers_take(const json_t *object, const char *name, struct trace_headers *trace,
                        struct error *problem);

#endif
