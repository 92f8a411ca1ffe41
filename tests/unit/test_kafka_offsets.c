/* Offsets are found as soon as they can be, against librdkafka's embedded broker. */
#include "tests/unit/unit.h"

#include "common/kafka_offsets.h"

/* Needs what the above includes. */
#include <librdkafka/rdkafka_mock.h>

enum { TIMEOUT_MS = 10000, SHORT_MS = 300, RECORDS = 3 };

static rd_kafka_t *owner, *client;
static rd_kafka_mock_cluster_t *cluster;

static rd_kafka_t *make_client(rd_kafka_type_t type, const char *servers)
{
    char message[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (servers)
        assert_int_equal(
            rd_kafka_conf_set(conf, "bootstrap.servers", servers, message, sizeof(message)),
            RD_KAFKA_CONF_OK);
    rd_kafka_t *rk = rd_kafka_new(type, conf, message, sizeof(message));
    assert_non_null(rk);
    return rk;
}

static void produce(int32_t partition)
{
    for (int i = 0; i < RECORDS; i++)
        assert_int_equal(
            rd_kafka_producev(client, RD_KAFKA_V_TOPIC("topic"), RD_KAFKA_V_PARTITION(partition),
                              RD_KAFKA_V_VALUE((void *)(uintptr_t) "x", 1), RD_KAFKA_V_END),
            RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(rd_kafka_flush(client, TIMEOUT_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
}

static int set_up(void **state)
{
    (void)state;
    owner = make_client(RD_KAFKA_PRODUCER, NULL);
    cluster = rd_kafka_mock_cluster_new(owner, 2);
    assert_int_equal(rd_kafka_mock_topic_create(cluster, "topic", 2, 1),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    client = make_client(RD_KAFKA_PRODUCER, rd_kafka_mock_cluster_bootstraps(cluster));
    produce(0);
    produce(1);
    rd_kafka_destroy(client);
    client = make_client(RD_KAFKA_PRODUCER, rd_kafka_mock_cluster_bootstraps(cluster));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rd_kafka_destroy(client);
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(owner);
    return 0;
}

static int find_end(int32_t partition, int timeout_ms, int64_t *end)
{
    struct error error;
    return kafka_find_offset(client, "topic", partition, RD_KAFKA_OFFSET_END, timeout_ms, NULL, end,
                             &error);
}

static void test_ends_of_several_partitions_are_found(void **state)
{
    (void)state;
    struct error error;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(2);
    for (int32_t i = 0; i < 2; i++)
        rd_kafka_topic_partition_list_add(list, "topic", i)->offset = RD_KAFKA_OFFSET_END;
    assert_int_equal(kafka_find_offsets(client, list, TIMEOUT_MS, NULL, &error), 0);
    for (int32_t i = 0; i < 2; i++)
        assert_int_equal(list->elems[i].offset, RECORDS);
    rd_kafka_topic_partition_list_destroy(list);
}

static void test_of_no_partitions_all_are_found(void **state)
{
    (void)state;
    struct error error;
    rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);
    assert_int_equal(kafka_find_offsets(client, none, TIMEOUT_MS, NULL, &error), 0);
    rd_kafka_topic_partition_list_destroy(none);
}

/** librdkafka takes what it was told once for final, as long as nothing has it ask again. */
static void test_a_partition_that_had_no_leader_is_found_once_it_has(void **state)
{
    (void)state;
    int64_t end;
    rd_kafka_mock_partition_set_leader(cluster, "topic", 0, -1);
    assert_int_equal(find_end(0, SHORT_MS, &end), -1);
    assert_int_equal(end, RD_KAFKA_OFFSET_END); /* as it was */
    rd_kafka_mock_partition_set_leader(cluster, "topic", 0, 1);
    assert_int_equal(find_end(0, TIMEOUT_MS, &end), 0);
    assert_int_equal(end, RECORDS);
}

static void test_a_partition_that_has_another_leader_is_found(void **state)
{
    (void)state;
    int64_t end;
    for (int32_t leader = 1; leader <= 2; leader++) {
        rd_kafka_mock_partition_set_leader(cluster, "topic", 1, leader);
        assert_int_equal(find_end(1, TIMEOUT_MS, &end), 0);
        assert_int_equal(end, RECORDS);
    }
}

static void test_looking_up_stops_when_told(void **state)
{
    (void)state;
    const atomic_bool stopping = true;
    int64_t end;
    struct error error;
    rd_kafka_mock_partition_set_leader(cluster, "topic", 0, -1);
    assert_int_equal(kafka_find_offset(client, "topic", 0, RD_KAFKA_OFFSET_END, TIMEOUT_MS,
                                       &stopping, &end, &error),
                     -1);
    assert_true(error.retriable);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_ends_of_several_partitions_are_found),
        STORY(test_of_no_partitions_all_are_found),
        STORY(test_a_partition_that_had_no_leader_is_found_once_it_has),
        STORY(test_a_partition_that_has_another_leader_is_found),
        STORY(test_looking_up_stops_when_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
