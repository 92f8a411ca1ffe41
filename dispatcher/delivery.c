/*
 * One message to one subscription (WebSub section 7).
 *
 *   SENDING --2xx--> CONFIRMED (kept until all older ones are, so that the position has no gap)
 *   SENDING --anything else--> WAITING --pause over--> SENDING
 *   SENDING --given up by policy--> BURYING --Kafka has the dead letter--> CONFIRMED
 *                                           --it has not--> WAITING
 *
 * While a subscription fails, only its oldest unconfirmed message is sent: it is the probe, and
 * order holds.
 *
 * Nothing that is to be signed goes out unsigned. Headers are made for each attempt, with the
 * secret that is in force then; while a subscription's secret cannot be decrypted (locked), an
 * attempt fails without being made. That is our own fault, not the subscriber's: its messages wait,
 * they are never given up for it.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/log.h"
#include "common/panic.h"
#include "dispatcher/attempts.h"
#include "dispatcher/dead_letter.h"
#include "dispatcher/delivery_request.h"
#include "dispatcher/delivery_trace.h"
#include "dispatcher/loop_internal.h"
#include "dispatcher/retry.h"

/* Who waits longer than this is not worth the memory of its message. */
enum { LET_GO_MS = 5000, BURY_AGAIN_MS = 1000 };

enum delivery_state { DELIVERY_SENDING, DELIVERY_WAITING, DELIVERY_BURYING, DELIVERY_CONFIRMED };

struct delivery {
    struct http_exchange exchange;
    struct subscription *subscription;
    struct message *message;
    struct delivery *prev, *next;
    enum delivery_state state;
    struct dead_letter *letter; /* while BURYING */
    int64_t failing_since_ms;   /* 0: it has not failed */
    struct delivery_request request;
};

const struct message *delivery_oldest(const struct subscription *s)
{
    return s->deliveries->message;
}

/* --- sending --- */

static void on_failure(struct subscription *s, struct delivery *delivery,
                       const struct http_result *result);

/** When the secret is locked, the delivery may be gone afterwards. */
static void send_out(struct delivery *delivery)
{
    struct subscription *s = delivery->subscription;
    if (s->locked) {
        const struct http_result not_sent = {.outcome = HTTP_NOT_SENT};
        delivery->state = DELIVERY_WAITING;
        on_failure(s, delivery, &not_sent);
        return;
    }
    delivery_request_sign(&delivery->request, s, delivery->message);
    delivery->state = DELIVERY_SENDING;
    gauge_add(s->loop->dispatcher->metrics.in_flight, 1);
    http_client_start(s->loop->http, &delivery->exchange);
}

static void on_result(struct http_exchange *exchange, const struct http_result *result);

void delivery_start(struct subscription *s, struct message *message)
{
    struct loop *loop = s->loop;
    struct delivery *delivery = loop->idle_deliveries;
    if (delivery)
        LL_DELETE(loop->idle_deliveries, delivery);
    else
        delivery = xcalloc(1, sizeof(*delivery));
    delivery->subscription = s;
    delivery->message = message;
    delivery_request_begin(&delivery->request, &delivery->exchange, s, message);
    delivery->exchange.done = on_result;
    delivery->failing_since_ms = 0;
    DL_APPEND(s->deliveries, delivery);
    s->delivery_count++;
    s->open_deliveries++;
    send_out(delivery);
}

void delivery_restart(struct subscription *s)
{
    struct delivery *delivery;
    DL_FOREACH(s->deliveries, delivery)
    {
        if (delivery->state == DELIVERY_WAITING) {
            send_out(delivery);
            if (s->failures > 0)
                return;
        }
    }
}

/* --- ending --- */

static void release(struct delivery *delivery)
{
    struct subscription *s = delivery->subscription;
    DL_DELETE(s->deliveries, delivery);
    s->delivery_count--;
    message_release(delivery->message);
    LL_PREPEND(s->loop->idle_deliveries, delivery);
}

void delivery_drop_all(struct subscription *s)
{
    struct delivery *delivery, *next;
    DL_FOREACH_SAFE(s->deliveries, delivery, next)
    {
        if (delivery->state == DELIVERY_SENDING) {
            gauge_add(s->loop->dispatcher->metrics.in_flight, -1);
            http_client_cancel(s->loop->http, &delivery->exchange);
        } else if (delivery->state == DELIVERY_BURYING) {
            dead_letter_forget(delivery->letter);
        }
        release(delivery);
    }
    s->open_deliveries = 0;
}

void delivery_pool_fini(struct loop *loop)
{
    struct delivery *delivery, *next;
    LL_FOREACH_SAFE(loop->idle_deliveries, delivery, next)
    {
        free(delivery);
    }
    loop->idle_deliveries = NULL;
}

/* --- results --- */

static void record(const struct subscription *s, struct attempt *attempt)
{
    attempt->subscription = s->id;
    attempt->topic = s->log->channel->topic;
    attempt->callback = s->callback;
    attempts_record(s->loop->dispatcher->attempts, attempt);
}

static void record_change(const struct subscription *s, enum attempt_type type, const char *reason)
{
    struct attempt attempt = {.type = type, .reason = reason, .failures = s->failures};
    if (s->deliveries)
        attempt.message = delivery_oldest(s);
    record(s, &attempt);
}

/** The subscription needs the message no more. */
static void confirm(struct subscription *s, struct delivery *delivery)
{
    subscription_forget_failures(s);
    delivery->state = DELIVERY_CONFIRMED;
    s->open_deliveries--;
    while (s->deliveries && s->deliveries->state == DELIVERY_CONFIRMED) {
        s->oldest_published_ms = s->deliveries->message->published_at_ms;
        release(s->deliveries);
    }
    subscription_pump(s);
}

static void on_recovered(struct subscription *s)
{
    log_info("delivery.recovered", LOG_STR("subscription", s->id), LOG_URL("callback", s->callback),
             LOG_INT("failures", s->failures));
    record_change(s, ATTEMPT_RECOVERED, NULL);
}

static void on_success(struct subscription *s, struct delivery *delivery)
{
    struct dispatcher_metrics *metrics = &s->loop->dispatcher->metrics;
    int64_t now = clock_wall_ms();
    counter_add(metrics->delivered, 1);
    histogram_observe(metrics->latency, (now - delivery->message->published_at_ms) * 1000);
    report_success(s, now);
    if (s->failures > 0)
        on_recovered(s);
    if (s->status == SUBSCRIPTION_SUSPENDED)
        subscription_tell(s, EVENT_DELIVERY_RECOVERED, NULL);
    confirm(s, delivery);
}

void delivery_end_gone(struct subscription *s)
{
    log_info("subscription.gone", LOG_STR("subscription", s->id), LOG_URL("callback", s->callback),
             LOG_STR("topic", s->log->channel->topic));
    counter_add(s->loop->dispatcher->metrics.gone, 1);
    record_change(s, ATTEMPT_GONE, "status_410");
    subscription_tell(s, EVENT_DELIVERY_GONE, NULL);
    s->gone = true;
    s->status = SUBSCRIPTION_ENDING;
    subscription_let_go(s);
}

/* --- giving up --- */

static void suspend(struct subscription *s, const char *reason)
{
    log_warning("subscription.suspended", LOG_STR("subscription", s->id),
                LOG_URL("callback", s->callback), LOG_STR("topic", s->log->channel->topic),
                LOG_STR("reason", reason));
    record_change(s, ATTEMPT_SUSPENDED, reason);
    subscription_tell(s, EVENT_DELIVERY_SUSPENDED, reason);
}

/* @locality the loop's thread */
static void on_buried(void *context, int64_t behind)
{
    struct delivery *delivery = context;
    struct subscription *s = delivery->subscription;
    delivery->letter = NULL;
    if (behind == 0) {
        delivery->state = DELIVERY_WAITING;
        subscription_wait(s, BURY_AGAIN_MS);
        return;
    }
    log_warning("delivery.dead_lettered", LOG_STR("subscription", s->id),
                LOG_URL("callback", s->callback), LOG_STR("topic", s->log->channel->topic),
                LOG_STR("message", delivery->message->id));
    counter_add(s->loop->dispatcher->metrics.dead_letters, 1);
    record_change(s, ATTEMPT_DEAD_LETTERED, NULL);
    report_change(s);
    confirm(s, delivery);
}

/** False: not now, the message is tried again first. */
static bool bury(struct subscription *s, struct delivery *delivery, const char *reason)
{
    struct error error;
    const struct dead_letter_contents contents = {
        .subscription = s->id,
        .callback = s->callback,
        .channel = s->log->channel,
        .message = delivery->message,
        .reason = reason,
        .failures = s->failures,
        .is_news = true,
        .owner = s->owner,
        .lease_end_ms = s->lease_end_ms,
        .base = s->position.base,
    };
    delivery->letter = dead_letter_send(s->loop->dispatcher->dead_letters, s->loop, &contents,
                                        on_buried, delivery, &error);
    if (!delivery->letter) {
        log_warning("delivery.dead_letter_not_sent", LOG_STR("subscription", s->id),
                    LOG_STR("reason", error.message));
        return false;
    }
    delivery->state = DELIVERY_BURYING;
    return true;
}

/** Whether something has failed for so long that the policy has something else in store. */
static bool is_exhausted(const struct subscription *s, int64_t since_ms, int64_t now_ms)
{
    /* What a pause has let end fails for nothing else. */
    return s->status != SUBSCRIPTION_PAUSED &&
           now_ms - since_ms >= s->loop->dispatcher->config.retry.give_up_after;
}

/* --- failing --- */

bool delivery_is_sending(const struct subscription *s)
{
    const struct delivery *delivery;
    DL_FOREACH(s->deliveries, delivery)
    {
        if (delivery->state == DELIVERY_SENDING || delivery->state == DELIVERY_BURYING)
            return true;
    }
    return false;
}

/** Counts, logs and records a failed attempt. @returns the pause before the next one. */
static int64_t note_failure(struct subscription *s, struct delivery *delivery,
                            const struct http_result *result, int64_t now_ms)
{
    struct dispatcher *dispatcher = s->loop->dispatcher;
    const struct retry_policy policy = {dispatcher->config.retry.min_interval,
                                        dispatcher->config.retry.max_interval};
    enum http_reason reason = http_result_reason(result);
    counter_add(dispatcher->metrics.failed[reason], 1);
    if (s->failures++ == 0) {
        s->failing_since_ms = now_ms;
        gauge_add(dispatcher->metrics.failing, 1);
    }
    /* It may have failed before, and been let go of meanwhile. */
    if (delivery->failing_since_ms == 0)
        delivery->failing_since_ms = s->failing_since_ms;
    int64_t pause =
        retry_pause_ms(&policy, s->failures, result->retry_after_ms, loop_random(s->loop));
    log_info("delivery.failed", LOG_STR("subscription", s->id), LOG_URL("callback", s->callback),
             LOG_STR("topic", s->log->channel->topic), LOG_STR("reason", http_reason_name(reason)),
             LOG_INT("status", result->status), LOG_INT("failures", s->failures),
             LOG_INT("retry_in_ms", pause));
    struct attempt attempt = {
        .type = ATTEMPT_DELIVERY_FAILED,
        .message = delivery->message,
        .result = result,
        .reason = http_reason_name(reason),
        .failures = s->failures,
        .retry_in_ms = pause,
    };
    record(s, &attempt);
    report_failure(s, result);
    return pause;
}

static void on_failure(struct subscription *s, struct delivery *delivery,
                       const struct http_result *result)
{
    const struct config *config = &s->loop->dispatcher->config;
    int64_t now = clock_monotonic_ms();
    int64_t pause = note_failure(s, delivery, result, now);
    const char *reason = http_reason_name(http_result_reason(result));
    if (config->retry.on_exhausted == EXHAUSTED_DEAD_LETTER && result->outcome != HTTP_NOT_SENT) {
        if (is_exhausted(s, delivery->failing_since_ms, now) && bury(s, delivery, reason))
            return;
    } else if (is_exhausted(s, s->failing_since_ms, now) && s->status == SUBSCRIPTION_ACTIVE &&
               s->event_sent_ms == 0) {
        suspend(s, reason);
    }
    subscription_wait(s, pause);
    if (pause > LET_GO_MS && !delivery_is_sending(s))
        subscription_let_go(s);
}

static void on_result(struct http_exchange *exchange, const struct http_result *result)
{
    struct delivery *delivery = CONTAINER_OF(exchange, struct delivery, exchange);
    struct subscription *s = delivery->subscription;
    struct dispatcher_metrics *metrics = &s->loop->dispatcher->metrics;
    gauge_add(metrics->in_flight, -1);
    histogram_observe(metrics->delivery, result->duration_us);
    delivery_trace_end(&delivery->request.trace, s, delivery->message, result);
    /* Items 40 to 42: 2xx is success whatever the body, 410 is the end, all else is failure. */
    if (result->outcome == HTTP_ANSWERED && result->status < 300) {
        on_success(s, delivery);
    } else if (result->outcome == HTTP_ANSWERED && result->status == 410) {
        delivery->state = DELIVERY_WAITING;
        delivery_end_gone(s);
    } else {
        delivery->state = DELIVERY_WAITING;
        on_failure(s, delivery, result);
    }
}
