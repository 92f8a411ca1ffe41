#include "dispatcher/attempts.h"

#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/clock.h"
#include "common/container.h"
#include "common/id.h"
#include "common/json.h"
#include "common/kafka_producer.h"
#include "common/panic.h"
#include "common/utf8.h"

/* So many records of any kind may wait for Kafka before attempts are dropped. */
enum { MAX_WAITING = 20000, MAX_EXCERPT = 512 };

static const char *const type_names[] = {
    [ATTEMPT_DELIVERY_FAILED] = "delivery.failed",
    [ATTEMPT_VERIFICATION_FAILED] = "verification.failed",
    [ATTEMPT_SUSPENDED] = "delivery.suspended",
    [ATTEMPT_RECOVERED] = "delivery.recovered",
    [ATTEMPT_GONE] = "delivery.gone",
    [ATTEMPT_DEAD_LETTERED] = "delivery.dead_lettered",
    [ATTEMPT_REDELIVERED] = "delivery.redelivered",
    [ATTEMPT_NOT_REDELIVERED] = "delivery.not_redelivered",
    [ATTEMPT_PAUSED] = "delivery.paused",
    [ATTEMPT_RESUMED] = "delivery.resumed",
    [ATTEMPT_MOVED] = "delivery.moved",
};

struct attempts {
    struct dispatcher *dispatcher;
    rd_kafka_topic_t *topic;
};

struct sent_attempt {
    struct kafka_receipt receipt;
    char *value;
};

struct attempts *attempts_new(struct dispatcher *dispatcher, struct error *error)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(kafka_producer_handle(dispatcher->producer),
                                                 dispatcher->names.attempts, NULL);
    if (!topic) {
        kafka_error(error, rd_kafka_last_error(), "attempts topic");
        return NULL;
    }
    struct attempts *attempts = xcalloc(1, sizeof(*attempts));
    attempts->dispatcher = dispatcher;
    attempts->topic = topic;
    return attempts;
}

void attempts_free(struct attempts *attempts)
{
    if (!attempts)
        return;
    rd_kafka_topic_destroy(attempts->topic);
    free(attempts);
}

/** What a stranger answered, as text that JSON can hold. */
static void put_excerpt(json_t *object, const struct http_result *result)
{
    struct buffer text = {0};
    size_t length = result->body ? strnlen(result->body, MAX_EXCERPT) : 0;
    if (length == 0)
        return;
    utf8_append_repaired(&text, result->body, length);
    json_put_string(object, "excerpt", text.data);
    buffer_fini(&text);
}

static void put_result(json_t *object, const struct http_result *result)
{
    if (result->outcome == HTTP_ANSWERED)
        json_put_integer(object, "status", result->status);
    json_put_integer(object, "duration_us", result->duration_us);
    put_excerpt(object, result);
}

static char *encode(const struct attempt *attempt, size_t *length)
{
    json_t *object = json_object();
    json_put_integer(object, "v", 1);
    json_put_string(object, "type", type_names[attempt->type]);
    json_put_integer(object, "at", clock_wall_ms());
    json_put_string(object, "topic", attempt->topic);
    json_put_string(object, "callback", attempt->callback);
    if (attempt->message) {
        json_put_string(object, "message", attempt->message->id);
        json_put_integer(object, "offset", attempt->message->offset);
    } else if (attempt->type == ATTEMPT_MOVED || attempt->type == ATTEMPT_NOT_REDELIVERED)
        json_put_integer(object, "offset", attempt->offset);
    json_put_string(object, "by", attempt->by);
    json_put_string(object, "reason", attempt->reason);
    if (attempt->result)
        put_result(object, attempt->result);
    if (attempt->failures > 0)
        json_put_integer(object, "failures", attempt->failures);
    if (attempt->retry_in_ms > 0)
        json_put_integer(object, "retry_in_ms", attempt->retry_in_ms);
    return json_finish(object, length);
}

/* @locality producer thread */
static void on_settled(struct kafka_receipt *receipt, rd_kafka_resp_err_t code, int64_t offset)
{
    struct sent_attempt *sent = CONTAINER_OF(receipt, struct sent_attempt, receipt);
    (void)code;
    (void)offset;
    free(sent->value);
    free(sent);
}

void attempts_record(struct attempts *attempts, const struct attempt *attempt)
{
    struct dispatcher *dispatcher = attempts->dispatcher;
    struct error error;
    if (rd_kafka_outq_len(kafka_producer_handle(dispatcher->producer)) > MAX_WAITING) {
        counter_add(dispatcher->metrics.attempts_dropped, 1);
        return;
    }
    struct sent_attempt *sent = xcalloc(1, sizeof(*sent));
    sent->receipt.settled = on_settled;
    struct kafka_record record = {
        .topic = attempts->topic,
        .key = attempt->subscription,
        .key_length = strlen(attempt->subscription),
    };
    record.partition =
        id_partition(record.key, record.key_length, dispatcher->layout.attempts_partitions);
    record.value = sent->value = encode(attempt, &record.value_length);
    if (kafka_producer_send(dispatcher->producer, &record, &sent->receipt, &error) == 0)
        return;
    counter_add(dispatcher->metrics.attempts_dropped, 1);
    free(sent->value);
    free(sent);
}
