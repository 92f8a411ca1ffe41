/*
 * Listing topics, in their order. The lock is that of all publications: it is held for a bounded
 * number of topics at a time, and what is wanted is copied out.
 */
#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/panic.h"
#include "hub/view_internal.h"

enum { TOPICS_AT_A_TIME = 1000 };

static int compare_topics(const struct known_topic *a, const struct known_topic *b)
{
    return strcmp(a->topic, b->topic);
}

RB_PROTOTYPE(topic_tree, known_topic, by_topic, compare_topics)
RB_GENERATE(topic_tree, known_topic, by_topic, compare_topics)

void view_index_topic(struct view *view, struct known_topic *known)
{
    id_topic(known->topic, known->id);
    RB_INSERT(topic_tree, &view->sorted, known);
    HASH_ADD(by_id, view->topics_by_id, id, ID_HEX_SIZE - 1, known);
}

void view_unindex_topic(struct view *view, struct known_topic *known)
{
    RB_REMOVE(topic_tree, &view->sorted, known);
    HASH_DELETE(by_id, view->topics_by_id, known);
}

static void copy_out(struct view_topic_entry *entry, const struct known_topic *known)
{
    memcpy(entry->id, known->id, sizeof(entry->id));
    entry->topic = xstrdup(known->topic);
    entry->registered_at_ms = known->registered_at_ms;
    entry->kafka_topic = known->at.messages->name;
    entry->partition = known->at.partition;
}

/** First topic behind `after`. With the lock held. */
static struct known_topic *first_after(struct view *view, const char *after)
{
    size_t length = strlen(after);
    struct known_topic *key = xcalloc(1, sizeof(*key) + length + 2);
    memcpy(key->topic, after, length);
    key->topic[length] = '\1'; /* topics have no control characters: right behind `after` */
    struct known_topic *found = RB_NFIND(topic_tree, &view->sorted, key);
    free(key);
    return found;
}

/** Looks at some topics behind `*after`, and moves it; false: they were the last. */
static bool collect(struct view *view, const char *filter, char **after,
                    struct view_topic_entry *entries, size_t *count, size_t limit)
{
    pthread_mutex_lock(&view->lock);
    struct known_topic *known = first_after(view, *after), *last = NULL;
    for (int i = 0; known && i < TOPICS_AT_A_TIME && *count < limit; i++) {
        if (strstr(known->topic, filter))
            copy_out(&entries[(*count)++], known);
        last = known;
        known = RB_NEXT(topic_tree, &view->sorted, known);
    }
    bool more = known != NULL;
    if (last) {
        free(*after);
        *after = xstrdup(last->topic);
    }
    pthread_mutex_unlock(&view->lock);
    return more;
}

size_t view_list_topics(struct view *view, const char *filter, const char *after,
                        struct view_topic_entry *entries, size_t limit)
{
    char *position = xstrdup(after);
    size_t count = 0;
    while (collect(view, filter, &position, entries, &count, limit) && count < limit)
        ;
    free(position);
    return count;
}

bool view_get_topic(struct view *view, const char *id, struct view_topic_entry *entry)
{
    const struct known_topic *known = NULL;
    pthread_mutex_lock(&view->lock);
    if (strlen(id) == ID_HEX_SIZE - 1)
        HASH_FIND(by_id, view->topics_by_id, id, ID_HEX_SIZE - 1, known);
    if (known)
        copy_out(entry, known);
    pthread_mutex_unlock(&view->lock);
    return known != NULL;
}

void view_topic_entry_fini(struct view_topic_entry *entry)
{
    free(entry->topic);
}
