/*
 * Verification of intent (WebSub section 5.3) and denial notices (section 5.2).
 *
 * A job is the oldest pending request of one subscription (which the hub may have found to be
 * denied), or its denial notice. It ends with an event; until that event is folded the request
 * stays pending in state, so a crash at any line only means that the next owner of the shard does
 * it again (P4).
 *
 * Start position. A new subscription begins at the end of the message partition at the moment it
 * was verified. We can only bracket that moment: after we sent the request, before the answer is
 * here. The subscriber may publish as soon as it has answered, and that message must reach it; so
 * the start must be an end that was looked up before the answer was sent. The end is looked up
 * before the request, and again while the answer takes long; a later look-up replaces the earlier
 * one only when, a full round of the event loop after it came back, there still is no answer.
 */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/id.h"
#include "common/kafka_offsets.h"
#include "common/log.h"
#include "common/panic.h"
#include "common/url.h"
#include "dispatcher/attempts.h"
#include "dispatcher/loop_internal.h"
#include "dispatcher/retry.h"
#include "dispatcher/verification_url.h"

enum { LOOK_UP_MS = 5000, LOOK_UP_AGAIN_MS = 250, CHALLENGE_CHARACTERS = 32 };

/* Tries of network errors and 5xx are spread over about half a minute. */
static const struct retry_policy retry_policy = {1000, 16000};

struct job {
    struct http_exchange exchange;
    struct loop *loop;
    char id[ID_HEX_SIZE];
    int32_t shard;
    enum verification_mode kind;
    char request_id[ID_UUID_SIZE];
    char *topic;
    char *callback;
    struct host *host;
    char *reason;
    char *verify_token;
    int64_t lease_seconds;
    struct message_partition *partition;
    int64_t start;     /* offset of the first message for a new subscription */
    int64_t candidate; /* a later look-up's, or -1 */
    int64_t sent_at_ms;
    unsigned attempts;
    bool hurry;   /* another request waits: do not try again */
    bool dropped; /* by its shard: freed when nothing refers to it any more */
    bool sending;
    bool looking_up;
    uv_work_t look_up;
    bool look_up_failed;
    struct error look_up_error;
    int64_t looked_up;
    uv_timer_t timer;
    char challenge[CHALLENGE_CHARACTERS + 1];
    struct buffer url;
    UT_hash_handle hh;
};

/* --- ending --- */

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

/** Frees the job once nothing is under way for it. */
static void end_job(struct job *job)
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

static enum event_type result_event(const struct job *job, bool verified)
{
    if (job->kind == VERIFY_DENIED)
        return job->request_id[0] ? EVENT_SUBSCRIPTION_REFUSED : EVENT_SUBSCRIPTION_DENIED;
    if (!verified)
        return EVENT_SUBSCRIPTION_REFUSED;
    return job->kind == VERIFY_SUBSCRIBE ? EVENT_SUBSCRIPTION_VERIFIED
                                         : EVENT_UNSUBSCRIPTION_VERIFIED;
}

static void retry_later(struct job *job);

static void conclude(struct job *job, bool verified, const char *reason)
{
    struct dispatcher *dispatcher = job->loop->dispatcher;
    struct error error;
    const struct event event = {
        .type = result_event(job, verified),
        .at_ms = verified ? job->sent_at_ms : clock_wall_ms(), /* item 28: the lease starts then */
        .topic = job->topic,
        .callback = job->callback,
        .request_id = job->request_id[0] ? job->request_id : NULL,
        .reason = job->reason ? job->reason : (char *)(uintptr_t)reason,
        .method = -1,
        .offset = job->start,
    };
    if (event_writer_send(dispatcher->events, &event, NULL, NULL, &error) != 0) {
        log_warning("verification.event_not_sent", LOG_STR("reason", error.message));
        retry_later(job);
        return;
    }
    counter_add(
        verified && !job->reason ? dispatcher->metrics.verified : dispatcher->metrics.refused, 1);
    log_info(event_type_name(event.type), LOG_STR("subscription", job->id),
             LOG_STR("topic", job->topic), LOG_URL("callback", job->callback),
             LOG_STR("reason", event.reason));
    end_job(job);
}

/* --- the request --- */

static void on_retry(uv_timer_t *timer);
static void begin(struct job *job);

static void retry_later(struct job *job)
{
    int64_t pause = retry_pause_ms(&retry_policy, job->attempts > 0 ? job->attempts : 1, 0,
                                   loop_random(job->loop));
    uv_timer_start(&job->timer, on_retry, (uint64_t)pause, 0);
}

static void on_retry(uv_timer_t *timer)
{
    begin(timer->data);
}

static bool is_transient(const struct http_result *result)
{
    switch (result->outcome) {
    case HTTP_FORBIDDEN:
    case HTTP_FORBIDDEN_PORT:
    case HTTP_FORBIDDEN_URL:
        return false;
    case HTTP_ANSWERED:
        return result->status >= 500;
    default:
        return true;
    }
}

static bool is_confirmed(const struct job *job, const struct http_result *result)
{
    if (result->outcome != HTTP_ANSWERED || result->status < 200 || result->status >= 300)
        return false;
    /* Item 31: the body is exactly the challenge. Nobody answers a denial notice with anything. */
    return job->kind == VERIFY_DENIED ||
           (result->complete && result->received == CHALLENGE_CHARACTERS &&
            memcmp(result->body, job->challenge, CHALLENGE_CHARACTERS) == 0);
}

static void record_failure(const struct job *job, const struct http_result *result,
                           const char *reason)
{
    const struct attempt attempt = {
        .type = ATTEMPT_VERIFICATION_FAILED,
        .subscription = job->id,
        .topic = job->topic,
        .callback = job->callback,
        .result = result,
        .reason = reason,
        .failures = job->attempts,
    };
    attempts_record(job->loop->dispatcher->attempts, &attempt);
}

static const char *reason_of(const struct http_result *result)
{
    enum http_reason reason = http_result_reason(result);
    return reason == HTTP_REASON_NONE ? "the answer is not the challenge"
                                      : http_reason_name(reason);
}

static void on_answer(struct http_exchange *exchange, const struct http_result *result)
{
    struct job *job = CONTAINER_OF(exchange, struct job, exchange);
    unsigned limit = (unsigned)job->loop->dispatcher->config.dispatcher.verification_attempts;
    job->sending = false;
    uv_timer_stop(&job->timer);
    job->attempts++;
    if (is_confirmed(job, result)) {
        conclude(job, true, NULL);
        return;
    }
    const char *reason = reason_of(result);
    record_failure(job, result, reason);
    if (is_transient(result) && job->attempts < limit && !job->hurry) {
        log_info("verification.retrying", LOG_STR("subscription", job->id),
                 LOG_URL("callback", job->callback), LOG_STR("reason", reason),
                 LOG_INT("attempts", job->attempts));
        retry_later(job);
    } else {
        conclude(job, false, reason);
    }
}

static void make_url(struct job *job)
{
    if (job->kind != VERIFY_DENIED)
        id_random_text(job->challenge, CHALLENGE_CHARACTERS);
    const struct verification verification = {
        .mode = job->kind,
        .topic = job->topic,
        .callback = job->callback,
        .challenge = job->challenge,
        .reason = job->reason,
        .verify_token = job->verify_token,
        .lease_seconds = job->lease_seconds,
        .mosip = job->loop->dispatcher->config.compat.mosip,
    };
    verification_url(&job->url, &verification);
}

static void on_look_up_due(uv_timer_t *timer);

static void send_request(struct job *job)
{
    struct dispatcher *dispatcher = job->loop->dispatcher;
    make_url(job);
    job->exchange = (struct http_exchange){
        .url = job->url.data,
        .host = job->host,
        .timeout_ms = dispatcher->config.dispatcher.verification_timeout,
        .keep_bytes = CHALLENGE_CHARACTERS,
        .done = on_answer,
    };
    job->sent_at_ms = clock_wall_ms();
    job->candidate = -1;
    job->sending = true;
    if (job->kind == VERIFY_SUBSCRIBE)
        uv_timer_start(&job->timer, on_look_up_due, LOOK_UP_AGAIN_MS, LOOK_UP_AGAIN_MS);
    http_client_start(job->loop->http, &job->exchange);
}

/* --- the end of the message partition --- */

/* @locality libuv's thread pool */
static void look_up(uv_work_t *work)
{
    struct job *job = CONTAINER_OF(work, struct job, look_up);
    job->look_up_failed = kafka_find_offset(kafka_producer_handle(job->loop->dispatcher->producer),
                                            job->partition->kafka_topic, job->partition->partition,
                                            RD_KAFKA_OFFSET_END, LOOK_UP_MS, NULL, &job->looked_up,
                                            &job->look_up_error) != 0;
}

static void on_looked_up(uv_work_t *work, int status)
{
    (void)status;
    struct job *job = CONTAINER_OF(work, struct job, look_up);
    job->looking_up = false;
    if (job->dropped) {
        end_job(job);
    } else if (job->look_up_failed) {
        if (job->sending)
            return;
        log_warning("verification.end_unknown", LOG_STR("topic", job->topic),
                    LOG_STR("reason", job->look_up_error.message));
        retry_later(job);
    } else if (job->sending) {
        job->candidate = job->looked_up;
    } else {
        job->start = job->looked_up;
        send_request(job);
    }
}

static void start_look_up(struct job *job)
{
    job->looking_up = true;
    uv_queue_work(&job->loop->uv, &job->look_up, look_up, on_looked_up);
}

static void on_look_up_due(uv_timer_t *timer)
{
    struct job *job = timer->data;
    if (job->candidate >= 0)
        job->start = job->candidate;
    job->candidate = -1;
    if (!job->looking_up)
        start_look_up(job);
}

/* --- jobs --- */

static void begin(struct job *job)
{
    if (job->looking_up)
        retry_later(job);
    else if (job->kind == VERIFY_SUBSCRIBE)
        start_look_up(job);
    else
        send_request(job);
}

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
        end_job(previous);
    HASH_ADD(hh, loop->jobs, id, ID_HEX_SIZE - 1, job);
    job->host = host_get(loop->hosts, job->callback);
    uv_timer_init(&loop->uv, &job->timer);
    job->timer.data = job;
    begin(job);
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
        conclude(job, false, "a newer request took its place");
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
            end_job(job);
    }
}
