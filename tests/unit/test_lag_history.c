/* When a record was published, from where its partition ended at which time. */
#include "tests/unit/unit.h"

#include "hub/lag_history.h"

#define SECOND INT64_C(1000)
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)

static void assert_published(const struct lag_history *history, int64_t offset, int64_t want)
{
    int64_t at_ms = -1;
    assert_true(lag_history_published(history, offset, &at_ms));
    assert_int_equal(at_ms, want);
}

static void test_between_samples_records_come_evenly(void **state)
{
    (void)state;
    struct lag_history history = {0};
    int64_t at_ms;
    assert_false(lag_history_published(&history, 0, &at_ms));
    lag_history_add(&history, 1000, 10);
    lag_history_add(&history, 2000, 20);
    lag_history_add(&history, 4000, 24);
    assert_false(lag_history_published(&history, 9, &at_ms)); /* was there at first */
    assert_published(&history, 10, 1000);
    assert_published(&history, 15, 1500);
    assert_published(&history, 19, 1900);
    assert_published(&history, 20, 2000);
    assert_published(&history, 23, 3500);
    assert_published(&history, 24, 4000); /* not there yet: not before */
    assert_published(&history, 99, 4000);
    lag_history_fini(&history);
}

static void test_an_idle_partition_costs_one_sample(void **state)
{
    (void)state;
    struct lag_history history = {0};
    lag_history_add(&history, 1000, 10);
    for (int64_t at = 2000; at <= 100000; at += 1000)
        lag_history_add(&history, at, 10);
    assert_int_equal(history.count, 1);
    /* What came then came after the last look that did not see it. */
    lag_history_add(&history, 101000, 11);
    assert_published(&history, 10, 100000);
    lag_history_fini(&history);
}

static void test_an_end_that_went_back_begins_anew(void **state)
{
    (void)state;
    struct lag_history history = {0};
    int64_t at_ms;
    lag_history_add(&history, 1000, 10);
    lag_history_add(&history, 2000, 20);
    lag_history_add(&history, 3000, 5);
    assert_int_equal(history.count, 1);
    assert_false(lag_history_published(&history, 4, &at_ms));
    assert_published(&history, 5, 3000);
    lag_history_fini(&history);
}

/* A record a second, looked at every five: whatever its age, it is told to some percent. */
static void test_it_is_bounded_and_exact_in_proportion(void **state)
{
    (void)state;
    struct lag_history history = {0};
    int64_t now = 0;
    for (; now <= 7 * DAY; now += 5 * SECOND) {
        lag_history_add(&history, now, now / SECOND);
        assert_true(history.count <= LAG_HISTORY_MAX);
    }
    now -= 5 * SECOND;
    for (size_t i = 1; i < history.count; i++) {
        const struct lag_sample *before = &history.samples[i - 1], *sample = &history.samples[i];
        assert_true(before->at_ms < sample->at_ms && before->end < sample->end);
        int64_t gap = sample->at_ms - before->at_ms, age = now - before->at_ms;
        assert_true(gap <= 5 * SECOND || gap * 100 <= age * 45);
    }
    assert_int_equal(history.samples[0].at_ms, 0);
    lag_history_fini(&history);
}

static void test_the_past_goes_before_all(void **state)
{
    (void)state;
    struct lag_history history = {0};
    int64_t at_ms;
    lag_history_add(&history, 1000, 10);
    lag_history_add_older(&history, -9000, 10); /* no news: the same end, earlier */
    lag_history_add_older(&history, 2000, 5);   /* not earlier */
    assert_int_equal(history.count, 1);
    lag_history_add_older(&history, -9000, 5);
    assert_published(&history, 5, -9000);
    assert_published(&history, 7, -5000);
    assert_false(lag_history_published(&history, 4, &at_ms));
    for (int64_t i = 1; i <= 5 * LAG_HISTORY_MAX; i++)
        lag_history_add(&history, 1000 + i * 1000, 10 + i);
    lag_history_add_older(&history, -90000, 1);
    assert_true(history.count <= LAG_HISTORY_MAX);
    assert_published(&history, 1, -90000);
    lag_history_fini(&history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_between_samples_records_come_evenly),
        cmocka_unit_test(test_an_idle_partition_costs_one_sample),
        cmocka_unit_test(test_an_end_that_went_back_begins_anew),
        cmocka_unit_test(test_it_is_bounded_and_exact_in_proportion),
        cmocka_unit_test(test_the_past_goes_before_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
