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

enum request_kind { REQUEST_FETCH, REQUEST_COMMIT, REQUEST_CHECK };

struct request {
    struct request *prev, *next;
    enum request_kind kind;
    int32_t shard;
    uint32_t incarnation;
    char *member_id; /* of a check */
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

static void request_free(struct request *request)
{
    free(request->member_id);
    free(request);
}

/* --- the handle --- */

static int open_handle(struct shard_offsets *offsets, struct error *error)
{
    offsets->rk = kafka_client_new(offsets->config, RD_KAFKA_CONSUMER, NULL, NULL, NULL, error);
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
    kafka_client_free(offsets->rk);
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
        request_free(request);
    }
    free(offsets);
}

/* --- requests --- */

static struct request *request_new(struct shard_offsets *offsets, enum request_kind kind)
{
    struct request *request = xcalloc(1, sizeof(*request));
    request->kind = kind;
    request->sent_ms = clock_monotonic_ms();
    DL_APPEND(offsets->requests, request);
    offsets->count++;
    return request;
}

static struct request *shard_request_new(struct shard_offsets *offsets, enum request_kind kind,
                                         const struct shard *shard)
{
    struct request *request = request_new(offsets, kind);
    request->shard = shard->number;
    request->incarnation = shard->incarnation;
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
    rd_kafka_AdminOptions_t *options =
        options_new(offsets, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS,
                    shard_request_new(offsets, REQUEST_FETCH, shard));
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
        offset->commit = (struct shard_commit){
            at->offset, position_parse_folded(at->metadata, at->metadata_size)};
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
                        shard_request_new(offsets, REQUEST_COMMIT, shard));
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

/* --- membership --- */

void shard_offsets_check_member(struct shard_offsets *offsets, const char *group,
                                const char *member_id)
{
    struct request *request = request_new(offsets, REQUEST_CHECK);
    request->member_id = xstrdup(member_id);
    rd_kafka_AdminOptions_t *options =
        options_new(offsets, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, request);
    rd_kafka_DescribeConsumerGroups(offsets->rk, &group, 1, options, offsets->queue);
    rd_kafka_AdminOptions_destroy(options);
}

static int take_members(const struct request *request, rd_kafka_event_t *event, struct error *error)
{
    size_t count;
    const rd_kafka_ConsumerGroupDescription_t **groups =
        rd_kafka_DescribeConsumerGroups_result_groups(
            rd_kafka_event_DescribeConsumerGroups_result(event), &count);
    const rd_kafka_error_t *problem =
        count == 1 ? rd_kafka_ConsumerGroupDescription_error(groups[0]) : NULL;
    if (problem)
        return kafka_error(error, rd_kafka_error_code(problem), "members of the group");
    size_t members = count == 1 ? rd_kafka_ConsumerGroupDescription_member_count(groups[0]) : 0;
    for (size_t i = 0; i < members; i++) {
        const rd_kafka_MemberDescription_t *member =
            rd_kafka_ConsumerGroupDescription_member(groups[0], i);
        if (strcmp(rd_kafka_MemberDescription_consumer_id(member), request->member_id) == 0)
            return 0;
    }
    return error_set(error, ERROR_CONFLICT, true, "the group has no such member any more");
}

/* --- serving --- */

static int take_result(struct shard_offsets *offsets, struct request *request, struct shard *shard,
                       rd_kafka_event_t *event, struct error *error)
{
    if (!event)
        return error_set(error, ERROR_TIMEOUT, true, "the group's coordinator does not answer");
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_error(error, rd_kafka_event_error(event), "the group's coordinator");
    switch (request->kind) {
    case REQUEST_FETCH:
        return take_fetched(offsets, shard, event, error);
    case REQUEST_COMMIT:
        return take_committed(offsets, shard, event, error);
    case REQUEST_CHECK:
        break;
    }
    return take_members(request, event, error);
}

/** Ends a request; `event` NULL: it took too long. */
static void settle(struct shard_offsets *offsets, struct request *request, rd_kafka_event_t *event)
{
    const struct shard_offsets_callbacks *callbacks = &offsets->callbacks;
    struct shard *shard = NULL;
    struct error error;
    DL_DELETE(offsets->requests, request);
    offsets->count--;
    if (request->kind != REQUEST_CHECK) {
        shard = callbacks->find(callbacks->context, request->shard);
        if (!shard || shard->incarnation != request->incarnation) {
            request_free(request);
            return;
        }
    }
    bool failed = take_result(offsets, request, shard, event, &error) != 0;
    const struct error *problem = failed ? &error : NULL;
    if (request->kind == REQUEST_COMMIT)
        shard->committing = false;
    if (request->kind == REQUEST_CHECK)
        callbacks->checked(callbacks->context, request->sent_ms, problem);
    else if (request->kind == REQUEST_COMMIT)
        callbacks->committed(callbacks->context, shard, problem);
    else
        callbacks->fetched(callbacks->context, shard, problem);
    request_free(request);
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
            type == RD_KAFKA_EVENT_ALTERCONSUMERGROUPOFFSETS_RESULT ||
            type == RD_KAFKA_EVENT_DESCRIBECONSUMERGROUPS_RESULT)
            settle(offsets, rd_kafka_event_opaque(event), event);
        rd_kafka_event_destroy(event);
    }
    if (offsets->requests && clock_monotonic_ms() - offsets->requests->sent_ms > PATIENCE_MS)
        start_over(offsets);
    return offsets->count;
}
