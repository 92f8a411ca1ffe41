/*
 * Invariant (C) of position.h is kept here: the offset that a loop reports for (shard, partition)
 * is at most the position of each subscription of the shard that is not detached. Those that have
 * everything are at the end that the tail reader has told this loop; only the others need to be
 * looked at.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/clock.h"
#include "common/panic.h"
#include "dispatcher/loop_internal.h"

void coverage_join(struct subscription *subscription)
{
    struct loop *loop = subscription->loop;
    struct coverage *coverage;
    struct message_partition *partition = subscription->log->channel->partition;
    ENSURE(!subscription->coverage);
    struct {
        int32_t shard;
        uint32_t partition;
    } key = {subscription->shard, partition->index};
    HASH_FIND(hh, loop->coverage, &key, sizeof(key), coverage);
    if (!coverage) {
        coverage = xcalloc(1, sizeof(*coverage));
        memcpy(&coverage->key, &key, sizeof(key));
        coverage->partition = partition;
        coverage->progress = subscription->log->progress;
        HASH_ADD(hh, loop->coverage, key, sizeof(coverage->key), coverage);
    }
    coverage->members++;
    subscription->coverage = coverage;
    subscription->is_behind = false;
    coverage_set_behind(subscription, true);
}

void coverage_leave(struct subscription *subscription)
{
    struct coverage *coverage = subscription->coverage;
    if (!coverage)
        return;
    /* Since when it is behind stays: who leaves for being late is not to be taken back for that. */
    if (subscription->is_behind)
        DL_DELETE2(coverage->behind, subscription, behind_previous, behind_next);
    subscription->coverage = NULL;
    if (--coverage->members > 0)
        return;
    HASH_DEL(subscription->loop->coverage, coverage);
    free(coverage);
}

void coverage_set_behind(struct subscription *subscription, bool behind)
{
    if (behind == subscription->is_behind)
        return;
    subscription->is_behind = behind;
    if (behind)
        subscription->behind_since_ms = clock_monotonic_ms();
    if (!subscription->coverage)
        return;
    struct subscription **list = &subscription->coverage->behind;
    if (behind)
        DL_APPEND2(*list, subscription, behind_previous, behind_next);
    else
        DL_DELETE2(*list, subscription, behind_previous, behind_next);
}

static int64_t least_offset(const struct coverage *coverage)
{
    int64_t least = coverage->progress->end;
    const struct subscription *subscription;
    DL_FOREACH2(coverage->behind, subscription, behind_next)
    {
        int64_t position = subscription_position(subscription);
        if (least < 0 || position < least)
            least = position;
    }
    return least;
}

void coverage_collect(struct loop *loop, int32_t shard, struct collection *collection)
{
    struct coverage *coverage, *next;
    pthread_mutex_lock(&collection->lock);
    HASH_ITER(hh, loop->coverage, coverage, next)
    {
        int64_t offset = least_offset(coverage);
        if ((shard >= 0 && coverage->key.shard != shard) || offset < 0)
            continue;
        collection->items =
            xrealloc(collection->items, (collection->count + 1) * sizeof(*collection->items));
        collection->items[collection->count++] =
            (struct covered){coverage->key.shard, coverage->partition, offset};
    }
    pthread_mutex_unlock(&collection->lock);
}

void coverage_fini(struct loop *loop)
{
    ENSURE(!loop->coverage);
}
