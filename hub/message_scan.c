#include "hub/message_scan.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/kafka_offsets.h"
#include "common/panic.h"
#include "hub/message_row.h"

/* As many messages are read and thrown away in the time that it takes to begin elsewhere. */
enum { LEAP_MIN = 5000 };

enum { POLL_MS = 5, NUDGE_MS = 1000, BATCH = 512 };

struct message_scanner {
    const struct config *config;
    const atomic_bool *stopping;
    rd_kafka_t *rk; /* NULL: not made yet */
    rd_kafka_queue_t *queue;
};

struct message_scanner *message_scanner_new(const struct config *config,
                                            const atomic_bool *stopping)
{
    struct message_scanner *scanner = xcalloc(1, sizeof(*scanner));
    scanner->config = config;
    scanner->stopping = stopping;
    return scanner;
}

static int open_client(struct message_scanner *scanner, struct error *error)
{
    const struct kafka_property properties[] = {
        {"fetch.wait.max.ms", "10"},
        /* What is fetched beyond a range is thrown away. */
        {"fetch.message.max.bytes", "1048576"},
        {"queued.max.messages.kbytes", "4096"},
        {NULL, NULL},
    };
    if (scanner->rk)
        return 0;
    scanner->rk =
        kafka_client_new(scanner->config, RD_KAFKA_CONSUMER, properties, NULL, NULL, error);
    if (!scanner->rk)
        return -1;
    rd_kafka_poll_set_consumer(scanner->rk);
    scanner->queue = rd_kafka_queue_get_consumer(scanner->rk);
    return 0;
}

void message_scanner_free(struct message_scanner *scanner)
{
    if (scanner->rk) {
        rd_kafka_queue_destroy(scanner->queue);
        kafka_client_free(scanner->rk);
    }
    free(scanner);
}

/* --- the range --- */

/** `at`: a time, or RD_KAFKA_OFFSET_END. */
static int look_up(struct message_scanner *scanner, const struct message_read *read, int64_t at,
                   int64_t deadline, int64_t *offset, struct error *error)
{
    int64_t left = deadline - clock_monotonic_ms();
    return kafka_find_offset(scanner->rk, read->kafka_topic, read->partition, at,
                             left > 0 ? (int)left : 0, scanner->stopping, offset, error);
}

static int find_range(struct message_scanner *scanner, const struct message_read *read,
                      int64_t deadline, int64_t *from, int64_t *to, struct error *error)
{
    int64_t since = 0;
    if (look_up(scanner, read, RD_KAFKA_OFFSET_END, deadline, to, error) != 0 ||
        (read->from_ms > 0 && look_up(scanner, read, read->from_ms, deadline, &since, error) != 0))
        return -1;
    *from = since < 0 ? *to : read->from > since ? read->from : since;
    if (read->to >= 0 && read->to < *to)
        *to = read->to;
    return 0;
}

/* --- reading it --- */

static void add_row(struct message_read *read, const struct message_head *head,
                    const rd_kafka_message_t *record)
{
    if (read->count == read->capacity) {
        read->capacity = read->capacity ? 2 * read->capacity : 16;
        read->rows = xrealloc(read->rows, read->capacity * sizeof(*read->rows));
    }
    message_row_read(&read->rows[read->count++], head, record);
    read->bytes += head->body_length;
}

/** Whether the message is passed over unseen. */
static bool is_skipped(struct message_read *read, const rd_kafka_message_t *record)
{
    if (read->skip && read->skipping == 0)
        read->skipping = read->skip(read, rd_kafka_message_timestamp(record, NULL));
    if (read->skipping == 0)
        return false;
    read->skipping--;
    return true;
}

/** @returns whether the read goes on behind this record. */
static bool take_record(struct message_read *read, const rd_kafka_message_t *record)
{
    struct message_head head;
    if (record->key_len != strlen(read->key) ||
        memcmp(record->key, read->key, record->key_len) != 0)
        return true;
    if (is_skipped(read, record))
        return true;
    message_head_read(&head, record, read->origin);
    enum message_verdict verdict = read->judge ? read->judge(read, &head) : MESSAGE_TAKE;
    if (verdict == MESSAGE_PASS_OVER)
        return true;
    bool too_many =
        read->count > 0 && head.body_length > read->max_bytes - read->bytes; /* see below */
    if (verdict == MESSAGE_STOP || too_many) {
        read->end = too_many ? MESSAGE_READ_BYTES : MESSAGE_READ_STOPPED;
        read->next = record->offset;
        return false;
    }
    add_row(read, &head, record);
    if (read->bytes > read->max_bytes)
        read->bytes = read->max_bytes; /* a first one that is too large alone */
    if (read->count < read->max_rows)
        return true;
    read->end = MESSAGE_READ_ROWS;
    return false;
}

/** @returns whether the read goes on. */
static bool take_message(struct message_read *read, const rd_kafka_message_t *message, int64_t to,
                         struct error *error)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        /* Not all offsets have records, so the last may never come. */
        if (message->offset > read->next)
            read->next = message->offset;
        return read->next < to;
    }
    if (message->err) {
        kafka_error(error, message->err, "reading messages");
        return true; /* librdkafka goes on by itself, and so it may pass */
    }
    error->code = ERROR_NONE;
    if (message->offset >= to) {
        read->next = to;
        return false;
    }
    if (message->offset < read->next)
        return true; /* Kafka lost what was asked for, and begins anew */
    read->next = message->offset + 1;
    return take_record(read, message) && read->next < to;
}

/** librdkafka may look only a second later whether there is something to fetch, unless something
 * else wakes its thread: a request does. */
static void nudge(struct message_scanner *scanner, const struct message_read *read)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, read->kafka_topic, read->partition)->offset =
        RD_KAFKA_OFFSET_END;
    kafka_ask_offsets(scanner->rk, list, NUDGE_MS);
    rd_kafka_topic_partition_list_destroy(list);
}

static int assign(struct message_scanner *scanner, const struct message_read *read,
                  struct error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, read->kafka_topic, read->partition)->offset =
        read->next;
    rd_kafka_resp_err_t code = rd_kafka_assign(scanner->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : kafka_error(error, code, "messages");
}

/** Where all that is left to be skipped lies in one piece, goes to its end; true: so it did. */
static bool leap(struct message_read *read, int64_t to)
{
    if (!read->alone || read->skipping < LEAP_MIN)
        return false;
    read->next = read->skipping < to - read->next ? read->next + read->skipping : to;
    read->skipping = 0;
    return true;
}

static int scan(struct message_scanner *scanner, struct message_read *read, int64_t to,
                int64_t deadline, struct error *error)
{
    rd_kafka_message_t *messages[BATCH];
    bool going_on = true;
    while (going_on) {
        if (leap(read, to) && assign(scanner, read, error) != 0)
            return -1;
        size_t count = kafka_consume(scanner->queue, POLL_MS, messages, BATCH);
        for (size_t i = 0; i < count; i++) {
            going_on = going_on && take_message(read, messages[i], to, error);
            rd_kafka_message_destroy(messages[i]);
        }
        if (atomic_load(scanner->stopping))
            return error_set(error, ERROR_UNAVAILABLE, true, "the hub is stopping");
        if (going_on && clock_monotonic_ms() >= deadline) {
            read->end = MESSAGE_READ_TIME;
            return error->code == ERROR_NONE ? 0 : -1;
        }
        if (count == 0)
            nudge(scanner, read);
    }
    return 0;
}

int message_scanner_read(struct message_scanner *scanner, struct message_read *read,
                         struct error *error)
{
    int64_t to = 0, deadline = clock_monotonic_ms() + read->timeout_ms;
    memset(error, 0, sizeof(*error));
    read->end = MESSAGE_READ_COMPLETE;
    if (open_client(scanner, error) != 0 ||
        find_range(scanner, read, deadline, &read->next, &to, error) != 0)
        return -1;
    memset(error, 0, sizeof(*error));
    if (read->max_rows == 0 || read->next >= to)
        return 0;
    int result = assign(scanner, read, error);
    if (result == 0)
        result = scan(scanner, read, to, deadline, error);
    rd_kafka_assign(scanner->rk, NULL);
    return result;
}
