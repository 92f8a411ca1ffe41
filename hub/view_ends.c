/* The view's second thread: which look-ups of partition ends waits need, and new topics' metadata.
 */
#include "common/clock.h"
#include "common/log.h"
#include "hub/view_internal.h"

enum { RETRY_MS = 100, WATERMARK_MS = 2000, WARM_UP_MS = 2000 };

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

/** The next partition whose end some wait wants, or -1; marks those waits as asked. */
static int32_t next_wanted(struct view *view)
{
    struct view_wait *wait;
    int32_t number = 0;
    pthread_mutex_lock(&view->lock);
    while (number < view->shard_count && !view->shards[number].end_wanted)
        number++;
    if (number < view->shard_count) {
        view->shards[number].end_wanted = false;
        DL_FOREACH2(view->shards[number].waits, wait, next)
        {
            if (wait->target == TARGET_WANTED)
                wait->target = TARGET_ASKED;
        }
    }
    pthread_mutex_unlock(&view->lock);
    return number < view->shard_count ? number : -1;
}

/** Waits that come while a look-up runs may know of later writes: they get the next one's answer.
 */
static void look_up_end(struct view *view, int32_t number)
{
    int64_t low, end;
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
        view->watermarks, view->names->events, number, &low, &end, WATERMARK_MS);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        answer_asked(view, number, end);
        return;
    }
    answer_asked(view, number, TARGET_WANTED);
    log_warning("hub.end_unknown", LOG_INT("partition", number),
                LOG_STR("reason", rd_kafka_err2str(code)));
    clock_sleep_ms(RETRY_MS);
}

/* @locality end thread */
void *view_end_main(void *context)
{
    struct view *view = context;
    int32_t number;
    while (!atomic_load(&view->stopping)) {
        pthread_mutex_lock(&view->lock);
        while (!view->work_pending && !atomic_load(&view->stopping))
            pthread_cond_wait(&view->work, &view->lock);
        view->work_pending = false;
        pthread_mutex_unlock(&view->lock);
        while (!atomic_load(&view->stopping) && (number = next_wanted(view)) >= 0) {
            look_up_end(view, number);
            view_settle_waits(view);
        }
        message_topics_warm_up(view->message_topics, WARM_UP_MS);
    }
    return NULL;
}
