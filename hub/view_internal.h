/** The parts of the view: shared by the view*.c files only. */
#ifndef WEBSUB_HUB_VIEW_INTERNAL_H
#define WEBSUB_HUB_VIEW_INTERNAL_H

#include <bsd/sys/tree.h>
#include <pthread.h>
#include <stdatomic.h>
#include <uthash.h>
#include <utlist.h>

#include "hub/view.h"

/* view_wait.target until the end of the events partition is known: */
enum { TARGET_WANTED = -1, TARGET_ASKED = -2 };

struct known_topic {
    struct view_topic at;
    int32_t shard;
    bool dedicated;
    int64_t registered_at_ms;
    char id[ID_HEX_SIZE];
    UT_hash_handle hh, by_id;
    RB_ENTRY(known_topic) by_topic;
    char topic[];
};

/** What is known of one partition of events and state. */
struct shard {
    int64_t folded;   /* the view contains everything before this events offset */
    int64_t level;    /* of the consolidator that folded that; 0: nothing was folded yet */
    int64_t required; /* what was written through this hub */
    bool end_wanted;  /* some wait has no target yet */
    bool loaded;
    struct view_wait *waits;
};

RB_HEAD(topic_tree, known_topic);

struct view {
    const struct config *config;
    const struct kafka_names *names;
    struct message_topics *message_topics;
    struct catalog *catalog; /* or NULL */
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
    struct known_topic *topics, *topics_by_id;
    struct topic_tree sorted;
    int64_t dedicated;
    struct shard *shards;
};

/** A topic that was added to, or is about to be taken out of, the table; call with the lock held.
 */
void view_index_topic(struct view *view, struct known_topic *known);
void view_unindex_topic(struct view *view, struct known_topic *known);

struct known_topic *view_find_topic(struct view *view, const char *topic);
/** The partition of the topic's events and state. */
int32_t view_shard_of(const struct view *view, const char *topic);
/** Settles the waits whose answer is known now, or whose time is up. */
void view_settle_waits(struct view *view);
/** Has the end thread look whether there is something to do; call with the lock held. */
void view_wake_end_thread(struct view *view);

/** @locality reader thread: records of the state topic */
void *view_reader_main(void *view);
/** @locality end thread: blocking look-ups of partition ends, and of new topics' metadata */
void *view_end_main(void *view);

#endif
