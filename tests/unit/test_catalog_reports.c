/* What the catalog knows of deliveries: reports, and how far behind subscriptions are. */
#include "tests/unit/unit.h"

#include "hub/kept_report.h"
#include "tests/unit/cataloging.h"

/* --- what is reported --- */

static void report(struct catalog *catalog, unsigned number, int64_t at_ms)
{
    char reason[] = "status_5xx";
    struct subscription_report made = {
        .at_ms = at_ms,
        .next = 20,
        .base = 4,
        .oldest_ms = 5000,
        .last_success_ms = 6000,
        .last_failure_ms = 7000,
        .next_attempt_ms = 8000,
        .reason = reason,
        .status = 503,
        .failures = 3,
    };
    make_id(number, made.id);
    catalog_report(catalog, &made);
}

static struct catalog_subscription get(struct catalog *catalog, unsigned number)
{
    struct catalog_subscription got;
    char id[ID_HEX_SIZE];
    make_id(number, id);
    assert_true(catalog_get(catalog, id, &got));
    return got;
}

static void assert_reported(struct catalog *catalog, unsigned number, bool reported)
{
    struct catalog_subscription got = get(catalog, number);
    assert_int_equal(got.last_success_ms, reported ? 6000 : 0);
    assert_int_equal(got.last_failure_ms, reported ? 7000 : 0);
    assert_int_equal(got.next_attempt_ms, reported ? 8000 : 0);
    assert_int_equal(got.failure_status, reported ? 503 : 0);
    assert_int_equal(got.failures, reported ? 3 : 0);
    if (reported)
        assert_string_equal(got.failure, "status_5xx");
    else
        assert_null(got.failure);
    catalog_subscription_fini(&got);
}

static void test_reports_stay_with_their_subscription(void **state)
{
    (void)state;
    struct catalog *catalog = make_catalog(10);
    report(catalog, 5, 1000);
    assert_reported(catalog, 5, true);
    assert_reported(catalog, 6, false);
    struct subscription_state changed = make(5);
    changed.status = SUBSCRIPTION_SUSPENDED;
    catalog_set(catalog, 0, &changed);
    assert_reported(catalog, 5, true);
    catalog_remove(catalog, changed.id);
    catalog_set(catalog, 0, &changed); /* another one, later */
    assert_reported(catalog, 5, false);
    catalog_free(catalog);
}

static void test_reports_may_come_before_their_subscription(void **state)
{
    (void)state;
    struct catalog *catalog = make_catalog(10);
    report(catalog, 10, 1000);
    report(catalog, 10, 2000);
    assert_int_equal(catalog_count(catalog), 10);
    struct subscription_state late = make(10);
    catalog_set(catalog, 0, &late);
    assert_reported(catalog, 10, true);
    catalog_free(catalog);
}

static void test_reports_of_nobody_are_bounded(void **state)
{
    (void)state;
    struct catalog *catalog = catalog_new();
    for (unsigned i = 0; i <= EARLY_REPORTS_MAX; i++)
        report(catalog, i, 1000);
    for (unsigned i = 0; i < 3; i++) {
        struct subscription_state late = make(i);
        catalog_set(catalog, 0, &late);
        assert_reported(catalog, i, i > 0); /* the oldest had to go */
    }
    catalog_free(catalog);
}

static void test_reports_of_nobody_are_forgotten_in_time(void **state)
{
    (void)state;
    struct names names = {0};
    struct early_reports early = {0};
    struct subscription_report made = {.at_ms = 1, .next = -1, .base = -1};
    make_id(1, made.id);
    early_reports_put(&early, &names, &made, 1000);
    make_id(2, made.id);
    early_reports_put(&early, &names, &made, 1000 + EARLY_REPORTS_MS);
    make_id(3, made.id);
    early_reports_put(&early, &names, &made, 1001 + EARLY_REPORTS_MS);
    for (unsigned i = 1; i <= 3; i++) {
        char id[ID_HEX_SIZE];
        make_id(i, id);
        struct kept_report *kept = early_reports_take(&early, id);
        assert_int_equal(kept != NULL, i > 1);
        kept_report_free(kept, &names);
    }
    early_reports_fini(&early, &names);
}

/* A dispatcher that has just taken over knows of no outcome yet. */
static void test_earlier_outcomes_stay_known(void **state)
{
    (void)state;
    struct catalog *catalog = make_catalog(10);
    struct subscription_report made = {.at_ms = 2000, .next = 30, .base = 4};
    make_id(5, made.id);
    report(catalog, 5, 1000);
    catalog_report(catalog, &made);
    struct catalog_subscription got = get(catalog, 5);
    assert_int_equal(got.last_success_ms, 6000);
    assert_int_equal(got.last_failure_ms, 7000);
    assert_string_equal(got.failure, "status_5xx");
    assert_int_equal(got.failures, 0); /* in a row: none up to now */
    assert_int_equal(got.next_attempt_ms, 0);
    catalog_subscription_fini(&got);
    catalog_free(catalog);
}

/* --- how far behind they are --- */

/** By the position's offset, 10 to 309: messages 0 to 299, and as many seconds; the last not. */
static void measure(void *context, const struct catalog_sight *sight, struct lag_figure *figure)
{
    assert_ptr_equal(context, &measure);
    assert_int_equal(sight->shard, 3);
    assert_int_equal(sight->partition, 3);
    assert_string_equal(sight->kafka_topic, "messages-pool");
    figure->position = sight->position.offset;
    figure->messages = figure->position - 10;
    figure->age_ms = figure->messages < 299 ? 1000 * figure->messages : -1;
}

static struct catalog *make_measured(void)
{
    struct catalog *catalog = catalog_new();
    for (unsigned i = 0; i < 300; i++) {
        struct subscription_state state = make(i);
        catalog_set(catalog, 3, &state);
    }
    struct subscription_state requested = make(300);
    requested.verified_at_ms = 0;
    catalog_set(catalog, 3, &requested);
    catalog_measure_with(catalog, measure, (void *)&measure);
    return catalog;
}

static void test_lag_is_told_and_filtered_by(void **state)
{
    (void)state;
    static const struct {
        int64_t messages, ms;
        size_t count;
    } cases[] = {
        {0, 0, 301},    {1, 0, 299},    {299, 0, 1},       {300, 0, 0},       {0, 1, 298},
        {0, 298000, 1}, {0, 298001, 0}, {100, 200000, 99}, {250, 200000, 49},
    };
    struct catalog *catalog = make_measured();
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct catalog_filter filter = {.min_lag_messages = cases[i].messages,
                                              .min_lag_ms = cases[i].ms};
        if (list_all(catalog, &filter, 7) != cases[i].count)
            fail_msg("case %zu", i);
    }
    struct catalog_subscription got = get(catalog, 7);
    assert_int_equal(got.lag.position, 17);
    assert_int_equal(got.lag.messages, 7);
    catalog_subscription_fini(&got);
    got = get(catalog, 300); /* never verified */
    assert_int_equal(got.lag.position, -1);
    assert_int_equal(got.lag.messages, -1);
    catalog_subscription_fini(&got);
    catalog_measure_with(catalog, NULL, NULL);
    const struct catalog_filter filter = {.min_lag_messages = 1};
    assert_int_equal(list_all(catalog, &filter, 7), 0);
    catalog_free(catalog);
}

static void note_look(void *context, const struct catalog_sight *sight)
{
    int64_t *sum = context;
    sum[0]++;
    sum[1] += sight->position.offset;
    sum[2] += sight->report.next;
    sum[3] += sight->verified;
}

/* Reported with the position 20 by a dispatcher that was killed; commits have come further. */
static void test_failures_of_before_have_ended(void **state)
{
    (void)state;
    static const struct {
        unsigned number; /* its position is 10 more */
        bool ended;
    } cases[] = {{9, false}, {10, false}, {11, true}};
    struct catalog *catalog = make_measured();
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        report(catalog, cases[i].number, 1000);
        struct catalog_subscription got = get(catalog, cases[i].number);
        assert_int_equal(got.failures, cases[i].ended ? 0 : 3);
        assert_int_equal(got.next_attempt_ms, cases[i].ended ? 0 : 8000);
        assert_int_equal(got.last_failure_ms, 7000);
        catalog_subscription_fini(&got);
    }
    catalog_free(catalog);
}

static void test_all_are_shown(void **state)
{
    (void)state;
    struct catalog *catalog = make_measured();
    int64_t sum[4] = {0};
    report(catalog, 5, 1000);
    catalog_look(catalog, note_look, sum);
    assert_int_equal(sum[0], 301);
    assert_int_equal(sum[1], 301 * 10 + 300 * 301 / 2);
    assert_int_equal(sum[2], 20);
    assert_int_equal(sum[3], 300);
    catalog_free(catalog);
}

static void test_statuses_are_counted(void **state)
{
    (void)state;
    struct catalog *catalog = make_catalog(10); /* 0, 3, 6, 9 are suspended */
    size_t counts[SUBSCRIPTION_STATUS_COUNT];
    struct subscription_state changed = make(0);
    changed.status = SUBSCRIPTION_PAUSED;
    catalog_set(catalog, 0, &changed);
    changed = make(3);
    catalog_remove(catalog, changed.id);
    catalog_count_statuses(catalog, counts);
    for (int i = 0; i < SUBSCRIPTION_STATUS_COUNT; i++)
        assert_int_equal(counts[i], i == SUBSCRIPTION_ACTIVE      ? 6
                                    : i == SUBSCRIPTION_SUSPENDED ? 2
                                    : i == SUBSCRIPTION_PAUSED    ? 1
                                                                  : 0);
    catalog_free(catalog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reports_stay_with_their_subscription),
        cmocka_unit_test(test_reports_may_come_before_their_subscription),
        cmocka_unit_test(test_reports_of_nobody_are_bounded),
        cmocka_unit_test(test_reports_of_nobody_are_forgotten_in_time),
        cmocka_unit_test(test_earlier_outcomes_stay_known),
        cmocka_unit_test(test_lag_is_told_and_filtered_by),
        cmocka_unit_test(test_failures_of_before_have_ended),
        cmocka_unit_test(test_all_are_shown),
        cmocka_unit_test(test_statuses_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
