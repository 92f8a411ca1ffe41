/** Writes events to the events topic. Thread-safe; never blocks. */
#ifndef WEBSUB_COMMON_EVENT_WRITER_H
#define WEBSUB_COMMON_EVENT_WRITER_H

#include "common/event.h"
#include "common/kafka_producer.h"

struct event_writer;

/**
 * Called once for each accepted event, on the producer's thread, after Kafka has confirmed it
 * (`code` 0, with its partition and offset) or not. Must not block.
 */
typedef void (*event_written_fn)(void *context, rd_kafka_resp_err_t code, int32_t partition,
                                 int64_t offset);

/** `producer` must outlive the writer; `partitions` is the partition count of the events topic. */
struct event_writer *event_writer_new(struct kafka_producer *producer, const char *events_topic,
                                      int32_t partitions, struct error *error);

/** Encodes and sends; `event` stays the caller's. `written` may be NULL. On failure it is not
 * called. */
int event_writer_send(struct event_writer *writer, const struct event *event,
                      event_written_fn written, void *context, struct error *error);

/** Events that Kafka has neither confirmed nor refused yet. Thread-safe. */
int event_writer_pending(struct event_writer *writer);

/** Only after the producer was freed or flushed. */
void event_writer_free(struct event_writer *writer);

#endif
