/*
 * State records: the first line is the key, the rest the value (without one: a tombstone). What is
 * decoded is loaded by the consolidator, can be encoded, and is decoded as the same again.
 */
#include <stdlib.h>
#include <string.h>

#include "common/panic.h"
#include "common/state.h"
#include "consolidator/partition.h"
#include "tests/fuzz/fuzz.h"

static char *encode(const struct state_record *record)
{
    size_t length;
    if (record->kind == STATE_TOPIC)
        return state_encode_topic(record->value.topic, &length);
    if (record->kind == STATE_SUBSCRIPTION)
        return state_encode_subscription(record->value.subscription, &length);
    return state_encode_progress(record->value.progress.events, record->value.progress.shards,
                                 &length);
}

static void check_round_trip(const char *key, size_t key_length, struct state_record *record)
{
    struct error error;
    struct state_record again;
    char *once = encode(record);
    ENSURE(state_decode(key, key_length, once, strlen(once), &again, &error) == 0);
    char *twice = encode(&again);
    ENSURE(strcmp(once, twice) == 0);
    state_record_fini(&again);
    free(once);
    free(twice);
}

static void load(const char *key, size_t key_length, struct state_record *record)
{
    struct event due;
    const struct fold_times times = {7LL * 24 * 3600 * 1000, 24LL * 3600 * 1000};
    struct partition *partition = partition_new(0, &times, NULL);
    partition_load(partition, key, key_length, record);
    if (partition_take_due(partition, INT64_MAX / 2, &due))
        event_fini(&due);
    partition_free(partition);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error;
    struct state_record record;
    const char *text = (const char *)data;
    const char *newline = size > 0 ? memchr(text, '\n', size) : NULL;
    size_t key_length = newline ? (size_t)(newline - text) : size;
    size_t length = newline ? size - key_length - 1 : 0;
    char *key = key_length > 0 ? xmemdup(text, key_length) : NULL;
    if (state_decode(key, key_length, newline ? newline + 1 : NULL, length, &record, &error) == 0) {
        if (!record.tombstone)
            check_round_trip(key, key_length, &record);
        load(key, key_length, &record);
        state_record_fini(&record);
    } else {
        ENSURE(error.code == ERROR_INVALID);
    }
    free(key);
    return 0;
}
