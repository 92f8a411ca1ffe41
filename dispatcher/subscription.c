/*
 * A subscription in its loop: what it may be given, when it waits, and what is told of it to the
 * outside. Where its messages come from is in source.c, what becomes of each in delivery.c.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/panic.h"
#include "dispatcher/loop_internal.h"
#include "dispatcher/tail.h"

enum { PROGRESS_MS = 2000, EVENT_AGAIN_MS = 15000 };

/* With several in flight, so many times that number may be confirmed behind one that is not: what
 * is beyond would be repeated after a crash, and is kept in memory until then. */
enum { WINDOW = 4 };

/* --- where it stands --- */

/** NULL: it is not in memory. */
static const struct message *oldest_message(const struct subscription *s)
{
    return s->deliveries ? delivery_oldest(s) : source_peek(s);
}

int64_t subscription_oldest_published(const struct subscription *s)
{
    const struct message *oldest = oldest_message(s);
    return oldest ? oldest->published_at_ms : s->oldest_published_ms;
}

void subscription_let_go(struct subscription *s)
{
    int64_t position = subscription_position(s);
    s->oldest_published_ms = subscription_oldest_published(s);
    delivery_drop_all(s);
    source_let_go(s);
    s->next_offset = position;
}

static bool has_everything(const struct subscription *s)
{
    return !s->deliveries && source_is_exhausted(s);
}

/**
 * Since when it is behind with its present oldest message: since that came, or, if it was read
 * again, since it was last known to have everything.
 */
static void note_behind_since(struct subscription *s)
{
    const struct message *oldest = oldest_message(s);
    if (oldest && oldest->received_ms > s->behind_since_ms)
        s->behind_since_ms = oldest->received_ms;
}

int64_t subscription_position(const struct subscription *s)
{
    return s->deliveries ? delivery_oldest(s)->offset : s->next_offset;
}

int64_t subscription_standing(const struct subscription *s)
{
    int64_t position = subscription_position(s);
    return has_everything(s) && s->log->progress->end > position ? s->log->progress->end : position;
}

/** Those that need the tick: all but the ones that have everything, and of which all is told. */
static void note_restless(struct subscription *s)
{
    bool restless = s->is_behind || s->position.detached || s->status != SUBSCRIPTION_ACTIVE ||
                    s->redeliveries || s->letter_run;
    if (restless == s->is_restless)
        return;
    s->is_restless = restless;
    if (restless)
        DL_APPEND2(s->loop->restless, s, restless_previous, restless_next);
    else
        DL_DELETE2(s->loop->restless, s, restless_previous, restless_next);
}

/* --- delivering --- */

bool subscription_may_deliver(const struct subscription *s)
{
    if (s->status != SUBSCRIPTION_ACTIVE && s->status != SUBSCRIPTION_SUSPENDED)
        return false;
    /* Item 33: nothing after the end of the lease, even if the consolidator has not said so yet. */
    if (s->retry || s->revoked || s->loop->stopping || clock_wall_ms() >= s->lease_end_ms)
        return false;
    return clock_monotonic_ms() < atomic_load(&s->loop->dispatcher->member_until_ms);
}

void subscription_pump(struct subscription *s)
{
    /* After a failure one message probes; the others wait for it. */
    int limit = s->failures > 0 ? 1 : s->max_in_flight;
    /* Its messages wait in Kafka: what is under way ends, and then nothing is held for it. */
    if (s->status == SUBSCRIPTION_PAUSED && !delivery_is_sending(s))
        subscription_let_go(s);
    if (s->deliveries && subscription_may_deliver(s))
        delivery_restart(s);
    while (s->open_deliveries < limit && s->delivery_count < limit * WINDOW &&
           subscription_may_deliver(s)) {
        struct message *message = source_take(s);
        if (!message)
            break;
        delivery_start(s, message);
    }
    coverage_set_behind(s, !has_everything(s));
    if (s->is_behind)
        note_behind_since(s);
    else
        s->oldest_published_ms = 0;
    note_restless(s);
}

void subscription_forget_failures(struct subscription *s)
{
    if (s->failures > 0)
        gauge_add(s->loop->dispatcher->metrics.failing, -1);
    s->failures = 0;
}

static void stop_waiting(struct subscription *s)
{
    if (!s->retry)
        return;
    uv_close((uv_handle_t *)s->retry, (uv_close_cb)free);
    s->retry = NULL;
}

static void on_retry(uv_timer_t *timer)
{
    struct subscription *s = timer->data;
    stop_waiting(s);
    subscription_pump(s);
}

void subscription_wait(struct subscription *s, int64_t pause_ms)
{
    if (!s->retry) {
        s->retry = xmalloc(sizeof(*s->retry));
        uv_timer_init(&s->loop->uv, s->retry);
        s->retry->data = s;
    }
    uv_timer_start(s->retry, on_retry, (uint64_t)pause_ms, 0);
}

int64_t subscription_next_attempt(const struct subscription *s)
{
    if (!s->retry || (s->status != SUBSCRIPTION_ACTIVE && s->status != SUBSCRIPTION_SUSPENDED))
        return 0;
    return clock_wall_ms() + (int64_t)uv_timer_get_due_in(s->retry);
}

/* --- what is told to the outside --- */

void subscription_tell(struct subscription *s, enum event_type type, const char *reason)
{
    struct error error;
    const struct event event = {
        .type = type,
        .at_ms = clock_wall_ms(),
        .topic = (char *)(uintptr_t)s->log->channel->topic, /* borrowed, as all strings here */
        .callback = s->callback,
        .reason = (char *)(uintptr_t)reason,
        .method = -1,
        .offset = subscription_standing(s),
        .base = s->position.base,
    };
    if (event_writer_send(s->loop->dispatcher->events, &event, NULL, NULL, &error) != 0) {
        log_warning("delivery.event_not_sent", LOG_STR("type", event_type_name(type)),
                    LOG_STR("subscription", s->id), LOG_STR("reason", error.message));
        return; /* the tick tries again */
    }
    s->event_sent_ms = s->told_ms = clock_monotonic_ms();
    s->told_offset = event.offset;
}

/** Whoever gets nothing for a time that nobody knows must not hold its shard back. */
static bool may_be_attached(const struct subscription *s)
{
    return s->status != SUBSCRIPTION_LAPSED && s->status != SUBSCRIPTION_PAUSED;
}

/** What state is to be told of the subscription's position now; EVENT_TYPE_COUNT: nothing. */
static enum event_type due_event(const struct subscription *s, int64_t now_ms)
{
    int64_t detach_after = s->loop->dispatcher->config.dispatcher.detach_after;
    bool late = s->is_behind && now_ms - s->behind_since_ms > detach_after;
    if (s->status == SUBSCRIPTION_ENDING)
        return EVENT_DELIVERY_GONE;
    if (!s->position.detached)
        return late || !may_be_attached(s) ? EVENT_DELIVERY_DETACHED : EVENT_TYPE_COUNT;
    if (s->status == SUBSCRIPTION_LAPSED)
        return EVENT_TYPE_COUNT;
    if (s->in_log && !s->backlog && !s->requested && !late && may_be_attached(s))
        return EVENT_DELIVERY_ATTACHED;
    bool progressed = subscription_standing(s) != s->told_offset;
    return progressed && now_ms - s->told_ms > PROGRESS_MS ? EVENT_DELIVERY_PROGRESSED
                                                           : EVENT_TYPE_COUNT;
}

void subscription_tick(struct subscription *s, int64_t now_ms)
{
    if (!s->in_log && !s->requested && !s->retry)
        subscription_pump(s);
    redelivery_pump(s);
    report_tick(s);
    letter_run_pump(s);
    if (s->loop->tick_events_left == 0 ||
        (s->event_sent_ms > 0 && now_ms - s->event_sent_ms < EVENT_AGAIN_MS))
        return;
    enum event_type type = due_event(s, now_ms);
    if (type == EVENT_TYPE_COUNT)
        return;
    s->loop->tick_events_left--;
    subscription_tell(s, type, NULL);
}

/* --- making, changing and freeing --- */

/** A secret that cannot be decrypted (its key is missing) holds deliveries back: delivery.c. */
static void take_secret(struct subscription *s, const struct stored_secret *secret)
{
    struct error error;
    secret_free(s->secret);
    s->locked = keyring_open(s->loop->dispatcher->keyring, s->id, secret, &s->secret, &error) != 0;
    s->secret_length = s->secret ? strlen(s->secret) : 0;
    if (s->locked)
        log_warning("subscription.secret_locked", LOG_STR("subscription", s->id),
                    LOG_URL("callback", s->callback), LOG_STR("key", secret->key_id),
                    LOG_STR("reason", error.message));
}

/** Thousands of names that nobody asks for are not kept. */
static void take_owner(struct subscription *s, struct subscription_state *state)
{
    if (!config_wants_notice(&s->loop->dispatcher->config, NOTICE_DEAD_LETTERED))
        return;
    free(s->owner);
    s->owner = state->owner;
    state->owner = NULL;
}

static void take_details(struct subscription *s, struct subscription_state *state)
{
    take_secret(s, &state->secret);
    take_owner(s, state);
    const struct config *config = &s->loop->dispatcher->config;
    s->method = state->method >= 0 ? (enum signature_method)state->method
                                   : config->dispatcher.signature_method;
    int64_t in_flight = state->max_in_flight;
    if (in_flight == 0)
        in_flight = config->dispatcher.max_in_flight;
    else if (in_flight > config->dispatcher.max_in_flight_limit)
        in_flight = config->dispatcher.max_in_flight_limit;
    s->max_in_flight = (uint16_t)in_flight;
    /* Once gone it stays so for this loop, whatever state says that was written before. */
    if (state->position.base != s->position.base)
        s->gone = false;
    if (!s->gone && (state->position.set > s->position.set || state->status != s->status))
        s->event_sent_ms = 0; /* the event that was under way has arrived */
    s->status = s->gone ? SUBSCRIPTION_ENDING : state->status;
    s->lease_end_ms = state->lease_end_ms;
    s->resumed = state->resumed;
    s->position = state->position;
}

struct subscription *subscription_new(struct loop *loop, int32_t shard, struct channel *channel,
                                      struct subscription_state *state, int64_t resume)
{
    struct subscription *s = xcalloc(1, sizeof(*s));
    s->loop = loop;
    s->shard = shard;
    memcpy(s->id, state->id, sizeof(s->id));
    s->callback = state->callback;
    state->callback = NULL;
    s->host = host_get(loop->hosts, s->callback);
    s->next_offset = resume;
    s->told_offset = resume;
    take_details(s, state);
    /* For those who are far behind or get nothing the others are not to wait. */
    bool at_the_tail = !s->position.detached && s->status == SUBSCRIPTION_ACTIVE;
    s->log = loop_log(loop, channel, at_the_tail ? resume : TAIL_ANYWHERE);
    DL_APPEND2(s->log->subscriptions, s, log_previous, log_next);
    HASH_ADD(hh, loop->subscriptions, id, ID_HEX_SIZE - 1, s);
    coverage_set_behind(s, true);
    if (!s->position.detached)
        coverage_join(s);
    gauge_add(loop->dispatcher->metrics.subscriptions, 1);
    redelivery_take(s, state);
    if (!at_the_tail)
        report_change(s); /* its former owner had another next attempt in mind */
    letter_run_take(s, state);
    subscription_pump(s);
    return s;
}

/**
 * State says now that it is suspended, as it was told; but it has succeeded while that was under
 * way, and could not tell then. Nothing else may succeed for days.
 */
static bool has_recovered(const struct subscription *s, enum subscription_status old_status,
                          bool was_telling, int64_t old_base)
{
    return s->status == SUBSCRIPTION_SUSPENDED && old_status == SUBSCRIPTION_ACTIVE &&
           was_telling && s->failures == 0 && s->position.base == old_base;
}

void subscription_update(struct subscription *s, struct subscription_state *state)
{
    const struct command_view before = operator_command_view(s);
    const bool was_telling = s->event_sent_ms > 0;
    const enum subscription_status old_status = s->status;
    const bool was_detached = s->position.detached;
    bool renewed = state->lease_end_ms != s->lease_end_ms;
    bool was_locked = s->locked;
    take_details(s, state);
    renewed = operator_command_take(s, &before, state) || renewed || (was_locked && !s->locked);
    if (s->position.detached && s->coverage)
        coverage_leave(s);
    else if (!s->position.detached && !s->coverage)
        coverage_join(s);
    if (s->status != old_status || s->position.detached != was_detached ||
        s->position.base != before.base)
        report_change(s);
    if (has_recovered(s, old_status, was_telling, before.base))
        subscription_tell(s, EVENT_DELIVERY_RECOVERED, NULL);
    /* Whoever renews is there: no reason to wait out a pause (P5). Nor when an operator says so. */
    if (renewed)
        stop_waiting(s);
    if (renewed && s->failures > 1)
        s->failures = 1; /* and if it is not, pauses grow anew */
    redelivery_take(s, state);
    letter_run_take(s, state);
    subscription_pump(s);
    redelivery_pump(s);
    letter_run_pump(s);
}

void subscription_free(struct subscription *s)
{
    struct loop *loop = s->loop;
    subscription_let_go(s);
    redelivery_drop(s);
    letter_run_drop(s);
    stop_waiting(s);
    coverage_leave(s);
    report_queue_forget(&loop->reports, &s->report);
    if (s->is_restless)
        DL_DELETE2(loop->restless, s, restless_previous, restless_next);
    subscription_forget_failures(s);
    DL_DELETE2(s->log->subscriptions, s, log_previous, log_next);
    if (!s->log->subscriptions)
        loop_drop_log(loop, s->log);
    HASH_DEL(loop->subscriptions, s);
    gauge_add(loop->dispatcher->metrics.subscriptions, -1);
    host_release(s->host);
    free(s->callback);
    free(s->owner);
    secret_free(s->secret);
    free(s);
}
