/*
 * Taking over a shard.
 *
 *   assigned -> its state is read from the beginning to the end -> the offsets of its group are
 *   fetched -> the state is as new as the commits, and if possible as what the former owner wrote
 *   at last -> its subscriptions go to their loops, each at position_resume().
 */
#include "common/clock.h"
#include "common/kafka_offsets.h"
#include "common/log.h"
#include "common/panic.h"
#include "dispatcher/control_internal.h"
#include "dispatcher/lost_messages.h"

enum { REFETCH_MS = 1000, HOPE_MS = 2000, LOOK_UP_MS = 1000 };

/**
 * What the former owner wrote before it gave a shard back saves repetitions, but is not needed: the
 * state is waited for up to the present end of the events, but only so long. (If the consolidator
 * is away, delivering goes on without it.)
 */
static void hope_for_events(struct control *control, const rd_kafka_topic_partition_list_t *list)
{
    const struct dispatcher *dispatcher = control->dispatcher;
    rd_kafka_topic_partition_list_t *ends = rd_kafka_topic_partition_list_new(list->cnt);
    for (int i = 0; i < list->cnt; i++)
        rd_kafka_topic_partition_list_add(ends, dispatcher->names.events, list->elems[i].partition)
            ->offset = RD_KAFKA_OFFSET_END;
    rd_kafka_resp_err_t code =
        kafka_ask_offsets(kafka_producer_handle(dispatcher->producer), ends, LOOK_UP_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        log_warning("dispatcher.events_end_unknown", LOG_STR("reason", rd_kafka_err2str(code)));
    for (int i = 0; i < ends->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        struct shard *shard = control_shard(control, ends->elems[i].partition);
        if (shard && ends->elems[i].err == RD_KAFKA_RESP_ERR_NO_ERROR)
            shard->hope_folded = ends->elems[i].offset;
    }
    rd_kafka_topic_partition_list_destroy(ends);
}

void takeover_begin(struct control *control, rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        int32_t number = list->elems[i].partition;
        list->elems[i].offset = 0; /* the beginning, without having to ask for it */
        ENSURE(!control->shards[number]);
        control->shards[number] = shard_new(number);
        control->shards[number]->born = control->serial;
        control->shards[number]->incarnation = ++control->incarnations;
    }
    control_note(rd_kafka_incremental_assign(control->rk, list), "assign");
    if (list->cnt > 0)
        hope_for_events(control, list);
    control->next_check_ms = 0;
    control_update_ready(control, true);
}

/**
 * A commit may have been made by a former owner that had seen more of the state than we have. It
 * must not be read with our older view (position.h): the shard waits until its state has come as
 * far.
 */
static void go_live(struct control *control, struct shard *shard)
{
    if (shard->folded < shard->await_folded ||
        (shard->folded < shard->hope_folded && clock_monotonic_ms() < shard->hope_until_ms))
        return;
    lost_messages_look_up(control->dispatcher, shard);
    shard_go_live(shard, control->dispatcher, &control->channels);
    control_update_ready(control, false);
}

void takeover_on_loaded(struct control *control, struct shard *shard)
{
    shard->phase = SHARD_RESOLVING;
    shard_needed_partitions(shard, &control->channels);
    if (shard_offsets_fetch(control->offsets, shard))
        return;
    go_live(control, shard);
}

void takeover_on_offsets(void *context, struct shard *shard, const struct error *error)
{
    struct control *control = context;
    if (shard->phase != SHARD_RESOLVING)
        return;
    if (error) {
        log_warning("dispatcher.offsets_unknown", LOG_INT("shard", shard->number),
                    LOG_STR("reason", error->message));
        shard->refetch_ms = clock_monotonic_ms() + REFETCH_MS;
        return;
    }
    shard->await_folded = shard_offsets_folded(shard);
    shard->hope_until_ms = clock_monotonic_ms() + HOPE_MS;
    go_live(control, shard);
}

void takeover_continue(struct control *control, int64_t now)
{
    for (int32_t i = 0; i < control->shard_count; i++) {
        struct shard *shard = control->shards[i];
        if (shard && shard->phase == SHARD_RESOLVING && shard->hope_until_ms > 0)
            go_live(control, shard);
        if (!shard || shard->refetch_ms == 0 || shard->refetch_ms > now)
            continue;
        shard->refetch_ms = 0;
        takeover_on_loaded(control, shard);
    }
}
