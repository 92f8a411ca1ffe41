/*
 * What an operator does to a subscription: each command is an event, which the consolidator folds
 * and the dispatcher obeys. Answered once Kafka has confirmed the event; what comes of it is seen
 * in the subscription moments later.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/panic.h"
#include "hub/api/command.h"
#include "hub/event_gate.h"
#include "hub/request_audit.h"

enum { MAX_BODY = 4096, MAX_CHARACTERS = 100 };

/* What every JSON library keeps exact (RFC 8259, section 6). */
#define MAX_OFFSET (INT64_C(1) << 53)

static void command_free(struct command *command)
{
    catalog_subscription_fini(&command->subscription);
    message_read_fini(&command->look_up);
    json_decref(command->body);
    free(command);
}

void command_refuse(struct command *command, unsigned status, const char *member,
                    const char *reason)
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
        command_refuse(command, 503, NULL, rd_kafka_err2str(code));
        return;
    }
    audit(command);
    json_t *answer = json_pack("{s:s}", "command", command->id);
    ENSURE(answer != NULL);
    api_respond(command->request, 202, answer);
    command_free(command);
}

void command_write(struct command *command)
{
    struct error error;
    struct catalog_subscription *s = &command->subscription;
    const char *reason = json_string_value(json_object_get(command->body, "reason"));
    bool is_about_letters = command->type == EVENT_DELIVERY_REDELIVER_LETTERS;
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
        .location = is_about_letters ? (struct location){NULL, 0} : s->location,
    };
    if (event_gate_send(command->request->hub, &event, on_written, command, &error) != 0)
        command_refuse(command, 503, NULL, error.message);
}

/* --- where to --- */

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
    command_refuse(command, 400, "offset", "must be the offset of a message");
    return false;
}

/** The one of `members` (NULL-terminated) that is given, or NULL: none, or several, and refused. */
static const char *take_one(struct command *command, const char *const *members,
                            const char *expected)
{
    const char *given = NULL;
    for (size_t i = 0; members[i]; i++) {
        if (!json_object_get(command->body, members[i]))
            continue;
        if (given) {
            command_refuse(command, 400, members[i], expected);
            return NULL;
        }
        given = members[i];
    }
    if (!given)
        command_refuse(command, 400, members[0], expected);
    return given;
}

static void move_to(struct command *command, const char *to)
{
    int64_t time_ms;
    if (strcmp(to, "end") == 0)
        command_find_end(command);
    else if (strcmp(to, "beginning") == 0)
        command_find_time(command, 0);
    else if (clock_parse(to, &time_ms))
        command_find_time(command, time_ms);
    else
        command_refuse(command, 400, "to", "must be \"beginning\", \"end\" or a time");
}

static void move(struct command *command)
{
    static const char *const members[] = {"to", "offset", "message", NULL};
    const char *given =
        take_one(command, members, "give one of \"to\", \"offset\" and \"message\"");
    const json_t *value = given ? json_object_get(command->body, given) : NULL;
    if (!given)
        return;
    if (strcmp(given, "to") == 0)
        move_to(command, json_string_value(value));
    else if (strcmp(given, "message") == 0)
        command_find_message(command, json_string_value(value));
    else if (take_offset(command, value))
        command_find_end(command);
}

static void redeliver(struct command *command)
{
    static const char *const members[] = {"offset", "message", "dead_letters", NULL};
    const char *given = take_one(command, members,
                                 "give one of \"offset\", \"message\" and \"dead_letters\": true");
    const json_t *value = given ? json_object_get(command->body, given) : NULL;
    if (!given)
        return;
    if (strcmp(given, "message") == 0) {
        command_find_message(command, json_string_value(value));
    } else if (strcmp(given, "dead_letters") == 0) {
        command->type = EVENT_DELIVERY_REDELIVER_LETTERS;
        command_find_letters_end(command);
    } else if (take_offset(command, value)) {
        command_write(command);
    }
}

/* --- the request --- */

static size_t character_count(const json_t *value)
{
    size_t count = 0;
    for (const char *c = json_string_value(value); c && *c; c++)
        count += ((unsigned char)*c & 0xc0) != 0x80; /* not a continuation (RFC 3629) */
    return count;
}

/** A misspelt or misplaced member would be a command that does something else. */
static bool is_member(const struct command *command, const char *name)
{
    bool moves = command->type == EVENT_DELIVERY_MOVE;
    bool redelivers = command->type == EVENT_DELIVERY_REDELIVER;
    if (strcmp(name, "reason") == 0)
        return true;
    if (strcmp(name, "offset") == 0 || strcmp(name, "message") == 0)
        return moves || redelivers;
    return (moves && strcmp(name, "to") == 0) || (redelivers && strcmp(name, "dead_letters") == 0);
}

static bool is_proper(const char *name, const json_t *value)
{
    if (strcmp(name, "offset") == 0)
        return true; /* take_offset */
    if (strcmp(name, "dead_letters") == 0)
        return json_is_true(value);
    return json_is_string(value) && character_count(value) <= MAX_CHARACTERS;
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
        command_refuse(command, 400, NULL, "the body must be a small JSON object");
        return false;
    }
    const char *name;
    json_t *value;
    json_object_foreach(command->body, name, value)
    {
        bool known = is_member(command, name);
        if (known && is_proper(name, value))
            continue;
        command_refuse(command, 400, name,
                       known ? "has another type or is too long" : "there is no such member");
        return false;
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
    command_refuse(command, 409, NULL, "the subscription is not active");
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
    run(request, EVENT_DELIVERY_PAUSE, "subscription.pause", command_write);
}

void api_subscription_resume(struct api_request *request)
{
    run(request, EVENT_DELIVERY_RESUME, "subscription.resume", command_write);
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
    run(request, EVENT_SUBSCRIPTION_DELETE, "subscription.delete", command_write);
}
