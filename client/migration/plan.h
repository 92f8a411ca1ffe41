/**
 * What a migration is to do: the old hub's lists, compared with what is here and with the ledger.
 * Pure: no I/O, and the same again for the same.
 *
 * Invariants:
 *  - Of a subscription that is here, or was handed over before, nothing is touched.
 *  - A topic that was registered before and is not here any more was ended here: it stays so, and
 *    so do its subscriptions.
 *  - Messages are copied from where the first subscription that is handed over needs them, each at
 *    most once. Those that the old hub got after an earlier migration are copied as well, as long
 * as somebody here is to have them.
 */
#ifndef WEBSUB_CLIENT_MIGRATION_PLAN_H
#define WEBSUB_CLIENT_MIGRATION_PLAN_H

#include "client/migration/new_hub.h"
#include "client/migration/old_hub.h"
#include "common/keyring.h"

enum plan_fate {
    PLAN_NEW,      /**< to be registered, or handed over */
    PLAN_MOVED,    /**< an earlier migration did it */
    PLAN_HERE,     /**< is here, whoever brought it */
    PLAN_LEFT_OUT, /**< `reason` says why */
    PLAN_FATE_COUNT,
};

struct plan_topic {
    char *topic; /**< normalised, as the hub does */
    enum plan_fate fate;
    const char *reason;             /**< static; NULL: none */
    bool listed;                    /**< in the old hub's list, not only named by a subscription */
    const struct old_topic *source; /**< NULL: no subscription, and so nothing to copy */
    struct ledger_range *ranges;    /**< by old partition: what is to be copied now */
    int64_t to_copy;                /**< messages, at most */
    size_t subscriptions;           /**< that are to have its messages */
    UT_hash_handle hh;
};

struct plan_subscription {
    const struct mosip_subscription *old;
    char id[ID_HEX_SIZE];
    char *callback; /**< normalised */
    struct plan_topic *topic;
    enum plan_fate fate;
    char *reason; /**< NULL: none */
    char *secret; /**< plain; NULL: none */
    int64_t lease_seconds;
    bool without_position; /**< nothing was committed */
    int64_t expired;       /**< messages that the old hub has no more */
    int64_t waiting;       /**< messages that it has not confirmed */
    int64_t *next;         /**< by old partition: offset of its next message */
    int64_t offset;        /**< here; -1 until it is known */
};

struct plan_options {
    bool from_start;       /**< without a committed offset, it continues with what is retained */
    int64_t lease_seconds; /**< instead of what was asked for; 0: that */
};

struct plan {
    struct plan_topic *topics; /**< by name */
    struct plan_subscription *subscriptions;
    size_t subscription_count;
};

/**
 * Makes the plan. `config`: rules for callbacks, and the bounds of leases. `keyring` decrypts
 * secrets of MOSIP's form. All arguments but the options must stay as long as the plan.
 */
void plan_make(struct plan *plan, const struct plan_options *options, const struct config *config,
               const struct keyring *keyring, const struct old_hub *old, const struct new_hub *here,
               const struct ledger *ledger);
/** Wipes the secrets. */
void plan_fini(struct plan *plan);

#endif
