/**
 * Sends spans to a collector of OpenTelemetry, by OTLP/HTTP with JSON
 * (https://opentelemetry.io/docs/specs/otlp/#otlphttp).
 *
 * Best effort: spans wait in memory, bounded; what is too much, or what the collector does not
 * take, is dropped and counted. Nothing waits for it.
 */
#ifndef WEBSUB_COMMON_TRACER_H
#define WEBSUB_COMMON_TRACER_H

#include <stdint.h>

#include "common/config.h"
#include "common/metrics.h"
#include "common/trace_context.h"

struct tracer;

/** As OTLP numbers them. */
enum span_kind { SPAN_INTERNAL = 1, SPAN_SERVER, SPAN_CLIENT, SPAN_PRODUCER, SPAN_CONSUMER };

#define SPAN_MAX_ATTRIBUTES 8

struct span_attribute {
    const char *name;
    const char *text; /**< NULL: it is a number */
    int64_t number;
};

/** Zero-initialised but for what there is. Strings are borrowed. */
struct span {
    const char *name;
    enum span_kind kind;
    struct trace_context context;
    const char *parent;                                    /**< span id, or NULL */
    int64_t start_us, end_us;                              /**< wall clock, microseconds */
    const char *error;                                     /**< what went wrong; NULL: nothing */
    struct span_attribute attributes[SPAN_MAX_ATTRIBUTES]; /**< up to one without a name */
};

/**
 * @param service "websub-hub" …
 * @returns NULL when tracing is not configured (`*error` is then ERROR_NONE), or on failure
 */
struct tracer *tracer_new(const struct config *config, const char *service, struct metrics *metrics,
                          struct error *error);
/** Tries to send what waits, for up to a second. NULL is fine. */
void tracer_free(struct tracer *tracer);

/** Whether a publication that comes without a trace of its own is to be traced. NULL is fine:
 * false.
 */
bool tracer_samples(const struct tracer *tracer);

/** Thread-safe, never blocks. Only for spans of sampled traces. */
void tracer_record(struct tracer *tracer, const struct span *span);

#endif
