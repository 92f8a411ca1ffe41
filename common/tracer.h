/**
 * Sends spans to a collector of OpenTelemetry, by OTLP/HTTP with JSON
 * (https://opentelemetry.io/docs/specs/otlp/#otlphttp).
 *
 * Best effort: spans wait in memory, bounded; what is too much, or what the collector does not
 * take, is dropped and counted. Nothing waits for it. A collector that cannot be reached, or says
 * that it has no time (429, 502, 503, 504), is asked again: as it says (Retry-After), else after
 * growing pauses, and not for ever. Meanwhile what comes heaps up to the bound.
 */
#ifndef WEBSUB_COMMON_TRACER_H
#define WEBSUB_COMMON_TRACER_H

#include "common/config.h"
#include "common/metrics.h"
#include "common/span.h"

struct tracer;

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
