/*
 * What became of a fetch: the message, if there is one, and then the event that says how it ended.
 * The order is what makes it safe (fetch_job.c).
 */
#include <string.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/log.h"
#include "dispatcher/fetch_message.h"
#include "dispatcher/fetch_settlement.h"
#include "dispatcher/fetcher_internal.h"
#include "dispatcher/retry.h"

static const char *const end_names[FETCH_END_COUNT] = {
    [FETCH_END_DISTRIBUTED] = "distributed",
    [FETCH_END_UNCHANGED] = "unchanged",
    [FETCH_END_FAILED] = "failed",
    [FETCH_END_GIVEN_UP] = "given_up",
};

/** `reason`: of a failure, or NULL. */
static void end_trace(struct fetch_job *job, enum fetch_end how, const char *reason)
{
    char id[ID_UUID_SIZE];
    fetch_message_id(job->topic, &job->taken.pings, &job->verdict.fetched, id);
    const struct fetch_trace_end end = {
        .topic = job->topic,
        .outcome = end_names[how],
        .message_id = how == FETCH_END_DISTRIBUTED ? id : NULL,
        .error = reason,
    };
    fetch_trace_end(&job->trace, job->fetcher->dispatcher->tracer, &job->taken.pings.trace, &end);
}

/* --- telling --- */

static void on_told(struct fetch_job *job, rd_kafka_resp_err_t code, int64_t offset)
{
    (void)offset;
    if (job->dropped)
        return;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fetch_job_try_again(job);
        return;
    }
    job->settled = job->taken.pings.oldest;
    job->failures = 0;
    fetch_job_consider(job);
}

/** NULL `reason`: it was fetched. */
static void tell(struct fetch_job *job, bool distributed, const char *reason)
{
    const struct event event = {
        .type = reason ? EVENT_TOPIC_NOT_FETCHED : EVENT_TOPIC_FETCHED,
        .at_ms = clock_wall_ms(),
        .topic = job->topic,
        .base = job->announced,
        .reason = (char *)(uintptr_t)reason,
        .distributed = distributed,
        .fetched = reason ? (struct fetched){0} : job->verdict.fetched,
        .method = -1,
    };
    job->phase = FETCH_TELLING;
    if (!fetch_settlement_send_event(job, &event, on_told) && !job->dropped)
        fetch_job_try_again(job);
}

static void clear_content(struct fetch_job *job)
{
    fetch_transfer_fini(&job->transfer);
    job->verdict.body = NULL;
    buffer_fini(&job->verdict.part);
}

/** Without content, and in vain. */
static void give_up(struct fetch_job *job, const char *reason)
{
    log_warning("fetch.given_up", LOG_STR("topic", job->topic), LOG_STR("reason", reason));
    counter_add(job->fetcher->dispatcher->metrics.fetches[FETCH_END_GIVEN_UP], 1);
    end_trace(job, FETCH_END_GIVEN_UP, reason);
    clear_content(job);
    fetch_job_leave(job);
    tell(job, false, reason);
}

/** It is tried again after a growing pause. */
static void try_later(struct fetch_job *job, const char *reason, int64_t retry_after_ms)
{
    struct dispatcher *dispatcher = job->fetcher->dispatcher;
    const struct retry_policy policy = {dispatcher->config.retry.min_interval,
                                        dispatcher->config.retry.max_interval};
    int64_t now = clock_monotonic_ms();
    if (job->failures++ == 0)
        job->failing_since_ms = now;
    if (retry_after_ms > policy.max_interval_ms)
        retry_after_ms = policy.max_interval_ms;
    if (retry_after_ms > 0)
        job->not_before_ms = now + retry_after_ms;
    int64_t pause = retry_pause_ms(&policy, job->failures, retry_after_ms, fetch_job_random(job));
    log_info("fetch.failed", LOG_STR("topic", job->topic), LOG_STR("reason", reason),
             LOG_INT("failures", job->failures), LOG_INT("retry_in_ms", pause));
    counter_add(dispatcher->metrics.fetches[FETCH_END_FAILED], 1);
    end_trace(job, FETCH_END_FAILED, reason);
    clear_content(job);
    fetch_job_leave(job);
    int64_t earliest = fetch_job_next_ms(job);
    fetch_job_pause_until(job, now + pause > earliest ? now + pause : earliest);
}

static void fail(struct fetch_job *job, const struct fetch_result *result)
{
    int64_t give_up_after = job->fetcher->dispatcher->config.fetch.give_up_after;
    int64_t failing = job->failures == 0 ? 0 : clock_monotonic_ms() - job->failing_since_ms;
    if (result->outcome == FETCH_FAILED || failing >= give_up_after)
        give_up(job, result->reason);
    else
        try_later(job, result->reason, result->retry_after_ms);
}

/* --- the message --- */

/** Our own trouble, for which nothing is given up. */
static const char kafka_trouble[] = "kafka";

static void on_published(struct fetch_job *job, rd_kafka_resp_err_t code, int64_t offset)
{
    (void)offset;
    clear_content(job);
    fetch_job_leave(job);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        end_trace(job, FETCH_END_DISTRIBUTED, NULL);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && !job->fetcher->stopping) {
        log_info("fetch.distributed", LOG_STR("topic", job->topic));
        counter_add(job->fetcher->dispatcher->metrics.fetches[FETCH_END_DISTRIBUTED], 1);
        tell(job, job->verdict.fetched.digest != NULL, NULL);
    } else if (!job->dropped && code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
        give_up(job, "too_large");
    } else if (!job->dropped) {
        try_later(job, kafka_trouble, 0);
    }
    atomic_fetch_sub(&job->fetcher->publishing, 1); /* after the event was sent */
}

static void publish(struct fetch_job *job)
{
    struct fetch_settlement *settlement;
    struct error error;
    if (!fetch_job_is_member(job)) {
        clear_content(job);
        fetch_job_try_again(job);
        return;
    }
    job->phase = FETCH_PUBLISHING;
    settlement = fetch_settlement_new(job, on_published);
    atomic_fetch_add(&job->fetcher->publishing, 1);
    if (fetch_message_send(job->fetcher->dispatcher->producer, job->messages, &job->taken,
                           &job->verdict, fetch_trace_parent(&job->trace, &job->taken.pings.trace),
                           &settlement->receipt, &error) == 0)
        return;
    atomic_fetch_sub(&job->fetcher->publishing, 1);
    fetch_settlement_withdraw(settlement);
    if (error.code == ERROR_TOO_LARGE)
        give_up(job, "too_large");
    else
        try_later(job, kafka_trouble, 0);
}

/* --- the content --- */

static void on_unchanged(struct fetch_job *job)
{
    log_info("fetch.unchanged", LOG_STR("topic", job->topic));
    counter_add(job->fetcher->dispatcher->metrics.fetches[FETCH_END_UNCHANGED], 1);
    end_trace(job, FETCH_END_UNCHANGED, NULL);
    clear_content(job);
    fetch_job_leave(job);
    tell(job, false, NULL);
}

static void judge(struct fetch_job *job, bool not_modified)
{
    const struct config *config = &job->fetcher->dispatcher->config;
    const struct fetch_transfer *transfer = &job->transfer;
    const struct fetch_content content = {
        .topic = job->topic,
        .url = transfer->url,
        .known = &job->taken.fetched,
        .head = &transfer->head,
        .body = transfer->body.data ? transfer->body.data : "",
        .length = transfer->body.length,
        .not_modified = not_modified,
        .feed_diff = config->fetch.feed_diff ? (size_t)config->fetch.feed_diff_entries : 0,
    };
    fetch_verdict_fini(&job->verdict);
    fetch_content_judge(&content, &job->verdict);
    if (job->verdict.distribute)
        publish(job);
    else
        on_unchanged(job);
}

void fetch_end_on_fetched(struct fetch_transfer *transfer, const struct fetch_result *result)
{
    struct fetch_job *job = CONTAINER_OF(transfer, struct fetch_job, transfer);
    struct dispatcher_metrics *metrics = &job->fetcher->dispatcher->metrics;
    job->trace.status = result->status;
    gauge_add(metrics->fetching, -1);
    histogram_observe(metrics->fetch_duration, (clock_monotonic_ms() - job->begun_ms) * 1000);
    switch (result->outcome) {
    case FETCH_CONTENT:
    case FETCH_NOT_MODIFIED:
        judge(job, result->outcome == FETCH_NOT_MODIFIED);
        break;
    case FETCH_FAILED:
    case FETCH_FAILED_FOR_NOW:
        fail(job, result);
        break;
    }
}

/** A topic that is only a name: that it was pinged is all that can be told of it. */
void fetch_end_without_content(struct fetch_job *job)
{
    fetch_verdict_fini(&job->verdict);
    memset(&job->verdict, 0, sizeof(job->verdict));
    job->verdict.distribute = true;
    job->verdict.body = "";
    publish(job);
}
