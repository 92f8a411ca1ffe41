#include "dispatcher/loop_internal.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/log.h"
#include "common/panic.h"
#include "dispatcher/link.h"
#include "dispatcher/tail.h"

/* Position events in a second: when all subscriptions are behind, the consolidator has other work
 * as well. Who has to wait only holds its shard's offset back for longer. */
enum { TICK_MS = 1000, TICK_EVENTS = 250 };

/* --- logs and progress --- */

static struct partition_progress *get_progress(struct loop *loop,
                                               struct message_partition *partition)
{
    struct partition_progress *progress;
    HASH_FIND_PTR(loop->progress, &partition, progress);
    if (!progress) {
        progress = xcalloc(1, sizeof(*progress));
        progress->partition = partition;
        progress->end = -1;
        HASH_ADD_PTR(loop->progress, partition, progress);
    }
    return progress;
}

struct topic_log *loop_log(struct loop *loop, struct channel *channel, int64_t from)
{
    struct topic_log *log = channel->logs[loop->index];
    if (!log) {
        log = topic_log_new(channel,
                            link_header(loop->dispatcher->config.hub.public_url, channel->topic));
        log->progress = get_progress(loop, channel->partition);
        log->progress->users++;
        log->serial = ++loop->open_serial;
        channel->logs[loop->index] = log;
        tail_open(loop->dispatcher->tail, channel, loop->index, log->serial, from);
    }
    return log;
}

void loop_drop_log(struct loop *loop, struct topic_log *log)
{
    struct partition_progress *progress = log->progress;
    tail_close(loop->dispatcher->tail, log->channel, loop->index);
    log->channel->logs[loop->index] = NULL;
    topic_log_free(log);
    if (--progress->users == 0) {
        HASH_DEL(loop->progress, progress);
        free(progress);
    }
}

uint32_t loop_random(struct loop *loop)
{
    /* Only to spread retries: xorshift64* (Marsaglia, Vigna). */
    loop->random ^= loop->random >> 12;
    loop->random ^= loop->random << 25;
    loop->random ^= loop->random >> 27;
    return (uint32_t)((loop->random * 0x2545F4914F6CDD1DULL) >> 32);
}

static void pump_all(struct topic_log *log)
{
    struct subscription *subscription, *next;
    DL_FOREACH_SAFE2(log->subscriptions, subscription, next, log_next)
    {
        subscription_pump(subscription);
    }
}

/* --- tasks: subscriptions --- */

struct put_task {
    struct task task;
    int32_t shard;
    struct channel *channel;
    struct subscription_state *state;
    int64_t resume;
};

static struct subscription *find(struct loop *loop, const char *id)
{
    struct subscription *subscription;
    HASH_FIND(hh, loop->subscriptions, id, ID_HEX_SIZE - 1, subscription);
    return subscription;
}

static void run_put(struct task *task, void *owner)
{
    struct put_task *put = CONTAINER_OF(task, struct put_task, task);
    struct loop *loop = owner;
    struct subscription *subscription = find(loop, put->state->id);
    if (subscription && subscription->log->channel != put->channel) {
        subscription_free(subscription);
        subscription = NULL;
    }
    if (subscription)
        subscription_update(subscription, put->state);
    else
        subscription_new(loop, put->shard, put->channel, put->state, put->resume);
    subscription_state_free(put->state);
    free(put);
}

void loop_put(struct loop *loop, int32_t shard, struct channel *channel,
              struct subscription_state *state, int64_t resume)
{
    struct put_task *put = xcalloc(1, sizeof(*put));
    put->task.run = run_put;
    put->shard = shard;
    put->channel = channel;
    put->state = state;
    put->resume = resume;
    loop_post(loop, &put->task);
}

struct remove_task {
    struct task task;
    char id[ID_HEX_SIZE];
};

static void run_remove(struct task *task, void *owner)
{
    struct remove_task *remove = CONTAINER_OF(task, struct remove_task, task);
    struct subscription *subscription = find(owner, remove->id);
    if (subscription)
        subscription_free(subscription);
    free(remove);
}

void loop_remove(struct loop *loop, const char *id)
{
    struct remove_task *remove = xcalloc(1, sizeof(*remove));
    remove->task.run = run_remove;
    memcpy(remove->id, id, sizeof(remove->id));
    loop_post(loop, &remove->task);
}

static void run_resume(struct task *task, void *owner)
{
    struct loop *loop = owner;
    struct subscription *subscription, *next;
    free(task);
    HASH_ITER(hh, loop->subscriptions, subscription, next)
    {
        subscription_pump(subscription);
    }
}

void loop_resume(struct loop *loop)
{
    struct task *task = xcalloc(1, sizeof(*task));
    task->run = run_resume;
    loop_post(loop, task);
}

/* --- tasks: messages --- */

struct opened_task {
    struct task task;
    struct channel *channel;
    uint32_t serial;
    int64_t base;
};

static void run_opened(struct task *task, void *owner)
{
    struct opened_task *opened = CONTAINER_OF(task, struct opened_task, task);
    struct loop *loop = owner;
    struct topic_log *log = opened->channel->logs[loop->index];
    /* An answer to an earlier opening says nothing about what came between. */
    if (log && log->serial == opened->serial) {
        log->open = true;
        log->base = opened->base;
        if (log->progress->end < opened->base)
            log->progress->end = opened->base;
        pump_all(log);
    }
    free(opened);
}

void loop_opened(struct loop *loop, struct channel *channel, uint32_t serial, int64_t base)
{
    struct opened_task *opened = xcalloc(1, sizeof(*opened));
    opened->task.run = run_opened;
    opened->channel = channel;
    opened->serial = serial;
    opened->base = base;
    loop_post(loop, &opened->task);
}

static void run_feed(struct task *task, void *owner)
{
    struct feed *feed = CONTAINER_OF(task, struct feed, task);
    struct loop *loop = owner;
    struct partition_progress *progress;
    for (size_t i = 0; i < feed->count; i++) {
        struct topic_log *log = feed->items[i].channel->logs[loop->index];
        if (log && log->open)
            topic_log_append(log, feed->items[i].message);
        else
            message_release(feed->items[i].message);
    }
    HASH_FIND_PTR(loop->progress, &feed->partition, progress);
    if (progress && progress->end < feed->end)
        progress->end = feed->end;
    struct topic_log *previous = NULL;
    for (size_t i = 0; i < feed->count; i++) {
        struct topic_log *log = feed->items[i].channel->logs[loop->index];
        if (!log || log == previous)
            continue;
        pump_all(log);
        source_relieve_memory(log);
        previous = log;
    }
    free(feed);
}

void loop_feed(struct loop *loop, struct feed *feed)
{
    feed->task.run = run_feed;
    loop_post(loop, &feed->task);
}

/* --- the thread --- */

void loop_post(struct loop *loop, struct task *task)
{
    mailbox_post(&loop->mailbox, task);
}

static void wake(void *context)
{
    struct loop *loop = context;
    if (!loop->stopped)
        uv_async_send(&loop->wake);
}

static void on_wake(uv_async_t *async)
{
    struct loop *loop = async->data;
    mailbox_run(&loop->mailbox, loop);
}

static void on_tick(uv_timer_t *timer)
{
    struct loop *loop = timer->data;
    struct subscription *subscription, *next;
    struct loop_census census = {0};
    int64_t now = clock_monotonic_ms();
    loop->tick_events_left = TICK_EVENTS;
    DL_FOREACH_SAFE2(loop->restless, subscription, next, restless_next)
    {
        if (!subscription->revoked)
            subscription_tick(subscription, now);
        loop_census_count(&census, subscription);
    }
    loop_census_publish(&census, &loop->stats);
}

const struct loop_stats *loop_get_stats(const struct loop *loop)
{
    return &loop->stats;
}

static void loop_main(void *context)
{
    struct loop *loop = context;
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

struct loop *loop_new(struct dispatcher *dispatcher, int index)
{
    struct loop *loop = xcalloc(1, sizeof(*loop));
    loop->dispatcher = dispatcher;
    loop->index = index;
    loop->random = (uint64_t)clock_wall_ms() * 2 + (uint64_t)index * 7919 + 1;
    ENSURE(uv_loop_init(&loop->uv) == 0);
    ENSURE(uv_async_init(&loop->uv, &loop->wake, on_wake) == 0);
    loop->wake.data = loop;
    uv_timer_init(&loop->uv, &loop->tick);
    loop->tick.data = loop;
    uv_timer_start(&loop->tick, on_tick, TICK_MS, TICK_MS);
    report_sweep_start(loop);
    mailbox_init(&loop->mailbox, wake, loop);
    const struct http_client_options options = {
        .loop = &loop->uv,
        .guard = &dispatcher->guard,
        .trust = dispatcher->trust,
        .connect_timeout_ms = dispatcher->config.dispatcher.connect_timeout,
        .https_only = dispatcher->config.security.require_https_callbacks,
        .log_forbidden = "callback.forbidden",
        .log_url = "callback",
    };
    loop->signer = signer_new();
    loop->http = http_client_new(&options);
    loop->hosts = host_limits_new(&loop->uv, dispatcher->config.dispatcher.max_connections_per_host,
                                  dispatcher->config.dispatcher.max_requests_per_second_per_host);
    ENSURE(uv_thread_create(&loop->thread, loop_main, loop) == 0);
    return loop;
}

static void run_stop(struct task *task, void *owner)
{
    struct loop *loop = owner;
    struct subscription *subscription, *next;
    free(task);
    loop->stopping = true;
    HASH_ITER(hh, loop->subscriptions, subscription, next)
    {
        subscription_free(subscription);
    }
    verification_drop_shard(loop, -1);
    http_client_free(loop->http);
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->tick, NULL);
    uv_close((uv_handle_t *)&loop->sweep, NULL);
}

void loop_stop(struct loop *loop)
{
    struct task *task = xcalloc(1, sizeof(*task));
    task->run = run_stop;
    loop_post(loop, task);
    uv_thread_join(&loop->thread);
    loop->stopped = true;
}

void loop_free(struct loop *loop)
{
    ENSURE(loop->stopped);
    mailbox_run(&loop->mailbox, loop); /* what came too late: released */
    mailbox_fini(&loop->mailbox);
    ENSURE(uv_loop_close(&loop->uv) == 0);
    host_limits_free(loop->hosts);
    signer_free(loop->signer);
    delivery_pool_fini(loop);
    coverage_fini(loop);
    free(loop);
}
