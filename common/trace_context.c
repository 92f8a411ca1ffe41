#include "common/trace_context.h"

#include <stdio.h>
#include <string.h>

#include "common/id.h"
#include "common/message.h"
#include "common/panic.h"

enum { SAMPLED = 1, TRACE_AT = 3, SPAN_AT = 36, FLAGS_AT = 53 };

bool trace_context_parse(const char *traceparent, size_t length, struct trace_context *context)
{
    unsigned flags;
    if (!message_traceparent_is_valid(traceparent, length))
        return false;
    memcpy(context->trace, traceparent + TRACE_AT, TRACE_ID_SIZE - 1);
    context->trace[TRACE_ID_SIZE - 1] = '\0';
    memcpy(context->span, traceparent + SPAN_AT, TRACE_SPAN_SIZE - 1);
    context->span[TRACE_SPAN_SIZE - 1] = '\0';
    char text[3] = {traceparent[FLAGS_AT], traceparent[FLAGS_AT + 1], '\0'};
    ENSURE(sscanf(text, "%2x", &flags) == 1);
    context->sampled = flags & SAMPLED;
    return true;
}

void trace_context_write(const struct trace_context *context, char out[TRACE_PARENT_SIZE])
{
    snprintf(out, TRACE_PARENT_SIZE, "00-%s-%s-%s", context->trace, context->span,
             context->sampled ? "01" : "00");
}

static bool is_zero(const char *hex)
{
    return hex[strspn(hex, "0")] == '\0';
}

static void random_id(char *out, size_t size)
{
    do {
        id_random_hex(out, size);
    } while (is_zero(out));
}

void trace_context_child(const struct trace_context *parent, struct trace_context *child)
{
    memcpy(child->trace, parent->trace, sizeof(child->trace));
    child->sampled = parent->sampled;
    random_id(child->span, sizeof(child->span));
}

bool trace_context_continue(const char *traceparent, struct trace_context *context,
                            char parent[TRACE_SPAN_SIZE])
{
    struct trace_context from;
    if (!traceparent || !trace_context_parse(traceparent, strlen(traceparent), &from) ||
        !from.sampled)
        return false;
    memcpy(parent, from.span, sizeof(from.span));
    trace_context_child(&from, context);
    return true;
}

void trace_context_root(bool sampled, struct trace_context *context)
{
    random_id(context->trace, sizeof(context->trace));
    random_id(context->span, sizeof(context->span));
    context->sampled = sampled;
}
