/*
 * Invariant: a loop that has been told "opened at base" gets, in order and without a gap, every
 * message of the channel from base on, until it closes the channel. Openings are answered between
 * two batches, when everything before the partition's position has been fed.
 */
#include "dispatcher/tail.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/log.h"
#include "common/panic.h"
#include "dispatcher/loop.h"
#include "dispatcher/mailbox.h"

enum { POLL_MS = 1000, BATCH = 1000, BACK_PRESSURE_MS = 5, METADATA_MS = 1000 };

/** Who gets the messages of one channel. */
struct tail_route {
    struct channel *channel;
    uint32_t loops; /* a bit each */
    UT_hash_handle hh;
};

struct opening {
    struct task task;
    struct opening *next;
    struct tail *tail;
    struct channel *channel;
    int loop;
    uint32_t serial;
    int64_t from;
};

struct tail_partition {
    struct message_partition *partition;
    int64_t position; /* everything before has been fed */
    bool assigned;
    rd_kafka_topic_t *known;  /* keeps librdkafka's knowledge of its leader */
    struct opening *openings; /* to be answered once it is assigned */
    struct tail_route *routes;
    uint32_t routes_of_loop[MAX_LOOPS];
    UT_hash_handle hh;
};

struct fed {
    struct tail_route *route;
    struct message *message;
};

struct tail {
    struct dispatcher *dispatcher;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    pthread_t thread;
    atomic_bool stopping;
    struct mailbox mailbox;
    struct tail_partition *partitions;
    /* the run of messages of one partition that is being collected */
    struct tail_partition *current;
    const rd_kafka_topic_t *current_handle;
    struct fed fed[BATCH];
    size_t fed_count;
};

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
    tail->fed_count = 0;
    tail->current = NULL;
    tail->current_handle = NULL;
}

static struct tail_partition *find_partition(struct tail *tail, const char *kafka_topic,
                                             int32_t partition)
{
    struct tail_partition *found, *next;
    HASH_ITER(hh, tail->partitions, found, next)
    {
        if (found->partition->partition == partition &&
            strcmp(found->partition->kafka_topic, kafka_topic) == 0)
            return found;
    }
    return NULL;
}

static struct tail_partition *partition_of(struct tail *tail, const rd_kafka_message_t *record)
{
    struct tail_partition *current = tail->current;
    if (current && tail->current_handle == record->rkt &&
        current->partition->partition == record->partition)
        return current;
    flush(tail);
    tail->current = find_partition(tail, rd_kafka_topic_name(record->rkt), record->partition);
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
    partition->position = record->offset + 1;
    HASH_FIND(hh, partition->routes, record->key, record->key_len, route);
    if (!route)
        return;
    struct message *message = message_from_kafka(record, &tail->dispatcher->budget, &error);
    if (message) {
        tail->fed[tail->fed_count++] = (struct fed){route, message};
        return;
    }
    counter_add(tail->dispatcher->metrics.malformed, 1);
    log_warning("message.malformed", LOG_STR("kafka_topic", partition->partition->kafka_topic),
                LOG_INT("offset", record->offset), LOG_STR("reason", error.message));
}

static void read_batch(struct tail *tail)
{
    rd_kafka_message_t *records[BATCH];
    size_t count = kafka_consume(tail->queue, POLL_MS, records, BATCH);
    for (size_t i = 0; i < count; i++) {
        if (!records[i]->err)
            take_record(tail, records[i]);
        else if (records[i]->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
            log_warning("tail.read_failed", LOG_STR("reason", rd_kafka_message_errstr(records[i])));
    }
    flush(tail);
    for (size_t i = 0; i < count; i++)
        rd_kafka_message_destroy(records[i]);
}

/* --- opening and closing --- */

static struct tail_partition *get_partition(struct tail *tail, struct message_partition *key)
{
    struct tail_partition *partition;
    HASH_FIND_PTR(tail->partitions, &key, partition);
    if (!partition) {
        partition = xcalloc(1, sizeof(*partition));
        partition->partition = key;
        HASH_ADD_PTR(tail->partitions, partition, partition);
    }
    return partition;
}

static void add_route(struct tail_partition *partition, const struct opening *opening)
{
    struct channel *channel = opening->channel;
    if (!channel->route) {
        channel->route = xcalloc(1, sizeof(*channel->route));
        channel->route->channel = channel;
        HASH_ADD_KEYPTR(hh, partition->routes, channel->topic, strlen(channel->topic),
                        channel->route);
    }
    channel->route->loops |= 1u << opening->loop;
    partition->routes_of_loop[opening->loop]++;
}

/* @locality tail thread */
static void run_open(struct task *task, void *owner)
{
    struct opening *opening = CONTAINER_OF(task, struct opening, task);
    struct tail_partition *partition = get_partition(owner, opening->channel->partition);
    LL_APPEND(partition->openings, opening);
}

static void add_to_list(rd_kafka_topic_partition_list_t *list,
                        const struct tail_partition *partition)
{
    rd_kafka_topic_partition_list_add(list, partition->partition->kafka_topic,
                                      partition->partition->partition)
        ->offset = partition->position;
}

/** A partition that nobody reads yet begins where the first of its openings needs it. */
static void set_start(struct tail_partition *partition)
{
    const struct opening *opening;
    partition->position = partition->openings->from;
    LL_FOREACH(partition->openings, opening)
    {
        if (opening->from < partition->position)
            partition->position = opening->from;
    }
}

/**
 * Starts reading all partitions that have openings and are not read yet: at once, since each round
 * trip waits for the fetch under way. librdkafka 2.0 would find the leader of a topic that is new
 * to it only at its next periodic scan, up to a second later; asking for metadata first avoids
 * that.
 */
static void assign_new(struct tail *tail)
{
    struct tail_partition *partition, *next;
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    HASH_ITER(hh, tail->partitions, partition, next)
    {
        if (partition->assigned || !partition->openings)
            continue;
        set_start(partition);
        partition->known = rd_kafka_topic_new(tail->rk, partition->partition->kafka_topic, NULL);
        partition->assigned = true;
        add_to_list(list, partition);
    }
    if (list->cnt > 0) {
        if (rd_kafka_metadata(tail->rk, 0, NULL, &metadata, METADATA_MS) ==
            RD_KAFKA_RESP_ERR_NO_ERROR)
            rd_kafka_metadata_destroy(metadata);
        rd_kafka_error_t *error = rd_kafka_incremental_assign(tail->rk, list);
        if (error)
            PANIC("tail reader: %s", rd_kafka_error_string(error));
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static void unassign(struct tail *tail, const struct tail_partition *partition)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    add_to_list(list, partition);
    rd_kafka_error_t *error = rd_kafka_incremental_unassign(tail->rk, list);
    if (error)
        PANIC("tail reader: %s", rd_kafka_error_string(error));
    rd_kafka_topic_partition_list_destroy(list);
}

static void answer_openings(struct tail *tail, struct tail_partition *partition)
{
    struct opening *opening, *next;
    LL_FOREACH_SAFE(partition->openings, opening, next)
    {
        add_route(partition, opening);
        loop_opened(tail->dispatcher->loops[opening->loop], opening->channel, opening->serial,
                    partition->position);
        free(opening);
    }
    partition->openings = NULL;
}

static void free_partition(struct tail *tail, struct tail_partition *partition)
{
    if (partition->known)
        rd_kafka_topic_destroy(partition->known);
    HASH_DEL(tail->partitions, partition);
    free(partition);
}

static void settle_partitions(struct tail *tail)
{
    struct tail_partition *partition, *next;
    assign_new(tail);
    HASH_ITER(hh, tail->partitions, partition, next)
    {
        answer_openings(tail, partition);
        if (partition->routes)
            continue;
        if (partition->assigned)
            unassign(tail, partition);
        free_partition(tail, partition);
    }
}

struct closing {
    struct task task;
    struct channel *channel;
    int loop;
};

static void remove_route(struct tail_partition *partition, struct channel *channel, int loop)
{
    struct tail_route *route = channel->route;
    if (!route || !(route->loops >> loop & 1))
        return;
    partition->routes_of_loop[loop]--;
    route->loops &= ~(1u << loop);
    if (route->loops != 0)
        return;
    HASH_DEL(partition->routes, route);
    channel->route = NULL;
    free(route);
}

/* @locality tail thread */
static void run_close(struct task *task, void *owner)
{
    struct closing *closing = CONTAINER_OF(task, struct closing, task);
    struct tail_partition *partition = get_partition(owner, closing->channel->partition);
    struct opening *opening, *next;
    LL_FOREACH_SAFE(partition->openings, opening, next)
    {
        if (opening->channel != closing->channel || opening->loop != closing->loop)
            continue;
        LL_DELETE(partition->openings, opening);
        free(opening);
    }
    remove_route(partition, closing->channel, closing->loop);
    free(closing);
}

void tail_open(struct tail *tail, struct channel *channel, int loop, uint32_t serial, int64_t from)
{
    struct opening *opening = xcalloc(1, sizeof(*opening));
    opening->task.run = run_open;
    opening->channel = channel;
    opening->loop = loop;
    opening->serial = serial;
    opening->from = from;
    mailbox_post(&tail->mailbox, &opening->task);
}

void tail_close(struct tail *tail, struct channel *channel, int loop)
{
    struct closing *closing = xcalloc(1, sizeof(*closing));
    closing->task.run = run_close;
    closing->channel = channel;
    closing->loop = loop;
    mailbox_post(&tail->mailbox, &closing->task);
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
    const struct memory_budget *budget = &tail->dispatcher->budget;
    while (!atomic_load(&tail->stopping)) {
        mailbox_run(&tail->mailbox, tail);
        settle_partitions(tail);
        /* Loops let go of what waits long before this: it only bounds what is under way to them. */
        if (atomic_load(&budget->used) > budget->limit)
            clock_sleep_ms(BACK_PRESSURE_MS);
        else
            read_batch(tail);
    }
    return NULL;
}

struct tail *tail_new(struct dispatcher *dispatcher, struct error *error)
{
    const struct kafka_property properties[] = {
        {"group.id", "websub-tail"}, /* never joined; librdkafka wants a name */
        /* A partition that is added waits until the fetch that is under way returns. */
        {"fetch.wait.max.ms", "100"},
        {"queued.max.messages.kbytes", "16384"},
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
    struct tail_partition *partition, *next_partition;
    struct tail_route *route, *next_route;
    struct opening *opening, *next_opening;
    if (!tail)
        return;
    mailbox_run(&tail->mailbox, tail);
    mailbox_fini(&tail->mailbox);
    HASH_ITER(hh, tail->partitions, partition, next_partition)
    {
        HASH_ITER(hh, partition->routes, route, next_route)
        {
            HASH_DEL(partition->routes, route);
            free(route);
        }
        LL_FOREACH_SAFE(partition->openings, opening, next_opening)
        {
            free(opening);
        }
        free_partition(tail, partition);
    }
    rd_kafka_queue_destroy(tail->queue);
    rd_kafka_destroy(tail->rk);
    free(tail);
}
