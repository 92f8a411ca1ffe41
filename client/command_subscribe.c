/*
 * websub subscribe: asks the hub, waits at the callback, renews the lease before it ends,
 * unsubscribes at the end. The callback's server has a thread of its own; here everything is seen
 * by looking at its progress from time to time.
 */
#include <inttypes.h>
#include <stdio.h>

#include "client/command.h"
#include "client/session.h"
#include "common/clock.h"

enum { UNSUBSCRIBE_MS = 10000, HINT_AFTER_MS = 8000, RENEW_PAUSE_MS = 30000 };

/* Times are of the monotonic clock, in milliseconds. */
struct watch {
    int64_t start;
    int64_t deadline; /* 0: none */
    int64_t next_renewal_try;
    bool hinted;
};

static int ask(struct session *session)
{
    const struct command_options *options = session->options;
    const struct websub_subscription subscription = {
        .topic = session->topic,
        .callback = session->endpoint.callback,
        .secret = options->secret,
        .lease_seconds = options->lease_seconds,
    };
    struct websub_error error;
    if (session->subscriber)
        subscriber_want(session->subscriber, WEBSUB_INTENT_SUBSCRIBE);
    if (websub_subscribe(session->client, &subscription, &error) != 0)
        return command_fail(&error);
    return COMMAND_DONE;
}

/* When three quarters of the lease have passed, and after a failure from time to time. */
static void renew_when_due(struct session *session, const struct subscriber_progress *progress,
                           struct watch *watch, int64_t now)
{
    if (progress->verified == 0 || progress->lease_seconds == 0)
        return;
    int64_t due = progress->verified_at_ms + progress->lease_seconds * 750;
    if (now < due || now < watch->next_renewal_try)
        return;
    int64_t pause = progress->lease_seconds * 50; /* a twentieth of it */
    watch->next_renewal_try = now + (pause < RENEW_PAUSE_MS ? pause : RENEW_PAUSE_MS);
    session_note(session, "renewing: the lease ends in %" PRId64 " s",
                 progress->lease_seconds - (now - progress->verified_at_ms) / 1000);
    ask(session); /* a failure has been said; the next try follows */
}

static void hint_when_waiting_long(const struct session *session,
                                   const struct subscriber_progress *progress, struct watch *watch,
                                   int64_t now)
{
    if (progress->verified > 0 || watch->hinted || now < watch->start + HINT_AFTER_MS)
        return;
    watch->hinted = true;
    fprintf(stderr,
            "websub: still waiting for the hub to ask back. Can it reach %s,\n"
            "websub: and does its operator allow that address (see 'websub subscribe --help')?\n",
            session->endpoint.callback);
}

static int end_at_deadline(const struct session *session,
                           const struct subscriber_progress *progress)
{
    if (progress->verified == 0) {
        fputs("websub: the hub has not asked back in time\n", stderr);
        return COMMAND_TIMEOUT;
    }
    if (session->options->count == 0)
        return COMMAND_DONE;
    fprintf(stderr, "websub: %" PRId64 " of %" PRId64 " good deliveries in time\n", progress->good,
            session->options->count);
    return COMMAND_TIMEOUT;
}

static int watch_deliveries(struct session *session)
{
    const struct command_options *options = session->options;
    struct watch watch = {.start = clock_monotonic_ms()};
    if (options->timeout_seconds)
        watch.deadline = watch.start + options->timeout_seconds * 1000;
    for (;;) {
        struct subscriber_progress progress = subscriber_progress(session->subscriber);
        int64_t now = clock_monotonic_ms();
        if (options->count && progress.good >= options->count)
            return COMMAND_DONE;
        if (progress.denied)
            return COMMAND_REFUSED;
        if (watch.deadline && now >= watch.deadline)
            return end_at_deadline(session, &progress);
        renew_when_due(session, &progress, &watch, now);
        hint_when_waiting_long(session, &progress, &watch, now);
        if (session_pause(session))
            return options->count ? COMMAND_REFUSED : COMMAND_DONE;
    }
}

/* A subscription that nobody serves makes the hub keep and repeat messages until the lease ends. */
static void leave(struct session *session)
{
    struct subscriber_progress progress = subscriber_progress(session->subscriber);
    subscriber_close(session->subscriber);
    if (progress.verified == 0 || progress.denied)
        return;
    if (session->options->keep)
        session_note(session, "kept: come back with --callback %s", session->endpoint.callback);
    else if (session_unsubscribe(session, UNSUBSCRIBE_MS) != COMMAND_DONE)
        fputs("websub: the subscription stays until its lease ends\n", stderr);
}

static int subscribe(struct session *session)
{
    const struct command_options *options = session->options;
    session_note(session, "subscribing to %s\n  hub      %s\n  callback %s", session->topic,
                 options->hub, session->endpoint.callback);
    int code = ask(session);
    if (code != COMMAND_DONE)
        return code;
    if (options->no_listen) {
        session_note(session, "accepted: the hub will ask back at the callback");
        return COMMAND_DONE;
    }
    code = watch_deliveries(session);
    leave(session);
    return code;
}

static int check(const struct command_options *options)
{
    bool waits = options->count || options->timeout_seconds || options->keep || options->json ||
                 options->expect_file || options->expect_type || options->listen;
    if (options->no_listen && waits)
        return command_refuse_usage("subscribe: --no-listen only asks: it goes with no option "
                                    "about listening or deliveries");
    return COMMAND_DONE;
}

int command_subscribe(const struct command_options *options)
{
    struct session session;
    int code = check(options);
    if (code != COMMAND_DONE)
        return code;
    code = session_open(&session, options);
    if (code == COMMAND_DONE)
        code = subscribe(&session);
    session_close(&session);
    return code;
}
