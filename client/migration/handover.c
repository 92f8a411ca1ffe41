#include "client/migration/handover.h"

#include <stdlib.h>

#include "client/migration/place.h"
#include "common/clock.h"
#include "common/id.h"
#include "common/panic.h"

enum { BATCH = 500 }; /* subscriptions of one transaction */

/* --- places --- */

static int compare_topics(const void *a, const void *b)
{
    const struct plan_subscription *const *left = a, *const *right = b;
    uintptr_t x = (uintptr_t)(*left)->topic, y = (uintptr_t)(*right)->topic;
    return x < y ? -1 : x > y;
}

/** The new ones by topic. The caller frees the array. */
static struct plan_subscription **sort_new(const struct plan *plan, size_t *count)
{
    struct plan_subscription **sorted =
        xcalloc(plan->subscription_count + 1, sizeof(struct plan_subscription *));
    *count = 0;
    for (size_t i = 0; i < plan->subscription_count; i++)
        if (plan->subscriptions[i].fate == PLAN_NEW)
            sorted[(*count)++] = &plan->subscriptions[i];
    qsort(sorted, *count, sizeof(struct plan_subscription *), compare_topics);
    return sorted;
}

static int find_places(struct run *run, struct plan_subscription *const *sorted, size_t count,
                       struct error *error)
{
    for (size_t first = 0, end; first < count; first = end) {
        const struct plan_topic *topic = sorted[first]->topic;
        for (end = first; end < count && sorted[end]->topic == topic; end++)
            ;
        const struct ledger_topic *entry = ledger_find_topic(&run->migration->ledger, topic->topic);
        if (place_subscriptions(run->reader, topic, entry, sorted + first, end - first, error) != 0)
            return -1;
    }
    return 0;
}

/* --- writing them down --- */

static int write_one(struct run *run, const struct plan_subscription *s, struct error *error)
{
    struct event event = {
        .type = EVENT_SUBSCRIPTION_IMPORTED,
        .at_ms = clock_wall_ms(),
        .topic = s->topic->topic, /* all strings but the secret are borrowed */
        .callback = s->callback,
        .location = ledger_find_topic(&run->migration->ledger, s->topic->topic)->location,
        .lease_seconds = s->lease_seconds,
        .method = -1,
        .offset = s->offset,
    };
    size_t length;
    char *key = id_subscription_key(s->id);
    char *note = ledger_encode_subscription(event.topic, event.callback, event.offset, &length);
    keyring_seal(run->keyring, s->id, s->secret, &event.secret);
    int result = writer_event(run->writer, &event, error);
    stored_secret_fini(&event.secret);
    if (result == 0)
        result = writer_note(run->writer, key, note, length, error);
    else
        free(note);
    free(key);
    return result;
}

int handover_all(struct run *run, struct error *error)
{
    size_t count;
    struct plan_subscription **sorted = sort_new(&run->migration->plan, &count);
    int result = find_places(run, sorted, count, error);
    for (size_t i = 0; i < count && result == 0;) {
        result = writer_begin(run->writer, error);
        for (size_t end = i + BATCH; i < end && i < count && result == 0; i++)
            result = write_one(run, sorted[i], error);
        if (result == 0)
            result = writer_commit(run->writer, error);
    }
    free(sorted);
    return result;
}
