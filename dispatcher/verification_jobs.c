/* The verifications of a loop: where they come from, and how they end. */
#include <stdlib.h>
#include <string.h>

#include "common/container.h"
#include "common/panic.h"
#include "dispatcher/verification_internal.h"

/* --- the end of a job --- */

static void on_timer_closed(uv_handle_t *handle)
{
    struct job *job = handle->data;
    buffer_fini(&job->url);
    free(job->topic);
    free(job->callback);
    free(job->reason);
    free(job->verify_token);
    free(job);
}

void verification_end(struct job *job)
{
    if (!job->dropped)
        HASH_DEL(job->loop->jobs, job);
    job->dropped = true;
    if (job->sending) {
        http_client_cancel(job->loop->http, &job->exchange);
        job->sending = false;
    }
    if (job->looking_up)
        return; /* its completion comes back here */
    host_release(job->host);
    uv_close((uv_handle_t *)&job->timer, on_timer_closed);
}

/* --- its beginning --- */

static struct job *job_new(struct loop *loop, int32_t shard, const struct subscription_state *state,
                           struct message_partition *partition)
{
    struct job *job = xcalloc(1, sizeof(*job));
    job->loop = loop;
    job->shard = shard;
    job->partition = partition;
    memcpy(job->id, state->id, sizeof(job->id));
    job->topic = xstrdup(state->topic);
    job->callback = xstrdup(state->callback);
    if (state->status == SUBSCRIPTION_ENDING) {
        job->kind = VERIFY_DENIED;
        job->reason = xstrdup_or_null(state->reason);
    } else {
        const struct pending_request *request = &state->pending[0];
        job->kind = request->denial        ? VERIFY_DENIED
                    : request->unsubscribe ? VERIFY_UNSUBSCRIBE
                                           : VERIFY_SUBSCRIBE;
        job->reason = xstrdup_or_null(request->denial);
        job->verify_token = xstrdup_or_null(request->verify_token);
        memcpy(job->request_id, request->request_id, sizeof(job->request_id));
        job->lease_seconds = request->lease_seconds;
        job->hurry = state->pending_count > 1;
    }
    return job;
}

struct verify_task {
    struct task task;
    struct job *job;
};

static void run_verify(struct task *task, void *owner)
{
    struct job *job = CONTAINER_OF(task, struct verify_task, task)->job, *previous;
    struct loop *loop = owner;
    free(task);
    HASH_FIND(hh, loop->jobs, job->id, ID_HEX_SIZE - 1, previous);
    if (previous)
        verification_end(previous);
    HASH_ADD(hh, loop->jobs, id, ID_HEX_SIZE - 1, job);
    job->host = host_get(loop->hosts, job->callback);
    uv_timer_init(&loop->uv, &job->timer);
    job->timer.data = job;
    verification_begin(job);
}

void loop_verify(struct loop *loop, int32_t shard, const struct subscription_state *state,
                 struct message_partition *partition)
{
    struct verify_task *task = xcalloc(1, sizeof(*task));
    task->task.run = run_verify;
    task->job = job_new(loop, shard, state, partition);
    loop_post(loop, &task->task);
}

struct hurry_task {
    struct task task;
    char id[ID_HEX_SIZE];
};

static void run_hurry(struct task *task, void *owner)
{
    struct hurry_task *hurry = CONTAINER_OF(task, struct hurry_task, task);
    struct loop *loop = owner;
    struct job *job;
    HASH_FIND(hh, loop->jobs, hurry->id, ID_HEX_SIZE - 1, job);
    free(hurry);
    if (!job)
        return;
    job->hurry = true;
    if (!job->sending && !job->looking_up && job->attempts > 0)
        verification_conclude(job, false, "a newer request took its place");
}

void loop_hurry(struct loop *loop, const char *id)
{
    struct hurry_task *task = xcalloc(1, sizeof(*task));
    task->task.run = run_hurry;
    memcpy(task->id, id, sizeof(task->id));
    loop_post(loop, &task->task);
}

void verification_drop_shard(struct loop *loop, int32_t shard)
{
    struct job *job, *next;
    HASH_ITER(hh, loop->jobs, job, next)
    {
        if (shard < 0 || job->shard == shard)
            verification_end(job);
    }
}
