/**
 * MOSIP's hub as it lies in Kafka: its lists, its message topics, and where each subscription's
 * consumer group stands. Only reads. Blocking.
 *
 * What the committed offsets mean (its hub/start_hub.bal, pollForNewUpdates, notifySubscribers): a
 * consumer polls up to KAFKA_CONSUMER_MAX_POLL_RECORDS messages and commits after each that was
 * delivered, with commitSync() of everything polled. So while a batch is being delivered its end is
 * committed already, and between batches, or when the subscriber has everything, exactly what is
 * left. That is why a hub that is to be read has to be quiet (docs/migrating-from-mosip.md).
 */
#ifndef WEBSUB_CLIENT_MIGRATION_OLD_HUB_H
#define WEBSUB_CLIENT_MIGRATION_OLD_HUB_H

#include <uthash.h>

#include "client/migration/mosip_list.h"
#include "client/migration/partition_reader.h"

#define OLD_HUB_TOPICS        "consolidated-websub-topics"
#define OLD_HUB_SUBSCRIPTIONS "consolidated-websub-subscribers"

/** A Kafka topic with messages: WebSub topics of one name (mosip_name.h) share it. */
struct old_topic {
    char *name;
    int32_t partition_count; /**< 0: it does not exist, nothing was ever published */
    int64_t *low, *end;      /**< by partition: offsets of what is there now */
    UT_hash_handle hh;
};

struct old_hub {
    struct string_list topics; /**< as registered */
    struct mosip_subscriptions subscriptions;
    struct old_topic *by_name; /**< of all subscriptions */
    int64_t **committed; /**< of each subscription, by partition; -1: none. NULL: no partitions */
    size_t connected;    /**< subscriptions whose group has members: the hub is running */
};

/** `*hub` is to be freed with old_hub_fini in either case. */
int old_hub_read(struct partition_reader *reader, struct old_hub *hub, struct error *error);
void old_hub_fini(struct old_hub *hub);

/** The topic that a subscription, or a topic of this WebSub name, has its messages in; or NULL. */
struct old_topic *old_hub_find(const struct old_hub *hub, const char *websub_topic);

#endif
