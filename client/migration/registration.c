#include "client/migration/registration.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/kafka_admin.h"
#include "common/panic.h"
#include "common/placement.h"

/* Of one transaction. */
enum { BATCH = 500, ADMIN_MS = 30000, WATERMARK_MS = 10000 };

static int note(struct run *run, const struct ledger_topic *entry, struct error *error)
{
    size_t length;
    char *key = id_topic_key(entry->topic), *value = ledger_encode_topic(entry, &length);
    int result = writer_note(run->writer, key, value, length, error);
    free(key);
    return result;
}

/** Begins a transaction with the first record of a batch, and ends it with the last. */
struct batch {
    struct run *run;
    size_t count;
};

static int batch_begin(struct batch *batch, struct error *error)
{
    return batch->count++ == 0 ? writer_begin(batch->run->writer, error) : 0;
}

static int batch_end(struct batch *batch, size_t at_least, struct error *error)
{
    if (batch->count == 0 || batch->count < at_least)
        return 0;
    batch->count = 0;
    return writer_commit(batch->run->writer, error);
}

/* --- registering --- */

static int send_registered(struct run *run, const struct plan_topic *topic, int64_t *dedicated,
                           struct error *error)
{
    struct event event = {.type = EVENT_TOPIC_REGISTERED,
                          .at_ms = clock_wall_ms(),
                          .topic = topic->topic, /* borrowed */
                          .method = -1};
    int result = 0;
    if (placement_choose(run->config, &run->names, run->pool_partitions, *dedicated, topic->topic,
                         &event.location)) {
        ++*dedicated;
        result = kafka_admin_create_messages(writer_handle(run->writer), run->config,
                                             event.location.kafka_topic, ADMIN_MS, error);
    }
    if (result == 0)
        result = writer_event(run->writer, &event, error);
    location_fini(&event.location);
    return result;
}

int registration_register(struct run *run, struct error *error)
{
    struct migration *migration = run->migration;
    struct batch batch = {run, 0};
    int64_t dedicated = migration->here.dedicated;
    struct plan_topic *topic, *next;
    HASH_ITER(hh, migration->plan.topics, topic, next)
    {
        if (topic->fate != PLAN_NEW && topic->fate != PLAN_HERE)
            continue;
        if (batch_begin(&batch, error) != 0 ||
            (topic->fate == PLAN_NEW && send_registered(run, topic, &dedicated, error) != 0) ||
            note(run, ledger_get_topic(&migration->ledger, topic->topic), error) != 0 ||
            batch_end(&batch, BATCH, error) != 0)
            return -1;
    }
    return batch_end(&batch, 1, error);
}

/* --- where copies begin --- */

static void leave_out(struct plan *plan, struct plan_topic *topic)
{
    topic->fate = PLAN_LEFT_OUT;
    topic->reason = "it was deregistered here while it was migrated";
    topic->to_copy = 0;
    for (size_t i = 0; i < plan->subscription_count; i++) {
        struct plan_subscription *s = &plan->subscriptions[i];
        if (s->topic != topic || s->fate != PLAN_NEW)
            continue;
        s->fate = PLAN_LEFT_OUT;
        free(s->reason);
        s->reason = xstrdup("its topic was deregistered here while it was migrated");
    }
}

static int begin(struct run *run, const struct plan_topic *topic, const struct location *location,
                 struct ledger_topic *entry, struct error *error)
{
    int64_t low, end;
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
        partition_reader_handle(run->reader), location->kafka_topic, location->partition, &low,
        &end, WATERMARK_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_error(error, code, location->kafka_topic);
    location_fini(&entry->location);
    location_copy(&entry->location, location);
    entry->first = entry->after = end;
    entry->range_count = (size_t)topic->source->partition_count;
    free(entry->ranges);
    entry->ranges = xcalloc(entry->range_count + 1, sizeof(*entry->ranges));
    for (size_t i = 0; i < entry->range_count; i++)
        entry->ranges[i] = (struct ledger_range){topic->ranges[i].from, topic->ranges[i].from};
    return 0;
}

/** The old topic may have got partitions since copies began. */
static void extend(const struct plan_topic *topic, struct ledger_topic *entry)
{
    size_t count = (size_t)topic->source->partition_count;
    if (entry->range_count >= count)
        return;
    entry->ranges = xrealloc(entry->ranges, count * sizeof(*entry->ranges));
    for (; entry->range_count < count; entry->range_count++) {
        int64_t from = topic->ranges[entry->range_count].from;
        entry->ranges[entry->range_count] = (struct ledger_range){from, from};
    }
}

int registration_begin_copies(struct run *run, struct error *error)
{
    struct migration *migration = run->migration;
    struct new_hub now = {.dedicated = 0};
    struct batch batch = {run, 0};
    struct plan_topic *topic, *next;
    int result = new_hub_read(run->config, &run->names, true, &now, error);
    HASH_ITER(hh, migration->plan.topics, topic, next)
    {
        struct ledger_topic *entry = ledger_find_topic(&migration->ledger, topic->topic);
        const struct new_topic *here = new_hub_find_topic(&now, topic->topic);
        if (result != 0 || !entry || !topic->source || (topic->fate == PLAN_MOVED && topic->reason))
            continue;
        if (!here) {
            leave_out(&migration->plan, topic);
        } else if (entry->first >= 0) {
            extend(topic, entry);
        } else if (batch_begin(&batch, error) != 0 ||
                   begin(run, topic, &here->location, entry, error) != 0 ||
                   note(run, entry, error) != 0 || batch_end(&batch, BATCH, error) != 0) {
            result = -1;
        }
    }
    new_hub_fini(&now);
    return result == 0 ? batch_end(&batch, 1, error) : -1;
}
