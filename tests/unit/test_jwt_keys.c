/* hub/auth/jwt_keys: how the issuer's keys are replaced, with an issuer that answers when the test
 * lets it. The pause between fetches is a moment, so that none has to be waited for. */
#include "tests/unit/unit.h"

#include <pthread.h>

#include "common/clock.h"
#include "common/http_server.h"
#include "common/log.h"
#include "common/panic.h"
#include "hub/auth/jwt_keys.h"
#include "tests/unit/http_testing.h"
#include "tests/unit/token_making.h"

/* --- the issuer: at most one fetch is under way --- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of what follows */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct http_request *held;

static void hold(struct http_request *request, void *context)
{
    (void)context;
    pthread_mutex_lock(&lock);
    assert_null(held);
    held = request;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void refuse(struct http_request *request, unsigned status, const char *reason)
{
    http_respond(request, status, "text/plain", reason, strlen(reason));
}

static void wait_fetch(void)
{
    pthread_mutex_lock(&lock);
    while (!held)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

/** Answers the fetch that is under way, or the next one. */
static void respond(unsigned status, const char *body)
{
    wait_fetch();
    pthread_mutex_lock(&lock);
    struct http_request *request = held;
    held = NULL;
    pthread_mutex_unlock(&lock);
    http_respond(request, status, "application/json", body, strlen(body));
}

/* --- those who wait --- */

struct waiter {
    struct jwt_keys_wait wait;
    int times;
    bool fetched;
};

static void on_done(struct jwt_keys_wait *wait, bool fetched)
{
    struct waiter *waiter = (struct waiter *)(void *)wait;
    pthread_mutex_lock(&lock);
    waiter->times++;
    waiter->fetched = fetched;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void check_settled(struct waiter *waiter, bool fetched)
{
    pthread_mutex_lock(&lock);
    while (waiter->times == 0)
        pthread_cond_wait(&changed, &lock);
    assert_int_equal(waiter->times, 1);
    assert_int_equal(waiter->fetched, fetched);
    pthread_mutex_unlock(&lock);
}

/* --- parts --- */

static struct http_server *server;
static struct config config;
static struct auth_cache *cache;
static struct jwt_keys *keys;
static char *with_a, *with_a_and_b; /* JWK sets */

static int make_keys(void **state)
{
    (void)state;
    EVP_PKEY *a = EVP_EC_gen("P-256"), *b = EVP_EC_gen("P-384");
    with_a = jwk_set_text(json_pack("[o]", key_jwk(a, "a")));
    with_a_and_b = jwk_set_text(json_pack("[o, o]", key_jwk(a, "a"), key_jwk(b, "b")));
    EVP_PKEY_free(a);
    EVP_PKEY_free(b);
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    free(with_a);
    free(with_a_and_b);
    return 0;
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
    held = NULL;
    server = http_server_new(&options, &error);
    assert_int_equal(config_load(&config, NULL, &error), 0);
    free(config.auth.jwks_url);
    config.auth.jwks_url = xasprintf("http://127.0.0.1:%u/keys", options.port);
    config.auth.provider_timeout = 20000;
    config.auth.jwks_refresh_interval = 20;
    cache = auth_cache_new(60000);
    keys = jwt_keys_new(&config, cache, &error);
    return server && keys ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    jwt_keys_free(keys);
    if (held)
        http_respond(held, 200, "text/plain", "", 0);
    http_server_quiesce(server);
    http_server_free(server);
    auth_cache_free(cache);
    config_fini(&config);
    return 0;
}

static bool start(struct waiter *waiter, const char *kid)
{
    *waiter = (struct waiter){.wait = {.kid = kid, .done = on_done}};
    return jwt_keys_wait(keys, &waiter->wait);
}

/** The number of keys that were fetched; -1: no set. */
static int count_keys(void)
{
    struct jwt_key_sets sets = jwt_keys_get(keys);
    int count = sets.fetched ? (int)sets.fetched->count : -1;
    assert_null(sets.file);
    jwt_keys_release(&sets);
    return count;
}

/** Once the answer to the fetch that is under way counts: the next fetch has begun. */
static void answer_fully(unsigned status, const char *body)
{
    respond(status, body);
    wait_fetch();
}

static const unsigned char cache_key[AUTH_CACHE_KEY_SIZE] = "token";

static void remember(void)
{
    struct identity *identity = identity_new("jwt", "ann", "");
    auth_cache_put(cache, cache_key, identity, INT64_MAX, clock_wall_ms(),
                   auth_cache_generation(cache));
    identity_unref(identity);
}

static bool is_remembered(void)
{
    struct identity *identity = auth_cache_get(cache, cache_key, clock_wall_ms());
    identity_unref(identity);
    return identity;
}

/* --- tests --- */

static void test_who_comes_before_the_first_keys_waits_for_them(void **state)
{
    (void)state;
    struct waiter any, a, b;
    wait_fetch();
    assert_int_equal(count_keys(), -1);
    assert_true(start(&any, NULL));
    assert_true(start(&a, "a"));
    assert_true(start(&b, "b"));
    respond(200, with_a);
    check_settled(&any, true);
    check_settled(&a, true);
    assert_int_equal(count_keys(), 1);
    /* The fetch was under way when it came: the issuer may have b by now. */
    assert_int_equal(b.times, 0);
    respond(200, with_a_and_b);
    check_settled(&b, true);
    assert_int_equal(count_keys(), 2);
}

static void test_a_fetch_that_began_later_decides(void **state)
{
    (void)state;
    struct waiter b;
    respond(200, with_a);
    wait_fetch();
    assert_true(start(&b, "b"));
    respond(200, with_a);
    respond(200, with_a);
    check_settled(&b, true);
    assert_int_equal(count_keys(), 1);
}

static void test_who_comes_for_a_key_that_is_there_does_not_wait(void **state)
{
    (void)state;
    struct waiter a;
    answer_fully(200, with_a);
    assert_true(start(&a, "a"));
    assert_int_equal(a.times, 1);
    assert_true(a.fetched);
}

static void test_a_failed_fetch_settles_all_and_keeps_the_keys(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "<html>", "{}", "{\"keys\":5}"};
    answer_fully(200, with_a);
    for (size_t i = 0; i <= ARRAY_COUNT(bad); i++) {
        struct waiter b;
        assert_true(start(&b, "b"));
        respond(i == 0 ? 500 : 200, i == 0 ? with_a_and_b : bad[i - 1]);
        check_settled(&b, false);
        assert_int_equal(count_keys(), 1);
        wait_fetch();
    }
    respond(200, with_a_and_b);
    wait_fetch();
    assert_int_equal(count_keys(), 2);
}

static void test_only_changed_keys_clear_the_cache(void **state)
{
    (void)state;
    answer_fully(200, with_a);
    remember();
    answer_fully(200, with_a);
    answer_fully(500, "");
    assert_true(is_remembered());
    answer_fully(200, with_a_and_b);
    assert_false(is_remembered());
    remember();
    answer_fully(200, "{\"keys\":[]}");
    assert_false(is_remembered());
    assert_int_equal(count_keys(), 0);
}

static void test_who_judges_keeps_the_keys_of_then(void **state)
{
    (void)state;
    answer_fully(200, with_a);
    struct jwt_key_sets sets = jwt_keys_get(keys);
    assert_true(jwt_keys_may_bring(keys, &sets, "b"));
    assert_false(jwt_keys_may_bring(keys, &sets, "a"));
    assert_false(jwt_keys_may_bring(keys, &sets, NULL));
    answer_fully(200, with_a_and_b);
    assert_int_equal(sets.fetched->count, 1);
    assert_string_equal(sets.fetched->keys[0].kid, "a");
    jwt_keys_release(&sets);
    assert_int_equal(count_keys(), 2);
}

static void test_too_many_do_not_wait(void **state)
{
    (void)state;
    static struct waiter many[2000];
    size_t accepted = 0;
    wait_fetch();
    for (size_t i = 0; i < ARRAY_COUNT(many); i++)
        accepted += start(&many[i], "b");
    assert_int_equal(accepted, 1000);
    jwt_keys_free(keys);
    keys = NULL;
    for (size_t i = 0; i < ARRAY_COUNT(many); i++)
        assert_int_equal(many[i].times, i < accepted);
}

static void test_freeing_settles_who_waits(void **state)
{
    (void)state;
    struct waiter any, b;
    wait_fetch();
    assert_true(start(&any, NULL));
    assert_true(start(&b, "b"));
    jwt_keys_free(keys);
    keys = NULL;
    check_settled(&any, false);
    check_settled(&b, false);
}

static atomic_bool stop;

static void *read_on(void *context)
{
    (void)context;
    while (!atomic_load(&stop)) {
        struct jwt_key_sets sets = jwt_keys_get(keys);
        for (size_t i = 0; i < sets.fetched->count; i++)
            assert_non_null(sets.fetched->keys[i].pem);
        jwt_keys_release(&sets);
    }
    return NULL;
}

static void test_readers_and_replacements_get_along(void **state)
{
    (void)state;
    pthread_t threads[3];
    answer_fully(200, with_a);
    atomic_store(&stop, false);
    for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, NULL), 0);
    for (int i = 0; i < 40; i++)
        respond(200, i % 2 ? with_a : with_a_and_b);
    atomic_store(&stop, true);
    for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    log_init("test", LOG_ERROR, LOG_TEXT);
    const struct CMUnitTest tests[] = {
        TEST(test_who_comes_before_the_first_keys_waits_for_them),
        TEST(test_a_fetch_that_began_later_decides),
        TEST(test_who_comes_for_a_key_that_is_there_does_not_wait),
        TEST(test_a_failed_fetch_settles_all_and_keeps_the_keys),
        TEST(test_only_changed_keys_clear_the_cache),
        TEST(test_who_judges_keeps_the_keys_of_then),
        TEST(test_too_many_do_not_wait),
        TEST(test_freeing_settles_who_waits),
        TEST(test_readers_and_replacements_get_along),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
