#include "common/placement.h"

#include <string.h>

#include "common/id.h"
#include "common/kafka_name.h"
#include "common/panic.h"

bool placement_choose(const struct config *config, const struct kafka_names *names,
                      int32_t pool_partitions, int64_t dedicated, const char *topic,
                      struct location *location)
{
    /* Writers decide by what each knows, so a few more may become dedicated: that harms nobody. */
    bool own =
        config->messages.layout == LAYOUT_DEDICATED ||
        (config->messages.layout == LAYOUT_AUTO && dedicated < config->messages.dedicated_limit);
    if (own) {
        char name[KAFKA_NAME_MAX + 1];
        kafka_name_messages(names->messages_prefix, topic, name);
        location->kafka_topic = xstrdup(name);
        location->partition = 0;
    } else {
        location->kafka_topic = xstrdup(names->pool);
        location->partition = id_partition(topic, strlen(topic), pool_partitions);
    }
    return own;
}
