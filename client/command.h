/**
 * The `websub` command: what its subcommands share.
 *
 * Answers go to stdout, complaints to stderr. The exit codes are part of the contract with scripts.
 */
#ifndef WEBSUB_CLIENT_COMMAND_H
#define WEBSUB_CLIENT_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "client/websub.h"

enum command_exit {
    COMMAND_DONE = 0,
    COMMAND_REFUSED = 1,     /**< by the hub, or something here failed */
    COMMAND_USAGE = 2,       /**< bad option or argument: nothing was sent */
    COMMAND_UNAVAILABLE = 3, /**< the hub did not answer or cannot do it now */
    COMMAND_TIMEOUT = 4,     /**< --timeout passed before what was asked for had happened */
};

/** What the command line said; strings are those of argv unless marked as owned. */
struct command_options {
    const char *hub;
    const char *ca_file; /**< NULL: the system's authorities */
    const char *topic;
    const char *callback;
    const char *listen;
    const char *content_type;
    const char *data;
    const char *file;
    char *secret; /**< owned; NULL: none */
    char *token;  /**< the same */
    char *user;   /**< the same: "name:password" */
    const char *expect_file;
    const char *expect_type;
    const char *config_path;
    const char *old_servers;
    const char *old_properties; /**< path */
    const char *old_key;        /**< path */
    const char *uncommitted;
    int64_t lease_seconds;
    int64_t count;           /**< 0: no end */
    int64_t timeout_seconds; /**< 0: none */
    bool any_certificate;    /**< whatever it is signed by, and named */
    bool json;
    bool dry_run;
    bool while_running;
    bool keep;
    bool no_listen;
    int argument_count; /**< what follows the options */
    char **arguments;
};

/** Says on stderr what is wrong with the command line. @returns COMMAND_USAGE */
int command_refuse_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Says on stderr what a request of libwebsub met. @returns the exit code for it */
int command_fail(const struct websub_error *error);

/** A client of --hub; NULL when the URL is bad, which has been said then. */
struct websub_client *command_connect(const struct command_options *options);

/* The subcommands, each run with checked options; they return the exit code. */
int command_register(const struct command_options *options);
int command_deregister(const struct command_options *options);
int command_publish(const struct command_options *options);
int command_subscribe(const struct command_options *options);
int command_unsubscribe(const struct command_options *options);
int command_health(const struct command_options *options);
int command_id(const struct command_options *options);
int command_migrate_mosip(const struct command_options *options);

#endif
