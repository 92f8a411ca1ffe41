/*
 * Handing over a shard.
 *
 *   to be revoked -> loops start nothing new, wait for what is under way (bounded) and report
 *   positions -> these are committed, and whoever is ahead of its shard's commit has its own
 *   position written as an event -> only then the partition is given back. So the next owner
 *   repeats nothing.
 *
 *   lost (we were away for longer than the session time-out) -> everything of the shard is dropped
 *   at once, nothing is committed: it has another owner already.
 */
#include <stdlib.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/log.h"
#include "common/panic.h"
#include "dispatcher/control_internal.h"
#include "dispatcher/fetcher.h"

/** The loops' part of a hand-over, while control waits for it. */
struct shard_release {
    struct release release;
    struct task task;
    struct control *control;
};

/* @locality control thread */
static void on_released(struct task *task, void *owner)
{
    struct shard_release *released = CONTAINER_OF(task, struct shard_release, task);
    struct control *control = owner;
    control->handover_drained = true;
    free(released->release.committed);
    free(released);
}

/* @locality the last loop's thread */
static void on_all_released(struct release *release)
{
    struct shard_release *released = CONTAINER_OF(release, struct shard_release, release);
    mailbox_post(&released->control->mailbox, &released->task);
}

static void add_wanted(struct release *release, const struct shard *shard)
{
    const struct shard_offset *offset, *next;
    HASH_ITER(hh, shard->offsets, offset, next)
    {
        if (offset->wanted.offset < 0)
            continue;
        release->committed =
            xrealloc(release->committed, (release->count + 1) * sizeof(*release->committed));
        release->committed[release->count++] =
            (struct covered){shard->number, offset->partition, offset->wanted.offset};
    }
}

void handover_release(struct control *control)
{
    struct dispatcher *dispatcher = control->dispatcher;
    struct shard_release *released = xcalloc(1, sizeof(*released));
    released->control = control;
    released->task.run = on_released;
    released->release.done = on_all_released;
    atomic_init(&released->release.waiting, dispatcher->loop_count);
    for (int32_t i = 0; i < control->shard_count; i++)
        if (control->shards[i] && control->shards[i]->phase == SHARD_REVOKED)
            add_wanted(&released->release, control->shards[i]);
    commits_send(control, SHARD_REVOKED);
    for (int i = 0; i < dispatcher->loop_count; i++)
        loop_release(dispatcher->loops[i], &released->release);
}

static void drop_fetches(struct control *control, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++)
        if (control_shard(control, list->elems[i].partition))
            fetcher_drop_shard(control->dispatcher->fetcher, list->elems[i].partition);
}

static void drop_shards(struct control *control, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        int32_t number = list->elems[i].partition;
        if (!control_shard(control, number))
            continue;
        shard_free(control->shards[number]);
        control->shards[number] = NULL;
    }
}

void handover_begin(struct control *control, rd_kafka_topic_partition_list_t *list)
{
    bool lost = rd_kafka_assignment_lost(control->rk);
    log_info(lost ? "dispatcher.shards_lost" : "dispatcher.shards_revoked",
             LOG_INT("count", list->cnt));
    if (lost)
        atomic_store(&control->dispatcher->member_until_ms, 0);
    control->handover = rd_kafka_topic_partition_list_copy(list);
    control->handover_drained = list->cnt == 0;
    control->handover_deadline_ms =
        clock_monotonic_ms() + control->dispatcher->config.dispatcher.shutdown_grace;
    drop_fetches(control, list);
    if (list->cnt > 0)
        commits_collect_last(control, list, !lost);
    if (lost)
        drop_shards(control, list); /* so that what the loops report is not committed */
}

/** Whether all that the shards' next owners should know is in Kafka. */
static bool is_committed(struct control *control)
{
    if (fetcher_pending(control->dispatcher->fetcher) > 0)
        return false; /* fetched content, an event about which follows */
    if (event_writer_pending(control->dispatcher->events) > 0)
        return false; /* positions of those that are ahead of the commit */
    for (int i = 0; i < control->handover->cnt; i++) {
        const struct shard *shard = control_shard(control, control->handover->elems[i].partition);
        if (shard && (shard->committing || shard_offsets_pending(shard)))
            return false;
    }
    return true;
}

void handover_finish(struct control *control)
{
    rd_kafka_topic_partition_list_t *list = control->handover;
    control->handover = NULL;
    drop_shards(control, list);
    control_note(rd_kafka_incremental_unassign(control->rk, list), "unassign");
    rd_kafka_topic_partition_list_destroy(list);
    control_update_ready(control, false);
}

void handover_continue(struct control *control, int64_t now)
{
    if (!control->handover || !control->handover_drained)
        return;                           /* draining is bounded by the loops */
    commits_send(control, SHARD_REVOKED); /* a commit that was under way may have been older */
    if (is_committed(control) || now >= control->handover_deadline_ms)
        handover_finish(control);
}
