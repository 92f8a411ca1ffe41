#include "dispatcher/dead_letter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/id.h"
#include "common/kafka.h"
#include "common/kafka_producer.h"
#include "common/message.h"
#include "common/panic.h"
#include "dispatcher/loop.h"

struct dead_letters {
    struct dispatcher *dispatcher;
    rd_kafka_topic_t *topic;
};

struct dead_letter {
    struct kafka_receipt receipt;
    struct task task;
    struct loop *loop;
    struct message *message; /* Kafka's producer reads its body */
    bool written;
    void (*settled)(void *context, bool written); /* NULL: nobody waits */
    void *context;
};

struct dead_letters *dead_letters_new(struct dispatcher *dispatcher, struct error *error)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(kafka_producer_handle(dispatcher->producer),
                                                 dispatcher->names.dead_letters, NULL);
    if (!topic) {
        kafka_error(error, rd_kafka_last_error(), "dead letters topic");
        return NULL;
    }
    struct dead_letters *letters = xcalloc(1, sizeof(*letters));
    letters->dispatcher = dispatcher;
    letters->topic = topic;
    return letters;
}

void dead_letters_free(struct dead_letters *letters)
{
    if (!letters)
        return;
    rd_kafka_topic_destroy(letters->topic);
    free(letters);
}

/* --- what is written --- */

static void add_number(rd_kafka_headers_t *headers, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, value);
    kafka_add_header(headers, name, text);
}

static rd_kafka_headers_t *make_headers(const struct dead_letter_contents *contents)
{
    const struct message *message = contents->message;
    const struct message_partition *origin = contents->channel->partition;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(12);
    kafka_add_header(headers, MESSAGE_HEADER_ID, message->id);
    add_number(headers, MESSAGE_HEADER_PUBLISHED_AT, message->published_at_ms);
    kafka_add_header(headers, MESSAGE_HEADER_CONTENT_TYPE, message_content_type(message));
    kafka_add_header(headers, MESSAGE_HEADER_TRACEPARENT, message->traceparent);
    kafka_add_header(headers, MESSAGE_HEADER_SELF, message->self);
    kafka_add_header(headers, DEAD_LETTER_HEADER_TOPIC, contents->channel->topic);
    kafka_add_header(headers, DEAD_LETTER_HEADER_CALLBACK, contents->callback);
    kafka_add_header(headers, DEAD_LETTER_HEADER_REASON, contents->reason);
    add_number(headers, DEAD_LETTER_HEADER_FAILURES, contents->failures);
    add_number(headers, DEAD_LETTER_HEADER_AT, clock_wall_ms());
    kafka_add_header(headers, DEAD_LETTER_HEADER_ORIGIN, origin->kafka_topic);
    add_number(headers, DEAD_LETTER_HEADER_PARTITION, origin->partition);
    add_number(headers, DEAD_LETTER_HEADER_OFFSET, message->offset);
    return headers;
}

/* --- what becomes of it --- */

/* @locality the loop's thread */
static void run_settled(struct task *task, void *owner)
{
    struct dead_letter *letter = CONTAINER_OF(task, struct dead_letter, task);
    (void)owner;
    if (letter->settled)
        letter->settled(letter->context, letter->written);
    free(letter);
}

/* @locality producer thread */
static void on_settled(struct kafka_receipt *receipt, rd_kafka_resp_err_t code, int64_t offset)
{
    struct dead_letter *letter = CONTAINER_OF(receipt, struct dead_letter, receipt);
    (void)offset;
    letter->written = code == RD_KAFKA_RESP_ERR_NO_ERROR;
    message_release(letter->message);
    loop_post(letter->loop, &letter->task);
}

void dead_letter_forget(struct dead_letter *letter)
{
    letter->settled = NULL;
}

struct dead_letter *dead_letter_send(struct dead_letters *letters, struct loop *loop,
                                     const struct dead_letter_contents *contents,
                                     void (*settled)(void *context, bool written), void *context,
                                     struct error *error)
{
    struct dispatcher *dispatcher = letters->dispatcher;
    struct dead_letter *letter = xcalloc(1, sizeof(*letter));
    letter->receipt.settled = on_settled;
    letter->task.run = run_settled;
    letter->loop = loop;
    letter->message = message_hold(contents->message);
    letter->settled = settled;
    letter->context = context;
    struct kafka_record record = {
        .topic = letters->topic,
        .key = contents->subscription,
        .key_length = strlen(contents->subscription),
        .value = contents->message->body,
        .value_length = contents->message->body_length,
        .headers = make_headers(contents),
    };
    record.partition =
        id_partition(record.key, record.key_length, dispatcher->layout.dead_letters_partitions);
    if (kafka_producer_send(dispatcher->producer, &record, &letter->receipt, error) == 0)
        return letter;
    rd_kafka_headers_destroy(record.headers);
    message_release(letter->message);
    free(letter);
    return NULL;
}
