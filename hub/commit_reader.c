#include "hub/commit_reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/panic.h"

enum {
    NEVER_MS = 3600 * 1000, /* librdkafka's maximum; see the header */
    PATIENCE_MS = 5000,
};

struct commit_reader {
    const struct config *config;
    const char *group_prefix;
    commit_found_fn found;
    commit_settled_fn settled;
    void *context;
    rd_kafka_t *rk; /* NULL: not made yet */
    rd_kafka_queue_t *queue;
    struct commit_request *requests; /* oldest first */
};

struct commit_reader *commit_reader_new(const struct config *config, const char *group_prefix,
                                        commit_found_fn found, commit_settled_fn settled,
                                        void *context)
{
    struct commit_reader *reader = xcalloc(1, sizeof(*reader));
    *reader = (struct commit_reader){
        .config = config,
        .group_prefix = group_prefix,
        .found = found,
        .settled = settled,
        .context = context,
    };
    return reader;
}

static void close_client(struct commit_reader *reader)
{
    if (!reader->rk)
        return;
    rd_kafka_queue_destroy(reader->queue);
    kafka_client_free(reader->rk);
    reader->rk = NULL;
}

void commit_reader_free(struct commit_reader *reader)
{
    struct commit_request *request, *next;
    close_client(reader);
    DL_FOREACH_SAFE(reader->requests, request, next)
    {
        free(request);
    }
    free(reader);
}

/* --- asking --- */

static int open_client(struct commit_reader *reader, struct error *error)
{
    if (reader->rk)
        return 0;
    reader->rk = kafka_client_new(reader->config, RD_KAFKA_CONSUMER, NULL, NULL, NULL, error);
    if (!reader->rk)
        return -1;
    reader->queue = rd_kafka_queue_new(reader->rk);
    return 0;
}

static rd_kafka_AdminOptions_t *options_new(struct commit_reader *reader, void *opaque)
{
    char message[256];
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(reader->rk, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    ENSURE(rd_kafka_AdminOptions_set_request_timeout(options, NEVER_MS, message, sizeof(message)) ==
           RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_AdminOptions_set_opaque(options, opaque);
    return options;
}

struct commit_request *commit_reader_ask(struct commit_reader *reader, int32_t shard,
                                         const rd_kafka_topic_partition_list_t *partitions,
                                         struct error *error)
{
    if (open_client(reader, error) != 0)
        return NULL;
    struct commit_request *request = xcalloc(1, sizeof(*request));
    request->shard = shard;
    request->sent_ms = clock_monotonic_ms();
    DL_APPEND(reader->requests, request);
    char *group = xasprintf("%s%" PRId32, reader->group_prefix, shard);
    rd_kafka_ListConsumerGroupOffsets_t *asked =
        rd_kafka_ListConsumerGroupOffsets_new(group, partitions);
    rd_kafka_AdminOptions_t *options = options_new(reader, request);
    rd_kafka_ListConsumerGroupOffsets(reader->rk, &asked, 1, options, reader->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ListConsumerGroupOffsets_destroy(asked);
    free(group);
    return request;
}

/* --- answers --- */

static int take_partitions(struct commit_reader *reader, const struct commit_request *request,
                           const rd_kafka_topic_partition_list_t *list, struct error *error)
{
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];
        const struct shard_commit commit = {at->offset >= 0 ? at->offset : -1,
                                            position_parse_folded(at->metadata, at->metadata_size)};
        if (at->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            return kafka_error(error, at->err, "an offset of the shard's group");
        reader->found(reader->context, request, at->topic, at->partition, &commit);
    }
    return 0;
}

static int take_result(struct commit_reader *reader, const struct commit_request *request,
                       rd_kafka_event_t *event, struct error *error)
{
    size_t count;
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_error(error, rd_kafka_event_error(event), "the group's coordinator");
    const rd_kafka_group_result_t **groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(event), &count);
    if (count != 1)
        return error_set(error, ERROR_INTERNAL, true, "no result for the shard's group");
    const rd_kafka_error_t *problem = rd_kafka_group_result_error(groups[0]);
    if (problem)
        return kafka_error(error, rd_kafka_error_code(problem), "the shard's group");
    return take_partitions(reader, request, rd_kafka_group_result_partitions(groups[0]), error);
}

static void settle(struct commit_reader *reader, struct commit_request *request,
                   const struct error *error)
{
    DL_DELETE(reader->requests, request);
    reader->settled(reader->context, request, error);
    free(request);
}

/** A new client for one whose requests are not answered: all of them count as failed. */
static void start_over(struct commit_reader *reader)
{
    struct commit_request *request, *next;
    struct error error;
    log_warning("hub.commits_unanswered");
    close_client(reader);
    error_set(&error, ERROR_TIMEOUT, true, "the group's coordinator does not answer");
    DL_FOREACH_SAFE(reader->requests, request, next)
    {
        settle(reader, request, &error);
    }
}

void commit_reader_poll(struct commit_reader *reader, int timeout_ms)
{
    rd_kafka_event_t *event;
    if (!reader->rk) {
        clock_sleep_ms(timeout_ms);
        return;
    }
    while ((event = rd_kafka_queue_poll(reader->queue, timeout_ms))) {
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_LISTCONSUMERGROUPOFFSETS_RESULT) {
            struct commit_request *request = rd_kafka_event_opaque(event);
            struct error error;
            bool failed = take_result(reader, request, event, &error) != 0;
            settle(reader, request, failed ? &error : NULL);
        }
        rd_kafka_event_destroy(event);
        timeout_ms = 0;
    }
    if (reader->requests && clock_monotonic_ms() - reader->requests->sent_ms > PATIENCE_MS)
        start_over(reader);
}
