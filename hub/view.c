#include "hub/view.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "common/clock.h"
#include "common/id.h"
#include "common/log.h"
#include "common/panic.h"
#include "common/state_loader.h"

/* view_wait.target until the end of the events partition is known: */
enum { TARGET_WANTED = -1, TARGET_ASKED = -2 };

enum { RETRY_MS = 100 };
enum { POLL_MS = 50, BATCH = 1000, WATERMARK_MS = 2000, WARM_UP_MS = 2000 };

struct known_topic {
    struct view_topic at;
    int32_t shard;
    bool dedicated;
    UT_hash_handle hh;
    char topic[];
};

/** What is known of one partition of events and state. */
struct shard {
    int64_t folded;   /* the view contains everything before this events offset */
    int64_t required; /* what was written through this hub */
    bool end_wanted;  /* some wait has no target yet */
    bool loaded;
    struct view_wait *waits;
};

struct view {
    const struct config *config;
    const struct kafka_names *names;
    struct message_topics *message_topics;
    int32_t shard_count;
    rd_kafka_t *reader;
    rd_kafka_t *watermarks;
    pthread_t reader_thread;
    pthread_t end_thread;
    atomic_bool stopping;
    atomic_int not_loaded;
    struct view_metrics metrics;

    pthread_mutex_t lock; /* what follows */
    pthread_cond_t work;  /* for the end thread */
    bool work_pending;
    struct known_topic *topics;
    int64_t dedicated;
    struct shard *shards;
};

/* --- lookups and waits --- */

static int32_t shard_of(const struct view *view, const char *topic)
{
    char *key = id_topic_key(topic);
    int32_t number = id_partition(key, strlen(key), view->shard_count);
    free(key);
    return number;
}

static struct known_topic *find_topic(struct view *view, const char *topic)
{
    struct known_topic *known;
    HASH_FIND_STR(view->topics, topic, known);
    return known;
}

/** Fills `found` when the topic is known; call with the lock held. */
static bool lookup(struct view *view, const char *topic, struct view_topic *found)
{
    const struct known_topic *known = find_topic(view, topic);
    if (known)
        *found = known->at;
    return known != NULL;
}

/** Whether the view contains what was written through this hub; call with the lock held. */
static bool is_current(const struct shard *shard)
{
    return shard->folded >= shard->required;
}

static void wake_end_thread(struct view *view)
{
    view->work_pending = true;
    pthread_cond_signal(&view->work);
}

/** Most questions: a known topic, and nothing that the view does not contain was written through
 * this hub. */
static bool resolve_known(struct view *view, struct view_wait *wait)
{
    pthread_mutex_lock(&view->lock);
    const struct known_topic *known = find_topic(view, wait->topic);
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
    wait->partition = shard_of(view, wait->topic);
    pthread_mutex_lock(&view->lock);
    struct shard *shard = &view->shards[wait->partition];
    bool found = is_current(shard) && lookup(view, wait->topic, &wait->found);
    bool refused = !found && atomic_load(&view->stopping);
    if (!found && !refused) {
        wait->target = TARGET_WANTED;
        wait->deadline_ms = clock_monotonic_ms() + wait->timeout_ms;
        DL_APPEND2(shard->waits, wait, previous, next);
        shard->end_wanted = true;
        wake_end_thread(view);
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

static void settle_waits(struct view *view)
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

/* --- the reader thread: records of the state topic --- */

static void forget_topic(struct view *view, const char *topic)
{
    struct known_topic *known = find_topic(view, topic);
    if (!known)
        return;
    HASH_DEL(view->topics, known);
    view->dedicated -= known->dedicated;
    free(known);
}

static void learn_topic(struct view *view, const struct topic_state *topic)
{
    size_t length = strlen(topic->topic);
    struct known_topic *known = xcalloc(1, sizeof(*known) + length + 1);
    memcpy(known->topic, topic->topic, length);
    known->at.messages = message_topics_get(view->message_topics, topic->location.kafka_topic);
    known->at.partition = topic->location.partition;
    known->shard = shard_of(view, topic->topic);
    known->dedicated = strcmp(topic->location.kafka_topic, view->names->pool) != 0;
    view->dedicated += known->dedicated;
    HASH_ADD_STR(view->topics, topic, known);
    wake_end_thread(view); /* to fetch metadata */
}

static void on_record(void *context, int32_t partition, const char *key, size_t key_length,
                      struct state_record *record)
{
    struct view *view = context;
    if (record->kind == STATE_PROGRESS && !record->tombstone) {
        view->shards[partition].folded = record->value.progress;
    } else if (record->kind == STATE_TOPIC) {
        const char *prefix = "topic:";
        char *topic = xstrndup(key + strlen(prefix), key_length - strlen(prefix));
        forget_topic(view, topic);
        free(topic);
        if (!record->tombstone)
            learn_topic(view, record->value.topic);
    }
    gauge_set(view->metrics.topics, HASH_COUNT(view->topics));
}

static bool is_about_subscription(const rd_kafka_message_t *message)
{
    static const char prefix[] = "subscription:";
    return message->key_len > sizeof(prefix) - 1 &&
           memcmp(message->key, prefix, sizeof(prefix) - 1) == 0;
}

static void take_message(struct view *view, const rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        struct shard *shard = &view->shards[message->partition];
        if (!shard->loaded && atomic_fetch_sub(&view->not_loaded, 1) == 1)
            log_info("hub.view_loaded", LOG_INT("topics", HASH_COUNT(view->topics)));
        shard->loaded = true;
    } else if (message->err) {
        log_warning("hub.view_read_failed", LOG_STR("reason", rd_kafka_message_errstr(message)));
    } else if (!is_about_subscription(message)) { /* the hub asks for none of them */
        state_take_message(message, on_record, view, view->metrics.malformed);
    }
}

/* @locality reader thread */
static void *reader_main(void *context)
{
    struct view *view = context;
    rd_kafka_message_t *messages[BATCH];
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(view->reader);
    while (!atomic_load(&view->stopping)) {
        size_t count = kafka_consume(queue, POLL_MS, messages, BATCH);
        pthread_mutex_lock(&view->lock);
        for (size_t i = 0; i < count; i++)
            take_message(view, messages[i]);
        pthread_mutex_unlock(&view->lock);
        for (size_t i = 0; i < count; i++)
            rd_kafka_message_destroy(messages[i]);
        settle_waits(view);
    }
    rd_kafka_queue_destroy(queue);
    return NULL;
}

/* --- the end thread: blocking look-ups of partition ends, and of new topics' metadata --- */

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
static void *end_main(void *context)
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
            settle_waits(view);
        }
        message_topics_warm_up(view->message_topics, WARM_UP_MS);
    }
    return NULL;
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
                      const struct view_metrics *metrics, struct error *error)
{
    struct view *view = xcalloc(1, sizeof(*view));
    view->config = config;
    view->names = names;
    view->message_topics = message_topics;
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
    if (pthread_create(&view->reader_thread, NULL, reader_main, view) != 0 ||
        pthread_create(&view->end_thread, NULL, end_main, view) != 0)
        PANIC("no threads for the view");
    return view;
}

bool view_is_loaded(struct view *view)
{
    return atomic_load(&view->not_loaded) <= 0;
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
    settle_waits(view);
}

void view_free(struct view *view)
{
    struct known_topic *known, *next;
    if (!view)
        return;
    HASH_ITER(hh, view->topics, known, next)
    {
        HASH_DEL(view->topics, known);
        free(known);
    }
    if (view->reader)
        rd_kafka_destroy(view->reader);
    if (view->watermarks)
        rd_kafka_destroy(view->watermarks);
    pthread_mutex_destroy(&view->lock);
    pthread_cond_destroy(&view->work);
    free(view->shards);
    free(view);
}
