#include "dispatcher/dispatcher_metrics.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/panic.h"
#include "dispatcher/dispatcher.h"
#include "dispatcher/loop.h"
#include "dispatcher/loop_stats.h"

/* --- what is asked for when the metrics are --- */

static int64_t read_tail_memory(void *context)
{
    return memory_pool_used(&((const struct dispatcher *)context)->tail_memory);
}

static int64_t read_catch_up_memory(void *context)
{
    return memory_pool_used(&((const struct dispatcher *)context)->catch_up_memory);
}

/** Loops are there once the dispatcher is open; their number is set after the last one. */
static int64_t sum(const struct dispatcher *dispatcher,
                   int64_t (*of)(const struct loop_stats *stats, int health), int health)
{
    int64_t total = 0;
    int count = atomic_load(&dispatcher->loop_count);
    for (int i = 0; i < count; i++)
        total += of(loop_get_stats(dispatcher->loops[i]), health);
    return total;
}

static int64_t detached_of(const struct loop_stats *stats, int health)
{
    (void)health;
    return atomic_load_explicit(&stats->detached, memory_order_relaxed);
}

static int64_t behind_of(const struct loop_stats *stats, int health)
{
    return atomic_load_explicit(&stats->by_health[health], memory_order_relaxed);
}

static int64_t backlog_of(const struct loop_stats *stats, int health)
{
    return atomic_load_explicit(&stats->backlog[health], memory_order_relaxed);
}

static int64_t read_detached(void *context)
{
    return sum(context, detached_of, 0);
}

static int64_t seconds_behind(const struct dispatcher *dispatcher, int health)
{
    int64_t oldest = 0;
    int count = atomic_load(&dispatcher->loop_count);
    for (int i = 0; i < count; i++) {
        int64_t of_loop = atomic_load_explicit(
            &loop_get_stats(dispatcher->loops[i])->oldest[health], memory_order_relaxed);
        if (of_loop > 0 && (oldest == 0 || of_loop < oldest))
            oldest = of_loop;
    }
    int64_t behind = oldest > 0 ? (clock_wall_ms() - oldest) / 1000 : 0;
    return behind > 0 ? behind : 0;
}

#define READERS(name, health)                                                                      \
    static int64_t read_behind_##name(void *context)                                               \
    {                                                                                              \
        return sum(context, behind_of, health);                                                    \
    }                                                                                              \
    static int64_t read_backlog_##name(void *context)                                              \
    {                                                                                              \
        return sum(context, backlog_of, health);                                                   \
    }                                                                                              \
    static int64_t read_seconds_##name(void *context)                                              \
    {                                                                                              \
        return seconds_behind(context, health);                                                    \
    }
READERS(healthy, HEALTH_HEALTHY)
READERS(failing, HEALTH_FAILING)
READERS(suspended, HEALTH_SUSPENDED)
READERS(paused, HEALTH_PAUSED)

/* --- registering --- */

static void register_failures(struct dispatcher_metrics *m, struct metrics *metrics)
{
    static const char *const labels[HTTP_REASON_COUNT] = {
        [HTTP_REASON_REDIRECT] = "reason=\"status_3xx\"",
        [HTTP_REASON_GONE] = "reason=\"status_410\"",
        [HTTP_REASON_CLIENT_ERROR] = "reason=\"status_4xx\"",
        [HTTP_REASON_BUSY] = "reason=\"busy\"",
        [HTTP_REASON_SERVER_ERROR] = "reason=\"status_5xx\"",
        [HTTP_REASON_DNS] = "reason=\"dns\"",
        [HTTP_REASON_REFUSED] = "reason=\"refused\"",
        [HTTP_REASON_FORBIDDEN] = "reason=\"forbidden_address\"",
        [HTTP_REASON_FORBIDDEN_PORT] = "reason=\"forbidden_port\"",
        [HTTP_REASON_FORBIDDEN_URL] = "reason=\"forbidden_url\"",
        [HTTP_REASON_TLS] = "reason=\"tls\"",
        [HTTP_REASON_CONNECT_TIMEOUT] = "reason=\"connect_timeout\"",
        [HTTP_REASON_TIMEOUT] = "reason=\"timeout\"",
        [HTTP_REASON_BROKEN] = "reason=\"broken_connection\"",
        [HTTP_REASON_SECRET] = "reason=\"secret_key\"",
    };
    for (int i = HTTP_REASON_NONE + 1; i < HTTP_REASON_COUNT; i++)
        m->failed[i] = metrics_counter(metrics, "websub_dispatcher_failed_attempts_total",
                                       "Delivery attempts that failed, by reason", labels[i]);
}

static void register_backlog(struct dispatcher *dispatcher, struct metrics *metrics)
{
    static const struct {
        const char *name, *help, *labels;
        int64_t (*read)(void *context);
    } rows[] = {
#define ROWS(name, help, kind)                                                                     \
    {"websub_dispatcher_" name, help, "subscriptions=\"healthy\"", read_##kind##_healthy},         \
        {"websub_dispatcher_" name, help, "subscriptions=\"failing\"", read_##kind##_failing},     \
        {"websub_dispatcher_" name, help, "subscriptions=\"suspended\"", read_##kind##_suspended}, \
        {"websub_dispatcher_" name, help, "subscriptions=\"paused\"", read_##kind##_paused}
        ROWS("behind_subscriptions", "Subscriptions that have not confirmed everything", behind),
        ROWS("backlog_messages",
             "Messages that subscriptions have not confirmed, at most: in pooled partitions those "
             "of other topics between them count as well",
             backlog),
        ROWS("backlog_seconds", "Age of the oldest message that a subscription has not confirmed",
             seconds),
#undef ROWS
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        metrics_gauge_callback(metrics, rows[i].name, rows[i].help, rows[i].labels, rows[i].read,
                               dispatcher);
}

static void register_subscriptions(struct dispatcher *dispatcher, struct metrics *metrics)
{
    struct dispatcher_metrics *m = &dispatcher->metrics;
    m->shards = metrics_gauge(metrics, "websub_dispatcher_shards", "Shards owned", NULL);
    m->subscriptions = metrics_gauge(metrics, "websub_dispatcher_subscriptions",
                                     "Subscriptions that are served", NULL);
    m->failing = metrics_gauge(metrics, "websub_dispatcher_failing_subscriptions",
                               "Subscriptions whose last attempt failed", NULL);
    metrics_gauge_callback(metrics, "websub_dispatcher_detached_subscriptions",
                           "Subscriptions whose position is kept apart from their shard's", NULL,
                           read_detached, dispatcher);
    register_backlog(dispatcher, metrics);
}

static void register_deliveries(struct dispatcher_metrics *m, struct metrics *metrics)
{
    m->delivered = metrics_counter(metrics, "websub_dispatcher_deliveries_total",
                                   "Messages confirmed by subscribers", NULL);
    register_failures(m, metrics);
    m->gone = metrics_counter(metrics, "websub_dispatcher_gone_total",
                              "Subscriptions ended by their callback (410)", NULL);
    m->dead_letters = metrics_counter(metrics, "websub_dispatcher_dead_letters_total",
                                      "Messages given up by policy", NULL);
    m->verified = metrics_counter(metrics, "websub_dispatcher_verifications_total",
                                  "Verifications of intent and denial notices, by outcome",
                                  "outcome=\"confirmed\"");
    m->refused = metrics_counter(metrics, "websub_dispatcher_verifications_total", "",
                                 "outcome=\"refused\"");
    m->in_flight = metrics_gauge(metrics, "websub_dispatcher_in_flight",
                                 "Deliveries that wait for an answer", NULL);
    m->latency = metrics_histogram(metrics, "websub_dispatcher_delivery_latency_seconds",
                                   "From publication to confirmation by the subscriber", NULL);
    m->delivery = metrics_histogram(metrics, "websub_dispatcher_attempt_duration_seconds",
                                    "Duration of one delivery attempt", NULL);
}

static void register_kafka(struct dispatcher *dispatcher, struct metrics *metrics)
{
    struct dispatcher_metrics *m = &dispatcher->metrics;
    m->malformed = metrics_counter(metrics, "websub_dispatcher_malformed_messages_total",
                                   "Records in message topics that are no messages", NULL);
    m->malformed_state = metrics_counter(metrics, "websub_dispatcher_malformed_state_total",
                                         "State records that could not be read", NULL);
    m->commits = metrics_counter(metrics, "websub_dispatcher_commits_total",
                                 "Commits of shard offsets, by outcome", "outcome=\"done\"");
    m->commits_failed =
        metrics_counter(metrics, "websub_dispatcher_commits_total", "", "outcome=\"failed\"");
    m->rebalances = metrics_counter(metrics, "websub_dispatcher_rebalances_total",
                                    "Assignments and revocations of shards", NULL);
    m->attempts_dropped =
        metrics_counter(metrics, "websub_dispatcher_attempts_dropped_total",
                        "Records for the attempts topic that Kafka was too slow for", NULL);
    m->reports_written =
        metrics_counter(metrics, "websub_dispatcher_status_reports_total",
                        "Records for the status topic, by outcome", "outcome=\"written\"");
    m->reports_failed = metrics_counter(metrics, "websub_dispatcher_status_reports_total", "",
                                        "outcome=\"failed\"");
    m->sweeps_cut = metrics_counter(metrics, "websub_dispatcher_status_sweeps_cut_total",
                                    "Sweeps that left reports to the next one", NULL);
    m->pauses = metrics_counter(metrics, "websub_dispatcher_pauses_total",
                                "Pauses in reading a message partition, for want of memory", NULL);
    m->catch_up_waiting = metrics_gauge(metrics, "websub_dispatcher_catch_up_waiting",
                                        "Subscriptions that wait to have messages read", NULL);
    metrics_gauge_callback(metrics, "websub_dispatcher_message_bytes",
                           "Bytes of messages in memory", "held_for=\"tail\"", read_tail_memory,
                           dispatcher);
    metrics_gauge_callback(metrics, "websub_dispatcher_message_bytes", "", "held_for=\"catch_up\"",
                           read_catch_up_memory, dispatcher);
}

static void register_notices(struct dispatcher_metrics *m, struct metrics *metrics)
{
    m->notices_sent =
        metrics_counter(metrics, "websub_dispatcher_webhook_notices_total",
                        "Notices for the webhook, by what became of them", "outcome=\"taken\"");
    m->notices_given_up = metrics_counter(metrics, "websub_dispatcher_webhook_notices_total", "",
                                          "outcome=\"given_up\"");
    m->notices_malformed = metrics_counter(metrics, "websub_dispatcher_webhook_notices_total", "",
                                           "outcome=\"malformed\"");
    m->notices_not_taken =
        metrics_counter(metrics, "websub_dispatcher_webhook_failed_attempts_total",
                        "Attempts to send a notice to the webhook that failed", NULL);
    m->notices_failing =
        metrics_gauge(metrics, "websub_dispatcher_webhook_failing_partitions",
                      "Partitions of the notices topic whose next notice was not taken yet", NULL);
    m->notices_refused = metrics_counter(metrics, "websub_dispatcher_notices_refused_total",
                                         "Notices that Kafka refused", NULL);
}

static void register_fetches(struct dispatcher_metrics *m, struct metrics *metrics)
{
    static const char *const labels[FETCH_END_COUNT] = {
        [FETCH_END_DISTRIBUTED] = "outcome=\"distributed\"",
        [FETCH_END_UNCHANGED] = "outcome=\"unchanged\"",
        [FETCH_END_FAILED] = "outcome=\"failed\"",
        [FETCH_END_GIVEN_UP] = "outcome=\"given_up\"",
    };
    for (int i = 0; i < FETCH_END_COUNT; i++)
        m->fetches[i] = metrics_counter(metrics, "websub_dispatcher_fetches_total",
                                        "Fetches of pinged topics, by outcome", labels[i]);
    m->fetching = metrics_gauge(metrics, "websub_dispatcher_fetching_topics",
                                "Topics that are being fetched", NULL);
    m->fetch_duration = metrics_histogram(metrics, "websub_dispatcher_fetch_duration_seconds",
                                          "Duration of one fetch", NULL);
}

void dispatcher_metrics_register(struct dispatcher *dispatcher, struct metrics *metrics)
{
    register_deliveries(&dispatcher->metrics, metrics);
    register_fetches(&dispatcher->metrics, metrics);
    register_subscriptions(dispatcher, metrics);
    register_kafka(dispatcher, metrics);
    register_notices(&dispatcher->metrics, metrics);
}
