#include "hub/fleet.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/panic.h"

enum { ALIVE_INTERVALS = 3 };

/** Totals at a report. `at_ms` (wall clock of the dispatcher) 0: there is none. */
struct totals {
    int64_t at_ms, delivered, failed;
};

struct dispatcher {
    struct dispatcher_report report;
    int64_t made_ms;
    struct totals before; /* at the report before the last */
    struct totals marked; /* at the last report when rates were asked for */
    UT_hash_handle hh;    /* by report.id; in the order of their last reports */
};

struct fleet {
    pthread_mutex_t lock; /* what follows */
    struct dispatcher *dispatchers;
};

struct fleet *fleet_new(void)
{
    struct fleet *fleet = xcalloc(1, sizeof(*fleet));
    pthread_mutex_init(&fleet->lock, NULL);
    return fleet;
}

static void report_copy(struct dispatcher_report *to, const struct dispatcher_report *from)
{
    *to = *from;
    to->id = xstrdup(from->id);
    to->version = xstrdup_or_null(from->version);
    to->shards = NULL;
    if (from->shard_count > 0)
        to->shards = xmemdup(from->shards, from->shard_count * sizeof(*from->shards));
}

static void report_fini(struct dispatcher_report *report)
{
    free(report->id);
    free(report->version);
    free(report->shards);
}

/* --- reports; call with the lock held --- */

static void forget(struct fleet *fleet, struct dispatcher *dispatcher)
{
    HASH_DEL(fleet->dispatchers, dispatcher);
    report_fini(&dispatcher->report);
    free(dispatcher);
}

static struct totals totals_of(const struct dispatcher *dispatcher)
{
    const struct dispatcher_report *report = &dispatcher->report;
    return (struct totals){report->at_ms, report->delivered, report->failed};
}

/** Totals that are smaller than before are those of a process that was started since. */
static bool has_restarted(const struct dispatcher_report *before,
                          const struct dispatcher_report *report)
{
    return report->started_ms != before->started_ms || report->delivered < before->delivered ||
           report->failed < before->failed;
}

static void update(struct dispatcher *dispatcher, const struct dispatcher_report *report)
{
    if (has_restarted(&dispatcher->report, report)) {
        struct totals start = {report->started_ms, 0, 0};
        dispatcher->before = dispatcher->marked = start;
    } else {
        dispatcher->before = totals_of(dispatcher);
        if (dispatcher->marked.at_ms == 0)
            dispatcher->marked = dispatcher->before;
    }
    report_fini(&dispatcher->report);
}

static struct dispatcher *find(struct fleet *fleet, const char *id)
{
    struct dispatcher *dispatcher;
    HASH_FIND_STR(fleet->dispatchers, id, dispatcher);
    return dispatcher;
}

void fleet_report(struct fleet *fleet, const struct dispatcher_report *report, int64_t made_ms)
{
    pthread_mutex_lock(&fleet->lock);
    struct dispatcher *dispatcher = find(fleet, report->id);
    if (dispatcher) {
        HASH_DEL(fleet->dispatchers, dispatcher);
        update(dispatcher, report);
    } else {
        if (HASH_COUNT(fleet->dispatchers) == FLEET_MAX)
            forget(fleet, fleet->dispatchers);
        dispatcher = xcalloc(1, sizeof(*dispatcher));
    }
    report_copy(&dispatcher->report, report);
    dispatcher->made_ms = made_ms;
    HASH_ADD_KEYPTR(hh, fleet->dispatchers, dispatcher->report.id, strlen(dispatcher->report.id),
                    dispatcher);
    pthread_mutex_unlock(&fleet->lock);
}

void fleet_remove(struct fleet *fleet, const char *id)
{
    pthread_mutex_lock(&fleet->lock);
    struct dispatcher *dispatcher = find(fleet, id);
    if (dispatcher)
        forget(fleet, dispatcher);
    pthread_mutex_unlock(&fleet->lock);
}

void fleet_free(struct fleet *fleet)
{
    if (!fleet)
        return;
    while (fleet->dispatchers)
        forget(fleet, fleet->dispatchers);
    pthread_mutex_destroy(&fleet->lock);
    free(fleet);
}

/* --- asking --- */

static bool is_alive(const struct dispatcher *dispatcher, int64_t now_ms)
{
    return now_ms - dispatcher->made_ms < ALIVE_INTERVALS * dispatcher->report.interval_ms;
}

static void forget_old(struct fleet *fleet, int64_t now_ms)
{
    struct dispatcher *dispatcher, *next;
    HASH_ITER(hh, fleet->dispatchers, dispatcher, next)
    {
        if (now_ms - dispatcher->made_ms > FLEET_FORGET_MS)
            forget(fleet, dispatcher);
    }
}

static int compare_members(const void *a, const void *b)
{
    const struct fleet_member *one = a, *other = b;
    return strcmp(one->report.id, other->report.id);
}

struct fleet_member *fleet_list(struct fleet *fleet, int64_t now_ms, size_t *count)
{
    const struct dispatcher *dispatcher;
    *count = 0;
    pthread_mutex_lock(&fleet->lock);
    forget_old(fleet, now_ms);
    struct fleet_member *members = xcalloc(HASH_COUNT(fleet->dispatchers) + 1, sizeof(*members));
    for (dispatcher = fleet->dispatchers; dispatcher; dispatcher = dispatcher->hh.next) {
        report_copy(&members[*count].report, &dispatcher->report);
        members[(*count)++].alive = is_alive(dispatcher, now_ms);
    }
    pthread_mutex_unlock(&fleet->lock);
    qsort(members, *count, sizeof(*members), compare_members);
    return members;
}

void fleet_members_free(struct fleet_member *members, size_t count)
{
    for (size_t i = 0; i < count; i++)
        report_fini(&members[i].report);
    free(members);
}

/** Adds what the dispatcher delivers per second; false: it is not known. */
static bool add_rates(struct dispatcher *dispatcher, int64_t now_ms, double *delivered,
                      double *failed)
{
    struct totals now = totals_of(dispatcher), since = dispatcher->marked;
    bool reported = since.at_ms != now.at_ms;
    dispatcher->marked = now;
    if (!reported && !is_alive(dispatcher, now_ms))
        return true;
    if (!reported)
        since = dispatcher->before;
    double seconds = (double)(now.at_ms - since.at_ms) / 1000;
    if (since.at_ms == 0 || seconds <= 0)
        return false;
    *delivered += (double)(now.delivered - since.delivered) / seconds;
    *failed += (double)(now.failed - since.failed) / seconds;
    return true;
}

bool fleet_rates(struct fleet *fleet, int64_t now_ms, double *delivered, double *failed)
{
    struct dispatcher *dispatcher;
    bool known = false;
    *delivered = *failed = 0;
    pthread_mutex_lock(&fleet->lock);
    for (dispatcher = fleet->dispatchers; dispatcher; dispatcher = dispatcher->hh.next)
        known = add_rates(dispatcher, now_ms, delivered, failed) || known;
    pthread_mutex_unlock(&fleet->lock);
    return known;
}
