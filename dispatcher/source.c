/*
 * Where a subscription's next message comes from.
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
 *
 * Memory. Logs hold what their slowest reader needs. When memory is tight, readers that others have
 * left behind leave the log and read again later; if all are equally far, the tail reader pauses
 * instead, and one reading goes on serving all of them. Who shares a partition with other channels
 * leaves in any case, since a pause would make those wait. A chunk is as large as what its
 * subscription takes in about a second, and a single message while it fails.
 */
#include <stdlib.h>
#include <utlist.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/panic.h"
#include "dispatcher/loop_internal.h"

enum { FIRST_CHUNK = 32, QUICK_MS = 1000, SLOW_MS = 5000 };

/* --- the log --- */

static void log_join(struct subscription *s, int64_t offset)
{
    s->number = topic_log_join(s->log, offset);
    s->in_log = true;
}

void source_leave_log(struct subscription *s)
{
    if (!s->in_log)
        return;
    topic_log_leave(s->log, s->number);
    s->in_log = false;
}

/** Whether readers that stay behind would make others wait for the tail reader. */
static bool others_are_ahead(const struct topic_log *log)
{
    const struct channel *channel = log->channel;
    if (atomic_load_explicit(&channel->partition->channels, memory_order_relaxed) > 1)
        return true;
    int64_t oldest = topic_log_get(log, log->first)->offset;
    int64_t lead = atomic_load_explicit(&channel->lead, memory_order_relaxed);
    return lead - oldest >= (log->progress->end - oldest) / 2;
}

void source_relieve_memory(struct topic_log *log)
{
    struct subscription *s;
    while (log->bytes > 0 && memory_is_tight(&log->channel->partition->account) &&
           others_are_ahead(log)) {
        uint64_t oldest = log->first;
        DL_FOREACH2(log->subscriptions, s, log_next)
        {
            if (s->in_log && s->number == oldest)
                source_leave_log(s);
        }
        ENSURE(log->first > oldest);
    }
}

static void note_lead(struct channel *channel, int64_t offset)
{
    /* Loops may overwrite each other: it needs not be exact. */
    if (offset > atomic_load_explicit(&channel->lead, memory_order_relaxed))
        atomic_store_explicit(&channel->lead, offset, memory_order_relaxed);
}

static struct message *take_from_log(struct subscription *s)
{
    struct message *message;
    while ((message = topic_log_get(s->log, s->number))) {
        bool wanted = message->offset >= s->next_offset;
        if (wanted)
            message_hold(message);
        topic_log_pass(s->log, s->number++);
        if (wanted) {
            note_lead(s->log->channel, message->offset);
            return message;
        }
    }
    /* It waits for the tail reader, which may wait for those that are still at old messages. */
    note_lead(s->log->channel, s->log->progress->end - 1);
    source_relieve_memory(s->log);
    return NULL;
}

/* --- the backlog --- */

static void backlog_free(struct subscription *s)
{
    if (!s->backlog)
        return;
    for (size_t i = s->backlog_at; i < s->backlog->count; i++)
        message_release(s->backlog->messages[i]);
    free(s->backlog);
    s->backlog = NULL;
}

static size_t chunk_capacity(const struct subscription *s)
{
    if (s->failures > 0)
        return 1; /* that is all that a probe needs */
    return s->chunk_capacity > 0 ? s->chunk_capacity : FIRST_CHUNK;
}

/** A chunk has been given completely: the next one is to last about a second, too. */
static void adapt_capacity(struct subscription *s)
{
    size_t capacity = s->backlog->capacity;
    int64_t took = clock_monotonic_ms() - s->backlog->answered_ms;
    if (took < QUICK_MS && s->backlog->count == capacity)
        capacity *= 2;
    else if (took > SLOW_MS)
        capacity /= 2;
    if (capacity > CHUNK_MESSAGES)
        capacity = CHUNK_MESSAGES;
    s->chunk_capacity = (uint16_t)(capacity > 0 ? capacity : 1);
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
    struct chunk *chunk = chunk_new(chunk_capacity(s));
    chunk->subscription = s;
    chunk->channel = log->channel;
    chunk->loop = s->loop->index;
    chunk->probing = s->failures > 0;
    chunk->from = s->next_offset;
    chunk->to = log->progress->end;
    log_join(s, chunk->to);
    s->requested = chunk;
    catch_up_request(s->loop->dispatcher->catch_up, chunk);
}

void chunk_free(struct chunk *chunk)
{
    for (size_t i = 0; i < chunk->count; i++)
        message_release(chunk->messages[i]);
    free(chunk);
}

void loop_on_chunk(struct loop *loop, struct chunk *chunk)
{
    struct subscription *s = chunk->subscription;
    (void)loop;
    if (chunk->letter_run) {
        letter_run_on_chunk(chunk);
        return;
    }
    if (chunk->redelivery) {
        redelivery_on_chunk(chunk);
        return;
    }
    if (!s) {
        chunk_free(chunk);
        return;
    }
    s->requested = NULL;
    if (chunk->lost > 0)
        log_error("delivery.expired_messages", LOG_STR("subscription", s->id),
                  LOG_STR("topic", s->log->channel->topic), LOG_INT("offset", chunk->from),
                  LOG_INT("offsets", chunk->lost),
                  LOG_STR("reason", "the retention of the message topic passed"));
    if (chunk->failed) {
        source_leave_log(s);
        free(chunk);
        return; /* the tick asks again */
    }
    if (chunk->next_offset < chunk->to)
        source_leave_log(s);
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
    adapt_capacity(s);
    backlog_free(s);
    return NULL;
}

/* --- both --- */

struct message *source_take(struct subscription *s)
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

void source_let_go(struct subscription *s)
{
    if (s->requested) {
        s->requested->subscription = NULL;
        s->requested = NULL;
    }
    backlog_free(s);
    source_leave_log(s);
}

const struct message *source_peek(const struct subscription *s)
{
    if (s->backlog && s->backlog_at < s->backlog->count)
        return s->backlog->messages[s->backlog_at];
    return s->in_log && !s->backlog && !s->requested ? topic_log_get(s->log, s->number) : NULL;
}

bool source_is_exhausted(const struct subscription *s)
{
    return s->in_log && !s->backlog && !s->requested && s->number == s->log->next;
}

int64_t source_backlog(const struct subscription *s)
{
    if (source_is_exhausted(s))
        return 0;
    if (s->in_log && !s->backlog && !s->requested)
        return (int64_t)(s->log->next - s->number);
    return s->log->progress->end > s->next_offset ? s->log->progress->end - s->next_offset : 0;
}
