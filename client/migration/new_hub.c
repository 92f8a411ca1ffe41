#include "client/migration/new_hub.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/kafka_admin.h"
#include "common/log.h"
#include "common/panic.h"

enum {
    METADATA_MS = 10000,
    WATERMARK_MS = 10000,
    LOAD_MS = 30000,
    AGAIN_MS = 500,
    PATIENCE_MS = 60000,
};

/* --- what was read --- */

struct new_topic *new_hub_find_topic(const struct new_hub *hub, const char *topic)
{
    struct new_topic *entry;
    HASH_FIND_STR(hub->topics, topic, entry);
    return entry;
}

bool new_hub_has_subscription(const struct new_hub *hub, const char *id)
{
    struct new_subscription *entry;
    HASH_FIND_STR(hub->subscriptions, id, entry);
    return entry != NULL;
}

static void remove_topic(struct new_hub *hub, struct new_topic *entry)
{
    HASH_DEL(hub->topics, entry);
    location_fini(&entry->location);
    free(entry->topic);
    free(entry);
}

static void remove_subscription(struct new_hub *hub, const char *id)
{
    struct new_subscription *entry;
    HASH_FIND_STR(hub->subscriptions, id, entry);
    if (!entry)
        return;
    HASH_DEL(hub->subscriptions, entry);
    free(entry);
}

void new_hub_fini(struct new_hub *hub)
{
    struct new_topic *topic, *next_topic;
    struct new_subscription *subscription, *next;
    HASH_ITER(hh, hub->topics, topic, next_topic)
    {
        remove_topic(hub, topic);
    }
    HASH_ITER(hh, hub->subscriptions, subscription, next)
    {
        HASH_DEL(hub->subscriptions, subscription);
        free(subscription);
    }
    *hub = (struct new_hub){.dedicated = 0};
}

/* --- reading --- */

struct reading {
    struct new_hub *hub;
    int64_t *folded; /* by partition */
};

static void take_topic(struct new_hub *hub, const struct topic_state *state)
{
    struct new_topic *entry = new_hub_find_topic(hub, state->topic);
    if (entry)
        remove_topic(hub, entry);
    entry = xcalloc(1, sizeof(*entry));
    entry->topic = xstrdup(state->topic);
    location_copy(&entry->location, &state->location);
    HASH_ADD_KEYPTR(hh, hub->topics, entry->topic, strlen(entry->topic), entry);
}

static void take_subscription(struct new_hub *hub, const struct subscription_state *state)
{
    remove_subscription(hub, state->id);
    if (state->status == SUBSCRIPTION_REQUESTED)
        return;
    struct new_subscription *entry = xcalloc(1, sizeof(*entry));
    memcpy(entry->id, state->id, sizeof(entry->id));
    HASH_ADD_STR(hub->subscriptions, id, entry);
}

static void take_tombstone(struct new_hub *hub, enum state_kind kind, const char *key,
                           size_t key_length)
{
    const char *colon = memchr(key, ':', key_length);
    if (kind == STATE_PROGRESS || !colon)
        return;
    char *name = xstrndup(colon + 1, key_length - (size_t)(colon + 1 - key));
    if (kind == STATE_SUBSCRIPTION)
        remove_subscription(hub, name);
    else if (new_hub_find_topic(hub, name))
        remove_topic(hub, new_hub_find_topic(hub, name));
    free(name);
}

static void on_record(void *context, int32_t partition, const char *key, size_t key_length,
                      struct state_record *record)
{
    struct reading *reading = context;
    if (record->tombstone)
        take_tombstone(reading->hub, record->kind, key, key_length);
    else if (record->kind == STATE_PROGRESS)
        reading->folded[partition] = record->value.progress.events;
    else if (record->kind == STATE_TOPIC)
        take_topic(reading->hub, record->value.topic);
    else
        take_subscription(reading->hub, record->value.subscription);
}

static void count_dedicated(struct new_hub *hub, const struct kafka_names *names)
{
    struct new_topic *topic, *next;
    hub->dedicated = 0;
    HASH_ITER(hh, hub->topics, topic, next)
    {
        hub->dedicated += strcmp(topic->location.kafka_topic, names->pool) != 0;
    }
}

/** Where the events end now, undecided transactions included. */
static int find_ends(const struct config *config, const struct kafka_names *names, int32_t count,
                     int64_t *ends, struct error *error)
{
    const struct kafka_property properties[] = {{"isolation.level", "read_uncommitted"},
                                                {NULL, NULL}};
    rd_kafka_t *rk = kafka_client_new(config, RD_KAFKA_CONSUMER, properties, NULL, NULL, error);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!rk)
        return -1;
    for (int32_t i = 0; i < count && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        int64_t low;
        code = rd_kafka_query_watermark_offsets(rk, names->events, i, &low, &ends[i], WATERMARK_MS);
        if (ends[i] <= low)
            ends[i] = 0; /* nothing is there that could be folded */
    }
    kafka_client_free(rk);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : kafka_error(error, code, names->events);
}

/** How much is missing, in events. */
static int64_t count_missing(const int64_t *folded, const int64_t *ends, int32_t count)
{
    int64_t missing = 0;
    for (int32_t i = 0; i < count; i++)
        missing += ends[i] > folded[i] ? ends[i] - folded[i] : 0;
    return missing;
}

/** Loads again and again until nothing up to `ends` is missing. */
static int load(struct state_loader *loader, int32_t count, const int64_t *ends,
                struct reading *reading, struct error *error)
{
    int32_t *numbers = xcalloc((size_t)count, sizeof(*numbers));
    int64_t deadline = clock_monotonic_ms() + PATIENCE_MS, least = INT64_MAX, missing = 0;
    int result = 0;
    for (int32_t i = 0; i < count; i++)
        numbers[i] = i;
    do {
        if (missing > 0)
            clock_sleep_ms(AGAIN_MS);
        new_hub_fini(reading->hub);
        result =
            state_loader_load(loader, numbers, (size_t)count, LOAD_MS, on_record, reading, error);
        missing = count_missing(reading->folded, ends, count);
        if (missing < least)
            deadline = clock_monotonic_ms() + PATIENCE_MS;
        least = missing < least ? missing : least;
    } while (result == 0 && missing > 0 && clock_monotonic_ms() < deadline);
    if (result == 0 && missing > 0)
        result = error_set(error, ERROR_TIMEOUT, true,
                           "%lld events have not been folded for a minute: is the consolidator "
                           "running?",
                           (long long)missing);
    free(numbers);
    return result;
}

static int read_partitions(const struct config *config, const struct kafka_names *names,
                           bool complete, int32_t count, struct new_hub *hub, struct error *error)
{
    int64_t *ends = xcalloc((size_t)count, sizeof(*ends));
    struct reading reading = {hub, xcalloc((size_t)count, sizeof(*reading.folded))};
    struct state_loader *loader = state_loader_new(config, names, NULL, error);
    int result = loader ? 0 : -1;
    if (result == 0 && complete)
        result = find_ends(config, names, count, ends, error);
    if (result == 0)
        result = load(loader, count, ends, &reading, error);
    state_loader_free(loader);
    free(reading.folded);
    free(ends);
    return result;
}

static int count_partitions(const struct config *config, const char *topic, struct error *error)
{
    rd_kafka_t *rk = kafka_client_new(config, RD_KAFKA_CONSUMER, NULL, NULL, NULL, error);
    if (!rk)
        return -1;
    int count = kafka_admin_count_partitions(rk, topic, METADATA_MS);
    kafka_client_free(rk);
    if (count < 0)
        error_set(error, ERROR_UNAVAILABLE, true, "Kafka does not tell of the topic %s", topic);
    return count;
}

int new_hub_read(const struct config *config, const struct kafka_names *names, bool complete,
                 struct new_hub *hub, struct error *error)
{
    new_hub_fini(hub);
    int count = count_partitions(config, names->state, error);
    if (count <= 0)
        return count;
    if (read_partitions(config, names, complete, count, hub, error) == 0) {
        count_dedicated(hub, names);
        return 0;
    }
    new_hub_fini(hub);
    return -1;
}

/* --- ledger --- */

int new_hub_read_ledger(struct partition_reader *reader, const struct kafka_names *names,
                        struct ledger *ledger, struct error *error)
{
    int64_t low, end;
    rd_kafka_t *rk = partition_reader_handle(reader);
    int count = kafka_admin_count_partitions(rk, names->migration, METADATA_MS);
    if (count == 0)
        return 0;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (count > 0)
        code = rd_kafka_query_watermark_offsets(rk, names->migration, 0, &low, &end, WATERMARK_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_error(error, code, names->migration);
    if (partition_reader_open(reader, names->migration, 0, low, end, error) != 0)
        return -1;
    const rd_kafka_message_t *message;
    while ((message = partition_reader_next(reader, error))) {
        struct error malformed;
        if (ledger_take(ledger, message->key, message->key_len, message->payload, message->len,
                        &malformed) != 0)
            return error_set(error, ERROR_INVALID, false, "the Kafka topic %s, offset %lld: %s",
                             names->migration, (long long)message->offset, malformed.message);
    }
    return error->code == ERROR_NONE ? 0 : -1;
}
