#include "tests/unit/unit.h"

#include "dispatcher/channel.h"

static struct location place(const char *kafka_topic, int32_t partition)
{
    return (struct location){(char *)(uintptr_t)kafka_topic, partition};
}

static void test_the_same_place_is_the_same_pointer(void **state)
{
    (void)state;
    struct channels channels = {0};
    struct location pool0 = place("pool", 0);
    struct message_partition *partition = channels_get_partition(&channels, "pool", 0);
    struct channel *channel = channels_get(&channels, &pool0, "births");
    assert_ptr_equal(channels_get_partition(&channels, "pool", 0), partition);
    assert_ptr_equal(channels_get(&channels, &pool0, "births"), channel);
    assert_ptr_equal(channel->partition, partition);
    assert_string_equal(channel->topic, "births");
    assert_string_equal(partition->kafka_topic, "pool");
    assert_int_equal(partition->partition, 0);
    assert_null(channel->route);
    for (int i = 0; i < MAX_LOOPS; i++)
        assert_null(channel->logs[i]);
    channels_fini(&channels);
}

static void test_different_places_never_meet(void **state)
{
    (void)state;
    static const struct {
        const char *kafka_topic;
        int32_t partition;
        const char *topic;
    } cases[] = {
        {"pool", 0, "a"},      {"pool", 0, "a:b"}, {"pool", 0, "1:a"}, {"pool", 1, "a"},
        {"pool", 10, "a"},     {"1:pool", 0, "a"}, {"0:pool", 1, "a"}, {"pool", INT32_MAX, "a"},
        {"pool:0", 0, "a"},    {"pool", 0, "b:a"}, {"pool", 0, ":a"},  {"pool", 0, "a "},
        {"dedicated", 0, "a"},
    };
    struct channels channels = {0};
    struct channel *found[ARRAY_COUNT(cases)];
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct location location = place(cases[i].kafka_topic, cases[i].partition);
        found[i] = channels_get(&channels, &location, cases[i].topic);
        assert_string_equal(found[i]->topic, cases[i].topic);
        assert_string_equal(found[i]->partition->kafka_topic, cases[i].kafka_topic);
        assert_int_equal(found[i]->partition->partition, cases[i].partition);
        for (size_t other = 0; other < i; other++)
            assert_ptr_not_equal(found[i], found[other]);
    }
    channels_fini(&channels);
}

static void test_partitions_are_numbered_without_holes(void **state)
{
    (void)state;
    struct channels channels = {0};
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(channels_get_partition(&channels, "pool", (int32_t)i)->index, i);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(channels_get_partition(&channels, "pool", (int32_t)i)->index, i);
    channels_fini(&channels);
    channels_fini(&channels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_place_is_the_same_pointer),
        cmocka_unit_test(test_different_places_never_meet),
        cmocka_unit_test(test_partitions_are_numbered_without_holes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
