#include "dispatcher/fetch_settlement.h"

#include <stdlib.h>

#include "common/container.h"
#include "common/log.h"
#include "common/panic.h"

/* @locality the fetcher's thread, or that which frees it */
static void run_settled(struct task *task, void *owner)
{
    struct fetch_settlement *settlement = CONTAINER_OF(task, struct fetch_settlement, task);
    struct fetch_job *job = settlement->job;
    (void)owner;
    settlement->settled(job, settlement->code, settlement->offset);
    job->settlements--;
    free(settlement);
    fetch_job_free_when_done(job);
}

static void settle(struct fetch_settlement *settlement, rd_kafka_resp_err_t code, int64_t offset)
{
    settlement->code = code;
    settlement->offset = offset;
    mailbox_post(&settlement->job->fetcher->mailbox, &settlement->task);
}

/* @locality producer thread */
static void on_message_settled(struct kafka_receipt *receipt, rd_kafka_resp_err_t code,
                               int64_t offset)
{
    settle(CONTAINER_OF(receipt, struct fetch_settlement, receipt), code, offset);
}

/* @locality producer thread */
static void on_event_written(void *context, rd_kafka_resp_err_t code, int32_t partition,
                             int64_t offset)
{
    (void)partition;
    settle(context, code, offset);
}

struct fetch_settlement *fetch_settlement_new(struct fetch_job *job, fetch_settled_fn settled)
{
    struct fetch_settlement *settlement = xcalloc(1, sizeof(*settlement));
    settlement->task.run = run_settled;
    settlement->receipt.settled = on_message_settled;
    settlement->job = job;
    settlement->settled = settled;
    job->settlements++;
    return settlement;
}

void fetch_settlement_withdraw(struct fetch_settlement *settlement)
{
    settlement->job->settlements--;
    free(settlement);
}

bool fetch_settlement_send_event(struct fetch_job *job, const struct event *event,
                                 fetch_settled_fn settled)
{
    struct fetch_settlement *settlement = fetch_settlement_new(job, settled);
    struct error error;
    if (event_writer_send(job->fetcher->dispatcher->events, event, on_event_written, settlement,
                          &error) == 0)
        return true;
    log_warning("fetch.event_not_sent", LOG_STR("reason", error.message));
    fetch_settlement_withdraw(settlement);
    return false;
}
