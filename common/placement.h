/** Where the messages of a topic that is new are to lie: messages.layout. Pure. */
#ifndef WEBSUB_COMMON_PLACEMENT_H
#define WEBSUB_COMMON_PLACEMENT_H

#include "common/config.h"
#include "common/kafka.h"
#include "common/location.h"

/**
 * Chooses a place, which location_fini frees. `dedicated`: how many topics have a Kafka topic of
 * their own. @returns whether it is a Kafka topic of its own, which is still to be made.
 */
bool placement_choose(const struct config *config, const struct kafka_names *names,
                      int32_t pool_partitions, int64_t dedicated, const char *topic,
                      struct location *location);

#endif
