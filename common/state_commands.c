#include "common/state_commands.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/panic.h"

static void put_redeliveries(json_t *object, const struct subscription_state *s)
{
    if (s->redeliver_count == 0)
        return;
    json_t *array = json_array();
    for (size_t i = 0; i < s->redeliver_count; i++) {
        json_t *pair = json_array();
        json_array_append_new(pair, json_integer(s->redeliver[i].offset));
        json_array_append_new(pair, json_integer(s->redeliver[i].command));
        json_array_append_new(array, pair);
    }
    json_object_set_new(object, "redeliver", array);
}

static void put_letters(json_t *object, const struct letters_state *letters)
{
    if (letters->settled > 0)
        json_put_integer(object, "letters_settled", letters->settled);
    if (letters->marked > 0)
        json_put_integer(object, "letters_marked", letters->marked);
    if (letters->wanted > 0)
        json_put_integer(object, "letters_wanted", letters->wanted);
}

void state_put_commands(json_t *object, const struct subscription_state *s)
{
    if (s->paused) {
        json_put_integer(object, "paused_at", s->paused_at_ms);
        json_put_string(object, "paused_by", s->paused_by);
    }
    if (*s->command)
        json_put_string(object, "command", s->command);
    json_put_string(object, "commanded_by", s->commanded_by);
    put_redeliveries(object, s);
    put_letters(object, &s->letters);
}

static bool take_redelivery(const json_t *pair, struct redelivery_request *request)
{
    const json_t *offset = json_array_get(pair, 0), *command = json_array_get(pair, 1);
    if (json_array_size(pair) != 2 || !json_is_integer(offset) || !json_is_integer(command))
        return false;
    request->offset = json_integer_value(offset);
    request->command = json_integer_value(command);
    return request->offset >= 0 && request->command >= 0;
}

static void take_redeliveries(const json_t *array, struct subscription_state *s,
                              struct error *problem)
{
    size_t count = json_array_size(array);
    if (!array)
        return;
    if (!json_is_array(array) || count == 0 || count > STATE_MAX_REDELIVERIES) {
        error_set(problem, ERROR_INVALID, false, "\"redeliver\" is no array of 1 to %d",
                  STATE_MAX_REDELIVERIES);
        return;
    }
    s->redeliver = xcalloc(count, sizeof(*s->redeliver));
    for (size_t i = 0; i < count; i++) {
        struct redelivery_request *request = &s->redeliver[i];
        if (!take_redelivery(json_array_get(array, i), request) ||
            (i > 0 && request->offset <= s->redeliver[i - 1].offset)) {
            error_set(problem, ERROR_INVALID, false,
                      "\"redeliver\" is no list of offsets in their order");
            return;
        }
        s->redeliver_count++;
    }
}

void state_take_commands(const json_t *object, struct subscription_state *s, struct error *problem)
{
    char *command = json_take_string(object, "command", problem);
    s->paused = json_object_get(object, "paused_at");
    s->paused_at_ms = json_take_bounded(object, "paused_at", RECORD_MAX_MS, problem);
    s->paused_by = json_take_string(object, "paused_by", problem);
    s->commanded_by = json_take_string(object, "commanded_by", problem);
    if (command && strlen(command) != ID_UUID_SIZE - 1)
        error_set(problem, ERROR_INVALID, false, "\"command\" is no id of a request");
    else if (command)
        memcpy(s->command, command, ID_UUID_SIZE);
    free(command);
    take_redeliveries(json_object_get(object, "redeliver"), s, problem);
    s->letters = (struct letters_state){
        .settled = json_take_bounded(object, "letters_settled", INT64_MAX, problem),
        .marked = json_take_bounded(object, "letters_marked", INT64_MAX, problem),
        .wanted = json_take_bounded(object, "letters_wanted", INT64_MAX, problem),
    };
}
