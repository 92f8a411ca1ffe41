/**
 * The consolidating thread: consumes events, folds them, and writes the state that changed, exactly
 * once.
 *
 * Invariants, and what they survive:
 *  - One Kafka transaction holds the state records, the events that follow from them (topic.ended),
 * the notices, the progress records, and the offsets of the events they come from. A crash anywhere
 * leaves all or nothing.
 *  - A partition is folded by its owner in the consumer group only: offsets are sent with the
 * group's generation, so the transaction of one who lost the partition (a zombie) is refused.
 *  - Memory is what Kafka has: on taking a partition over, first the committed offset is fetched
 * (Kafka withholds it while a transaction is undecided), then state is read to its very end. Memory
 * is changed while folding; when a transaction fails, memory of the partitions concerned is thrown
 * away and read again, never repaired.
 *  - Time acts only through events: when a lease ends, `expired` is written to the events topic and
 * takes effect when it is folded; so a renewal and an expiry have one order, and a zombie's clock
 * harms nobody.
 */
#ifndef WEBSUB_CONSOLIDATOR_ENGINE_H
#define WEBSUB_CONSOLIDATOR_ENGINE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "common/kafka_admin.h"
#include "common/keyring.h"
#include "common/metrics.h"
#include "consolidator/secrets.h"

struct engine;

struct engine_metrics {
    struct counter *folded;
    struct counter *ignored;
    struct counter *malformed;
    struct counter *malformed_state;
    struct counter *transactions;
    struct counter *aborted;
    struct counter *notices;
    struct gauge *partitions;
    struct gauge *subscriptions;
    struct gauge *topics;
    struct secrets_gauges *secrets;
};

/** Makes handles and joins the group. All arguments are borrowed. */
struct engine *engine_new(const struct config *config, const struct kafka_names *names,
                          const struct kafka_layout *layout, const struct keyring *keyring,
                          const struct engine_metrics *metrics, struct error *error);

/**
 * Works until `*stop` (0), or until something fails that new handles may mend (-1, `*error`): free
 * the engine and make a new one. `*joined` tells whether the group has given partitions, or none to
 * give.
 */
int engine_run(struct engine *engine, const atomic_bool *stop, atomic_bool *joined,
               struct error *error);

/** Leaves the group and frees. */
void engine_free(struct engine *engine);

#endif
