#include "consolidator/partition.h"

#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/panic.h"
#include "consolidator/fold_notice.h"

/* A due event that was written is folded within moments; written again only if that did not happen.
 */
enum { DUE_AGAIN_MS = 30 * 1000 };

struct partition *partition_new(int32_t number, const struct fold_times *times,
                                const struct keyring *keyring)
{
    struct partition *partition = xcalloc(1, sizeof(*partition));
    partition->number = number;
    partition->times = *times;
    partition->keyring = keyring;
    partition->level_known = EVENT_LEVEL;
    partition->secrets = xcalloc(secrets_count_size(keyring), sizeof(*partition->secrets));
    entities_init(&partition->entities);
    return partition;
}

void partition_free(struct partition *partition)
{
    if (!partition)
        return;
    entities_fini(&partition->entities);
    notice_fini(&partition->notice);
    free(partition->secrets);
    free(partition);
}

static void schedule(struct partition *partition, struct subscription_entity *entity)
{
    enum event_type type;
    int64_t deadline;
    entities_set_due(&partition->entities, entity,
                     fold_next_due(entity->state, &partition->times, &type, &deadline));
}

/** Adds or (`by` -1) takes off the secrets of a subscription, if there is one. */
static void count_secrets(struct partition *partition, const struct subscription_entity *entity,
                          int64_t by)
{
    if (entity)
        secrets_count(partition->keyring, entity->state, by, partition->secrets);
}

/** Puts what was loaded (NULL: a tombstone) in place of what was known. */
static void load_subscription(struct partition *partition, const char *id,
                              struct subscription_state *state)
{
    count_secrets(partition, entities_find_subscription(&partition->entities, id), -1);
    struct subscription_entity *entity = entities_put_subscription(&partition->entities, id, state);
    count_secrets(partition, entity, 1);
    if (entity)
        schedule(partition, entity);
}

/** A tombstone tells only by its key what is gone. */
static void load_tombstone(struct partition *partition, enum state_kind kind, const char *key,
                           size_t key_length)
{
    if (kind == STATE_PROGRESS)
        return;
    const char *colon = memchr(key, ':', key_length);
    char *name = xstrndup(colon + 1, key_length - (size_t)(colon + 1 - key));
    if (kind == STATE_SUBSCRIPTION) {
        load_subscription(partition, name, NULL);
    } else {
        entities_put_topic(&partition->entities, name, NULL);
    }
    free(name);
}

void partition_load(struct partition *partition, const char *key, size_t key_length,
                    struct state_record *record)
{
    if (record->tombstone) {
        load_tombstone(partition, record->kind, key, key_length);
    } else if (record->kind == STATE_PROGRESS) {
        partition->progress_known = record->value.progress.events;
        partition->level_known = record->value.progress.level;
    } else if (record->kind == STATE_TOPIC) {
        struct topic_state *topic = record->value.topic;
        record->value.topic = NULL;
        entities_put_topic(&partition->entities, topic->topic, topic);
    } else {
        struct subscription_state *subscription = record->value.subscription;
        record->value.subscription = NULL;
        load_subscription(partition, subscription->id, subscription);
    }
}

int partition_begin(struct partition *partition, int64_t committed, struct error *error)
{
    if (committed > 0 && partition->progress_known == 0)
        return error_set(
            error, ERROR_CONFIG, false,
            "partition %d of the state topic is empty, although events up to %lld were "
            "folded into it: restore it, or rebuild it from the events "
            "(docs/backup-and-recovery.md)",
            partition->number, (long long)committed);
    partition->folded = partition->progress_known;
    return 0;
}

static int tell_subscription(struct partition *partition, struct subscription_entity *entity,
                             const char *id, partition_changed_fn changed, void *context)
{
    size_t length = 0;
    char *value = NULL;
    if (entity) {
        schedule(partition, entity);
        value = state_encode_subscription(entity->state, &length);
    }
    char *key = id_subscription_key(id);
    int result = changed(context, key, value, length);
    free(key);
    free(value);
    return result;
}

static int fold_one_subscription(struct partition *partition, const char *id,
                                 const struct event *event, int64_t sequence,
                                 partition_changed_fn changed, void *context,
                                 struct partition_effects *effects)
{
    struct subscription_entity *entity = entities_find_subscription(&partition->entities, id);
    struct subscription_state *state = entity ? entity->state : NULL;
    struct fold_before before;
    count_secrets(partition, entity, -1);
    fold_before_init(&before, state);
    enum fold_outcome outcome = fold_subscription(&state, event, sequence);
    effects->denied |= outcome == FOLD_DENIED;
    bool changes = outcome == FOLD_CHANGED || outcome == FOLD_REMOVED;
    /* At most one of those that an event changes is worth a notice: the one that it names. */
    if (changes && fold_notice(&before, event, sequence, state, &partition->notice))
        effects->notice = &partition->notice;
    fold_before_fini(&before);
    if (!changes) {
        count_secrets(partition, entity, 1);
        return 0;
    }
    if (outcome == FOLD_REMOVED)
        entity->state = NULL; /* freed by the fold */
    entity = entities_put_subscription(&partition->entities, id, state);
    if (entity)
        secrets_renew(partition->keyring, entity->state);
    count_secrets(partition, entity, 1);
    return tell_subscription(partition, entity, id, changed, context) == 0 ? 1 : -1;
}

static int fold_topic_ended(struct partition *partition, const struct event *event,
                            int64_t sequence, partition_changed_fn changed, void *context,
                            struct partition_effects *effects)
{
    int folded = 0;
    struct subscription_entity *entity = entities_of_topic(&partition->entities, event->topic);
    while (entity) {
        struct subscription_entity *next = entity->next;
        char id[ID_HEX_SIZE];
        memcpy(id, entity->id, sizeof(id));
        int result =
            fold_one_subscription(partition, id, event, sequence, changed, context, effects);
        if (result < 0)
            return -1;
        folded |= result;
        entity = next;
    }
    return folded;
}

static int fold_one_topic(struct partition *partition, const struct event *event, int64_t sequence,
                          partition_changed_fn changed, void *context,
                          struct partition_effects *effects)
{
    struct topic_entity *entity = entities_find_topic(&partition->entities, event->topic);
    struct topic_state *state = entity ? entity->state : NULL;
    enum fold_outcome outcome = fold_topic(&state, event, sequence);
    if (outcome == FOLD_IGNORED)
        return 0;
    size_t length = 0;
    char *value = NULL;
    if (outcome == FOLD_REMOVED) {
        entities_drop_topic(&partition->entities, entity);
        effects->topic_ended = true;
    } else {
        entities_put_topic(&partition->entities, state->topic, state);
        value = state_encode_topic(state, &length);
    }
    char *key = id_topic_key(event->topic);
    int result = changed(context, key, value, length);
    free(key);
    free(value);
    return result == 0 ? 1 : -1;
}

int partition_fold(struct partition *partition, const struct event *event, int64_t sequence,
                   partition_changed_fn changed, void *context, struct partition_effects *effects)
{
    *effects = (struct partition_effects){.notice = NULL};
    notice_fini(&partition->notice);
    if (event->type == EVENT_TOPIC_ENDED)
        return fold_topic_ended(partition, event, sequence, changed, context, effects);
    if (!event->callback)
        return fold_one_topic(partition, event, sequence, changed, context, effects);
    char id[ID_HEX_SIZE];
    id_subscription(event->topic, event->callback, id);
    return fold_one_subscription(partition, id, event, sequence, changed, context, effects);
}

bool partition_take_due(struct partition *partition, int64_t now_ms, struct event *event)
{
    struct subscription_entity *entity = entities_first_due(&partition->entities);
    if (!entity || entity->due_ms > now_ms)
        return false;
    int64_t again = now_ms + DUE_AGAIN_MS;
    memset(event, 0, sizeof(*event));
    fold_next_due(entity->state, &partition->times, &event->type, &event->deadline);
    if (event->type == EVENT_SUBSCRIPTION_LAPSING) {
        if (event->deadline <= now_ms) /* it is too late to warn */
            event->type = EVENT_SUBSCRIPTION_EXPIRED;
        else if (event->deadline < again)
            again = event->deadline;
    }
    event->at_ms = now_ms;
    event->topic = xstrdup(entity->state->topic);
    event->callback = xstrdup(entity->state->callback);
    entities_set_due(&partition->entities, entity, again);
    return true;
}
