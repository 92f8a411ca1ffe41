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
#include <string.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/id.h"
#include "common/kafka_offsets.h"
#include "common/log.h"
#include "dispatcher/attempts.h"
#include "dispatcher/retry.h"
#include "dispatcher/verification_internal.h"

enum { LOOK_UP_MS = 5000, LOOK_UP_AGAIN_MS = 250 };

/* Tries of network errors and 5xx are spread over about half a minute. */
static const struct retry_policy retry_policy = {1000, 16000};

/* --- the event --- */

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

void verification_conclude(struct job *job, bool verified, const char *reason)
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
    verification_end(job);
}

/* --- the request --- */

static void on_retry(uv_timer_t *timer);

static void retry_later(struct job *job)
{
    int64_t pause = retry_pause_ms(&retry_policy, job->attempts > 0 ? job->attempts : 1, 0,
                                   loop_random(job->loop));
    uv_timer_start(&job->timer, on_retry, (uint64_t)pause, 0);
}

static void on_retry(uv_timer_t *timer)
{
    verification_begin(timer->data);
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
        verification_conclude(job, true, NULL);
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
        verification_conclude(job, false, reason);
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
        verification_end(job);
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

void verification_begin(struct job *job)
{
    if (job->looking_up)
        retry_later(job);
    else if (job->kind == VERIFY_SUBSCRIBE)
        start_look_up(job);
    else
        send_request(job);
}
