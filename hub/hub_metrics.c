#include "hub/hub_metrics.h"

static const struct {
    const char *accepted, *refused, *unavailable;
} operation_labels[OPERATION_COUNT] = {
#define LABELS(mode)                                                                               \
    {                                                                                              \
        "mode=\"" mode "\",outcome=\"accepted\"", "mode=\"" mode "\",outcome=\"refused\"",         \
            "mode=\"" mode "\",outcome=\"unavailable\""                                            \
    }
    [OPERATION_REGISTER] = LABELS("register"),
    [OPERATION_DEREGISTER] = LABELS("deregister"),
    [OPERATION_SUBSCRIBE] = LABELS("subscribe"),
    [OPERATION_UNSUBSCRIBE] = LABELS("unsubscribe"),
    [OPERATION_PUBLISH] = LABELS("publish"),
    [OPERATION_OTHER] = LABELS("other"),
    [OPERATION_MISSED_MESSAGES] = LABELS("missed-messages"),
#undef LABELS
};

static void register_authentications(struct authenticator_metrics *m, struct metrics *metrics)
{
    static const char name[] = "websub_hub_authentications_total";
    static const char help[] = "Requests by what authentication found";
    m->granted = metrics_counter(metrics, name, help, "outcome=\"granted\"");
    m->cached = metrics_counter(metrics, name, help, "outcome=\"cached\"");
    m->refused = metrics_counter(metrics, name, help, "outcome=\"refused\"");
    m->unavailable = metrics_counter(metrics, name, help, "outcome=\"unavailable\"");
}

void hub_metrics_register(struct hub_metrics *m, struct metrics *metrics)
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
    m->malformed_reports = metrics_counter(metrics, "websub_hub_malformed_reports_total",
                                           "Reports of dispatchers that could not be read", NULL);
    m->behind = metrics_gauge(metrics, "websub_hub_subscriptions_behind",
                              "Subscriptions that lack a message that is 10 s old or older", NULL);
    m->published_bytes = metrics_counter(metrics, "websub_hub_published_bytes_total",
                                         "Bytes of accepted messages", NULL);
    m->publish_seconds = metrics_histogram(metrics, "websub_hub_publish_duration_seconds",
                                           "From request to confirmation by Kafka", NULL);
    register_authentications(&m->authentications, metrics);
}
