#include "hub/view.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/id.h"
#include "common/panic.h"
#include "hub/view_internal.h"

/* --- lookups and waits --- */

int32_t view_shard_of(const struct view *view, const char *topic)
{
    char *key = id_topic_key(topic);
    int32_t number = id_partition(key, strlen(key), view->shard_count);
    free(key);
    return number;
}

struct known_topic *view_find_topic(struct view *view, const char *topic)
{
    struct known_topic *known;
    HASH_FIND_STR(view->topics, topic, known);
    return known;
}

/** Fills `found` when the topic is known; call with the lock held. */
static bool lookup(struct view *view, const char *topic, struct view_topic *found)
{
    const struct known_topic *known = view_find_topic(view, topic);
    if (known)
        *found = known->at;
    return known != NULL;
}

/** Whether the view contains what was written through this hub; call with the lock held. */
static bool is_current(const struct shard *shard)
{
    return shard->folded >= shard->required;
}

void view_wake_end_thread(struct view *view)
{
    view->work_pending = true;
    pthread_cond_signal(&view->work);
}

/** Most questions: a known topic, and nothing that the view does not contain was written through
 * this hub. */
static bool resolve_known(struct view *view, struct view_wait *wait)
{
    pthread_mutex_lock(&view->lock);
    const struct known_topic *known = view_find_topic(view, wait->topic);
    bool found = known && is_current(&view->shards[known->shard]);
    if (found)
        wait->found = known->at;
    pthread_mutex_unlock(&view->lock);
    return found;
}

void view_resolve(struct view *view, struct view_wait *wait)
{
    if (resolve_known(view, wait)) {
        wait->done(wait, VIEW_FOUND);
        return;
    }
    wait->partition = view_shard_of(view, wait->topic);
    pthread_mutex_lock(&view->lock);
    struct shard *shard = &view->shards[wait->partition];
    bool found = is_current(shard) && lookup(view, wait->topic, &wait->found);
    bool refused = !found && atomic_load(&view->stopping);
    if (!found && !refused) {
        wait->target = TARGET_WANTED;
        wait->deadline_ms = clock_monotonic_ms() + wait->timeout_ms;
        DL_APPEND2(shard->waits, wait, previous, next);
        shard->end_wanted = true;
        view_wake_end_thread(view);
    }
    pthread_mutex_unlock(&view->lock);
    if (found)
        wait->done(wait, VIEW_FOUND);
    else if (refused)
        wait->done(wait, VIEW_BEHIND);
}

void view_note_write(struct view *view, int32_t partition, int64_t offset)
{
    pthread_mutex_lock(&view->lock);
    struct shard *shard = &view->shards[partition];
    if (shard->required < offset + 1)
        shard->required = offset + 1;
    pthread_mutex_unlock(&view->lock);
}

/** Moves waits that can be settled from the shard to `*settled`; call with the lock held. */
static void collect_settled(struct view *view, struct shard *shard, int64_t now,
                            struct view_wait **settled)
{
    struct view_wait *wait, *next;
    DL_FOREACH_SAFE2(shard->waits, wait, next, next)
    {
        bool caught_up = wait->target >= 0 && shard->folded >= wait->target;
        bool found = caught_up && lookup(view, wait->topic, &wait->found);
        if (!caught_up && now < wait->deadline_ms && !atomic_load(&view->stopping))
            continue;
        DL_DELETE2(shard->waits, wait, previous, next);
        wait->outcome = found ? VIEW_FOUND : caught_up ? VIEW_NOT_FOUND : VIEW_BEHIND;
        DL_APPEND2(*settled, wait, previous, next);
    }
}

void view_settle_waits(struct view *view)
{
    struct view_wait *settled = NULL, *wait, *next;
    int64_t now = clock_monotonic_ms();
    pthread_mutex_lock(&view->lock);
    for (int32_t i = 0; i < view->shard_count; i++)
        if (view->shards[i].waits)
            collect_settled(view, &view->shards[i], now, &settled);
    pthread_mutex_unlock(&view->lock);
    DL_FOREACH_SAFE2(settled, wait, next, next)
    {
        wait->done(wait, wait->outcome);
    }
}

/* --- making and freeing --- */

static int assign_all(struct view *view, struct error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(view->shard_count);
    for (int32_t i = 0; i < view->shard_count; i++)
        rd_kafka_topic_partition_list_add(list, view->names->state, i)->offset =
            RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_resp_err_t code = rd_kafka_assign(view->reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : kafka_error(error, code, "state topic");
}

static int make_clients(struct view *view, struct error *error)
{
    /* Neither joins a group or commits. */
    const struct kafka_property watermarks[] = {{"isolation.level", "read_uncommitted"},
                                                {NULL, NULL}};
    view->reader = kafka_client_new(view->config, RD_KAFKA_CONSUMER, NULL, NULL, NULL, error);
    if (!view->reader)
        return -1;
    rd_kafka_poll_set_consumer(view->reader);
    view->watermarks =
        kafka_client_new(view->config, RD_KAFKA_CONSUMER, watermarks, NULL, NULL, error);
    if (!view->watermarks)
        return -1;
    return assign_all(view, error);
}

struct view *view_new(const struct config *config, const struct kafka_names *names,
                      const struct kafka_layout *layout, struct message_topics *message_topics,
                      struct catalog *catalog, const struct view_metrics *metrics,
                      struct error *error)
{
    struct view *view = xcalloc(1, sizeof(*view));
    view->config = config;
    view->names = names;
    view->message_topics = message_topics;
    view->catalog = catalog;
    view->shard_count = layout->partitions;
    view->shards = xcalloc((size_t)layout->partitions, sizeof(*view->shards));
    view->metrics = *metrics;
    atomic_init(&view->not_loaded, layout->partitions);
    pthread_mutex_init(&view->lock, NULL);
    pthread_cond_init(&view->work, NULL);
    if (make_clients(view, error) != 0) {
        view_free(view);
        return NULL;
    }
    if (pthread_create(&view->reader_thread, NULL, view_reader_main, view) != 0 ||
        pthread_create(&view->end_thread, NULL, view_end_main, view) != 0)
        PANIC("no threads for the view");
    return view;
}

bool view_is_loaded(struct view *view)
{
    return atomic_load(&view->not_loaded) <= 0;
}

int64_t view_folded(struct view *view, int32_t shard)
{
    pthread_mutex_lock(&view->lock);
    int64_t folded = view->shards[shard].folded;
    pthread_mutex_unlock(&view->lock);
    return folded;
}

bool view_has_level(struct view *view, int32_t shard, int level)
{
    pthread_mutex_lock(&view->lock);
    int64_t known = view->shards[shard].level;
    pthread_mutex_unlock(&view->lock);
    return known == 0 || known >= level;
}

size_t view_topic_count(struct view *view)
{
    pthread_mutex_lock(&view->lock);
    size_t count = HASH_COUNT(view->topics);
    pthread_mutex_unlock(&view->lock);
    return count;
}

int64_t view_dedicated_count(struct view *view)
{
    pthread_mutex_lock(&view->lock);
    int64_t count = view->dedicated;
    pthread_mutex_unlock(&view->lock);
    return count;
}

void view_stop(struct view *view)
{
    pthread_mutex_lock(&view->lock);
    atomic_store(&view->stopping, true);
    pthread_cond_signal(&view->work);
    pthread_mutex_unlock(&view->lock);
    pthread_join(view->reader_thread, NULL);
    pthread_join(view->end_thread, NULL);
    view_settle_waits(view);
}

void view_free(struct view *view)
{
    struct known_topic *known, *next;
    if (!view)
        return;
    HASH_ITER(hh, view->topics, known, next)
    {
        view_unindex_topic(view, known);
        HASH_DEL(view->topics, known);
        free(known);
    }
    kafka_client_free(view->reader);
    kafka_client_free(view->watermarks);
    pthread_mutex_destroy(&view->lock);
    pthread_cond_destroy(&view->work);
    free(view->shards);
    free(view);
}
