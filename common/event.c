#include "common/event.h"

#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/json.h"
#include "common/panic.h"

/* What each type must carry for its readers to rely on it. */
enum {
    NEEDS_CALLBACK = 1 << 0,
    NEEDS_REQUEST = 1 << 1,
    NEEDS_LOCATION = 1 << 2,
    NEEDS_LEASE = 1 << 3,
    NEEDS_OFFSET = 1 << 4,
    NEEDS_BASE = 1 << 5,
    NEEDS_DEADLINE = 1 << 6,
};

static const struct {
    const char *name;
    unsigned needs;
} types[EVENT_TYPE_COUNT] = {
    [EVENT_TOPIC_REGISTERED] = {"topic.registered", NEEDS_LOCATION},
    [EVENT_TOPIC_DEREGISTERED] = {"topic.deregistered", 0},
    [EVENT_TOPIC_PINGED] = {"topic.pinged", 0},
    [EVENT_TOPIC_FETCHING] = {"topic.fetching", 0},
    [EVENT_TOPIC_FETCHED] = {"topic.fetched", NEEDS_BASE},
    [EVENT_TOPIC_NOT_FETCHED] = {"topic.not_fetched", NEEDS_BASE},
    [EVENT_TOPIC_ENDED] = {"topic.ended", 0},
    [EVENT_SUBSCRIPTION_REQUESTED] = {"subscription.requested", NEEDS_CALLBACK | NEEDS_REQUEST |
                                                                    NEEDS_LOCATION | NEEDS_LEASE},
    [EVENT_UNSUBSCRIPTION_REQUESTED] = {"unsubscription.requested", NEEDS_CALLBACK | NEEDS_REQUEST},
    [EVENT_SUBSCRIPTION_VERIFIED] = {"subscription.verified",
                                     NEEDS_CALLBACK | NEEDS_REQUEST | NEEDS_OFFSET},
    [EVENT_SUBSCRIPTION_REFUSED] = {"subscription.refused", NEEDS_CALLBACK | NEEDS_REQUEST},
    [EVENT_UNSUBSCRIPTION_VERIFIED] = {"unsubscription.verified", NEEDS_CALLBACK | NEEDS_REQUEST},
    [EVENT_SUBSCRIPTION_DENIED] = {"subscription.denied", NEEDS_CALLBACK},
    [EVENT_SUBSCRIPTION_LAPSING] = {"subscription.lapsing", NEEDS_CALLBACK | NEEDS_DEADLINE},
    [EVENT_SUBSCRIPTION_EXPIRED] = {"subscription.expired", NEEDS_CALLBACK | NEEDS_DEADLINE},
    [EVENT_SUBSCRIPTION_FORGOTTEN] = {"subscription.forgotten", NEEDS_CALLBACK | NEEDS_DEADLINE},
    [EVENT_DELIVERY_DETACHED] = {"delivery.detached", NEEDS_CALLBACK | NEEDS_OFFSET | NEEDS_BASE},
    [EVENT_DELIVERY_PROGRESSED] = {"delivery.progressed",
                                   NEEDS_CALLBACK | NEEDS_OFFSET | NEEDS_BASE},
    [EVENT_DELIVERY_ATTACHED] = {"delivery.attached", NEEDS_CALLBACK | NEEDS_OFFSET | NEEDS_BASE},
    [EVENT_DELIVERY_SUSPENDED] = {"delivery.suspended", NEEDS_CALLBACK | NEEDS_OFFSET | NEEDS_BASE},
    [EVENT_DELIVERY_RECOVERED] = {"delivery.recovered", NEEDS_CALLBACK | NEEDS_BASE},
    [EVENT_DELIVERY_GONE] = {"delivery.gone", NEEDS_CALLBACK | NEEDS_BASE},
    [EVENT_DELIVERY_RESUME] = {"delivery.resume", NEEDS_CALLBACK},
    [EVENT_DELIVERY_PAUSE] = {"delivery.pause", NEEDS_CALLBACK | NEEDS_REQUEST},
    [EVENT_DELIVERY_MOVE] = {"delivery.move", NEEDS_CALLBACK | NEEDS_REQUEST | NEEDS_OFFSET},
    [EVENT_DELIVERY_REDELIVER] = {"delivery.redeliver",
                                  NEEDS_CALLBACK | NEEDS_REQUEST | NEEDS_OFFSET},
    [EVENT_DELIVERY_REDELIVERED] = {"delivery.redelivered",
                                    NEEDS_CALLBACK | NEEDS_OFFSET | NEEDS_BASE},
    [EVENT_DELIVERY_REDELIVER_LETTERS] = {"delivery.redeliver_letters",
                                          NEEDS_CALLBACK | NEEDS_REQUEST | NEEDS_OFFSET},
    [EVENT_DELIVERY_LETTERS_SETTLED] = {"delivery.letters_settled", NEEDS_CALLBACK | NEEDS_OFFSET},
    [EVENT_SUBSCRIPTION_DELETE] = {"subscription.delete", NEEDS_CALLBACK | NEEDS_REQUEST},
    [EVENT_SUBSCRIPTION_IMPORTED] = {"subscription.imported",
                                     NEEDS_CALLBACK | NEEDS_LOCATION | NEEDS_LEASE | NEEDS_OFFSET},
};

int event_level(const struct event *event)
{
    switch (event->type) {
    case EVENT_TOPIC_PINGED:
    case EVENT_TOPIC_FETCHING:
    case EVENT_TOPIC_FETCHED:
    case EVENT_TOPIC_NOT_FETCHED:
    case EVENT_SUBSCRIPTION_LAPSING:
    case EVENT_DELIVERY_PAUSE:
    case EVENT_DELIVERY_MOVE:
    case EVENT_DELIVERY_REDELIVER:
    case EVENT_DELIVERY_REDELIVERED:
    case EVENT_DELIVERY_REDELIVER_LETTERS:
    case EVENT_DELIVERY_LETTERS_SETTLED:
    case EVENT_SUBSCRIPTION_DELETE:
    case EVENT_SUBSCRIPTION_IMPORTED:
        return 2;
    case EVENT_SUBSCRIPTION_REQUESTED:
    case EVENT_UNSUBSCRIPTION_REQUESTED:
        return event->owner || event->reason || event->secret.key_id ? 2 : 1;
    default:
        return 1;
    }
}

const char *event_type_name(enum event_type type)
{
    return types[type].name;
}

char *event_encode(const struct event *event, size_t *length)
{
    unsigned needs = types[event->type].needs;
    json_t *object = json_object();
    json_put_integer(object, "v", 1);
    json_put_string(object, "type", types[event->type].name);
    json_put_integer(object, "at", event->at_ms);
    json_put_string(object, "topic", event->topic);
    json_put_string(object, "callback", event->callback);
    json_put_string(object, "request", event->request_id);
    stored_secret_put(object, &event->secret);
    json_put_string(object, "reason", event->reason);
    json_put_string(object, "owner", event->owner);
    if (event->by_operator)
        json_object_set_new(object, "operator", json_true());
    json_put_string(object, "verify_token", event->verify_token);
    if (event->location.kafka_topic) {
        json_put_string(object, "kafka_topic", event->location.kafka_topic);
        json_put_integer(object, "partition", event->location.partition);
    }
    if (needs & NEEDS_LEASE) {
        json_put_integer(object, "lease_seconds", event->lease_seconds);
        if (event->method >= 0)
            json_put_string(object, "method", signature_method_name(event->method));
        if (event->max_in_flight > 0)
            json_put_integer(object, "max_in_flight", event->max_in_flight);
    }
    if (needs & NEEDS_OFFSET)
        json_put_integer(object, "offset", event->offset);
    if (needs & NEEDS_BASE)
        json_put_integer(object, "base", event->base);
    if (event->marked > 0)
        json_put_integer(object, "marked", event->marked);
    if (needs & NEEDS_DEADLINE)
        json_put_integer(object, "deadline", event->deadline);
    if (event->distributed)
        json_object_set_new(object, "distributed", json_true());
    fetched_put(object, &event->fetched);
    trace_headers_put(object, "trace", &event->trace);
    return json_finish(object, length);
}

static int type_parse(const char *name, enum event_type *type, struct error *error)
{
    for (int i = 0; name && i < EVENT_TYPE_COUNT; i++) {
        if (strcmp(types[i].name, name) == 0) {
            *type = (enum event_type)i;
            return 0;
        }
    }
    return error_set(error, ERROR_INVALID, false, "unknown type of event");
}

static int check_needs(const struct event *event, struct error *error)
{
    unsigned needs = types[event->type].needs;
    const char *missing = NULL;
    if (!event->topic || !*event->topic)
        missing = "topic";
    else if ((needs & NEEDS_CALLBACK) && (!event->callback || !*event->callback))
        missing = "callback";
    else if ((needs & NEEDS_REQUEST) &&
             (!event->request_id || strlen(event->request_id) != ID_UUID_SIZE - 1))
        missing = "request";
    else if ((needs & NEEDS_LOCATION) &&
             (!event->location.kafka_topic || event->location.partition < 0))
        missing = "kafka_topic and partition";
    else if ((needs & NEEDS_LEASE) && event->lease_seconds <= 0)
        missing = "lease_seconds";
    else if ((needs & NEEDS_OFFSET) && event->offset < 0)
        missing = "offset";
    else if ((needs & NEEDS_BASE) && event->base < 0)
        missing = "base";
    else if ((needs & NEEDS_DEADLINE) && (event->deadline < 0 || event->deadline > RECORD_MAX_MS))
        missing = "deadline";
    if (!missing)
        return 0;
    return error_set(error, ERROR_INVALID, false, "%s needs a proper %s", types[event->type].name,
                     missing);
}

int event_decode(const void *value, size_t length, struct event *event, struct error *error)
{
    memset(event, 0, sizeof(*event));
    json_t *object = json_parse_record(value, length, error);
    if (!object)
        return -1;

    struct error problem = {0};
    char *type = json_take_string(object, "type", &problem);
    char *method = json_take_string(object, "method", &problem);
    event->at_ms = json_take_integer(object, "at", -1, &problem);
    event->topic = json_take_string(object, "topic", &problem);
    event->callback = json_take_string(object, "callback", &problem);
    event->request_id = json_take_string(object, "request", &problem);
    stored_secret_take(object, &event->secret, &problem);
    event->reason = json_take_string(object, "reason", &problem);
    event->owner = json_take_string(object, "owner", &problem);
    event->by_operator = json_take_bool(object, "operator", &problem);
    event->verify_token = json_take_string(object, "verify_token", &problem);
    event->location.kafka_topic = json_take_string(object, "kafka_topic", &problem);
    int64_t partition = json_take_integer(object, "partition", 0, &problem);
    event->location.partition = partition < 0 || partition > INT32_MAX ? -1 : (int32_t)partition;
    event->lease_seconds = json_take_bounded(object, "lease_seconds", RECORD_MAX_SECONDS, &problem);
    event->max_in_flight =
        json_take_bounded(object, "max_in_flight", RECORD_MAX_IN_FLIGHT, &problem);
    event->offset = json_take_integer(object, "offset", -1, &problem);
    event->base = json_take_integer(object, "base", -1, &problem);
    event->marked = json_take_bounded(object, "marked", INT64_MAX, &problem);
    event->deadline = json_take_integer(object, "deadline", -1, &problem);
    event->method = -1;
    event->distributed = json_take_bool(object, "distributed", &problem);
    fetched_take(object, &event->fetched, &problem);
    trace_headers_take(object, "trace", &event->trace, &problem);
    json_decref(object);

    enum signature_method parsed;
    if (problem.code == ERROR_NONE && (event->at_ms < 0 || event->at_ms > RECORD_MAX_MS))
        error_set(&problem, ERROR_INVALID, false, "\"at\" is missing or out of range");
    if (problem.code == ERROR_NONE && method) {
        if (signature_method_parse(method, &parsed) == 0)
            event->method = (int)parsed;
        else
            error_set(&problem, ERROR_INVALID, false, "unknown signature method");
    }
    if (problem.code == ERROR_NONE && type_parse(type, &event->type, &problem) == 0)
        check_needs(event, &problem);
    free(type);
    free(method);
    if (problem.code == ERROR_NONE)
        return 0;
    event_fini(event);
    *error = problem;
    return -1;
}

char *event_key(const struct event *event)
{
    if (!event->callback)
        return id_topic_key(event->topic);
    char id[ID_HEX_SIZE];
    id_subscription(event->topic, event->callback, id);
    return id_subscription_key(id);
}

void event_fini(struct event *event)
{
    free(event->topic);
    free(event->callback);
    free(event->request_id);
    stored_secret_fini(&event->secret);
    free(event->reason);
    free(event->owner);
    free(event->verify_token);
    location_fini(&event->location);
    fetched_fini(&event->fetched);
    trace_headers_fini(&event->trace);
    memset(event, 0, sizeof(*event));
}
