#include "common/kafka_offsets.h"

#include <string.h>

#include "common/clock.h"

enum { AGAIN_MS = 50 };

/** The first error of the list, if the request itself had none. */
static rd_kafka_resp_err_t first_error(const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
            return list->elems[i].err;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/** Where the topic's partitions are is looked up now, whatever librdkafka believes. */
static void fetch_metadata(rd_kafka_t *rk, const char *topic, int timeout_ms)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
    if (!handle)
        return;
    if (rd_kafka_metadata(rk, 0, handle, &metadata, timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
}

/** Of each topic of which something could not be told, while there is time. */
static void refresh(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *list, bool all,
                    int64_t deadline)
{
    const char *last = NULL; /* partitions of a topic mostly are neighbours */
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];
        int64_t left = deadline - clock_monotonic_ms();
        if (left <= 0)
            return;
        if ((!all && at->err == RD_KAFKA_RESP_ERR_NO_ERROR) || (last && !strcmp(last, at->topic)))
            continue;
        fetch_metadata(rk, at->topic, (int)left);
        last = at->topic;
    }
}

rd_kafka_resp_err_t kafka_ask_offsets(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
                                      int timeout_ms)
{
    int64_t deadline = clock_monotonic_ms() + timeout_ms;
    if (list->cnt == 0)
        return RD_KAFKA_RESP_ERR_NO_ERROR; /* librdkafka calls it an invalid argument */
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(rk, list, timeout_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR || first_error(list) != RD_KAFKA_RESP_ERR_NO_ERROR)
        refresh(rk, list, code != RD_KAFKA_RESP_ERR_NO_ERROR, deadline);
    return code;
}

static void copy_offsets(rd_kafka_topic_partition_list_t *to,
                         const rd_kafka_topic_partition_list_t *from)
{
    for (int i = 0; i < to->cnt; i++)
        to->elems[i].offset = from->elems[i].offset;
}

int kafka_find_offsets(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int timeout_ms,
                       const atomic_bool *stopping, struct error *error)
{
    int64_t deadline = clock_monotonic_ms() + timeout_ms, left = timeout_ms;
    for (;;) {
        rd_kafka_topic_partition_list_t *asked = rd_kafka_topic_partition_list_copy(list);
        rd_kafka_resp_err_t code = kafka_ask_offsets(rk, asked, (int)left);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            code = first_error(asked);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            copy_offsets(list, asked);
        rd_kafka_topic_partition_list_destroy(asked);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            return 0;
        left = deadline - clock_monotonic_ms() - AGAIN_MS;
        if (left <= 0 || (stopping && atomic_load(stopping)))
            return kafka_error(error, code, "looking up offsets");
        clock_sleep_ms(AGAIN_MS);
    }
}

int kafka_find_offset(rd_kafka_t *rk, const char *topic, int32_t partition, int64_t at,
                      int timeout_ms, const atomic_bool *stopping, int64_t *offset,
                      struct error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *only = rd_kafka_topic_partition_list_add(list, topic, partition);
    only->offset = at;
    int result = kafka_find_offsets(rk, list, timeout_ms, stopping, error);
    *offset = only->offset;
    rd_kafka_topic_partition_list_destroy(list);
    return result;
}
