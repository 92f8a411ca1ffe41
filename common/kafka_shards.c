#include "common/kafka_shards.h"

#include "common/clock.h"
#include "common/kafka_offsets.h"
#include "common/state_loader.h"

/* Every transaction ends with a progress record and its marker. What was aborted since, which is
 * not shown, takes room as well; some other partition will tell then. */
enum { TAIL_RECORDS = 100, POLL_MS = 100, PATIENCE_MS = 10000, BATCH = 1000 };

/* @locality whoever looks */
static void take_record(void *context, int32_t partition, const char *key, size_t key_length,
                        struct state_record *record)
{
    int32_t *shards = context;
    (void)partition;
    (void)key;
    (void)key_length;
    if (record->kind == STATE_PROGRESS && !record->tombstone && record->value.progress.shards > 0)
        *shards = record->value.progress.shards;
}

/** Reads until each partition has ended. */
static int read_tails(rd_kafka_queue_t *queue, int32_t partitions, int32_t *shards,
                      struct error *error)
{
    int64_t deadline = clock_monotonic_ms() + PATIENCE_MS;
    while (partitions > 0) {
        rd_kafka_message_t *messages[BATCH];
        size_t count = kafka_consume(queue, POLL_MS, messages, BATCH);
        if (count == 0 && clock_monotonic_ms() > deadline)
            return error_set(error, ERROR_TIMEOUT, true, "the state topic cannot be read");
        for (size_t i = 0; i < count; i++) {
            if (!messages[i]->err)
                state_take_message(messages[i], take_record, shards, NULL);
            else if (messages[i]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
                partitions--;
            rd_kafka_message_destroy(messages[i]);
        }
    }
    return 0;
}

/** Asking for the ends first also makes the partitions' leaders known; librdkafka would look for
 * them only after half a second. */
static int assign_tails(rd_kafka_t *reader, const char *topic, int32_t partitions,
                        struct error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int32_t i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_END;
    int result = kafka_find_offsets(reader, list, PATIENCE_MS, NULL, error);
    for (int i = 0; i < list->cnt; i++) {
        int64_t end = list->elems[i].offset;
        list->elems[i].offset = end > TAIL_RECORDS ? end - TAIL_RECORDS : 0;
    }
    rd_kafka_resp_err_t code = result == 0 ? rd_kafka_assign(reader, list) : 0;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        result = kafka_error(error, code, "assigning the state topic");
    rd_kafka_topic_partition_list_destroy(list);
    return result;
}

int kafka_shards_find(const struct config *config, const struct kafka_names *names,
                      int32_t partitions, int32_t *shards, struct error *error)
{
    const struct kafka_property properties[] = {{"fetch.wait.max.ms", "5"}, {NULL, NULL}};
    rd_kafka_t *reader = kafka_client_new(config, RD_KAFKA_CONSUMER, properties, NULL, NULL, error);
    if (!reader)
        return -1;
    *shards = 0;
    rd_kafka_poll_set_consumer(reader);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(reader);
    int result = assign_tails(reader, names->state, partitions, error);
    if (result == 0)
        result = read_tails(queue, partitions, shards, error);
    rd_kafka_queue_destroy(queue);
    kafka_client_free(reader);
    return result;
}

rd_kafka_topic_partition_list_t *
kafka_shards_among(const rd_kafka_topic_partition_list_t *partitions, int32_t shards)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_copy(partitions);
    for (int i = list->cnt - 1; i >= 0; i--)
        if (list->elems[i].partition >= shards)
            rd_kafka_topic_partition_list_del_by_idx(list, i);
    return list;
}
