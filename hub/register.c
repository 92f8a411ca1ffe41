/* hub.mode=register: announces a topic. Registering it again is accepted and changes nothing. */
#include <stddef.h>

#include "common/log.h"
#include "common/container.h"
#include "hub/operation.h"

/* @locality registrar's or producer's thread */
static void on_registered(struct registration *registration, const struct error *error)
{
    struct operation_request *request =
        CONTAINER_OF(registration, struct operation_request, registration);
    if (error) {
        operation_unavailable(request, error->message);
        return;
    }
    log_info("topic.registered", LOG_STR("topic", request->topic));
    operation_accept(request, 200);
}

void register_handle(struct operation_request *request)
{
    if (!operation_take_topic(request, NULL))
        return;
    request->registration.done = on_registered;
    request->registration.topic = request->topic;
    registrar_register(request->hub->registrar, &request->registration);
}
