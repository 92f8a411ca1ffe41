/* The ledger of migrations: what is written is read again, and nothing else. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "client/migration/ledger.h"

#define ID "00112233445566778899aabbccddeeff"

static int take(struct ledger *ledger, const char *key, const char *value, struct error *error)
{
    return ledger_take(ledger, key, strlen(key), value, value ? strlen(value) : 0, error);
}

static void test_a_topic_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct ledger written = {0}, read = {0};
    struct error error;
    size_t length;
    struct ledger_topic *topic = ledger_get_topic(&written, "a/b");
    char *early = ledger_encode_topic(topic, &length);
    topic->location.kafka_topic = strdup("websub-messages-pool");
    topic->location.partition = 3;
    topic->first = 5;
    topic->after = 9;
    topic->copied = 4;
    topic->range_count = 2;
    topic->ranges = calloc(2, sizeof(*topic->ranges));
    topic->ranges[1] = (struct ledger_range){7, 11};
    char *late = ledger_encode_topic(topic, &length);

    assert_int_equal(take(&read, "topic:a/b", early, &error), 0);
    assert_int_equal(ledger_find_topic(&read, "a/b")->first, -1);
    assert_int_equal(take(&read, "topic:a/b", late, &error), 0);
    topic = ledger_find_topic(&read, "a/b");
    assert_string_equal(topic->location.kafka_topic, "websub-messages-pool");
    assert_int_equal(topic->location.partition, 3);
    assert_int_equal(topic->first, 5);
    assert_int_equal(topic->after, 9);
    assert_int_equal(topic->copied, 4);
    assert_int_equal(topic->range_count, 2);
    assert_int_equal(topic->ranges[1].from, 7);
    assert_int_equal(topic->ranges[1].next, 11);
    assert_null(ledger_find_topic(&read, "a_b"));
    free(early);
    free(late);
    ledger_fini(&written);
    ledger_fini(&read);
}

static void test_a_subscription_is_remembered(void **state)
{
    (void)state;
    struct ledger ledger = {0};
    struct error error;
    size_t length;
    char *value = ledger_encode_subscription("a/b", "http://c.example/", 7, &length);
    assert_false(ledger_has_subscription(&ledger, ID));
    assert_int_equal(take(&ledger, "subscription:" ID, value, &error), 0);
    assert_int_equal(take(&ledger, "subscription:" ID, value, &error), 0);
    assert_true(ledger_has_subscription(&ledger, ID));
    assert_int_equal(HASH_COUNT(ledger.subscriptions), 1);
    free(value);
    ledger_fini(&ledger);
}

static void test_other_records_are_refused_and_change_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value;
    } cases[] = {
        {"topic:a", NULL},
        {"topic:a", "{}"},
        {"topic:a", "{\"v\":2,\"partitions\":[]}"},
        {"topic:a", "{\"v\":1}"},
        {"topic:a", "{\"v\":1,\"first\":3,\"after\":2,\"kafka_topic\":\"k\",\"partitions\":[]}"},
        {"topic:a", "{\"v\":1,\"first\":3,\"after\":3,\"partitions\":[]}"},
        {"topic:a", "{\"v\":1,\"partitions\":[{\"from\":3,\"next\":2}]}"},
        {"topic:a", "{\"v\":1,\"partitions\":[{\"from\":3}]}"},
        {"topic:a", "{\"v\":1,\"partitions\":[7]}"},
        {"topic:a", "{\"v\":1,\"partition\":-1,\"partitions\":[]}"},
        {"subscription:short", "{\"v\":1}"},
        {"progress", "{\"v\":1}"},
    };
    struct ledger ledger = {0};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct error error;
        assert_int_equal(take(&ledger, cases[i].key, cases[i].value, &error), -1);
        assert_int_equal(error.code, ERROR_INVALID);
    }
    assert_null(ledger.topics);
    assert_null(ledger.subscriptions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_topic_is_read_as_it_was_written),
        cmocka_unit_test(test_a_subscription_is_remembered),
        cmocka_unit_test(test_other_records_are_refused_and_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
