#include "client/migration/partition_reader.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/panic.h"

enum { BATCH = 500, POLL_MS = 100, PATIENCE_MS = 30000, METADATA_MS = 10000 };

struct partition_reader {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    char *topic;
    rd_kafka_topic_t *handle; /* keeps what librdkafka knows of the topic */
    int32_t partition;
    int64_t next, end;
    rd_kafka_message_t *batch[BATCH];
    size_t count, taken;      /* of the batch; what was taken is destroyed */
    rd_kafka_message_t *told; /* what the caller looks at */
};

struct partition_reader *partition_reader_new(const struct config *config, struct error *error)
{
    const struct kafka_property properties[] = {
        /* It reads to an end and stops: a long wait for more is never wanted. */
        {"fetch.wait.max.ms", "5"},
        {"queued.max.messages.kbytes", "16384"},
        {NULL, NULL},
    };
    struct partition_reader *reader = xcalloc(1, sizeof(*reader));
    reader->rk = kafka_client_new(config, RD_KAFKA_CONSUMER, properties, NULL, NULL, error);
    if (!reader->rk) {
        free(reader);
        return NULL;
    }
    rd_kafka_poll_set_consumer(reader->rk);
    reader->queue = rd_kafka_queue_get_consumer(reader->rk);
    return reader;
}

static void forget_told(struct partition_reader *reader)
{
    if (reader->told)
        rd_kafka_message_destroy(reader->told);
    reader->told = NULL;
}

static void drop_batch(struct partition_reader *reader)
{
    forget_told(reader);
    while (reader->taken < reader->count)
        rd_kafka_message_destroy(reader->batch[reader->taken++]);
    reader->count = reader->taken = 0;
}

void partition_reader_free(struct partition_reader *reader)
{
    if (!reader)
        return;
    drop_batch(reader);
    if (reader->handle)
        rd_kafka_topic_destroy(reader->handle);
    rd_kafka_queue_destroy(reader->queue);
    kafka_client_free(reader->rk);
    free(reader->topic);
    free(reader);
}

rd_kafka_t *partition_reader_handle(struct partition_reader *reader)
{
    return reader->rk;
}

/** Without its metadata, librdkafka would look for the topic once a second. */
static int look_up(struct partition_reader *reader, const char *topic, struct error *error)
{
    const struct rd_kafka_metadata *metadata;
    if (reader->topic && strcmp(reader->topic, topic) == 0)
        return 0;
    free(reader->topic);
    if (reader->handle)
        rd_kafka_topic_destroy(reader->handle);
    reader->topic = xstrdup(topic);
    reader->handle = rd_kafka_topic_new(reader->rk, topic, NULL);
    ENSURE(reader->handle);
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(reader->rk, 0, reader->handle, &metadata, METADATA_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_error(error, code, topic);
    rd_kafka_metadata_destroy(metadata);
    return 0;
}

int partition_reader_open(struct partition_reader *reader, const char *topic, int32_t partition,
                          int64_t from, int64_t end, struct error *error)
{
    drop_batch(reader);
    reader->partition = partition;
    reader->next = from;
    reader->end = end;
    if (from >= end)
        return 0;
    if (look_up(reader, topic, error) != 0)
        return -1;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = from;
    rd_kafka_resp_err_t code = rd_kafka_assign(reader->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : kafka_error(error, code, topic);
}

/** Whether a message of the batch is the next one; what it tells besides is noted. */
static bool is_next(struct partition_reader *reader, const rd_kafka_message_t *message)
{
    /* What was fetched for an earlier range may still come. */
    bool ours = message->rkt && message->partition == reader->partition &&
                strcmp(rd_kafka_topic_name(message->rkt), reader->topic) == 0;
    if (!message->err && ours && message->offset >= reader->next) {
        reader->next = message->offset + 1;
        return message->offset < reader->end;
    }
    /* Before the end, it is the end of what is decided: there is more to come. */
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && ours && message->offset >= reader->end)
        reader->next = reader->end;
    else if (message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
        log_warning("migration.read_failed", LOG_STR("topic", reader->topic),
                    LOG_STR("reason", rd_kafka_message_errstr(message)));
    return false;
}

/** The next of the batch that is to be told; NULL: the batch has none. */
static const rd_kafka_message_t *take(struct partition_reader *reader)
{
    while (reader->taken < reader->count && reader->next < reader->end) {
        rd_kafka_message_t *message = reader->batch[reader->taken++];
        if (is_next(reader, message))
            return reader->told = message;
        rd_kafka_message_destroy(message);
    }
    return NULL;
}

const rd_kafka_message_t *partition_reader_next(struct partition_reader *reader,
                                                struct error *error)
{
    int64_t deadline = clock_monotonic_ms() + PATIENCE_MS;
    error->code = ERROR_NONE;
    forget_told(reader);
    while (reader->next < reader->end) {
        const rd_kafka_message_t *message = take(reader);
        if (message)
            return message;
        drop_batch(reader);
        if (reader->next >= reader->end)
            break;
        reader->count = kafka_consume(reader->queue, POLL_MS, reader->batch, BATCH);
        if (reader->count == 0 && clock_monotonic_ms() > deadline) {
            error_set(error, ERROR_TIMEOUT, true, "the Kafka topic %s cannot be read to its end",
                      reader->topic);
            return NULL;
        }
    }
    rd_kafka_assign(reader->rk, NULL);
    return NULL;
}
