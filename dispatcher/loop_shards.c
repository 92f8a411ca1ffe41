/* Tasks of a delivery loop that are about shards: reporting positions, and giving shards up. */
#include <stdlib.h>
#include <utlist.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/panic.h"
#include "dispatcher/loop_internal.h"

enum { DRAIN_MS = 5000, DRAIN_POLL_MS = 20 };

/**
 * How long what is under way may take when a shard is given up. librdkafka sends no heartbeats
 * while it leaves a group: after the session time-out the shards would have another owner before
 * our positions are written.
 */
static int64_t drain_ms(const struct config *config)
{
    int64_t drain = config->kafka.session_timeout / 2;
    if (drain > config->dispatcher.shutdown_grace)
        drain = config->dispatcher.shutdown_grace;
    return drain < DRAIN_MS ? drain : DRAIN_MS;
}

/** A shard that is given up, while its transfers end. */
struct revocation {
    struct loop *loop;
    int32_t shard;
    int64_t deadline_ms;
    struct collection *collection;
    uv_timer_t timer;
};

/* --- positions --- */

struct collect_task {
    struct task task;
    int32_t shard;
    bool drain;
    struct collection *collection;
};

static void collected(struct collection *collection)
{
    if (atomic_fetch_sub(&collection->waiting, 1) == 1)
        collection->done(collection);
}

static void run_collect(struct task *task, void *owner)
{
    struct collect_task *collect = CONTAINER_OF(task, struct collect_task, task);
    coverage_collect(owner, -1, collect->collection);
    collected(collect->collection);
    free(collect);
}

static void post_collect(struct loop *loop, void (*run)(struct task *, void *), int32_t shard,
                         bool drain, struct collection *collection)
{
    struct collect_task *collect = xcalloc(1, sizeof(*collect));
    collect->task.run = run;
    collect->shard = shard;
    collect->drain = drain;
    collect->collection = collection;
    loop_post(loop, &collect->task);
}

void loop_collect(struct loop *loop, struct collection *collection)
{
    post_collect(loop, run_collect, -1, false, collection);
}

static bool is_draining(struct loop *loop, int32_t shard)
{
    const struct subscription *subscription;
    DL_FOREACH2(loop->restless, subscription, restless_next)
    {
        if (subscription->shard == shard &&
            (delivery_is_sending(subscription) || redelivery_is_sending(subscription) ||
             letter_run_is_sending(subscription)))
            return true;
    }
    return false;
}

static void on_revocation_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void drop_shard(struct loop *loop, int32_t shard)
{
    struct subscription *subscription, *next;
    HASH_ITER(hh, loop->subscriptions, subscription, next)
    {
        if (subscription->shard == shard)
            subscription_free(subscription);
    }
}

/** How far dead letters have come is told now, so that the next owner repeats none. */
static void tell_letters(struct loop *loop, int32_t shard)
{
    struct subscription *subscription;
    DL_FOREACH2(loop->restless, subscription, restless_next)
    {
        if (subscription->shard == shard)
            letter_run_tell(subscription);
    }
}

static void on_drain_poll(uv_timer_t *timer)
{
    struct revocation *revocation = timer->data;
    struct loop *loop = revocation->loop;
    if (clock_monotonic_ms() < revocation->deadline_ms && is_draining(loop, revocation->shard))
        return;
    tell_letters(loop, revocation->shard);
    coverage_collect(loop, revocation->shard, revocation->collection);
    collected(revocation->collection);
    uv_close((uv_handle_t *)timer, on_revocation_closed);
}

static void run_revoke(struct task *task, void *owner)
{
    struct collect_task *collect = CONTAINER_OF(task, struct collect_task, task);
    struct loop *loop = owner;
    struct subscription *subscription, *next;
    verification_drop_shard(loop, collect->shard);
    HASH_ITER(hh, loop->subscriptions, subscription, next)
    {
        if (subscription->shard == collect->shard)
            subscription->revoked = true;
    }
    if (collect->drain) {
        struct revocation *revocation = xcalloc(1, sizeof(*revocation));
        revocation->loop = loop;
        revocation->shard = collect->shard;
        revocation->collection = collect->collection;
        revocation->deadline_ms = clock_monotonic_ms() + drain_ms(&loop->dispatcher->config);
        uv_timer_init(&loop->uv, &revocation->timer);
        revocation->timer.data = revocation;
        uv_timer_start(&revocation->timer, on_drain_poll, 0, DRAIN_POLL_MS);
    } else {
        /* At once: the shard may be ours again by the next task. */
        drop_shard(loop, collect->shard);
        collected(collect->collection);
    }
    free(collect);
}

void loop_revoke(struct loop *loop, int32_t shard, bool drain, struct collection *collection)
{
    post_collect(loop, run_revoke, shard, drain, collection);
}

struct release_task {
    struct task task;
    struct release *release;
};

/** What will be committed for the shard and partition of a subscription; NULL: its shard stays. */
static const struct covered *find_committed(const struct release *release,
                                            const struct subscription *subscription)
{
    const struct message_partition *partition = subscription->log->channel->partition;
    for (size_t i = 0; i < release->count; i++)
        if (release->committed[i].shard == subscription->shard &&
            release->committed[i].partition == partition)
            return &release->committed[i];
    return NULL;
}

/** Where the next owner will have it continue, for all that has been written so far. */
static int64_t resume_of(const struct subscription *subscription, const struct release *release)
{
    const struct covered *committed = find_committed(release, subscription);
    /* An event that is under way may detach it: then the commit says nothing about it. */
    bool covered =
        committed && !subscription->position.detached && subscription->event_sent_ms == 0;
    return covered ? committed->offset : subscription->told_offset;
}

static void run_release(struct task *task, void *owner)
{
    struct release_task *work = CONTAINER_OF(task, struct release_task, task);
    struct release *release = work->release;
    struct loop *loop = owner;
    struct subscription *subscription, *next;
    HASH_ITER(hh, loop->subscriptions, subscription, next)
    {
        if (!subscription->revoked)
            continue;
        if (subscription_standing(subscription) > resume_of(subscription, release))
            subscription_tell(subscription, EVENT_DELIVERY_PROGRESSED, NULL);
        report_last_news(subscription);
        subscription_free(subscription);
    }
    if (atomic_fetch_sub(&release->waiting, 1) == 1)
        release->done(release);
    free(work);
}

void loop_release(struct loop *loop, struct release *release)
{
    struct release_task *work = xcalloc(1, sizeof(*work));
    work->task.run = run_release;
    work->release = release;
    loop_post(loop, &work->task);
}
