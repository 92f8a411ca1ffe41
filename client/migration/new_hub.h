/** What this suite has already: topics, subscriptions, and the ledger. Only reads. Blocking. */
#ifndef WEBSUB_CLIENT_MIGRATION_NEW_HUB_H
#define WEBSUB_CLIENT_MIGRATION_NEW_HUB_H

#include <uthash.h>

#include "client/migration/ledger.h"
#include "client/migration/partition_reader.h"
#include "common/location.h"
#include "common/state_loader.h"

struct new_topic {
    char *topic;
    struct location location;
    UT_hash_handle hh;
};

/** One that is verified, or was and is not forgotten: not one that only was asked for. */
struct new_subscription {
    char id[ID_HEX_SIZE];
    UT_hash_handle hh;
};

struct new_hub {
    struct new_topic *topics;
    struct new_subscription *subscriptions;
    int64_t dedicated; /**< topics that have a Kafka topic of their own */
};

struct new_topic *new_hub_find_topic(const struct new_hub *hub, const char *topic);
bool new_hub_has_subscription(const struct new_hub *hub, const char *id);
void new_hub_fini(struct new_hub *hub);

/**
 * Reads the state. `complete`: again and again until everything that was written to the events when
 * it was called has been folded; ERROR_TIMEOUT when that makes no progress for a minute: the
 * consolidator is not running. Without, and if there is no state topic yet, whatever there is.
 * `*hub` is replaced, and holds nothing on failure.
 */
int new_hub_read(const struct config *config, const struct kafka_names *names, bool complete,
                 struct new_hub *hub, struct error *error);

/** Reads the ledger into `*ledger`, which holds nothing; if there is none yet, nothing. */
int new_hub_read_ledger(struct partition_reader *reader, const struct kafka_names *names,
                        struct ledger *ledger, struct error *error);

#endif
