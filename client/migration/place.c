#include "client/migration/place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/message.h"
#include "common/panic.h"

/** A copy: where it was, and where it is. */
struct copy {
    int32_t partition;
    int64_t origin;
    int64_t offset;
};

struct copies {
    struct copy *items; /* in the order in which they lie here */
    size_t count, capacity;
    int64_t published_here; /* offset of the first message that is no copy; INT64_MAX: none */
};

/** A number in a header; -1: it is not there, or none. */
static int64_t read_number(const rd_kafka_message_t *message, const char *name)
{
    char text[32], *end;
    const char *value;
    size_t length;
    if (!kafka_header(message, name, &value, &length) || length == 0 || length >= sizeof(text))
        return -1;
    memcpy(text, value, length);
    text[length] = '\0';
    errno = 0;
    long long number = strtoll(text, &end, 10);
    return errno == 0 && !*end && number >= 0 ? number : -1;
}

static bool is_copy_of(const rd_kafka_message_t *message, const char *name)
{
    const char *value;
    size_t length;
    return kafka_header(message, MESSAGE_HEADER_ORIGIN, &value, &length) &&
           length == strlen(name) && memcmp(value, name, length) == 0;
}

static void take(struct copies *copies, const struct plan_topic *topic,
                 const rd_kafka_message_t *message)
{
    if (message->key_len != strlen(topic->topic) ||
        memcmp(message->key, topic->topic, message->key_len) != 0)
        return; /* of another topic in the same partition */
    int64_t partition = read_number(message, MESSAGE_HEADER_ORIGIN_PARTITION);
    int64_t origin = read_number(message, MESSAGE_HEADER_ORIGIN_OFFSET);
    if (!is_copy_of(message, topic->source->name) || partition < 0 ||
        partition >= topic->source->partition_count || origin < 0) {
        if (message->offset < copies->published_here)
            copies->published_here = message->offset;
        return;
    }
    if (copies->count == copies->capacity) {
        copies->capacity = copies->capacity * 2 + 1000;
        copies->items = xrealloc(copies->items, copies->capacity * sizeof(*copies->items));
    }
    copies->items[copies->count++] = (struct copy){(int32_t)partition, origin, message->offset};
}

static int read_copies(struct partition_reader *reader, const struct plan_topic *topic,
                       const struct ledger_topic *entry, struct copies *copies, struct error *error)
{
    const rd_kafka_message_t *message;
    if (partition_reader_open(reader, entry->location.kafka_topic, entry->location.partition,
                              entry->first, entry->after, error) != 0)
        return -1;
    while ((message = partition_reader_next(reader, error)))
        take(copies, topic, message);
    return error->code == ERROR_NONE ? 0 : -1;
}

static int compare_copies(const void *a, const void *b)
{
    const struct copy *left = a, *right = b;
    if (left->partition != right->partition)
        return left->partition < right->partition ? -1 : 1;
    return left->origin < right->origin ? -1 : left->origin > right->origin;
}

/** Where the first copy from `origin` on of a partition lies; INT64_MAX: there is none. */
static int64_t find(const struct copies *copies, int32_t partition, int64_t origin)
{
    const struct copy wanted = {.partition = partition, .origin = origin};
    size_t low = 0, high = copies->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_copies(&copies->items[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < copies->count && copies->items[low].partition == partition
               ? copies->items[low].offset
               : INT64_MAX;
}

static int64_t place(const struct copies *copies, const struct plan_topic *topic,
                     const struct ledger_topic *entry, const struct plan_subscription *s)
{
    int64_t offset = copies->published_here < entry->after ? copies->published_here : entry->after;
    for (int32_t i = 0; i < topic->source->partition_count; i++) {
        int64_t found = find(copies, i, s->next[i]);
        offset = found < offset ? found : offset;
    }
    return offset;
}

int place_subscriptions(struct partition_reader *reader, const struct plan_topic *topic,
                        const struct ledger_topic *entry,
                        struct plan_subscription *const *subscriptions, size_t count,
                        struct error *error)
{
    struct copies copies = {.published_here = INT64_MAX};
    int result = read_copies(reader, topic, entry, &copies, error);
    if (result == 0) {
        if (copies.count > 0)
            qsort(copies.items, copies.count, sizeof(*copies.items), compare_copies);
        for (size_t i = 0; i < count; i++)
            if (subscriptions[i]->fate == PLAN_NEW)
                subscriptions[i]->offset = place(&copies, topic, entry, subscriptions[i]);
    }
    free(copies.items);
    return result;
}
