/** The command line of `websub`: its subcommands, their options, and the help made from both. */
#ifndef WEBSUB_CLIENT_OPTIONS_H
#define WEBSUB_CLIENT_OPTIONS_H

#include <stdio.h>

#include "client/command.h"

enum option_id {
    OPTION_END = 0, /* ends a list of options */
    OPTION_HUB,
    OPTION_TOKEN_FILE,
    OPTION_USER_FILE,
    OPTION_CA_FILE,
    OPTION_ANY_CERTIFICATE,
    OPTION_TOPIC,
    OPTION_CALLBACK,
    OPTION_LISTEN,
    OPTION_NO_LISTEN,
    OPTION_TYPE,
    OPTION_DATA,
    OPTION_FILE,
    OPTION_SECRET_FILE,
    OPTION_SECRET,
    OPTION_LEASE,
    OPTION_COUNT,
    OPTION_TIMEOUT,
    OPTION_EXPECT_FILE,
    OPTION_EXPECT_TYPE,
    OPTION_KEEP,
    OPTION_JSON,
    OPTION_CONFIG,
    OPTION_DRY_RUN,
    OPTION_WHILE_RUNNING,
    OPTION_OLD_SERVERS,
    OPTION_OLD_PROPERTIES,
    OPTION_OLD_KEY,
    OPTION_UNCOMMITTED,
    OPTION_NEW_LEASE,
    OPTION_REPORT_JSON,
    OPTION_SUITE_CONFIG,
};

enum { OPTIONS_MAX = 24 };

struct subcommand {
    const char *name;
    const char *arguments;  /**< as shown in the usage line */
    const char *summary;    /**< one line */
    const char *text;       /**< paragraphs after the options */
    const char *exit_codes; /**< a paragraph, or NULL: those of command.h */
    enum option_id options[OPTIONS_MAX];
    int min_arguments, max_arguments;
    int (*run)(const struct command_options *options);
};

/** A paragraph: what those of command.h mean. */
extern const char options_exit_codes[];

void options_print_help(FILE *out, const struct subcommand *subcommand);

/**
 * Reads argv[1..] of a subcommand, and the secret from where it is. @returns -1 when it shall run,
 * else the exit code. Call options_fini in either case.
 */
int options_read(const struct subcommand *subcommand, int argc, char **argv,
                 struct command_options *options);
void options_fini(struct command_options *options);

#endif
