#include "client/migration/report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "client/migration/mosip_name.h"
#include "common/json.h"
#include "common/panic.h"

enum { MAX_LINES = 20 };

struct totals {
    size_t topics[PLAN_FATE_COUNT];
    size_t subscriptions[PLAN_FATE_COUNT];
    size_t without_position; /* of the new subscriptions */
    size_t behind;           /* the same, with messages waiting */
    int64_t expired;         /* messages that new subscriptions can no longer get */
    int64_t to_copy;
};

static void count(const struct plan *plan, struct totals *totals)
{
    struct plan_topic *topic, *next;
    *totals = (struct totals){.to_copy = 0};
    HASH_ITER(hh, plan->topics, topic, next)
    {
        totals->topics[topic->fate]++;
        totals->to_copy += topic->to_copy;
    }
    for (size_t i = 0; i < plan->subscription_count; i++) {
        const struct plan_subscription *s = &plan->subscriptions[i];
        totals->subscriptions[s->fate]++;
        if (s->fate != PLAN_NEW)
            continue;
        totals->without_position += s->without_position;
        totals->behind += s->waiting > 0;
        totals->expired += s->expired;
    }
}

bool report_has_problems(const struct migration *migration)
{
    struct totals totals;
    count(&migration->plan, &totals);
    return totals.topics[PLAN_LEFT_OUT] > 0 || totals.subscriptions[PLAN_LEFT_OUT] > 0;
}

/**
 * The topic before it in the plan that the old hub takes for the same one; NULL: none. (What one of
 * its subscriptions names is what counts: a topic that the hub registered itself, when it was first
 * used, is listed under the name of its Kafka topic.)
 */
static const struct plan_topic *find_twin(const struct plan *plan, const struct plan_topic *topic)
{
    struct plan_topic *other, *next;
    if (!topic->source)
        return NULL;
    HASH_ITER(hh, plan->topics, other, next)
    {
        if (other == topic)
            return NULL;
        if (other->source == topic->source)
            return other;
    }
    return NULL;
}

/* --- text --- */

static void print_topics(FILE *out, const struct totals *totals, const char *new_ones)
{
    fprintf(out, "topics          %zu %s, %zu moved before, %zu here already, %zu left out\n",
            totals->topics[PLAN_NEW], new_ones, totals->topics[PLAN_MOVED],
            totals->topics[PLAN_HERE], totals->topics[PLAN_LEFT_OUT]);
}

static void print_subscriptions(FILE *out, const struct totals *totals, const char *new_ones)
{
    fprintf(out, "subscriptions   %zu %s, %zu moved before, %zu here already, %zu left out\n",
            totals->subscriptions[PLAN_NEW], new_ones, totals->subscriptions[PLAN_MOVED],
            totals->subscriptions[PLAN_HERE], totals->subscriptions[PLAN_LEFT_OUT]);
    if (totals->behind > 0)
        fprintf(out, "                %zu of the new ones have messages waiting\n", totals->behind);
    if (totals->without_position > 0)
        fprintf(out,
                "                %zu of the new ones never confirmed a message: see "
                "--uncommitted\n",
                totals->without_position);
    if (totals->expired > 0)
        fprintf(out,
                "                %" PRId64 " messages that some have not got are gone from the old "
                "Kafka\n",
                totals->expired);
}

/** How many of one kind are shown, and how many there are. */
struct lines {
    FILE *out;
    const char *title;
    size_t count;
};

static bool next_line(struct lines *lines)
{
    if (lines->count++ == 0)
        fprintf(lines->out, "\n%s\n", lines->title);
    return lines->count <= MAX_LINES;
}

static void end_lines(const struct lines *lines)
{
    if (lines->count > MAX_LINES)
        fprintf(lines->out, "  and %zu more: see --json\n", lines->count - MAX_LINES);
}

static void print_left_out(FILE *out, const struct plan *plan)
{
    struct lines lines = {out, "Left out:", 0};
    struct plan_topic *topic, *next;
    HASH_ITER(hh, plan->topics, topic, next)
    {
        if (topic->fate == PLAN_LEFT_OUT && next_line(&lines))
            fprintf(out, "  topic %s: %s\n", topic->topic, topic->reason);
    }
    for (size_t i = 0; i < plan->subscription_count; i++) {
        const struct plan_subscription *s = &plan->subscriptions[i];
        if (s->fate == PLAN_LEFT_OUT && next_line(&lines))
            fprintf(out, "  %s at %s: %s\n", s->old->topic, s->callback, s->reason);
    }
    end_lines(&lines);
}

static void print_twins(FILE *out, const struct plan *plan)
{
    struct lines lines = {out,
                          "One topic to the old hub, but two here; publishers must use both:", 0};
    struct plan_topic *topic, *next;
    HASH_ITER(hh, plan->topics, topic, next)
    {
        const struct plan_topic *twin = find_twin(plan, topic);
        if (twin && next_line(&lines))
            fprintf(out, "  %s and %s\n", twin->topic, topic->topic);
    }
    end_lines(&lines);
}

void report_print_text(FILE *out, const struct migration *migration, bool dry_run)
{
    struct totals totals;
    count(&migration->plan, &totals);
    print_topics(out, &totals, dry_run ? "to be registered" : "registered now");
    print_subscriptions(out, &totals, dry_run ? "to be moved" : "moved now");
    if (dry_run)
        fprintf(out, "messages        %" PRId64 " to be copied\n", totals.to_copy);
    else
        fprintf(out, "messages        %" PRId64 " copied now\n", migration->copied);
    print_left_out(out, &migration->plan);
    print_twins(out, &migration->plan);
    if (dry_run && migration->old.connected > 0)
        fprintf(out, "\nThe old hub is running (%zu consumers). Stop it before you migrate.\n",
                migration->old.connected);
    if (dry_run)
        fputs("\nNothing was written: this was a dry run.\n", out);
}

/* --- JSON --- */

static const char *const fates[] = {[PLAN_NEW] = "new",
                                    [PLAN_MOVED] = "moved_before",
                                    [PLAN_HERE] = "here_already",
                                    [PLAN_LEFT_OUT] = "left_out"};

static json_t *encode_counts(const size_t counts[PLAN_FATE_COUNT])
{
    json_t *object = json_object();
    for (int fate = 0; fate < PLAN_FATE_COUNT; fate++)
        json_put_integer(object, fates[fate], (int64_t)counts[fate]);
    return object;
}

static json_t *encode_topics(const struct plan *plan)
{
    json_t *array = json_array();
    struct plan_topic *topic, *next;
    HASH_ITER(hh, plan->topics, topic, next)
    {
        json_t *object = json_object();
        const struct plan_topic *twin = find_twin(plan, topic);
        json_put_string(object, "topic", topic->topic);
        json_put_string(object, "fate", fates[topic->fate]);
        json_put_string(object, "reason", topic->reason);
        json_put_integer(object, "to_copy", topic->to_copy);
        if (twin)
            json_put_string(object, "same_as", twin->topic);
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *encode_subscriptions(const struct plan *plan)
{
    json_t *array = json_array();
    for (size_t i = 0; i < plan->subscription_count; i++) {
        const struct plan_subscription *s = &plan->subscriptions[i];
        json_t *object = json_object();
        json_put_string(object, "topic", s->topic ? s->topic->topic : s->old->topic);
        json_put_string(object, "callback", s->callback);
        json_put_string(object, "fate", fates[s->fate]);
        json_put_string(object, "reason", s->reason);
        if (s->fate == PLAN_NEW) {
            json_put_integer(object, "waiting", s->waiting);
            json_put_integer(object, "expired", s->expired);
            json_put_integer(object, "lease_seconds", s->lease_seconds);
            if (s->without_position)
                json_object_set_new(object, "without_position", json_true());
        }
        json_array_append_new(array, object);
    }
    return array;
}

void report_print_json(FILE *out, const struct migration *migration, bool dry_run)
{
    struct totals totals;
    json_t *object = json_object(), *messages = json_object();
    size_t length;
    count(&migration->plan, &totals);
    json_object_set_new(object, "dry_run", json_boolean(dry_run));
    json_object_set_new(object, "complete", json_boolean(migration->complete));
    json_put_integer(object, "old_hub_connected", (int64_t)migration->old.connected);
    json_object_set_new(object, "topics", encode_counts(totals.topics));
    json_t *subscriptions = encode_counts(totals.subscriptions);
    json_put_integer(subscriptions, "behind", (int64_t)totals.behind);
    json_put_integer(subscriptions, "without_position", (int64_t)totals.without_position);
    json_object_set_new(object, "subscriptions", subscriptions);
    json_put_integer(messages, "to_copy", totals.to_copy);
    json_put_integer(messages, "copied", migration->copied);
    json_put_integer(messages, "expired", totals.expired);
    json_object_set_new(object, "messages", messages);
    json_object_set_new(object, "topic_list", encode_topics(&migration->plan));
    json_object_set_new(object, "subscription_list", encode_subscriptions(&migration->plan));
    char *text = json_finish(object, &length);
    fprintf(out, "%s\n", text);
    free(text);
}
