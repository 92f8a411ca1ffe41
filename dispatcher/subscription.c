/*
 * Which message a subscription gets next.
 *
 * A subscription has been given everything before `next_offset`. The next message comes from its
 * backlog (a chunk that was read again for it), then from the log of its channel:
 *
 *   in the log        every message from `number` on is kept in the log for it
 *   not in the log    it is too far behind, or waits too long: the next chunk has to be read first
 *
 * No message is missed on the way from chunk to log: before a chunk is asked for, the subscription
 * joins the log at its end, E, so that from E on the log keeps everything for it, and the chunk is
 * read up to E. If the chunk ends before E (there was too much), it leaves the log again and asks
 * for the next one.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/panic.h"
#include "dispatcher/loop_internal.h"

enum { PROGRESS_MS = 10000, EVENT_AGAIN_MS = 15000 };

/* --- where it reads --- */

static void log_join(struct subscription *s, int64_t offset)
{
    s->number = topic_log_join(s->log, offset);
    s->in_log = true;
}

void subscription_leave_log(struct subscription *s)
{
    if (!s->in_log)
        return;
    topic_log_leave(s->log, s->number);
    s->in_log = false;
}

static void backlog_free(struct subscription *s)
{
    if (!s->backlog)
        return;
    for (size_t i = s->backlog_at; i < s->backlog->count; i++)
        message_release(s->backlog->messages[i]);
    free(s->backlog);
    s->backlog = NULL;
}

/** Makes sure that the next message will come from somewhere. */
static void find_source(struct subscription *s)
{
    struct topic_log *log = s->log;
    if (s->in_log || s->backlog || s->requested || !log->open)
        return;
    if (s->next_offset >= log->base) {
        log_join(s, s->next_offset);
        return;
    }
    struct chunk *chunk = xcalloc(1, sizeof(*chunk));
    chunk->subscription = s;
    chunk->channel = log->channel;
    chunk->loop = s->loop->index;
    chunk->from = s->next_offset;
    chunk->to = log->progress->end;
    log_join(s, chunk->to);
    s->requested = chunk;
    catch_up_request(s->loop->dispatcher->catch_up, chunk);
}

void subscription_on_chunk(struct chunk *chunk, struct loop *loop)
{
    struct subscription *s = chunk->subscription;
    (void)loop;
    if (!s) {
        for (size_t i = 0; i < chunk->count; i++)
            message_release(chunk->messages[i]);
        free(chunk);
        return;
    }
    s->requested = NULL;
    if (chunk->lost > 0)
        log_error("delivery.expired_messages", LOG_STR("subscription", s->id),
                  LOG_STR("topic", s->log->channel->topic), LOG_INT("offset", chunk->from),
                  LOG_INT("offsets", chunk->lost),
                  LOG_STR("reason", "the retention of the message topic passed"));
    if (chunk->failed) {
        subscription_leave_log(s);
        free(chunk);
        return; /* the tick asks again */
    }
    if (chunk->next_offset < chunk->to)
        subscription_leave_log(s);
    s->backlog = chunk;
    s->backlog_at = 0;
    subscription_pump(s);
}

static struct message *take_from_backlog(struct subscription *s)
{
    struct chunk *chunk = s->backlog;
    while (s->backlog_at < chunk->count) {
        struct message *message = chunk->messages[s->backlog_at++];
        if (message->offset >= s->next_offset)
            return message;
        message_release(message);
    }
    if (chunk->next_offset > s->next_offset)
        s->next_offset = chunk->next_offset;
    backlog_free(s);
    return NULL;
}

static struct message *take_from_log(struct subscription *s)
{
    struct message *message;
    while ((message = topic_log_get(s->log, s->number))) {
        bool wanted = message->offset >= s->next_offset;
        if (wanted)
            message_hold(message);
        topic_log_pass(s->log, s->number++);
        if (wanted)
            return message;
    }
    return NULL;
}

struct message *subscription_take(struct subscription *s)
{
    struct message *message = s->backlog ? take_from_backlog(s) : NULL;
    if (!message && !s->in_log)
        find_source(s);
    if (!message && s->in_log && !s->requested && !s->backlog)
        message = take_from_log(s);
    if (message)
        s->next_offset = message->offset + 1;
    return message;
}

void subscription_let_go(struct subscription *s)
{
    int64_t position = subscription_position(s);
    delivery_drop_all(s);
    if (s->requested) {
        s->requested->subscription = NULL;
        s->requested = NULL;
    }
    backlog_free(s);
    subscription_leave_log(s);
    s->next_offset = position;
}

static bool has_everything(const struct subscription *s)
{
    return s->in_log && !s->backlog && !s->requested && !s->deliveries && s->number == s->log->next;
}

/** When the oldest message that it has not confirmed became available here; 0: long ago. */
static int64_t waiting_since(const struct subscription *s)
{
    if (s->deliveries)
        return delivery_oldest_since(s);
    const struct message *message =
        s->in_log && !s->backlog && !s->requested ? topic_log_get(s->log, s->number) : NULL;
    return message ? message->received_ms : 0;
}

int64_t subscription_position(const struct subscription *s)
{
    return s->deliveries ? delivery_oldest_offset(s) : s->next_offset;
}

int64_t subscription_standing(const struct subscription *s)
{
    int64_t position = subscription_position(s);
    return has_everything(s) && s->log->progress->end > position ? s->log->progress->end : position;
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
    int limit = s->failures > 0 ? 1 : (int)s->loop->dispatcher->config.dispatcher.max_in_flight;
    if (s->deliveries && subscription_may_deliver(s))
        delivery_restart(s);
    while (s->open_deliveries < limit && subscription_may_deliver(s)) {
        struct message *message = subscription_take(s);
        if (!message)
            break;
        delivery_start(s, message);
    }
    coverage_set_behind(s, !has_everything(s));
    if (s->is_behind)
        s->behind_since_ms = waiting_since(s);
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

void subscription_tick(struct subscription *s, int64_t now_ms)
{
    int64_t detach_after = s->loop->dispatcher->config.dispatcher.detach_after;
    if (!s->in_log && !s->requested && !s->retry)
        subscription_pump(s);
    if (s->event_sent_ms > 0 && now_ms - s->event_sent_ms < EVENT_AGAIN_MS)
        return;
    if (s->status == SUBSCRIPTION_ENDING) {
        subscription_tell(s, EVENT_DELIVERY_GONE, NULL);
        return;
    }
    bool late = s->is_behind && now_ms - s->behind_since_ms > detach_after;
    if (s->status == SUBSCRIPTION_LAPSED) {
        if (!s->position.detached)
            subscription_tell(s, EVENT_DELIVERY_DETACHED, NULL);
    } else if (!s->position.detached && late) {
        subscription_tell(s, EVENT_DELIVERY_DETACHED, NULL);
    } else if (s->position.detached && s->in_log && !s->backlog && !s->requested && !late) {
        subscription_tell(s, EVENT_DELIVERY_ATTACHED, NULL);
    } else if (s->position.detached && subscription_standing(s) != s->told_offset &&
               now_ms - s->told_ms > PROGRESS_MS) {
        subscription_tell(s, EVENT_DELIVERY_PROGRESSED, NULL);
    }
}

/* --- making, changing and freeing --- */

static void take_details(struct subscription *s, struct subscription_state *state)
{
    free(s->secret);
    s->secret = state->secret;
    s->secret_length = state->secret ? strlen(state->secret) : 0;
    state->secret = NULL;
    s->method = state->method >= 0 ? (enum signature_method)state->method
                                   : s->loop->dispatcher->config.dispatcher.signature_method;
    if (state->position.set > s->position.set || state->status != s->status)
        s->event_sent_ms = 0; /* the event that was under way has arrived */
    s->status = state->status;
    s->lease_end_ms = state->lease_end_ms;
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
    s->log = loop_log(loop, channel, resume);
    DL_APPEND2(s->log->subscriptions, s, log_previous, log_next);
    HASH_ADD(hh, loop->subscriptions, id, ID_HEX_SIZE - 1, s);
    coverage_set_behind(s, true);
    if (!s->position.detached)
        coverage_join(s);
    gauge_add(loop->dispatcher->metrics.subscriptions, 1);
    subscription_pump(s);
    return s;
}

void subscription_update(struct subscription *s, struct subscription_state *state)
{
    bool moved = state->position.base != s->position.base;
    bool renewed = state->lease_end_ms != s->lease_end_ms || moved;
    take_details(s, state);
    if (moved) {
        subscription_let_go(s);
        s->next_offset = s->position.offset;
        s->told_offset = s->position.offset;
    }
    if (s->position.detached && s->coverage)
        coverage_leave(s);
    else if (!s->position.detached && !s->coverage)
        coverage_join(s);
    /* Whoever renews is there: no reason to wait out a pause (P5). */
    if (renewed)
        stop_waiting(s);
    subscription_pump(s);
}

void subscription_free(struct subscription *s)
{
    struct loop *loop = s->loop;
    subscription_let_go(s);
    stop_waiting(s);
    coverage_leave(s);
    if (s->failures > 0)
        gauge_add(loop->dispatcher->metrics.failing, -1);
    DL_DELETE2(s->log->subscriptions, s, log_previous, log_next);
    if (!s->log->subscriptions)
        loop_drop_log(loop, s->log);
    HASH_DEL(loop->subscriptions, s);
    gauge_add(loop->dispatcher->metrics.subscriptions, -1);
    host_release(s->host);
    free(s->callback);
    free(s->secret);
    free(s);
}
