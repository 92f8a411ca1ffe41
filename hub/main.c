/* websub-hub: HTTP in, events and messages to Kafka. */
#include <stdlib.h>

#include "common/clock.h"
#include "common/health.h"
#include "common/log.h"
#include "common/panic.h"
#include "common/program.h"
#include "hub/hub.h"
#include "hub/operation.h"
#include "hub/router.h"

enum { STOP_POLL_MS = 20, FLUSH_MS = 2000 };

/** The HTTP server runs before Kafka is reached, so that health can be asked for. */
struct front {
    struct hub *hub;
    struct health health;
    atomic_bool open; /* the hub is complete: requests are let in */
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
    *reason = "reading the state\n";
    return view_is_loaded(front->hub->view);
}

static void handle(struct http_request *http, void *context)
{
    struct front *front = context;
    if (health_handle(&front->health, http))
        return;
    if (atomic_load(&front->open)) {
        router_handle(front->hub, http);
    } else {
        http_response_header(http, "Retry-After", "1");
        operation_respond_denied(http, 503, "the hub is starting or stopping");
    }
}

static void refuse(struct http_request *http, unsigned status, const char *reason)
{
    operation_respond_denied(http, status, reason);
}

static const struct {
    const char *accepted, *refused, *unavailable;
} operation_labels[OPERATION_COUNT] = {
#define LABELS(mode)                                                                               \
    {                                                                                              \
        "mode=\"" mode "\",outcome=\"accepted\"", "mode=\"" mode "\",outcome=\"refused\"",         \
            "mode=\"" mode "\",outcome=\"unavailable\""                                            \
    }
    [OPERATION_REGISTER] = LABELS("register"),   [OPERATION_DEREGISTER] = LABELS("deregister"),
    [OPERATION_SUBSCRIBE] = LABELS("subscribe"), [OPERATION_UNSUBSCRIBE] = LABELS("unsubscribe"),
    [OPERATION_PUBLISH] = LABELS("publish"),     [OPERATION_OTHER] = LABELS("other"),
#undef LABELS
};

static void register_metrics(struct hub_metrics *m, struct metrics *metrics)
{
    static const char name[] = "websub_hub_requests_total";
    static const char help[] = "Requests by hub.mode and outcome";
    for (int i = 0; i < OPERATION_COUNT; i++) {
        m->accepted[i] = metrics_counter(metrics, name, help, operation_labels[i].accepted);
        m->refused[i] = metrics_counter(metrics, name, help, operation_labels[i].refused);
        m->unavailable[i] = metrics_counter(metrics, name, help, operation_labels[i].unavailable);
    }
    m->view.topics =
        metrics_gauge(metrics, "websub_hub_topics", "Registered topics in the view", NULL);
    m->view.malformed = metrics_counter(metrics, "websub_hub_malformed_state_total",
                                        "State records that could not be read", NULL);
    m->published_bytes = metrics_counter(metrics, "websub_hub_published_bytes_total",
                                         "Bytes of accepted messages", NULL);
    m->publish_seconds = metrics_histogram(metrics, "websub_hub_publish_duration_seconds",
                                           "From request to confirmation by Kafka", NULL);
}

/**
 * Events have a producer of their own: librdkafka looks at every partition that a producer knows
 * whenever there is something to send, and publications should not pay for those of the events.
 */
static int open_events(struct hub *hub, struct error *error)
{
    hub->events_producer =
        kafka_producer_new(&hub->config, hub->config.kafka.produce_timeout, error);
    if (!hub->events_producer)
        return -1;
    hub->events =
        event_writer_new(hub->events_producer, hub->names.events, hub->layout.partitions, error);
    return hub->events ? 0 : -1;
}

static int open_hub(struct hub *hub, struct error *error)
{
    if (kafka_admin_prepare(&hub->config, &hub->names, stop_requested, &hub->layout, error) != 0)
        return -1;
    hub->producer = kafka_producer_new(&hub->config, hub->config.kafka.produce_timeout, error);
    if (!hub->producer)
        return -1;
    hub->message_topics = message_topics_new(kafka_producer_handle(hub->producer));
    if (open_events(hub, error) != 0)
        return -1;
    /* The pool's metadata, like that of all message topics, is fetched before it is needed. */
    message_topics_get(hub->message_topics, hub->names.pool);
    message_topics_warm_up(hub->message_topics, (int)hub->config.kafka.produce_timeout);
    hub->view = view_new(&hub->config, &hub->names, &hub->layout, hub->message_topics,
                         &hub->metrics.view, error);
    if (!hub->view)
        return -1;
    hub->registrar = registrar_new(hub);
    return 0;
}

/**
 * Order matters: first no new requests; then what waits is settled by its owner (registrar, view,
 * producers), which ends all requests; then nobody uses the parts any more.
 */
static void close_hub(struct hub *hub, struct http_server *server)
{
    int64_t deadline =
        clock_monotonic_ms() + hub->config.kafka.produce_timeout + hub->config.hub.view_timeout;
    while (server && http_server_pending(server) > 0 && clock_monotonic_ms() < deadline)
        clock_sleep_ms(STOP_POLL_MS);
    registrar_free(hub->registrar);
    if (hub->view)
        view_stop(hub->view);
    /* Events first: a registration that is settled may let a publication go on. */
    if (hub->events_producer)
        kafka_producer_drain(hub->events_producer, FLUSH_MS);
    if (hub->producer)
        kafka_producer_drain(hub->producer, FLUSH_MS);
    http_server_free(server);
    view_free(hub->view);
    event_writer_free(hub->events);
    message_topics_free(hub->message_topics);
    kafka_producer_free(hub->events_producer);
    kafka_producer_free(hub->producer);
}

int main(int argc, char **argv)
{
    struct hub hub = {0};
    struct front front = {.hub = &hub};
    struct error error;
    int code = program_start(argc, argv, "websub-hub",
                             "takes subscriptions and publications over HTTP", NULL, &hub.config);
    if (code >= 0)
        return code;
    struct metrics *metrics = metrics_new();
    register_metrics(&hub.metrics, metrics);
    kafka_names_init(&hub.names, &hub.config);
    address_guard_init(&hub.guard, &hub.config);
    front.health = (struct health){"/hub/actuator/health", metrics, is_ready, &front};
    const struct http_server_options options = {
        .listen_address = hub.config.hub.listen_address,
        .port = (uint16_t)hub.config.hub.port,
        .threads = (unsigned)hub.config.hub.threads,
        .connection_limit = (unsigned)hub.config.hub.connection_limit,
        .idle_timeout_seconds = (unsigned)(hub.config.hub.idle_timeout / 1000),
        .max_body_bytes = (size_t)hub.config.hub.max_body_bytes,
        .handler = handle,
        .refuse = refuse,
        .context = &front,
    };
    struct http_server *server = http_server_new(&options, &error);
    if (server && open_hub(&hub, &error) == 0) {
        atomic_store(&front.open, true);
        log_info("hub.started", LOG_STR("public_url", hub.config.hub.public_url),
                 LOG_INT("port", hub.config.hub.port), LOG_INT("shards", hub.layout.partitions));
        program_wait_for_stop(-1);
        log_info("hub.stopping");
        atomic_store(&front.open, false);
        http_server_quiesce(server);
    } else if (!server || error.code != ERROR_CONFLICT) {
        log_error("hub.start_failed", LOG_STR("reason", error.message));
        code = 1;
    }
    close_hub(&hub, server);
    address_guard_fini(&hub.guard);
    kafka_names_fini(&hub.names);
    metrics_free(metrics);
    config_fini(&hub.config);
    log_info("hub.stopped");
    return code < 0 ? 0 : code;
}
