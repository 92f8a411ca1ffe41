#include "tests/unit/unit.h"

#include <stdatomic.h>
#include <stdio.h>

#include "common/health.h"
#include "common/log.h"
#include "tests/unit/http_testing.h"

static atomic_bool ready;
static struct health health;
static struct http_server *server;
static uint16_t port;

static bool is_ready(void *context, const char **reason)
{
    assert_ptr_equal(context, &health);
    if (!ready)
        *reason = "waiting for Kafka\n";
    return ready;
}

static int set_up(void **state)
{
    (void)state;
    struct error error;
    struct config config;
    log_init("test", LOG_ERROR, LOG_TEXT);
    assert_int_equal(config_load(&config, NULL, &error), 0);
    health = (struct health){"/hub/actuator/health", metrics_new(), is_ready, &health};
    counter_add(metrics_counter(health.metrics, "websub_test_total", "Help.", NULL), 7);
    for (int i = 0; !server && i < 10; i++) {
        port = http_free_port();
        server = health_server_new(&health, &config, "127.0.0.1", port, &error);
    }
    config_fini(&config);
    return server ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    http_server_free(server);
    metrics_free(health.metrics);
    return 0;
}

static void assert_answers(const char *request_line, int status, const char *body)
{
    char request[256];
    struct buffer got = {0};
    snprintf(request, sizeof(request), "%s HTTP/1.1\r\nHost: h\r\n\r\n", request_line);
    assert_int_equal(http_exchange_text(port, request, &got), status);
    assert_string_equal(got.data ? got.data : "", body);
    buffer_fini(&got);
}

static void test_a_process_that_is_not_ready_lives_all_the_same(void **state)
{
    (void)state;
    ready = false;
    assert_answers("GET /healthz", 200, "alive\n");
    assert_answers("GET /readyz", 503, "waiting for Kafka\n");
    assert_answers("GET /hub/actuator/health", 503, "{\"status\":\"DOWN\"}");
}

static void test_a_ready_one_says_so(void **state)
{
    (void)state;
    ready = true;
    assert_answers("GET /healthz?x=1", 200, "alive\n");
    assert_answers("GET /readyz", 200, "ready\n");
    assert_answers("GET /hub/actuator/health", 200, "{\"status\":\"UP\"}");
}

static void test_metrics_are_served_as_text(void **state)
{
    (void)state;
    assert_answers("GET /metrics", 200,
                   "# HELP websub_test_total Help.\n# TYPE websub_test_total counter\n"
                   "websub_test_total 7\n");
}

static void test_other_paths_and_methods_are_refused(void **state)
{
    (void)state;
    static const char *const paths[] = {"/",         "/healthz/", "//healthz",
                                        "/HEALTHZ",  "/health",   "/consolidator/actuator/health",
                                        "/%68ealthz"};
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
        char line[64];
        snprintf(line, sizeof(line), "GET %s", paths[i]);
        assert_answers(line, 404, "not found\n");
    }
    assert_answers("DELETE /metrics", 405, "only GET and HEAD\n");
    assert_answers("POST /readyz", 405, "only GET and HEAD\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_process_that_is_not_ready_lives_all_the_same),
        cmocka_unit_test(test_a_ready_one_says_so),
        cmocka_unit_test(test_metrics_are_served_as_text),
        cmocka_unit_test(test_other_paths_and_methods_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
