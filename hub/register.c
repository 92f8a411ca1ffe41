/* hub.mode=register: announces a topic. Registering it again is accepted and changes nothing. */
#include <stddef.h>

#include "common/container.h"
#include "common/log.h"
#include "hub/admission.h"

enum { VIEW_MS = 500 };

/* @locality any thread */
static void on_viewed(struct view_wait *wait, enum view_outcome outcome)
{
    (void)outcome;
    operation_accept(CONTAINER_OF(wait, struct operation_request, view_wait), 200);
}

/* @locality registrar's or producer's thread */
static void on_registered(struct registration *registration, const struct error *error)
{
    struct operation_request *request =
        CONTAINER_OF(registration, struct operation_request, registration);
    if (error) {
        operation_unavailable(request, error->message);
        return;
    }
    admission_audit_allowed(request, NULL);
    log_info("topic.registered", LOG_STR("topic", request->topic));
    /* It is durable. The answer waits a little for the view, so that what usually follows, a first
     * publication or subscription, need not; if the state is slow, that waits instead. */
    request->view_wait.done = on_viewed;
    request->view_wait.topic = request->topic;
    request->view_wait.timeout_ms = VIEW_MS;
    view_resolve(request->hub->view, &request->view_wait);
}

static void register_topic(struct operation_request *request)
{
    request->registration.done = on_registered;
    request->registration.topic = request->topic;
    registrar_register(request->hub->registrar, &request->registration);
}

void register_handle(struct operation_request *request)
{
    if (operation_take_topic(request, NULL))
        admission_decide(request, NULL, register_topic);
}
