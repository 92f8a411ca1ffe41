/*
 * Subscriptions that another hub verified, and where their subscribers stood there.
 *
 * Invariants:
 *  - Only what is not verified here is taken over: whatever became of a subscription since it was
 * imported, or before, counts more than what the other hub knew. So the event may come twice.
 *  - Requests that wait stay and are verified as usual: then they renew what was imported.
 *  - The position is detached from the beginning. It may lie far behind what the shard has
 * confirmed, and then only this record tells (common/position.h).
 */
#include <stdlib.h>

#include "common/panic.h"
#include "consolidator/fold_internal.h"

enum fold_outcome fold_imported(struct subscription_state **state, const struct event *event,
                                int64_t sequence)
{
    struct subscription_state *s = *state;
    if (s && s->status != SUBSCRIPTION_REQUESTED)
        return FOLD_IGNORED;
    if (!s)
        s = *state = fold_new_subscription(event);
    s->status = SUBSCRIPTION_ACTIVE;
    stored_secret_fini(&s->secret);
    stored_secret_copy(&s->secret, &event->secret);
    s->method = event->method;
    s->max_in_flight = event->max_in_flight;
    s->lease_seconds = event->lease_seconds;
    s->verified_at_ms = event->at_ms;
    s->lease_end_ms = event->at_ms + event->lease_seconds * 1000;
    fold_set_string(&s->owner, xstrdup_or_null(event->owner));
    location_fini(&s->location);
    location_copy(&s->location, &event->location);
    s->position = (struct position){
        .offset = event->offset, .set = sequence, .base = sequence, .detached = true};
    return FOLD_CHANGED;
}
