/* What is known of partitions, and for how long. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "hub/lag_table.h"

enum { STALE = 20000 };

#define POOL "messages-pool"
#define OWN  "messages-own"

/** A table in which OWN/0 (shards 1 and 2) and POOL/3 (shard 1) are wanted. */
static struct lag_table *make_table(void)
{
    struct lag_table *table = lag_table_new(POOL, STALE);
    lag_table_begin(table);
    lag_table_want_commit(table, OWN, 0, 1, true);
    lag_table_want_commit(table, OWN, 0, 2, true);
    lag_table_want_commit(table, POOL, 3, 1, false);
    lag_table_end(table);
    return table;
}

static void tell(struct lag_table *table, const char *topic, int32_t partition, int64_t end,
                 int64_t now_ms)
{
    lag_table_set_start(table, topic, partition, 0);
    lag_table_set_end(table, topic, partition, end, now_ms);
}

static void commit(struct lag_table *table, const char *topic, int32_t partition, int32_t shard,
                   int64_t offset, int64_t now_ms)
{
    const struct shard_commit told = {offset, 100};
    lag_table_set_commit(table, topic, partition, shard, &told, now_ms);
}

static struct catalog_sight sight(const char *topic, int32_t partition, int32_t shard)
{
    return (struct catalog_sight){
        .status = SUBSCRIPTION_ACTIVE,
        .verified = true,
        .shard = shard,
        .kafka_topic = topic,
        .partition = partition,
        .position = {10, 5, 5, false},
    };
}

static void assert_lag(struct lag_table *table, const struct catalog_sight *seen, int64_t now_ms,
                       int64_t position, int64_t messages, bool exact)
{
    struct lag_figure figure;
    lag_table_measure(table, seen, now_ms, 1000000 + now_ms, &figure);
    assert_int_equal(figure.position, position);
    assert_int_equal(figure.messages, messages);
    assert_int_equal(figure.exact, exact);
}

static void test_each_shard_and_partition_has_its_own(void **state)
{
    (void)state;
    struct lag_table *table = make_table();
    const struct catalog_sight one = sight(OWN, 0, 1), two = sight(OWN, 0, 2),
                               pooled = sight(POOL, 3, 1), elsewhere = sight(POOL, 4, 1),
                               nobody = sight(OWN, 0, 3);
    tell(table, OWN, 0, 100, 1000);
    tell(table, POOL, 3, 50, 1000);
    tell(table, POOL, 4, 50, 1000);
    commit(table, OWN, 0, 1, 90, 1000);
    commit(table, OWN, 0, 2, 100, 1000);
    commit(table, POOL, 3, 1, 49, 1000);
    commit(table, POOL, 4, 1, 49, 1000);
    assert_lag(table, &one, 1000, 90, 10, true);
    assert_lag(table, &two, 1000, 100, 0, true);
    assert_lag(table, &pooled, 1000, 49, 1, false);
    assert_lag(table, &elsewhere, 1000, -1, -1, false); /* was never wanted */
    assert_lag(table, &nobody, 1000, -1, -1, false);
    lag_table_free(table);
}

static void test_what_was_told_long_ago_is_not_known_any_more(void **state)
{
    (void)state;
    struct lag_table *table = make_table();
    struct catalog_sight seen = sight(OWN, 0, 1);
    tell(table, OWN, 0, 100, 1000);
    commit(table, OWN, 0, 1, 90, 2000);
    assert_lag(table, &seen, 1000 + STALE, 90, 10, true);
    assert_lag(table, &seen, 1001 + STALE, 90, -1, false);
    assert_lag(table, &seen, 2001 + STALE, -1, -1, false);
    seen.position.detached = true; /* the state tells, whoever is away */
    assert_lag(table, &seen, 2001 + STALE, 10, -1, false);
    lag_table_free(table);
}

static void test_what_is_not_wanted_any_more_is_forgotten(void **state)
{
    (void)state;
    struct lag_table *table = make_table();
    const struct catalog_sight one = sight(OWN, 0, 1), two = sight(OWN, 0, 2);
    size_t count;
    tell(table, OWN, 0, 100, 1000);
    tell(table, POOL, 3, 50, 1000);
    commit(table, OWN, 0, 1, 90, 1000);
    commit(table, OWN, 0, 2, 80, 1000);
    lag_table_begin(table);
    lag_table_want_commit(table, OWN, 0, 1, true);
    lag_table_end(table);
    assert_lag(table, &one, 1000, 90, 10, true);
    assert_lag(table, &two, 1000, -1, -1, false);
    struct lag_partition_entry *entries = lag_table_list(table, 1000, &count);
    assert_int_equal(count, 1);
    assert_string_equal(entries[0].kafka_topic, OWN);
    lag_partition_entries_free(entries, count);
    lag_table_begin(table);
    lag_table_end(table);
    assert_null(lag_table_list(table, 1000, &count));
    assert_int_equal(count, 0);
    lag_table_free(table);
}

static void test_the_list_has_the_least_commit_of_those_who_are_served(void **state)
{
    (void)state;
    struct lag_table *table = make_table();
    size_t count;
    tell(table, OWN, 0, 100, 1000);
    commit(table, OWN, 0, 1, 90, 1000);
    commit(table, OWN, 0, 2, -1, 1000); /* none yet */
    commit(table, POOL, 3, 1, 40, 1000);
    struct lag_partition_entry *entries = lag_table_list(table, 1000, &count);
    assert_int_equal(count, 2);
    assert_string_equal(entries[0].kafka_topic, OWN);
    assert_int_equal(entries[0].position, 90);
    assert_int_equal(entries[0].end, 100);
    assert_string_equal(entries[1].kafka_topic, POOL);
    assert_int_equal(entries[1].partition, 3);
    assert_int_equal(entries[1].position, -1); /* nobody is served there */
    assert_int_equal(entries[1].end, -1);
    lag_partition_entries_free(entries, count);
    commit(table, OWN, 0, 2, 70, 1000);
    entries = lag_table_list(table, 1000, &count);
    assert_int_equal(entries[0].position, 70);
    lag_partition_entries_free(entries, count);
    lag_table_free(table);
}

static void test_growth_is_what_was_added_since_the_first_look(void **state)
{
    (void)state;
    struct lag_table *table = make_table();
    tell(table, OWN, 0, 100, 1000);
    assert_int_equal(lag_table_growth(table), 0);
    tell(table, OWN, 0, 130, 2000);
    tell(table, POOL, 3, 1000, 2000);
    assert_int_equal(lag_table_growth(table), 30);
    tell(table, POOL, 3, 1001, 3000);
    tell(table, OWN, 0, 10, 3000); /* Kafka lost some */
    assert_int_equal(lag_table_growth(table), 31);
    tell(table, "unknown", 0, 10, 3000);
    tell(table, "unknown", 0, 20, 3000);
    assert_int_equal(lag_table_growth(table), 31);
    lag_table_free(table);
}

/* --- looking back --- */

struct asked {
    int count;
    int64_t at_ms;
};

static void note_past(void *context, const char *kafka_topic, int32_t partition, int64_t at_ms)
{
    struct asked *asked = context;
    assert_string_equal(kafka_topic, OWN);
    assert_int_equal(partition, 0);
    asked->count++;
    asked->at_ms = at_ms;
}

static struct asked each_past(struct lag_table *table, int64_t now_ms)
{
    struct asked asked = {0};
    lag_table_each_past(table, now_ms, note_past, &asked);
    return asked;
}

/* The hub has just started: its history begins now, but messages have waited for an hour. */
static void test_it_looks_back_until_it_knows_how_old_the_oldest_is(void **state)
{
    (void)state;
    struct lag_table *table = make_table();
    struct catalog_sight seen = sight(OWN, 0, 1);
    struct lag_figure figure;
    int64_t now = 1000, hour = 3600000, before = now;
    int rounds = 0;
    seen.position = (struct position){60, 5, 5, true}; /* 60 was published an hour ago, 90 now */
    tell(table, OWN, 0, 90, now);
    assert_int_equal(each_past(table, now).count, 0); /* nobody wants to know */
    for (;;) {
        lag_table_measure(table, &seen, now, 1000000, &figure);
        if (figure.age_ms >= 0)
            break;
        struct asked asked = each_past(table, now);
        assert_int_equal(asked.count, 1);
        assert_true(asked.at_ms < before);
        assert_int_equal(each_past(table, now).count, 0); /* once for each time it was missing */
        bool is_older = asked.at_ms <= now - hour;
        lag_table_set_past(table, OWN, 0, asked.at_ms, is_older ? 60 : 61);
        before = asked.at_ms;
        rounds++;
    }
    assert_true(rounds > 3 && rounds < 12);
    assert_true(figure.age_ms >= hour && figure.age_ms <= 2 * hour);
    lag_table_free(table);
}

static void test_it_looks_back_a_year_at_most(void **state)
{
    (void)state;
    struct lag_table *table = make_table();
    struct catalog_sight seen = sight(OWN, 0, 1);
    struct lag_figure figure;
    int rounds = 0;
    seen.position = (struct position){60, 5, 5, true};
    tell(table, OWN, 0, 90, 1000);
    do {
        lag_table_measure(table, &seen, 1000, 1000000, &figure);
        rounds++;
    } while (each_past(table, 1000).count > 0); /* Kafka does not answer */
    assert_true(rounds > 20 && rounds < 25);
    lag_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_shard_and_partition_has_its_own),
        cmocka_unit_test(test_what_was_told_long_ago_is_not_known_any_more),
        cmocka_unit_test(test_what_is_not_wanted_any_more_is_forgotten),
        cmocka_unit_test(test_the_list_has_the_least_commit_of_those_who_are_served),
        cmocka_unit_test(test_growth_is_what_was_added_since_the_first_look),
        cmocka_unit_test(test_it_looks_back_until_it_knows_how_old_the_oldest_is),
        cmocka_unit_test(test_it_looks_back_a_year_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
