#include "common/span.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/json.h"
#include "common/panic.h"

/* OTLP: STATUS_CODE_ERROR; and of SpanFlags: sampled, has_is_remote, is_remote */
enum { STATUS_ERROR = 2, FLAG_SAMPLED = 0x1, FLAG_KNOWS_REMOTE = 0x100, FLAG_REMOTE = 0x200 };

static void add(struct span *span, struct span_attribute attribute)
{
    ENSURE(span->attribute_count < SPAN_MAX_ATTRIBUTES);
    span->attributes[span->attribute_count++] = attribute;
}

void span_add_text(struct span *span, const char *name, const char *text)
{
    if (text)
        add(span, (struct span_attribute){name, text, 0});
}

void span_add_number(struct span *span, const char *name, int64_t number)
{
    add(span, (struct span_attribute){name, NULL, number});
}

void span_add_sending(struct span *span)
{
    span_add_text(span, "messaging.system", "websub");
    span_add_text(span, "messaging.operation.name", span->name);
    span_add_text(span, "messaging.operation.type", "send");
}

json_t *span_encode_text(const char *name, const char *text)
{
    return json_pack("{s:s, s:{s:s}}", "key", name, "value", "stringValue", text);
}

static json_t *encode_number(const char *name, int64_t number)
{
    char digits[24];
    snprintf(digits, sizeof(digits), "%" PRId64, number); /* 64-bit integers are text there */
    return json_pack("{s:s, s:{s:s}}", "key", name, "value", "intValue", digits);
}

/** NULL: some text is no UTF-8. */
static json_t *encode_attributes(const struct span *span)
{
    json_t *attributes = json_array();
    for (size_t i = 0; i < span->attribute_count; i++) {
        const struct span_attribute *each = &span->attributes[i];
        json_t *encoded = each->text ? span_encode_text(each->name, each->text)
                                     : encode_number(each->name, each->number);
        if (json_array_append_new(attributes, encoded) != 0) {
            json_decref(attributes);
            return NULL;
        }
    }
    return attributes;
}

static json_t *nanoseconds(int64_t microseconds)
{
    return json_sprintf("%" PRId64 "000", microseconds);
}

json_t *span_encode(const struct span *span)
{
    int flags = FLAG_SAMPLED | FLAG_KNOWS_REMOTE | (span->parent ? FLAG_REMOTE : 0);
    json_t *object = json_pack("{s:s, s:s, s:s, s:i, s:i, s:o, s:o, s:o}", "traceId",
                               span->context.trace, "spanId", span->context.span, "name",
                               span->name, "kind", (int)span->kind, "flags", flags,
                               "startTimeUnixNano", nanoseconds(span->start_us), "endTimeUnixNano",
                               nanoseconds(span->end_us), "attributes", encode_attributes(span));
    if (!object)
        return NULL;
    json_put_string(object, "traceState", span->state);
    json_put_string(object, "parentSpanId", span->parent);
    if (!span->error)
        return object;
    json_t *status = json_pack("{s:i, s:s}", "code", STATUS_ERROR, "message", span->error);
    if (json_object_set_new(object, "status", status) == 0)
        return object;
    json_decref(object);
    return NULL;
}
