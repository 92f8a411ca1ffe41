#include "dispatcher/shard_offsets.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/panic.h"

enum {
    NEVER_MS = 3600 * 1000, /* librdkafka's maximum; see the header */
    PATIENCE_MS = 10000,
};

struct request {
    struct request *prev, *next;
    int32_t shard;
    uint32_t incarnation;
    bool is_commit;
    int64_t sent_ms;
};

struct shard_offsets {
    const struct config *config;
    const char *group_prefix;
    struct channels *channels;
    struct shard_offsets_callbacks callbacks;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    struct request *requests; /* under way, oldest first */
    int count;
};

/* --- the handle --- */

static int open_handle(struct shard_offsets *offsets, struct error *error)
{
    offsets->rk = kafka_client_new(offsets->config, RD_KAFKA_PRODUCER, NULL, NULL, NULL, error);
    if (!offsets->rk)
        return -1;
    offsets->queue = rd_kafka_queue_new(offsets->rk);
    return 0;
}

static void close_handle(struct shard_offsets *offsets)
{
    if (!offsets->rk)
        return;
    rd_kafka_queue_destroy(offsets->queue);
    rd_kafka_destroy(offsets->rk);
    offsets->rk = NULL;
}

struct shard_offsets *shard_offsets_new(const struct config *config, const char *group_prefix,
                                        struct channels *channels,
                                        const struct shard_offsets_callbacks *callbacks,
                                        struct error *error)
{
    struct shard_offsets *offsets = xcalloc(1, sizeof(*offsets));
    offsets->config = config;
    offsets->group_prefix = group_prefix;
    offsets->channels = channels;
    offsets->callbacks = *callbacks;
    if (open_handle(offsets, error) != 0) {
        free(offsets);
        return NULL;
    }
    return offsets;
}

void shard_offsets_free(struct shard_offsets *offsets)
{
    struct request *request, *next;
    if (!offsets)
        return;
    close_handle(offsets);
    DL_FOREACH_SAFE(offsets->requests, request, next)
    {
        free(request);
    }
    free(offsets);
}

/* --- requests --- */

static struct request *request_new(struct shard_offsets *offsets, const struct shard *shard,
                                   bool is_commit)
{
    struct request *request = xcalloc(1, sizeof(*request));
    request->shard = shard->number;
    request->incarnation = shard->incarnation;
    request->is_commit = is_commit;
    request->sent_ms = clock_monotonic_ms();
    DL_APPEND(offsets->requests, request);
    offsets->count++;
    return request;
}

static rd_kafka_AdminOptions_t *options_new(struct shard_offsets *offsets,
                                            rd_kafka_admin_op_t operation, struct request *request)
{
    char message[256];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(offsets->rk, operation);
    ENSURE(rd_kafka_AdminOptions_set_request_timeout(options, NEVER_MS, message, sizeof(message)) ==
           RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_AdminOptions_set_opaque(options, request);
    return options;
}

bool shard_offsets_fetch(struct shard_offsets *offsets, struct shard *shard)
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
    char *group = xasprintf("%s%" PRId32, offsets->group_prefix, shard->number);
    rd_kafka_ListConsumerGroupOffsets_t *asked = rd_kafka_ListConsumerGroupOffsets_new(group, list);
    rd_kafka_AdminOptions_t *options = options_new(
        offsets, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, request_new(offsets, shard, false));
    rd_kafka_ListConsumerGroupOffsets(offsets->rk, &asked, 1, options, offsets->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ListConsumerGroupOffsets_destroy(asked);
    rd_kafka_topic_partition_list_destroy(list);
    free(group);
    return true;
}

/* --- answers --- */

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

static int take_fetched(struct shard_offsets *offsets, struct shard *shard, rd_kafka_event_t *event,
                        struct error *error)
{
    size_t count;
    const rd_kafka_group_result_t **groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(event), &count);
    const rd_kafka_topic_partition_list_t *list = result_partitions(groups, count, error);
    if (!list)
        return -1;
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];
        struct shard_offset *offset = shard_get_offset(
            shard, channels_get_partition(offsets->channels, at->topic, at->partition));
        if (at->offset < 0)
            continue;
        offset->commit = (struct shard_commit){at->offset, parse_folded(at)};
        offset->committed_ms = clock_monotonic_ms();
    }
    return 0;
}

int64_t shard_offsets_folded(const struct shard *shard)
{
    const struct shard_offset *offset, *next;
    int64_t folded = 0;
    HASH_ITER(hh, shard->offsets, offset, next)
    {
        if (offset->commit.offset >= 0 && offset->commit.folded > folded)
            folded = offset->commit.folded;
    }
    return folded;
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

void shard_offsets_commit(struct shard_offsets *offsets, struct shard *shard,
                          int64_t refresh_before_ms)
{
    struct shard_offset *offset, *next;
    if (shard->committing)
        return;
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)HASH_COUNT(shard->offsets));
    HASH_ITER(hh, shard->offsets, offset, next)
    {
        if (is_due(offset, refresh_before_ms))
            add_commit(list, offset);
    }
    if (list->cnt > 0) {
        char *group = xasprintf("%s%" PRId32, offsets->group_prefix, shard->number);
        rd_kafka_AlterConsumerGroupOffsets_t *asked =
            rd_kafka_AlterConsumerGroupOffsets_new(group, list);
        rd_kafka_AdminOptions_t *options =
            options_new(offsets, RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS,
                        request_new(offsets, shard, true));
        rd_kafka_AlterConsumerGroupOffsets(offsets->rk, &asked, 1, options, offsets->queue);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_AlterConsumerGroupOffsets_destroy(asked);
        free(group);
        shard->committing = true;
    }
    rd_kafka_topic_partition_list_destroy(list);
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

static int take_committed(struct shard_offsets *offsets, struct shard *shard,
                          rd_kafka_event_t *event, struct error *error)
{
    size_t count;
    const rd_kafka_group_result_t **groups = rd_kafka_AlterConsumerGroupOffsets_result_groups(
        rd_kafka_event_AlterConsumerGroupOffsets_result(event), &count);
    const rd_kafka_topic_partition_list_t *list = result_partitions(groups, count, error);
    if (!list)
        return -1;
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];
        struct shard_offset *offset = shard_get_offset(
            shard, channels_get_partition(offsets->channels, at->topic, at->partition));
        offset->commit = (struct shard_commit){at->offset, offset->sent_folded};
        offset->committed_ms = clock_monotonic_ms();
    }
    return 0;
}

/** Ends a request; `event` NULL: it took too long. */
static void settle(struct shard_offsets *offsets, struct request *request, rd_kafka_event_t *event)
{
    const struct shard_offsets_callbacks *callbacks = &offsets->callbacks;
    struct shard *shard = callbacks->find(callbacks->context, request->shard);
    struct error error = {0};
    int result = -1;
    DL_DELETE(offsets->requests, request);
    offsets->count--;
    if (shard && shard->incarnation == request->incarnation) {
        if (!event)
            error_set(&error, ERROR_TIMEOUT, true, "the coordinator of the group does not answer");
        else if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
            kafka_error(&error, rd_kafka_event_error(event), "offsets of the shard's group");
        else if (request->is_commit)
            result = take_committed(offsets, shard, event, &error);
        else
            result = take_fetched(offsets, shard, event, &error);
        if (request->is_commit)
            shard->committing = false;
        (request->is_commit ? callbacks->committed : callbacks->fetched)(
            callbacks->context, shard, result == 0 ? NULL : &error);
    }
    free(request);
}

/** A new handle for one whose requests are not answered: all of them count as failed. */
static void start_over(struct shard_offsets *offsets)
{
    struct error error;
    struct request *unanswered = offsets->requests, *request, *next;
    log_warning("dispatcher.offsets_unanswered", LOG_INT("requests", offsets->count));
    close_handle(offsets);
    if (open_handle(offsets, &error) != 0)
        PANIC("a client handle cannot be made again: %s", error.message);
    DL_FOREACH_SAFE(unanswered, request, next)
    {
        settle(offsets, request, NULL);
    }
}

int shard_offsets_poll(struct shard_offsets *offsets)
{
    rd_kafka_event_t *event;
    while ((event = rd_kafka_queue_poll(offsets->queue, 0))) {
        rd_kafka_event_type_t type = rd_kafka_event_type(event);
        if (type == RD_KAFKA_EVENT_LISTCONSUMERGROUPOFFSETS_RESULT ||
            type == RD_KAFKA_EVENT_ALTERCONSUMERGROUPOFFSETS_RESULT)
            settle(offsets, rd_kafka_event_opaque(event), event);
        rd_kafka_event_destroy(event);
    }
    if (offsets->requests && clock_monotonic_ms() - offsets->requests->sent_ms > PATIENCE_MS)
        start_over(offsets);
    return offsets->count;
}
