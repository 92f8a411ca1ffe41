/**
 * All subscriptions, as the hub needs them to answer questions about them: whose one is, where it
 * stands, how its requests are signed, which there are. Filled by the view from the state topic, so
 * it may be a moment behind.
 *
 * Memory: about 300 bytes a subscription, callback and secret included; what many share (topics,
 * owners, reasons) is kept once.
 *
 * Thread-safe. Nothing blocks but on a lock that is held for moments: a listing takes it anew for
 * every few subscriptions, so what changes meanwhile may or may not be in it.
 */
#ifndef WEBSUB_HUB_CATALOG_H
#define WEBSUB_HUB_CATALOG_H

#include <stdbool.h>

#include "common/state.h"

struct catalog;

struct catalog *catalog_new(void);
/** NULL is allowed. */
void catalog_free(struct catalog *catalog);

/** The subscription is now as `state` says. Copies. */
void catalog_set(struct catalog *catalog, const struct subscription_state *state);
/** There is no subscription of this id (any more). */
void catalog_remove(struct catalog *catalog, const char *id);

size_t catalog_count(struct catalog *catalog);
/** Whether the subscription is known to be somebody else's than `name`. */
bool catalog_is_anothers(struct catalog *catalog, const char *id, const char *name);

/** A copy of what is known of a subscription. Fields are as in common/state.h; strings are owned.
 */
struct catalog_subscription {
    char id[ID_HEX_SIZE];
    char *topic;
    char *callback;
    enum subscription_status status;
    struct stored_secret secret; /**< as it is stored: encrypted, if it is */
    int method;
    int64_t max_in_flight;
    int64_t created_at_ms;
    int64_t verified_at_ms;
    int64_t lease_seconds;
    int64_t lease_end_ms;
    char *reason; /**< or NULL */
    char *owner;  /**< or NULL */
    struct location location;
    struct position position;
    struct letters_state letters; /**< `wanted` is left out */
    size_t pending_count;         /**< requests that wait for their verification */
};

/** Copies the subscription to `*out`, to be finished then; false: there is none, `*out` is empty.
 */
bool catalog_get(struct catalog *catalog, const char *id, struct catalog_subscription *out);
/** Wipes the secret. Fine for one that is empty. */
void catalog_subscription_fini(struct catalog_subscription *subscription);

/** Which subscriptions; zero-initialised: all. Strings are borrowed for the call. */
struct catalog_filter {
    const char *topic;         /**< is in the topic, case and all; NULL: any */
    const char *callback_host; /**< is the callback's host, in any case; NULL: any */
    const char *owner;         /**< NULL: anybody's, and nobody's */
    unsigned statuses;         /**< bits 1 << SUBSCRIPTION_…; 0: any */
};

/**
 * Copies up to `limit` subscriptions that pass the filter, in the order of their ids, beginning
 * after the id `after` (which need not exist any more; NULL: from the first), to `out`, each to be
 * finished. @returns how many; fewer than `limit` means that there are no more.
 */
size_t catalog_list(struct catalog *catalog, const struct catalog_filter *filter, const char *after,
                    size_t limit, struct catalog_subscription *out);

#endif
