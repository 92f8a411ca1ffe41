#include "client/migration/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/panic.h"

enum { MAX_PARTITIONS = 100000 };

struct ledger_topic *ledger_find_topic(const struct ledger *ledger, const char *topic)
{
    struct ledger_topic *entry;
    HASH_FIND_STR(ledger->topics, topic, entry);
    return entry;
}

struct ledger_topic *ledger_get_topic(struct ledger *ledger, const char *topic)
{
    struct ledger_topic *entry = ledger_find_topic(ledger, topic);
    if (entry)
        return entry;
    entry = xcalloc(1, sizeof(*entry));
    entry->topic = xstrdup(topic);
    entry->first = entry->after = -1;
    HASH_ADD_KEYPTR(hh, ledger->topics, entry->topic, strlen(entry->topic), entry);
    return entry;
}

bool ledger_has_subscription(const struct ledger *ledger, const char *id)
{
    struct ledger_subscription *entry;
    HASH_FIND_STR(ledger->subscriptions, id, entry);
    return entry != NULL;
}

void ledger_add_subscription(struct ledger *ledger, const char *id)
{
    if (ledger_has_subscription(ledger, id))
        return;
    struct ledger_subscription *entry = xcalloc(1, sizeof(*entry));
    strncpy(entry->id, id, sizeof(entry->id) - 1);
    HASH_ADD_STR(ledger->subscriptions, id, entry);
}

void ledger_fini(struct ledger *ledger)
{
    struct ledger_topic *topic, *next_topic;
    struct ledger_subscription *subscription, *next;
    HASH_ITER(hh, ledger->topics, topic, next_topic)
    {
        HASH_DEL(ledger->topics, topic);
        free(topic->topic);
        location_fini(&topic->location);
        free(topic->ranges);
        free(topic);
    }
    HASH_ITER(hh, ledger->subscriptions, subscription, next)
    {
        HASH_DEL(ledger->subscriptions, subscription);
        free(subscription);
    }
}

char *ledger_encode_topic(const struct ledger_topic *topic, size_t *length)
{
    json_t *object = json_object(), *ranges = json_array();
    json_put_integer(object, "v", 1);
    json_put_string(object, "topic", topic->topic);
    if (topic->location.kafka_topic) {
        json_put_string(object, "kafka_topic", topic->location.kafka_topic);
        json_put_integer(object, "partition", topic->location.partition);
    }
    json_put_integer(object, "first", topic->first);
    json_put_integer(object, "after", topic->after);
    json_put_integer(object, "copied", topic->copied);
    for (size_t i = 0; i < topic->range_count; i++) {
        json_t *range = json_object();
        json_put_integer(range, "from", topic->ranges[i].from);
        json_put_integer(range, "next", topic->ranges[i].next);
        json_array_append_new(ranges, range);
    }
    json_object_set_new(object, "partitions", ranges);
    return json_finish(object, length);
}

char *ledger_encode_subscription(const char *topic, const char *callback, int64_t offset,
                                 size_t *length)
{
    json_t *object = json_object();
    json_put_integer(object, "v", 1);
    json_put_string(object, "topic", topic);
    json_put_string(object, "callback", callback);
    json_put_integer(object, "offset", offset);
    return json_finish(object, length);
}

/** Fills what is decoded into `entry`, which then owns new ranges. */
static void decode_topic(const json_t *object, struct ledger_topic *entry, struct error *problem)
{
    const json_t *ranges = json_object_get(object, "partitions"), *range;
    size_t i, count = json_array_size(ranges);
    int64_t partition = json_take_bounded(object, "partition", INT32_MAX, problem);
    entry->location.kafka_topic = json_take_string(object, "kafka_topic", problem);
    entry->location.partition = (int32_t)partition;
    entry->first = json_take_integer(object, "first", -1, problem);
    entry->after = json_take_integer(object, "after", -1, problem);
    entry->copied = json_take_integer(object, "copied", 0, problem);
    if (!json_is_array(ranges) || count > MAX_PARTITIONS || entry->first > entry->after ||
        entry->copied < 0 || (entry->first >= 0 && !entry->location.kafka_topic))
        error_set(problem, ERROR_INVALID, false, "its partitions or offsets make no sense");
    entry->ranges = xcalloc(count + 1, sizeof(*entry->ranges));
    entry->range_count = count;
    json_array_foreach(ranges, i, range)
    {
        entry->ranges[i].from = json_take_integer(range, "from", -1, problem);
        entry->ranges[i].next = json_take_integer(range, "next", -1, problem);
        if (entry->ranges[i].from < 0 || entry->ranges[i].next < entry->ranges[i].from)
            error_set(problem, ERROR_INVALID, false, "a range makes no sense");
    }
}

static int take_topic(struct ledger *ledger, const char *topic, const json_t *object,
                      struct error *error)
{
    struct ledger_topic decoded;
    struct error problem = {0};
    decode_topic(object, &decoded, &problem);
    if (problem.code != ERROR_NONE) {
        free(decoded.ranges);
        location_fini(&decoded.location);
        *error = problem;
        return -1;
    }
    struct ledger_topic *entry = ledger_get_topic(ledger, topic);
    free(entry->ranges);
    location_fini(&entry->location);
    entry->location = decoded.location;
    entry->first = decoded.first;
    entry->after = decoded.after;
    entry->copied = decoded.copied;
    entry->ranges = decoded.ranges;
    entry->range_count = decoded.range_count;
    return 0;
}

int ledger_take(struct ledger *ledger, const void *key, size_t key_length, const void *value,
                size_t length, struct error *error)
{
    static const char topic_prefix[] = "topic:", subscription_prefix[] = "subscription:";
    if (!key || !value)
        return error_set(error, ERROR_INVALID, false, "no key, or no value");
    json_t *object = json_parse_record(value, length, error);
    if (!object)
        return -1;
    char *name = xstrndup(key, key_length);
    int result = 0;
    if (strncmp(name, topic_prefix, strlen(topic_prefix)) == 0)
        result = take_topic(ledger, name + strlen(topic_prefix), object, error);
    else if (strncmp(name, subscription_prefix, strlen(subscription_prefix)) == 0 &&
             strlen(name) == strlen(subscription_prefix) + ID_HEX_SIZE - 1)
        ledger_add_subscription(ledger, name + strlen(subscription_prefix));
    else
        result = error_set(error, ERROR_INVALID, false, "unknown kind of key");
    free(name);
    json_decref(object);
    return result;
}
