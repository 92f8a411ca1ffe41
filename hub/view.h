/**
 * The hub's view of the state: the registered topics and, in the catalog, the subscriptions, kept
 * up to date by a thread that reads the state topic. Nothing that the hub accepts depends on how
 * old the view is:
 *
 *  - A topic that the view does not know may just have been registered, here or on another replica.
 *    So "unknown" is only said after the view contains everything that was in the topic's events
 *    partition when the question was asked: the end of that partition is looked up, and the
 *    question waits until the consolidator's progress record (state.h) has reached it.
 *  - A topic that was registered or deregistered through this hub is looked up only after the view
 *    contains that (view_note_write).
 *
 * Waits are bounded.
 */
#ifndef WEBSUB_HUB_VIEW_H
#define WEBSUB_HUB_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "common/id.h"
#include "common/kafka.h"
#include "common/kafka_admin.h"
#include "common/metrics.h"
#include "hub/catalog.h"
#include "hub/message_topics.h"

struct view;

enum view_outcome {
    VIEW_FOUND,
    VIEW_NOT_FOUND, /**< not registered, as of the question */
    VIEW_BEHIND,    /**< the state did not catch up in time: the answer is not known */
};

/** What is known of a topic: where its messages go. */
struct view_topic {
    struct message_topic *messages; /**< as long as the view's message_topics */
    int32_t partition;
};

/**
 * One question, embedded by the asker, who keeps it and the topic until `done` was called, exactly
 * once, on any thread; it must not block. `found` is filled when VIEW_FOUND.
 */
struct view_wait {
    void (*done)(struct view_wait *wait, enum view_outcome outcome);
    const char *topic;
    int64_t timeout_ms; /**< after which the outcome is VIEW_BEHIND */
    struct view_topic found;
    /* private */
    int32_t partition;
    int64_t target;
    int64_t deadline_ms;
    enum view_outcome outcome;
    struct view_wait *previous, *next;
};

struct view_metrics {
    struct gauge *topics;
    struct counter *malformed;
};

/** `catalog` is filled from subscriptions; NULL: they are not wanted, and not read. */
struct view *view_new(const struct config *config, const struct kafka_names *names,
                      const struct kafka_layout *layout, struct message_topics *message_topics,
                      struct catalog *catalog, const struct view_metrics *metrics,
                      struct error *error);
/** Waits must have been settled: view_stop first. */
void view_free(struct view *view);
/** Stops the threads; what still waits is settled as VIEW_BEHIND. */
void view_stop(struct view *view);

/** Whether the state topic has been read to its end once. Thread-safe. */
bool view_is_loaded(struct view *view);

/** Up to which events offset the view contains the state of the shard. Thread-safe. */
int64_t view_folded(struct view *view, int32_t shard);

/**
 * Whether whoever folds the shard's events is of that level (event.h), as far as is known: nobody
 * has folded anything in a new installation, which needs no regard for older versions.
 */
bool view_has_level(struct view *view, int32_t shard, int level);

/** Registered topics. Thread-safe. */
size_t view_topic_count(struct view *view);

/** Registered topics with a Kafka topic of their own. Thread-safe. */
int64_t view_dedicated_count(struct view *view);

/**
 * Looks `wait->topic` up. Calls `wait->done` before it returns if the view can tell at once.
 * Thread-safe, never blocks.
 */
void view_resolve(struct view *view, struct view_wait *wait);

/** A topic as the API shows it. */
struct view_topic_entry {
    char id[ID_HEX_SIZE];
    char *topic; /**< owned */
    int64_t registered_at_ms;
    const char *kafka_topic; /**< as long as the view's message_topics */
    int32_t partition;
};

/**
 * Topics that contain `filter` ("": all) in their order (of bytes), beginning behind `after` ("":
 * with the first); at most `limit`. The caller ends each entry with view_topic_entry_fini.
 * Thread-safe; does not hold up others, whatever the number of topics.
 */
size_t view_list_topics(struct view *view, const char *filter, const char *after,
                        struct view_topic_entry *entries, size_t limit);
/** The topic with that id; false: there is none. Thread-safe. */
bool view_get_topic(struct view *view, const char *id, struct view_topic_entry *entry);
void view_topic_entry_fini(struct view_topic_entry *entry);

/** An event about topics was written at `offset` of `partition`: later questions shall see it. */
void view_note_write(struct view *view, int32_t partition, int64_t offset);

#endif
