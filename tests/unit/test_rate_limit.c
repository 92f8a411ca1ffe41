/* How often each client may do something. */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdio.h>

#include "hub/rate_limit.h"

#define SECOND_US INT64_C(1000000)

/* How many are let through at one moment. */
static int burst(struct rate_limit *limit, const char *key, int64_t now_us)
{
    int count = 0;
    while (rate_limit_take(limit, key, now_us) == 0)
        count++;
    return count;
}

static void a_full_bucket_holds_a_seconds_worth(void **state)
{
    static const struct {
        double per_second;
        int tokens;
    } cases[] = {{1, 1},   {1.5, 1},   {2, 2},         {3, 3},           {7, 7},
                 {10, 10}, {300, 300}, {12345, 12345}, {700000, 700000}, {3000000, 3000000}};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct rate_limit *limit = rate_limit_new(cases[i].per_second);
        int first = burst(limit, "a", 7 * SECOND_US);
        if (first < cases[i].tokens || first > cases[i].tokens + cases[i].tokens / 100)
            fail_msg("%g per second: a burst of %d", cases[i].per_second, first);
        assert_int_equal(burst(limit, "a", 7 * SECOND_US), 0);
        /* long after it is full again, and not fuller than that */
        assert_int_equal(burst(limit, "a", 1000 * SECOND_US), first);
        rate_limit_free(limit);
    }
}

static void tokens_come_back_at_the_rate(void **state)
{
    struct rate_limit *limit = rate_limit_new(4);
    int64_t now = SECOND_US;
    (void)state;
    assert_int_equal(burst(limit, "a", now), 4);
    assert_int_equal(rate_limit_take(limit, "a", now), 250);
    assert_int_equal(rate_limit_take(limit, "a", now + 100 * 1000), 150);
    assert_int_equal(rate_limit_take(limit, "a", now + 249 * 1000), 1);
    assert_int_equal(rate_limit_take(limit, "a", now + 249 * 1000 + 999), 1);
    assert_int_equal(rate_limit_take(limit, "a", now + 250 * 1000), 0);
    assert_int_equal(rate_limit_take(limit, "a", now + 250 * 1000), 250);
    assert_int_equal(burst(limit, "a", now + 800 * 1000), 2);
    rate_limit_free(limit);
}

/* After what it says it lets one through, and not a millisecond before. */
static void the_wait_is_what_it_says(void **state)
{
    static const double rates[] = {0.001, 0.3, 0.7, 1, 3, 7.77, 33, 999, 100000};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rates); i++) {
        struct rate_limit *limit = rate_limit_new(rates[i]);
        int64_t now = 123456789, wait;
        for (int round = 0; round < 50; round++) {
            burst(limit, "a", now);
            wait = rate_limit_take(limit, "a", now);
            assert_true(wait >= 1);
            if (wait > 1)
                assert_true(rate_limit_take(limit, "a", now + (wait - 1) * 1000) > 0);
            now += wait * 1000;
            assert_int_equal(rate_limit_take(limit, "a", now), 0);
        }
        rate_limit_free(limit);
    }
}

static void below_one_per_second_it_is_one_at_a_time(void **state)
{
    struct rate_limit *limit = rate_limit_new(0.1);
    (void)state;
    assert_int_equal(rate_limit_take(limit, "a", 0), 0);
    assert_int_equal(rate_limit_take(limit, "a", 0), 10000);
    assert_int_equal(rate_limit_take(limit, "a", 9 * SECOND_US), 1000);
    assert_int_equal(rate_limit_take(limit, "a", 10 * SECOND_US), 0);
    assert_int_equal(burst(limit, "a", 1000 * SECOND_US), 1);
    rate_limit_free(limit);
    /* as good as never, without an overflow on the way */
    limit = rate_limit_new(1e-300);
    assert_int_equal(rate_limit_take(limit, "a", INT64_C(1) << 50), 0);
    assert_true(rate_limit_take(limit, "a", INT64_C(1) << 50) > 86400 * 1000);
    rate_limit_free(limit);
    rate_limit_free(NULL);
}

static void keys_have_their_own(void **state)
{
    struct rate_limit *limit = rate_limit_new(2);
    (void)state;
    assert_int_equal(burst(limit, "a", 0), 2);
    assert_int_equal(burst(limit, "A", 0), 2);
    assert_int_equal(burst(limit, "", 0), 2);
    assert_int_equal(burst(limit, "aa", 0), 2);
    assert_int_equal(burst(limit, "a", 0), 0);
    rate_limit_free(limit);
}

/* Of those in use the one that was used longest ago gives way; those before it keep theirs. */
static void a_flood_of_keys_is_bounded(void **state)
{
    struct rate_limit *limit = rate_limit_new(0.001);
    char key[32];
    (void)state;
    assert_int_equal(rate_limit_take(limit, "first", 0), 0);
    assert_int_equal(rate_limit_take(limit, "second", 0), 0);
    for (int i = 0; i < RATE_LIMIT_MAX_KEYS - 1; i++) {
        snprintf(key, sizeof(key), "%d", i);
        assert_int_equal(rate_limit_take(limit, key, 1), 0);
        assert_true(rate_limit_take(limit, "second", 1) > 0); /* in use */
    }
    assert_int_equal(rate_limit_take(limit, "first", 1), 0); /* forgotten */
    assert_true(rate_limit_take(limit, "second", 1) > 0);
    assert_true(rate_limit_take(limit, key, 1) > 0);
    rate_limit_free(limit);
}

static void *take_many(void *context)
{
    intptr_t taken = 0;
    for (int i = 0; i < 20000; i++)
        taken += rate_limit_take(context, i % 2 ? "a" : "b", 0) == 0;
    return (void *)taken;
}

static void threads_share_a_bucket(void **state)
{
    struct rate_limit *limit = rate_limit_new(1000);
    pthread_t threads[4];
    intptr_t taken = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
        pthread_create(&threads[i], NULL, take_many, limit);
    for (size_t i = 0; i < ARRAY_COUNT(threads); i++) {
        void *result;
        pthread_join(threads[i], &result);
        taken += (intptr_t)result;
    }
    assert_int_equal(taken, 2000);
    rate_limit_free(limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_bucket_holds_a_seconds_worth),
        cmocka_unit_test(tokens_come_back_at_the_rate),
        cmocka_unit_test(the_wait_is_what_it_says),
        cmocka_unit_test(below_one_per_second_it_is_one_at_a_time),
        cmocka_unit_test(keys_have_their_own),
        cmocka_unit_test(a_flood_of_keys_is_bounded),
        cmocka_unit_test(threads_share_a_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
