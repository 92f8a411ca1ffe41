#include "client/migration/copy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/message.h"
#include "common/panic.h"

/* Of one transaction. */
enum { MAX_MESSAGES = 1000, MAX_BYTES = 16 << 20 };

/** One old partition while it is copied: a reader of its own, since they are merged. */
struct source {
    struct partition_reader *reader;
    const rd_kafka_message_t *head; /* NULL: all were read */
    int64_t end;
};

struct copier {
    const struct config *old;
    struct writer *writer;
    struct source *sources;
    int32_t source_count;
    bool is_open; /* a transaction, with this in it: */
    size_t messages, bytes;
};

struct copier *copier_new(const struct config *old, struct writer *writer)
{
    struct copier *copier = xcalloc(1, sizeof(*copier));
    copier->old = old;
    copier->writer = writer;
    return copier;
}

void copier_free(struct copier *copier)
{
    if (!copier)
        return;
    for (int32_t i = 0; i < copier->source_count; i++)
        partition_reader_free(copier->sources[i].reader);
    free(copier->sources);
    free(copier);
}

/* --- reading --- */

static int64_t time_of(const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    int64_t ms = rd_kafka_message_timestamp(message, &type);
    return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || ms < 0 ? 0 : ms;
}

static int advance(struct source *source, struct error *error)
{
    source->head = partition_reader_next(source->reader, error);
    return source->head || error->code == ERROR_NONE ? 0 : -1;
}

static int open_sources(struct copier *copier, const struct plan_topic *topic, struct error *error)
{
    int32_t count = topic->source->partition_count;
    if (copier->source_count < count) {
        copier->sources = xrealloc(copier->sources, (size_t)count * sizeof(*copier->sources));
        memset(copier->sources + copier->source_count, 0,
               (size_t)(count - copier->source_count) * sizeof(*copier->sources));
        copier->source_count = count;
    }
    for (int32_t i = 0; i < count; i++) {
        struct source *source = &copier->sources[i];
        source->end = topic->ranges[i].next;
        if (!source->reader)
            source->reader = partition_reader_new(copier->old, error);
        if (!source->reader ||
            partition_reader_open(source->reader, topic->source->name, i, topic->ranges[i].from,
                                  source->end, error) != 0 ||
            advance(source, error) != 0)
            return -1;
    }
    return 0;
}

/** The one whose next message is the oldest; NULL: all were read. */
static struct source *find_oldest(struct copier *copier, int32_t count)
{
    struct source *oldest = NULL;
    for (int32_t i = 0; i < count; i++) {
        struct source *source = &copier->sources[i];
        if (source->head && (!oldest || time_of(source->head) < time_of(oldest->head)))
            oldest = source;
    }
    return oldest;
}

/* --- writing --- */

static rd_kafka_headers_t *make_headers(const char *topic, const char *name,
                                        const rd_kafka_message_t *message)
{
    char id[ID_UUID_SIZE], published_at[32], partition[32], offset[32];
    int64_t ms = time_of(message);
    char *origin = xasprintf("%s\n%s\n%d\n%lld", topic, name, (int)message->partition,
                             (long long)message->offset);
    rd_kafka_headers_t *headers = rd_kafka_headers_new(6);
    id_uuid7_of(ms, origin, id);
    free(origin);
    snprintf(published_at, sizeof(published_at), "%lld",
             (long long)(ms > 0 ? ms : clock_wall_ms()));
    snprintf(partition, sizeof(partition), "%d", (int)message->partition);
    snprintf(offset, sizeof(offset), "%lld", (long long)message->offset);
    kafka_add_header(headers, MESSAGE_HEADER_ID, id);
    kafka_add_header(headers, MESSAGE_HEADER_PUBLISHED_AT, published_at);
    kafka_add_header(headers, MESSAGE_HEADER_CONTENT_TYPE, "application/json");
    kafka_add_header(headers, MESSAGE_HEADER_ORIGIN, name);
    kafka_add_header(headers, MESSAGE_HEADER_ORIGIN_PARTITION, partition);
    kafka_add_header(headers, MESSAGE_HEADER_ORIGIN_OFFSET, offset);
    return headers;
}

/** Copies the oldest message. */
static int copy_one(struct copier *copier, const struct plan_topic *topic,
                    struct ledger_topic *entry, struct source *source, struct error *error)
{
    const rd_kafka_message_t *message = source->head;
    const char *name = topic->source->name;
    /* The old hub writes none without a value; there would be nothing to deliver. */
    if (message->payload) {
        if (writer_message(copier->writer, &entry->location, topic->topic, message->payload,
                           message->len, make_headers(topic->topic, name, message), error) != 0)
            return -1;
        entry->copied++;
    }
    entry->ranges[message->partition].next = message->offset + 1;
    return advance(source, error);
}

static int note(struct copier *copier, struct ledger_topic *entry, struct error *error)
{
    size_t length;
    char *key = id_topic_key(entry->topic), *value = ledger_encode_topic(entry, &length);
    int result = writer_note(copier->writer, key, value, length, error);
    free(key);
    return result;
}

static bool is_full(const struct copier *copier)
{
    return copier->messages >= MAX_MESSAGES || copier->bytes >= MAX_BYTES;
}

static int begin(struct copier *copier, struct error *error)
{
    if (copier->is_open)
        return 0;
    copier->messages = copier->bytes = 0;
    copier->is_open = true;
    return writer_begin(copier->writer, error);
}

int copier_finish(struct copier *copier, struct error *error)
{
    if (!copier->is_open)
        return 0;
    copier->is_open = false;
    return writer_commit(copier->writer, error);
}

/** What fits into the transaction, and how far that is. 1: that was all of the topic. */
static int copy_some(struct copier *copier, const struct plan_topic *topic,
                     struct ledger_topic *entry, struct error *error)
{
    int32_t count = topic->source->partition_count;
    int64_t last;
    struct source *source;
    if (begin(copier, error) != 0)
        return -1;
    while ((source = find_oldest(copier, count)) && !is_full(copier)) {
        copier->messages++;
        copier->bytes += source->head->len;
        if (copy_one(copier, topic, entry, source, error) != 0)
            return -1;
    }
    /* What is at the end of a partition may be no message but a mark. */
    for (int32_t i = 0; i < count; i++)
        if (!copier->sources[i].head && entry->ranges[i].next < copier->sources[i].end)
            entry->ranges[i].next = copier->sources[i].end;
    if (writer_settle(copier->writer, &last, error) != 0)
        return -1;
    if (last >= entry->after)
        entry->after = last + 1;
    if (note(copier, entry, error) != 0 || (is_full(copier) && copier_finish(copier, error) != 0))
        return -1;
    return source ? 0 : 1;
}

int copier_copy(struct copier *copier, const struct plan_topic *topic, struct ledger_topic *entry,
                struct error *error)
{
    int done = 0;
    if (topic->to_copy == 0)
        return 0;
    if (open_sources(copier, topic, error) != 0)
        return -1;
    while (done == 0)
        done = copy_some(copier, topic, entry, error);
    return done < 0 ? error_prefix(error, "copying %s", topic->source->name) : 0;
}
