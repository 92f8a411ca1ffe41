/*
 * hub.mode=publish without content (light ping): the topics named by hub.topic and hub.url, one or
 * several, have changed, and the hub is to fetch them. What is written is one event for each topic;
 * the dispatcher does the rest.
 *
 * Nothing is written until all topics are known to be allowed and registered, and nothing is
 * answered until Kafka has all events. So a refusal changes nothing, but for topics that were
 * registered on first use. After a 503 some may have been written: pinging again does no harm.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/panic.h"
#include "common/url.h"
#include "hub/admission.h"
#include "hub/event_gate.h"

/** The topics of one request; each step goes through all of them before the next step. */
struct ping {
    atomic_int unsettled; /* events, and one while they are being sent */
    atomic_bool failed;
    struct error error; /* why one could not be sent, if so */
    size_t count;
    size_t at;                           /* the topic that the step is at: request->topic */
    const char *topics[FORM_MAX_FIELDS]; /* in the request's parameters or readings */
};

static void set_topic(struct operation_request *request, size_t at)
{
    request->ping->at = at;
    request->topic = request->ping->topics[at];
}

/* --- writing --- */

static void answer(struct operation_request *request)
{
    struct ping *ping = request->ping;
    if (atomic_load(&ping->failed)) {
        operation_unavailable(request, ping->error.code != ERROR_NONE
                                           ? ping->error.message
                                           : "Kafka did not confirm the ping");
        return;
    }
    for (size_t i = 0; i < ping->count; i++) {
        set_topic(request, i);
        admission_audit_allowed(request, NULL);
        log_info("topic.pinged", LOG_STR("topic", request->topic));
    }
    histogram_observe(request->hub->metrics.publish_seconds,
                      clock_monotonic_us() - request->started_us);
    /* Who pings with Ballerina's library or MOSIP's takes no other for success. */
    if (request->from_ballerina || request->hub->config.compat.mosip)
        operation_accept(request, 200);
    else
        operation_accept_silently(request);
}

/** The last one that is settled leads to the answer, with which the request may be gone. */
static void settle(struct operation_request *request)
{
    if (atomic_fetch_sub(&request->ping->unsettled, 1) == 1)
        answer(request);
}

/* @locality producer thread */
static void on_written(void *context, rd_kafka_resp_err_t code, int32_t partition, int64_t offset)
{
    struct operation_request *request = context;
    (void)partition;
    (void)offset;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        atomic_store(&request->ping->failed, true);
    settle(request);
}

static void write_events(struct operation_request *request)
{
    struct ping *ping = request->ping;
    atomic_init(&ping->unsettled, 1);
    for (size_t i = 0; i < ping->count; i++) {
        const struct event event = {
            .type = EVENT_TOPIC_PINGED,
            .at_ms = clock_wall_ms(),
            .topic = (char *)(uintptr_t)ping->topics[i], /* borrowed, as the trace */
            .trace = {.parent = (char *)(uintptr_t)request->trace.traceparent,
                      .state = (char *)(uintptr_t)request->trace.tracestate},
            .method = -1,
        };
        atomic_fetch_add(&ping->unsettled, 1);
        if (event_gate_send(request->hub, &event, on_written, request, &ping->error) != 0) {
            atomic_store(&ping->failed, true);
            settle(request);
        }
    }
    settle(request);
}

/* --- what must hold for all topics before --- */

/* @locality any thread */
static void on_topic(struct operation_request *request)
{
    struct ping *ping = request->ping;
    if (ping->at + 1 == ping->count) {
        write_events(request);
        return;
    }
    set_topic(request, ping->at + 1);
    request->registered = false;
    operation_with_topic(request, on_topic);
}

static void decide(struct operation_request *request);

/* @locality any thread */
static void on_allowed(struct operation_request *request)
{
    struct ping *ping = request->ping;
    if (ping->at + 1 < ping->count) {
        set_topic(request, ping->at + 1);
        decide(request);
        return;
    }
    set_topic(request, 0);
    operation_with_topic(request, on_topic);
}

static void decide(struct operation_request *request)
{
    char reason[512];
    if (admission_permits(request, ACCESS_PUBLISH)) {
        admission_decide(request, NULL, on_allowed);
        return;
    }
    snprintf(reason, sizeof(reason), "not allowed for this topic: %s", request->topic);
    admission_deny(request, 403, reason);
}

/* --- the request --- */

/* @locality any thread */
static void on_chosen(struct operation_request *request)
{
    request->ping->topics[0] = request->topic;
    decide(request);
}

static bool is_topic_field(const char *name)
{
    return strcmp(name, "hub.topic") == 0 || strcmp(name, "hub.url") == 0;
}

/** Clients name a topic by both parameters, to please all hubs: that is one ping. */
static void add_topic(struct ping *ping, const char *topic)
{
    for (size_t i = 0; i < ping->count; i++)
        if (strcmp(ping->topics[i], topic) == 0)
            return;
    ping->topics[ping->count++] = topic;
}

static bool take_topics(struct operation_request *request)
{
    struct form *form = &request->parameters;
    struct error error;
    for (size_t i = 0; i < form->count; i++) {
        if (!is_topic_field(form->fields[i].name))
            continue;
        if (topic_check(form->fields[i].value, &error) != 0) {
            operation_refuse(request, 400, "%s: %s", form->fields[i].name, error.message);
            return false;
        }
        url_normalize(form->fields[i].value);
        add_topic(request->ping, form->fields[i].value);
    }
    if (request->ping->count == 0)
        operation_refuse(request, 400, "hub.topic or hub.url is missing");
    return request->ping->count > 0;
}

void ping_handle(struct operation_request *request)
{
    struct ping *ping = request->ping = xcalloc(1, sizeof(*ping));
    if (!take_topics(request))
        return;
    /* The request took one turn already; each topic is a publication. */
    for (size_t i = 1; i < ping->count; i++)
        if (!admission_take_turn(request))
            return;
    set_topic(request, 0);
    if (ping->count == 1)
        operation_choose_topic(request, on_chosen);
    else
        decide(request);
}

size_t ping_topic_count(const struct operation_request *request)
{
    return request->ping ? request->ping->count : 0;
}
