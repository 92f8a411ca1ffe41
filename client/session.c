#include "client/session.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "client/read_file.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/panic.h"
#include "common/program.h"
#include "common/url.h"

enum { PAUSE_MS = 50 };

static void block_stop_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    ENSURE(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
}

static int listen_at_callback(struct session *session)
{
    const struct command_options *options = session->options;
    struct error error;
    const struct subscriber_options subscriber_options = {
        .endpoint = &session->endpoint,
        .topic = session->topic,
        .expectation = {.secret = options->secret,
                        .content_type = options->expect_type,
                        .body = options->expect_file ? &session->expected : NULL},
        .count = options->count,
        .json = options->json,
    };
    if (options->expect_file && read_file(options->expect_file, &session->expected, &error) != 0)
        return command_refuse_usage("--expect-file: %s", error.message);
    session->subscriber = subscriber_new(&subscriber_options, &error);
    if (!session->subscriber) {
        fprintf(stderr, "websub: %s\n", error.message);
        return COMMAND_REFUSED;
    }
    return COMMAND_DONE;
}

int session_open(struct session *session, const struct command_options *options)
{
    struct error error;
    *session = (struct session){.options = options, .topic = xstrdup(options->topic)};
    url_normalize(session->topic);
    if (options->no_listen && !options->callback)
        return command_refuse_usage("--no-listen needs --callback");
    if (!options->no_listen &&
        endpoint_init(&session->endpoint, options->listen, options->callback, &error) != 0)
        return command_refuse_usage("%s", error.message);
    if (options->no_listen)
        session->endpoint.callback = xstrdup(options->callback);
    session->client = command_connect(options);
    if (!session->client)
        return COMMAND_USAGE;
    block_stop_signals();
    log_init("websub", LOG_ERROR, LOG_TEXT);
    return options->no_listen ? COMMAND_DONE : listen_at_callback(session);
}

void session_close(struct session *session)
{
    subscriber_free(session->subscriber);
    websub_client_free(session->client);
    endpoint_fini(&session->endpoint);
    buffer_fini(&session->expected);
    free(session->topic);
}

bool session_pause(struct session *session)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    if (session->stopped)
        nanosleep(&pause, NULL); /* the wait below no longer waits */
    else
        session->stopped = program_wait_for_stop(PAUSE_MS);
    return session->stopped;
}

static int wait_for_end(struct session *session, int64_t timeout_ms)
{
    int64_t deadline = clock_monotonic_ms() + timeout_ms;
    while (!subscriber_progress(session->subscriber).unsubscribed) {
        if (clock_monotonic_ms() >= deadline) {
            fputs("websub: the hub accepted the request but has not asked back at the callback\n",
                  stderr);
            return COMMAND_TIMEOUT;
        }
        session_pause(session);
    }
    return COMMAND_DONE;
}

int session_unsubscribe(struct session *session, int64_t timeout_ms)
{
    struct websub_error error;
    if (session->subscriber)
        subscriber_want(session->subscriber, WEBSUB_INTENT_UNSUBSCRIBE);
    if (websub_unsubscribe(session->client, session->topic, session->endpoint.callback, &error) !=
        0)
        return command_fail(&error);
    return session->subscriber ? wait_for_end(session, timeout_ms) : COMMAND_DONE;
}

void session_note(const struct session *session, const char *format, ...)
{
    FILE *out = session->options->json ? stderr : stdout;
    va_list arguments;
    va_start(arguments, format);
    vfprintf(out, format, arguments);
    va_end(arguments);
    fputc('\n', out);
    fflush(out);
}
