/**
 * The subscriber's HTTP server: answers the hub's verifications for what was asked for and nothing
 * else, judges deliveries, prints both.
 *
 * A delivery is confirmed (200) after it has been printed. One that is not authentic is refused
 * (403); one that comes after the last wanted one is put off (503), so that the hub keeps it.
 */
#ifndef WEBSUB_CLIENT_SUBSCRIBER_H
#define WEBSUB_CLIENT_SUBSCRIBER_H

#include <stdbool.h>
#include <stdint.h>

#include "client/delivery.h"
#include "client/endpoint.h"
#include "client/websub.h"
#include "common/error.h"

struct subscriber;

struct subscriber_options {
    const struct endpoint *endpoint;
    const char *topic;
    struct delivery_expectation expectation;
    int64_t count; /**< good deliveries wanted; 0: no end */
    bool json;     /**< deliveries as JSON on stdout, and all else on stderr */
};

/** What has happened so far. */
struct subscriber_progress {
    unsigned verified;      /**< how often a subscription or renewal was confirmed */
    int64_t verified_at_ms; /**< the last time, on the monotonic clock */
    int64_t lease_seconds;  /**< of the last one; 0: the hub did not say */
    bool unsubscribed;      /**< the end was confirmed */
    bool denied;            /**< the hub says that there is no subscription */
    int64_t good;
    int64_t bad;
};

/** Listens. What `options` points to must stay. @returns NULL on failure. */
struct subscriber *subscriber_new(const struct subscriber_options *options, struct error *error);

/**
 * From now on only this intent is confirmed; WEBSUB_INTENT_DENIED: none. To be called before the
 * hub is asked, as it may verify before its answer has arrived.
 */
void subscriber_want(struct subscriber *subscriber, enum websub_intent intent);
/** From now on deliveries are put off. */
void subscriber_close(struct subscriber *subscriber);
struct subscriber_progress subscriber_progress(struct subscriber *subscriber);

/** Lets answers that are under way go out, at most for a second, and stops. NULL is allowed. */
void subscriber_free(struct subscriber *subscriber);

#endif
