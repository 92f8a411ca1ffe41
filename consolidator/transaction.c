/* One Kafka transaction: from events to state. What it must hold is said in engine.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/audit.h"
#include "common/clock.h"
#include "common/id.h"
#include "common/log.h"
#include "consolidator/engine_internal.h"

enum { TRANSACTION_MS = 30000 };

int transaction_error(struct error *error, rd_kafka_error_t *problem, const char *what)
{
    if (!problem)
        return 0;
    kafka_error(error, rd_kafka_error_code(problem), what);
    /* An abort also mends what fails because the group is moving on (ILLEGAL_GENERATION): the next
     * poll brings its news. To leave the group for it would only set off another move, and with
     * that the same failure in the other consolidators. */
    if (rd_kafka_error_txn_requires_abort(problem))
        error->code = ERROR_UNAVAILABLE;
    if (rd_kafka_error_is_fatal(problem))
        error->code = ERROR_CONFLICT;
    snprintf(error->message, sizeof(error->message), "%s: %s", what,
             rd_kafka_error_string(problem));
    rd_kafka_error_destroy(problem);
    return -1;
}

static int produce(struct engine *engine, const char *topic, int32_t partition, const char *key,
                   const char *value, size_t length, struct error *error)
{
    rd_kafka_resp_err_t code = rd_kafka_producev(
        engine->producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE((void *)(uintptr_t)value, length),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : kafka_error(error, code, "produce");
}

struct change_target {
    struct engine *engine;
    int32_t partition;
    struct error *error;
};

static int on_changed(void *context, const char *key, const char *value, size_t length)
{
    const struct change_target *target = context;
    return produce(target->engine, target->engine->names->state, target->partition, key, value,
                   length, target->error);
}

static int produce_event(struct engine *engine, int32_t partition, const struct event *event,
                         struct error *error)
{
    size_t length;
    char *key = event_key(event), *value = event_encode(event, &length);
    int result = produce(engine, engine->names->events, partition, key, value, length, error);
    free(key);
    free(value);
    return result;
}

static int spread_topic_ended(struct engine *engine, const struct event *deregistered,
                              struct error *error)
{
    struct event ended = *deregistered; /* borrows its strings */
    ended.type = EVENT_TOPIC_ENDED;
    for (int32_t i = 0; i < engine->partition_count; i++)
        if (produce_event(engine, i, &ended, error) != 0)
            return -1;
    return 0;
}

static int produce_notice(struct engine *engine, const struct notice *notice, struct error *error)
{
    size_t length;
    if (!config_wants_notice(engine->config, notice->type))
        return 0;
    char *value = notice_encode(notice, &length);
    int32_t partition = id_partition(notice->subscription, strlen(notice->subscription),
                                     engine->notices_partitions);
    int result = produce(engine, engine->names->notices, partition, notice->subscription, value,
                         length, error);
    free(value);
    counter_add(engine->metrics->notices, 1);
    return result;
}

/** The hub let it pass because it had not seen yet whose the subscription is. */
static void audit_denied(const struct engine *engine, const struct event *event)
{
    const struct audit_entry entry = {
        .operation = event->type == EVENT_SUBSCRIPTION_REQUESTED ? "subscribe" : "unsubscribe",
        .topic = event->topic,
        .callback = event->callback,
        .user = event->owner,
        .request = event->request_id,
        .reason = "the subscription is another's",
    };
    audit_write(engine->config->log.audit, &entry);
}

static int fold_message(struct engine *engine, const rd_kafka_message_t *message,
                        struct error *error)
{
    struct partition *partition = engine->partitions[message->partition];
    struct event event;
    struct error malformed;
    struct partition_effects effects;
    if (!partition || message->offset < partition->folded)
        return 0; /* revoked meanwhile, or read again after a failed transaction */
    partition->folded = message->offset + 1;
    if (event_decode(message->payload, message->len, &event, &malformed) != 0) {
        counter_add(engine->metrics->malformed, 1);
        log_warning("event.malformed", LOG_INT("partition", message->partition),
                    LOG_INT("offset", message->offset), LOG_STR("reason", malformed.message));
        return 0;
    }
    struct change_target target = {engine, message->partition, error};
    int result = partition_fold(partition, &event, message->offset, on_changed, &target, &effects);
    if (effects.denied)
        audit_denied(engine, &event);
    if (result >= 0 && effects.topic_ended && spread_topic_ended(engine, &event, error) != 0)
        result = -1;
    if (result >= 0 && effects.notice && produce_notice(engine, effects.notice, error) != 0)
        result = -1;
    counter_add(result > 0 ? engine->metrics->folded : engine->metrics->ignored, 1);
    log_debug(result > 0 ? "event.folded" : "event.ignored",
              LOG_STR("type", event_type_name(event.type)), LOG_STR("topic", event.topic),
              LOG_URL("callback", event.callback), LOG_INT("partition", message->partition),
              LOG_INT("offset", message->offset));
    event_fini(&event);
    return result < 0 ? -1 : 0;
}

static int fold_batch(struct engine *engine, struct error *error)
{
    for (size_t i = 0; i < engine->batch_count; i++)
        if (fold_message(engine, engine->batch[i], error) != 0)
            return -1;
    return 0;
}

static int write_due(struct engine *engine, struct error *error)
{
    int64_t now = clock_wall_ms();
    for (int32_t i = 0; i < engine->partition_count; i++) {
        struct event event;
        for (int64_t n = 0;
             engine->partitions[i] && n < engine->config->consolidator.batch_events &&
             partition_take_due(engine->partitions[i], now, &event);
             n++) {
            int result = produce_event(engine, i, &event, error);
            event_fini(&event);
            if (result != 0)
                return -1;
        }
    }
    return 0;
}

bool transaction_has_progress(const struct engine *engine, const struct partition *partition)
{
    if (!partition)
        return false;
    return partition->folded > partition->progress_known ||
           engine->eof[partition->number] > partition->progress_known ||
           (partition->level_known != EVENT_LEVEL &&
            partition->folded == partition->progress_known);
}

static int write_progress(struct engine *engine, rd_kafka_topic_partition_list_t *offsets,
                          struct error *error)
{
    for (int32_t i = 0; i < engine->partition_count; i++) {
        struct partition *partition = engine->partitions[i];
        if (!transaction_has_progress(engine, partition))
            continue;
        /* The end lies beyond the last event where transaction markers follow it. */
        if (engine->eof[i] > partition->folded)
            partition->folded = engine->eof[i];
        size_t length;
        char *value = state_encode_progress(partition->folded, engine->partition_count, &length);
        int result =
            produce(engine, engine->names->state, i, STATE_PROGRESS_KEY, value, length, error);
        free(value);
        if (result != 0)
            return -1;
        partition->progress_known = partition->folded;
        partition->level_known = EVENT_LEVEL;
        rd_kafka_topic_partition_list_add(offsets, engine->names->events, i)->offset =
            partition->folded;
    }
    return 0;
}

static int send_offsets(struct engine *engine, rd_kafka_topic_partition_list_t *offsets,
                        struct error *error)
{
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata(engine->consumer);
    int result = transaction_error(
        error,
        rd_kafka_send_offsets_to_transaction(engine->producer, offsets, group, TRANSACTION_MS),
        "offsets of the transaction");
    rd_kafka_consumer_group_metadata_destroy(group);
    return result;
}

int transaction_run(struct engine *engine, struct error *error)
{
    if (transaction_error(error, rd_kafka_begin_transaction(engine->producer), "begin") != 0)
        return -1;
    rd_kafka_topic_partition_list_t *offsets =
        rd_kafka_topic_partition_list_new(engine->partition_count);
    int result = fold_batch(engine, error);
    if (result == 0)
        result = write_due(engine, error);
    if (result == 0)
        result = write_progress(engine, offsets, error);
    if (result == 0 && offsets->cnt > 0)
        result = send_offsets(engine, offsets, error);
    if (result == 0)
        result = transaction_error(
            error, rd_kafka_commit_transaction(engine->producer, TRANSACTION_MS), "commit");
    rd_kafka_topic_partition_list_destroy(offsets);
    if (result == 0)
        counter_add(engine->metrics->transactions, 1);
    return result;
}
