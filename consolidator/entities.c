#include "consolidator/entities.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/panic.h"

struct topic_members {
    struct subscription_entity *first;
    UT_hash_handle by_topic;
    char topic[];
};

static int compare_due(const struct subscription_entity *a, const struct subscription_entity *b)
{
    if (a->due_ms != b->due_ms)
        return a->due_ms < b->due_ms ? -1 : 1;
    return strcmp(a->id, b->id);
}

RB_PROTOTYPE(due_tree, subscription_entity, by_due, compare_due)
RB_GENERATE(due_tree, subscription_entity, by_due, compare_due)

void entities_init(struct entities *entities)
{
    memset(entities, 0, sizeof(*entities));
    RB_INIT(&entities->due);
}

struct topic_entity *entities_find_topic(struct entities *entities, const char *topic)
{
    struct topic_entity *found;
    HASH_FIND(by_topic, entities->topics, topic, strlen(topic), found);
    return found;
}

struct subscription_entity *entities_find_subscription(struct entities *entities, const char *id)
{
    struct subscription_entity *found;
    HASH_FIND(by_id, entities->subscriptions, id, ID_HEX_SIZE - 1, found);
    return found;
}

static void remove_topic(struct entities *entities, struct topic_entity *entity)
{
    HASH_DELETE(by_topic, entities->topics, entity);
    topic_state_free(entity->state);
    free(entity);
}

void entities_drop_topic(struct entities *entities, struct topic_entity *entity)
{
    entity->state = NULL;
    remove_topic(entities, entity);
}

void entities_put_topic(struct entities *entities, const char *topic, struct topic_state *state)
{
    struct topic_entity *entity = entities_find_topic(entities, topic);
    if (entity && entity->state == state)
        return; /* changed in place */
    if (entity)
        remove_topic(entities, entity);
    if (!state)
        return;
    entity = xcalloc(1, sizeof(*entity));
    entity->state = state;
    HASH_ADD_KEYPTR(by_topic, entities->topics, state->topic, strlen(state->topic), entity);
}

static void join_topic(struct entities *entities, struct subscription_entity *entity)
{
    const char *topic = entity->state->topic;
    struct topic_members *members;
    HASH_FIND(by_topic, entities->members, topic, strlen(topic), members);
    if (!members) {
        members = xcalloc(1, sizeof(*members) + strlen(topic) + 1);
        strcpy(members->topic, topic);
        HASH_ADD(by_topic, entities->members, topic, strlen(topic), members);
    }
    entity->topic = members;
    DL_APPEND2(members->first, entity, previous, next);
}

static void leave_topic(struct entities *entities, struct subscription_entity *entity)
{
    struct topic_members *members = entity->topic;
    DL_DELETE2(members->first, entity, previous, next);
    if (members->first)
        return;
    HASH_DELETE(by_topic, entities->members, members);
    free(members);
}

static void remove_subscription(struct entities *entities, struct subscription_entity *entity)
{
    entities_set_due(entities, entity, INT64_MAX);
    leave_topic(entities, entity);
    HASH_DELETE(by_id, entities->subscriptions, entity);
    subscription_state_free(entity->state);
    free(entity);
}

struct subscription_entity *entities_put_subscription(struct entities *entities, const char *id,
                                                      struct subscription_state *state)
{
    struct subscription_entity *entity = entities_find_subscription(entities, id);
    if (entity && !state) {
        remove_subscription(entities, entity);
        return NULL;
    }
    if (!state)
        return NULL;
    if (!entity) {
        entity = xcalloc(1, sizeof(*entity));
        memcpy(entity->id, state->id, sizeof(entity->id));
        entity->due_ms = INT64_MAX;
        entity->state = state;
        HASH_ADD(by_id, entities->subscriptions, id, ID_HEX_SIZE - 1, entity);
        join_topic(entities, entity);
    } else if (entity->state != state) {
        subscription_state_free(entity->state);
        entity->state = state;
    }
    return entity;
}

struct subscription_entity *entities_of_topic(struct entities *entities, const char *topic)
{
    struct topic_members *members;
    HASH_FIND(by_topic, entities->members, topic, strlen(topic), members);
    return members ? members->first : NULL;
}

void entities_set_due(struct entities *entities, struct subscription_entity *subscription,
                      int64_t due_ms)
{
    if (subscription->due_ms == due_ms)
        return;
    if (subscription->due_ms != INT64_MAX)
        RB_REMOVE(due_tree, &entities->due, subscription);
    subscription->due_ms = due_ms;
    if (due_ms != INT64_MAX)
        RB_INSERT(due_tree, &entities->due, subscription);
}

struct subscription_entity *entities_first_due(struct entities *entities)
{
    return RB_MIN(due_tree, &entities->due);
}

void entities_fini(struct entities *entities)
{
    struct subscription_entity *subscription, *next_subscription;
    struct topic_entity *topic, *next_topic;
    HASH_ITER(by_id, entities->subscriptions, subscription, next_subscription)
    {
        remove_subscription(entities, subscription);
    }
    HASH_ITER(by_topic, entities->topics, topic, next_topic)
    {
        remove_topic(entities, topic);
    }
}
