/*
 * From positions to commits. All loops are asked for the least position of each shard in each
 * message partition; the snapshot carries what the shards' state contained when they were asked,
 * which becomes `folded` of the commits (position.h).
 */
#include <stdlib.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/log.h"
#include "common/panic.h"
#include "dispatcher/control_internal.h"

enum {
    REFRESH_MS = 3600 * 1000, /* what does not move is committed again: Kafka forgets old commits */
};

/** Positions collected from all loops, and what the shards' state contained when they were asked.
 */
struct snapshot {
    struct collection collection;
    struct task task;
    struct control *control;
    uint64_t serial;
    bool final; /* of shards that are being handed over */
    int64_t folded[];
};

/* @locality control thread */
static void merge(struct control *control, const struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->collection.count; i++) {
        const struct covered *item = &snapshot->collection.items[i];
        struct shard *shard = control_shard(control, item->shard);
        if (!shard || shard->born >= snapshot->serial)
            continue;
        struct shard_offset *offset = shard_get_offset(shard, item->partition);
        if (offset->serial != snapshot->serial) {
            offset->serial = snapshot->serial;
            offset->wanted = (struct shard_commit){item->offset, snapshot->folded[item->shard]};
        } else if (item->offset < offset->wanted.offset) {
            offset->wanted.offset = item->offset;
        }
    }
}

void commits_send(struct control *control, enum shard_phase phase)
{
    int64_t refresh_before = clock_monotonic_ms() - REFRESH_MS;
    for (int32_t i = 0; i < control->shard_count; i++) {
        struct shard *shard = control->shards[i];
        if (shard && shard->phase == phase)
            shard_offsets_commit(control->offsets, shard, refresh_before);
    }
}

static void use_snapshot(struct control *control, const struct snapshot *snapshot)
{
    merge(control, snapshot);
    if (snapshot->final) {
        handover_release(control);
    } else {
        control->collecting = false;
        commits_send(control, SHARD_LIVE);
    }
}

/* @locality control thread */
static void on_snapshot(struct task *task, void *owner)
{
    struct snapshot *snapshot = CONTAINER_OF(task, struct snapshot, task);
    struct control *control = owner;
    /* One that comes after control has stopped is only freed: the loops may be gone. */
    if (!control->closed)
        use_snapshot(control, snapshot);
    pthread_mutex_destroy(&snapshot->collection.lock);
    free(snapshot->collection.items);
    free(snapshot);
}

/* @locality the last loop's thread */
static void on_collected(struct collection *collection)
{
    struct snapshot *snapshot = CONTAINER_OF(collection, struct snapshot, collection);
    mailbox_post(&snapshot->control->mailbox, &snapshot->task);
}

static struct snapshot *snapshot_new(struct control *control, int answers)
{
    struct snapshot *snapshot =
        xcalloc(1, sizeof(*snapshot) + (size_t)control->shard_count * sizeof(snapshot->folded[0]));
    snapshot->control = control;
    snapshot->task.run = on_snapshot;
    snapshot->serial = ++control->serial;
    snapshot->collection.done = on_collected;
    atomic_init(&snapshot->collection.waiting, answers);
    pthread_mutex_init(&snapshot->collection.lock, NULL);
    for (int32_t i = 0; i < control->shard_count; i++)
        snapshot->folded[i] = control->shards[i] ? control->shards[i]->folded : 0;
    return snapshot;
}

void commits_collect(struct control *control)
{
    struct dispatcher *dispatcher = control->dispatcher;
    struct snapshot *snapshot = snapshot_new(control, dispatcher->loop_count);
    control->collecting = true;
    for (int i = 0; i < dispatcher->loop_count; i++)
        loop_collect(dispatcher->loops[i], &snapshot->collection);
}

void commits_on_done(void *context, struct shard *shard, const struct error *error)
{
    struct control *control = context;
    counter_add(error ? control->dispatcher->metrics.commits_failed
                      : control->dispatcher->metrics.commits,
                1);
    if (error)
        log_warning("dispatcher.commit_failed", LOG_INT("shard", shard->number),
                    LOG_STR("reason", error->message));
}

void commits_collect_last(struct control *control, const rd_kafka_topic_partition_list_t *list,
                          bool drain)
{
    struct dispatcher *dispatcher = control->dispatcher;
    struct snapshot *snapshot = snapshot_new(control, list->cnt * dispatcher->loop_count);
    snapshot->final = true;
    for (int i = 0; i < list->cnt; i++) {
        struct shard *shard = control_shard(control, list->elems[i].partition);
        if (shard)
            shard->phase = SHARD_REVOKED;
        for (int loop = 0; loop < dispatcher->loop_count; loop++)
            loop_revoke(dispatcher->loops[loop], list->elems[i].partition, drain,
                        &snapshot->collection);
    }
}
