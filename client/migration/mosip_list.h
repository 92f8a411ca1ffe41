/**
 * The lists that MOSIP's consolidator writes: the last record of each of its two topics holds the
 * whole list, a JSON array (its consolidator/modules/persistence). Foreign bytes; pure.
 *
 *   topics         [{"topic": "partner/EVENT", "hubMode": "register"}, …]
 *   subscriptions  [{"hubTopic", "hubCallback", "hubSecret": string or null, "hubLeaseSeconds":
 *                    string or null, "consumerGroup": since release 1.2.0.1, …}, …]
 *
 * The record types are those of Ballerina's websubhub (TopicRegistration, VerifiedSubscription).
 */
#ifndef WEBSUB_CLIENT_MIGRATION_MOSIP_LIST_H
#define WEBSUB_CLIENT_MIGRATION_MOSIP_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/error.h"

/** Strings are owned, and not checked beyond being UTF-8. */
struct mosip_subscription {
    char *topic;
    char *callback;
    char *secret;          /**< as stored, "cipher{…}" or plain; NULL: none */
    char *group;           /**< its consumer group; never NULL */
    int64_t lease_seconds; /**< what was asked for; 0: nothing that is a positive number */
};

struct mosip_subscriptions {
    struct mosip_subscription *items;
    size_t count;
};

/**
 * Decode a list. ERROR_INVALID when it is none, or an entry lacks its topic or callback: the hub
 * itself could not read it then. `*topics` or `*list` must hold nothing, and hold nothing then.
 */
int mosip_list_parse_topics(const void *bytes, size_t length, struct string_list *topics,
                            struct error *error);
int mosip_list_parse_subscriptions(const void *bytes, size_t length,
                                   struct mosip_subscriptions *list, struct error *error);

void mosip_topics_fini(struct string_list *topics);
/** Wipes the secrets. */
void mosip_subscriptions_fini(struct mosip_subscriptions *list);

#endif
