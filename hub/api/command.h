/** An operator's command on its way: what the files of commands share. */
#ifndef WEBSUB_HUB_API_COMMAND_H
#define WEBSUB_HUB_API_COMMAND_H

#include "common/event.h"
#include "hub/api/request.h"
#include "hub/message_reader.h"

struct command {
    struct api_request *request;
    enum event_type type;
    const char *name; /**< for the audit log */
    struct catalog_subscription subscription;
    json_t *body; /**< object, or NULL */
    char id[ID_UUID_SIZE];
    int64_t offset;      /**< of the event; -1: to be looked up */
    const char *message; /**< id of the message whose offset it is, or NULL; borrowed of the body */
    int64_t latest_ms;   /**< nor is it among those that were published later */
    struct message_read look_up;
};

/** Answers what is wrong, with which member of the body (NULL: with none), and frees. */
void command_refuse(struct command *command, unsigned status, const char *member,
                    const char *reason);
/** Writes the event, answers and frees. @locality any thread */
void command_write(struct command *command);

/* Where to (command_look_up.c). Each goes on with command_write, or refuses; never blocks. */

/** The first message that Kafka got at this time or later; 0: the oldest. */
void command_find_time(struct command *command, int64_t from_ms);
/** The end; against which an offset that is given already is held. */
void command_find_end(struct command *command);
/** The message of this id. */
void command_find_message(struct command *command, const char *id);
/** The end of the dead letters. */
void command_find_letters_end(struct command *command);

#endif
