#include "hub/operation.h"
#include "common/container.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/panic.h"
#include "common/url.h"
#include "hub/admission.h"
#include "hub/compat.h"
#include "hub/event_gate.h"

static const char form_type[] = "application/x-www-form-urlencoded";
static const char accepted_body[] = "hub.mode=accepted";

static void request_free(void *context)
{
    struct operation_request *request = context;
    form_fini(&request->parameters);
    topic_readings_fini(&request->readings);
    trace_headers_fini(&request->publisher_trace);
    identity_unref(request->identity);
    free(request->ping);
    free(request);
}

struct operation_request *operation_request_new(struct hub *hub, struct http_request *http)
{
    struct operation_request *request = xcalloc(1, sizeof(*request));
    request->hub = hub;
    request->http = http;
    request->operation = OPERATION_OTHER;
    request->started_us = clock_monotonic_us();
    request->content_type = http_request_header(http, "Content-Type");
    request->publisher_trace.parent = http_request_header_all(http, "traceparent");
    request->publisher_trace.state = http_request_header_all(http, "tracestate");
    request->publisher_id = http_request_header(http, "X-Hub-MessageId");
    request->from_ballerina = http_request_header(http, "x-ballerina-publisher") != NULL;
    http_request_set_context(http, request, request_free);
    return request;
}

/* --- answers --- */

void operation_accept(struct operation_request *request, unsigned status)
{
    counter_add(request->hub->metrics.accepted[request->operation], 1);
    status = compat_accepted_status(&request->hub->config, request->operation, status);
    publish_trace_end(request, status, NULL);
    http_respond(request->http, status, form_type, accepted_body, strlen(accepted_body));
}

void operation_accept_silently(struct operation_request *request)
{
    counter_add(request->hub->metrics.accepted[request->operation], 1);
    publish_trace_end(request, 204, NULL);
    http_respond(request->http, 204, NULL, "", 0);
}

void operation_respond_denied(struct http_request *http, unsigned status, const char *reason)
{
    struct buffer body = {0};
    form_append(&body, "hub.mode", "denied");
    form_append(&body, "hub.reason", reason);
    http_respond(http, status, form_type, body.data, body.length);
    buffer_fini(&body);
}

static void respond_denied(struct operation_request *request, unsigned status, const char *reason)
{
    struct buffer body = {0};
    publish_trace_end(request, status, reason);
    if (!compat_refuses_in_body(&request->hub->config, request->operation, status)) {
        operation_respond_denied(request->http, status, reason);
        return;
    }
    compat_write_refusal(&body, reason);
    http_respond(request->http, 200, form_type, body.data, body.length);
    buffer_fini(&body);
}

void operation_refuse(struct operation_request *request, unsigned status, const char *format, ...)
{
    char reason[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof(reason), format, arguments);
    va_end(arguments);
    counter_add(request->hub->metrics.refused[request->operation], 1);
    log_info("hub.refused", LOG_STR("reason", reason), LOG_INT("status", status),
             LOG_STR("topic", request->topic));
    respond_denied(request, status, reason);
}

void operation_unavailable(struct operation_request *request, const char *reason)
{
    counter_add(request->hub->metrics.unavailable[request->operation], 1);
    log_warning("hub.unavailable", LOG_STR("reason", reason), LOG_STR("topic", request->topic));
    http_response_header(request->http, "Retry-After", "1");
    respond_denied(request, 503, reason);
}

/* --- parameters --- */

const char *operation_parameter(struct operation_request *request, const char *name, bool required,
                                bool *refused)
{
    const char *value = form_get(&request->parameters, name);
    *refused = true;
    if (form_count(&request->parameters, name) > 1)
        operation_refuse(request, 400, "%s is given more than once", name);
    else if (required && !value)
        operation_refuse(request, 400, "%s is missing", name);
    else if (required && !*value)
        operation_refuse(request, 400, "%s is empty", name);
    else
        *refused = false;
    return *refused ? NULL : value;
}

bool operation_take_topic(struct operation_request *request, const char *alias)
{
    struct error error;
    bool refused;
    const char *name = "hub.topic";
    if (alias && !form_get(&request->parameters, name) && form_get(&request->parameters, alias))
        name = alias;
    const char *topic = operation_parameter(request, name, true, &refused);
    if (refused)
        return false;
    if (topic_check(topic, &error) != 0) {
        operation_refuse(request, 400, "%s: %s", name, error.message);
        return false;
    }
    url_normalize(form_get_mutable(&request->parameters, name));
    request->topic = topic;
    return true;
}

/* --- steps --- */

static void resolve_topic(struct operation_request *request);

/* @locality registrar's or producer's thread */
static void on_registered(struct registration *registration, const struct error *error)
{
    struct operation_request *request =
        CONTAINER_OF(registration, struct operation_request, registration);
    if (error) {
        operation_unavailable(request, error->message);
        return;
    }
    request->registered = true;
    admission_audit_registered(request);
    resolve_topic(request);
}

/* @locality any thread */
static void on_resolved(struct view_wait *wait, enum view_outcome outcome)
{
    struct operation_request *request = CONTAINER_OF(wait, struct operation_request, view_wait);
    if (outcome == VIEW_FOUND) {
        request->on_topic(request);
    } else if (outcome == VIEW_BEHIND) {
        operation_unavailable(request, "the hub's state is not up to date yet");
    } else if (request->hub->config.hub.auto_register && !request->registered &&
               admission_permits(request, ACCESS_REGISTER)) {
        request->registration.done = on_registered;
        request->registration.topic = request->topic;
        registrar_register(request->hub->registrar, &request->registration);
    } else {
        operation_refuse(request, 404, "the topic is not registered at this hub: %s",
                         request->topic);
    }
}

static void resolve_topic(struct operation_request *request)
{
    request->view_wait.done = on_resolved;
    request->view_wait.topic = request->topic;
    request->view_wait.timeout_ms = request->hub->config.hub.view_timeout;
    view_resolve(request->hub->view, &request->view_wait);
}

void operation_with_topic(struct operation_request *request,
                          void (*on_topic)(struct operation_request *request))
{
    request->on_topic = on_topic;
    resolve_topic(request);
}

void operation_write_event(struct operation_request *request, struct event *event,
                           event_written_fn written)
{
    struct error error;
    event->at_ms = clock_wall_ms();
    event->topic = (char *)(uintptr_t)request->topic; /* borrowed */
    if (event_gate_send(request->hub, event, written, request, &error) != 0)
        operation_unavailable(request, error.message);
}
