/**
 * All subscriptions, as the hub needs them to answer questions about them: whose one is, where it
 * stands, how its requests are signed, how its deliveries go, which there are. Filled by the view
 * from the state topic, and by the status reader from the dispatchers' reports, so it may be a
 * moment behind.
 *
 * Memory: about 300 bytes a subscription, callback and secret included, and 100 more once something
 * was reported of it; what many share (topics, owners, reasons) is kept once.
 *
 * Thread-safe. Nothing blocks but on a lock that is held for moments: a listing takes it anew for
 * every few subscriptions, so what changes meanwhile may or may not be in it.
 */
#ifndef WEBSUB_HUB_CATALOG_H
#define WEBSUB_HUB_CATALOG_H

#include <stdbool.h>

#include "common/delivery_report.h"
#include "common/state.h"
#include "hub/lag_figure.h"

struct catalog;

struct catalog *catalog_new(void);
/** NULL is allowed. */
void catalog_free(struct catalog *catalog);

/** The subscription of this shard is now as `state` says. Copies. What was reported of it stays. */
void catalog_set(struct catalog *catalog, int32_t shard, const struct subscription_state *state);
/** There is no subscription of this id (any more). */
void catalog_remove(struct catalog *catalog, const char *id);
/** What a dispatcher says of a subscription. Copies. Of one that is not known it is kept until that
 * comes, for some minutes, and for some thousands at most. */
void catalog_report(struct catalog *catalog, const struct subscription_report *report);

size_t catalog_count(struct catalog *catalog);
/** How many there are of each enum subscription_status. */
void catalog_count_statuses(struct catalog *catalog, size_t counts[SUBSCRIPTION_STATUS_COUNT]);
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
    struct lag_figure lag;        /**< see catalog_measure_with */
    /* as reported; 0 or NULL: not known, or none */
    int64_t last_success_ms;
    int64_t last_failure_ms;
    int64_t next_attempt_ms;
    char *failure; /**< reason of the last failure */
    unsigned failure_status;
    unsigned failures;
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
    int64_t min_lag_messages;  /**< at least so far behind, and known to be; 0: any */
    int64_t min_lag_ms;
};

/**
 * Copies up to `limit` subscriptions that pass the filter, in the order of their ids, beginning
 * after the id `after` (which need not exist any more; NULL: from the first), to `out`, each to be
 * finished. @returns how many; fewer than `limit` means that there are no more.
 */
size_t catalog_list(struct catalog *catalog, const struct catalog_filter *filter, const char *after,
                    size_t limit, struct catalog_subscription *out);

/* --- how far behind they are --- */

/** What tells how far behind a subscription is. Borrowed. */
struct catalog_sight {
    const char *id; /**< ID_HEX_SIZE - 1 characters, not terminated */
    enum subscription_status status;
    bool verified; /**< else the rest means nothing */
    int32_t shard;
    const char *kafka_topic; /**< or NULL */
    int32_t partition;
    struct position position;
    struct lag_report report;
};

/**
 * `measure` tells from now on how far behind a subscription is (NULL: that is not known); it is
 * called on any thread, with a lock of the catalog held, so that the state in the sight is the
 * latest that the catalog got. It must be quick, and not use the catalog.
 */
typedef void (*catalog_measure_fn)(void *context, const struct catalog_sight *sight,
                                   struct lag_figure *figure);
void catalog_measure_with(struct catalog *catalog, catalog_measure_fn measure, void *context);

/** Shows all subscriptions to `look`, under the conditions of `measure`. */
typedef void (*catalog_look_fn)(void *context, const struct catalog_sight *sight);
void catalog_look(struct catalog *catalog, catalog_look_fn look, void *context);

#endif
