/* websub-dispatcher: HTTP out - verification of intent, denial notices, fetches, deliveries. */
#include <curl/curl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/health.h"
#include "common/log.h"
#include "common/panic.h"
#include "common/program.h"
#include "common/tls_files.h"
#include "dispatcher/attempts.h"
#include "dispatcher/catch_up.h"
#include "dispatcher/control.h"
#include "dispatcher/dead_letter.h"
#include "dispatcher/dispatcher_metrics.h"
#include "dispatcher/fetcher.h"
#include "dispatcher/loop.h"
#include "dispatcher/notice_sender.h"
#include "dispatcher/status_reports.h"
#include "dispatcher/tail.h"

enum { WATCH_MS = 1000, FLUSH_MS = 3000 };

/** The HTTP server runs before Kafka is reached, so that health can be asked for. */
struct front {
    struct dispatcher *dispatcher;
    atomic_bool open;
};

static bool stop_requested(void)
{
    return program_wait_for_stop(0);
}

static bool is_ready(void *context, const char **reason)
{
    struct front *front = context;
    *reason = "waiting for Kafka\n";
    if (!atomic_load(&front->open))
        return false;
    *reason = "taking over shards\n";
    return control_is_ready(front->dispatcher->control);
}

static void open_loops(struct dispatcher *dispatcher)
{
    int64_t wanted = dispatcher->config.dispatcher.loops;
    if (wanted == 0)
        wanted = sysconf(_SC_NPROCESSORS_ONLN);
    if (wanted < 1 || wanted > MAX_LOOPS)
        wanted = wanted < 1 ? 1 : MAX_LOOPS;
    for (int i = 0; i < wanted; i++)
        dispatcher->loops[i] = loop_new(dispatcher, i);
    dispatcher->loop_count = (int)wanted;
}

static int open_dispatcher(struct dispatcher *dispatcher, struct error *error)
{
    const struct config *config = &dispatcher->config;
    dispatcher->trust = trust_new(config->security.extra_ca_file, error);
    if (!dispatcher->trust)
        return error_prefix(error, "security.extra_ca_file");
    if (kafka_admin_prepare(config, &dispatcher->names, stop_requested, &dispatcher->layout,
                            error) != 0)
        return -1;
    /* What a dispatcher reports must get through, however long Kafka is away. */
    dispatcher->producer = kafka_producer_new(config, 0, error);
    if (!dispatcher->producer)
        return -1;
    dispatcher->events = event_writer_new(dispatcher->producer, dispatcher->names.events,
                                          dispatcher->layout.partitions, error);
    if (!dispatcher->events)
        return -1;
    dispatcher->attempts = attempts_new(dispatcher, error);
    if (!dispatcher->attempts)
        return -1;
    dispatcher->dead_letters = dead_letters_new(dispatcher, error);
    if (!dispatcher->dead_letters)
        return -1;
    dispatcher->reports = status_reports_new(dispatcher, error);
    if (!dispatcher->reports)
        return -1;
    dispatcher->tail = tail_new(dispatcher, error);
    if (!dispatcher->tail)
        return -1;
    dispatcher->catch_up = catch_up_new(dispatcher, error);
    if (!dispatcher->catch_up)
        return -1;
    open_loops(dispatcher);
    dispatcher->fetcher = fetcher_new(dispatcher);
    dispatcher->control = control_new(dispatcher, error);
    if (!dispatcher->control)
        return -1;
    if (config->notices.webhook_url[0])
        dispatcher->notice_sender = notice_sender_new(dispatcher, error);
    return config->notices.webhook_url[0] && !dispatcher->notice_sender ? -1 : 0;
}

/**
 * Control first, which finishes and commits what is under way; then those that feed the loops; then
 * the loops' threads; the producer, with what they reported. Dead letters post to their loop when
 * they are settled, so loops are freed only after that.
 */
static void close_dispatcher(struct dispatcher *dispatcher)
{
    notice_sender_stop(dispatcher->notice_sender);
    if (dispatcher->control)
        control_stop(dispatcher->control);
    notice_sender_free(dispatcher->notice_sender);
    if (dispatcher->tail)
        tail_stop(dispatcher->tail);
    if (dispatcher->catch_up)
        catch_up_stop(dispatcher->catch_up);
    for (int i = 0; i < dispatcher->loop_count; i++)
        loop_stop(dispatcher->loops[i]);
    if (dispatcher->fetcher)
        fetcher_stop(dispatcher->fetcher);
    catch_up_free(dispatcher->catch_up);
    tail_free(dispatcher->tail);
    control_free(dispatcher->control);
    if (dispatcher->producer)
        kafka_producer_drain(dispatcher->producer, FLUSH_MS);
    for (int i = 0; i < dispatcher->loop_count; i++)
        loop_free(dispatcher->loops[i]);
    fetcher_free(dispatcher->fetcher);
    dead_letters_free(dispatcher->dead_letters);
    attempts_free(dispatcher->attempts);
    status_reports_free(dispatcher->reports);
    event_writer_free(dispatcher->events);
    kafka_producer_free(dispatcher->producer);
}

static int check_config(const struct config *config, struct error *error)
{
    struct trust *trust = trust_new(config->security.extra_ca_file, error);
    if (!trust)
        return error_prefix(error, "security.extra_ca_file");
    trust_free(trust);
    return 0;
}

static bool has_failed(struct dispatcher *dispatcher)
{
    struct error error;
    if (!kafka_producer_has_failed(dispatcher->producer, &error))
        return !control_is_alive(dispatcher->control) || atomic_load(&dispatcher->messages_lost);
    log_error("dispatcher.failed", LOG_STR("reason", error.message));
    return true;
}

/** Runs until a signal (0), or until only another process can go on (1). */
static int dispatch(struct dispatcher *dispatcher)
{
    log_info("dispatcher.started", LOG_INT("shards", dispatcher->layout.partitions),
             LOG_INT("loops", dispatcher->loop_count));
    while (!program_wait_for_stop(WATCH_MS))
        if (has_failed(dispatcher))
            return 1;
    log_info("dispatcher.stopping");
    return 0;
}

static void reload(void *server)
{
    http_server_reload_certificate(server);
}

int main(int argc, char **argv)
{
    struct dispatcher dispatcher = {0};
    struct front front = {.dispatcher = &dispatcher};
    struct error error;
    int code = program_start(argc, argv, "websub-dispatcher",
                             "verifies subscribers, fetches topics, delivers messages",
                             check_config, &dispatcher.config);
    if (code >= 0)
        return code;
    address_guard_init(&dispatcher.guard, &dispatcher.config);
    dispatcher.keyring = keyring_new(&dispatcher.config.security.secret_keys, &error);
    ENSURE(dispatcher.keyring); /* checked at the start */
    /* Half each: neither can take what the other needs. */
    memory_pool_init(&dispatcher.tail_memory, dispatcher.config.dispatcher.memory_budget_bytes / 2);
    memory_pool_init(&dispatcher.catch_up_memory,
                     dispatcher.config.dispatcher.memory_budget_bytes / 2);
    memory_account_open(&dispatcher.catch_up_account, &dispatcher.catch_up_memory);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    kafka_names_init(&dispatcher.names, &dispatcher.config);
    struct metrics *metrics = metrics_new();
    dispatcher_metrics_register(&dispatcher, metrics);
    dispatcher.tracer = tracer_new(&dispatcher.config, "websub-dispatcher", metrics, &error);
    ENSURE(dispatcher.tracer || error.code == ERROR_NONE); /* checked at the start */
    const struct health health = {"/dispatcher/actuator/health", metrics, is_ready, &front};
    struct http_server *server =
        health_server_new(&health, &dispatcher.config, dispatcher.config.dispatcher.listen_address,
                          (uint16_t)dispatcher.config.dispatcher.port, &error);
    if (server)
        program_on_reload(reload, server);
    if (server && open_dispatcher(&dispatcher, &error) == 0) {
        atomic_store(&front.open, true);
        code = dispatch(&dispatcher);
        atomic_store(&front.open, false);
    } else {
        code = server && error.code == ERROR_CONFLICT ? 0 : 1;
        if (code != 0)
            log_error("dispatcher.start_failed", LOG_STR("reason", error.message));
    }
    http_server_free(server);
    close_dispatcher(&dispatcher);
    tracer_free(dispatcher.tracer);
    kafka_names_fini(&dispatcher.names);
    address_guard_fini(&dispatcher.guard);
    trust_free(dispatcher.trust);
    keyring_free(dispatcher.keyring);
    metrics_free(metrics);
    config_fini(&dispatcher.config);
    curl_global_cleanup();
    log_info("dispatcher.stopped");
    return code;
}
