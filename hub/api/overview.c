/* /overview: how the hub and its subscribers fare, on one page. Operators only. */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/panic.h"
#include "hub/api/request.h"

enum { MAX_PARTITIONS = 1000 };

/** More than three decimals are noise. */
static json_t *rate(double per_second)
{
    return per_second < 0 ? json_null()
                          : json_real((double)(int64_t)(per_second * 1000 + 0.5) / 1000);
}

static json_t *number_or_null(int64_t value)
{
    return value < 0 ? json_null() : json_integer(value);
}

static json_t *encode_statuses(struct catalog *catalog)
{
    size_t counts[SUBSCRIPTION_STATUS_COUNT];
    json_t *object = json_object();
    json_int_t total = 0;
    catalog_count_statuses(catalog, counts);
    for (int i = 0; i < SUBSCRIPTION_STATUS_COUNT; i++) {
        const char *name = subscription_status_name((enum subscription_status)i);
        json_object_set_new(object, name, json_integer((json_int_t)counts[i]));
        total += (json_int_t)counts[i];
    }
    json_object_set_new(object, "total", json_integer(total));
    return object;
}

/* --- throughput --- */

static json_t *encode_throughput(const struct throughput_entry *entry)
{
    return json_pack("{s:o, s:o, s:o}", "published_per_second", rate(entry->published),
                     "delivered_per_second", rate(entry->delivered), "failed_per_second",
                     rate(entry->failed));
}

/** As of the last entry of the history. */
static json_t *encode_present(const struct lag_overview *overview)
{
    const struct throughput_entry unknown = {.published = -1, .delivered = -1, .failed = -1};
    size_t count = overview->history_count;
    return encode_throughput(count > 0 ? &overview->history[count - 1] : &unknown);
}

static json_t *encode_history(const struct lag_overview *overview)
{
    json_t *history = json_array();
    for (size_t i = 0; i < overview->history_count; i++) {
        const struct throughput_entry *entry = &overview->history[i];
        json_t *item = encode_throughput(entry);
        json_object_set_new(item, "at", api_time(entry->at_ms));
        json_object_set_new(item, "behind", json_integer((json_int_t)entry->behind));
        json_array_append_new(history, item);
    }
    return history;
}

/** As they are now; who ended meanwhile is left out. */
static json_t *encode_top(struct catalog *catalog, const struct lag_summary *summary)
{
    json_t *top = json_array();
    for (size_t i = 0; i < summary->top_count; i++) {
        struct catalog_subscription s;
        if (catalog_get(catalog, summary->top[i].id, &s))
            json_array_append_new(top, api_encode_subscription(&s));
        catalog_subscription_fini(&s);
    }
    return top;
}

/* --- dispatchers --- */

static json_t *encode_dispatcher(const struct fleet_member *member)
{
    const struct dispatcher_report *report = &member->report;
    json_t *shards = json_array();
    for (size_t i = 0; i < report->shard_count; i++)
        json_array_append_new(shards, json_integer(report->shards[i]));
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:b}", "id", report->id,
                     "started_at", api_time(report->started_ms), "reported_at",
                     api_time(report->at_ms), "version",
                     report->version ? json_string(report->version) : json_null(), "shards", shards,
                     "subscriptions", (json_int_t)report->subscriptions, "in_flight",
                     (json_int_t)report->in_flight, "delivered", (json_int_t)report->delivered,
                     "failed", (json_int_t)report->failed, "alive", (int)member->alive);
}

static json_t *encode_fleet(struct fleet *fleet)
{
    json_t *dispatchers = json_array();
    size_t count;
    struct fleet_member *members = fleet_list(fleet, clock_monotonic_ms(), &count);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(dispatchers, encode_dispatcher(&members[i]));
    fleet_members_free(members, count);
    return dispatchers;
}

/* --- consumers --- */

/** -1: not known. */
static int64_t lag_of(const struct lag_partition_entry *entry)
{
    if (entry->position < 0 || entry->end < 0)
        return -1;
    return entry->end > entry->position ? entry->end - entry->position : 0;
}

static int compare_lags(const void *a, const void *b)
{
    int64_t one = lag_of(a), other = lag_of(b);
    return (one < other) - (one > other);
}

static json_t *encode_partition(const struct lag_partition_entry *entry)
{
    return json_pack("{s:s, s:i, s:o, s:o, s:o}", "kafka_topic", entry->kafka_topic, "partition",
                     (int)entry->partition, "position", number_or_null(entry->position), "end",
                     number_or_null(entry->end), "lag", number_or_null(lag_of(entry)));
}

/** Consumes the entries. If they are too many to be shown, those that are furthest behind are. */
static json_t *encode_consumer(const char *name, struct lag_partition_entry *entries, size_t count)
{
    json_t *partitions = json_array();
    json_int_t lag = 0;
    if (count > MAX_PARTITIONS)
        qsort(entries, count, sizeof(*entries), compare_lags);
    for (size_t i = 0; i < count; i++) {
        lag += lag_of(&entries[i]) > 0 ? lag_of(&entries[i]) : 0;
        if (i < MAX_PARTITIONS)
            json_array_append_new(partitions, encode_partition(&entries[i]));
    }
    lag_partition_entries_free(entries, count);
    return json_pack("{s:s, s:I, s:o}", "name", name, "lag", lag, "partitions", partitions);
}

static json_t *encode_consumers(struct lag *lag)
{
    size_t events, messages;
    struct lag_partition_entry *of_events = lag_list_events(lag, &events);
    struct lag_partition_entry *of_messages = lag_list_messages(lag, &messages);
    json_t *consolidator = encode_consumer("consolidator", of_events, events);
    return json_pack("[o, o]", consolidator, encode_consumer("dispatchers", of_messages, messages));
}

void api_overview_get(struct api_request *request)
{
    struct hub *hub = request->hub;
    if (!api_require_operator(request) || !api_require_catalog(request))
        return;
    struct lag_overview *overview = xmalloc(sizeof(*overview));
    lag_overview(hub->lag, overview);
    json_t *body =
        json_pack("{s:o, s:I, s:o, s:I, s:o, s:o, s:o, s:o, s:o}", "at", api_time(clock_wall_ms()),
                  "topics", (json_int_t)view_topic_count(hub->view), "subscriptions",
                  encode_statuses(hub->catalog), "behind", (json_int_t)overview->summary.behind,
                  "throughput", encode_present(overview), "history", encode_history(overview),
                  "top_lagging", encode_top(hub->catalog, &overview->summary), "dispatchers",
                  encode_fleet(hub->fleet), "consumers", encode_consumers(hub->lag));
    free(overview);
    ENSURE(body != NULL);
    api_respond(request, 200, body);
}
