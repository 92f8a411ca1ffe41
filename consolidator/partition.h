/** One owned partition: its state in memory and the changes that an event makes to it. */
#ifndef WEBSUB_CONSOLIDATOR_PARTITION_H
#define WEBSUB_CONSOLIDATOR_PARTITION_H

#include "common/event.h"
#include "common/notice.h"
#include "consolidator/entities.h"
#include "consolidator/fold.h"
#include "consolidator/secrets.h"

struct partition {
    int32_t number;
    struct entities entities;
    struct fold_times times;
    const struct keyring *keyring;
    int64_t *secrets;       /**< secrets_count of all subscriptions */
    int64_t folded;         /**< next events offset to fold, as of memory */
    int64_t progress_known; /**< as of the last progress record that was written */
    int64_t level_known;    /**< likewise; EVENT_LEVEL while there is none */
    struct notice notice;   /**< of the last event that was folded, if any */
};

/** `keyring` (borrowed; NULL: no keys) is what secrets are to be encrypted with. */
struct partition *partition_new(int32_t number, const struct fold_times *times,
                                const struct keyring *keyring);
void partition_free(struct partition *partition);

/** Takes over a record of the state topic while loading. */
void partition_load(struct partition *partition, const char *key, size_t key_length,
                    struct state_record *record);

/**
 * After loading: where folding begins (`folded`), which is where the state's own progress record
 * says that it is complete. The group's offset (`committed`, -1: there is none) says the same, as
 * both are written in one transaction, but Kafka forgets it when no consolidator has run for
 * offsets.retention.minutes; and after a restored backup it may be ahead of the state.
 *
 * ERROR_CONFIG: events were folded, but there is no state of them. Whoever lost it has to decide.
 */
int partition_begin(struct partition *partition, int64_t committed, struct error *error);

/**
 * Told of each entity that an event changed: `value` NULL is a tombstone. Key and value are only
 * valid during the call. Returns 0, or -1 to stop.
 */
typedef int (*partition_changed_fn)(void *context, const char *key, const char *value,
                                    size_t length);

/** What else an event leads to. */
struct partition_effects {
    bool topic_ended;            /**< EVENT_TOPIC_ENDED is to be spread to all partitions */
    bool denied;                 /**< FOLD_DENIED: to be audited */
    const struct notice *notice; /**< what is to be told of it, or NULL; until the next event */
};

/**
 * Folds one event into memory; secrets in what is told are encrypted with the current key wherever
 * that is possible. `effects` says what else is to be done.
 * @returns 1 when something changed, 0 when the event was ignored, -1 when `changed` wanted to
 * stop.
 */
int partition_fold(struct partition *partition, const struct event *event, int64_t sequence,
                   partition_changed_fn changed, void *context, struct partition_effects *effects);

/** Fills `*event` (to be finished with event_fini) with what is due at `now_ms`; false: nothing is.
 */
bool partition_take_due(struct partition *partition, int64_t now_ms, struct event *event);

#endif
