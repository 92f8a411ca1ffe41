/**
 * Copies the messages of one topic from the old hub's Kafka to where they lie here. Blocking.
 *
 * Invariants:
 *  - Each transaction holds some messages and, in the ledger, up to where that is: whatever
 * happens, no message is copied twice, and none is left out.
 *  - Order: that of the old partition. If there are several, by their times; the old hub had no
 *    order among partitions either.
 *  - The value is kept byte for byte; the old hub stores and sends JSON only, as application/json
 *    (its hub/start_hub.bal, deSerializeKafkaRecord). The message id follows from where it was.
 */
#ifndef WEBSUB_CLIENT_MIGRATION_COPY_H
#define WEBSUB_CLIENT_MIGRATION_COPY_H

#include "client/migration/ledger.h"
#include "client/migration/plan.h"
#include "client/migration/writer.h"

struct copier;

/** `old`: configuration of the old hub's Kafka. Both must outlive the copier. */
struct copier *copier_new(const struct config *old, struct writer *writer);
void copier_free(struct copier *copier);

/**
 * Copies what `topic->ranges` say, and brings its entry of the ledger up to date as it goes. Small
 * topics share a transaction: the last one ends with copier_finish.
 */
int copier_copy(struct copier *copier, const struct plan_topic *topic, struct ledger_topic *entry,
                struct error *error);
int copier_finish(struct copier *copier, struct error *error);

#endif
