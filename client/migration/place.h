/**
 * Where subscriptions continue here: read back from what was copied. Blocking.
 *
 * A subscription's place is the first message, from where copies begin, that it has not confirmed:
 * one of the old hub from its position on, or one that was published here meanwhile. If there is
 * none, it is behind the last copy. So nothing that it has not confirmed is left out; what it has
 * confirmed comes again only if messages were published here, or the old topic has several
 * partitions.
 */
#ifndef WEBSUB_CLIENT_MIGRATION_PLACE_H
#define WEBSUB_CLIENT_MIGRATION_PLACE_H

#include "client/migration/ledger.h"
#include "client/migration/plan.h"

/** Sets `offset` of the new subscriptions among `subscriptions`, which are all of this topic. */
int place_subscriptions(struct partition_reader *reader, const struct plan_topic *topic,
                        const struct ledger_topic *entry,
                        struct plan_subscription *const *subscriptions, size_t count,
                        struct error *error);

#endif
