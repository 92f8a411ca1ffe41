#include "client/migration/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/id.h"
#include "common/panic.h"

enum { TRANSACTION_MS = 60000, METADATA_MS = 10000, QUEUE_WAIT_MS = 100, RETRY_MS = 100 };

struct writer {
    rd_kafka_t *rk;
    const struct kafka_names *names;
    int32_t partitions;
    char *warm; /* the message topic whose metadata is known */
    int64_t last;
    rd_kafka_resp_err_t failure; /* of a record of this transaction */
};

/* Messages are told apart from other records by this opaque. */
static char is_message;

/* @locality this thread, in rd_kafka_poll and rd_kafka_flush */
static void on_delivery_report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    struct writer *writer = opaque;
    if (message->err)
        writer->failure = message->err;
    else if (message->_private == &is_message && message->offset > writer->last)
        writer->last = message->offset;
}

static void configure(rd_kafka_conf_t *conf)
{
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery_report);
}

/** The result of a transactional call as ours; consumes `problem`. */
static int take_problem(struct error *error, rd_kafka_error_t *problem, const char *what)
{
    if (!problem)
        return 0;
    kafka_error(error, rd_kafka_error_code(problem), what);
    snprintf(error->message, sizeof(error->message), "%s: %s", what,
             rd_kafka_error_string(problem));
    rd_kafka_error_destroy(problem);
    return -1;
}

static bool may_repeat(rd_kafka_error_t *problem, int64_t deadline)
{
    bool again = problem && rd_kafka_error_is_retriable(problem) && clock_monotonic_ms() < deadline;
    if (again) {
        rd_kafka_error_destroy(problem);
        clock_sleep_ms(RETRY_MS);
    }
    return again;
}

static rd_kafka_t *open_producer(const struct config *config, struct writer *writer,
                                 struct error *error)
{
    char max_bytes[32], id[160];
    /* As large as the hub's messages may be (kafka_producer.c). */
    long long largest = (long long)config->hub.max_body_bytes + (64 << 10);
    snprintf(max_bytes, sizeof(max_bytes), "%lld", largest < 1000000 ? 1000000 : largest);
    snprintf(id, sizeof(id), "%smigration", config->kafka.topic_prefix);
    const struct kafka_property properties[] = {
        {"transactional.id", id},
        {"enable.idempotence", "true"},
        {"linger.ms", "5"},
        {"message.max.bytes", max_bytes},
        {NULL, NULL},
    };
    return kafka_client_new(config, RD_KAFKA_PRODUCER, properties, configure, writer, error);
}

struct writer *writer_new(const struct config *config, const struct kafka_names *names,
                          int32_t partitions, struct error *error)
{
    struct writer *writer = xcalloc(1, sizeof(*writer));
    writer->names = names;
    writer->partitions = partitions;
    writer->rk = open_producer(config, writer, error);
    if (!writer->rk) {
        free(writer);
        return NULL;
    }
    int64_t deadline = clock_monotonic_ms() + TRANSACTION_MS;
    rd_kafka_error_t *problem;
    do
        problem = rd_kafka_init_transactions(writer->rk, TRANSACTION_MS);
    while (may_repeat(problem, deadline));
    if (take_problem(error, problem, "beginning to write") == 0)
        return writer;
    writer_free(writer);
    return NULL;
}

void writer_free(struct writer *writer)
{
    if (!writer)
        return;
    rd_kafka_purge(writer->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_error_t *problem = rd_kafka_abort_transaction(writer->rk, TRANSACTION_MS);
    if (problem)
        rd_kafka_error_destroy(problem); /* there was none, or the next writer ends it */
    kafka_client_free(writer->rk);
    free(writer->warm);
    free(writer);
}

rd_kafka_t *writer_handle(struct writer *writer)
{
    return writer->rk;
}

int writer_begin(struct writer *writer, struct error *error)
{
    writer->failure = RD_KAFKA_RESP_ERR_NO_ERROR;
    writer->last = -1;
    return take_problem(error, rd_kafka_begin_transaction(writer->rk), "beginning a transaction");
}

/** Produces a copy; waits while the queue is full. `headers` are taken over on success only. */
static int produce(struct writer *writer, const char *topic, int32_t partition, const char *key,
                   const void *value, size_t length, rd_kafka_headers_t *headers, void *opaque,
                   struct error *error)
{
    rd_kafka_vu_t arguments[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {.ptr = (void *)(uintptr_t)key, strlen(key)}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {.ptr = (void *)(uintptr_t)value, length}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = opaque},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    size_t count = sizeof(arguments) / sizeof(arguments[0]) - (headers ? 0 : 1);
    rd_kafka_error_t *problem;
    while ((problem = rd_kafka_produceva(writer->rk, arguments, count)) &&
           rd_kafka_error_code(problem) == RD_KAFKA_RESP_ERR__QUEUE_FULL &&
           writer->failure == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_error_destroy(problem);
        rd_kafka_poll(writer->rk, QUEUE_WAIT_MS);
    }
    rd_kafka_poll(writer->rk, 0);
    return take_problem(error, problem, topic);
}

int writer_note(struct writer *writer, const char *key, char *value, size_t length,
                struct error *error)
{
    int result =
        produce(writer, writer->names->migration, 0, key, value, length, NULL, NULL, error);
    free(value);
    return result;
}

int writer_event(struct writer *writer, const struct event *event, struct error *error)
{
    size_t length;
    char *key = event_key(event), *value = event_encode(event, &length);
    int result =
        produce(writer, writer->names->events, id_partition(key, strlen(key), writer->partitions),
                key, value, length, NULL, NULL, error);
    explicit_bzero(value, length); /* there may be a secret in it */
    free(key);
    free(value);
    return result;
}

/** A first message to a topic whose metadata is unknown waits up to a second in librdkafka. */
static int warm_up(struct writer *writer, const char *topic, struct error *error)
{
    const struct rd_kafka_metadata *metadata;
    if (writer->warm && strcmp(writer->warm, topic) == 0)
        return 0;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(writer->rk, topic, NULL);
    rd_kafka_resp_err_t code = rd_kafka_metadata(writer->rk, 0, handle, &metadata, METADATA_MS);
    rd_kafka_topic_destroy(handle);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_error(error, code, topic);
    rd_kafka_metadata_destroy(metadata);
    free(writer->warm);
    writer->warm = xstrdup(topic);
    return 0;
}

int writer_message(struct writer *writer, const struct location *location, const char *topic,
                   const void *value, size_t length, rd_kafka_headers_t *headers,
                   struct error *error)
{
    int result = warm_up(writer, location->kafka_topic, error);
    if (result == 0)
        result = produce(writer, location->kafka_topic, location->partition, topic, value, length,
                         headers, &is_message, error);
    if (result != 0)
        rd_kafka_headers_destroy(headers);
    return result;
}

int writer_settle(struct writer *writer, int64_t *last, struct error *error)
{
    rd_kafka_resp_err_t code = rd_kafka_flush(writer->rk, TRANSACTION_MS);
    if (writer->failure != RD_KAFKA_RESP_ERR_NO_ERROR)
        code = writer->failure;
    *last = writer->last;
    writer->last = -1;
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : kafka_error(error, code, "copying messages");
}

int writer_commit(struct writer *writer, struct error *error)
{
    int64_t deadline = clock_monotonic_ms() + TRANSACTION_MS;
    rd_kafka_error_t *problem;
    do
        problem = rd_kafka_commit_transaction(writer->rk, TRANSACTION_MS);
    while (may_repeat(problem, deadline));
    return take_problem(error, problem, "ending a transaction");
}
