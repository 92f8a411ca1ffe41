#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/log.h"
#include "common/notice.h"
#include "common/panic.h"
#include "dispatcher/notice_sender_internal.h"
#include "dispatcher/retry.h"

enum { MIN_PAUSE_MS = 1000 };

/** A notice under way; travels to the fetcher's thread and back. */
struct notice_attempt {
    struct task task;
    struct notice_sender *sender;
    struct notice_head head;
    int32_t partition;
    uint32_t incarnation;
    bool taken;
    long status;       /* 0: there is no answer */
    char problem[128]; /* why */
    int64_t retry_after_ms;
};

/* --- what became of one --- */

static void on_taken(struct notice_sender *sender, struct notice_partition *partition,
                     const struct notice_attempt *attempt)
{
    log_info("notice.sent", LOG_STR("id", attempt->head.id), LOG_STR("type", attempt->head.type),
             LOG_STR("subscription", partition->queue.first->subscription));
    counter_add(sender->dispatcher->metrics.notices_sent, 1);
    notice_queue_settle(&partition->queue);
}

static void on_not_taken(struct notice_sender *sender, struct notice_partition *partition,
                         const struct notice_attempt *attempt)
{
    const struct retry_policy policy = {MIN_PAUSE_MS,
                                        sender->dispatcher->config.notices.max_retry_interval};
    unsigned failures = partition->queue.failures + 1;
    int64_t pause = retry_pause_ms(&policy, failures, attempt->retry_after_ms, arc4random());
    counter_add(sender->dispatcher->metrics.notices_not_taken, 1);
    log_warning("notice.not_taken", LOG_STR("id", attempt->head.id),
                LOG_STR("type", attempt->head.type),
                LOG_STR("subscription", partition->queue.first->subscription),
                LOG_STR("reason", attempt->problem), LOG_INT("status", attempt->status),
                LOG_INT("failures", failures), LOG_INT("retry_in_ms", pause));
    notice_queue_postpone(&partition->queue, clock_monotonic_ms() + pause);
}

/* @locality the thread */
static void run_result(struct task *task, void *owner)
{
    struct notice_attempt *attempt = CONTAINER_OF(task, struct notice_attempt, task);
    struct notice_sender *sender = owner;
    struct notice_partition *partition = notice_sender_find(sender, attempt->partition);
    sender->under_way--;
    /* What is another's by now, that one sends again. */
    if (partition && partition->incarnation == attempt->incarnation) {
        if (attempt->taken)
            on_taken(sender, partition, attempt);
        else
            on_not_taken(sender, partition, attempt);
    }
    free(attempt);
}

/* @locality the fetcher's thread, or ours within webhook_send */
static void on_result(void *context, const struct http_fetch_result *result)
{
    struct notice_attempt *attempt = context;
    if (result->problem)
        snprintf(attempt->problem, sizeof(attempt->problem), "%s", result->problem);
    else
        snprintf(attempt->problem, sizeof(attempt->problem), "status %ld", result->status);
    attempt->status = result->problem ? 0 : result->status;
    attempt->taken = !result->problem && result->status >= 200 && result->status < 300;
    attempt->retry_after_ms = result->retry_after_ms;
    mailbox_post(&attempt->sender->mailbox, &attempt->task);
}

/* --- sending --- */

static void begin(struct notice_sender *sender, struct notice_partition *partition,
                  const struct queued_notice *notice, const struct notice_head *head)
{
    struct notice_attempt *attempt = xcalloc(1, sizeof(*attempt));
    attempt->task.run = run_result;
    attempt->sender = sender;
    attempt->head = *head;
    attempt->partition = partition->number;
    attempt->incarnation = partition->incarnation;
    notice_queue_begin(&partition->queue);
    sender->under_way++;
    webhook_send(sender->webhook, head->id, notice->value, notice->length, on_result, attempt);
}

static bool is_too_old(const struct notice_sender *sender, const struct queued_notice *notice)
{
    return clock_wall_ms() - notice->written_ms >= sender->dispatcher->config.notices.give_up_after;
}

void notice_attempt_pump(struct notice_sender *sender, struct notice_partition *partition,
                         int64_t now_ms)
{
    const struct queued_notice *notice;
    while ((notice = notice_queue_next(&partition->queue, now_ms))) {
        struct notice_head head;
        struct error error;
        if (notice_read_head(notice->value, notice->length, &head, &error) != 0) {
            log_warning("notice.malformed", LOG_INT("partition", partition->number),
                        LOG_INT("offset", notice->offset), LOG_STR("reason", error.message));
            counter_add(sender->dispatcher->metrics.notices_malformed, 1);
            notice_queue_settle(&partition->queue);
        } else if (is_too_old(sender, notice)) {
            log_warning("notice.given_up", LOG_STR("id", head.id), LOG_STR("type", head.type),
                        LOG_STR("subscription", notice->subscription),
                        LOG_INT("failures", partition->queue.failures));
            counter_add(sender->dispatcher->metrics.notices_given_up, 1);
            notice_queue_settle(&partition->queue);
        } else {
            begin(sender, partition, notice, &head);
        }
    }
}
