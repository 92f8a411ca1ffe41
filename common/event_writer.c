#include "common/event_writer.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/container.h"
#include "common/id.h"
#include "common/panic.h"

struct event_writer {
    struct kafka_producer *producer;
    rd_kafka_topic_t *topic;
    int32_t partitions;
    atomic_int pending;
};

struct sent_event {
    struct kafka_receipt receipt;
    struct event_writer *writer;
    event_written_fn written;
    void *context;
    int32_t partition;
    char *value;
};

struct event_writer *event_writer_new(struct kafka_producer *producer, const char *events_topic,
                                      int32_t partitions, struct error *error)
{
    rd_kafka_topic_t *topic =
        rd_kafka_topic_new(kafka_producer_handle(producer), events_topic, NULL);
    if (!topic) {
        kafka_error(error, rd_kafka_last_error(), "events topic");
        return NULL;
    }
    struct event_writer *writer = xcalloc(1, sizeof(*writer));
    writer->producer = producer;
    writer->topic = topic;
    writer->partitions = partitions;
    return writer;
}

/* @locality producer thread */
static void on_settled(struct kafka_receipt *receipt, rd_kafka_resp_err_t code, int64_t offset)
{
    struct sent_event *sent = CONTAINER_OF(receipt, struct sent_event, receipt);
    if (sent->written)
        sent->written(sent->context, code, sent->partition, offset);
    atomic_fetch_sub(&sent->writer->pending, 1);
    free(sent->value);
    free(sent);
}

int event_writer_send(struct event_writer *writer, const struct event *event,
                      event_written_fn written, void *context, struct error *error)
{
    struct sent_event *sent = xcalloc(1, sizeof(*sent));
    size_t length;
    char *key = event_key(event);
    sent->receipt.settled = on_settled;
    sent->writer = writer;
    sent->written = written;
    sent->context = context;
    sent->partition = id_partition(key, strlen(key), writer->partitions);
    sent->value = event_encode(event, &length);
    const struct kafka_record record = {
        .topic = writer->topic,
        .partition = sent->partition,
        .key = key,
        .key_length = strlen(key),
        .value = sent->value,
        .value_length = length,
        .timestamp_ms = event->at_ms,
    };
    atomic_fetch_add(&writer->pending, 1);
    int result = kafka_producer_send(writer->producer, &record, &sent->receipt, error);
    if (result != 0) {
        atomic_fetch_sub(&writer->pending, 1);
        free(sent->value);
        free(sent);
    }
    free(key);
    return result;
}

int event_writer_pending(struct event_writer *writer)
{
    return atomic_load(&writer->pending);
}

void event_writer_free(struct event_writer *writer)
{
    if (!writer)
        return;
    rd_kafka_topic_destroy(writer->topic);
    free(writer);
}
