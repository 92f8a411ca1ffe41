/** What `websub subscribe` and `unsubscribe` share: a client, a callback, and waiting for either.
 */
#ifndef WEBSUB_CLIENT_SESSION_H
#define WEBSUB_CLIENT_SESSION_H

#include "client/command.h"
#include "client/endpoint.h"
#include "client/subscriber.h"
#include "common/buffer.h"

struct session {
    const struct command_options *options;
    struct websub_client *client;
    char *topic; /**< normalized (url_normalize), as the hub will name it */
    struct endpoint endpoint;
    struct subscriber *subscriber; /**< NULL with --no-listen */
    struct buffer expected;        /**< contents of --expect-file */
    bool stopped;                  /**< SIGTERM or Ctrl-C came */
};

/**
 * Connects and, unless --no-listen, listens. Blocks SIGTERM and SIGINT in this and all later
 * threads.
 * @returns COMMAND_DONE, or the exit code after having said why. Call session_close in either case.
 */
int session_open(struct session *session, const struct command_options *options);
void session_close(struct session *session);

/** Waits for a moment. @returns whether the program was told to stop, now or before */
bool session_pause(struct session *session);

/**
 * Asks the hub to end the subscription and waits up to `timeout_ms` until it has verified that.
 * @returns COMMAND_DONE, or the exit code after having said why.
 */
int session_unsubscribe(struct session *session, int64_t timeout_ms);

/** A line of progress: on stdout, or on stderr when that is for JSON. */
void session_note(const struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
