/*
 * Messages that an operator wants delivered once more, apart from the order: dead letters, mostly.
 *
 * State lists them (common/state.h). One at a time is read and sent, beside what is delivered in
 * order; when its subscriber has confirmed it, that is marked among the dead letters
 * (dead_letter.h), and then an event takes it off the list. So a crash repeats at most one of them,
 * and the next owner goes on with the rest. Positions are not concerned.
 *
 * An entry that is done stays here, so as not to be sent again, until state does not list it any
 * more; entries are told apart by their command, since the same message may be wanted again later.
 *
 * A subscription that fails, or is suspended or paused, gets none: its oldest message is the probe.
 * One that fails only for what is redelivered is tried again with growing pauses, another entry
 * each time, so that one message that is always refused does not hold up the others. What has
 * failed for retry.give_up_after is given up: it is where it was before, among the dead letters.
 */
#include <stdlib.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/log.h"
#include "common/panic.h"
#include "dispatcher/attempts.h"
#include "dispatcher/dead_letter.h"
#include "dispatcher/delivery_request.h"
#include "dispatcher/retry.h"

enum { TELL_AGAIN_MS = 15000, READ_AGAIN_MS = 1000, MARK_AGAIN_MS = 1000 };

struct entry {
    struct redelivery_request wanted;
    bool done;
    const char *reason;       /* why it was given up; NULL: it was delivered */
    int64_t marked;           /* behind the mark that says so */
    int64_t told_ms;          /* 0: not yet */
    int64_t failing_since_ms; /* 0: it has not failed */
};

struct redeliveries {
    struct entry *entries; /* by offset, as in state */
    size_t count;
    size_t next;             /* index of the one whose turn it is */
    unsigned failures;       /* in a row */
    int64_t not_before_ms;   /* monotonic */
    struct redelivery *open; /* the one that is being read or sent */
};

struct redelivery {
    struct http_exchange exchange;
    struct delivery_request request;
    struct subscription *subscription;
    struct redelivery_request wanted;
    struct chunk *requested; /* while it is being read */
    struct message *message; /* while it is being sent, and marked */
    bool delivered;          /* it is to be marked */
    struct dead_letter *mark;
};

/* --- entries --- */

static struct entry *find_entry(const struct redeliveries *all,
                                const struct redelivery_request *wanted)
{
    size_t low = 0, high = all ? all->count : 0;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (all->entries[middle].wanted.offset < wanted->offset)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = all && low < all->count && all->entries[low].wanted.offset == wanted->offset &&
                 all->entries[low].wanted.command == wanted->command;
    return found ? &all->entries[low] : NULL;
}

bool redelivery_lists(const struct subscription *s, int64_t offset)
{
    const struct redeliveries *all = s->redeliveries;
    for (size_t i = 0; all && i < all->count; i++)
        if (all->entries[i].wanted.offset == offset)
            return true;
    return false;
}

/** The next one in turn that is to be sent and has been written already; NULL: there is none. */
static struct entry *choose(struct redeliveries *all, int64_t end)
{
    for (size_t i = 0; i < all->count; i++) {
        size_t at = (all->next + i) % all->count;
        if (all->entries[at].done || all->entries[at].wanted.offset >= end)
            continue;
        all->next = at + 1;
        return &all->entries[at];
    }
    return NULL;
}

/* --- the open one --- */

static void close_open(struct redeliveries *all)
{
    struct redelivery *open = all->open;
    all->open = NULL;
    if (!open)
        return;
    if (open->requested)
        open->requested->redelivery = NULL; /* freed when it is answered */
    if (open->mark)
        dead_letter_forget(open->mark);
    if (open->message)
        message_release(open->message);
    free(open);
}

static void cancel_open(struct subscription *s)
{
    struct redelivery *open = s->redeliveries->open;
    if (open && open->message && !open->delivered) {
        gauge_add(s->loop->dispatcher->metrics.in_flight, -1);
        http_client_cancel(s->loop->http, &open->exchange);
    }
    close_open(s->redeliveries);
}

bool redelivery_is_sending(const struct subscription *s)
{
    return s->redeliveries && s->redeliveries->open && s->redeliveries->open->message;
}

void redelivery_drop(struct subscription *s)
{
    if (!s->redeliveries)
        return;
    cancel_open(s);
    free(s->redeliveries->entries);
    free(s->redeliveries);
    s->redeliveries = NULL;
}

void redelivery_take(struct subscription *s, const struct subscription_state *state)
{
    struct redeliveries *all = s->redeliveries;
    if (state->redeliver_count == 0) {
        redelivery_drop(s);
        return;
    }
    struct entry *entries = xcalloc(state->redeliver_count, sizeof(*entries));
    for (size_t i = 0; i < state->redeliver_count; i++) {
        const struct entry *known = find_entry(all, &state->redeliver[i]);
        entries[i] = known ? *known : (struct entry){.wanted = state->redeliver[i]};
    }
    if (!all)
        all = s->redeliveries = xcalloc(1, sizeof(*all));
    free(all->entries);
    all->entries = entries;
    all->count = state->redeliver_count;
    if (all->open && !find_entry(all, &all->open->wanted))
        cancel_open(s);
}

/* --- what became of it --- */

static void record(const struct subscription *s, struct attempt *attempt)
{
    attempt->subscription = s->id;
    attempt->topic = s->log->channel->topic;
    attempt->callback = s->callback;
    attempts_record(s->loop->dispatcher->attempts, attempt);
}

/** Writes the event that takes it off the list; pump does so again until state says so. */
static void tell(struct subscription *s, struct entry *entry, int64_t now_ms)
{
    struct error error;
    const struct event event = {
        .type = EVENT_DELIVERY_REDELIVERED,
        .at_ms = clock_wall_ms(),
        .topic = (char *)(uintptr_t)s->log->channel->topic, /* borrowed, as all strings here */
        .callback = s->callback,
        .reason = (char *)(uintptr_t)entry->reason,
        .method = -1,
        .offset = entry->wanted.offset,
        .base = entry->wanted.command,
        .marked = entry->marked,
    };
    entry->told_ms = now_ms;
    if (event_writer_send(s->loop->dispatcher->events, &event, NULL, NULL, &error) != 0)
        log_warning("delivery.event_not_sent", LOG_STR("type", event_type_name(event.type)),
                    LOG_STR("subscription", s->id), LOG_STR("reason", error.message));
}

static void give_up(struct subscription *s, struct entry *entry, const char *reason)
{
    log_warning("delivery.not_redelivered", LOG_STR("subscription", s->id),
                LOG_URL("callback", s->callback), LOG_STR("topic", s->log->channel->topic),
                LOG_INT("offset", entry->wanted.offset), LOG_STR("reason", reason));
    struct attempt attempt = {
        .type = ATTEMPT_NOT_REDELIVERED, .reason = reason, .offset = entry->wanted.offset};
    record(s, &attempt);
    entry->done = true;
    entry->reason = reason;
    tell(s, entry, clock_monotonic_ms());
}

/* @locality the loop's thread */
static void on_marked(void *context, int64_t behind)
{
    struct redelivery *open = context;
    struct subscription *s = open->subscription;
    struct entry *entry = find_entry(s->redeliveries, &open->wanted);
    open->mark = NULL;
    ENSURE(entry); /* or it had been forgotten */
    if (behind == 0) {
        s->redeliveries->not_before_ms = clock_monotonic_ms() + MARK_AGAIN_MS;
        return;
    }
    entry->done = true;
    entry->marked = behind;
    letter_run_note_mark(s, entry->wanted.offset, behind - 1);
    tell(s, entry, clock_monotonic_ms());
    close_open(s->redeliveries);
    redelivery_pump(s);
}

/** Letters of the message are settled; when it cannot be written now, the tick does. */
static void mark(struct subscription *s, struct redelivery *open)
{
    struct error error;
    const struct dead_letter_contents contents = {
        .subscription = s->id,
        .callback = s->callback,
        .channel = s->log->channel,
        .message = open->message,
    };
    open->mark = dead_letter_send(s->loop->dispatcher->dead_letters, s->loop, &contents, on_marked,
                                  open, &error);
    if (!open->mark)
        log_warning("delivery.mark_not_sent", LOG_STR("subscription", s->id),
                    LOG_STR("reason", error.message));
}

static void on_success(struct subscription *s, struct redelivery *open)
{
    struct attempt attempt = {.type = ATTEMPT_REDELIVERED, .message = open->message};
    counter_add(s->loop->dispatcher->metrics.delivered, 1);
    log_info("delivery.redelivered", LOG_STR("subscription", s->id),
             LOG_URL("callback", s->callback), LOG_STR("message", open->message->id));
    record(s, &attempt);
    s->redeliveries->failures = 0;
    s->redeliveries->not_before_ms = 0;
    open->delivered = true;
    mark(s, open);
}

static void on_failure(struct subscription *s, struct entry *entry, struct redelivery *open,
                       const struct http_result *result)
{
    const struct dispatcher *dispatcher = s->loop->dispatcher;
    const struct retry_policy policy = {dispatcher->config.retry.min_interval,
                                        dispatcher->config.retry.max_interval};
    struct redeliveries *all = s->redeliveries;
    enum http_reason reason = http_result_reason(result);
    int64_t now = clock_monotonic_ms();
    counter_add(dispatcher->metrics.failed[reason], 1);
    if (entry->failing_since_ms == 0)
        entry->failing_since_ms = now;
    int64_t pause =
        retry_pause_ms(&policy, ++all->failures, result->retry_after_ms, loop_random(s->loop));
    all->not_before_ms = now + pause;
    struct attempt attempt = {
        .type = ATTEMPT_DELIVERY_FAILED,
        .message = open->message,
        .result = result,
        .reason = http_reason_name(reason),
        .failures = all->failures,
        .retry_in_ms = pause,
    };
    record(s, &attempt);
    if (now - entry->failing_since_ms >= dispatcher->config.retry.give_up_after)
        give_up(s, entry, http_reason_name(reason));
}

static void on_result(struct http_exchange *exchange, const struct http_result *result)
{
    struct redelivery *open = CONTAINER_OF(exchange, struct redelivery, exchange);
    struct subscription *s = open->subscription;
    struct entry *entry = find_entry(s->redeliveries, &open->wanted);
    bool answered = result->outcome == HTTP_ANSWERED;
    gauge_add(s->loop->dispatcher->metrics.in_flight, -1);
    histogram_observe(s->loop->dispatcher->metrics.delivery, result->duration_us);
    delivery_trace_end(&open->request.trace, s, open->message, result);
    ENSURE(entry); /* or it had been cancelled */
    if (answered && result->status < 300) {
        on_success(s, open);
        return;
    }
    if (answered && result->status == 410)
        delivery_end_gone(s);
    else
        on_failure(s, entry, open, result);
    close_open(s->redeliveries);
    redelivery_pump(s);
}

/* --- reading and sending --- */

bool redelivery_may_send(const struct subscription *s)
{
    return s->status == SUBSCRIPTION_ACTIVE && s->failures == 0 && !s->locked &&
           subscription_may_deliver(s);
}

void redelivery_on_chunk(struct chunk *chunk)
{
    struct redelivery *open = chunk->redelivery;
    struct subscription *s = open->subscription;
    open->requested = NULL;
    if (chunk->failed) {
        s->redeliveries->not_before_ms = clock_monotonic_ms() + READ_AGAIN_MS;
        close_open(s->redeliveries);
    } else if (chunk->count == 0) {
        give_up(s, find_entry(s->redeliveries, &open->wanted), "no_message");
        close_open(s->redeliveries);
        redelivery_pump(s);
    } else if (!redelivery_may_send(s)) {
        close_open(s->redeliveries); /* the tick reads it again */
    } else {
        open->message = message_hold(chunk->messages[0]);
        delivery_request_begin(&open->request, &open->exchange, s, open->message);
        open->exchange.done = on_result;
        delivery_request_sign(&open->request, s, open->message);
        gauge_add(s->loop->dispatcher->metrics.in_flight, 1);
        http_client_start(s->loop->http, &open->exchange);
    }
    chunk_free(chunk);
}

static void begin(struct subscription *s, const struct entry *entry)
{
    struct redelivery *open = xcalloc(1, sizeof(*open));
    struct chunk *chunk = chunk_new(1);
    open->subscription = s;
    open->wanted = entry->wanted;
    open->requested = chunk;
    s->redeliveries->open = open;
    chunk->redelivery = open;
    chunk->channel = s->log->channel;
    chunk->loop = s->loop->index;
    chunk->from = entry->wanted.offset;
    chunk->to = entry->wanted.offset + 1;
    catch_up_request(s->loop->dispatcher->catch_up, chunk);
}

void redelivery_pump(struct subscription *s)
{
    struct redeliveries *all = s->redeliveries;
    int64_t now = clock_monotonic_ms();
    if (!all || s->revoked)
        return;
    for (size_t i = 0; i < all->count; i++)
        if (all->entries[i].done && now - all->entries[i].told_ms >= TELL_AGAIN_MS)
            tell(s, &all->entries[i], now);
    if (all->open && all->open->delivered && !all->open->mark && now >= all->not_before_ms)
        mark(s, all->open);
    if (all->open || now < all->not_before_ms || !s->log->open || !redelivery_may_send(s))
        return;
    const struct entry *entry = choose(all, s->log->progress->end);
    if (entry)
        begin(s, entry);
}
