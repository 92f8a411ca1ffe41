#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/panic.h"
#include "dispatcher/fetcher_internal.h"

/* --- tasks --- */

struct topic_task {
    struct task task;
    int32_t shard;
    struct topic_state *state; /* NULL: the topic is gone */
    char *topic;               /* then */
};

static struct fetch_job *find(struct fetcher *fetcher, const char *topic)
{
    struct fetch_job *job;
    HASH_FIND_STR(fetcher->jobs, topic, job);
    return job;
}

static void run_topic(struct task *task, void *owner)
{
    struct topic_task *work = CONTAINER_OF(task, struct topic_task, task);
    struct fetcher *fetcher = owner;
    struct topic_state *state = work->state;
    struct fetch_job *job = find(fetcher, state ? state->topic : work->topic);
    if (!state && job)
        fetch_job_drop(job);
    else if (job)
        fetch_job_update(job, state);
    else if (state && state->pings.oldest > 0 && !fetcher->stopping)
        fetch_job_new(fetcher, work->shard, state);
    else
        topic_state_free(state);
    free(work->topic);
    free(work);
}

void fetcher_take_record(struct fetcher *fetcher, int32_t shard, const char *key, size_t key_length,
                         struct state_record *record)
{
    static const char prefix[] = "topic:";
    if (record->kind != STATE_TOPIC)
        return;
    struct topic_task *work = xcalloc(1, sizeof(*work));
    work->task.run = run_topic;
    work->shard = shard;
    if (record->tombstone) {
        work->topic = xstrndup(key + strlen(prefix), key_length - strlen(prefix));
    } else {
        work->state = record->value.topic;
        record->value.topic = NULL;
    }
    mailbox_post(&fetcher->mailbox, &work->task);
}

struct shard_task {
    struct task task;
    int32_t shard;
};

static void post_shard(struct fetcher *fetcher, void (*run)(struct task *, void *), int32_t shard)
{
    struct shard_task *work = xcalloc(1, sizeof(*work));
    work->task.run = run;
    work->shard = shard;
    mailbox_post(&fetcher->mailbox, &work->task);
}

static void run_open(struct task *task, void *owner)
{
    struct shard_task *work = CONTAINER_OF(task, struct shard_task, task);
    struct fetcher *fetcher = owner;
    struct fetch_job *job, *next;
    fetcher->open[work->shard] = true;
    HASH_ITER(hh, fetcher->jobs, job, next)
    {
        if (job->shard == work->shard)
            fetch_job_open(job);
    }
    free(work);
}

void fetcher_open_shard(struct fetcher *fetcher, int32_t shard)
{
    post_shard(fetcher, run_open, shard);
}

/** -1: all shards. */
static void drop_jobs(struct fetcher *fetcher, int32_t shard)
{
    struct fetch_job *job, *next;
    /* First those that wait: they are not to be let in by those that leave. */
    HASH_ITER(hh, fetcher->jobs, job, next)
    {
        if ((shard < 0 || job->shard == shard) && job->phase == FETCH_QUEUED)
            fetch_job_leave(job);
    }
    HASH_ITER(hh, fetcher->jobs, job, next)
    {
        if (shard < 0 || job->shard == shard)
            fetch_job_drop(job);
    }
}

static void run_drop(struct task *task, void *owner)
{
    struct shard_task *work = CONTAINER_OF(task, struct shard_task, task);
    struct fetcher *fetcher = owner;
    fetcher->open[work->shard] = false;
    drop_jobs(fetcher, work->shard);
    free(work);
}

void fetcher_drop_shard(struct fetcher *fetcher, int32_t shard)
{
    post_shard(fetcher, run_drop, shard);
}

int fetcher_pending(struct fetcher *fetcher)
{
    return atomic_load(&fetcher->publishing);
}

/* --- the thread --- */

static void wake(void *context)
{
    struct fetcher *fetcher = context;
    if (!fetcher->stopped)
        uv_async_send(&fetcher->wake);
}

static void on_wake(uv_async_t *async)
{
    struct fetcher *fetcher = async->data;
    mailbox_run(&fetcher->mailbox, fetcher);
}

static void fetcher_main(void *context)
{
    struct fetcher *fetcher = context;
    uv_run(&fetcher->uv, UV_RUN_DEFAULT);
}

struct fetcher *fetcher_new(struct dispatcher *dispatcher)
{
    const struct config *config = &dispatcher->config;
    struct fetcher *fetcher = xcalloc(1, sizeof(*fetcher));
    fetcher->dispatcher = dispatcher;
    fetcher->open = xcalloc((size_t)dispatcher->layout.partitions, sizeof(*fetcher->open));
    fetcher->random = (uint64_t)clock_wall_ms() * 2 + 1;
    ENSURE(uv_loop_init(&fetcher->uv) == 0);
    ENSURE(uv_async_init(&fetcher->uv, &fetcher->wake, on_wake) == 0);
    fetcher->wake.data = fetcher;
    mailbox_init(&fetcher->mailbox, wake, fetcher);
    const struct http_client_options options = {
        .loop = &fetcher->uv,
        .guard = &dispatcher->guard,
        .trust = dispatcher->trust,
        .connect_timeout_ms = config->dispatcher.connect_timeout,
        .log_forbidden = "fetch.forbidden",
        .log_url = "url",
    };
    fetcher->http = http_client_new(&options);
    /* The queue has bounds of its own. */
    fetcher->hosts = host_limits_new(&fetcher->uv, config->fetch.max_concurrent, 0);
    fetcher->queue =
        fetch_queue_new(config->fetch.max_concurrent, config->fetch.max_concurrent_per_host);
    ENSURE(uv_thread_create(&fetcher->thread, fetcher_main, fetcher) == 0);
    return fetcher;
}

static void run_stop(struct task *task, void *owner)
{
    struct fetcher *fetcher = owner;
    free(task);
    fetcher->stopping = true;
    drop_jobs(fetcher, -1);
    http_client_free(fetcher->http);
    uv_close((uv_handle_t *)&fetcher->wake, NULL);
}

void fetcher_stop(struct fetcher *fetcher)
{
    struct task *task = xcalloc(1, sizeof(*task));
    task->run = run_stop;
    mailbox_post(&fetcher->mailbox, task);
    uv_thread_join(&fetcher->thread);
    fetcher->stopped = true;
}

void fetcher_free(struct fetcher *fetcher)
{
    if (!fetcher)
        return;
    ENSURE(fetcher->stopped);
    mailbox_run(&fetcher->mailbox, fetcher); /* what came too late: released */
    mailbox_fini(&fetcher->mailbox);
    ENSURE(uv_loop_close(&fetcher->uv) == 0);
    host_limits_free(fetcher->hosts);
    fetch_queue_free(fetcher->queue);
    free(fetcher->open);
    free(fetcher);
}
