/**
 * The ledger: what migrations have done so far, in a compacted Kafka topic of its own
 * (`<prefix>migration`, one partition). Each of its records is written in the transaction that does
 * what it tells, so that a run that begins where another one was killed does nothing twice.
 *
 *   key "topic:<topic>"        the topic was registered; how far its messages have been copied
 *   key "subscription:<id>"    it was handed over: whatever became of it since is no business of
 *                              a migration's any more
 */
#ifndef WEBSUB_CLIENT_MIGRATION_LEDGER_H
#define WEBSUB_CLIENT_MIGRATION_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "common/error.h"
#include "common/id.h"
#include "common/location.h"

/** Of the old topic's partition: what has been copied is [from, next). */
struct ledger_range {
    int64_t from;
    int64_t next;
};

struct ledger_topic {
    char *topic;                 /**< owned */
    struct location location;    /**< where the offsets are those of; unknown while `first` is -1 */
    int64_t first;               /**< offset here at which copies may begin; -1: not known yet */
    int64_t after;               /**< offset here behind the last copy; = first: there is none */
    int64_t copied;              /**< messages */
    struct ledger_range *ranges; /**< owned; by partition */
    size_t range_count;
    UT_hash_handle hh;
};

struct ledger_subscription {
    char id[ID_HEX_SIZE];
    UT_hash_handle hh;
};

struct ledger {
    struct ledger_topic *topics;
    struct ledger_subscription *subscriptions;
};

/** NULL when there is none. */
struct ledger_topic *ledger_find_topic(const struct ledger *ledger, const char *topic);
/** The entry, made if there is none: with no ranges, `first` and `after` -1. */
struct ledger_topic *ledger_get_topic(struct ledger *ledger, const char *topic);
bool ledger_has_subscription(const struct ledger *ledger, const char *id);
void ledger_add_subscription(struct ledger *ledger, const char *id);
void ledger_fini(struct ledger *ledger);

/** The caller frees the result. */
char *ledger_encode_topic(const struct ledger_topic *topic, size_t *length);
char *ledger_encode_subscription(const char *topic, const char *callback, int64_t offset,
                                 size_t *length);

/** Takes a record of the topic into the ledger. ERROR_INVALID: it is none of this version. */
int ledger_take(struct ledger *ledger, const void *key, size_t key_length, const void *value,
                size_t length, struct error *error);

#endif
