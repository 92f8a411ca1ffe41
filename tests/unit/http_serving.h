/** A server on a free port whose handler does what the path says. */
#ifndef WEBSUB_TESTS_UNIT_HTTP_SERVING_H
#define WEBSUB_TESTS_UNIT_HTTP_SERVING_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/clock.h"
#include "common/http_server.h"
#include "common/panic.h"
#include "tests/unit/http_testing.h"

enum { BIG_ANSWER = 32 << 20 };

struct serving {
    struct http_server *server;
    uint16_t port;
    struct http_request *_Atomic held; /**< by /hold, until serving_release */
    atomic_int handled;
};

static inline void serving_respond(struct http_request *request, const char *type, const char *text)
{
    http_respond(request, 200, type, text, strlen(text));
}

static inline void serving_handle(struct http_request *request, void *context)
{
    struct serving *serving = context;
    const char *path = http_request_path(request);
    atomic_fetch_add(&serving->handled, 1);
    if (strcmp(path, "/who") == 0) {
        const char *name = http_request_client_name(request);
        serving_respond(request, "text/plain", name ? name : "nobody");
    } else if (strcmp(path, "/json") == 0) {
        serving_respond(request, "application/json; charset=utf-8", "{}");
    } else if (strcmp(path, "/problem") == 0) {
        serving_respond(request, "application/problem+json", "{}");
    } else if (strcmp(path, "/page") == 0) {
        http_response_header(request, "content-security-policy", "default-src 'self'");
        http_response_header(request, "Cache-Control", "max-age=60");
        serving_respond(request, "text/html", "<p>");
    } else if (strcmp(path, "/form") == 0) {
        serving_respond(request, "application/x-www-form-urlencoded", "hub.mode=accepted");
    } else if (strcmp(path, "/big") == 0) {
        char *bytes = xcalloc(1, BIG_ANSWER);
        http_respond(request, 200, "text/plain", bytes, BIG_ANSWER);
        free(bytes);
    } else if (strcmp(path, "/hold") == 0) {
        atomic_store(&serving->held, request);
    } else {
        serving_respond(request, "text/plain", "good");
    }
}

static inline void serving_refuse(struct http_request *request, unsigned status, const char *reason)
{
    http_respond(request, status, "text/plain", reason, strlen(reason));
}

/** Fills what `options` leaves open, and starts. */
static inline void serving_start(struct serving *serving, struct http_server_options options)
{
    struct error error = {0};
    options.listen_address = "127.0.0.1";
    options.threads = options.threads ? options.threads : 2;
    options.connection_limit = options.connection_limit ? options.connection_limit : 256;
    options.idle_timeout_seconds = 30;
    options.max_body_bytes = 1 << 20;
    options.handler = serving_handle;
    options.refuse = serving_refuse;
    options.context = serving;
    *serving = (struct serving){0};
    for (int i = 0; !serving->server && i < 10; i++) {
        options.port = serving->port = http_free_port();
        serving->server = http_server_new(&options, &error);
    }
    if (!serving->server)
        fail_msg("%s", error.message);
}

/** Waits, bounded, until no request is pending. */
static inline void serving_await_none_pending(struct serving *serving)
{
    int64_t deadline = clock_monotonic_ms() + 20000;
    while (http_server_pending(serving->server) > 0 && clock_monotonic_ms() < deadline)
        clock_sleep_ms(2);
    assert_int_equal(http_server_pending(serving->server), 0);
}

static inline void serving_await_held(struct serving *serving)
{
    int64_t deadline = clock_monotonic_ms() + 20000;
    while (!atomic_load(&serving->held) && clock_monotonic_ms() < deadline)
        clock_sleep_ms(2);
    assert_non_null(atomic_load(&serving->held));
}

static inline void serving_release(struct serving *serving)
{
    struct http_request *request = atomic_exchange(&serving->held, NULL);
    if (request)
        serving_respond(request, "text/plain", "released");
}

static inline void serving_stop(struct serving *serving)
{
    serving_release(serving);
    http_server_free(serving->server);
    serving->server = NULL;
}

#endif
