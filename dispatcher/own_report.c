/* What the dispatcher reports of itself (common/delivery_report.h), for operators to see who is
 * there and does what. */
#include <stdlib.h>

#include "common/clock.h"
#include "common/panic.h"
#include "dispatcher/control_internal.h"
#include "dispatcher/status_reports.h"

static int64_t failed_attempts(const struct dispatcher_metrics *metrics)
{
    uint64_t failed = 0;
    for (int i = HTTP_REASON_NONE + 1; i < HTTP_REASON_COUNT; i++)
        failed += counter_value(metrics->failed[i]);
    return (int64_t)failed;
}

void own_report_send(struct control *control)
{
    const struct dispatcher *dispatcher = control->dispatcher;
    const struct dispatcher_metrics *metrics = &dispatcher->metrics;
    struct dispatcher_report report = {
        .id = dispatcher->config.dispatcher.instance_id,
        .at_ms = clock_wall_ms(),
        .started_ms = control->started_ms,
        .interval_ms = dispatcher->config.dispatcher.status_interval,
        .version = (char *)(uintptr_t)WEBSUB_VERSION,
        .shards = xcalloc((size_t)control->shard_count, sizeof(*report.shards)),
        .subscriptions = gauge_value(metrics->subscriptions),
        .delivered = (int64_t)counter_value(metrics->delivered),
        .failed = failed_attempts(metrics),
        .in_flight = gauge_value(metrics->in_flight),
    };
    for (int32_t i = 0; i < control->shard_count; i++)
        if (control->shards[i])
            report.shards[report.shard_count++] = i;
    status_reports_send_dispatcher(dispatcher->reports, &report);
    free(report.shards);
}

void own_report_end(struct control *control)
{
    status_reports_end_dispatcher(control->dispatcher->reports,
                                  control->dispatcher->config.dispatcher.instance_id);
}
