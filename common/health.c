#include "common/health.h"

#include <string.h>

static void respond_text(struct http_request *request, unsigned status, const char *text)
{
    http_respond(request, status, "text/plain; charset=utf-8", text, strlen(text));
}

static void respond_json(struct http_request *request, unsigned status, const char *text)
{
    http_respond(request, status, "application/json", text, strlen(text));
}

static void respond_metrics(const struct health *health, struct http_request *request)
{
    struct buffer text = {0};
    metrics_render(health->metrics, &text);
    http_respond(request, 200, "text/plain; version=0.0.4; charset=utf-8", text.data, text.length);
    buffer_fini(&text);
}

bool health_handle(const struct health *health, struct http_request *request)
{
    const char *path = http_request_path(request), *reason = "ready";
    bool actuator = strcmp(path, health->actuator_path) == 0;
    bool known = actuator || strcmp(path, "/healthz") == 0 || strcmp(path, "/readyz") == 0 ||
                 strcmp(path, "/metrics") == 0;
    if (!known)
        return false;

    const char *method = http_request_method(request);
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        http_response_header(request, "Allow", "GET, HEAD");
        respond_text(request, 405, "only GET and HEAD\n");
    } else if (strcmp(path, "/healthz") == 0) {
        respond_text(request, 200, "alive\n");
    } else if (strcmp(path, "/metrics") == 0) {
        respond_metrics(health, request);
    } else {
        bool ready = health->is_ready(health->context, &reason);
        if (actuator)
            respond_json(request, ready ? 200 : 503,
                         ready ? "{\"status\":\"UP\"}" : "{\"status\":\"DOWN\"}");
        else {
            respond_text(request, ready ? 200 : 503, ready ? "ready\n" : reason);
        }
    }
    return true;
}

static void handle(struct http_request *request, void *context)
{
    if (!health_handle(context, request))
        respond_text(request, 404, "not found\n");
}

static void refuse(struct http_request *request, unsigned status, const char *reason)
{
    respond_text(request, status, reason);
}

struct http_server *health_server_new(const struct health *health, const struct config *config,
                                      const char *listen_address, uint16_t port,
                                      struct error *error)
{
    struct tls_files tls = tls_files_of(config);
    tls.client_ca = NULL;
    const struct http_server_options options = {
        .listen_address = listen_address,
        .port = port,
        .threads = 1,
        .connection_limit = 64,
        .idle_timeout_seconds = 10,
        .header_timeout_ms = 10000,
        .body_timeout_ms = 10000,
        .max_header_bytes = 32 << 10,
        .max_body_bytes = 4096,
        .tls = tls,
        .hsts_max_age_ms = config->security.hsts_max_age,
        .handler = handle,
        .refuse = refuse,
        .context = (void *)(uintptr_t)health,
    };
    return http_server_new(&options, error);
}
