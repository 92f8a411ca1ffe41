#include "dispatcher/shard_offsets.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/panic.h"

enum { REQUEST_MS = 10000 };

static rd_kafka_AdminOptions_t *options_new(rd_kafka_t *rk, rd_kafka_admin_op_t operation,
                                            int32_t shard)
{
    char message[256];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(rk, operation);
    rd_kafka_AdminOptions_set_request_timeout(options, REQUEST_MS, message, sizeof(message));
    rd_kafka_AdminOptions_set_opaque(options, (void *)(intptr_t)shard);
    return options;
}

bool shard_offsets_fetch(struct shard *shard, rd_kafka_t *rk, const char *group_prefix,
                         rd_kafka_queue_t *queue)
{
    struct shard_offset *offset, *next;
    if (!shard->offsets)
        return false;
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)HASH_COUNT(shard->offsets));
    HASH_ITER(hh, shard->offsets, offset, next)
    {
        rd_kafka_topic_partition_list_add(list, offset->partition->kafka_topic,
                                          offset->partition->partition);
    }
    char *group = xasprintf("%s%" PRId32, group_prefix, shard->number);
    rd_kafka_ListConsumerGroupOffsets_t *request =
        rd_kafka_ListConsumerGroupOffsets_new(group, list);
    rd_kafka_AdminOptions_t *options =
        options_new(rk, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, shard->number);
    rd_kafka_ListConsumerGroupOffsets(rk, &request, 1, options, queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ListConsumerGroupOffsets_destroy(request);
    rd_kafka_topic_partition_list_destroy(list);
    free(group);
    return true;
}

/** The list of partitions in a result about one group, or NULL. */
static const rd_kafka_topic_partition_list_t *
result_partitions(const rd_kafka_group_result_t **groups, size_t count, struct error *error)
{
    if (count != 1) {
        error_set(error, ERROR_INTERNAL, true, "no result for the shard's group");
        return NULL;
    }
    const rd_kafka_error_t *problem = rd_kafka_group_result_error(groups[0]);
    if (problem) {
        kafka_error(error, rd_kafka_error_code(problem), "the shard's group");
        return NULL;
    }
    const rd_kafka_topic_partition_list_t *list = rd_kafka_group_result_partitions(groups[0]);
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].err == RD_KAFKA_RESP_ERR_NO_ERROR)
            continue;
        kafka_error(error, list->elems[i].err, "an offset of the shard's group");
        return NULL;
    }
    return list;
}

static int64_t parse_folded(const rd_kafka_topic_partition_t *at)
{
    char text[24] = "";
    if (at->metadata && at->metadata_size < sizeof(text))
        memcpy(text, at->metadata, at->metadata_size);
    return strtoll(text, NULL, 10); /* 0 when it is not ours: then it covers nothing */
}

int shard_offsets_fetched(struct shard *shard, struct channels *channels, rd_kafka_event_t *event,
                          struct error *error)
{
    size_t count;
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_error(error, rd_kafka_event_error(event), "fetching the shard's offsets");
    const rd_kafka_group_result_t **groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(event), &count);
    const rd_kafka_topic_partition_list_t *list = result_partitions(groups, count, error);
    if (!list)
        return -1;
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];
        struct shard_offset *offset = shard_get_offset(
            shard, channels_get_partition(channels, at->topic, at->partition));
        if (at->offset < 0)
            continue;
        offset->commit = (struct shard_commit){at->offset, parse_folded(at)};
        offset->committed_ms = clock_monotonic_ms();
    }
    return 0;
}

static bool is_due(const struct shard_offset *offset, int64_t refresh_before_ms)
{
    if (offset->wanted.offset < 0)
        return false;
    return offset->wanted.offset != offset->commit.offset ||
           offset->wanted.folded != offset->commit.folded ||
           offset->committed_ms < refresh_before_ms;
}

static void add_commit(rd_kafka_topic_partition_list_t *list, struct shard_offset *offset)
{
    char text[24];
    rd_kafka_topic_partition_t *at = rd_kafka_topic_partition_list_add(
        list, offset->partition->kafka_topic, offset->partition->partition);
    snprintf(text, sizeof(text), "%" PRId64, offset->wanted.folded);
    at->offset = offset->wanted.offset;
    offset->sent_folded = offset->wanted.folded;
    at->metadata = xstrdup(text); /* freed with the list */
    at->metadata_size = strlen(text);
}

bool shard_offsets_commit(struct shard *shard, rd_kafka_t *rk, const char *group_prefix,
                          int64_t refresh_before_ms, rd_kafka_queue_t *queue)
{
    struct shard_offset *offset, *next;
    if (shard->committing)
        return false;
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)HASH_COUNT(shard->offsets));
    HASH_ITER(hh, shard->offsets, offset, next)
    {
        if (is_due(offset, refresh_before_ms))
            add_commit(list, offset);
    }
    if (list->cnt > 0) {
        char *group = xasprintf("%s%" PRId32, group_prefix, shard->number);
        rd_kafka_AlterConsumerGroupOffsets_t *request =
            rd_kafka_AlterConsumerGroupOffsets_new(group, list);
        rd_kafka_AdminOptions_t *options =
            options_new(rk, RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS, shard->number);
        rd_kafka_AlterConsumerGroupOffsets(rk, &request, 1, options, queue);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_AlterConsumerGroupOffsets_destroy(request);
        free(group);
        shard->committing = true;
    }
    bool asked = list->cnt > 0;
    rd_kafka_topic_partition_list_destroy(list);
    return asked;
}

bool shard_offsets_pending(const struct shard *shard)
{
    const struct shard_offset *offset, *next;
    HASH_ITER(hh, shard->offsets, offset, next)
    {
        if (is_due(offset, INT64_MIN))
            return true;
    }
    return false;
}

int shard_offsets_committed(struct shard *shard, struct channels *channels,
                            rd_kafka_event_t *event, struct error *error)
{
    size_t count;
    shard->committing = false;
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_error(error, rd_kafka_event_error(event), "committing the shard's offsets");
    const rd_kafka_group_result_t **groups = rd_kafka_AlterConsumerGroupOffsets_result_groups(
        rd_kafka_event_AlterConsumerGroupOffsets_result(event), &count);
    const rd_kafka_topic_partition_list_t *list = result_partitions(groups, count, error);
    if (!list)
        return -1;
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];
        struct shard_offset *offset = shard_get_offset(
            shard, channels_get_partition(channels, at->topic, at->partition));
        offset->commit = (struct shard_commit){at->offset, offset->sent_folded};
        offset->committed_ms = clock_monotonic_ms();
    }
    return 0;
}
