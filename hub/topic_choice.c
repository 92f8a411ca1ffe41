/*
 * Which reading of a topic is meant. MOSIP's clients percent-encode a query twice and leave a '+'
 * as it is; others do not. What is registered decides: first what was sent, by the standard, then
 * the others. Who may do what is asked afterwards, of the topic that was chosen.
 */
#include "common/container.h"
#include "common/url.h"
#include "hub/operation.h"

static void ask(struct operation_request *request);

/* @locality any thread */
static void on_resolved(struct view_wait *wait, enum view_outcome outcome)
{
    struct operation_request *request = CONTAINER_OF(wait, struct operation_request, view_wait);
    if (outcome == VIEW_BEHIND) {
        operation_unavailable(request, "the hub's state is not up to date yet");
    } else if (outcome == VIEW_FOUND || request->unknown_readings + 1 == request->readings.count) {
        request->on_topic(request);
    } else {
        request->unknown_readings++;
        ask(request);
    }
}

static void ask(struct operation_request *request)
{
    request->topic = request->readings.topics[request->unknown_readings];
    request->view_wait.done = on_resolved;
    request->view_wait.topic = request->topic;
    request->view_wait.timeout_ms = request->hub->config.hub.view_timeout;
    view_resolve(request->hub->view, &request->view_wait);
}

void operation_choose_topic(struct operation_request *request,
                            void (*next)(struct operation_request *request))
{
    const char *name = form_get(&request->parameters, "hub.topic") ? "hub.topic" : "hub.url";
    struct topic_readings *readings = &request->readings;
    const char *query = http_request_query(request->http);
    struct error error;
    if (!request->hub->config.compat.mosip ||
        topic_readings_init(readings, query, name, &error) != 0 || readings->count == 1) {
        next(request);
        return;
    }
    for (size_t i = 0; i < readings->count; i++)
        url_normalize(readings->topics[i]);
    request->on_topic = next;
    ask(request);
}
