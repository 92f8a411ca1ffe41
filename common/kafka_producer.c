#include "common/kafka_producer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/panic.h"

enum { POLL_MS = 200 };

struct kafka_producer {
    rd_kafka_t *rk;
    pthread_t thread;
    atomic_bool stopping;
};

/* @locality producer thread, or the one in kafka_producer_free */
static void on_delivery_report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    (void)opaque;
    struct kafka_receipt *receipt = message->_private;
    receipt->settled(receipt, message->err, message->offset);
}

static void configure(rd_kafka_conf_t *conf)
{
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery_report);
}

static void *poll_main(void *argument)
{
    struct kafka_producer *producer = argument;
    while (!atomic_load(&producer->stopping))
        rd_kafka_poll(producer->rk, POLL_MS);
    return NULL;
}

struct kafka_producer *kafka_producer_new(const struct config *config, int64_t timeout_ms,
                                          struct error *error)
{
    struct kafka_producer *producer = xcalloc(1, sizeof(*producer));
    char timeout[32], linger[32], max_bytes[32];
    snprintf(timeout, sizeof(timeout), "%lld", (long long)timeout_ms);
    snprintf(linger, sizeof(linger), "%.3f", config->kafka.linger_ms);
    /* Room for the largest body, its key and its headers; the broker's own bound is the operator's.
     */
    long long largest = (long long)config->hub.max_body_bytes + (64 << 10);
    snprintf(max_bytes, sizeof(max_bytes), "%lld", largest < 1000000 ? 1000000 : largest);
    const struct kafka_property properties[] = {
        {"enable.idempotence", "true"},
        {"linger.ms", linger},
        {"message.timeout.ms", timeout},
        {"message.max.bytes", max_bytes},
        /* What waits for a dead broker is bounded by bytes, not by count. */
        {"queue.buffering.max.messages", "1000000"},
        {"queue.buffering.max.kbytes", "131072"},
        {NULL, NULL},
    };
    producer->rk =
        kafka_client_new(config, RD_KAFKA_PRODUCER, properties, configure, producer, error);
    if (!producer->rk) {
        free(producer);
        return NULL;
    }
    if (pthread_create(&producer->thread, NULL, poll_main, producer) != 0)
        PANIC("no thread for the producer");
    return producer;
}

int kafka_producer_send(struct kafka_producer *producer, const struct kafka_record *record,
                        struct kafka_receipt *receipt, struct error *error)
{
    rd_kafka_vu_t arguments[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = record->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = record->partition},
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {.ptr = (void *)record->key, .size = record->key_length}},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {.ptr = (void *)record->value, .size = record->value_length}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = 0},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = record->timestamp_ms},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = receipt},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = record->headers},
    };
    size_t count = sizeof(arguments) / sizeof(arguments[0]) - (record->headers ? 0 : 1);
    rd_kafka_error_t *problem = rd_kafka_produceva(producer->rk, arguments, count);
    if (!problem)
        return 0;
    kafka_error(error, rd_kafka_error_code(problem), "produce");
    rd_kafka_error_destroy(problem);
    return -1;
}

bool kafka_producer_has_failed(struct kafka_producer *producer, struct error *error)
{
    char reason[256];
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(producer->rk, reason, sizeof(reason));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    error_set(error, ERROR_INTERNAL, false, "Kafka has lost records: %s", reason);
    return true;
}

rd_kafka_t *kafka_producer_handle(struct kafka_producer *producer)
{
    return producer->rk;
}

void kafka_producer_drain(struct kafka_producer *producer, int flush_ms)
{
    atomic_store(&producer->stopping, true);
    pthread_join(producer->thread, NULL);
    if (rd_kafka_flush(producer->rk, flush_ms) == RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    rd_kafka_purge(producer->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (rd_kafka_outq_len(producer->rk) > 0)
        rd_kafka_poll(producer->rk, POLL_MS);
}

void kafka_producer_free(struct kafka_producer *producer)
{
    if (!producer)
        return;
    kafka_client_free(producer->rk);
    free(producer);
}
