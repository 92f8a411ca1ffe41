#include "consolidator/fold.h"

#include <stdlib.h>
#include <string.h>

#include "common/panic.h"
#include "consolidator/fold_internal.h"

/* --- pending requests --- */

static void pending_remove_through(struct subscription_state *s, size_t last)
{
    for (size_t i = 0; i <= last; i++)
        pending_request_fini(&s->pending[i]);
    s->pending_count -= last + 1;
    memmove(s->pending, s->pending + last + 1, s->pending_count * sizeof(*s->pending));
    if (s->pending_count == 0) {
        free(s->pending);
        s->pending = NULL;
    }
}

static void pending_clear(struct subscription_state *s)
{
    if (s->pending_count > 0)
        pending_remove_through(s, s->pending_count - 1);
}

/** Index of the pending request that `event` settles, or -1. */
static int pending_find(const struct subscription_state *s, const struct event *event)
{
    for (size_t i = 0; i < s->pending_count; i++)
        if (strcmp(s->pending[i].request_id, event->request_id) == 0)
            return (int)i;
    return -1;
}

static void pending_add(struct subscription_state *s, const struct event *event)
{
    if (s->pending_count == STATE_MAX_PENDING) {
        /* Someone floods: the newest stands for what was wanted last, the one before it gives way.
         */
        pending_request_fini(&s->pending[--s->pending_count]);
    } else {
        s->pending = xrealloc(s->pending, (s->pending_count + 1) * sizeof(*s->pending));
    }
    struct pending_request *request = &s->pending[s->pending_count++];
    memset(request, 0, sizeof(*request));
    memcpy(request->request_id, event->request_id, ID_UUID_SIZE);
    request->unsubscribe = event->type == EVENT_UNSUBSCRIPTION_REQUESTED;
    stored_secret_copy(&request->secret, &event->secret);
    request->method = event->method;
    request->max_in_flight = event->max_in_flight;
    request->lease_seconds = event->lease_seconds;
    request->requested_at_ms = event->at_ms;
    request->owner = xstrdup_or_null(event->owner);
    request->by_operator = event->by_operator;
    request->denial = xstrdup_or_null(event->reason);
    request->verify_token = xstrdup_or_null(event->verify_token);
    location_copy(&request->location, &event->location);
}

/* --- transitions --- */

void fold_set_string(char **to, char *value)
{
    free(*to);
    *to = value;
}

void fold_end_pause(struct subscription_state *s)
{
    if (!s->paused)
        return;
    s->paused = false;
    s->paused_at_ms = 0;
    fold_set_string(&s->paused_by, NULL);
    fold_set_string(&s->reason, NULL);
    if (s->status == SUBSCRIPTION_PAUSED)
        s->status = SUBSCRIPTION_ACTIVE;
}

/** Ends what was verified; requests that still wait keep the record alive. */
static enum fold_outcome end_subscription(struct subscription_state **state)
{
    struct subscription_state *s = *state;
    if (s->pending_count == 0) {
        subscription_state_free(s);
        *state = NULL;
        return FOLD_REMOVED;
    }
    fold_end_pause(s);
    fold_clear_redeliveries(s);
    if (s->status != SUBSCRIPTION_REQUESTED) /* what was given up is the former one's */
        s->created_at_ms = s->pending[0].requested_at_ms;
    s->status = SUBSCRIPTION_REQUESTED;
    stored_secret_fini(&s->secret);
    fold_set_string(&s->reason, NULL);
    fold_set_string(&s->owner, NULL);
    fold_set_string(&s->commanded_by, NULL);
    s->command[0] = '\0';
    memset(&s->letters, 0, sizeof(s->letters));
    location_fini(&s->location);
    memset(&s->position, 0, sizeof(s->position));
    s->method = -1;
    s->max_in_flight = 0;
    s->warned = false;
    s->verified_at_ms = s->lease_seconds = s->lease_end_ms = s->resumed = 0;
    return FOLD_CHANGED;
}

bool fold_is_verified(const struct subscription_state *s)
{
    return fold_is_served(s) || s->status == SUBSCRIPTION_LAPSED;
}

bool fold_is_served(const struct subscription_state *s)
{
    return s->status == SUBSCRIPTION_ACTIVE || s->status == SUBSCRIPTION_SUSPENDED ||
           s->status == SUBSCRIPTION_PAUSED;
}

bool fold_may_change(const struct subscription_state *s, const char *owner, bool by_operator)
{
    return !fold_is_verified(s) || !s->owner || !owner || by_operator ||
           strcmp(s->owner, owner) == 0;
}

struct subscription_state *fold_new_subscription(const struct event *event)
{
    struct subscription_state *s = xcalloc(1, sizeof(*s));
    id_subscription(event->topic, event->callback, s->id);
    s->topic = xstrdup(event->topic);
    s->callback = xstrdup(event->callback);
    s->status = SUBSCRIPTION_REQUESTED;
    s->method = -1;
    s->created_at_ms = event->at_ms;
    return s;
}

static enum fold_outcome on_requested(struct subscription_state **state, const struct event *event)
{
    struct subscription_state *s = *state;
    if (s && pending_find(s, event) >= 0)
        return FOLD_IGNORED;
    if (s && !fold_may_change(s, event->owner, event->by_operator))
        return FOLD_DENIED;
    if (!s)
        s = *state = fold_new_subscription(event);
    pending_add(s, event);
    return FOLD_CHANGED;
}

static void start_position(struct subscription_state *s, const struct location *location,
                           int64_t offset, int64_t sequence)
{
    fold_clear_redeliveries(s);
    location_fini(&s->location);
    location_copy(&s->location, location);
    s->position.offset = offset;
    s->position.set = sequence;
    s->position.base = sequence;
    s->position.detached = false;
}

/** Settles a request, for which another's was verified while it waited, by dropping it. */
static enum fold_outcome drop_overtaken(struct subscription_state *s, size_t index)
{
    pending_remove_through(s, index);
    return FOLD_CHANGED;
}

static enum fold_outcome on_verified(struct subscription_state *s, const struct event *event,
                                     int64_t sequence)
{
    int index = pending_find(s, event);
    if (index < 0 || s->pending[index].unsubscribe)
        return FOLD_IGNORED;
    struct pending_request *request = &s->pending[index];
    if (!fold_may_change(s, request->owner, request->by_operator))
        return drop_overtaken(s, (size_t)index);
    /* A topic that was deregistered and registered again may lie elsewhere: a new beginning. */
    if (!fold_is_verified(s) || !location_equal(&s->location, &request->location))
        start_position(s, &request->location, event->offset, sequence);
    if (request->owner && (!fold_is_verified(s) || !s->owner))
        fold_set_string(&s->owner, xstrdup(request->owner));
    stored_secret_fini(&s->secret);
    stored_secret_copy(&s->secret, &request->secret);
    if (!s->paused)
        fold_set_string(&s->reason, NULL);
    s->method = request->method;
    s->max_in_flight = request->max_in_flight;
    s->lease_seconds = request->lease_seconds;
    s->verified_at_ms = event->at_ms;
    s->lease_end_ms = event->at_ms + request->lease_seconds * 1000;
    s->warned = false;
    s->status = s->paused ? SUBSCRIPTION_PAUSED : SUBSCRIPTION_ACTIVE;
    pending_remove_through(s, (size_t)index);
    return FOLD_CHANGED;
}

static enum fold_outcome on_refused(struct subscription_state **state, const struct event *event)
{
    struct subscription_state *s = *state;
    int index = pending_find(s, event);
    if (index < 0)
        return FOLD_IGNORED;
    pending_remove_through(s, (size_t)index);
    return s->status == SUBSCRIPTION_REQUESTED ? end_subscription(state) : FOLD_CHANGED;
}

/** A dispatcher that does not know denials yet had the request verified: it stays denied. */
static bool verifies_denied(const struct subscription_state *s, const struct event *event)
{
    int index = pending_find(s, event);
    return index >= 0 && s->pending[index].denial;
}

static enum fold_outcome on_unsubscribed(struct subscription_state **state,
                                         const struct event *event)
{
    int index = pending_find(*state, event);
    if (index < 0 || !(*state)->pending[index].unsubscribe)
        return FOLD_IGNORED;
    const struct pending_request *request = &(*state)->pending[index];
    if (!fold_may_change(*state, request->owner, request->by_operator))
        return drop_overtaken(*state, (size_t)index);
    pending_remove_through(*state, (size_t)index);
    return end_subscription(state);
}

enum fold_outcome fold_end_with_notice(struct subscription_state **state, const char *reason)
{
    struct subscription_state *s = *state;
    bool owed_notice = s->status != SUBSCRIPTION_LAPSED || s->pending_count > 0;
    pending_clear(s);
    if (!owed_notice)
        return end_subscription(state);
    fold_end_pause(s);
    fold_clear_redeliveries(s);
    s->status = SUBSCRIPTION_ENDING;
    fold_set_string(&s->reason, xstrdup(reason));
    return FOLD_CHANGED;
}

static enum fold_outcome on_topic_ended(struct subscription_state **state,
                                        const struct event *event)
{
    struct subscription_state *s = *state;
    if (s->status == SUBSCRIPTION_ENDING) {
        /* Its notice is under way; whoever asked since then asked for a topic that ended again. */
        if (s->pending_count == 0)
            return FOLD_IGNORED;
        pending_clear(s);
        return FOLD_CHANGED;
    }
    return fold_end_with_notice(state,
                                event->reason ? event->reason : "the topic was deregistered");
}

static enum fold_outcome on_lapsing(struct subscription_state *s, const struct event *event)
{
    if (!fold_is_served(s) || s->lease_end_ms != event->deadline || s->warned)
        return FOLD_IGNORED;
    s->warned = true;
    return FOLD_CHANGED;
}

static enum fold_outcome on_expired(struct subscription_state *s, const struct event *event)
{
    if (!fold_is_served(s))
        return FOLD_IGNORED;
    /* A renewal that was verified meanwhile has moved the lease end. */
    if (s->lease_end_ms != event->deadline)
        return FOLD_IGNORED;
    s->status = SUBSCRIPTION_LAPSED;
    return FOLD_CHANGED;
}

static enum fold_outcome on_forgotten(struct subscription_state **state, const struct event *event)
{
    if ((*state)->status != SUBSCRIPTION_LAPSED || (*state)->lease_end_ms != event->deadline)
        return FOLD_IGNORED;
    return end_subscription(state);
}

/** Moves the position if `event` was written under the position's base. */
static bool move_position(struct subscription_state *s, const struct event *event, int64_t sequence)
{
    if (!fold_is_verified(s) || s->position.base != event->base)
        return false;
    /* One who lost the shard long ago may still write where it stood: never go back for that. */
    if (event->offset > s->position.offset)
        s->position.offset = event->offset;
    s->position.set = sequence;
    return true;
}

static enum fold_outcome on_position(struct subscription_state *s, const struct event *event,
                                     int64_t sequence)
{
    if (!move_position(s, event, sequence))
        return FOLD_IGNORED;
    if (event->type != EVENT_DELIVERY_PROGRESSED)
        s->position.detached = event->type != EVENT_DELIVERY_ATTACHED;
    if (event->type == EVENT_DELIVERY_SUSPENDED && s->status == SUBSCRIPTION_ACTIVE) {
        s->status = SUBSCRIPTION_SUSPENDED;
        fold_set_string(&s->reason, xstrdup_or_null(event->reason));
    }
    return FOLD_CHANGED;
}

static enum fold_outcome on_recovered(struct subscription_state *s, const struct event *event)
{
    if (s->status != SUBSCRIPTION_SUSPENDED || s->position.base != event->base)
        return FOLD_IGNORED;
    s->status = SUBSCRIPTION_ACTIVE;
    fold_set_string(&s->reason, NULL);
    return FOLD_CHANGED;
}

static enum fold_outcome on_gone(struct subscription_state **state, const struct event *event)
{
    if (!fold_is_verified(*state) || (*state)->position.base != event->base)
        return FOLD_IGNORED;
    return end_subscription(state);
}

enum fold_outcome fold_subscription(struct subscription_state **state, const struct event *event,
                                    int64_t sequence)
{
    if (event->type == EVENT_SUBSCRIPTION_REQUESTED ||
        event->type == EVENT_UNSUBSCRIPTION_REQUESTED)
        return on_requested(state, event);
    if (event->type == EVENT_SUBSCRIPTION_IMPORTED)
        return fold_imported(state, event, sequence);
    if (!*state)
        return FOLD_IGNORED;
    switch (event->type) {
    case EVENT_SUBSCRIPTION_VERIFIED:
        return verifies_denied(*state, event) ? on_refused(state, event)
                                              : on_verified(*state, event, sequence);
    case EVENT_SUBSCRIPTION_REFUSED:
        return on_refused(state, event);
    case EVENT_UNSUBSCRIPTION_VERIFIED:
        return verifies_denied(*state, event) ? on_refused(state, event)
                                              : on_unsubscribed(state, event);
    case EVENT_SUBSCRIPTION_DENIED:
        return (*state)->status == SUBSCRIPTION_ENDING ? end_subscription(state) : FOLD_IGNORED;
    case EVENT_TOPIC_ENDED:
        return on_topic_ended(state, event);
    case EVENT_SUBSCRIPTION_LAPSING:
        return on_lapsing(*state, event);
    case EVENT_SUBSCRIPTION_EXPIRED:
        return on_expired(*state, event);
    case EVENT_SUBSCRIPTION_FORGOTTEN:
        return on_forgotten(state, event);
    case EVENT_DELIVERY_DETACHED:
    case EVENT_DELIVERY_PROGRESSED:
    case EVENT_DELIVERY_ATTACHED:
    case EVENT_DELIVERY_SUSPENDED:
        return on_position(*state, event, sequence);
    case EVENT_DELIVERY_RECOVERED:
        return on_recovered(*state, event);
    case EVENT_DELIVERY_GONE:
        return on_gone(state, event);
    case EVENT_DELIVERY_RESUME:
    case EVENT_DELIVERY_PAUSE:
    case EVENT_DELIVERY_MOVE:
    case EVENT_DELIVERY_REDELIVER:
    case EVENT_DELIVERY_REDELIVER_LETTERS:
    case EVENT_SUBSCRIPTION_DELETE:
        return fold_command(state, event, sequence);
    case EVENT_DELIVERY_REDELIVERED:
        return fold_redelivered(*state, event);
    case EVENT_DELIVERY_LETTERS_SETTLED:
        return fold_letters_settled(*state, event);
    default:
        return FOLD_IGNORED;
    }
}

enum fold_outcome fold_topic(struct topic_state **state, const struct event *event,
                             int64_t sequence)
{
    if (event->type == EVENT_TOPIC_REGISTERED && !*state) {
        struct topic_state *topic = xcalloc(1, sizeof(*topic));
        topic->topic = xstrdup(event->topic);
        topic->registered_at_ms = event->at_ms;
        location_copy(&topic->location, &event->location);
        *state = topic;
        return FOLD_CHANGED;
    }
    if (event->type == EVENT_TOPIC_DEREGISTERED && *state) {
        topic_state_free(*state);
        *state = NULL;
        return FOLD_REMOVED;
    }
    return *state ? fold_ping(*state, event, sequence) : FOLD_IGNORED;
}
