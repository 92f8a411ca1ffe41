#include "client/migration/old_hub.h"

#include <stdlib.h>
#include <string.h>

#include "client/migration/mosip_name.h"
#include "client/migration/old_groups.h"
#include "common/kafka_admin.h"
#include "common/kafka_name.h"
#include "common/panic.h"

enum { METADATA_MS = 10000, WATERMARK_MS = 10000 };

struct old_topic *old_hub_find(const struct old_hub *hub, const char *websub_topic)
{
    char *name = mosip_name(websub_topic);
    struct old_topic *topic;
    HASH_FIND_STR(hub->by_name, name, topic);
    free(name);
    return topic;
}

/* --- lists --- */

/**
 * The last record of a list's topic. The hub makes these topics with one partition, and neither
 * keys nor compacts them (its kafka-admin-client).
 */
static const rd_kafka_message_t *find_last(struct partition_reader *reader, const char *topic,
                                           struct error *error)
{
    int64_t low, end;
    rd_kafka_t *rk = partition_reader_handle(reader);
    int partitions = kafka_admin_count_partitions(rk, topic, METADATA_MS);
    if (partitions != 1) {
        error_set(error, partitions < 0 ? ERROR_UNAVAILABLE : ERROR_NOT_FOUND, partitions < 0,
                  partitions < 0    ? "Kafka does not tell of it"
                  : partitions == 0 ? "it does not exist in this Kafka"
                                    : "it has %d partitions, and so no last record",
                  partitions);
        return NULL;
    }
    rd_kafka_resp_err_t code =
        rd_kafka_query_watermark_offsets(rk, topic, 0, &low, &end, WATERMARK_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        kafka_error(error, code, "its end");
        return NULL;
    }
    if (low >= end) {
        error_set(error, ERROR_NOT_FOUND, false, "it is empty");
        return NULL;
    }
    if (partition_reader_open(reader, topic, 0, end - 1, end, error) != 0)
        return NULL;
    const rd_kafka_message_t *message = partition_reader_next(reader, error);
    if (!message && error->code == ERROR_NONE)
        error_set(error, ERROR_INVALID, false, "its last record is none");
    return message;
}

static int read_lists(struct partition_reader *reader, struct old_hub *hub, struct error *error)
{
    const rd_kafka_message_t *last = find_last(reader, OLD_HUB_TOPICS, error);
    if (!last || mosip_list_parse_topics(last->payload, last->len, &hub->topics, error) != 0)
        return error_prefix(error, "the Kafka topic %s", OLD_HUB_TOPICS);
    last = find_last(reader, OLD_HUB_SUBSCRIPTIONS, error);
    if (!last ||
        mosip_list_parse_subscriptions(last->payload, last->len, &hub->subscriptions, error) != 0)
        return error_prefix(error, "the Kafka topic %s", OLD_HUB_SUBSCRIPTIONS);
    return 0;
}

/* --- message topics --- */

static int measure(rd_kafka_t *rk, struct old_topic *topic, struct error *error)
{
    /* Kafka takes no longer name, so there cannot have been any message. */
    int count = kafka_name_valid(topic->name)
                    ? kafka_admin_count_partitions(rk, topic->name, METADATA_MS)
                    : 0;
    if (count < 0)
        return error_set(error, ERROR_UNAVAILABLE, true, "Kafka does not tell of the topic %s",
                         topic->name);
    topic->partition_count = count;
    topic->low = xcalloc((size_t)count + 1, sizeof(*topic->low));
    topic->end = xcalloc((size_t)count + 1, sizeof(*topic->end));
    for (int32_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
            rk, topic->name, i, &topic->low[i], &topic->end[i], WATERMARK_MS);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            return kafka_error(error, code, topic->name);
    }
    return 0;
}

static int read_topics(rd_kafka_t *rk, struct old_hub *hub, struct error *error)
{
    for (size_t i = 0; i < hub->subscriptions.count; i++) {
        const char *websub_topic = hub->subscriptions.items[i].topic;
        if (old_hub_find(hub, websub_topic))
            continue;
        struct old_topic *topic = xcalloc(1, sizeof(*topic));
        topic->name = mosip_name(websub_topic);
        HASH_ADD_KEYPTR(hh, hub->by_name, topic->name, strlen(topic->name), topic);
        if (measure(rk, topic, error) != 0)
            return -1;
    }
    return 0;
}

static void make_room_for_offsets(struct old_hub *hub)
{
    hub->committed = xcalloc(hub->subscriptions.count + 1, sizeof(*hub->committed));
    for (size_t i = 0; i < hub->subscriptions.count; i++) {
        int32_t count = old_hub_find(hub, hub->subscriptions.items[i].topic)->partition_count;
        if (count == 0)
            continue;
        hub->committed[i] = xcalloc((size_t)count, sizeof(**hub->committed));
        for (int32_t partition = 0; partition < count; partition++)
            hub->committed[i][partition] = -1;
    }
}

int old_hub_read(struct partition_reader *reader, struct old_hub *hub, struct error *error)
{
    rd_kafka_t *rk = partition_reader_handle(reader);
    *hub = (struct old_hub){.connected = 0};
    if (read_lists(reader, hub, error) != 0)
        return -1;
    /* The ends come after the lists: whoever subscribed since then is not in them, but what was
     * published until now is. */
    if (read_topics(rk, hub, error) != 0)
        return -1;
    make_room_for_offsets(hub);
    if (old_groups_read_offsets(rk, hub, error) != 0)
        return -1;
    return old_groups_count_connected(rk, hub, error);
}

void old_hub_fini(struct old_hub *hub)
{
    struct old_topic *topic, *next;
    for (size_t i = 0; hub->committed && i < hub->subscriptions.count; i++)
        free(hub->committed[i]);
    free(hub->committed);
    HASH_ITER(hh, hub->by_name, topic, next)
    {
        HASH_DEL(hub->by_name, topic);
        free(topic->name);
        free(topic->low);
        free(topic->end);
        free(topic);
    }
    mosip_topics_fini(&hub->topics);
    mosip_subscriptions_fini(&hub->subscriptions);
}
