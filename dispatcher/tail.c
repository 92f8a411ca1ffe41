/*
 * Invariant: a loop that has been told "opened at base" gets, in order and without a gap, every
 * message of the channel from base on, until it closes the channel. Openings are answered between
 * two batches, when everything before the partition's position has been fed.
 */
#include "dispatcher/tail.h"

#include <stdlib.h>

#include "common/kafka.h"
#include "common/log.h"
#include "common/panic.h"
#include "dispatcher/loop.h"
#include "dispatcher/tail_internal.h"

/* While a partition is paused, memory is looked at so often: it is freed by any thread. */
enum { POLL_MS = 1000, PAUSED_POLL_MS = 5 };

/* --- feeding --- */

static struct feed *feed_for(struct tail *tail, int loop)
{
    size_t count = 0;
    for (size_t i = 0; i < tail->fed_count; i++)
        count += tail->fed[i].route->loops >> loop & 1;
    struct feed *feed = xmalloc(sizeof(*feed) + count * sizeof(feed->items[0]));
    feed->partition = tail->current->partition;
    feed->end = tail->current->position;
    feed->count = 0;
    for (size_t i = 0; i < tail->fed_count; i++) {
        if (tail->fed[i].route->loops >> loop & 1)
            feed->items[feed->count++] =
                (struct feed_item){tail->fed[i].route->channel, message_hold(tail->fed[i].message)};
    }
    return feed;
}

/** Hands the collected run to the loops; also to those it has nothing for, so that they know the
 * end. */
static void flush(struct tail *tail)
{
    if (!tail->current)
        return;
    for (int loop = 0; loop < tail->dispatcher->loop_count; loop++)
        if (tail->current->routes_of_loop[loop] > 0)
            loop_feed(tail->dispatcher->loops[loop], feed_for(tail, loop));
    for (size_t i = 0; i < tail->fed_count; i++)
        message_release(tail->fed[i].message);
    tail_pause_if_used_up(tail, tail->current);
    tail->fed_count = 0;
    tail->current = NULL;
    tail->current_handle = NULL;
}

static struct tail_partition *partition_of(struct tail *tail, const rd_kafka_message_t *record)
{
    struct tail_partition *current = tail->current;
    if (current && tail->current_handle == record->rkt &&
        current->partition->partition == record->partition)
        return current;
    flush(tail);
    tail->current = tail_find_partition(tail, record);
    tail->current_handle = record->rkt;
    return tail->current;
}

static void take_record(struct tail *tail, const rd_kafka_message_t *record)
{
    struct tail_partition *partition = partition_of(tail, record);
    struct tail_route *route;
    struct error error;
    if (!partition || record->offset < partition->position)
        return; /* closed meanwhile, or read again after it was opened anew */
    if (record->offset > partition->position)
        log_error("delivery.expired_messages",
                  LOG_STR("kafka_topic", partition->partition->kafka_topic),
                  LOG_INT("partition", partition->partition->partition),
                  LOG_INT("offset", partition->position),
                  LOG_INT("offsets", record->offset - partition->position),
                  LOG_STR("reason", "the retention of the message topic passed"));
    partition->position = record->offset + 1;
    HASH_FIND(hh, partition->routes, record->key, record->key_len, route);
    if (!route)
        return;
    struct message *message = message_from_kafka(record, tail->dispatcher->config.hub.public_url,
                                                 &partition->partition->account, &error);
    if (message) {
        tail->fed[tail->fed_count++] = (struct tail_fed){route, message};
        return;
    }
    counter_add(tail->dispatcher->metrics.malformed, 1);
    log_warning("message.malformed", LOG_STR("kafka_topic", partition->partition->kafka_topic),
                LOG_INT("offset", record->offset), LOG_STR("reason", error.message));
}

/**
 * Waits for a first record, then takes what is there already, but not so much that the memory could
 * be exceeded by more than a part of it before a partition is paused.
 */
static size_t gather(struct tail *tail, rd_kafka_message_t **records)
{
    int timeout = tail->paused > 0 ? PAUSED_POLL_MS : POLL_MS;
    int64_t limit = tail->dispatcher->tail_memory.limit / 4, bytes = 0;
    size_t count = 0;
    while (count < TAIL_BATCH && bytes < limit &&
           (records[count] = rd_kafka_consume_queue(tail->queue, count == 0 ? timeout : 0)))
        bytes += (int64_t)records[count++]->len;
    return count;
}

static void read_batch(struct tail *tail)
{
    rd_kafka_message_t *records[TAIL_BATCH];
    size_t count = gather(tail, records);
    for (size_t i = 0; i < count; i++) {
        if (!records[i]->err)
            take_record(tail, records[i]);
        else if (records[i]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            tail_check_end(tail, records[i]);
        else
            log_warning("tail.read_failed", LOG_STR("reason", rd_kafka_message_errstr(records[i])));
    }
    flush(tail);
    for (size_t i = 0; i < count; i++)
        rd_kafka_message_destroy(records[i]);
}

/* --- the thread --- */

static void wake(void *context)
{
    struct tail *tail = context;
    rd_kafka_queue_yield(tail->queue);
}

static void *tail_main(void *context)
{
    struct tail *tail = context;
    while (!atomic_load(&tail->stopping)) {
        mailbox_run(&tail->mailbox, tail);
        tail_settle_partitions(tail);
        tail_resume_where_possible(tail);
        read_batch(tail);
    }
    return NULL;
}

struct tail *tail_new(struct dispatcher *dispatcher, struct error *error)
{
    const struct kafka_property properties[] = {
        /* A partition that is added waits until the fetch that is under way returns. */
        {"fetch.wait.max.ms", "100"},
        /* What librdkafka fetches ahead is bounded as well. */
        {"queued.max.messages.kbytes", "16384"},
        {"fetch.max.bytes", "16777216"},
        {NULL, NULL},
    };
    struct tail *tail = xcalloc(1, sizeof(*tail));
    tail->dispatcher = dispatcher;
    tail->rk =
        kafka_client_new(&dispatcher->config, RD_KAFKA_CONSUMER, properties, NULL, NULL, error);
    if (!tail->rk) {
        free(tail);
        return NULL;
    }
    rd_kafka_poll_set_consumer(tail->rk);
    tail->queue = rd_kafka_queue_get_consumer(tail->rk);
    mailbox_init(&tail->mailbox, wake, tail);
    if (pthread_create(&tail->thread, NULL, tail_main, tail) != 0)
        PANIC("no thread for the tail reader");
    return tail;
}

void tail_stop(struct tail *tail)
{
    atomic_store(&tail->stopping, true);
    rd_kafka_queue_yield(tail->queue);
    pthread_join(tail->thread, NULL);
}

void tail_free(struct tail *tail)
{
    if (!tail)
        return;
    mailbox_run(&tail->mailbox, tail);
    mailbox_fini(&tail->mailbox);
    tail_free_partitions(tail);
    rd_kafka_queue_destroy(tail->queue);
    kafka_client_free(tail->rk);
    free(tail);
}
