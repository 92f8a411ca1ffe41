#include "dispatcher/control.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/kafka_shards.h"
#include "common/log.h"
#include "common/panic.h"
#include "common/state_loader.h"
#include "dispatcher/control_internal.h"

enum { POLL_MS = 100, BUSY_POLL_MS = 10, CLOSE_MS = 3000, METADATA_MS = 5000 };

/* --- shards --- */

struct shard *control_shard(struct control *control, int32_t number)
{
    return number >= 0 && number < control->shard_count ? control->shards[number] : NULL;
}

void control_update_ready(struct control *control, bool joined)
{
    int64_t owned = 0;
    bool live = true;
    for (int32_t i = 0; i < control->shard_count; i++) {
        if (!control->shards[i])
            continue;
        owned++;
        live = live && control->shards[i]->phase == SHARD_LIVE;
    }
    gauge_set(control->dispatcher->metrics.shards, owned);
    if (joined || atomic_load(&control->ready))
        atomic_store(&control->ready, live);
    else if (live && owned > 0)
        atomic_store(&control->ready, true);
}

void control_note(rd_kafka_error_t *error, const char *call)
{
    if (!error)
        return;
    log_warning("dispatcher.rebalance_problem", LOG_STR("call", call),
                LOG_STR("reason", rd_kafka_error_string(error)));
    rd_kafka_error_destroy(error);
}

int64_t control_heartbeat_ms(const struct control *control)
{
    /* Members learn of a rebalance with a heartbeat: often, so that a dead one is replaced soon. */
    return control->dispatcher->config.kafka.session_timeout / 10;
}

/* --- state records --- */

static void on_record(void *context, int32_t partition, const char *key, size_t key_length,
                      struct state_record *record)
{
    struct control *control = context;
    struct shard *shard = control_shard(control, partition);
    if (shard)
        shard_take_record(shard, control->dispatcher, &control->channels, key, key_length, record);
}

static void on_fetch(struct control *control, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *message;
    while ((message = rd_kafka_event_message_next(event)))
        state_take_message(message, on_record, control,
                           control->dispatcher->metrics.malformed_state);
}

static void on_error(struct control *control, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    if (code == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        rd_kafka_topic_partition_t *at = rd_kafka_event_topic_partition(event);
        struct shard *shard = at ? control_shard(control, at->partition) : NULL;
        if (shard && shard->phase == SHARD_LOADING)
            takeover_on_loaded(control, shard);
        if (at)
            rd_kafka_topic_partition_destroy(at);
    } else if (code == RD_KAFKA_RESP_ERR__FATAL) {
        log_error("dispatcher.failed", LOG_STR("reason", rd_kafka_event_error_string(event)));
        atomic_store(&control->dead, true);
    } else {
        log_warning("dispatcher.kafka_error",
                    LOG_STR("reason", rd_kafka_event_error_string(event)));
    }
}

/* --- the thread --- */

static void on_rebalance(struct control *control, rd_kafka_event_t *event)
{
    rd_kafka_topic_partition_list_t *list =
        kafka_shards_among(rd_kafka_event_topic_partition_list(event), control->shard_count);
    counter_add(control->dispatcher->metrics.rebalances, 1);
    if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        log_info("dispatcher.shards_assigned", LOG_INT("count", list->cnt));
        takeover_begin(control, list);
    } else {
        handover_begin(control, list);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static void on_event(struct control *control, rd_kafka_event_t *event)
{
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_FETCH:
        on_fetch(control, event);
        break;
    case RD_KAFKA_EVENT_REBALANCE:
        on_rebalance(control, event);
        break;
    case RD_KAFKA_EVENT_ERROR:
        on_error(control, event);
        break;
    default:
        break;
    }
}

static void serve(struct control *control, int timeout_ms)
{
    /* Answers about offsets come on a queue of their own. */
    if (shard_offsets_poll(control->offsets) > 0)
        timeout_ms = BUSY_POLL_MS;
    rd_kafka_event_t *event = rd_kafka_queue_poll(control->queue, timeout_ms);
    while (event) {
        on_event(control, event);
        rd_kafka_event_destroy(event);
        event = rd_kafka_queue_poll(control->queue, 0);
        if (event)
            mailbox_run(&control->mailbox, control);
    }
    mailbox_run(&control->mailbox, control);
    handover_continue(control, clock_monotonic_ms());
}

static void run_timers(struct control *control)
{
    const struct config *config = &control->dispatcher->config;
    int64_t now = clock_monotonic_ms();
    takeover_continue(control, now);
    if (now >= control->next_check_ms && !control->checking) {
        membership_check(control);
        control->next_check_ms = now + config->kafka.session_timeout / 4;
    }
    if (now >= control->next_collect_ms && !control->collecting) {
        commits_collect(control);
        control->next_collect_ms = now + config->dispatcher.commit_interval;
    }
    if (now >= control->next_report_ms) {
        own_report_send(control);
        control->next_report_ms = now + config->dispatcher.status_interval;
    }
}

static void *control_main(void *context)
{
    struct control *control = context;
    while (!atomic_load(&control->stopping) && !atomic_load(&control->dead)) {
        serve(control, POLL_MS);
        run_timers(control);
    }
    /* Leaving the group revokes everything in the usual way. */
    int64_t deadline =
        clock_monotonic_ms() + control->dispatcher->config.dispatcher.shutdown_grace + CLOSE_MS;
    control_note(rd_kafka_consumer_close_queue(control->rk, control->queue), "close");
    while (!rd_kafka_consumer_closed(control->rk) && clock_monotonic_ms() < deadline)
        serve(control, POLL_MS);
    /* librdkafka cannot be destroyed while it waits for an answer to a revocation. */
    if (control->handover)
        handover_finish(control);
    deadline = clock_monotonic_ms() + CLOSE_MS;
    while (!rd_kafka_consumer_closed(control->rk) && clock_monotonic_ms() < deadline)
        serve(control, POLL_MS);
    if (!atomic_load(&control->dead))
        own_report_end(control); /* one that failed is missed */
    control->closed = true;
    return NULL;
}

static void wake(void *context)
{
    struct control *control = context;
    rd_kafka_queue_yield(control->queue);
}

static void configure(rd_kafka_conf_t *conf)
{
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_ERROR);
}

/**
 * librdkafka looks up the leaders of partitions that it did not know only once a second: asking for
 * them before they are needed saves that second when a shard is taken over.
 */
static void learn_leaders(struct control *control)
{
    const struct rd_kafka_metadata *metadata;
    control->state_topic = rd_kafka_topic_new(control->rk, control->dispatcher->names.state, NULL);
    if (rd_kafka_metadata(control->rk, 0, control->state_topic, &metadata, METADATA_MS) ==
        RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_metadata_destroy(metadata);
}

static int join(struct control *control, struct error *error)
{
    const struct config *config = &control->dispatcher->config;
    char session[24], heartbeat[24];
    snprintf(session, sizeof(session), "%" PRId64, config->kafka.session_timeout);
    snprintf(heartbeat, sizeof(heartbeat), "%" PRId64, control_heartbeat_ms(control));
    const struct kafka_property properties[] = {
        {"group.id", control->dispatcher->names.group_dispatchers},
        {"partition.assignment.strategy", "cooperative-sticky"},
        {"session.timeout.ms", session},
        {"heartbeat.interval.ms", heartbeat},
        /* A shard that is added waits until the fetch that is under way returns. */
        {"fetch.wait.max.ms", "100"},
        {STATE_READER_QUEUE},
        {NULL, NULL},
    };
    control->rk =
        kafka_client_new(config, RD_KAFKA_CONSUMER, properties, configure, control, error);
    if (!control->rk)
        return -1;
    rd_kafka_poll_set_consumer(control->rk);
    control->queue = rd_kafka_queue_get_consumer(control->rk);
    learn_leaders(control);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, control->dispatcher->names.state,
                                      RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(control->rk, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : kafka_error(error, code, "subscribe");
}

/** @locality control thread */
static struct shard *find_shard(void *context, int32_t number)
{
    return control_shard(context, number);
}

struct control *control_new(struct dispatcher *dispatcher, struct error *error)
{
    struct control *control = xcalloc(1, sizeof(*control));
    control->dispatcher = dispatcher;
    control->started_ms = clock_wall_ms();
    control->shard_count = dispatcher->layout.partitions;
    control->shards = xcalloc((size_t)control->shard_count, sizeof(*control->shards));
    mailbox_init(&control->mailbox, wake, control);
    const struct shard_offsets_callbacks callbacks = {
        .find = find_shard,
        .fetched = takeover_on_offsets,
        .committed = commits_on_done,
        .checked = membership_on_checked,
        .context = control,
    };
    control->offsets = shard_offsets_new(&dispatcher->config, dispatcher->names.group_shard_prefix,
                                         &control->channels, &callbacks, error);
    if (!control->offsets || join(control, error) != 0) {
        control_free(control);
        return NULL;
    }
    if (pthread_create(&control->thread, NULL, control_main, control) != 0)
        PANIC("no control thread");
    return control;
}

bool control_is_ready(struct control *control)
{
    return atomic_load(&control->ready);
}

bool control_is_alive(struct control *control)
{
    return !atomic_load(&control->dead);
}

void control_stop(struct control *control)
{
    atomic_store(&control->stopping, true);
    wake(control);
    pthread_join(control->thread, NULL);
}

void control_free(struct control *control)
{
    if (!control)
        return;
    mailbox_run(&control->mailbox, control); /* a snapshot that came too late */
    mailbox_fini(&control->mailbox);
    if (control->queue)
        rd_kafka_queue_destroy(control->queue);
    if (control->state_topic)
        rd_kafka_topic_destroy(control->state_topic);
    kafka_client_free(control->rk);
    shard_offsets_free(control->offsets);
    if (control->handover)
        rd_kafka_topic_partition_list_destroy(control->handover);
    for (int32_t i = 0; i < control->shard_count; i++)
        if (control->shards[i])
            shard_free(control->shards[i]);
    free(control->shards);
    channels_fini(&control->channels);
    free(control);
}
