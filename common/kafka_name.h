/** Names of Kafka topics and groups. */
#ifndef WEBSUB_COMMON_KAFKA_NAME_H
#define WEBSUB_COMMON_KAFKA_NAME_H

#include <stdbool.h>

#define KAFKA_NAME_MAX 249 /**< bytes of a Kafka topic name, without NUL */

/**
 * The dedicated Kafka topic of a WebSub topic: `<prefix><readable>-<16 hex digits of its id>`. The
 * readable part has every byte outside of [A-Za-z0-9] replaced by '-' (runs as one, none at the
 * ends) and is cut so that the whole fits; when nothing is left of it, its '-' goes too. The hash
 * keeps `a/b` and `a_b` apart. '.' and '_' are not used: Kafka's metric names confuse them. The
 * prefix is at most KAFKA_NAME_MAX - 17 bytes (the configuration allows 100).
 */
void kafka_name_messages(const char *prefix, const char *topic, char out[KAFKA_NAME_MAX + 1]);

/** Whether Kafka accepts `name` for a topic. */
bool kafka_name_valid(const char *name);

#endif
