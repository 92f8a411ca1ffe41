#include "hub/lag.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/panic.h"

enum { STALE_INTERVALS = 4, STALE_MIN_MS = 20000, LOADING_MS = 100, TOPICS_AT_A_TIME = 1000 };

struct lag {
    const struct config *config;
    const struct kafka_names *names;
    const struct kafka_layout *layout;
    struct catalog *catalog;
    struct view *view;
    struct fleet *fleet;
    struct gauge *behind;
    int64_t stale_ms;
    struct lag_table *table;
    struct lag_poll *poll;
    pthread_t thread;
    atomic_bool stopping;
    struct growth published; /* the thread's */
    int64_t polled_ms;       /* likewise: when all ends were told last; 0: never */

    pthread_mutex_t lock; /* what follows */
    pthread_cond_t work;
    struct lag_summary summary;
    struct throughput throughput;
};

/* --- the catalog's measure --- */

static void measure(void *context, const struct catalog_sight *sight, struct lag_figure *figure)
{
    struct lag *lag = context;
    lag_table_measure(lag->table, sight, clock_monotonic_ms(), clock_wall_ms(), figure);
}

/* --- what is wanted --- */

static void want_subscription(void *context, const struct catalog_sight *sight)
{
    struct lag *lag = context;
    if (!sight->verified)
        return;
    if (sight->position.detached) /* the state tells where it is */
        lag_table_want(lag->table, sight->kafka_topic, sight->partition);
    else
        lag_table_want_commit(lag->table, sight->kafka_topic, sight->partition, sight->shard,
                              sight->status == SUBSCRIPTION_ACTIVE);
}

static void want_topics(struct lag *lag)
{
    struct view_topic_entry *entries = xcalloc(TOPICS_AT_A_TIME, sizeof(*entries));
    char *after = xstrdup("");
    size_t count;
    do {
        count = view_list_topics(lag->view, "", after, entries, TOPICS_AT_A_TIME);
        for (size_t i = 0; i < count; i++)
            lag_table_want(lag->table, entries[i].kafka_topic, entries[i].partition);
        if (count == TOPICS_AT_A_TIME) {
            free(after);
            after = xstrdup(entries[count - 1].topic);
        }
        for (size_t i = 0; i < count; i++)
            view_topic_entry_fini(&entries[i]);
    } while (count == TOPICS_AT_A_TIME && !atomic_load(&lag->stopping));
    free(after);
    free(entries);
}

/* --- looking --- */

struct sweep {
    struct lag *lag;
    int64_t now_ms, now_wall_ms;
    struct lag_summary summary;
};

static void sweep_subscription(void *context, const struct catalog_sight *sight)
{
    struct sweep *sweep = context;
    struct lag_figure figure;
    if (!sight->verified)
        return;
    lag_table_measure(sweep->lag->table, sight, sweep->now_ms, sweep->now_wall_ms, &figure);
    lag_summary_add(&sweep->summary, sight, &figure);
}

static void look(struct lag *lag)
{
    struct sweep sweep = {.lag = lag};
    lag_table_begin(lag->table);
    want_topics(lag);
    catalog_look(lag->catalog, want_subscription, lag);
    lag_table_end(lag->table);
    bool is_first = lag->polled_ms == 0;
    if (lag_poll_run(lag->poll))
        lag->polled_ms = clock_monotonic_ms();
    if (is_first) /* from here on it is known what was published */
        growth_rate(&lag->published, lag_table_growth(lag->table), lag->polled_ms);
    sweep.now_ms = clock_monotonic_ms();
    sweep.now_wall_ms = clock_wall_ms();
    catalog_look(lag->catalog, sweep_subscription, &sweep);
    gauge_set(lag->behind, (int64_t)sweep.summary.behind);
    pthread_mutex_lock(&lag->lock);
    lag->summary = sweep.summary;
    pthread_mutex_unlock(&lag->lock);
}

static void note_throughput(struct lag *lag)
{
    int64_t now = clock_monotonic_ms();
    struct throughput_entry entry = {.at_ms = clock_wall_ms(), .delivered = -1, .failed = -1};
    double delivered, failed;
    entry.published = growth_rate(&lag->published, lag_table_growth(lag->table), lag->polled_ms);
    if (now - lag->polled_ms > lag->stale_ms)
        entry.published = -1;
    if (fleet_rates(lag->fleet, now, &delivered, &failed)) {
        entry.delivered = delivered;
        entry.failed = failed;
    }
    pthread_mutex_lock(&lag->lock);
    entry.behind = lag->summary.behind;
    throughput_add(&lag->throughput, &entry);
    pthread_mutex_unlock(&lag->lock);
}

/* --- the thread --- */

/** Waits until then (monotonic); false: it is to stop. */
static bool wait_until(struct lag *lag, int64_t until_ms)
{
    const struct timespec at = {until_ms / 1000, until_ms % 1000 * 1000000};
    pthread_mutex_lock(&lag->lock);
    while (!atomic_load(&lag->stopping) && clock_monotonic_ms() < until_ms)
        pthread_cond_timedwait(&lag->work, &lag->lock, &at);
    pthread_mutex_unlock(&lag->lock);
    return !atomic_load(&lag->stopping);
}

/* @locality the lag's thread */
static void *run(void *context)
{
    struct lag *lag = context;
    int64_t look_ms = clock_monotonic_ms(), note_ms = look_ms + THROUGHPUT_INTERVAL_MS;
    while (wait_until(lag, look_ms < note_ms ? look_ms : note_ms)) {
        int64_t now = clock_monotonic_ms();
        if (now >= look_ms && !view_is_loaded(lag->view)) {
            look_ms = now + LOADING_MS;
        } else if (now >= look_ms) {
            look(lag);
            look_ms = now + lag->config->hub.lag_interval;
        }
        if (now >= note_ms) {
            note_throughput(lag);
            note_ms += THROUGHPUT_INTERVAL_MS;
            if (note_ms <= now) /* looking took so long */
                note_ms = now + THROUGHPUT_INTERVAL_MS;
        }
    }
    return NULL;
}

/* --- making and freeing --- */

static void init_lock(struct lag *lag)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&lag->lock, NULL);
    pthread_cond_init(&lag->work, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct lag *lag_new(const struct config *config, const struct kafka_names *names,
                    const struct kafka_layout *layout, struct catalog *catalog, struct view *view,
                    struct fleet *fleet, struct gauge *behind, struct error *error)
{
    struct lag *lag = xcalloc(1, sizeof(*lag));
    lag->config = config;
    lag->names = names;
    lag->layout = layout;
    lag->catalog = catalog;
    lag->view = view;
    lag->fleet = fleet;
    lag->behind = behind;
    lag->stale_ms = STALE_INTERVALS * config->hub.lag_interval;
    if (lag->stale_ms < STALE_MIN_MS)
        lag->stale_ms = STALE_MIN_MS;
    lag->table = lag_table_new(names->pool, lag->stale_ms);
    lag->poll = lag_poll_new(config, names, layout, view, lag->table, &lag->stopping, error);
    if (!lag->poll) {
        lag_table_free(lag->table);
        free(lag);
        return NULL;
    }
    init_lock(lag);
    if (pthread_create(&lag->thread, NULL, run, lag) != 0)
        PANIC("no thread for the lag");
    catalog_measure_with(catalog, measure, lag);
    return lag;
}

void lag_free(struct lag *lag)
{
    if (!lag)
        return;
    pthread_mutex_lock(&lag->lock);
    atomic_store(&lag->stopping, true);
    pthread_cond_signal(&lag->work);
    pthread_mutex_unlock(&lag->lock);
    pthread_join(lag->thread, NULL);
    catalog_measure_with(lag->catalog, NULL, NULL);
    lag_poll_free(lag->poll);
    lag_table_free(lag->table);
    pthread_mutex_destroy(&lag->lock);
    pthread_cond_destroy(&lag->work);
    free(lag);
}

/* --- asking --- */

void lag_overview(struct lag *lag, struct lag_overview *overview)
{
    pthread_mutex_lock(&lag->lock);
    overview->summary = lag->summary;
    overview->history_count = throughput_copy(&lag->throughput, overview->history);
    pthread_mutex_unlock(&lag->lock);
}

struct lag_partition_entry *lag_list_messages(struct lag *lag, size_t *count)
{
    return lag_table_list(lag->table, clock_monotonic_ms(), count);
}

struct lag_partition_entry *lag_list_events(struct lag *lag, size_t *count)
{
    int64_t since_ms = clock_monotonic_ms() - lag->stale_ms;
    *count = (size_t)lag->layout->partitions;
    struct lag_partition_entry *entries = xcalloc(*count, sizeof(*entries));
    for (int32_t i = 0; i < lag->layout->partitions; i++)
        entries[i] = (struct lag_partition_entry){
            .kafka_topic = xstrdup(lag->names->events),
            .partition = i,
            .position = view_is_loaded(lag->view) ? view_folded(lag->view, i) : -1,
            .end = lag_poll_events_end(lag->poll, i, since_ms),
        };
    return entries;
}
