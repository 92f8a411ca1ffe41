#include "tests/unit/unit.h"

#include "dispatcher/retry.h"
#include "tests/unit/random.h"

static const struct retry_policy policy = {500, 600 * 1000};

/** What the pause is spread over: doubled from min, up to max. */
static int64_t widest(const struct retry_policy *of, unsigned failures)
{
    int64_t pause = of->min_interval_ms;
    for (unsigned i = 1; i < failures && pause < of->max_interval_ms; i++)
        pause *= 2;
    return pause < of->max_interval_ms ? pause : of->max_interval_ms;
}

static void test_pauses_double_up_to_the_longest(void **state)
{
    (void)state;
    static const int64_t expected[] = {500,   1000,   2000,   4000,   8000,   16000, 32000,
                                       64000, 128000, 256000, 512000, 600000, 600000};
    for (unsigned i = 0; i < ARRAY_COUNT(expected); i++) {
        int64_t shortest = retry_pause_ms(&policy, i + 1, 0, 0);
        int64_t longest = retry_pause_ms(&policy, i + 1, 0, UINT32_MAX);
        assert_int_equal(shortest, expected[i] / 2);
        assert_in_range(longest, expected[i] * 99 / 100, expected[i]);
    }
}

static void test_pauses_lie_in_the_upper_half_whatever_the_policy(void **state)
{
    (void)state;
    static const struct retry_policy policies[] = {
        {1, 1},         {1, 2}, {3, 1000}, {1000, 1000}, {500, 600000}, {3600000, 604800000},
        {1, 604800000},
    };
    struct random random = {42};
    for (size_t i = 0; i < ARRAY_COUNT(policies); i++) {
        for (unsigned failures = 1; failures < 70; failures++) {
            int64_t most = widest(&policies[i], failures);
            for (int round = 0; round < 50; round++) {
                int64_t pause = retry_pause_ms(&policies[i], failures, 0, random_next(&random));
                assert_in_range(pause, most / 2, most);
            }
        }
    }
}

static void test_pauses_are_spread_evenly(void **state)
{
    (void)state;
    enum { BINS = 10, TRIES = 20000 };
    unsigned bins[BINS] = {0};
    struct random random = {4711};
    int64_t most = widest(&policy, 8);
    for (int i = 0; i < TRIES; i++) {
        int64_t pause = retry_pause_ms(&policy, 8, 0, random_next(&random));
        int64_t bin = (pause - most / 2) * BINS / (most - most / 2);
        assert_in_range(bin, 0, BINS - 1);
        bins[bin]++;
    }
    for (int i = 0; i < BINS; i++)
        assert_in_range(bins[i], TRIES / BINS * 8 / 10, TRIES / BINS * 12 / 10);
}

static void test_what_the_subscriber_asks_for_is_obeyed_up_to_the_longest(void **state)
{
    (void)state;
    static const uint32_t randoms[] = {0, UINT32_MAX / 2, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_COUNT(randoms); i++) {
        int64_t own = retry_pause_ms(&policy, 3, 0, randoms[i]);
        assert_int_equal(retry_pause_ms(&policy, 3, 10000, randoms[i]), 10000);
        assert_int_equal(retry_pause_ms(&policy, 3, 600000, randoms[i]), 600000);
        assert_int_equal(retry_pause_ms(&policy, 3, 600001, randoms[i]), 600000);
        assert_int_equal(retry_pause_ms(&policy, 3, INT64_MAX, randoms[i]), 600000);
        /* It may ask for more patience, never for less. */
        assert_int_equal(retry_pause_ms(&policy, 3, 1, randoms[i]), own);
        assert_int_equal(retry_pause_ms(&policy, 3, -1, randoms[i]), own);
        assert_int_equal(retry_pause_ms(&policy, 3, INT64_MIN, randoms[i]), own);
    }
}

static void test_failures_without_end_overflow_nothing(void **state)
{
    (void)state;
    static const struct retry_policy extremes[] = {
        {1, 7 * 24 * 3600 * 1000LL}, {3600 * 1000, 7 * 24 * 3600 * 1000LL}, {1, 1LL << 50}};
    static const unsigned counts[] = {60, 1000, 1u << 31, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_COUNT(extremes); i++) {
        for (size_t n = 0; n < ARRAY_COUNT(counts); n++) {
            int64_t max = extremes[i].max_interval_ms;
            assert_int_equal(retry_pause_ms(&extremes[i], counts[n], 0, 0), max / 2);
            assert_in_range(retry_pause_ms(&extremes[i], counts[n], 0, UINT32_MAX), max / 2, max);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pauses_double_up_to_the_longest),
        cmocka_unit_test(test_pauses_lie_in_the_upper_half_whatever_the_policy),
        cmocka_unit_test(test_pauses_are_spread_evenly),
        cmocka_unit_test(test_what_the_subscriber_asks_for_is_obeyed_up_to_the_longest),
        cmocka_unit_test(test_failures_without_end_overflow_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
