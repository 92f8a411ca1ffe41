/**
 * Confirmed, asynchronous produce. A record is written when its delivery report says so, and
 * ownership of what the caller handed in is settled there, exactly once, never at enqueue.
 */
#ifndef WEBSUB_COMMON_KAFKA_PRODUCER_H
#define WEBSUB_COMMON_KAFKA_PRODUCER_H

#include "common/kafka.h"

struct kafka_producer;

/**
 * Embedded by callers in what waits for a record. `settled` is called exactly once for each
 * successful kafka_producer_send, on the producer's thread; it must not block. `code` 0 means that
 * all in-sync replicas have the record, at `offset`; any other means that it may or may not have
 * been written.
 */
struct kafka_receipt {
    void (*settled)(struct kafka_receipt *receipt, rd_kafka_resp_err_t code, int64_t offset);
};

struct kafka_record {
    rd_kafka_topic_t *topic;
    int32_t partition;
    const char *key; /**< copied */
    size_t key_length;
    const void *value; /**< NOT copied: must stay until the receipt is settled */
    size_t value_length;
    rd_kafka_headers_t *headers; /**< owned by the producer after success; NULL: none */
    int64_t timestamp_ms;        /**< 0: now */
};

/** Starts a producer (idempotent, acks=all) and its thread. `timeout_ms` 0: records never time out.
 */
struct kafka_producer *kafka_producer_new(const struct config *config, int64_t timeout_ms,
                                          struct error *error);

/** Thread-safe, never blocks. On failure (queue full, too large) nothing was taken over. */
int kafka_producer_send(struct kafka_producer *producer, const struct kafka_record *record,
                        struct kafka_receipt *receipt, struct error *error);

/**
 * Whether the handle is of no use any more, with the reason: Kafka has lost records that it had
 * confirmed (fewer replicas than acks=all counts on, or a restored backup), so librdkafka cannot
 * tell any more what is written, and refuses everything, of all topics. Only another handle helps:
 * the process is to end, and to be started again. Thread-safe, never blocks.
 */
bool kafka_producer_has_failed(struct kafka_producer *producer, struct error *error);

rd_kafka_t *kafka_producer_handle(struct kafka_producer *producer);

/**
 * Waits up to `flush_ms` for outstanding records and settles the rest as failed, on this thread;
 * afterwards nothing is outstanding. Nothing may be sent any more.
 */
void kafka_producer_drain(struct kafka_producer *producer, int flush_ms);

/** After kafka_producer_drain, and after all topic handles made from it are gone. NULL is fine. */
void kafka_producer_free(struct kafka_producer *producer);

#endif
