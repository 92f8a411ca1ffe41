#include "hub/front.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/health.h"
#include "common/log.h"
#include "common/panic.h"
#include "hub/admission.h"
#include "hub/api/api.h"
#include "hub/console.h"
#include "hub/hub.h"
#include "hub/hub_metrics.h"
#include "hub/operation.h"
#include "hub/router.h"

enum { STOP_POLL_MS = 20, FLUSH_MS = 2000 };

/** The HTTP server runs before Kafka is reached, so that health can be asked for. */
struct front {
    struct hub hub;
    struct metrics *metrics;
    struct health health;
    struct http_server *server;
    atomic_bool open; /* the hub is complete: requests are let in */
};

static bool is_ready(void *context, const char **reason)
{
    struct front *front = context;
    *reason = "waiting for Kafka\n";
    if (!atomic_load(&front->open))
        return false;
    *reason = "reading the state\n";
    return view_is_loaded(front->hub.view);
}

static void handle(struct http_request *http, void *context)
{
    struct front *front = context;
    if (health_handle(&front->health, http))
        return;
    if (front->hub.config.hub.console && console_handle(http))
        return;
    if (atomic_load(&front->open)) {
        if (!api_handle(&front->hub, http))
            router_handle(&front->hub, http);
    } else {
        http_response_header(http, "Retry-After", "1");
        operation_respond_denied(http, 503, "the hub is starting or stopping");
    }
}

static void refuse(struct http_request *http, unsigned status, const char *reason)
{
    operation_respond_denied(http, status, reason);
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

/** What answers questions about subscriptions. */
static int open_questions(struct hub *hub, struct error *error)
{
    hub->positions =
        positions_new(&hub->config, &hub->names, &hub->layout, hub->catalog, hub->view);
    hub->message_reader = message_reader_new(&hub->config);
    hub->fleet = fleet_new();
    hub->status_reader =
        status_reader_new(&hub->config, &hub->names, &hub->layout, hub->view, hub->catalog,
                          hub->fleet, hub->metrics.malformed_reports, error);
    if (!hub->status_reader)
        return -1;
    hub->lag = lag_new(&hub->config, &hub->names, &hub->layout, hub->catalog, hub->view, hub->fleet,
                       hub->metrics.behind, error);
    return hub->lag ? 0 : -1;
}

static int open_hub(struct hub *hub, bool (*stop_requested)(void), struct error *error)
{
    if (admission_open(hub, error) != 0)
        return -1;
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
    /* Whose a subscription is must be known where there are users. */
    if (hub->config.hub.catalog || hub->authenticator)
        hub->catalog = catalog_new();
    hub->view = view_new(&hub->config, &hub->names, &hub->layout, hub->message_topics, hub->catalog,
                         &hub->metrics.view, error);
    if (!hub->view)
        return -1;
    hub->registrar = registrar_new(hub);
    return hub->catalog ? open_questions(hub, error) : 0;
}

/**
 * Order matters: first no new requests; then what waits is settled by its owner (admission,
 * registrar, positions, reader, view, producers), which ends all requests; then nobody uses the
 * parts any more.
 */
static void close_hub(struct hub *hub, struct http_server *server)
{
    int64_t deadline =
        clock_monotonic_ms() + hub->config.kafka.produce_timeout + hub->config.hub.view_timeout;
    while (server && http_server_pending(server) > 0 && clock_monotonic_ms() < deadline)
        clock_sleep_ms(STOP_POLL_MS);
    admission_close(hub);
    registrar_free(hub->registrar);
    positions_free(hub->positions); /* before the reader, which its answers may be passed to */
    message_reader_free(hub->message_reader);
    if (hub->view)
        view_stop(hub->view);
    /* Events first: a registration that is settled may let a publication go on. */
    if (hub->events_producer)
        kafka_producer_drain(hub->events_producer, FLUSH_MS);
    if (hub->producer)
        kafka_producer_drain(hub->producer, FLUSH_MS);
    http_server_free(server);
    status_reader_free(hub->status_reader);
    lag_free(hub->lag);
    fleet_free(hub->fleet);
    view_free(hub->view);
    catalog_free(hub->catalog);
    event_writer_free(hub->events);
    message_topics_free(hub->message_topics);
    kafka_producer_free(hub->events_producer);
    kafka_producer_free(hub->producer);
}

static struct http_server *listen_for_requests(struct front *front, struct error *error)
{
    const struct config *config = &front->hub.config;
    const struct http_server_options options = {
        .listen_address = config->hub.listen_address,
        .port = (uint16_t)config->hub.port,
        .threads = (unsigned)config->hub.threads,
        .connection_limit = (unsigned)config->hub.connection_limit,
        .connection_limit_per_address = (unsigned)config->hub.connection_limit_per_address,
        .idle_timeout_seconds = (unsigned)(config->hub.idle_timeout / 1000),
        .header_timeout_ms = config->hub.header_timeout,
        .body_timeout_ms = config->hub.body_timeout,
        .max_header_bytes = (size_t)config->hub.max_header_bytes,
        .max_body_bytes = (size_t)config->hub.max_body_bytes,
        .tls = tls_files_of(config),
        .hsts_max_age_ms = config->security.hsts_max_age,
        .handler = handle,
        .refuse = refuse,
        .context = front,
    };
    return http_server_new(&options, error);
}

struct front *front_new(struct config *config, bool (*stop_requested)(void), struct error *error)
{
    struct front *front = xcalloc(1, sizeof(*front));
    struct hub *hub = &front->hub;
    hub->config = *config;
    address_guard_init(&hub->guard, &hub->config);
    hub->keyring = keyring_new(&hub->config.security.secret_keys, error);
    ENSURE(hub->keyring); /* the configuration was checked */
    front->metrics = metrics_new();
    hub_metrics_register(&hub->metrics, front->metrics);
    kafka_names_init(&hub->names, &hub->config);
    front->health = (struct health){"/hub/actuator/health", front->metrics, is_ready, front};
    hub->tracer = tracer_new(&hub->config, "websub-hub", front->metrics, error);
    bool traced = hub->tracer || error->code == ERROR_NONE;
    front->server = traced ? listen_for_requests(front, error) : NULL;
    if (!front->server || open_hub(hub, stop_requested, error) != 0) {
        front_free(front);
        return NULL;
    }
    atomic_store(&front->open, true);
    log_info("hub.started", LOG_STR("public_url", hub->config.hub.public_url),
             LOG_INT("port", hub->config.hub.port), LOG_INT("shards", hub->layout.partitions));
    return front;
}

bool front_has_failed(struct front *front, struct error *error)
{
    return kafka_producer_has_failed(front->hub.producer, error) ||
           kafka_producer_has_failed(front->hub.events_producer, error);
}

void front_reload(struct front *front)
{
    http_server_reload_certificate(front->server);
}

int front_pending(struct front *front)
{
    return http_server_pending(front->server);
}

void front_free(struct front *front)
{
    if (!front)
        return;
    if (atomic_exchange(&front->open, false))
        http_server_quiesce(front->server);
    close_hub(&front->hub, front->server);
    tracer_free(front->hub.tracer);
    kafka_names_fini(&front->hub.names);
    metrics_free(front->metrics);
    keyring_free(front->hub.keyring);
    address_guard_fini(&front->hub.guard);
    config_fini(&front->hub.config);
    free(front);
}
