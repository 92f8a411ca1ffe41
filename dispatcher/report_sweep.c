/*
 * What a loop reports of its subscriptions (common/delivery_report.h), once in
 * dispatcher.status_interval. report_queue.h has which of them: nobody else is looked at.
 *
 * Only the owner of a subscription may report it, else a process that was stopped would put old
 * news over new ones when it wakes up. So sweeps are held to the fence that deliveries are held to
 * (membership.c).
 *
 * A subscription that is well is reported without the age of its oldest message: that is less than
 * an interval old, and confirmed long before the next report would say so.
 */
#include <string.h>

#include "common/clock.h"
#include "common/container.h"
#include "dispatcher/http_reason.h"
#include "dispatcher/loop_internal.h"
#include "dispatcher/status_reports.h"

/* In one sweep of one loop: a few milliseconds of its time. */
enum { SWEEP_REPORTS = 1000 };

static bool is_fenced(const struct loop *loop)
{
    return clock_monotonic_ms() >= atomic_load(&loop->dispatcher->member_until_ms);
}

/** Whether its oldest message waits for longer than it takes to report that. */
static bool is_late(const struct subscription *s)
{
    int64_t interval = s->loop->dispatcher->config.dispatcher.status_interval;
    int64_t published = subscription_oldest_published(s);
    if (!s->is_behind)
        return false;
    if (published > 0)
        return clock_wall_ms() - published >= interval;
    return s->log->progress->end > s->next_offset &&
           clock_monotonic_ms() - s->behind_since_ms >= interval;
}

static bool is_well(const struct subscription *s)
{
    return s->status == SUBSCRIPTION_ACTIVE && !s->position.detached && s->failures == 0 &&
           !is_late(s);
}

/* --- what happens to a subscription --- */

void report_success(struct subscription *s, int64_t now_ms)
{
    s->outcomes.success_ms = now_ms;
    report_queue_note_success(&s->loop->reports, &s->report);
}

void report_failure(struct subscription *s, const struct http_result *result)
{
    s->outcomes.failure_ms = clock_wall_ms();
    s->outcomes.reason = (uint8_t)http_result_reason(result);
    s->outcomes.status = result->outcome == HTTP_ANSWERED ? (uint16_t)result->status : 0;
    report_queue_note_change(&s->loop->reports, &s->report);
}

void report_change(struct subscription *s)
{
    report_queue_note_change(&s->loop->reports, &s->report);
}

void report_tick(struct subscription *s)
{
    if (!s->report.unwell && s->report.place != REPORT_URGENT && is_late(s))
        report_change(s);
}

/* --- reporting --- */

static int send_report(const struct subscription *s, bool well)
{
    struct subscription_report report = {
        .at_ms = clock_wall_ms(),
        .next = subscription_standing(s),
        .base = s->position.base,
        .oldest_ms = !well && s->is_behind ? subscription_oldest_published(s) : 0,
        .last_success_ms = s->outcomes.success_ms,
        .last_failure_ms = s->outcomes.failure_ms,
        .next_attempt_ms = subscription_next_attempt(s),
        .status = s->outcomes.status,
        .failures = s->failures,
    };
    memcpy(report.id, s->id, sizeof(report.id));
    if (report.last_failure_ms > 0)
        report.reason = (char *)(uintptr_t)http_reason_name((enum http_reason)s->outcomes.reason);
    return status_reports_send_subscription(s->loop->dispatcher->reports, &report);
}

static void on_sweep(uv_timer_t *timer)
{
    struct loop *loop = timer->data;
    struct report_mark *mark;
    int64_t now = clock_monotonic_ms();
    if (is_fenced(loop))
        return;
    report_queue_end_rests(&loop->reports, now);
    for (int sent = 0; (mark = report_queue_next(&loop->reports)); sent++) {
        struct subscription *s = CONTAINER_OF(mark, struct subscription, report);
        bool well = is_well(s);
        if (sent == SWEEP_REPORTS || send_report(s, well) != 0) {
            counter_add(loop->dispatcher->metrics.sweeps_cut, 1);
            return; /* the next sweep goes on here */
        }
        report_queue_reported(&loop->reports, mark, well, now);
    }
}

void report_last_news(struct subscription *s)
{
    if (report_queue_has_news(&s->report) && !is_fenced(s->loop))
        send_report(s, is_well(s));
}

void report_sweep_start(struct loop *loop)
{
    const struct config *config = &loop->dispatcher->config;
    uint64_t interval = (uint64_t)config->dispatcher.status_interval;
    loop->reports.rest_ms = config->dispatcher.status_interval_healthy;
    uv_timer_init(&loop->uv, &loop->sweep);
    loop->sweep.data = loop;
    uv_timer_start(&loop->sweep, on_sweep, interval, interval);
}
