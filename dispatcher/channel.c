#include "dispatcher/channel.h"

#include <stdlib.h>
#include <string.h>

#include "common/panic.h"

struct message_partition *channels_get_partition(struct channels *channels, const char *kafka_topic,
                                                 int32_t partition)
{
    struct message_partition *found;
    char *key = xasprintf("%d:%s", (int)partition, kafka_topic);
    HASH_FIND_STR(channels->partitions, key, found);
    if (!found) {
        found = xcalloc(1, sizeof(*found) + strlen(key) + 1);
        strcpy(found->key, key);
        found->kafka_topic = strchr(found->key, ':') + 1;
        found->partition = partition;
        found->index = HASH_COUNT(channels->partitions);
        HASH_ADD_STR(channels->partitions, key, found);
    }
    free(key);
    return found;
}

struct channel *channels_get(struct channels *channels, const struct location *location,
                             const char *topic)
{
    struct message_partition *partition =
        channels_get_partition(channels, location->kafka_topic, location->partition);
    struct channel *found;
    char *key = xasprintf("%u:%s", partition->index, topic);
    HASH_FIND_STR(channels->channels, key, found);
    if (!found) {
        found = xcalloc(1, sizeof(*found) + strlen(key) + 1);
        strcpy(found->key, key);
        found->topic = strchr(found->key, ':') + 1;
        found->partition = partition;
        atomic_fetch_add(&partition->channels, 1);
        HASH_ADD_STR(channels->channels, key, found);
    }
    free(key);
    return found;
}

void channels_fini(struct channels *channels)
{
    struct message_partition *partition, *next_partition;
    struct channel *channel, *next_channel;
    HASH_ITER(hh, channels->channels, channel, next_channel)
    {
        HASH_DEL(channels->channels, channel);
        free(channel);
    }
    HASH_ITER(hh, channels->partitions, partition, next_partition)
    {
        HASH_DEL(channels->partitions, partition);
        free(partition);
    }
}
