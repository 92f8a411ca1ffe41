/* websub-consolidator: folds events into the compacted state topic. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/health.h"
#include "common/kafka_admin.h"
#include "common/log.h"
#include "common/panic.h"
#include "common/program.h"
#include "consolidator/engine.h"

enum { RETRY_MS = 1000 };

struct consolidator {
    struct config config;
    struct kafka_names names;
    struct kafka_layout layout;
    struct keyring *keyring;
    struct engine_metrics metrics;
    atomic_bool stop;
    atomic_bool joined;
    atomic_bool failed; /* for good: the configuration must change first */
};

static bool stop_requested(void)
{
    return program_wait_for_stop(0);
}

static bool is_ready(void *context, const char **reason)
{
    struct consolidator *consolidator = context;
    *reason = "waiting for Kafka to assign partitions\n";
    return atomic_load(&consolidator->joined);
}

static void register_metrics(struct engine_metrics *m, struct metrics *metrics)
{
    m->folded = metrics_counter(metrics, "websub_consolidator_events_total",
                                "Events read, by what became of them", "outcome=\"folded\"");
    m->ignored =
        metrics_counter(metrics, "websub_consolidator_events_total", "", "outcome=\"ignored\"");
    m->malformed =
        metrics_counter(metrics, "websub_consolidator_events_total", "", "outcome=\"malformed\"");
    m->malformed_state = metrics_counter(metrics, "websub_consolidator_malformed_state_total",
                                         "State records that could not be read", NULL);
    m->transactions = metrics_counter(metrics, "websub_consolidator_transactions_total",
                                      "Kafka transactions by outcome", "outcome=\"committed\"");
    m->aborted = metrics_counter(metrics, "websub_consolidator_transactions_total", "",
                                 "outcome=\"aborted\"");
    m->notices =
        metrics_counter(metrics, "websub_consolidator_notices_total",
                        "Notices written, those of transactions that failed included", NULL);
    m->partitions = metrics_gauge(metrics, "websub_consolidator_partitions",
                                  "Partitions of the events topic owned", NULL);
    m->topics = metrics_gauge(metrics, "websub_consolidator_topics",
                              "Registered topics in the owned partitions", NULL);
    m->subscriptions = metrics_gauge(metrics, "websub_consolidator_subscriptions",
                                     "Subscriptions in the owned partitions", NULL);
}

/** One life of the engine; false: do not try again. */
static bool run_engine(struct consolidator *consolidator)
{
    struct error error;
    int result = -1;
    struct engine *engine =
        engine_new(&consolidator->config, &consolidator->names, &consolidator->layout,
                   consolidator->keyring, &consolidator->metrics, &error);
    if (engine)
        result = engine_run(engine, &consolidator->stop, &consolidator->joined, &error);
    atomic_store(&consolidator->joined, false);
    engine_free(engine);
    if (result == 0)
        return false;
    log_error("consolidator.restarting", LOG_STR("reason", error.message),
              LOG_STR("code", error_code_name(error.code)));
    return error.retriable || error.code == ERROR_CONFLICT;
}

static void *engine_main(void *context)
{
    struct consolidator *consolidator = context;
    while (!atomic_load(&consolidator->stop)) {
        if (!run_engine(consolidator)) {
            atomic_store(&consolidator->failed, !atomic_load(&consolidator->stop));
            break;
        }
        /* Not a wait for anything: only so that a broker that refuses us is not asked in a loop. */
        for (int i = 0; i < 10 && !atomic_load(&consolidator->stop); i++)
            clock_sleep_ms(RETRY_MS / 10);
    }
    return NULL;
}

static int consolidate(struct consolidator *consolidator)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, engine_main, consolidator) != 0)
        PANIC("no thread for the engine");
    while (!program_wait_for_stop(RETRY_MS) && !atomic_load(&consolidator->failed))
        ;
    log_info("consolidator.stopping");
    atomic_store(&consolidator->stop, true);
    pthread_join(thread, NULL);
    return atomic_load(&consolidator->failed) ? 1 : 0;
}

static void reload(void *server)
{
    http_server_reload_certificate(server);
}

int main(int argc, char **argv)
{
    struct consolidator consolidator = {0};
    struct error error;
    int code = program_start(argc, argv, "websub-consolidator",
                             "folds the events of a WebSub hub into its state", NULL,
                             &consolidator.config);
    if (code >= 0)
        return code;
    struct metrics *metrics = metrics_new();
    register_metrics(&consolidator.metrics, metrics);
    consolidator.keyring = keyring_new(&consolidator.config.security.secret_keys, &error);
    ENSURE(consolidator.keyring); /* checked at the start */
    consolidator.metrics.secrets = secrets_gauges_new(consolidator.keyring, metrics);
    const struct health health = {
        .actuator_path = "/consolidator/actuator/health",
        .metrics = metrics,
        .is_ready = is_ready,
        .context = &consolidator,
    };
    kafka_names_init(&consolidator.names, &consolidator.config);
    struct http_server *server = health_server_new(
        &health, &consolidator.config, consolidator.config.consolidator.listen_address,
        (uint16_t)consolidator.config.consolidator.port, &error);
    if (server)
        program_on_reload(reload, server);
    if (!server) {
        log_error("consolidator.start_failed", LOG_STR("reason", error.message));
        code = 1;
    } else if (kafka_admin_prepare(&consolidator.config, &consolidator.names, stop_requested,
                                   &consolidator.layout, &error) == 0) {
        log_info("consolidator.started", LOG_INT("partitions", consolidator.layout.partitions),
                 LOG_STR("instance", consolidator.config.consolidator.instance_id));
        code = consolidate(&consolidator);
    } else {
        code = error.code == ERROR_CONFLICT ? 0 : 1;
        if (code != 0)
            log_error("consolidator.start_failed", LOG_STR("reason", error.message));
    }
    http_server_free(server);
    kafka_names_fini(&consolidator.names);
    metrics_free(metrics);
    secrets_gauges_free(consolidator.metrics.secrets);
    keyring_free(consolidator.keyring);
    config_fini(&consolidator.config);
    log_info("consolidator.stopped");
    return code;
}
