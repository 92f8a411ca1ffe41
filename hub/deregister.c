/* hub.mode=deregister: ends a topic and, with a denial notice, its subscriptions. Unknown topics:
 * 404. */
#include "common/container.h"
#include "common/log.h"
#include "hub/admission.h"

/* @locality producer thread */
static void on_written(void *context, rd_kafka_resp_err_t code, int32_t partition, int64_t offset)
{
    struct operation_request *request = context;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        operation_unavailable(request, rd_kafka_err2str(code));
        return;
    }
    view_note_write(request->hub->view, partition, offset);
    admission_audit_allowed(request, NULL);
    log_info("topic.deregistered", LOG_STR("topic", request->topic));
    operation_accept(request, 200);
}

/* @locality any thread */
static void on_resolved(struct view_wait *wait, enum view_outcome outcome)
{
    struct operation_request *request = CONTAINER_OF(wait, struct operation_request, view_wait);
    struct event event = {.type = EVENT_TOPIC_DEREGISTERED, .method = -1};
    if (outcome == VIEW_FOUND)
        operation_write_event(request, &event, on_written);
    else if (outcome == VIEW_NOT_FOUND)
        operation_refuse(request, 404, "the topic is not registered at this hub");
    else
        operation_unavailable(request, "the hub's state is not up to date yet");
}

static void deregister_topic(struct operation_request *request)
{
    request->view_wait.done = on_resolved;
    request->view_wait.topic = request->topic;
    request->view_wait.timeout_ms = request->hub->config.hub.view_timeout;
    view_resolve(request->hub->view, &request->view_wait);
}

void deregister_handle(struct operation_request *request)
{
    if (operation_take_topic(request, NULL))
        admission_decide(request, NULL, deregister_topic);
}
