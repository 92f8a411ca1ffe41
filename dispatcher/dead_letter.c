#include "dispatcher/dead_letter.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/id.h"
#include "common/kafka.h"
#include "common/kafka_producer.h"
#include "common/log.h"
#include "common/message.h"
#include "common/notice.h"
#include "common/panic.h"
#include "dispatcher/loop.h"

struct dead_letters {
    struct dispatcher *dispatcher;
    rd_kafka_topic_t *topic;
    rd_kafka_topic_t *notices;            /* NULL: none are wanted */
    struct message_partition *partitions; /* as long as the process: readers compare pointers */
};

struct dead_letter {
    struct kafka_receipt receipt;
    struct kafka_receipt notice_receipt;
    atomic_int waiting; /* for so many receipts */
    struct task task;
    struct loop *loop;
    struct message *message; /* Kafka's producer reads its body */
    char *notice;            /* and this, or NULL */
    int64_t behind;
    atomic_bool failed; /* one of them is not written */
    struct counter *notices_refused;
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
    if (!config_wants_notice(&dispatcher->config, NOTICE_DEAD_LETTERED))
        return letters;
    letters->notices = rd_kafka_topic_new(kafka_producer_handle(dispatcher->producer),
                                          dispatcher->names.notices, NULL);
    if (letters->notices)
        return letters;
    kafka_error(error, rd_kafka_last_error(), "notices topic");
    dead_letters_free(letters);
    return NULL;
}

void dead_letters_free(struct dead_letters *letters)
{
    if (!letters)
        return;
    rd_kafka_topic_destroy(letters->topic);
    if (letters->notices)
        rd_kafka_topic_destroy(letters->notices);
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
    rd_kafka_headers_t *headers = rd_kafka_headers_new(13);
    kafka_add_header(headers, MESSAGE_HEADER_ID, message->id);
    add_number(headers, MESSAGE_HEADER_PUBLISHED_AT, message->published_at_ms);
    kafka_add_header(headers, MESSAGE_HEADER_CONTENT_TYPE, message_content_type(message));
    kafka_add_header(headers, MESSAGE_HEADER_TRACEPARENT, message->traceparent);
    kafka_add_header(headers, MESSAGE_HEADER_TRACESTATE, message->tracestate);
    kafka_add_header(headers, MESSAGE_HEADER_SELF, message->self);
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

/** The same whenever this message is given up at this place: who writes it again repeats it. */
static void set_notice_id(struct notice *notice, const struct dead_letter_contents *contents)
{
    const struct message_partition *origin = contents->channel->partition;
    char *occasion =
        xasprintf("%" PRId64 "/%s/%" PRId32 "/%" PRId64 "/%s", contents->base, origin->kafka_topic,
                  origin->partition, contents->message->offset, contents->message->id);
    notice_set_id(notice, occasion);
    free(occasion);
}

static char *make_notice(const struct dead_letter_contents *contents, size_t *length)
{
    struct notice notice = {
        .type = NOTICE_DEAD_LETTERED,
        .at_ms = clock_wall_ms(),
        .topic = xstrdup(contents->channel->topic),
        .owner = xstrdup_or_null(contents->owner),
        .reason = xstrdup(contents->reason),
        .lease_end_ms = contents->lease_end_ms,
        .message = xstrdup(contents->message->id),
        .offset = contents->message->offset,
    };
    memcpy(notice.subscription, contents->subscription, sizeof(notice.subscription));
    notice_set_callback(&notice, contents->callback);
    set_notice_id(&notice, contents);
    char *value = notice_encode(&notice, length);
    notice_fini(&notice);
    return value;
}

/* --- what becomes of it --- */

/* @locality the loop's thread */
static void run_settled(struct task *task, void *owner)
{
    struct dead_letter *letter = CONTAINER_OF(task, struct dead_letter, task);
    (void)owner;
    if (letter->settled)
        letter->settled(letter->context, atomic_load(&letter->failed) ? 0 : letter->behind);
    free(letter);
}

/** One receipt less to wait for. @locality any thread */
static void settle(struct dead_letter *letter, bool written)
{
    if (!written)
        atomic_store(&letter->failed, true);
    if (atomic_fetch_sub(&letter->waiting, 1) > 1)
        return;
    message_release(letter->message);
    free(letter->notice);
    loop_post(letter->loop, &letter->task);
}

/* @locality producer thread */
static void on_settled(struct kafka_receipt *receipt, rd_kafka_resp_err_t code, int64_t offset)
{
    struct dead_letter *letter = CONTAINER_OF(receipt, struct dead_letter, receipt);
    letter->behind = offset + 1;
    settle(letter, code == RD_KAFKA_RESP_ERR_NO_ERROR);
}

/**
 * Without a time-out, what Kafka does not take it refuses for good: that must not hold up the
 * subscription. Only what is purged, when we stop, is left to whoever comes next.
 * @locality producer thread
 */
static void on_notice_settled(struct kafka_receipt *receipt, rd_kafka_resp_err_t code,
                              int64_t offset)
{
    struct dead_letter *letter = CONTAINER_OF(receipt, struct dead_letter, notice_receipt);
    bool purged =
        code == RD_KAFKA_RESP_ERR__PURGE_QUEUE || code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
    (void)offset;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && !purged) {
        counter_add(letter->notices_refused, 1);
        log_warning("notice.refused", LOG_STR("type", notice_type_name(NOTICE_DEAD_LETTERED)),
                    LOG_STR("reason", rd_kafka_err2str(code)));
    }
    settle(letter, !purged);
}

void dead_letter_forget(struct dead_letter *letter)
{
    letter->settled = NULL;
}

/* --- writing --- */

static int send_letter(struct dead_letters *letters, struct dead_letter *letter,
                       const struct dead_letter_contents *contents, struct error *error)
{
    struct kafka_record record = {
        .topic = letters->topic,
        .key = contents->subscription,
        .key_length = strlen(contents->subscription),
        .value = contents->reason ? contents->message->body : NULL,
        .value_length = contents->reason ? contents->message->body_length : 0,
        .headers = make_headers(contents),
        .partition = partition_of(letters, contents->subscription),
    };
    int result =
        kafka_producer_send(letters->dispatcher->producer, &record, &letter->receipt, error);
    if (result != 0)
        rd_kafka_headers_destroy(record.headers);
    return result;
}

static int send_notice(struct dead_letters *letters, struct dead_letter *letter,
                       const struct dead_letter_contents *contents, struct error *error)
{
    struct dispatcher *dispatcher = letters->dispatcher;
    struct kafka_record record = {
        .topic = letters->notices,
        .key = contents->subscription,
        .key_length = strlen(contents->subscription),
    };
    record.value = letter->notice = make_notice(contents, &record.value_length);
    record.partition =
        id_partition(record.key, record.key_length, dispatcher->layout.notices_partitions);
    return kafka_producer_send(dispatcher->producer, &record, &letter->notice_receipt, error);
}

struct dead_letter *dead_letter_send(struct dead_letters *letters, struct loop *loop,
                                     const struct dead_letter_contents *contents,
                                     void (*settled)(void *context, int64_t behind), void *context,
                                     struct error *error)
{
    bool tell = letters->notices && contents->is_news;
    struct dead_letter *letter = xcalloc(1, sizeof(*letter));
    letter->receipt.settled = on_settled;
    letter->notice_receipt.settled = on_notice_settled;
    letter->notices_refused = letters->dispatcher->metrics.notices_refused;
    letter->task.run = run_settled;
    letter->loop = loop;
    letter->message = message_hold(contents->message);
    letter->settled = settled;
    letter->context = context;
    atomic_init(&letter->failed, false);
    atomic_init(&letter->waiting, tell ? 2 : 1);
    if (send_letter(letters, letter, contents, error) != 0) {
        message_release(letter->message);
        free(letter);
        return NULL;
    }
    if (tell && send_notice(letters, letter, contents, error) != 0)
        settle(letter, false); /* both again */
    return letter;
}
