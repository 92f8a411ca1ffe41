/* What was found good a short while ago. */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "hub/auth/cache.h"

typedef unsigned char key[AUTH_CACHE_KEY_SIZE];

static void make_key(const char *token, const char *password, const char *certificate, key out)
{
    const struct credentials credentials = {
        .token = token,
        .token_length = token ? strlen(token) : 0,
        .password = password,
        .password_length = password ? strlen(password) : 0,
        .certificate = certificate,
    };
    auth_cache_key(&credentials, out);
}

static void number_key(int number, key out)
{
    char text[32];
    snprintf(text, sizeof(text), "token-%d", number);
    make_key(text, NULL, NULL, out);
}

static bool knows(struct auth_cache *cache, const key wanted, int64_t now_ms)
{
    struct identity *identity = auth_cache_get(cache, wanted, now_ms);
    identity_unref(identity);
    return identity != NULL;
}

static void put(struct auth_cache *cache, const key under, const char *name, int64_t expires_ms,
                int64_t now_ms)
{
    struct identity *identity = identity_new("test", name, "");
    auth_cache_put(cache, under, identity, expires_ms, now_ms, auth_cache_generation(cache));
    identity_unref(identity);
}

static void different_credentials_have_different_keys(void **state)
{
    static const char *const offers[][3] = {
        {NULL, NULL, NULL}, {"a", NULL, NULL},  {NULL, "a", NULL}, {NULL, NULL, "a"},
        {"a", "a", NULL},   {"a", NULL, "a"},   {NULL, "a", "a"},  {"a", "a", "a"},
        {"aa", NULL, NULL}, {NULL, "aa", NULL}, {"b", NULL, NULL}, {NULL, NULL, "a a"},
    };
    key keys[ARRAY_COUNT(offers)], again;
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(offers); i++) {
        make_key(offers[i][0], offers[i][1], offers[i][2], keys[i]);
        make_key(offers[i][0], offers[i][1], offers[i][2], again);
        assert_memory_equal(keys[i], again, sizeof(key));
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(keys[i], keys[j], sizeof(key));
    }
}

static void entries_end_with_their_time(void **state)
{
    struct auth_cache *cache = auth_cache_new(1000);
    key k;
    (void)state;
    make_key("token", NULL, NULL, k);
    assert_false(knows(cache, k, 5000));
    put(cache, k, "alice", INT64_MAX, 5000); /* as long as the cache keeps anything */
    assert_true(knows(cache, k, 5000));
    assert_true(knows(cache, k, 5999));
    assert_false(knows(cache, k, 6000));
    put(cache, k, "alice", 5100, 5000); /* the token ends before */
    assert_true(knows(cache, k, 5099));
    assert_false(knows(cache, k, 5100));
    put(cache, k, "bob", 5500, 5000); /* the newer answer counts */
    struct identity *identity = auth_cache_get(cache, k, 5499);
    assert_string_equal(identity->name, "bob");
    identity_unref(identity);
    auth_cache_free(cache);
    auth_cache_free(NULL);
}

static void what_has_ended_is_not_kept(void **state)
{
    struct auth_cache *cache = auth_cache_new(1000);
    key k;
    (void)state;
    make_key("token", NULL, NULL, k);
    put(cache, k, "alice", 5000, 5000);
    assert_false(knows(cache, k, 4999));
    put(cache, k, "alice", 0, 5000);
    assert_false(knows(cache, k, 5000));
    auth_cache_free(cache);
}

static void a_clock_that_is_set_back_lengthens_nothing(void **state)
{
    struct auth_cache *cache = auth_cache_new(1000);
    key k;
    (void)state;
    make_key("token", NULL, NULL, k);
    put(cache, k, "alice", INT64_MAX, 1000000);
    assert_false(knows(cache, k, 0));
    assert_false(knows(cache, k, 999999));
    auth_cache_free(cache);
}

static void without_time_nothing_is_kept(void **state)
{
    struct auth_cache *cache = auth_cache_new(0);
    key k;
    (void)state;
    make_key("token", NULL, NULL, k);
    put(cache, k, "alice", INT64_MAX, 5000);
    assert_false(knows(cache, k, 5000));
    auth_cache_free(cache);
}

static void the_oldest_gives_way(void **state)
{
    struct auth_cache *cache = auth_cache_new(1000);
    key k;
    int known = 0;
    (void)state;
    for (int i = 0; i < AUTH_CACHE_MAX_ENTRIES + 10; i++) {
        number_key(i, k);
        put(cache, k, "alice", INT64_MAX, 5000);
    }
    for (int i = 0; i < AUTH_CACHE_MAX_ENTRIES + 10; i++) {
        number_key(i, k);
        assert_true(knows(cache, k, 5000) == (i >= 10));
        known += i >= 10;
    }
    assert_int_equal(known, AUTH_CACHE_MAX_ENTRIES);
    auth_cache_free(cache);
}

static void what_was_judged_before_a_clear_is_not_remembered(void **state)
{
    struct auth_cache *cache = auth_cache_new(1000);
    struct identity *identity = identity_new("test", "alice", "");
    key k;
    (void)state;
    make_key("token", NULL, NULL, k);
    unsigned before = auth_cache_generation(cache);
    auth_cache_put(cache, k, identity, INT64_MAX, 5000, before);
    assert_true(knows(cache, k, 5000));
    auth_cache_clear(cache);
    assert_false(knows(cache, k, 5000));
    auth_cache_put(cache, k, identity, INT64_MAX, 5000, before);
    assert_false(knows(cache, k, 5000));
    auth_cache_put(cache, k, identity, INT64_MAX, 5000, auth_cache_generation(cache));
    assert_true(knows(cache, k, 5000));
    identity_unref(identity);
    auth_cache_free(cache);
}

static struct auth_cache *shared;

static void *hammer(void *seed)
{
    unsigned random = (unsigned)(uintptr_t)seed;
    for (int i = 0; i < 20000; i++) {
        key k;
        random = random * 1103515245u + 12345u;
        number_key((int)(random >> 16) % 50, k);
        struct identity *identity = auth_cache_get(shared, k, 5000);
        if (identity)
            assert_string_equal(identity->name, "alice");
        else
            put(shared, k, "alice", INT64_MAX, 5000);
        identity_unref(identity);
        if (i % 1000 == 999)
            auth_cache_clear(shared);
    }
    return NULL;
}

static void threads_may_do_all_of_it_at_once(void **state)
{
    pthread_t threads[4];
    (void)state;
    shared = auth_cache_new(1000);
    for (uintptr_t i = 0; i < ARRAY_COUNT(threads); i++)
        pthread_create(&threads[i], NULL, hammer, (void *)(i + 1));
    for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    auth_cache_free(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(different_credentials_have_different_keys),
        cmocka_unit_test(entries_end_with_their_time),
        cmocka_unit_test(what_has_ended_is_not_kept),
        cmocka_unit_test(a_clock_that_is_set_back_lengthens_nothing),
        cmocka_unit_test(without_time_nothing_is_kept),
        cmocka_unit_test(the_oldest_gives_way),
        cmocka_unit_test(what_was_judged_before_a_clear_is_not_remembered),
        cmocka_unit_test(threads_may_do_all_of_it_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
