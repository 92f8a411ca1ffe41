/* hub/auth/provider: asking about tokens, with a service that answers when the test lets it. */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/http_server.h"
#include "common/log.h"
#include "common/panic.h"
#include "hub/auth/method.h"
#include "tests/unit/http_testing.h"

enum { MAX_HELD = 8, MANY = 50 };

/* --- the service: an introspection endpoint that holds its answers back --- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of what follows */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct http_request *held[MAX_HELD];
static size_t held_count;

static void hold(struct http_request *request, void *context)
{
    (void)context;
    pthread_mutex_lock(&lock);
    assert_true(held_count < MAX_HELD);
    held[held_count++] = request;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void refuse(struct http_request *request, unsigned status, const char *reason)
{
    http_respond(request, status, "text/plain", reason, strlen(reason));
}

static void wait_held(size_t count)
{
    pthread_mutex_lock(&lock);
    while (held_count < count)
        pthread_cond_wait(&changed, &lock);
    assert_int_equal(held_count, count);
    pthread_mutex_unlock(&lock);
}

static void release(size_t index, const char *body)
{
    http_respond(held[index], 200, "application/json", body, strlen(body));
}

/* --- checks --- */

struct checking {
    struct auth_check check;
    struct credentials credentials;
    int times;
    enum auth_outcome outcome;
};

static void on_done(struct auth_check *check, enum auth_outcome outcome)
{
    struct checking *checking = check->context;
    pthread_mutex_lock(&lock);
    checking->times++;
    checking->outcome = outcome;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static struct http_server *server;
static struct config config;
static struct auth_method *method;

static void start(struct checking *checking, const char *token)
{
    *checking = (struct checking){0};
    checking->credentials = (struct credentials){
        .kinds = CREDENTIALS_TOKEN, .token = token, .token_length = strcspn(token, " ")};
    checking->check = (struct auth_check){
        .credentials = &checking->credentials, .done = on_done, .context = checking};
    method->check(method, &checking->check);
}

static void wait_done(struct checking *checking)
{
    pthread_mutex_lock(&lock);
    while (checking->times == 0)
        pthread_cond_wait(&changed, &lock);
    assert_int_equal(checking->times, 1);
    pthread_mutex_unlock(&lock);
}

static int set_up(void **state)
{
    (void)state;
    struct error error;
    const struct http_server_options options = {
        .listen_address = "127.0.0.1",
        .port = http_free_port(),
        .connection_limit = 100,
        .idle_timeout_seconds = 30,
        .max_body_bytes = 10000,
        .handler = hold,
        .refuse = refuse,
    };
    held_count = 0;
    server = http_server_new(&options, &error);
    assert_int_equal(config_load(&config, NULL, &error), 0);
    free(config.auth.introspection_url);
    config.auth.introspection_url = xasprintf("http://127.0.0.1:%u/introspect", options.port);
    config.auth.provider_timeout = 20000;
    method = auth_introspection_new(&config, NULL, &error);
    return server && method ? 0 : -1;
}

static void free_method(void)
{
    if (method)
        method->free(method);
    method = NULL;
}

static int tear_down(void **state)
{
    (void)state;
    free_method();
    http_server_quiesce(server);
    http_server_free(server);
    config_fini(&config);
    return 0;
}

static const char ann[] = "{\"active\": true, \"sub\": \"ann\", \"scope\": \"read\"}";

static void test_one_question_for_all_who_show_the_token_meanwhile(void **state)
{
    (void)state;
    static struct checking same[MANY];
    struct checking other;
    for (size_t i = 0; i < MANY; i++)
        start(&same[i], "token-a rest");
    start(&other, "token-b");
    wait_held(2);
    size_t length;
    bool first = strncmp(http_request_body(held[0], &length), "token=token-a&", 14) == 0;
    release(first ? 1 : 0, "{\"active\": false}");
    wait_done(&other);
    assert_int_equal(other.outcome, AUTH_REFUSED);
    assert_string_equal(other.check.reason, "the token is not active: expired, revoked or unknown");
    release(first ? 0 : 1, ann);
    for (size_t i = 0; i < MANY; i++) {
        wait_done(&same[i]);
        assert_int_equal(same[i].outcome, AUTH_GRANTED);
        assert_string_equal(same[i].check.identity->name, "ann");
        assert_true(same[i].check.expires_ms == INT64_MAX);
        identity_unref(same[i].check.identity);
    }
}

static void test_an_answered_question_is_asked_again(void **state)
{
    (void)state;
    for (size_t i = 1; i <= 3; i++) {
        struct checking checking;
        start(&checking, "token");
        wait_held(i);
        release(i - 1, i == 2 ? "{\"active\": false}" : ann);
        wait_done(&checking);
        assert_int_equal(checking.outcome, i == 2 ? AUTH_REFUSED : AUTH_GRANTED);
        identity_unref(checking.check.identity);
    }
}

static void test_the_client_is_not_told_what_ails_the_provider(void **state)
{
    (void)state;
    struct checking checking;
    start(&checking, "token");
    wait_held(1);
    release(0, "nonsense");
    wait_done(&checking);
    assert_int_equal(checking.outcome, AUTH_UNAVAILABLE);
    assert_string_equal(checking.check.reason, "the token cannot be checked now; try again later");
}

static void test_freeing_settles_what_is_under_way(void **state)
{
    (void)state;
    struct checking checkings[4];
    for (size_t i = 0; i < ARRAY_COUNT(checkings); i++)
        start(&checkings[i], i % 2 ? "token-a" : "token-b");
    wait_held(2);
    free_method();
    for (size_t i = 0; i < ARRAY_COUNT(checkings); i++) {
        assert_int_equal(checkings[i].times, 1);
        assert_int_equal(checkings[i].outcome, AUTH_UNAVAILABLE);
    }
    release(0, ann);
    release(1, ann);
}

static void test_a_bad_authorities_file_stops_the_start(void **state)
{
    (void)state;
    struct error error;
    free(config.security.extra_ca_file);
    config.security.extra_ca_file = strdup("/nonexistent/ca.pem");
    assert_null(auth_mosip_new(&config, NULL, &error));
    assert_int_equal(error.code, ERROR_CONFIG);
    assert_non_null(strstr(error.message, "security.extra_ca_file"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    log_init("test", LOG_ERROR, LOG_TEXT);
    const struct CMUnitTest tests[] = {
        TEST(test_one_question_for_all_who_show_the_token_meanwhile),
        TEST(test_an_answered_question_is_asked_again),
        TEST(test_the_client_is_not_told_what_ails_the_provider),
        TEST(test_freeing_settles_what_is_under_way),
        TEST(test_a_bad_authorities_file_stops_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
