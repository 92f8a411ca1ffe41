/**
 * Spans of OpenTelemetry, and how OTLP writes them as JSON
 * (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). Names of attributes are those
 * of its semantic conventions, as far as they have one.
 */
#ifndef WEBSUB_COMMON_SPAN_H
#define WEBSUB_COMMON_SPAN_H

#include <jansson.h>
#include <stdint.h>

#include "common/trace_context.h"

/** As OTLP numbers them. */
enum span_kind { SPAN_INTERNAL = 1, SPAN_SERVER, SPAN_CLIENT, SPAN_PRODUCER, SPAN_CONSUMER };

#define SPAN_MAX_ATTRIBUTES 12

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
    const char *state;        /**< tracestate, or NULL */
    const char *parent;       /**< span id, or NULL; spans of other processes, all of them */
    int64_t start_us, end_us; /**< wall clock, microseconds */
    const char *error;        /**< what went wrong; NULL: nothing */
    struct span_attribute attributes[SPAN_MAX_ATTRIBUTES];
    size_t attribute_count;
};

/** NULL `text`: there is no such attribute. */
void span_add_text(struct span *span, const char *name, const char *text);
void span_add_number(struct span *span, const char *name, int64_t number);
/** What the span's name tells is sending in a messaging system: ours. */
void span_add_sending(struct span *span);

/** An object, or NULL: some text is no UTF-8. */
json_t *span_encode(const struct span *span);
/** One attribute with a text, for the resource that spans are of. NULL likewise. */
json_t *span_encode_text(const char *name, const char *text);

#endif
