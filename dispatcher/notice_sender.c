#include "dispatcher/notice_sender.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/panic.h"
#include "dispatcher/notice_sender_internal.h"

enum {
    POLL_MS = 100,
    COMMIT_MS = 500, /* pause between commits: what a crash repeats */
    LAST_COMMIT_MS = 3000,
    CLOSE_MS = 3000,
};

struct notice_partition *notice_sender_find(struct notice_sender *sender, int32_t number)
{
    struct notice_partition *partition;
    HASH_FIND_INT(sender->partitions, &number, partition);
    return partition;
}

/* --- commits --- */

/** What is settled beyond the last commit; with `again`, all that is settled. */
static rd_kafka_topic_partition_list_t *settled_offsets(struct notice_sender *sender, bool again)
{
    struct notice_partition *partition, *next;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    HASH_ITER(hh, sender->partitions, partition, next)
    {
        if (partition->queue.done < 0 || (!again && partition->queue.done == partition->committed))
            continue;
        partition->committed = partition->queue.done;
        rd_kafka_topic_partition_list_add(list, sender->dispatcher->names.notices,
                                          partition->number)
            ->offset = partition->queue.done;
    }
    return list;
}

/** A commit that fails is made up for by the next one, and by the one that waits. */
static void commit(struct notice_sender *sender, int64_t now)
{
    if (now < sender->next_commit_ms)
        return;
    sender->next_commit_ms = now + COMMIT_MS;
    rd_kafka_topic_partition_list_t *list = settled_offsets(sender, false);
    if (list->cnt > 0)
        rd_kafka_commit(sender->rk, list, 1);
    rd_kafka_topic_partition_list_destroy(list);
}

static void commit_and_wait(struct notice_sender *sender)
{
    rd_kafka_topic_partition_list_t *list = settled_offsets(sender, true);
    if (list->cnt > 0) {
        rd_kafka_queue_t *answers = rd_kafka_queue_new(sender->rk);
        if (rd_kafka_commit_queue(sender->rk, list, answers, NULL, NULL) ==
            RD_KAFKA_RESP_ERR_NO_ERROR) {
            rd_kafka_event_t *answer = rd_kafka_queue_poll(answers, LAST_COMMIT_MS);
            if (!answer || rd_kafka_event_error(answer) != RD_KAFKA_RESP_ERR_NO_ERROR)
                log_warning("notice.commit_failed",
                            LOG_STR("reason", answer ? rd_kafka_event_error_string(answer)
                                                     : "no answer in time"));
            if (answer)
                rd_kafka_event_destroy(answer);
        }
        rd_kafka_queue_destroy(answers);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

/* --- partitions --- */

static void drop(struct notice_sender *sender, struct notice_partition *partition)
{
    HASH_DEL(sender->partitions, partition);
    notice_queue_fini(&partition->queue);
    free(partition);
}

static void take_over(struct notice_sender *sender, int32_t number)
{
    struct notice_partition *partition = xcalloc(1, sizeof(*partition));
    partition->number = number;
    partition->incarnation = ++sender->incarnations;
    partition->committed = -1;
    notice_queue_init(&partition->queue);
    HASH_ADD_INT(sender->partitions, number, partition);
}

/** Reading goes on where it was paused: at the first notice that was not handed to us. */
static void set_paused(struct notice_sender *sender, struct notice_partition *partition,
                       bool paused)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, sender->dispatcher->names.notices, partition->number);
    if (paused)
        rd_kafka_pause_partitions(sender->rk, list);
    else
        rd_kafka_resume_partitions(sender->rk, list);
    partition->paused = paused;
    rd_kafka_topic_partition_list_destroy(list);
}

static void note(rd_kafka_error_t *error)
{
    if (!error)
        return;
    log_warning("notice.group_problem", LOG_STR("reason", rd_kafka_error_string(error)));
    rd_kafka_error_destroy(error);
}

/* @locality the thread, within rd_kafka_consumer_poll or _close */
static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct notice_sender *sender = opaque;
    bool assigned = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    if (!assigned && !sender->closing && !rd_kafka_assignment_lost(rk))
        commit_and_wait(sender);
    for (int i = 0; i < list->cnt; i++) {
        struct notice_partition *partition = notice_sender_find(sender, list->elems[i].partition);
        if (partition)
            drop(sender, partition);
        if (assigned)
            take_over(sender, list->elems[i].partition);
    }
    note(assigned ? rd_kafka_incremental_assign(rk, list)
                  : rd_kafka_incremental_unassign(rk, list));
    /* It may have been ours, and paused. */
    if (assigned)
        rd_kafka_resume_partitions(rk, list);
    log_debug(assigned ? "notice.partitions_assigned" : "notice.partitions_revoked",
              LOG_INT("count", list->cnt));
}

static void take_message(struct notice_sender *sender, const rd_kafka_message_t *message)
{
    if (message->err) {
        if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
            log_warning("notice.read_failed", LOG_STR("reason", rd_kafka_message_errstr(message)));
        return;
    }
    struct notice_partition *partition = notice_sender_find(sender, message->partition);
    if (!partition)
        return;
    int64_t written_ms = rd_kafka_message_timestamp(message, NULL);
    notice_queue_add(&partition->queue, message->offset,
                     written_ms >= 0 ? written_ms : clock_wall_ms(), message->key, message->key_len,
                     message->payload, message->len);
    if (notice_queue_is_full(&partition->queue) && !partition->paused)
        set_paused(sender, partition, true);
}

/* --- the thread --- */

static void pump_all(struct notice_sender *sender, int64_t now)
{
    struct notice_partition *partition, *next;
    int64_t failing = 0;
    HASH_ITER(hh, sender->partitions, partition, next)
    {
        if (!atomic_load(&sender->stopping))
            notice_attempt_pump(sender, partition, now);
        if (partition->paused && notice_queue_has_room(&partition->queue))
            set_paused(sender, partition, false);
        failing += partition->queue.failures > 0;
    }
    gauge_set(sender->dispatcher->metrics.notices_failing, failing);
}

static void serve(struct notice_sender *sender)
{
    rd_kafka_message_t *message = rd_kafka_consumer_poll(sender->rk, POLL_MS);
    if (message) {
        take_message(sender, message);
        rd_kafka_message_destroy(message);
    }
    mailbox_run(&sender->mailbox, sender);
    int64_t now = clock_monotonic_ms();
    pump_all(sender, now);
    commit(sender, now);
}

/** In bounded time: a commit that Kafka does not answer would hold rd_kafka_consumer_close up. */
static void leave(struct notice_sender *sender)
{
    int64_t deadline = clock_monotonic_ms() + CLOSE_MS;
    sender->closing = true;
    note(rd_kafka_consumer_close_queue(sender->rk, sender->queue));
    while (!rd_kafka_consumer_closed(sender->rk) && clock_monotonic_ms() < deadline) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(sender->rk, POLL_MS);
        if (message)
            rd_kafka_message_destroy(message);
    }
}

static void *sender_main(void *context)
{
    struct notice_sender *sender = context;
    while (!atomic_load(&sender->stopping))
        serve(sender);
    int64_t deadline = clock_monotonic_ms() + sender->dispatcher->config.dispatcher.shutdown_grace;
    while (sender->under_way > 0 && clock_monotonic_ms() < deadline)
        serve(sender);
    commit_and_wait(sender);
    leave(sender);
    return NULL;
}

/* @locality any thread */
static void wake(void *context)
{
    struct notice_sender *sender = context;
    rd_kafka_queue_yield(sender->queue);
}

/* --- making and freeing --- */

static void configure(rd_kafka_conf_t *conf)
{
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
}

static int join(struct notice_sender *sender, struct error *error)
{
    const struct dispatcher *dispatcher = sender->dispatcher;
    char session[24], heartbeat[24];
    snprintf(session, sizeof(session), "%" PRId64, dispatcher->config.kafka.session_timeout);
    snprintf(heartbeat, sizeof(heartbeat), "%" PRId64,
             dispatcher->config.kafka.session_timeout / 10);
    const struct kafka_property properties[] = {
        {"group.id", dispatcher->names.group_notices},
        {"partition.assignment.strategy", "cooperative-sticky"},
        {"session.timeout.ms", session},
        {"heartbeat.interval.ms", heartbeat},
        {"queued.min.messages", "100"},
        {"queued.max.messages.kbytes", "1024"},
        {NULL, NULL},
    };
    sender->rk = kafka_client_new(&dispatcher->config, RD_KAFKA_CONSUMER, properties, configure,
                                  sender, error);
    if (!sender->rk)
        return -1;
    rd_kafka_poll_set_consumer(sender->rk);
    sender->queue = rd_kafka_queue_get_consumer(sender->rk);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, dispatcher->names.notices, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(sender->rk, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : kafka_error(error, code, "subscribe");
}

static void release(struct notice_sender *sender)
{
    /* First what may still post, then what is posted to. */
    webhook_free(sender->webhook);
    mailbox_run(&sender->mailbox, sender);
    mailbox_fini(&sender->mailbox);
    if (sender->queue)
        rd_kafka_queue_destroy(sender->queue);
    kafka_client_free(sender->rk);
    struct notice_partition *partition, *next;
    HASH_ITER(hh, sender->partitions, partition, next)
    {
        drop(sender, partition);
    }
    free(sender);
}

struct notice_sender *notice_sender_new(struct dispatcher *dispatcher, struct error *error)
{
    struct notice_sender *sender = xcalloc(1, sizeof(*sender));
    sender->dispatcher = dispatcher;
    mailbox_init(&sender->mailbox, wake, sender);
    sender->webhook = webhook_new(&dispatcher->config, error);
    if (!sender->webhook || join(sender, error) != 0) {
        release(sender);
        return NULL;
    }
    if (pthread_create(&sender->thread, NULL, sender_main, sender) != 0)
        PANIC("no thread for notices");
    return sender;
}

void notice_sender_stop(struct notice_sender *sender)
{
    if (!sender)
        return;
    atomic_store(&sender->stopping, true);
    wake(sender);
}

void notice_sender_free(struct notice_sender *sender)
{
    if (!sender)
        return;
    pthread_join(sender->thread, NULL);
    release(sender);
}
