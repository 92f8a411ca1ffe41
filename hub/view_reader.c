/* The view's reader: takes what it needs from the records of the state topic. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/panic.h"
#include "common/state_loader.h"
#include "hub/view_internal.h"

enum { POLL_MS = 50, BATCH = 1000 };

static void forget_topic(struct view *view, const char *topic)
{
    struct known_topic *known = view_find_topic(view, topic);
    if (!known)
        return;
    view_unindex_topic(view, known);
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
    known->shard = view_shard_of(view, topic->topic);
    known->dedicated = strcmp(topic->location.kafka_topic, view->names->pool) != 0;
    view->dedicated += known->dedicated;
    known->registered_at_ms = topic->registered_at_ms;
    HASH_ADD_STR(view->topics, topic, known);
    view_index_topic(view, known);
    view_wake_end_thread(view); /* to fetch metadata */
}

static void on_subscription(void *context, int32_t partition, const char *key, size_t key_length,
                            struct state_record *record)
{
    struct view *view = context;
    char id[ID_HEX_SIZE];
    if (!record->tombstone) {
        catalog_set(view->catalog, partition, record->value.subscription);
        return;
    }
    memcpy(id, key + key_length - (ID_HEX_SIZE - 1), ID_HEX_SIZE - 1);
    id[ID_HEX_SIZE - 1] = '\0';
    catalog_remove(view->catalog, id);
}

static void on_record(void *context, int32_t partition, const char *key, size_t key_length,
                      struct state_record *record)
{
    struct view *view = context;
    if (record->kind == STATE_PROGRESS && !record->tombstone) {
        view->shards[partition].folded = record->value.progress.events;
        view->shards[partition].level = record->value.progress.level;
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
    return !message->err && message->key_len > sizeof(prefix) - 1 &&
           memcmp(message->key, prefix, sizeof(prefix) - 1) == 0;
}

static void take_message(struct view *view, const rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        struct shard *shard = &view->shards[message->partition];
        if (!shard->loaded && atomic_fetch_sub(&view->not_loaded, 1) == 1)
            log_info("hub.view_loaded", LOG_INT("topics", HASH_COUNT(view->topics)),
                     LOG_INT("subscriptions",
                             view->catalog ? (int64_t)catalog_count(view->catalog) : -1));
        shard->loaded = true;
    } else if (message->err) {
        log_warning("hub.view_read_failed", LOG_STR("reason", rd_kafka_message_errstr(message)));
    } else if (!is_about_subscription(message)) {
        state_take_message(message, on_record, view, view->metrics.malformed);
    }
}

/** Subscriptions first, and without the view's lock: nothing in the view speaks of them but the
 * progress, which must not be ahead of them, and others shall not wait while they are decoded. */
static void take_subscriptions(struct view *view, rd_kafka_message_t **messages, size_t count)
{
    for (size_t i = 0; i < count && view->catalog; i++)
        if (is_about_subscription(messages[i]))
            state_take_message(messages[i], on_subscription, view, view->metrics.malformed);
}

/* @locality reader thread */
void *view_reader_main(void *context)
{
    struct view *view = context;
    rd_kafka_message_t *messages[BATCH];
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(view->reader);
    while (!atomic_load(&view->stopping)) {
        size_t count = kafka_consume(queue, POLL_MS, messages, BATCH);
        take_subscriptions(view, messages, count);
        pthread_mutex_lock(&view->lock);
        for (size_t i = 0; i < count; i++)
            take_message(view, messages[i]);
        pthread_mutex_unlock(&view->lock);
        for (size_t i = 0; i < count; i++)
            rd_kafka_message_destroy(messages[i]);
        view_settle_waits(view);
    }
    rd_kafka_queue_destroy(queue);
    return NULL;
}
