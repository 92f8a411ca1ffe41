#include "common/trace_headers.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/message.h"
#include "common/panic.h"

void trace_headers_copy(struct trace_headers *to, const struct trace_headers *from)
{
    to->parent = xstrdup_or_null(from->parent);
    to->state = xstrdup_or_null(from->state);
}

void trace_headers_fini(struct trace_headers *trace)
{
    free(trace->parent);
    free(trace->state);
    *trace = (struct trace_headers){0};
}

void trace_headers_put(json_t *object, const char *name, const struct trace_headers *trace)
{
    if (!trace->parent)
        return;
    json_t *inner = json_object();
    json_put_string(inner, "parent", trace->parent);
    json_put_string(inner, "state", trace->state);
    json_object_set_new(object, name, inner);
}

/** Whoever wrote it: nothing of it is a reason to lose a ping. */
static void leave_out_improper(struct trace_headers *trace)
{
    if (!trace->parent || !message_traceparent_is_valid(trace->parent, strlen(trace->parent)))
        trace_headers_fini(trace);
    if (trace->state && !message_tracestate_is_sendable(trace->state, strlen(trace->state))) {
        free(trace->state);
        trace->state = NULL;
    }
}

void trace_headers_take(const json_t *object, const char *name, struct trace_headers *trace,
                        struct error *problem)
{
    const json_t *inner = json_object_get(object, name);
    *trace = (struct trace_headers){0};
    if (!inner)
        return;
    if (!json_is_object(inner)) {
        error_set(problem, ERROR_INVALID, false, "\"%s\" is no object", name);
        return;
    }
    trace->parent = json_take_string(inner, "parent", problem);
    trace->state = json_take_string(inner, "state", problem);
    leave_out_improper(trace);
}
