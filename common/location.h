/** Where a WebSub topic's messages lie: always one partition, so that order holds. */
#ifndef WEBSUB_COMMON_LOCATION_H
#define WEBSUB_COMMON_LOCATION_H

#include <stdbool.h>
#include <stdint.h>

struct location {
    char *kafka_topic; /**< owned; NULL: unknown */
    int32_t partition;
};

void location_copy(struct location *to, const struct location *from);
bool location_equal(const struct location *a, const struct location *b);
void location_fini(struct location *location);

#endif
