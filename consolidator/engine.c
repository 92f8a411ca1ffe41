#include "consolidator/engine_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/kafka_shards.h"
#include "common/log.h"
#include "common/panic.h"
#include "common/state_loader.h"
#include "consolidator/partition.h"

enum {
    POLL_MS = 100,
    SEEK_MS = 30000,
    TRANSACTION_MS = 30000,
};

/* --- taking over and giving up partitions --- */

static void count_secrets(const struct engine *engine)
{
    size_t size = secrets_count_size(engine->keyring);
    int64_t *counts = xcalloc(size, sizeof(*counts));
    for (int32_t i = 0; i < engine->partition_count; i++)
        for (size_t j = 0; engine->partitions[i] && j < size; j++)
            counts[j] += engine->partitions[i]->secrets[j];
    secrets_gauges_set(engine->metrics->secrets, counts);
    free(counts);
}

static void count_entities(struct engine *engine)
{
    int64_t partitions = 0, subscriptions = 0, topics = 0;
    for (int32_t i = 0; i < engine->partition_count; i++) {
        if (!engine->partitions[i])
            continue;
        partitions++;
        subscriptions += HASH_CNT(by_id, engine->partitions[i]->entities.subscriptions);
        topics += HASH_CNT(by_topic, engine->partitions[i]->entities.topics);
    }
    gauge_set(engine->metrics->partitions, partitions);
    gauge_set(engine->metrics->subscriptions, subscriptions);
    gauge_set(engine->metrics->topics, topics);
    count_secrets(engine);
}

/**
 * An assignment may still come when we are about to leave the group. librdkafka no longer answers
 * what opening partitions asks for then: we would wait in vain, past every grace.
 */
static void take_over(struct engine *engine, rd_kafka_topic_partition_list_t *list)
{
    if (engine->closing)
        return;
    if (opening_run(engine, list, &engine->failure) != 0)
        engine->failed = true;
    atomic_store(engine->joined, !engine->failed);
}

/* @locality the thread in engine_run, within rd_kafka_consumer_poll or _close */
static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    struct engine *engine = opaque;
    rd_kafka_topic_partition_list_t *list = kafka_shards_among(partitions, engine->partition_count);
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        take_over(engine, list);
        rd_kafka_error_t *error = rd_kafka_incremental_assign(rk, list);
        if (error)
            rd_kafka_error_destroy(error);
    } else {
        for (int i = 0; i < list->cnt; i++)
            opening_close(engine, list->elems[i].partition);
        rd_kafka_error_t *error = rd_kafka_incremental_unassign(rk, list);
        if (error)
            rd_kafka_error_destroy(error);
    }
    count_entities(engine);
    log_info(code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? "consolidator.partitions_assigned"
                                                          : "consolidator.partitions_revoked",
             LOG_INT("count", list->cnt));
    rd_kafka_topic_partition_list_destroy(list);
}

/* --- the loop --- */

static void drop_batch(struct engine *engine)
{
    for (size_t i = 0; i < engine->batch_count; i++)
        rd_kafka_message_destroy(engine->batch[i]);
    engine->batch_count = 0;
}

static void take_message(struct engine *engine, rd_kafka_message_t *message)
{
    if (!message->err) {
        engine->batch[engine->batch_count++] = message;
        return;
    }
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        engine->eof[message->partition] = message->offset;
    else
        log_warning("consolidator.read_failed",
                    LOG_STR("reason", rd_kafka_message_errstr(message)));
    rd_kafka_message_destroy(message);
}

/** Waits for a first message, then takes what is there already. */
static void gather(struct engine *engine)
{
    int timeout = POLL_MS;
    rd_kafka_message_t *message;
    while (engine->batch_count < (size_t)engine->config->consolidator.batch_events &&
           (message = rd_kafka_consumer_poll(engine->consumer, timeout))) {
        take_message(engine, message);
        timeout = 0;
    }
}

static bool has_work(struct engine *engine)
{
    if (engine->batch_count > 0)
        return true;
    int64_t now = clock_wall_ms();
    for (int32_t i = 0; i < engine->partition_count; i++) {
        struct partition *partition = engine->partitions[i];
        if (!partition)
            continue;
        const struct subscription_entity *first = entities_first_due(&partition->entities);
        if ((first && first->due_ms <= now) || transaction_has_progress(engine, partition))
            return true;
    }
    return false;
}

/** Until it is done: librdkafka before 2.1 takes the timeout for microseconds (its issue 4230). */
static int seek(struct engine *engine, rd_kafka_topic_partition_list_t *list, struct error *error)
{
    int64_t deadline = clock_monotonic_ms() + SEEK_MS;
    int result;
    do {
        rd_kafka_error_t *problem = rd_kafka_seek_partitions(engine->consumer, list, SEEK_MS);
        result = transaction_error(error, problem, "seek");
    } while (result != 0 && error->code == ERROR_TIMEOUT && clock_monotonic_ms() < deadline);
    return result;
}

/** After a failed transaction memory is ahead of Kafka: forget it, and go back to what was
 * committed. */
static int start_over(struct engine *engine, struct error *error)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    int result = -1;
    if (transaction_error(error, rd_kafka_abort_transaction(engine->producer, TRANSACTION_MS),
                          "abort") != 0)
        return -1;
    rd_kafka_resp_err_t code = rd_kafka_assignment(engine->consumer, &list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_error(error, code, "assignment");
    if (opening_run(engine, list, error) == 0)
        result = seek(engine, list, error);
    rd_kafka_topic_partition_list_destroy(list);
    return result;
}

int engine_run(struct engine *engine, const atomic_bool *stop, atomic_bool *joined,
               struct error *error)
{
    engine->joined = joined;
    while (!atomic_load(stop)) {
        gather(engine);
        if (engine->failed) {
            *error = engine->failure;
            return -1;
        }
        if (!has_work(engine))
            continue;
        int result = transaction_run(engine, error);
        drop_batch(engine);
        if (result == 0) {
            count_entities(engine);
            continue;
        }
        counter_add(engine->metrics->aborted, 1);
        log_warning("consolidator.transaction_failed", LOG_STR("reason", error->message));
        if (error->code == ERROR_CONFLICT || start_over(engine, error) != 0)
            return -1;
    }
    return 0;
}

/* --- making and freeing --- */

static void configure_consumer(rd_kafka_conf_t *conf)
{
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
}

static int make_consumer(struct engine *engine, struct error *error)
{
    char session_ms[32];
    snprintf(session_ms, sizeof(session_ms), "%" PRId64, engine->config->kafka.session_timeout);
    char heartbeat_ms[32];
    snprintf(heartbeat_ms, sizeof(heartbeat_ms), "%" PRId64,
             engine->config->kafka.session_timeout / 10);
    const struct kafka_property properties[] = {
        {"group.id", engine->names->group_consolidator},
        {"partition.assignment.strategy", "cooperative-sticky"},
        {"session.timeout.ms", session_ms},
        {"heartbeat.interval.ms", heartbeat_ms},
        {NULL, NULL},
    };
    engine->consumer = kafka_client_new(engine->config, RD_KAFKA_CONSUMER, properties,
                                        configure_consumer, engine, error);
    if (!engine->consumer)
        return -1;
    rd_kafka_poll_set_consumer(engine->consumer);
    return 0;
}

static int make_producer(struct engine *engine, struct error *error)
{
    char *id = xasprintf("%sconsolidator-%s", engine->config->kafka.topic_prefix,
                         engine->config->consolidator.instance_id);
    char timeout_ms[32];
    snprintf(timeout_ms, sizeof(timeout_ms), "%" PRId64, engine->config->kafka.transaction_timeout);
    const struct kafka_property properties[] = {
        {"transactional.id", id},
        {"transaction.timeout.ms", timeout_ms},
        {"message.timeout.ms", timeout_ms},
        {"linger.ms", "1"},
        {NULL, NULL},
    };
    engine->producer =
        kafka_client_new(engine->config, RD_KAFKA_PRODUCER, properties, NULL, NULL, error);
    free(id);
    if (!engine->producer)
        return -1;
    if (engine->config->notices.enabled)
        engine->notices = rd_kafka_topic_new(engine->producer, engine->names->notices, NULL);
    /* Fences a former life of this instance and ends the transaction that it may have left. */
    return transaction_error(error, rd_kafka_init_transactions(engine->producer, TRANSACTION_MS),
                             "init transactions");
}

static int join(struct engine *engine, struct error *error)
{
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, engine->names->events, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(engine->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : kafka_error(error, code, "subscribe");
}

struct engine *engine_new(const struct config *config, const struct kafka_names *names,
                          const struct kafka_layout *layout, const struct keyring *keyring,
                          const struct engine_metrics *metrics, struct error *error)
{
    int32_t partitions = layout->partitions;
    struct engine *engine = xcalloc(1, sizeof(*engine));
    engine->config = config;
    engine->names = names;
    engine->keyring = keyring;
    engine->metrics = metrics;
    engine->partition_count = partitions;
    engine->notices_partitions = layout->notices_partitions;
    engine->partitions = xcalloc((size_t)partitions, sizeof(*engine->partitions));
    engine->eof = xcalloc((size_t)partitions, sizeof(*engine->eof));
    engine->batch = xcalloc((size_t)config->consolidator.batch_events, sizeof(*engine->batch));
    engine->loader = state_loader_new(config, names, metrics->malformed_state, error);
    if (!engine->loader || make_producer(engine, error) != 0 || make_consumer(engine, error) != 0 ||
        join(engine, error) != 0) {
        engine_free(engine);
        return NULL;
    }
    return engine;
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    drop_batch(engine);
    engine->closing = true;
    if (engine->consumer) {
        rd_kafka_consumer_close(engine->consumer);
        kafka_client_free(engine->consumer);
    }
    if (engine->notices)
        rd_kafka_topic_destroy(engine->notices);
    kafka_client_free(engine->producer);
    state_loader_free(engine->loader);
    for (int32_t i = 0; i < engine->partition_count; i++)
        partition_free(engine->partitions[i]);
    free(engine->partitions);
    free(engine->eof);
    free(engine->batch);
    free(engine);
}
