/**
 * The state machine of topics and subscriptions: (state, event) -> state'. Pure: no I/O, no clock,
 * no globals, and the same events always give the same state.
 *
 * Invariants (WebSub sections 5.1 - 5.3, and the promises P2, P4, P5):
 *  - A request changes nothing but the list of pending ones until it is verified; a failed
 * verification only removes it from that list.
 *  - Pending requests are settled in their order: settling one drops those before it.
 *  - A position moves by delivering only under the `base` that the dispatcher knew. So what a
 * dispatcher writes late - after an unsubscription, a new subscription, an operator's command - has
 * no effect.
 *  - A renewal (active, suspended, paused or lapsed) keeps the position; a first verification sets
 * it, and so does one after an unsubscription, since that left no state.
 *  - Only its owner or an operator changes a subscription; who it is first verified for is its
 * owner. A request of somebody else is denied. (The hub denies what its view shows; this holds when
 * the view was late.) Requests made without authentication pass, and leave the owner what it is.
 *  - What is imported from another hub counts as verified there, and changes nothing of what is
 * verified here (fold_import.c).
 *  - An operator's commands pause, resume, move and delete (fold_command.c).
 *  - An event that does not fit the state is ignored: events may come twice.
 */
#ifndef WEBSUB_CONSOLIDATOR_FOLD_H
#define WEBSUB_CONSOLIDATOR_FOLD_H

#include "common/event.h"
#include "common/state.h"

enum fold_outcome {
    FOLD_IGNORED, /**< does not fit the state: nothing changed */
    FOLD_CHANGED, /**< `*state` is the new state */
    FOLD_DENIED,  /**< a request for what is another's: nothing changed */
    FOLD_REMOVED, /**< `*state` was freed and is NULL: a tombstone is to be written */
};

/**
 * Folds an event about a subscription, or EVENT_TOPIC_ENDED of its topic. `*state` is NULL when
 * there is none; it is changed in place, created or freed. `sequence`: the event's offset in its
 * partition.
 */
enum fold_outcome fold_subscription(struct subscription_state **state, const struct event *event,
                                    int64_t sequence);

/** Folds an event about a topic but EVENT_TOPIC_ENDED. FOLD_REMOVED: that is to be spread. */
enum fold_outcome fold_topic(struct topic_state **state, const struct event *event,
                             int64_t sequence);

/** How long after, and before, the end of a lease something is due. */
struct fold_times {
    int64_t resume_window_ms;
    int64_t lapse_warning_ms; /**< 0: nobody wants to be warned */
};

/**
 * What time alone will do to a subscription: the wall-clock time at which the event `*type`
 * (lapsing, expired or forgotten, with `*deadline`) is due, or INT64_MAX.
 */
int64_t fold_next_due(const struct subscription_state *state, const struct fold_times *times,
                      enum event_type *type, int64_t *deadline);

#endif
