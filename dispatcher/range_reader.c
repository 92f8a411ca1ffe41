#include "dispatcher/range_reader.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/kafka_offsets.h"
#include "common/log.h"
#include "common/panic.h"

enum { POLL_MS = 5, NUDGE_MS = 1000, PATIENCE_MS = 5000, BATCH = 512 };

struct range_reader {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    const struct config *config;
    struct memory_account *account;
    const atomic_bool *stopping;
    struct counter *malformed;
    const struct message_partition *partition; /* that it stands in, or NULL */
    int64_t position;                          /* offset of the next record */
    /* records that came with those of an earlier range */
    rd_kafka_message_t *records[BATCH];
    size_t next, count;
};

struct range_reader *range_reader_new(const struct config *config, struct memory_account *account,
                                      const atomic_bool *stopping, struct counter *malformed,
                                      struct error *error)
{
    const struct kafka_property properties[] = {
        {"fetch.wait.max.ms", "10"},
        /* What is fetched beyond a range may be thrown away. */
        {"fetch.message.max.bytes", "1048576"},
        {"queued.max.messages.kbytes", "2048"},
        {NULL, NULL},
    };
    struct range_reader *reader = xcalloc(1, sizeof(*reader));
    reader->config = config;
    reader->account = account;
    reader->stopping = stopping;
    reader->malformed = malformed;
    reader->rk = kafka_client_new(config, RD_KAFKA_CONSUMER, properties, NULL, NULL, error);
    if (!reader->rk) {
        free(reader);
        return NULL;
    }
    rd_kafka_poll_set_consumer(reader->rk);
    reader->queue = rd_kafka_queue_get_consumer(reader->rk);
    return reader;
}

/* --- where it stands --- */

static void drop_records(struct range_reader *reader)
{
    while (reader->next < reader->count)
        rd_kafka_message_destroy(reader->records[reader->next++]);
    reader->next = reader->count = 0;
}

static void assign(struct range_reader *reader, const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t code = rd_kafka_assign(reader->rk, list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        log_warning("catch_up.assign_failed", LOG_STR("reason", rd_kafka_err2str(code)));
}

static void open_at(struct range_reader *reader, const struct message_partition *partition,
                    int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, partition->kafka_topic, partition->partition)->offset =
        offset;
    drop_records(reader);
    assign(reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    reader->partition = partition;
    reader->position = offset;
}

void range_reader_close(struct range_reader *reader)
{
    drop_records(reader);
    assign(reader, NULL);
    reader->partition = NULL;
}

bool range_reader_is_open(const struct range_reader *reader)
{
    return reader->partition;
}

bool range_reader_stands_at(const struct range_reader *reader,
                            const struct message_partition *partition, int64_t from)
{
    return reader->partition == partition && reader->position == from;
}

void range_reader_free(struct range_reader *reader)
{
    if (!reader)
        return;
    drop_records(reader);
    rd_kafka_queue_destroy(reader->queue);
    kafka_client_free(reader->rk);
    free(reader);
}

/* --- reading a range --- */

struct reading {
    struct range_reader *reader;
    struct chunk *chunk;
    int64_t bytes, most_bytes;
    size_t scanned;
    bool first;
    bool done;
};

static void take_message(struct reading *reading, const rd_kafka_message_t *record)
{
    struct chunk *chunk = reading->chunk;
    const char *topic = chunk->channel->topic;
    struct error error;
    if (record->key_len != strlen(topic) || memcmp(record->key, topic, record->key_len) != 0)
        return;
    struct message *message = message_from_kafka(record, reading->reader->config->hub.public_url,
                                                 reading->reader->account, &error);
    if (!message) {
        counter_add(reading->reader->malformed, 1);
        log_warning("message.malformed",
                    LOG_STR("kafka_topic", chunk->channel->partition->kafka_topic),
                    LOG_INT("offset", record->offset), LOG_STR("reason", error.message));
        return;
    }
    if (chunk->origin)
        message_take_letter(message, record, chunk->origin->kafka_topic, chunk->origin->partition);
    message->received_ms = 0; /* it has been waiting for long, wherever it was */
    reading->bytes += (int64_t)message->cost;
    chunk->messages[chunk->count++] = message;
}

/** False: the record lies behind the range; it is kept for the next one. */
static bool take_record(struct reading *reading, const rd_kafka_message_t *record)
{
    struct chunk *chunk = reading->chunk;
    if (record->offset >= chunk->to) {
        chunk->next_offset = chunk->to;
        reading->done = true;
        return false;
    }
    if (reading->first && record->offset > chunk->from)
        chunk->lost = record->offset - chunk->from;
    reading->first = false;
    chunk->next_offset = record->offset + 1;
    reading->scanned++;
    take_message(reading, record);
    reading->done = chunk->next_offset >= chunk->to || chunk->count == chunk->capacity ||
                    reading->bytes >= reading->most_bytes || reading->scanned >= CHUNK_SCANNED;
    return true;
}

static void take_end(struct reading *reading, const rd_kafka_message_t *eof)
{
    /* The end of the partition can only lie before `to` when Kafka lost the rest. */
    struct chunk *chunk = reading->chunk;
    if (eof->offset > chunk->next_offset)
        chunk->next_offset = eof->offset;
    if (chunk->next_offset > chunk->to)
        chunk->next_offset = chunk->to;
    reading->done = chunk->next_offset >= chunk->to;
}

/** Takes what has come. @returns whether any record was among it. */
static bool take_records(struct range_reader *reader, struct reading *reading)
{
    bool any = false;
    while (reader->next < reader->count && !reading->done) {
        rd_kafka_message_t *record = reader->records[reader->next];
        if (!record->err && !take_record(reading, record))
            return any;
        any = any || !record->err;
        if (record->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            take_end(reading, record);
        else if (record->err)
            log_warning("catch_up.read_failed", LOG_STR("reason", rd_kafka_message_errstr(record)));
        rd_kafka_message_destroy(record);
        reader->next++;
    }
    return any;
}

/**
 * When librdkafka has begun with a partition, or has queued enough of it, it may look only a second
 * later whether there is something to fetch, unless something else wakes its thread: a request
 * does.
 */
static void nudge(struct range_reader *reader)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, reader->partition->kafka_topic,
                                      reader->partition->partition)
        ->offset = RD_KAFKA_OFFSET_END;
    kafka_ask_offsets(reader->rk, list, NUDGE_MS);
    rd_kafka_topic_partition_list_destroy(list);
}

static void fetch(struct range_reader *reader)
{
    reader->next = 0;
    reader->count = kafka_consume(reader->queue, POLL_MS, reader->records, BATCH);
    if (reader->count == 0)
        nudge(reader);
}

void range_reader_read(struct range_reader *reader, struct chunk *chunk)
{
    int64_t part = reader->account->pool->limit / 8;
    struct reading reading = {
        .reader = reader,
        .chunk = chunk,
        .most_bytes = part < CHUNK_BYTES ? part : CHUNK_BYTES,
        .first = true,
    };
    int64_t deadline = clock_monotonic_ms() + PATIENCE_MS;
    chunk->next_offset = chunk->from;
    if (!range_reader_stands_at(reader, chunk->channel->partition, chunk->from))
        open_at(reader, chunk->channel->partition, chunk->from);
    while (!reading.done && clock_monotonic_ms() < deadline && !atomic_load(reader->stopping)) {
        if (reader->next == reader->count)
            fetch(reader);
        if (take_records(reader, &reading))
            deadline = clock_monotonic_ms() + PATIENCE_MS;
    }
    reader->position = chunk->next_offset;
    chunk->failed = chunk->next_offset == chunk->from;
    if (chunk->failed)
        range_reader_close(reader); /* the next one begins afresh */
}
