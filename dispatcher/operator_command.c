/*
 * Operators' commands, as state shows them to the loop that has the subscription.
 *
 *   paused   nothing new is sent. What is under way may end: its outcome counts, so that nothing is
 *            repeated for the pause. Then nothing is held in memory, and the position is in state.
 *   resumed  it is tried again at once.
 *   moved    what is under way is cut off and what waits is dropped: it goes on at the new offset.
 *            What was under way may have reached the subscriber, whatever the move skips or
 * repeats.
 *
 * The records are for the timeline that operators look at: best effort. A command that is folded
 * while nobody has the shard is done by the next owner, without a record.
 */
#include "dispatcher/attempts.h"
#include "dispatcher/loop_internal.h"

struct command_view operator_command_view(const struct subscription *s)
{
    return (struct command_view){s->status == SUBSCRIPTION_PAUSED, s->position.base, s->resumed};
}

static void record(const struct subscription *s, enum attempt_type type, const char *reason,
                   const char *by)
{
    const struct attempt attempt = {
        .type = type,
        .subscription = s->id,
        .topic = s->log->channel->topic,
        .callback = s->callback,
        .reason = reason,
        .by = by,
        .offset = s->position.offset,
    };
    attempts_record(s->loop->dispatcher->attempts, &attempt);
}

static void move(struct subscription *s)
{
    subscription_let_go(s);
    subscription_forget_failures(s);
    s->next_offset = s->position.offset;
    s->told_offset = s->position.offset;
    s->oldest_published_ms = 0;
}

bool operator_command_take(struct subscription *s, const struct command_view *before,
                           const struct subscription_state *state)
{
    bool paused = s->status == SUBSCRIPTION_PAUSED;
    bool resumed = s->resumed > before->resumed;
    bool moved = s->position.base != before->base;
    if (moved)
        move(s);
    /* A verification that begins anew makes a new base as well, but leaves it attached. */
    if (moved && s->position.detached)
        record(s, ATTEMPT_MOVED, NULL, state->commanded_by);
    if (resumed)
        record(s, ATTEMPT_RESUMED, NULL, state->commanded_by);
    if (paused && !before->paused) {
        subscription_forget_failures(s);
        record(s, ATTEMPT_PAUSED, state->reason, state->paused_by);
    }
    return moved || resumed;
}
