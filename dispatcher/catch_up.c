#include "dispatcher/catch_up.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/log.h"
#include "common/panic.h"
#include "dispatcher/loop_internal.h"

enum { MAX_READERS = 16, POLL_MS = 100, PATIENCE_MS = 5000, BATCH = 512 };

struct reader {
    struct catch_up *catch_up;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    pthread_t thread;
    bool started;
};

struct catch_up {
    struct dispatcher *dispatcher;
    int reader_count;
    struct reader readers[MAX_READERS];
    atomic_bool stopping;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct chunk *queue;
};

static void on_answered(struct task *task, void *owner);

static void answer(struct catch_up *catch_up, struct chunk *chunk)
{
    chunk->task.run = on_answered;
    loop_post(catch_up->dispatcher->loops[chunk->loop], &chunk->task);
}

/* --- reading one chunk --- */

struct reading {
    struct chunk *chunk;
    struct memory_budget *budget;
    size_t bytes;
    size_t scanned;
    bool first;
    bool done;
};

static void take_record(struct reading *reading, const rd_kafka_message_t *record)
{
    struct chunk *chunk = reading->chunk;
    const char *topic = chunk->channel->topic;
    struct error error;
    if (record->offset >= chunk->to) {
        chunk->next_offset = chunk->to;
        reading->done = true;
        return;
    }
    if (reading->first && record->offset > chunk->from)
        chunk->lost = record->offset - chunk->from;
    reading->first = false;
    chunk->next_offset = record->offset + 1;
    reading->scanned++;
    if (record->key_len == strlen(topic) && memcmp(record->key, topic, record->key_len) == 0) {
        struct message *message = message_from_kafka(record, reading->budget, &error);
        if (message) {
            message->received_ms = 0; /* it has been waiting for long, wherever it was */
            reading->bytes += message->cost;
            chunk->messages[chunk->count++] = message;
        }
    }
    reading->done = chunk->next_offset >= chunk->to || chunk->count == CHUNK_MESSAGES ||
                    reading->bytes >= CHUNK_BYTES || reading->scanned >= CHUNK_SCANNED;
}

static void take_end(struct reading *reading, const rd_kafka_message_t *eof)
{
    /* The end of the partition can only lie before `to` when Kafka lost the rest. */
    if (eof->offset > reading->chunk->next_offset)
        reading->chunk->next_offset = eof->offset;
    if (reading->chunk->next_offset > reading->chunk->to)
        reading->chunk->next_offset = reading->chunk->to;
    reading->done = reading->chunk->next_offset >= reading->chunk->to;
}

static void read_range(struct reader *reader, struct reading *reading)
{
    rd_kafka_message_t *records[BATCH];
    int64_t deadline = clock_monotonic_ms() + PATIENCE_MS;
    while (!reading->done && clock_monotonic_ms() < deadline &&
           !atomic_load(&reader->catch_up->stopping)) {
        size_t count = kafka_consume(reader->queue, POLL_MS, records, BATCH);
        for (size_t i = 0; i < count; i++) {
            if (!records[i]->err && !reading->done) {
                take_record(reading, records[i]);
                deadline = clock_monotonic_ms() + PATIENCE_MS;
            } else if (records[i]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && !reading->done) {
                take_end(reading, records[i]);
            } else if (records[i]->err && records[i]->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
                log_warning("catch_up.read_failed",
                            LOG_STR("reason", rd_kafka_message_errstr(records[i])));
            }
            rd_kafka_message_destroy(records[i]);
        }
    }
}

static void assign(struct reader *reader, const struct chunk *chunk)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    if (chunk) {
        list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, chunk->channel->partition->kafka_topic,
                                          chunk->channel->partition->partition)
            ->offset = chunk->from;
    }
    rd_kafka_resp_err_t code = rd_kafka_assign(reader->rk, list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        log_warning("catch_up.assign_failed", LOG_STR("reason", rd_kafka_err2str(code)));
    if (list)
        rd_kafka_topic_partition_list_destroy(list);
}

static void read_chunk(struct reader *reader, struct chunk *chunk)
{
    struct reading reading = {
        .chunk = chunk,
        .budget = &reader->catch_up->dispatcher->budget,
        .first = true,
    };
    chunk->next_offset = chunk->from;
    assign(reader, chunk);
    read_range(reader, &reading);
    assign(reader, NULL);
    chunk->failed = chunk->next_offset == chunk->from;
}

/* @locality the loop's thread */
static void on_answered(struct task *task, void *owner)
{
    subscription_on_chunk(CONTAINER_OF(task, struct chunk, task), owner);
}

/* --- the pool --- */

static void *reader_main(void *context)
{
    struct reader *reader = context;
    struct catch_up *catch_up = reader->catch_up;
    pthread_mutex_lock(&catch_up->lock);
    while (!atomic_load(&catch_up->stopping)) {
        struct chunk *chunk = catch_up->queue;
        if (!chunk) {
            pthread_cond_wait(&catch_up->work, &catch_up->lock);
            continue;
        }
        LL_DELETE(catch_up->queue, chunk);
        pthread_mutex_unlock(&catch_up->lock);
        read_chunk(reader, chunk);
        answer(catch_up, chunk);
        pthread_mutex_lock(&catch_up->lock);
    }
    pthread_mutex_unlock(&catch_up->lock);
    return NULL;
}

void catch_up_request(struct catch_up *catch_up, struct chunk *chunk)
{
    chunk->next = NULL;
    pthread_mutex_lock(&catch_up->lock);
    LL_APPEND(catch_up->queue, chunk);
    pthread_cond_signal(&catch_up->work);
    pthread_mutex_unlock(&catch_up->lock);
}

static int start_reader(struct catch_up *catch_up, struct reader *reader, struct error *error)
{
    const struct kafka_property properties[] = {
        {"group.id", "websub-catch-up"}, /* never joined; librdkafka wants a name */
        {"fetch.wait.max.ms", "10"},
        /* A chunk is small: what is fetched beyond it is thrown away. */
        {"fetch.message.max.bytes", "1048576"},
        {"queued.max.messages.kbytes", "2048"},
        {NULL, NULL},
    };
    reader->catch_up = catch_up;
    reader->rk = kafka_client_new(&catch_up->dispatcher->config, RD_KAFKA_CONSUMER, properties,
                                  NULL, NULL, error);
    if (!reader->rk)
        return -1;
    rd_kafka_poll_set_consumer(reader->rk);
    reader->queue = rd_kafka_queue_get_consumer(reader->rk);
    if (pthread_create(&reader->thread, NULL, reader_main, reader) != 0)
        PANIC("no thread for a catch-up reader");
    reader->started = true;
    return 0;
}

struct catch_up *catch_up_new(struct dispatcher *dispatcher, struct error *error)
{
    struct catch_up *catch_up = xcalloc(1, sizeof(*catch_up));
    int64_t wanted = dispatcher->config.dispatcher.catch_up_readers;
    catch_up->dispatcher = dispatcher;
    pthread_mutex_init(&catch_up->lock, NULL);
    pthread_cond_init(&catch_up->work, NULL);
    for (; catch_up->reader_count < wanted && catch_up->reader_count < MAX_READERS;
         catch_up->reader_count++) {
        if (start_reader(catch_up, &catch_up->readers[catch_up->reader_count], error) != 0) {
            catch_up_stop(catch_up);
            catch_up_free(catch_up);
            return NULL;
        }
    }
    return catch_up;
}

void catch_up_stop(struct catch_up *catch_up)
{
    struct chunk *chunk, *next;
    pthread_mutex_lock(&catch_up->lock);
    atomic_store(&catch_up->stopping, true);
    pthread_cond_broadcast(&catch_up->work);
    pthread_mutex_unlock(&catch_up->lock);
    for (int i = 0; i < catch_up->reader_count; i++)
        if (catch_up->readers[i].started)
            pthread_join(catch_up->readers[i].thread, NULL);
    LL_FOREACH_SAFE(catch_up->queue, chunk, next)
    {
        chunk->failed = true;
        answer(catch_up, chunk);
    }
    catch_up->queue = NULL;
}

void catch_up_free(struct catch_up *catch_up)
{
    struct chunk *chunk, *next;
    if (!catch_up)
        return;
    LL_FOREACH_SAFE(catch_up->queue, chunk, next)
    {
        free(chunk); /* asked for after the stop: nobody waits any more */
    }
    for (int i = 0; i < catch_up->reader_count; i++) {
        rd_kafka_queue_destroy(catch_up->readers[i].queue);
        rd_kafka_destroy(catch_up->readers[i].rk);
    }
    pthread_mutex_destroy(&catch_up->lock);
    pthread_cond_destroy(&catch_up->work);
    free(catch_up);
}
