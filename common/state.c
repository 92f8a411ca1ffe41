#include "common/state.h"

#include <stdlib.h>
#include <string.h>

#include "common/event.h"
#include "common/json.h"
#include "common/panic.h"
#include "common/state_commands.h"
#include "common/state_pings.h"

static const char *const status_names[] = {
    [SUBSCRIPTION_REQUESTED] = "requested", [SUBSCRIPTION_ACTIVE] = "active",
    [SUBSCRIPTION_SUSPENDED] = "suspended", [SUBSCRIPTION_LAPSED] = "lapsed",
    [SUBSCRIPTION_ENDING] = "ending",       [SUBSCRIPTION_PAUSED] = "paused",
};
enum { STATUS_COUNT = sizeof(status_names) / sizeof(status_names[0]) };

const char *subscription_status_name(enum subscription_status status)
{
    return status_names[status];
}

/* --- encoding --- */

static void put_location(json_t *object, const struct location *location)
{
    if (!location->kafka_topic)
        return;
    json_put_string(object, "kafka_topic", location->kafka_topic);
    json_put_integer(object, "partition", location->partition);
}

static void put_method(json_t *object, int method)
{
    if (method >= 0)
        json_put_string(object, "method", signature_method_name((enum signature_method)method));
}

/** See SUBSCRIPTION_PAUSED. */
static const char *written_status(const struct subscription_state *s)
{
    return status_names[s->status == SUBSCRIPTION_PAUSED ? SUBSCRIPTION_SUSPENDED : s->status];
}

char *state_encode_topic(const struct topic_state *topic, size_t *length)
{
    json_t *object = json_object();
    json_put_integer(object, "v", 1);
    json_put_string(object, "topic", topic->topic);
    json_put_integer(object, "registered_at", topic->registered_at_ms);
    put_location(object, &topic->location);
    state_put_pings(object, &topic->pings);
    fetched_put(object, &topic->fetched);
    return json_finish(object, length);
}

static json_t *encode_pending(const struct pending_request *request)
{
    json_t *object = json_object();
    json_put_string(object, "request", request->request_id);
    json_put_string(object, "mode", request->unsubscribe ? "unsubscribe" : "subscribe");
    stored_secret_put(object, &request->secret);
    put_method(object, request->method);
    json_put_positive(object, "max_in_flight", request->max_in_flight);
    json_put_integer(object, "lease_seconds", request->lease_seconds);
    json_put_integer(object, "requested_at", request->requested_at_ms);
    json_put_string(object, "owner", request->owner);
    json_put_true(object, "operator", request->by_operator);
    json_put_string(object, "denial", request->denial);
    json_put_string(object, "verify_token", request->verify_token);
    put_location(object, &request->location);
    return object;
}

char *state_encode_subscription(const struct subscription_state *s, size_t *length)
{
    json_t *object = json_object();
    json_put_integer(object, "v", 1);
    json_put_string(object, "topic", s->topic);
    json_put_string(object, "callback", s->callback);
    json_put_string(object, "status", written_status(s));
    stored_secret_put(object, &s->secret);
    put_method(object, s->method);
    json_put_positive(object, "max_in_flight", s->max_in_flight);
    json_put_integer(object, "created_at", s->created_at_ms);
    if (s->status != SUBSCRIPTION_REQUESTED) {
        json_put_integer(object, "verified_at", s->verified_at_ms);
        json_put_integer(object, "lease_seconds", s->lease_seconds);
        json_put_integer(object, "lease_end", s->lease_end_ms);
        json_put_true(object, "warned", s->warned);
        json_put_integer(object, "offset", s->position.offset);
        json_put_integer(object, "set", s->position.set);
        json_put_integer(object, "base", s->position.base);
        json_put_true(object, "detached", s->position.detached);
        json_put_positive(object, "resumed", s->resumed);
        state_put_commands(object, s);
    }
    json_put_string(object, "reason", s->reason);
    json_put_string(object, "owner", s->owner);
    put_location(object, &s->location);
    if (s->pending_count > 0) {
        json_t *pending = json_array();
        for (size_t i = 0; i < s->pending_count; i++)
            json_array_append_new(pending, encode_pending(&s->pending[i]));
        json_object_set_new(object, "pending", pending);
    }
    return json_finish(object, length);
}

char *state_encode_progress(int64_t next_events_offset, int32_t shards, size_t *length)
{
    json_t *object = json_object();
    json_put_integer(object, "v", 1);
    json_put_integer(object, "events", next_events_offset);
    json_put_integer(object, "level", EVENT_LEVEL);
    json_put_positive(object, "shards", shards);
    return json_finish(object, length);
}

/* --- decoding --- */

static void take_location(const json_t *object, struct location *location, struct error *problem)
{
    location->kafka_topic = json_take_string(object, "kafka_topic", problem);
    int64_t partition = json_take_integer(object, "partition", 0, problem);
    if (partition < 0 || partition > INT32_MAX)
        error_set(problem, ERROR_INVALID, false, "\"partition\" out of range");
    else
        location->partition = (int32_t)partition;
}

static int take_method(const json_t *object, struct error *problem)
{
    char *name = json_take_string(object, "method", problem);
    enum signature_method method;
    int result = -1;
    if (name && signature_method_parse(name, &method) == 0)
        result = (int)method;
    else if (name)
        error_set(problem, ERROR_INVALID, false, "unknown signature method");
    free(name);
    return result;
}

static struct topic_state *decode_topic(const json_t *object, struct error *problem)
{
    struct topic_state *topic = xcalloc(1, sizeof(*topic));
    topic->topic = json_take_string(object, "topic", problem);
    topic->registered_at_ms = json_take_bounded(object, "registered_at", RECORD_MAX_MS, problem);
    take_location(object, &topic->location, problem);
    state_take_pings(object, &topic->pings, problem);
    fetched_take(object, &topic->fetched, problem);
    if (problem->code == ERROR_NONE && (!topic->topic || !topic->location.kafka_topic))
        error_set(problem, ERROR_INVALID, false, "a topic needs \"topic\" and \"kafka_topic\"");
    return topic;
}

static void decode_pending(const json_t *object, struct pending_request *request,
                           struct error *problem)
{
    char *id = json_take_string(object, "request", problem);
    char *mode = json_take_string(object, "mode", problem);
    if (id && strlen(id) == ID_UUID_SIZE - 1)
        memcpy(request->request_id, id, ID_UUID_SIZE);
    else
        error_set(problem, ERROR_INVALID, false, "a pending request needs a proper \"request\"");
    if (!mode || (strcmp(mode, "subscribe") != 0 && strcmp(mode, "unsubscribe") != 0))
        error_set(problem, ERROR_INVALID, false, "a pending request needs a proper \"mode\"");
    else
        request->unsubscribe = strcmp(mode, "unsubscribe") == 0;
    free(id);
    free(mode);
    stored_secret_take(object, &request->secret, problem);
    request->method = take_method(object, problem);
    request->max_in_flight =
        json_take_bounded(object, "max_in_flight", RECORD_MAX_IN_FLIGHT, problem);
    request->lease_seconds =
        json_take_bounded(object, "lease_seconds", RECORD_MAX_SECONDS, problem);
    request->requested_at_ms = json_take_bounded(object, "requested_at", RECORD_MAX_MS, problem);
    request->owner = json_take_string(object, "owner", problem);
    request->by_operator = json_take_bool(object, "operator", problem);
    request->denial = json_take_string(object, "denial", problem);
    request->verify_token = json_take_string(object, "verify_token", problem);
    take_location(object, &request->location, problem);
    if (!request->unsubscribe && (!request->location.kafka_topic || request->lease_seconds == 0))
        error_set(problem, ERROR_INVALID, false,
                  "a pending subscription needs \"kafka_topic\" and \"lease_seconds\"");
}

static void decode_all_pending(const json_t *array, struct subscription_state *s,
                               struct error *problem)
{
    if (!array)
        return;
    if (!json_is_array(array) || json_array_size(array) > STATE_MAX_PENDING) {
        error_set(problem, ERROR_INVALID, false, "\"pending\" is no array of at most %d",
                  STATE_MAX_PENDING);
        return;
    }
    s->pending_count = json_array_size(array);
    if (s->pending_count > 0)
        s->pending = xcalloc(s->pending_count, sizeof(*s->pending));
    for (size_t i = 0; i < s->pending_count; i++)
        decode_pending(json_array_get(array, i), &s->pending[i], problem);
}

static void decode_status(const json_t *object, struct subscription_state *s, struct error *problem)
{
    char *name = json_take_string(object, "status", problem);
    int i = 0;
    while (name && i < STATUS_COUNT && strcmp(status_names[i], name) != 0)
        i++;
    if (!name || i == STATUS_COUNT)
        error_set(problem, ERROR_INVALID, false, "a subscription needs a known \"status\"");
    else
        s->status = (enum subscription_status)i;
    free(name);
}

static struct subscription_state *decode_subscription(const json_t *object, struct error *problem)
{
    struct subscription_state *s = xcalloc(1, sizeof(*s));
    s->topic = json_take_string(object, "topic", problem);
    s->callback = json_take_string(object, "callback", problem);
    decode_status(object, s, problem);
    stored_secret_take(object, &s->secret, problem);
    s->method = take_method(object, problem);
    s->max_in_flight = json_take_bounded(object, "max_in_flight", RECORD_MAX_IN_FLIGHT, problem);
    s->created_at_ms = json_take_bounded(object, "created_at", RECORD_MAX_MS, problem);
    s->verified_at_ms = json_take_bounded(object, "verified_at", RECORD_MAX_MS, problem);
    s->lease_seconds = json_take_bounded(object, "lease_seconds", RECORD_MAX_SECONDS, problem);
    s->lease_end_ms = json_take_bounded(object, "lease_end", RECORD_MAX_MS, problem);
    s->warned = json_take_bool(object, "warned", problem);
    s->position.offset = json_take_bounded(object, "offset", INT64_MAX, problem);
    s->position.set = json_take_bounded(object, "set", INT64_MAX, problem);
    s->position.base = json_take_bounded(object, "base", INT64_MAX, problem);
    s->position.detached = json_take_bool(object, "detached", problem);
    s->resumed = json_take_bounded(object, "resumed", INT64_MAX, problem);
    s->reason = json_take_string(object, "reason", problem);
    s->owner = json_take_string(object, "owner", problem);
    take_location(object, &s->location, problem);
    state_take_commands(object, s, problem);
    if (s->status == SUBSCRIPTION_SUSPENDED && s->paused)
        s->status = SUBSCRIPTION_PAUSED;
    decode_all_pending(json_object_get(object, "pending"), s, problem);
    if (problem->code != ERROR_NONE)
        return s;
    if (!s->topic || !s->callback)
        error_set(problem, ERROR_INVALID, false, "a subscription needs \"topic\" and \"callback\"");
    else if (s->status != SUBSCRIPTION_REQUESTED && s->status != SUBSCRIPTION_ENDING &&
             !s->location.kafka_topic)
        error_set(problem, ERROR_INVALID, false, "a verified subscription needs \"kafka_topic\"");
    else if (s->status == SUBSCRIPTION_PAUSED && !s->paused)
        error_set(problem, ERROR_INVALID, false, "a paused subscription needs \"paused_at\"");
    else
        id_subscription(s->topic, s->callback, s->id);
    return s;
}

static void decode_progress(const json_t *object, struct progress_state *progress,
                            struct error *problem)
{
    progress->events = json_take_integer(object, "events", -1, problem);
    progress->level = json_take_integer(object, "level", 1, problem);
    progress->shards = (int32_t)json_take_bounded(object, "shards", INT32_MAX, problem);
    if (problem->code == ERROR_NONE && progress->events < 0)
        error_set(problem, ERROR_INVALID, false, "progress needs \"events\"");
    if (problem->code == ERROR_NONE && progress->level < 1)
        error_set(problem, ERROR_INVALID, false, "\"level\" out of range");
}

static bool key_has_prefix(const char *key, size_t length, const char *prefix)
{
    return length > strlen(prefix) && memcmp(key, prefix, strlen(prefix)) == 0;
}

static int kind_of_key(const char *key, size_t length, enum state_kind *kind, struct error *error)
{
    if (key && length == strlen(STATE_PROGRESS_KEY) && memcmp(key, STATE_PROGRESS_KEY, length) == 0)
        *kind = STATE_PROGRESS;
    else if (key && key_has_prefix(key, length, "topic:"))
        *kind = STATE_TOPIC;
    else if (key && key_has_prefix(key, length, "subscription:") &&
             length == strlen("subscription:") + ID_HEX_SIZE - 1)
        *kind = STATE_SUBSCRIPTION;
    else
        return error_set(error, ERROR_INVALID, false, "unknown kind of key");
    return 0;
}

static bool key_names(const char *key, size_t key_length, const char *prefix, const char *name)
{
    size_t prefix_length = strlen(prefix);
    return key_length == prefix_length + strlen(name) &&
           memcmp(key + prefix_length, name, key_length - prefix_length) == 0;
}

int state_decode(const char *key, size_t key_length, const void *value, size_t value_length,
                 struct state_record *record, struct error *error)
{
    memset(record, 0, sizeof(*record));
    if (kind_of_key(key, key_length, &record->kind, error) != 0)
        return -1;
    if (!value) {
        record->tombstone = true;
        return 0;
    }
    json_t *object = json_parse_record(value, value_length, error);
    if (!object)
        return -1;

    struct error problem = {0};
    bool key_fits = true;
    switch (record->kind) {
    case STATE_TOPIC:
        record->value.topic = decode_topic(object, &problem);
        key_fits = problem.code != ERROR_NONE ||
                   key_names(key, key_length, "topic:", record->value.topic->topic);
        break;
    case STATE_SUBSCRIPTION:
        record->value.subscription = decode_subscription(object, &problem);
        key_fits = problem.code != ERROR_NONE ||
                   key_names(key, key_length, "subscription:", record->value.subscription->id);
        break;
    case STATE_PROGRESS:
        decode_progress(object, &record->value.progress, &problem);
        break;
    }
    json_decref(object);
    if (!key_fits)
        error_set(&problem, ERROR_INVALID, false, "the key names another entity than the value");
    if (problem.code == ERROR_NONE)
        return 0;
    state_record_fini(record);
    *error = problem;
    return -1;
}

/* --- release --- */

void state_record_fini(struct state_record *record)
{
    if (record->tombstone)
        return;
    if (record->kind == STATE_TOPIC)
        topic_state_free(record->value.topic);
    else if (record->kind == STATE_SUBSCRIPTION)
        subscription_state_free(record->value.subscription);
    memset(&record->value, 0, sizeof(record->value));
}

void topic_state_free(struct topic_state *topic)
{
    if (!topic)
        return;
    free(topic->topic);
    location_fini(&topic->location);
    topic_pings_fini(&topic->pings);
    fetched_fini(&topic->fetched);
    free(topic);
}

void pending_request_fini(struct pending_request *request)
{
    stored_secret_fini(&request->secret);
    free(request->owner);
    free(request->denial);
    free(request->verify_token);
    location_fini(&request->location);
}

void subscription_state_free(struct subscription_state *subscription)
{
    if (!subscription)
        return;
    for (size_t i = 0; i < subscription->pending_count; i++)
        pending_request_fini(&subscription->pending[i]);
    free(subscription->pending);
    free(subscription->topic);
    free(subscription->callback);
    stored_secret_fini(&subscription->secret);
    free(subscription->reason);
    free(subscription->owner);
    free(subscription->paused_by);
    free(subscription->commanded_by);
    free(subscription->redeliver);
    location_fini(&subscription->location);
    free(subscription);
}
