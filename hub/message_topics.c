#include "hub/message_topics.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "common/panic.h"

struct entry {
    struct message_topic topic;
    struct entry *next_cold;
    UT_hash_handle hh;
    char name[];
};

struct message_topics {
    rd_kafka_t *producer;
    pthread_mutex_t lock;
    struct entry *by_name;
    struct entry *cold; /* metadata not fetched yet */
};

struct message_topics *message_topics_new(rd_kafka_t *producer)
{
    struct message_topics *topics = xcalloc(1, sizeof(*topics));
    topics->producer = producer;
    pthread_mutex_init(&topics->lock, NULL);
    return topics;
}

void message_topics_free(struct message_topics *topics)
{
    struct entry *entry, *next;
    if (!topics)
        return;
    HASH_ITER(hh, topics->by_name, entry, next)
    {
        HASH_DEL(topics->by_name, entry);
        rd_kafka_topic_destroy(entry->topic.handle);
        free(entry);
    }
    pthread_mutex_destroy(&topics->lock);
    free(topics);
}

static struct entry *entry_new(struct message_topics *topics, const char *name)
{
    struct entry *entry = xcalloc(1, sizeof(*entry) + strlen(name) + 1);
    strcpy(entry->name, name);
    entry->topic.name = entry->name;
    entry->topic.handle = rd_kafka_topic_new(topics->producer, name, NULL);
    ENSURE(entry->topic.handle); /* names come from our own state, and configuration is shared */
    HASH_ADD_STR(topics->by_name, name, entry);
    LL_PREPEND2(topics->cold, entry, next_cold);
    return entry;
}

struct message_topic *message_topics_get(struct message_topics *topics, const char *name)
{
    struct entry *entry;
    pthread_mutex_lock(&topics->lock);
    HASH_FIND_STR(topics->by_name, name, entry);
    if (!entry)
        entry = entry_new(topics, name);
    pthread_mutex_unlock(&topics->lock);
    return &entry->topic;
}

static bool fetch_metadata(struct message_topics *topics, struct entry *entry, int timeout_ms)
{
    const struct rd_kafka_metadata *metadata;
    if (rd_kafka_metadata(topics->producer, 0, entry->topic.handle, &metadata, timeout_ms) !=
        RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    rd_kafka_metadata_destroy(metadata);
    return true;
}

bool message_topics_warm_up(struct message_topics *topics, int timeout_ms)
{
    for (;;) {
        pthread_mutex_lock(&topics->lock);
        struct entry *entry = topics->cold;
        if (entry)
            LL_DELETE2(topics->cold, entry, next_cold);
        pthread_mutex_unlock(&topics->lock);
        if (!entry)
            return true;
        if (fetch_metadata(topics, entry, timeout_ms))
            continue;
        pthread_mutex_lock(&topics->lock);
        LL_PREPEND2(topics->cold, entry, next_cold);
        pthread_mutex_unlock(&topics->lock);
        return false;
    }
}
