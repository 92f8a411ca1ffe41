/**
 * The state of one partition in memory: topics, subscriptions, subscriptions by topic, and
 * subscriptions by when time will do something to them. Not thread-safe; owned by the consolidating
 * thread.
 */
#ifndef WEBSUB_CONSOLIDATOR_ENTITIES_H
#define WEBSUB_CONSOLIDATOR_ENTITIES_H

#include <bsd/sys/tree.h>
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "common/state.h"

struct topic_entity {
    struct topic_state *state;
    UT_hash_handle by_topic;
};

struct topic_members;

struct subscription_entity {
    char id[ID_HEX_SIZE];
    struct subscription_state
        *state;     /**< NULL only between removal from state and from the table */
    int64_t due_ms; /**< INT64_MAX: not in the tree */
    struct topic_members *topic;
    struct subscription_entity *previous, *next; /**< of the same topic */
    RB_ENTRY(subscription_entity) by_due;
    UT_hash_handle by_id;
};

RB_HEAD(due_tree, subscription_entity);

struct entities {
    struct topic_entity *topics;
    struct subscription_entity *subscriptions;
    struct topic_members *members;
    struct due_tree due;
};

void entities_init(struct entities *entities);
void entities_fini(struct entities *entities);

/** What is known of a topic or subscription, or NULL. */
struct topic_entity *entities_find_topic(struct entities *entities, const char *topic);
struct subscription_entity *entities_find_subscription(struct entities *entities, const char *id);

/** Puts `state` (ownership taken) in place of what was known; NULL removes it. */
void entities_put_topic(struct entities *entities, const char *topic, struct topic_state *state);
/** Removes a topic whose state was freed already. */
void entities_drop_topic(struct entities *entities, struct topic_entity *entity);
/** As entities_put_topic. Putting the state that is there already tells that it was changed in
 * place. */
struct subscription_entity *entities_put_subscription(struct entities *entities, const char *id,
                                                      struct subscription_state *state);

/** First subscription of `topic` in this partition (follow `next`), or NULL. */
struct subscription_entity *entities_of_topic(struct entities *entities, const char *topic);

/** Sets when time will do something to it; INT64_MAX: never. */
void entities_set_due(struct entities *entities, struct subscription_entity *subscription,
                      int64_t due_ms);
/** The subscription that is due first, or NULL. */
struct subscription_entity *entities_first_due(struct entities *entities);

#endif
