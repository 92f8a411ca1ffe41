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
    struct message_partition *partitions; /* as long as the process: readers compare pointers */
};

struct dead_letter {
    struct kafka_receipt receipt;
    struct task task;
    struct loop *loop;
    struct message *message; /* Kafka's producer reads its body */
    int64_t behind;
    void (*settled)(void *context, int64_t behind); /* NULL: nobody waits */
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
    letters->partitions =
        xcalloc((size_t)dispatcher->layout.dead_letters_partitions, sizeof(*letters->partitions));
    for (int32_t i = 0; i < dispatcher->layout.dead_letters_partitions; i++) {
        letters->partitions[i].kafka_topic = dispatcher->names.dead_letters;
        letters->partitions[i].partition = i;
    }
    return letters;
}

void dead_letters_free(struct dead_letters *letters)
{
    if (!letters)
        return;
    rd_kafka_topic_destroy(letters->topic);
    free(letters->partitions);
    free(letters);
}

static int32_t partition_of(const struct dead_letters *letters, const char *subscription_id)
{
    return id_partition(subscription_id, strlen(subscription_id),
                        letters->dispatcher->layout.dead_letters_partitions);
}

struct message_partition *dead_letters_partition(struct dead_letters *letters,
                                                 const char *subscription_id)
{
    return &letters->partitions[partition_of(letters, subscription_id)];
}

/* --- what is written --- */

static void add_number(rd_kafka_headers_t *headers, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, value);
    kafka_add_header(headers, name, text);
}

/** Why it is one, or that it is none any more. */
static void add_fate(rd_kafka_headers_t *headers, const struct dead_letter_contents *contents)
{
    if (!contents->reason) {
        add_number(headers, DEAD_LETTER_HEADER_SETTLED, clock_wall_ms());
        return;
    }
    kafka_add_header(headers, DEAD_LETTER_HEADER_REASON, contents->reason);
    add_number(headers, DEAD_LETTER_HEADER_FAILURES, contents->failures);
    add_number(headers, DEAD_LETTER_HEADER_AT, clock_wall_ms());
}

static rd_kafka_headers_t *make_headers(const struct dead_letter_contents *contents)
{
    const struct message *message = contents->message;
    const struct message_partition *origin = contents->channel->partition;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(12);
    kafka_add_header(headers, MESSAGE_HEADER_ID, message->id);
    add_number(headers, MESSAGE_HEADER_PUBLISHED_AT, message->published_at_ms);
    kafka_add_header(headers, MESSAGE_HEADER_CONTENT_TYPE, message_content_type(message));
    kafka_add_header(headers, MESSAGE_HEADER_TRACEPARENT, message_traceparent(message));
    kafka_add_header(headers, DEAD_LETTER_HEADER_TOPIC, contents->channel->topic);
    kafka_add_header(headers, DEAD_LETTER_HEADER_CALLBACK, contents->callback);
    add_fate(headers, contents);
    if (message->offset < 0)
        return headers; /* a letter of a message that lies elsewhere by now */
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
        letter->settled(letter->context, letter->behind);
    free(letter);
}

/* @locality producer thread */
static void on_settled(struct kafka_receipt *receipt, rd_kafka_resp_err_t code, int64_t offset)
{
    struct dead_letter *letter = CONTAINER_OF(receipt, struct dead_letter, receipt);
    letter->behind = code == RD_KAFKA_RESP_ERR_NO_ERROR ? offset + 1 : 0;
    message_release(letter->message);
    loop_post(letter->loop, &letter->task);
}

void dead_letter_forget(struct dead_letter *letter)
{
    letter->settled = NULL;
}

struct dead_letter *dead_letter_send(struct dead_letters *letters, struct loop *loop,
                                     const struct dead_letter_contents *contents,
                                     void (*settled)(void *context, int64_t behind), void *context,
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
        .value = contents->reason ? contents->message->body : NULL,
        .value_length = contents->reason ? contents->message->body_length : 0,
        .headers = make_headers(contents),
        .partition = partition_of(letters, contents->subscription),
    };
    if (kafka_producer_send(dispatcher->producer, &record, &letter->receipt, error) == 0)
        return letter;
    rd_kafka_headers_destroy(record.headers);
    message_release(letter->message);
    free(letter);
    return NULL;
}
