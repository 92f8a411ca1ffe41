/** One HTTP client on a loop of its own, as a delivery loop has it, and exchanges that are waited
 * for. */
#ifndef WEBSUB_TESTS_UNIT_HTTP_EXCHANGING_H
#define WEBSUB_TESTS_UNIT_HTTP_EXCHANGING_H

#include <stdio.h>

#include "common/container.h"
#include "dispatcher/http_reason.h"

struct exchanging {
    uv_loop_t loop;
    struct address_guard guard;
    struct trust *trust;
    struct host_limits *limits;
    struct http_client *client;
};

/** `config`: for the guard. */
static inline void exchanging_start_with(struct exchanging *e, const struct config *config,
                                         const char *extra_ca_file)
{
    struct error error;
    address_guard_init(&e->guard, config);
    e->trust = trust_new(extra_ca_file, &error);
    assert_non_null(e->trust);
    assert_int_equal(uv_loop_init(&e->loop), 0);
    e->limits = host_limits_new(&e->loop, 64, 0);
    const struct http_client_options options = {
        .loop = &e->loop,
        .guard = &e->guard,
        .trust = e->trust,
        .connect_timeout_ms = 10000,
        .https_only = config->security.require_https_callbacks,
        .log_forbidden = "callback.forbidden",
        .log_url = "callback",
    };
    e->client = http_client_new(&options);
}

static inline void exchanging_start(struct exchanging *e, bool local, const char *extra_ca_file)
{
    static char loopback[] = "127.0.0.0/8";
    char *networks[] = {loopback};
    struct config config = {0};
    if (local)
        config.security.allowed_callback_networks = (struct string_list){networks, 1};
    exchanging_start_with(e, &config, extra_ca_file);
}

static inline void exchanging_stop(struct exchanging *e)
{
    http_client_free(e->client);
    uv_run(&e->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&e->loop), 0);
    host_limits_free(e->limits);
    address_guard_fini(&e->guard);
    trust_free(e->trust);
}

struct outcome {
    struct http_exchange exchange;
    struct http_result result;
    char body[HTTP_KEEP_MAX + 1];
    int times;
    uv_loop_t *loop;
};

static inline void outcome_take(struct http_exchange *exchange, const struct http_result *result)
{
    struct outcome *outcome = CONTAINER_OF(exchange, struct outcome, exchange);
    outcome->result = *result;
    snprintf(outcome->body, sizeof(outcome->body), "%s", result->body);
    outcome->times++;
    uv_stop(outcome->loop);
}

/** Starts one; `post` may be NULL. */
static inline void exchange_start(struct exchanging *e, struct outcome *outcome, const char *url,
                                  const char *post, int64_t timeout_ms)
{
    *outcome = (struct outcome){.loop = &e->loop,
                                .exchange = {
                                    .url = url,
                                    .host = host_get(e->limits, url),
                                    .post_body = post,
                                    .post_length = post ? strlen(post) : 0,
                                    .timeout_ms = timeout_ms,
                                    .keep_bytes = 512,
                                    .done = outcome_take,
                                }};
    http_client_start(e->client, &outcome->exchange);
    assert_int_equal(outcome->times, 0); /* never from within */
}

static inline void exchange_wait(struct exchanging *e, struct outcome *outcome)
{
    while (outcome->times == 0)
        uv_run(&e->loop, UV_RUN_DEFAULT);
    assert_int_equal(outcome->times, 1);
    host_release(outcome->exchange.host);
}

static inline void exchange(struct exchanging *e, struct outcome *outcome, const char *url,
                            const char *post, int64_t timeout_ms)
{
    exchange_start(e, outcome, url, post, timeout_ms);
    exchange_wait(e, outcome);
}

static inline const char *reason_of(const struct outcome *outcome)
{
    return http_reason_name(http_result_reason(&outcome->result));
}

#endif
