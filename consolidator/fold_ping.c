/*
 * Light pings: that a topic's content is to be fetched, until it has been.
 *
 *   nothing to do --pinged--> pinged --fetching f--> fetching f --fetched or given up, base f--+
 *        ^                       ^                    |       ^                                |
 *        |                       |                    +-pinged-+ (again)                       |
 *        +-----------------------+------- if there was one: pinged, else nothing to do <-------+
 *
 * Invariants:
 *  - A ping is settled only by a fetch that began after it. The dispatcher sends its request only
 * when Kafka has confirmed its event `fetching`, so a fetch has seen what every ping before that
 * event was about, and may have missed what later ones were about: these ask for another fetch.
 *  - However many pings come, the first before a fetch and the first during it change the state;
 * the others say nothing new.
 *  - What is fetched belongs to the trace of the ping that asked for it: the first. Those of pings
 * that ask for nothing more end with them.
 *  - The newest fetch counts. One that begins takes the place of the one before (whose dispatcher
 * crashed, lost the shard, or was pinged again while it waited to retry); how that ended says
 * nothing any more.
 *  - Only what it may have done does: when it distributed other content, that may lie behind the
 * newest fetch's in the message partition. Then nothing is known of the content, and another fetch
 * distributes what is newest, last.
 */
#include <stdlib.h>
#include <string.h>

#include "consolidator/fold_internal.h"

static enum fold_outcome on_pinged(struct topic_pings *pings, const struct event *event,
                                   int64_t sequence)
{
    if (pings->oldest == 0) {
        pings->oldest = sequence;
        pings->oldest_at_ms = event->at_ms;
        trace_headers_copy(&pings->trace, &event->trace);
    } else if (pings->fetching > 0 && pings->again == 0) {
        pings->again = sequence;
        pings->again_at_ms = event->at_ms;
        trace_headers_copy(&pings->again_trace, &event->trace);
    } else {
        return FOLD_IGNORED;
    }
    return FOLD_CHANGED;
}

static enum fold_outcome on_fetching(struct topic_pings *pings, int64_t sequence)
{
    if (pings->oldest == 0)
        return FOLD_IGNORED;
    pings->fetching = sequence;
    pings->again = pings->again_at_ms = 0;
    trace_headers_fini(&pings->again_trace);
    return FOLD_CHANGED;
}

/** Whether the state says of the content what `fetched` says. */
static bool is_known(const struct topic_state *state, const struct fetched *fetched)
{
    const char *known = state->fetched.digest, *told = fetched->digest;
    return known && told && strcmp(known, told) == 0;
}

/** A fetch ended that was not the newest. */
static enum fold_outcome on_overtaken(struct topic_state *state, const struct event *event,
                                      int64_t sequence)
{
    struct topic_pings *pings = &state->pings;
    if (!event->distributed || is_known(state, &event->fetched))
        return FOLD_IGNORED;
    if (pings->fetching > 0)
        pings->disturbed = true;
    else
        fetched_fini(&state->fetched);
    on_pinged(pings, event, sequence);
    return FOLD_CHANGED;
}

static enum fold_outcome on_ended(struct topic_state *state, const struct event *event,
                                  int64_t sequence)
{
    struct topic_pings *pings = &state->pings;
    if (pings->fetching == 0 || pings->fetching != event->base)
        return on_overtaken(state, event, sequence);
    if (event->type == EVENT_TOPIC_FETCHED || pings->disturbed)
        fetched_fini(&state->fetched);
    if (event->type == EVENT_TOPIC_FETCHED && !pings->disturbed)
        fetched_copy(&state->fetched, &event->fetched);
    const struct topic_pings next = {
        .oldest = pings->again, .oldest_at_ms = pings->again_at_ms, .trace = pings->again_trace};
    bool disturbed = pings->disturbed;
    pings->again_trace = (struct trace_headers){0}; /* moved */
    topic_pings_fini(pings);
    *pings = next;
    if (disturbed) /* what came before the newest fetch began asks for another one, too */
        on_pinged(pings, event, sequence);
    return FOLD_CHANGED;
}

enum fold_outcome fold_ping(struct topic_state *state, const struct event *event, int64_t sequence)
{
    switch (event->type) {
    case EVENT_TOPIC_PINGED:
        return on_pinged(&state->pings, event, sequence);
    case EVENT_TOPIC_FETCHING:
        return on_fetching(&state->pings, sequence);
    case EVENT_TOPIC_FETCHED:
    case EVENT_TOPIC_NOT_FETCHED:
        return on_ended(state, event, sequence);
    default:
        return FOLD_IGNORED;
    }
}
