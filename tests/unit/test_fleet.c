/* The dispatchers, by their reports; and what passes through. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "hub/fleet.h"
#include "hub/throughput.h"

enum { INTERVAL = 5000, STARTED = 1000000 };

static char id_a[] = "a", id_b[] = "b", version[] = "1.2.3";
static int32_t shards[] = {1, 4};

/** Made `ms` after the start of the dispatcher, which is at monotonic 0. */
static void report(struct fleet *fleet, char *id, int64_t ms, int64_t delivered, int64_t failed)
{
    const struct dispatcher_report made = {
        .id = id,
        .at_ms = STARTED + ms,
        .started_ms = STARTED,
        .interval_ms = INTERVAL,
        .version = version,
        .shards = shards,
        .shard_count = 2,
        .delivered = delivered,
        .failed = failed,
    };
    fleet_report(fleet, &made, ms);
}

static void test_they_are_listed_in_order_with_all_they_said(void **state)
{
    (void)state;
    struct fleet *fleet = fleet_new();
    size_t count;
    report(fleet, id_b, 100, 10, 1);
    report(fleet, id_a, 200, 20, 2);
    report(fleet, id_b, 300, 30, 3);
    struct fleet_member *members = fleet_list(fleet, 300, &count);
    assert_int_equal(count, 2);
    assert_string_equal(members[0].report.id, "a");
    assert_string_equal(members[1].report.id, "b");
    assert_int_equal(members[1].report.delivered, 30);
    assert_string_equal(members[1].report.version, "1.2.3");
    assert_int_equal(members[1].report.shard_count, 2);
    assert_int_equal(members[1].report.shards[1], 4);
    fleet_members_free(members, count);
    fleet_free(fleet);
}

static void test_who_does_not_report_is_dead_and_then_forgotten(void **state)
{
    (void)state;
    static const struct {
        int64_t now;
        bool listed, alive;
    } cases[] = {
        {1000, true, true},
        {1000 + 3 * INTERVAL - 1, true, true},
        {1000 + 3 * INTERVAL, true, false},
        {1000 + FLEET_FORGET_MS, true, false},
        {1001 + FLEET_FORGET_MS, false, false},
    };
    struct fleet *fleet = fleet_new();
    report(fleet, id_a, 1000, 0, 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        size_t count;
        struct fleet_member *members = fleet_list(fleet, cases[i].now, &count);
        assert_int_equal(count, cases[i].listed);
        assert_int_equal(count > 0 && members[0].alive, cases[i].alive);
        fleet_members_free(members, count);
    }
    fleet_free(fleet);
}

static void test_who_ended_is_gone(void **state)
{
    (void)state;
    struct fleet *fleet = fleet_new();
    size_t count;
    report(fleet, id_a, 0, 0, 0);
    fleet_remove(fleet, "b");
    fleet_remove(fleet, "a");
    fleet_remove(fleet, "a");
    fleet_members_free(fleet_list(fleet, 0, &count), 0);
    assert_int_equal(count, 0);
    fleet_free(fleet);
}

static void test_their_number_is_bounded(void **state)
{
    (void)state;
    struct fleet *fleet = fleet_new();
    size_t count;
    for (int i = 0; i < FLEET_MAX + 10; i++) {
        char id[16];
        snprintf(id, sizeof(id), "%05d", i);
        report(fleet, id, i, 0, 0);
    }
    struct fleet_member *members = fleet_list(fleet, FLEET_MAX, &count);
    assert_int_equal(count, FLEET_MAX);
    assert_string_equal(members[0].report.id, "00010"); /* the oldest had to go */
    fleet_members_free(members, count);
    fleet_free(fleet);
}

/* --- rates --- */

static void assert_rates(struct fleet *fleet, int64_t now_ms, double delivered, double failed)
{
    double got_delivered, got_failed;
    assert_true(fleet_rates(fleet, now_ms, &got_delivered, &got_failed));
    assert_float_equal(got_delivered, delivered, 1e-9);
    assert_float_equal(got_failed, failed, 1e-9);
}

static void test_rates_are_between_reports_whenever_they_are_asked_for(void **state)
{
    (void)state;
    struct fleet *fleet = fleet_new();
    double delivered, failed;
    assert_false(fleet_rates(fleet, 0, &delivered, &failed));
    report(fleet, id_a, 5000, 1000, 10);
    assert_false(fleet_rates(fleet, 5000, &delivered, &failed)); /* since when is not known */
    report(fleet, id_a, 10000, 1500, 20);
    assert_rates(fleet, 12000, 100, 2);
    assert_rates(fleet, 14000, 100, 2); /* nothing new */
    report(fleet, id_a, 15000, 1500, 20);
    report(fleet, id_a, 20000, 2500, 20);
    report(fleet, id_a, 25000, 3000, 50);
    assert_rates(fleet, 29000, 100, 2); /* 1500 in 15 s: none is lost, none counts twice */
    assert_rates(fleet, 25000 + 3 * INTERVAL, 0, 0); /* it died */
    fleet_free(fleet);
}

static void test_rates_add_up(void **state)
{
    (void)state;
    struct fleet *fleet = fleet_new();
    report(fleet, id_a, 5000, 100, 0);
    report(fleet, id_a, 10000, 600, 0);
    report(fleet, id_b, 9000, 1000, 0); /* of whom nothing is known yet */
    assert_rates(fleet, 10000, 100, 0);
    report(fleet, id_b, 14000, 1100, 5);
    report(fleet, id_a, 15000, 1600, 0);
    assert_rates(fleet, 15000, 220, 1);
    fleet_free(fleet);
}

static void test_a_restart_counts_from_its_start(void **state)
{
    (void)state;
    struct fleet *fleet = fleet_new();
    report(fleet, id_a, 5000, 100000, 7);
    report(fleet, id_a, 10000, 100500, 7);
    assert_rates(fleet, 10000, 100, 0);
    const struct dispatcher_report restarted = {
        .id = id_a,
        .at_ms = STARTED + 14000,
        .started_ms = STARTED + 12000,
        .interval_ms = INTERVAL,
        .delivered = 300,
        .failed = 2,
    };
    fleet_report(fleet, &restarted, 14000);
    assert_rates(fleet, 14000, 150, 1);
    fleet_free(fleet);
}

/* --- what grows --- */

static void test_growth(void **state)
{
    (void)state;
    struct growth growth = {0};
    assert_true(growth_rate(&growth, 0, 0) < 0); /* never looked at */
    assert_true(growth_rate(&growth, 500, 1000) < 0);
    assert_float_equal(growth_rate(&growth, 600, 3000), 50, 1e-9);
    assert_float_equal(growth_rate(&growth, 600, 3000), 50, 1e-9); /* not looked at since */
    assert_float_equal(growth_rate(&growth, 600, 4000), 0, 1e-9);
}

static void test_the_history_keeps_the_last(void **state)
{
    (void)state;
    static struct throughput throughput;
    static struct throughput_entry out[THROUGHPUT_ENTRIES];
    assert_int_equal(throughput_copy(&throughput, out), 0);
    for (int64_t i = 1; i <= THROUGHPUT_ENTRIES + 5; i++) {
        const struct throughput_entry entry = {.at_ms = i};
        throughput_add(&throughput, &entry);
        size_t count = throughput_copy(&throughput, out);
        assert_int_equal(count, i < THROUGHPUT_ENTRIES ? i : THROUGHPUT_ENTRIES);
        for (size_t at = 0; at < count; at++)
            assert_int_equal(out[at].at_ms, i - (int64_t)(count - 1 - at));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_they_are_listed_in_order_with_all_they_said),
        cmocka_unit_test(test_who_does_not_report_is_dead_and_then_forgotten),
        cmocka_unit_test(test_who_ended_is_gone),
        cmocka_unit_test(test_their_number_is_bounded),
        cmocka_unit_test(test_rates_are_between_reports_whenever_they_are_asked_for),
        cmocka_unit_test(test_rates_add_up),
        cmocka_unit_test(test_a_restart_counts_from_its_start),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_the_history_keeps_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
