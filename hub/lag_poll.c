/*
 * Ends are asked for before commits: what is confirmed between the two makes a lag too small by
 * what is confirmed anyway, the other way round it would be too large by what was published
 * meanwhile, and hardly ever 0.
 */
#include "hub/lag_poll.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/kafka_offsets.h"
#include "common/log.h"
#include "common/panic.h"
#include "hub/commit_reader.h"

enum { LOOK_UP_MS = 2000, AT_A_TIME = 1000, STARTS_EVERY_MS = 60000, POLL_MS = 20 };

struct events_end {
    int64_t end, at_ms;
};

struct lag_poll {
    const char *events;
    int32_t shard_count;
    struct view *view;
    struct lag_table *table;
    const atomic_bool *stopping;
    rd_kafka_t *rk;
    struct commit_reader *commits;
    int pending; /* requests for commits under way */
    int64_t starts_due_ms;
    pthread_mutex_t lock; /* what follows */
    struct events_end *events_ends;
};

/* --- offsets of partitions --- */

/** An answer about one partition; `asked` is what `at->offset` was before. */
typedef void (*take_offset_fn)(struct lag_poll *poll, const rd_kafka_topic_partition_t *at,
                               int64_t asked, int64_t now_ms);

static bool ask_some(struct lag_poll *poll, const rd_kafka_topic_partition_list_t *all, int first,
                     take_offset_fn take)
{
    rd_kafka_topic_partition_list_t *some = rd_kafka_topic_partition_list_new(AT_A_TIME);
    for (int i = first; i < all->cnt && i < first + AT_A_TIME; i++)
        rd_kafka_topic_partition_list_add(some, all->elems[i].topic, all->elems[i].partition)
            ->offset = all->elems[i].offset;
    rd_kafka_resp_err_t code = kafka_ask_offsets(poll->rk, some, LOOK_UP_MS);
    int64_t now = clock_monotonic_ms();
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        log_warning("hub.ends_unknown", LOG_STR("reason", rd_kafka_err2str(code)));
    for (int i = 0; i < some->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
        if (some->elems[i].err == RD_KAFKA_RESP_ERR_NO_ERROR)
            take(poll, &some->elems[i], all->elems[first + i].offset, now);
    rd_kafka_topic_partition_list_destroy(some);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

/** Consumes the list. False: some were not answered, and what followed them was not asked. */
static bool ask(struct lag_poll *poll, rd_kafka_topic_partition_list_t *all, take_offset_fn take)
{
    bool answered = true;
    for (int i = 0; i < all->cnt && answered; i += AT_A_TIME)
        answered = !atomic_load(poll->stopping) && ask_some(poll, all, i, take);
    rd_kafka_topic_partition_list_destroy(all);
    return answered;
}

struct list {
    rd_kafka_topic_partition_list_t *partitions;
    int64_t offset; /* to ask for */
};

static void add_partition(void *context, const char *kafka_topic, int32_t partition)
{
    const struct list *list = context;
    rd_kafka_topic_partition_list_add(list->partitions, kafka_topic, partition)->offset =
        list->offset;
}

static rd_kafka_topic_partition_list_t *list_messages(struct lag_poll *poll, int64_t offset)
{
    struct list list = {rd_kafka_topic_partition_list_new(64), offset};
    lag_table_each_partition(poll->table, add_partition, &list);
    return list.partitions;
}

static void take_end(struct lag_poll *poll, const rd_kafka_topic_partition_t *at, int64_t asked,
                     int64_t now_ms)
{
    (void)asked;
    if (at->offset < 0)
        return;
    if (strcmp(at->topic, poll->events) != 0) {
        lag_table_set_end(poll->table, at->topic, at->partition, at->offset, now_ms);
        return;
    }
    pthread_mutex_lock(&poll->lock);
    poll->events_ends[at->partition] = (struct events_end){at->offset, now_ms};
    pthread_mutex_unlock(&poll->lock);
}

static bool ask_ends(struct lag_poll *poll)
{
    rd_kafka_topic_partition_list_t *list = list_messages(poll, RD_KAFKA_OFFSET_END);
    for (int32_t i = 0; i < poll->shard_count; i++)
        rd_kafka_topic_partition_list_add(list, poll->events, i)->offset = RD_KAFKA_OFFSET_END;
    return ask(poll, list, take_end);
}

static void take_start(struct lag_poll *poll, const rd_kafka_topic_partition_t *at, int64_t asked,
                       int64_t now_ms)
{
    (void)asked;
    (void)now_ms;
    if (at->offset >= 0)
        lag_table_set_start(poll->table, at->topic, at->partition, at->offset);
}

/** They move only when Kafka deletes what is old. */
static void ask_starts(struct lag_poll *poll)
{
    if (clock_monotonic_ms() >= poll->starts_due_ms &&
        ask(poll, list_messages(poll, RD_KAFKA_OFFSET_BEGINNING), take_start))
        poll->starts_due_ms = clock_monotonic_ms() + STARTS_EVERY_MS;
}

static void add_past(void *context, const char *kafka_topic, int32_t partition, int64_t at_ms)
{
    rd_kafka_topic_partition_list_t *list = context;
    int64_t wall_ms = at_ms + clock_wall_ms() - clock_monotonic_ms();
    if (wall_ms > 0)
        rd_kafka_topic_partition_list_add(list, kafka_topic, partition)->offset = wall_ms;
}

static void take_past(struct lag_poll *poll, const rd_kafka_topic_partition_t *at, int64_t asked,
                      int64_t now_ms)
{
    if (at->offset >= 0)
        lag_table_set_past(poll->table, at->topic, at->partition, asked - clock_wall_ms() + now_ms,
                           at->offset);
}

static void ask_pasts(struct lag_poll *poll)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    lag_table_each_past(poll->table, clock_monotonic_ms(), add_past, list);
    ask(poll, list, take_past);
}

/* --- commits --- */

static void on_found(void *context, const struct commit_request *request, const char *kafka_topic,
                     int32_t partition, const struct shard_commit *commit)
{
    struct lag_poll *poll = context;
    /* Not with a view that is older than the commit (position.h); the next poll may find it so. */
    if (view_folded(poll->view, request->shard) >= commit->folded)
        lag_table_set_commit(poll->table, kafka_topic, partition, request->shard, commit,
                             clock_monotonic_ms());
}

static void on_settled(void *context, const struct commit_request *request,
                       const struct error *error)
{
    struct lag_poll *poll = context;
    poll->pending--;
    if (error)
        log_warning("hub.commits_unknown", LOG_INT("shard", request->shard),
                    LOG_STR("reason", error->message));
}

struct shard_lists {
    rd_kafka_topic_partition_list_t **lists; /* by shard; NULL: nothing to ask */
    int32_t count;
};

static void add_commit(void *context, const char *kafka_topic, int32_t partition, int32_t shard)
{
    struct shard_lists *shards = context;
    if (shard < 0 || shard >= shards->count)
        return;
    if (!shards->lists[shard])
        shards->lists[shard] = rd_kafka_topic_partition_list_new(8);
    rd_kafka_topic_partition_list_add(shards->lists[shard], kafka_topic, partition);
}

static void ask_commits(struct lag_poll *poll)
{
    struct shard_lists shards = {xcalloc((size_t)poll->shard_count, sizeof(*shards.lists)),
                                 poll->shard_count};
    struct error error;
    lag_table_each_commit(poll->table, add_commit, &shards);
    for (int32_t i = 0; i < poll->shard_count; i++) {
        if (!shards.lists[i])
            continue;
        if (commit_reader_ask(poll->commits, i, shards.lists[i], &error))
            poll->pending++;
        rd_kafka_topic_partition_list_destroy(shards.lists[i]);
    }
    free(shards.lists);
    while (poll->pending > 0 && !atomic_load(poll->stopping))
        commit_reader_poll(poll->commits, POLL_MS);
}

bool lag_poll_run(struct lag_poll *poll)
{
    if (!ask_ends(poll)) /* without them, commits tell nothing */
        return false;
    ask_starts(poll);
    ask_pasts(poll);
    ask_commits(poll);
    return true;
}

/* --- making and freeing --- */

struct lag_poll *lag_poll_new(const struct config *config, const struct kafka_names *names,
                              const struct kafka_layout *layout, struct view *view,
                              struct lag_table *table, const atomic_bool *stopping,
                              struct error *error)
{
    /* What is written but not decided yet counts as well. */
    const struct kafka_property properties[] = {{"isolation.level", "read_uncommitted"},
                                                {NULL, NULL}};
    rd_kafka_t *rk = kafka_client_new(config, RD_KAFKA_CONSUMER, properties, NULL, NULL, error);
    if (!rk)
        return NULL;
    struct lag_poll *poll = xcalloc(1, sizeof(*poll));
    poll->events = names->events;
    poll->shard_count = layout->partitions;
    poll->view = view;
    poll->table = table;
    poll->stopping = stopping;
    poll->rk = rk;
    poll->commits =
        commit_reader_new(config, names->group_shard_prefix, on_found, on_settled, poll);
    pthread_mutex_init(&poll->lock, NULL);
    poll->events_ends = xcalloc((size_t)layout->partitions, sizeof(*poll->events_ends));
    return poll;
}

void lag_poll_free(struct lag_poll *poll)
{
    if (!poll)
        return;
    commit_reader_free(poll->commits);
    kafka_client_free(poll->rk);
    pthread_mutex_destroy(&poll->lock);
    free(poll->events_ends);
    free(poll);
}

int64_t lag_poll_events_end(struct lag_poll *poll, int32_t shard, int64_t since_ms)
{
    pthread_mutex_lock(&poll->lock);
    struct events_end told = poll->events_ends[shard];
    pthread_mutex_unlock(&poll->lock);
    return told.at_ms > 0 && told.at_ms >= since_ms ? told.end : -1;
}
