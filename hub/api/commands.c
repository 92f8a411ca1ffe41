/*
 * What an operator does to a subscription: each command is an event, which the consolidator folds
 * and the dispatcher obeys. Answered once Kafka has confirmed the event; what comes of it is seen
 * in the subscription moments later.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/panic.h"
#include "hub/api/request.h"
#include "hub/message_reader.h"
#include "hub/request_audit.h"

enum { LOOK_UP_MS = 5000, MAX_BODY = 4096, MAX_CHARACTERS = 100 };

/* What every JSON library keeps exact (RFC 8259, section 6). */
#define MAX_OFFSET (INT64_C(1) << 53)

/* Kafka has no record from then on: where the range begins is the end. */
#define END_OF_TIME (INT64_MAX / 8)

struct command {
    struct api_request *request;
    enum event_type type;
    const char *name; /**< for the audit log */
    struct catalog_subscription subscription;
    json_t *body; /**< object, or NULL */
    char id[ID_UUID_SIZE];
    int64_t offset; /* -1: to be looked up */
    struct message_read look_up;
};

static void command_free(struct command *command)
{
    catalog_subscription_fini(&command->subscription);
    message_read_fini(&command->look_up);
    json_decref(command->body);
    free(command);
}

static void refuse(struct command *command, unsigned status, const char *member, const char *reason)
{
    api_problem(command->request, status, member, "%s", reason);
    command_free(command);
}

/* --- writing --- */

static void audit(const struct command *command)
{
    const struct api_request *request = command->request;
    const struct audit_entry entry = {
        .allowed = true,
        .operation = command->name,
        .topic = command->subscription.topic,
        .callback = command->subscription.callback,
        .request = command->id,
        .reason = "operator",
    };
    request_audit(request->hub, request->http, request->identity, entry);
}

/* @locality producer thread */
static void on_written(void *context, rd_kafka_resp_err_t code, int32_t partition, int64_t offset)
{
    struct command *command = context;
    (void)partition;
    (void)offset;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        refuse(command, 503, NULL, rd_kafka_err2str(code));
        return;
    }
    audit(command);
    json_t *answer = json_pack("{s:s}", "command", command->id);
    ENSURE(answer != NULL);
    api_respond(command->request, 202, answer);
    command_free(command);
}

static void write_event(struct command *command)
{
    struct error error;
    struct catalog_subscription *s = &command->subscription;
    const char *reason = json_string_value(json_object_get(command->body, "reason"));
    id_uuid7(command->id);
    const struct event event = {
        .type = command->type,
        .at_ms = clock_wall_ms(),
        .topic = s->topic,
        .callback = s->callback,
        .request_id = command->id,
        .reason = (char *)(uintptr_t)reason, /* borrowed, as all strings here */
        .owner = command->request->identity ? command->request->identity->name : NULL,
        .by_operator = true,
        .method = -1,
        .offset = command->offset,
        .location = s->location,
    };
    if (event_writer_send(command->request->hub->events, &event, on_written, command, &error) != 0)
        refuse(command, 503, NULL, error.message);
}

/* --- where to --- */

/* @locality reader's thread */
static void on_looked_up(struct message_read *read, const struct error *error)
{
    struct command *command = CONTAINER_OF(read, struct command, look_up);
    if (error) {
        refuse(command, 503, NULL, error->message);
        return;
    }
    if (command->offset < 0)
        command->offset = read->next;
    if (command->offset > read->next) {
        refuse(command, 409, "offset", "lies behind the last message");
        return;
    }
    write_event(command);
}

/** Finds the offset of a time, of the beginning (0) or of the end, which a given one is held
 * against. */
static void look_up(struct command *command, int64_t from_ms)
{
    struct error error;
    command->look_up = (struct message_read){
        .done = on_looked_up,
        .kafka_topic = command->subscription.location.kafka_topic,
        .partition = command->subscription.location.partition,
        .key = command->subscription.topic,
        .from_ms = from_ms,
        .to = -1,
        .timeout_ms = LOOK_UP_MS,
    };
    if (message_reader_start(command->request->hub->message_reader, &command->look_up, &error) != 0)
        refuse(command, 503, NULL, error.message);
}

static bool take_offset(struct command *command, const json_t *value)
{
    double real = json_is_real(value) ? json_real_value(value) : -1;
    command->offset = json_is_integer(value) ? json_integer_value(value) : -1;
    if (real >= 0 && real <= (double)MAX_OFFSET && trunc(real) == real)
        command->offset = (int64_t)real; /* 857.0 is an integer too, to JSON */
    if (command->offset > MAX_OFFSET)
        command->offset = -1;
    if (command->offset >= 0)
        return true;
    refuse(command, 400, "offset", "must be the offset of a message");
    return false;
}

static void move(struct command *command)
{
    const json_t *offset = json_object_get(command->body, "offset");
    const char *to = json_string_value(json_object_get(command->body, "to"));
    int64_t time_ms;
    if (offset) {
        if (take_offset(command, offset))
            look_up(command, END_OF_TIME);
    } else if (to && strcmp(to, "end") == 0) {
        look_up(command, END_OF_TIME);
    } else if (to && strcmp(to, "beginning") == 0) {
        look_up(command, 0);
    } else if (to && clock_parse(to, &time_ms)) {
        look_up(command, time_ms);
    } else {
        refuse(command, 400, "to", "must be \"beginning\", \"end\" or a time; or give an offset");
    }
}

static void redeliver(struct command *command)
{
    if (take_offset(command, json_object_get(command->body, "offset")))
        write_event(command);
}

/* --- the request --- */

static size_t character_count(const json_t *value)
{
    size_t count = 0;
    for (const char *c = json_string_value(value); c && *c; c++)
        count += ((unsigned char)*c & 0xc0) != 0x80; /* not a continuation (RFC 3629) */
    return count;
}

static bool take_body(struct command *command)
{
    size_t length;
    const char *bytes = http_request_body(command->request->http, &length);
    json_error_t error;
    if (length == 0)
        return true;
    command->body =
        length <= MAX_BODY ? json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &error) : NULL;
    if (!json_is_object(command->body)) {
        refuse(command, 400, NULL, "the body must be a small JSON object");
        return false;
    }
    const char *name;
    json_t *value;
    json_object_foreach(command->body, name, value)
    {
        bool text = strcmp(name, "reason") == 0 || strcmp(name, "to") == 0;
        bool known = text || strcmp(name, "offset") == 0;
        if (!known || (text && !json_is_string(value)) || character_count(value) > MAX_CHARACTERS) {
            api_problem(command->request, 400, name, "%s",
                        known ? "has another type or is too long" : "there is no such member");
            command_free(command);
            return false;
        }
    }
    return true;
}

static bool take_subscription(struct command *command)
{
    struct api_request *request = command->request;
    if (!api_take_subscription(request, &command->subscription)) {
        command_free(command);
        return false;
    }
    enum subscription_status status = command->subscription.status;
    if (status == SUBSCRIPTION_ACTIVE || status == SUBSCRIPTION_SUSPENDED ||
        status == SUBSCRIPTION_PAUSED)
        return true;
    refuse(command, 409, NULL, "the subscription is not active");
    return false;
}

static void run(struct api_request *request, enum event_type type, const char *name,
                void (*next)(struct command *))
{
    if (!api_require_operator(request))
        return;
    struct command *command = xcalloc(1, sizeof(*command));
    command->request = request;
    command->type = type;
    command->name = name;
    command->offset = -1;
    if (take_body(command) && take_subscription(command))
        next(command);
}

void api_subscription_pause(struct api_request *request)
{
    run(request, EVENT_DELIVERY_PAUSE, "subscription.pause", write_event);
}

void api_subscription_resume(struct api_request *request)
{
    run(request, EVENT_DELIVERY_RESUME, "subscription.resume", write_event);
}

void api_subscription_move(struct api_request *request)
{
    run(request, EVENT_DELIVERY_MOVE, "subscription.move", move);
}

void api_subscription_redeliver(struct api_request *request)
{
    run(request, EVENT_DELIVERY_REDELIVER, "subscription.redeliver", redeliver);
}

void api_subscription_delete(struct api_request *request)
{
    run(request, EVENT_SUBSCRIPTION_DELETE, "subscription.delete", write_event);
}
