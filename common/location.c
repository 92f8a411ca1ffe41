#include "common/location.h"

#include <stdlib.h>
#include <string.h>

#include "common/panic.h"

void location_copy(struct location *to, const struct location *from)
{
    to->kafka_topic = xstrdup_or_null(from->kafka_topic);
    to->partition = from->partition;
}

bool location_equal(const struct location *a, const struct location *b)
{
    if (!a->kafka_topic || !b->kafka_topic)
        return a->kafka_topic == b->kafka_topic;
    return a->partition == b->partition && strcmp(a->kafka_topic, b->kafka_topic) == 0;
}

void location_fini(struct location *location)
{
    free(location->kafka_topic);
    location->kafka_topic = NULL;
}
