#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/container.h"
#include "common/kafka_offsets.h"
#include "common/log.h"
#include "common/panic.h"
#include "dispatcher/loop.h"
#include "dispatcher/tail_internal.h"

enum { METADATA_MS = 1000, LOOK_UP_MS = 1000 };

struct tail_opening {
    struct task task;
    struct tail_opening *next;
    struct channel *channel;
    int loop;
    uint32_t serial;
    int64_t from;
};

static rd_kafka_topic_partition_t *add_to_list(rd_kafka_topic_partition_list_t *list,
                                               const struct tail_partition *partition)
{
    rd_kafka_topic_partition_t *at = rd_kafka_topic_partition_list_add(
        list, partition->partition->kafka_topic, partition->partition->partition);
    at->offset = partition->position;
    return at;
}

/* --- pausing --- */

static void set_paused(struct tail *tail, struct tail_partition *partition, bool paused)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    add_to_list(list, partition);
    rd_kafka_resp_err_t code = paused ? rd_kafka_pause_partitions(tail->rk, list)
                                      : rd_kafka_resume_partitions(tail->rk, list);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = list->elems[0].err;
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        log_warning("tail.pause_failed", LOG_STR("reason", rd_kafka_err2str(code)));
        return; /* tried again with the next batch */
    }
    partition->paused = paused;
    tail->paused += paused ? 1 : -1;
    if (paused)
        counter_add(tail->dispatcher->metrics.pauses, 1);
    log_debug(paused ? "tail.paused" : "tail.resumed",
              LOG_STR("kafka_topic", partition->partition->kafka_topic),
              LOG_INT("partition", partition->partition->partition));
}

void tail_pause_if_used_up(struct tail *tail, struct tail_partition *partition)
{
    if (!partition->paused && memory_is_used_up(&partition->partition->account))
        set_paused(tail, partition, true);
}

void tail_resume_where_possible(struct tail *tail)
{
    struct tail_partition *partition, *next;
    if (tail->paused == 0)
        return;
    /* Not before half of it is free: what librdkafka had fetched ahead is fetched again. */
    HASH_ITER(by_handle, tail->assigned, partition, next)
    {
        if (partition->paused && !memory_is_tight(&partition->partition->account))
            set_paused(tail, partition, false);
    }
}

/* --- opening and closing --- */

/** The partition, for something that is to be settled. */
static struct tail_partition *get_partition(struct tail *tail, struct message_partition *key)
{
    struct tail_partition *partition;
    HASH_FIND_PTR(tail->partitions, &key, partition);
    if (!partition) {
        partition = xcalloc(1, sizeof(*partition));
        partition->partition = key;
        HASH_ADD_PTR(tail->partitions, partition, partition);
    }
    if (!partition->unsettled)
        LL_PREPEND2(tail->unsettled, partition, next_unsettled);
    partition->unsettled = true;
    return partition;
}

static void add_route(struct tail_partition *partition, const struct tail_opening *opening)
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
    struct tail_opening *opening = CONTAINER_OF(task, struct tail_opening, task);
    struct tail_partition *partition = get_partition(owner, opening->channel->partition);
    LL_PREPEND(partition->openings, opening);
}

/**
 * A partition that nobody reads yet begins where the first of its openings needs it. False: none
 * of them says where.
 */
static bool set_start(struct tail_partition *partition)
{
    const struct tail_opening *opening;
    partition->position = TAIL_ANYWHERE;
    LL_FOREACH(partition->openings, opening)
    {
        if (opening->from != TAIL_ANYWHERE &&
            (partition->position == TAIL_ANYWHERE || opening->from < partition->position))
            partition->position = opening->from;
    }
    return partition->position != TAIL_ANYWHERE;
}

/** Has partitions begin at their end. All are asked for at once. */
static void set_starts_to_end(struct tail *tail, rd_kafka_topic_partition_list_t *unknown)
{
    for (int i = 0; i < unknown->cnt; i++)
        unknown->elems[i].offset = RD_KAFKA_OFFSET_END;
    rd_kafka_resp_err_t code = kafka_ask_offsets(tail->rk, unknown, LOOK_UP_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        log_warning("tail.end_unknown", LOG_STR("reason", rd_kafka_err2str(code)));
    for (int i = 0; i < unknown->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &unknown->elems[i];
        struct tail_partition *partition = at->opaque;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR && at->err == RD_KAFKA_RESP_ERR_NO_ERROR &&
            at->offset >= 0)
            partition->position = at->offset;
    }
}

/** Where each partition that is to be read begins; it stays unknown when Kafka does not answer. */
static void set_starts(struct tail *tail)
{
    struct tail_partition *partition;
    rd_kafka_topic_partition_list_t *unknown = rd_kafka_topic_partition_list_new(8);
    LL_FOREACH2(tail->unsettled, partition, next_unsettled)
    {
        if (!partition->assigned && partition->openings && !set_start(partition))
            add_to_list(unknown, partition)->opaque = partition;
    }
    if (unknown->cnt > 0)
        set_starts_to_end(tail, unknown);
    rd_kafka_topic_partition_list_destroy(unknown);
}

static void take_up(struct tail *tail, struct tail_partition *partition)
{
    memory_account_open(&partition->partition->account, &tail->dispatcher->tail_memory);
    partition->handle.topic = rd_kafka_topic_new(tail->rk, partition->partition->kafka_topic, NULL);
    partition->handle.number = partition->partition->partition;
    partition->assigned = true;
    HASH_ADD(by_handle, tail->assigned, handle, sizeof(partition->handle), partition);
}

/**
 * Starts reading all partitions that have openings and are not read yet: at once, since each round
 * trip waits for the fetch under way. librdkafka 2.0 would find the leader of a topic that is new
 * to it only at its next periodic scan, up to a second later; asking for metadata first avoids
 * that.
 */
static void assign_new(struct tail *tail)
{
    struct tail_partition *partition;
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    set_starts(tail);
    LL_FOREACH2(tail->unsettled, partition, next_unsettled)
    {
        if (partition->assigned || !partition->openings || partition->position == TAIL_ANYWHERE)
            continue;
        take_up(tail, partition);
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
    struct tail_opening *opening, *next;
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
    if (partition->assigned) {
        HASH_DELETE(by_handle, tail->assigned, partition);
        rd_kafka_topic_destroy(partition->handle.topic);
        memory_account_close(&partition->partition->account);
        tail->paused -= partition->paused;
    }
    HASH_DEL(tail->partitions, partition);
    free(partition);
}

/** Answers openings; a partition that nobody wants is given up. */
static void settle(struct tail *tail, struct tail_partition *partition)
{
    answer_openings(tail, partition);
    if (partition->routes)
        return;
    if (partition->paused)
        set_paused(tail, partition, false); /* librdkafka would remember it for the next time */
    if (partition->assigned)
        unassign(tail, partition);
    free_partition(tail, partition);
}

void tail_settle_partitions(struct tail *tail)
{
    if (!tail->unsettled)
        return;
    assign_new(tail);
    struct tail_partition *partitions = tail->unsettled, *partition, *next;
    tail->unsettled = NULL;
    LL_FOREACH_SAFE2(partitions, partition, next, next_unsettled)
    {
        partition->unsettled = partition->openings && !partition->assigned;
        if (partition->unsettled) /* Kafka did not tell where to begin */
            LL_PREPEND2(tail->unsettled, partition, next_unsettled);
        else
            settle(tail, partition);
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
    struct tail_opening *opening, *next;
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
    struct tail_opening *opening = xcalloc(1, sizeof(*opening));
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

/* --- finding --- */

struct tail_partition *tail_find_partition(struct tail *tail, const rd_kafka_message_t *record)
{
    struct tail_partition *found, *next;
    struct {
        const rd_kafka_topic_t *topic;
        int64_t number;
    } handle = {record->rkt, record->partition};
    HASH_FIND(by_handle, tail->assigned, &handle, sizeof(handle), found);
    if (found)
        return found;
    /* librdkafka has used one handle for each topic so far, but does not promise it. */
    HASH_ITER(by_handle, tail->assigned, found, next)
    {
        if (found->partition->partition == record->partition &&
            strcmp(found->partition->kafka_topic, rd_kafka_topic_name(record->rkt)) == 0)
            return found;
    }
    return NULL;
}

/** Kafka's own word, since an end that was reached earlier may be told late. */
static bool ends_before(struct tail *tail, const struct tail_partition *partition)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *at = add_to_list(list, partition);
    at->offset = RD_KAFKA_OFFSET_END;
    rd_kafka_resp_err_t code = kafka_ask_offsets(tail->rk, list, LOOK_UP_MS);
    bool before = code == RD_KAFKA_RESP_ERR_NO_ERROR && at->err == RD_KAFKA_RESP_ERR_NO_ERROR &&
                  at->offset >= 0 && at->offset < partition->position;
    rd_kafka_topic_partition_list_destroy(list);
    return before;
}

void tail_check_end(struct tail *tail, const rd_kafka_message_t *eof)
{
    const struct tail_partition *partition = tail_find_partition(tail, eof);
    if (!partition || eof->offset >= partition->position || !ends_before(tail, partition))
        return;
    log_error("dispatcher.failed", LOG_STR("kafka_topic", partition->partition->kafka_topic),
              LOG_INT("partition", partition->partition->partition),
              LOG_INT("read", partition->position),
              LOG_STR("reason", "Kafka has lost messages that it had confirmed"));
    atomic_store(&tail->dispatcher->messages_lost, true);
}

/* --- the end --- */

void tail_free_partitions(struct tail *tail)
{
    struct tail_partition *partition, *next_partition;
    struct tail_route *route, *next_route;
    struct tail_opening *opening, *next_opening;
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
}
