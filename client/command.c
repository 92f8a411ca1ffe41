#include "client/command.h"

#include <stdarg.h>
#include <stdio.h>

int command_refuse_usage(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("websub: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return COMMAND_USAGE;
}

int command_fail(const struct websub_error *error)
{
    fprintf(stderr, "websub: %s\n", error->message);
    switch (error->code) {
    case WEBSUB_ERROR_ARGUMENT:
        return COMMAND_USAGE;
    case WEBSUB_ERROR_UNAVAILABLE:
    case WEBSUB_ERROR_UNKNOWN:
        return COMMAND_UNAVAILABLE;
    case WEBSUB_ERROR_DENIED:
    case WEBSUB_ERROR_PROTOCOL:
        break;
    }
    return COMMAND_REFUSED;
}

struct websub_client *command_connect(const struct command_options *options)
{
    const struct websub_client_options client_options = {.hub_url = options->hub,
                                                         .ca_file = options->ca_file,
                                                         .bearer_token = options->token,
                                                         .user_password = options->user};
    struct websub_error error;
    struct websub_client *client = websub_client_new(&client_options, &error);
    if (!client)
        command_fail(&error);
    return client;
}
