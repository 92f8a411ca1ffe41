#include "hub/lag_table.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/panic.h"

/* How far back it is looked for when something was published, in steps that double. */
#define FIRST_STEP_MS INT64_C(10000)
#define LAST_STEP_MS  INT64_C(31622400000) /* 366 days */

/** Of one shard in one partition. */
struct commit {
    struct shard_commit told;
    int64_t at_ms; /* when; 0: never */
    uint32_t round;
    bool attended;
    int32_t shard;
    UT_hash_handle hh;
};

struct partition {
    int32_t number;
    uint32_t round;
    int64_t start, end;
    int64_t end_ms; /* when `end` was told; 0: never */
    struct lag_history history;
    int64_t past_ms;            /* how long before the present the history was made to go */
    atomic_bool is_past_wanted; /* longer than that */
    struct commit *commits;     /* by shard */
    UT_hash_handle hh;
};

struct topic {
    bool alone; /* has no other topics' messages */
    struct partition *partitions;
    UT_hash_handle hh;
    char name[];
};

struct lag_table {
    const char *pool;
    int64_t stale_ms;
    pthread_rwlock_t lock; /* what follows */
    struct topic *topics;
    uint32_t round;
    int64_t growth;
};

struct lag_table *lag_table_new(const char *pool, int64_t stale_ms)
{
    struct lag_table *table = xcalloc(1, sizeof(*table));
    table->pool = pool;
    table->stale_ms = stale_ms;
    pthread_rwlock_init(&table->lock, NULL);
    return table;
}

/* --- finding and making; call with the lock held --- */

static struct partition *find_partition(const struct lag_table *table, const char *kafka_topic,
                                        int32_t number)
{
    struct topic *topic;
    struct partition *partition = NULL;
    HASH_FIND_STR(table->topics, kafka_topic, topic);
    if (topic)
        HASH_FIND(hh, topic->partitions, &number, sizeof(number), partition);
    return partition;
}

static struct commit *find_commit(const struct partition *partition, int32_t shard)
{
    struct commit *commit;
    HASH_FIND(hh, partition->commits, &shard, sizeof(shard), commit);
    return commit;
}

static struct topic *get_topic(struct lag_table *table, const char *name)
{
    struct topic *topic;
    HASH_FIND_STR(table->topics, name, topic);
    if (!topic) {
        size_t length = strlen(name);
        topic = xcalloc(1, sizeof(*topic) + length + 1);
        memcpy(topic->name, name, length);
        topic->alone = strcmp(name, table->pool) != 0;
        HASH_ADD_STR(table->topics, name, topic);
    }
    return topic;
}

static struct partition *want(struct lag_table *table, const char *kafka_topic, int32_t number)
{
    struct partition *partition = find_partition(table, kafka_topic, number);
    if (!partition) {
        struct topic *topic = get_topic(table, kafka_topic);
        partition = xcalloc(1, sizeof(*partition));
        partition->number = number;
        partition->start = -1;
        HASH_ADD(hh, topic->partitions, number, sizeof(number), partition);
    }
    partition->round = table->round;
    return partition;
}

/* --- what is wanted --- */

void lag_table_begin(struct lag_table *table)
{
    pthread_rwlock_wrlock(&table->lock);
    table->round++;
    pthread_rwlock_unlock(&table->lock);
}

void lag_table_want(struct lag_table *table, const char *kafka_topic, int32_t partition)
{
    pthread_rwlock_wrlock(&table->lock);
    want(table, kafka_topic, partition);
    pthread_rwlock_unlock(&table->lock);
}

void lag_table_want_commit(struct lag_table *table, const char *kafka_topic, int32_t number,
                           int32_t shard, bool attended)
{
    pthread_rwlock_wrlock(&table->lock);
    struct partition *partition = want(table, kafka_topic, number);
    struct commit *commit = find_commit(partition, shard);
    if (!commit) {
        commit = xcalloc(1, sizeof(*commit));
        commit->shard = shard;
        HASH_ADD(hh, partition->commits, shard, sizeof(shard), commit);
    }
    commit->attended = attended || (commit->attended && commit->round == table->round);
    commit->round = table->round;
    pthread_rwlock_unlock(&table->lock);
}

/** Those that were not wanted since, or all. */
static void drop_commits(struct partition *partition, const uint32_t *round)
{
    struct commit *commit, *next;
    HASH_ITER(hh, partition->commits, commit, next)
    {
        if (round && commit->round == *round)
            continue;
        HASH_DEL(partition->commits, commit);
        free(commit);
    }
}

static void drop_partitions(struct topic *topic, const uint32_t *round)
{
    struct partition *partition, *next;
    HASH_ITER(hh, topic->partitions, partition, next)
    {
        bool keep = round && partition->round == *round;
        drop_commits(partition, keep ? round : NULL);
        if (keep)
            continue;
        HASH_DEL(topic->partitions, partition);
        lag_history_fini(&partition->history);
        free(partition);
    }
}

static void drop(struct lag_table *table, const uint32_t *round)
{
    struct topic *topic, *next;
    HASH_ITER(hh, table->topics, topic, next)
    {
        drop_partitions(topic, round);
        if (topic->partitions)
            continue;
        HASH_DEL(table->topics, topic);
        free(topic);
    }
}

void lag_table_end(struct lag_table *table)
{
    pthread_rwlock_wrlock(&table->lock);
    drop(table, &table->round);
    pthread_rwlock_unlock(&table->lock);
}

void lag_table_free(struct lag_table *table)
{
    if (!table)
        return;
    drop(table, NULL);
    pthread_rwlock_destroy(&table->lock);
    free(table);
}

void lag_table_each_partition(struct lag_table *table, lag_partition_fn show, void *context)
{
    const struct topic *topic;
    const struct partition *partition;
    pthread_rwlock_rdlock(&table->lock);
    for (topic = table->topics; topic; topic = topic->hh.next)
        for (partition = topic->partitions; partition; partition = partition->hh.next)
            show(context, topic->name, partition->number);
    pthread_rwlock_unlock(&table->lock);
}

void lag_table_each_commit(struct lag_table *table, lag_commit_fn show, void *context)
{
    const struct topic *topic;
    const struct partition *partition;
    const struct commit *commit;
    pthread_rwlock_rdlock(&table->lock);
    for (topic = table->topics; topic; topic = topic->hh.next)
        for (partition = topic->partitions; partition; partition = partition->hh.next)
            for (commit = partition->commits; commit; commit = commit->hh.next)
                show(context, topic->name, partition->number, commit->shard);
    pthread_rwlock_unlock(&table->lock);
}

void lag_table_each_past(struct lag_table *table, int64_t now_ms, lag_past_fn show, void *context)
{
    const struct topic *topic;
    struct partition *partition;
    pthread_rwlock_wrlock(&table->lock);
    for (topic = table->topics; topic; topic = topic->hh.next)
        for (partition = topic->partitions; partition; partition = partition->hh.next) {
            bool wanted = atomic_exchange(&partition->is_past_wanted, false);
            if (!wanted || partition->past_ms > LAST_STEP_MS)
                continue;
            int64_t known_ms = now_ms - partition->history.samples[0].at_ms;
            partition->past_ms =
                2 * (known_ms > partition->past_ms ? known_ms : partition->past_ms);
            if (partition->past_ms < FIRST_STEP_MS)
                partition->past_ms = FIRST_STEP_MS;
            show(context, topic->name, partition->number, now_ms - partition->past_ms);
        }
    pthread_rwlock_unlock(&table->lock);
}

/* --- what was told --- */

void lag_table_set_end(struct lag_table *table, const char *kafka_topic, int32_t number,
                       int64_t end, int64_t now_ms)
{
    pthread_rwlock_wrlock(&table->lock);
    struct partition *partition = find_partition(table, kafka_topic, number);
    if (partition) {
        if (partition->end_ms > 0 && end > partition->end)
            table->growth += end - partition->end;
        partition->end = end;
        partition->end_ms = now_ms;
        lag_history_add(&partition->history, now_ms, end);
    }
    pthread_rwlock_unlock(&table->lock);
}

void lag_table_set_start(struct lag_table *table, const char *kafka_topic, int32_t number,
                         int64_t start)
{
    pthread_rwlock_wrlock(&table->lock);
    struct partition *partition = find_partition(table, kafka_topic, number);
    if (partition)
        partition->start = start;
    pthread_rwlock_unlock(&table->lock);
}

void lag_table_set_past(struct lag_table *table, const char *kafka_topic, int32_t number,
                        int64_t at_ms, int64_t offset)
{
    pthread_rwlock_wrlock(&table->lock);
    struct partition *partition = find_partition(table, kafka_topic, number);
    if (partition && partition->history.count > 0)
        lag_history_add_older(&partition->history, at_ms, offset);
    pthread_rwlock_unlock(&table->lock);
}

void lag_table_set_commit(struct lag_table *table, const char *kafka_topic, int32_t number,
                          int32_t shard, const struct shard_commit *told, int64_t now_ms)
{
    pthread_rwlock_wrlock(&table->lock);
    struct partition *partition = find_partition(table, kafka_topic, number);
    struct commit *commit = partition ? find_commit(partition, shard) : NULL;
    if (commit) {
        commit->told = *told;
        commit->at_ms = now_ms;
    }
    pthread_rwlock_unlock(&table->lock);
}

/* --- asking --- */

static bool is_known(const struct lag_table *table, int64_t at_ms, int64_t now_ms)
{
    return at_ms > 0 && now_ms - at_ms <= table->stale_ms;
}

void lag_table_measure(struct lag_table *table, const struct catalog_sight *sight, int64_t now_ms,
                       int64_t now_wall_ms, struct lag_figure *figure)
{
    struct lag_facts facts = {
        .position = sight->position,
        .report = sight->report,
        .start = -1,
        .end = -1,
        .now_wall_ms = now_wall_ms,
    };
    pthread_rwlock_rdlock(&table->lock);
    struct partition *partition = find_partition(table, sight->kafka_topic, sight->partition);
    const struct commit *commit = partition ? find_commit(partition, sight->shard) : NULL;
    if (commit && is_known(table, commit->at_ms, now_ms))
        facts.commit = &commit->told;
    if (partition && is_known(table, partition->end_ms, now_ms)) {
        facts.start = partition->start;
        facts.end = partition->end;
        facts.end_ms = partition->end_ms;
        facts.history = &partition->history;
    }
    facts.alone = strcmp(sight->kafka_topic, table->pool) != 0;
    lag_figure_make(figure, &facts);
    if (figure->messages > 0 && figure->age_ms < 0)
        atomic_store(&partition->is_past_wanted, true);
    pthread_rwlock_unlock(&table->lock);
}

int64_t lag_table_growth(struct lag_table *table)
{
    pthread_rwlock_rdlock(&table->lock);
    int64_t growth = table->growth;
    pthread_rwlock_unlock(&table->lock);
    return growth;
}

static int64_t least_commit(const struct lag_table *table, const struct partition *partition,
                            int64_t now_ms)
{
    int64_t least = -1;
    for (const struct commit *commit = partition->commits; commit; commit = commit->hh.next)
        if (commit->attended && is_known(table, commit->at_ms, now_ms) &&
            commit->told.offset >= 0 && (least < 0 || commit->told.offset < least))
            least = commit->told.offset;
    return least;
}

static int compare_entries(const void *a, const void *b)
{
    const struct lag_partition_entry *one = a, *other = b;
    int order = strcmp(one->kafka_topic, other->kafka_topic);
    return order != 0 ? order
                      : (one->partition > other->partition) - (one->partition < other->partition);
}

struct lag_partition_entry *lag_table_list(struct lag_table *table, int64_t now_ms, size_t *count)
{
    struct lag_partition_entry *entries = NULL;
    size_t capacity = 0;
    const struct topic *topic;
    const struct partition *partition;
    *count = 0;
    pthread_rwlock_rdlock(&table->lock);
    for (topic = table->topics; topic; topic = topic->hh.next) {
        capacity += HASH_COUNT(topic->partitions);
        entries = xrealloc(entries, capacity * sizeof(*entries));
        for (partition = topic->partitions; partition; partition = partition->hh.next)
            entries[(*count)++] = (struct lag_partition_entry){
                .kafka_topic = xstrdup(topic->name),
                .partition = partition->number,
                .position = least_commit(table, partition, now_ms),
                .end = is_known(table, partition->end_ms, now_ms) ? partition->end : -1,
            };
    }
    pthread_rwlock_unlock(&table->lock);
    if (*count > 0)
        qsort(entries, *count, sizeof(*entries), compare_entries);
    return entries;
}

void lag_partition_entries_free(struct lag_partition_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(entries[i].kafka_topic);
    free(entries);
}
