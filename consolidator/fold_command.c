/*
 * Operators' commands.
 *
 * Invariants:
 *  - A command that comes twice in a row is done once: its request id is remembered. So is one that
 * asks for what is the case already.
 *  - A pause is an operator's word: neither a renewal nor the way through a lapsed lease ends it,
 * only a resume, or the end of the subscription.
 *  - A pause says nothing about the position, which only the dispatcher knows: it stays as it was
 * until the dispatcher has written it (detached). A shard's offset that covers the subscription
 * meanwhile is one that the dispatcher holds back for it.
 *  - A move makes a new base. What was delivered under the old one says nothing any more, and no
 * shard's offset counts, earlier ones since they knew less than this event, later ones since the
 * subscription is detached (dispatcher/position.h).
 *  - A message to be delivered once more stays in the list until the dispatcher tells that the very
 * command is done. Neither has anything to do with the position.
 *  - Dead letters are settled in their order: state only says how far that has come and how far it
 * is wanted, and neither ever goes back.
 */
#include <stdlib.h>
#include <string.h>

#include "common/panic.h"
#include "consolidator/fold_internal.h"

static bool is_repeated(const struct subscription_state *s, const struct event *event)
{
    return event->request_id && strcmp(s->command, event->request_id) == 0;
}

static void remember(struct subscription_state *s, const struct event *event)
{
    if (event->request_id && strlen(event->request_id) == ID_UUID_SIZE - 1)
        memcpy(s->command, event->request_id, ID_UUID_SIZE);
    else
        s->command[0] = '\0';
    fold_set_string(&s->commanded_by, xstrdup_or_null(event->owner));
}

/** Whoever owns the shard sees that there is a new command: state says no more than that. */
static enum fold_outcome on_resume(struct subscription_state *s, const struct event *event,
                                   int64_t sequence)
{
    if (!fold_is_served(s) && !s->paused)
        return FOLD_IGNORED;
    fold_end_pause(s);
    s->resumed = sequence;
    remember(s, event);
    return FOLD_CHANGED;
}

static enum fold_outcome on_pause(struct subscription_state *s, const struct event *event)
{
    if (!fold_is_served(s) || s->paused)
        return FOLD_IGNORED;
    s->status = SUBSCRIPTION_PAUSED;
    s->paused = true;
    s->paused_at_ms = event->at_ms;
    fold_set_string(&s->paused_by, xstrdup_or_null(event->owner));
    fold_set_string(&s->reason, xstrdup_or_null(event->reason));
    remember(s, event);
    return FOLD_CHANGED;
}

/** Whether an offset that was looked up for `event` is one of the subscription's partition. */
static bool fits_location(const struct subscription_state *s, const struct event *event)
{
    return !event->location.kafka_topic || location_equal(&event->location, &s->location);
}

static enum fold_outcome on_move(struct subscription_state *s, const struct event *event,
                                 int64_t sequence)
{
    if (!fold_is_served(s) || !fits_location(s, event))
        return FOLD_IGNORED;
    s->position = (struct position){
        .offset = event->offset, .set = sequence, .base = sequence, .detached = true};
    remember(s, event);
    return FOLD_CHANGED;
}

/* --- redelivery --- */

/** Index of the first one that is at `offset` or behind it. */
static size_t find_redelivery(const struct subscription_state *s, int64_t offset)
{
    size_t i = 0;
    while (i < s->redeliver_count && s->redeliver[i].offset < offset)
        i++;
    return i;
}

static enum fold_outcome on_redeliver(struct subscription_state *s, const struct event *event,
                                      int64_t sequence)
{
    size_t at = find_redelivery(s, event->offset);
    bool waits = at < s->redeliver_count && s->redeliver[at].offset == event->offset;
    if (!fold_is_served(s) || !fits_location(s, event) || waits ||
        s->redeliver_count == STATE_MAX_REDELIVERIES)
        return FOLD_IGNORED;
    s->redeliver = xrealloc(s->redeliver, (s->redeliver_count + 1) * sizeof(*s->redeliver));
    memmove(s->redeliver + at + 1, s->redeliver + at,
            (s->redeliver_count - at) * sizeof(*s->redeliver));
    s->redeliver[at] = (struct redelivery_request){event->offset, sequence};
    s->redeliver_count++;
    remember(s, event);
    return FOLD_CHANGED;
}

enum fold_outcome fold_redelivered(struct subscription_state *s, const struct event *event)
{
    size_t at = find_redelivery(s, event->offset);
    if (at == s->redeliver_count || s->redeliver[at].offset != event->offset ||
        s->redeliver[at].command != event->base)
        return FOLD_IGNORED;
    if (event->marked > s->letters.marked)
        s->letters.marked = event->marked;
    s->redeliver_count--;
    if (s->redeliver_count == 0) {
        free(s->redeliver);
        s->redeliver = NULL;
        return FOLD_CHANGED;
    }
    memmove(s->redeliver + at, s->redeliver + at + 1,
            (s->redeliver_count - at) * sizeof(*s->redeliver));
    return FOLD_CHANGED;
}

void fold_clear_redeliveries(struct subscription_state *s)
{
    free(s->redeliver);
    s->redeliver = NULL;
    s->redeliver_count = 0;
    s->letters.wanted = 0;
}

static enum fold_outcome on_redeliver_letters(struct subscription_state *s,
                                              const struct event *event)
{
    if (!fold_is_served(s) || event->offset <= s->letters.wanted ||
        event->offset <= s->letters.settled)
        return FOLD_IGNORED;
    s->letters.wanted = event->offset;
    remember(s, event);
    return FOLD_CHANGED;
}

enum fold_outcome fold_letters_settled(struct subscription_state *s, const struct event *event)
{
    if (event->offset <= s->letters.settled || event->offset > s->letters.wanted)
        return FOLD_IGNORED;
    s->letters.settled = event->offset;
    return FOLD_CHANGED;
}

/* --- all --- */

static enum fold_outcome on_delete(struct subscription_state **state, const struct event *event)
{
    if ((*state)->status == SUBSCRIPTION_ENDING)
        return FOLD_IGNORED;
    return fold_end_with_notice(state, event->reason ? event->reason : "deleted by an operator");
}

enum fold_outcome fold_command(struct subscription_state **state, const struct event *event,
                               int64_t sequence)
{
    struct subscription_state *s = *state;
    if (is_repeated(s, event) || !fold_may_change(s, event->owner, event->by_operator))
        return FOLD_IGNORED;
    switch (event->type) {
    case EVENT_DELIVERY_RESUME:
        return on_resume(s, event, sequence);
    case EVENT_DELIVERY_PAUSE:
        return on_pause(s, event);
    case EVENT_DELIVERY_MOVE:
        return on_move(s, event, sequence);
    case EVENT_DELIVERY_REDELIVER:
        return on_redeliver(s, event, sequence);
    case EVENT_DELIVERY_REDELIVER_LETTERS:
        return on_redeliver_letters(s, event);
    default:
        return on_delete(state, event);
    }
}
