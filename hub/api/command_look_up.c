/*
 * Where commands lead to: offsets of times, of ends, and of messages by their ids.
 *
 * An id tells when it was made (UUID version 7), and its hub wrote the message at that moment. So
 * it is looked for from a little earlier on, since Kafka's clock may be behind, until all that
 * comes was published clearly later, since other hubs' clocks may be; and only for so long.
 */
#include <string.h>

#include "common/container.h"
#include "hub/api/command.h"

enum { LOOK_UP_MS = 5000, CLOCKS_MS = 60 * 1000 };

/* Kafka has no record from then on: where the range begins is the end. */
#define END_OF_TIME (INT64_MAX / 8)

/** Starts a read of the subscription's messages, or of what it names already. */
static void look_up(struct command *command,
                    void (*done)(struct message_read *, const struct error *), int64_t from_ms)
{
    struct message_read *read = &command->look_up;
    struct error error;
    if (!read->kafka_topic) {
        read->kafka_topic = command->subscription.location.kafka_topic;
        read->partition = command->subscription.location.partition;
        read->key = command->subscription.topic;
    }
    read->done = done;
    read->from_ms = from_ms;
    read->to = -1;
    read->timeout_ms = LOOK_UP_MS;
    if (message_reader_start(command->request->hub->message_reader, read, &error) != 0)
        command_refuse(command, 503, NULL, error.message);
}

/* @locality reader's thread */
static void on_offset(struct message_read *read, const struct error *error)
{
    struct command *command = CONTAINER_OF(read, struct command, look_up);
    if (command->offset < 0)
        command->offset = read->next;
    if (error)
        command_refuse(command, 503, NULL, error->message);
    else if (command->offset > read->next)
        command_refuse(command, 409, "offset", "lies behind the last message");
    else
        command_write(command);
}

void command_find_time(struct command *command, int64_t from_ms)
{
    look_up(command, on_offset, from_ms);
}

void command_find_end(struct command *command)
{
    look_up(command, on_offset, END_OF_TIME);
}

void command_find_letters_end(struct command *command)
{
    const struct hub *hub = command->request->hub;
    message_read_dead_letters(&command->look_up, &hub->names, &hub->layout, &command->subscription);
    look_up(command, on_offset, END_OF_TIME);
}

/* --- by id --- */

/* @locality reader's thread */
static void on_message(struct message_read *read, const struct error *error)
{
    struct command *command = CONTAINER_OF(read, struct command, look_up);
    if (error)
        command_refuse(command, 503, NULL, error->message);
    else if (command->offset >= 0)
        command_write(command);
    else if (read->end == MESSAGE_READ_TIME)
        command_refuse(command, 503, "message", "looking for it takes too long: give its offset");
    else
        command_refuse(command, 404, "message",
                       "there is no message with this id in the topic, or not any more");
}

static enum message_verdict judge(struct message_read *read, const struct message_head *head)
{
    struct command *command = CONTAINER_OF(read, struct command, look_up);
    if (strcmp(head->id, command->message) == 0) {
        command->offset = head->offset;
        return MESSAGE_STOP;
    }
    return head->published_at_ms > command->latest_ms ? MESSAGE_STOP : MESSAGE_PASS_OVER;
}

void command_find_message(struct command *command, const char *id)
{
    int64_t made_ms;
    if (!id_uuid7_time(id, &made_ms)) {
        command_refuse(command, 400, "message", "must be the id of a message");
        return;
    }
    command->message = id;
    command->latest_ms = made_ms + CLOCKS_MS;
    command->look_up.judge = judge;
    command->look_up.max_rows = 1; /* none is taken */
    look_up(command, on_message, made_ms > CLOCKS_MS ? made_ms - CLOCKS_MS : 1);
}
