/* The view's second thread: which look-ups of partition ends waits need, and new topics' metadata.
 */
#include "common/clock.h"
#include "common/kafka_offsets.h"
#include "common/log.h"
#include "hub/view_internal.h"

enum { RETRY_MS = 100, LOOK_UP_MS = 2000, WARM_UP_MS = 2000 };

/** Gives waits that were asked for their target, or puts them back (TARGET_WANTED). */
static void answer_asked(struct view *view, int32_t number, int64_t target)
{
    struct view_wait *wait;
    pthread_mutex_lock(&view->lock);
    DL_FOREACH2(view->shards[number].waits, wait, next)
    {
        if (wait->target == TARGET_ASKED)
            wait->target = target;
    }
    if (target == TARGET_WANTED)
        view->shards[number].end_wanted = view->shards[number].waits != NULL;
    pthread_mutex_unlock(&view->lock);
}

/** All partitions whose ends some wait wants; marks those waits as asked. */
static rd_kafka_topic_partition_list_t *take_wanted(struct view *view)
{
    struct view_wait *wait;
    rd_kafka_topic_partition_list_t *wanted = rd_kafka_topic_partition_list_new(view->shard_count);
    pthread_mutex_lock(&view->lock);
    for (int32_t number = 0; number < view->shard_count; number++) {
        struct shard *shard = &view->shards[number];
        if (!shard->end_wanted)
            continue;
        shard->end_wanted = false;
        DL_FOREACH2(shard->waits, wait, next)
        {
            if (wait->target == TARGET_WANTED)
                wait->target = TARGET_ASKED;
        }
        rd_kafka_topic_partition_list_add(wanted, view->names->events, number)->offset =
            RD_KAFKA_OFFSET_END;
    }
    pthread_mutex_unlock(&view->lock);
    return wanted;
}

/** Waits that come while a look-up runs may know of later writes: they get the next one's answer.
 */
static void look_up_ends(struct view *view, rd_kafka_topic_partition_list_t *wanted)
{
    rd_kafka_resp_err_t code = kafka_ask_offsets(view->watermarks, wanted, LOOK_UP_MS);
    bool failed = false;
    for (int i = 0; i < wanted->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &wanted->elems[i];
        rd_kafka_resp_err_t problem = code != RD_KAFKA_RESP_ERR_NO_ERROR ? code : at->err;
        bool known = problem == RD_KAFKA_RESP_ERR_NO_ERROR;
        answer_asked(view, at->partition, known ? at->offset : TARGET_WANTED);
        if (!known)
            log_warning("hub.end_unknown", LOG_INT("partition", at->partition),
                        LOG_STR("reason", rd_kafka_err2str(problem)));
        failed = failed || !known;
    }
    if (failed)
        clock_sleep_ms(RETRY_MS);
}

/** False: no wait wants any. */
static bool look_up_wanted(struct view *view)
{
    rd_kafka_topic_partition_list_t *wanted = take_wanted(view);
    bool any = wanted->cnt > 0;
    if (any) {
        look_up_ends(view, wanted);
        view_settle_waits(view);
    }
    rd_kafka_topic_partition_list_destroy(wanted);
    return any;
}

/* @locality end thread */
void *view_end_main(void *context)
{
    struct view *view = context;
    while (!atomic_load(&view->stopping)) {
        pthread_mutex_lock(&view->lock);
        while (!view->work_pending && !atomic_load(&view->stopping))
            pthread_cond_wait(&view->work, &view->lock);
        view->work_pending = false;
        pthread_mutex_unlock(&view->lock);
        while (!atomic_load(&view->stopping) && look_up_wanted(view)) {
        }
        message_topics_warm_up(view->message_topics, WARM_UP_MS);
    }
    return NULL;
}
