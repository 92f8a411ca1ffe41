/* websub register, deregister, publish: the publisher's side. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/command.h"
#include "client/read_file.h"
#include "common/buffer.h"

typedef int (*topic_request_fn)(struct websub_client *client, const char *topic,
                                struct websub_error *error);

static int request_topic(const struct command_options *options, topic_request_fn request,
                         const char *done)
{
    struct websub_error error;
    struct websub_client *client = command_connect(options);
    if (!client)
        return COMMAND_USAGE;
    int code = COMMAND_DONE;
    if (request(client, options->topic, &error) == 0)
        printf("%s: %s\n", done, options->topic);
    else
        code = command_fail(&error);
    websub_client_free(client);
    return code;
}

int command_register(const struct command_options *options)
{
    return request_topic(options, websub_register, "registered");
}

int command_deregister(const struct command_options *options)
{
    return request_topic(options, websub_deregister, "deregistered");
}

static int read_content(const struct command_options *options, struct buffer *content)
{
    struct error error;
    if (options->data && options->file)
        return command_refuse_usage("publish: --data and --file exclude each other");
    if (options->data) {
        buffer_append_string(content, options->data);
        return COMMAND_DONE;
    }
    const char *path = options->file ? options->file : "-";
    if (strcmp(path, "-") == 0 && isatty(STDIN_FILENO))
        fputs("websub: reading the message from the terminal; Ctrl-D ends it\n", stderr);
    if (read_file(path, content, &error) != 0)
        return command_refuse_usage("publish: %s", error.message);
    return COMMAND_DONE;
}

static int publish(const struct command_options *options, const struct buffer *content)
{
    const char *preset = options->data ? "text/plain; charset=utf-8" : NULL;
    const struct websub_message message = {
        .topic = options->topic,
        .content_type = options->content_type ? options->content_type : preset,
        .body = content->data,
        .length = content->length,
    };
    struct websub_error error;
    char id[WEBSUB_MESSAGE_ID_SIZE];
    struct websub_client *client = command_connect(options);
    if (!client)
        return COMMAND_USAGE;
    int code = COMMAND_DONE;
    if (websub_publish(client, &message, id, &error) == 0)
        printf("%s\n", id);
    else
        code = command_fail(&error);
    websub_client_free(client);
    return code;
}

int command_publish(const struct command_options *options)
{
    struct buffer content = {0};
    int code = read_content(options, &content);
    if (code == COMMAND_DONE)
        code = publish(options, &content);
    buffer_fini(&content);
    return code;
}
