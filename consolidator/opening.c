/*
 * Opening partitions: from being given them to folding.
 *
 *   the group's committed offsets are fetched -> the state is read to its very end (in this order,
 *   see engine.h) -> the state says where folding goes on -> the events topic still is that long
 */
#include <stdlib.h>

#include "common/kafka_offsets.h"
#include "common/log.h"
#include "common/panic.h"
#include "consolidator/engine_internal.h"

enum {
    COMMITTED_MS = 30000, /* an undecided transaction of a dead owner may have to time out first */
    LOAD_MS = 30000,
};

static void on_state_record(void *context, int32_t partition, const char *key, size_t key_length,
                            struct state_record *record)
{
    struct engine *engine = context;
    partition_load(engine->partitions[partition], key, key_length, record);
}

/* What is there only in part must not be taken for the state, so this also ends what failed. */
void opening_close(struct engine *engine, int32_t number)
{
    partition_free(engine->partitions[number]);
    engine->partitions[number] = NULL;
}

/** Fetches the committed offsets of `list` into it. */
static int fetch_committed(struct engine *engine, rd_kafka_topic_partition_list_t *list,
                           struct error *error)
{
    rd_kafka_resp_err_t code = rd_kafka_committed(engine->consumer, list, COMMITTED_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_error(error, code, "committed offsets");
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];
        if (at->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            return kafka_error(error, at->err, "committed offset");
    }
    return 0;
}

/** Reads the state of the partitions of `list`, in place of what memory has of them. */
static int load_partitions(struct engine *engine, const rd_kafka_topic_partition_list_t *list,
                           struct error *error)
{
    const struct config *config = engine->config;
    const struct fold_times times = {
        .resume_window_ms = config->consolidator.resume_window,
        .lapse_warning_ms =
            config_wants_notice(config, NOTICE_LAPSING) ? config->notices.lapse_warning : 0,
    };
    int32_t *numbers = xcalloc((size_t)list->cnt, sizeof(*numbers));
    for (int i = 0; i < list->cnt; i++) {
        numbers[i] = list->elems[i].partition;
        opening_close(engine, numbers[i]);
        engine->partitions[numbers[i]] = partition_new(numbers[i], &times, engine->keyring);
    }
    int result = state_loader_load(engine->loader, numbers, (size_t)list->cnt, LOAD_MS,
                                   on_state_record, engine, error);
    free(numbers);
    return result;
}

/**
 * An events topic that ends before what was folded has lost records (it was restored, or made
 * anew). What would be written there next, up to that offset, would be taken for folded and passed
 * over.
 */
static int check_events(struct engine *engine, const rd_kafka_topic_partition_list_t *list,
                        struct error *error)
{
    rd_kafka_topic_partition_list_t *ends = rd_kafka_topic_partition_list_copy(list);
    for (int i = 0; i < ends->cnt; i++)
        ends->elems[i].offset = RD_KAFKA_OFFSET_END;
    int result = kafka_find_offsets(engine->consumer, ends, COMMITTED_MS, NULL, error);
    for (int i = 0; i < ends->cnt && result == 0; i++) {
        int32_t number = ends->elems[i].partition;
        int64_t folded = engine->partitions[number]->folded;
        if (ends->elems[i].offset < folded)
            result = error_set(error, ERROR_CONFIG, false,
                               "partition %d of the events topic has lost records: it ends at "
                               "%lld, but the state has events up to %lld "
                               "(docs/backup-and-recovery.md)",
                               number, (long long)ends->elems[i].offset, (long long)folded);
    }
    rd_kafka_topic_partition_list_destroy(ends);
    return result;
}

/** Finds out where folding goes on: the offsets of `list` become that. */
static int find_beginnings(struct engine *engine, rd_kafka_topic_partition_list_t *list,
                           struct error *error)
{
    for (int i = 0; i < list->cnt; i++) {
        struct partition *partition = engine->partitions[list->elems[i].partition];
        int64_t committed = list->elems[i].offset;
        if (partition_begin(partition, committed, error) != 0)
            return -1;
        if (partition->folded != (committed > 0 ? committed : 0))
            log_warning("consolidator.offset_ignored", LOG_INT("partition", partition->number),
                        LOG_INT("committed", committed), LOG_INT("progress", partition->folded),
                        LOG_STR("reason", "the state itself tells how far it is"));
        list->elems[i].offset = partition->folded;
    }
    return check_events(engine, list, error);
}

static void start_folding(struct engine *engine, const rd_kafka_topic_partition_t *at)
{
    struct partition *partition = engine->partitions[at->partition];
    engine->eof[at->partition] = -1;
    log_info("consolidator.partition_opened", LOG_INT("partition", partition->number),
             LOG_INT("offset", partition->folded),
             LOG_INT("subscriptions", HASH_CNT(by_id, partition->entities.subscriptions)),
             LOG_INT("topics", HASH_CNT(by_topic, partition->entities.topics)));
}

int opening_run(struct engine *engine, rd_kafka_topic_partition_list_t *list, struct error *error)
{
    int result = fetch_committed(engine, list, error);
    if (result == 0)
        result = load_partitions(engine, list, error);
    if (result == 0)
        result = find_beginnings(engine, list, error);
    for (int i = 0; i < list->cnt; i++) {
        if (result == 0)
            start_folding(engine, &list->elems[i]);
        else
            opening_close(engine, list->elems[i].partition);
    }
    return result;
}
