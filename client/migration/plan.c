#include "client/migration/plan.h"

#include <stdlib.h>
#include <string.h>

#include "client/migration/mosip_name.h"
#include "common/address_guard.h"
#include "common/panic.h"
#include "common/url.h"
#include "common/utf8.h"

/** A set of strings. */
struct name {
    char *text;
    UT_hash_handle hh;
};

struct planning {
    struct plan *plan;
    const struct plan_options *options;
    const struct config *config;
    const struct keyring *keyring;
    const struct old_hub *old;
    const struct new_hub *here;
    const struct ledger *ledger;
    struct address_guard guard;
    struct name *listed; /* names (mosip_name.h) of the topics that are registered there */
    struct name *ids;    /* of the subscriptions so far */
};

/** Whether it was new to the set. */
static bool add_name(struct name **set, char *text)
{
    struct name *entry;
    HASH_FIND_STR(*set, text, entry);
    if (entry) {
        free(text);
        return false;
    }
    entry = xcalloc(1, sizeof(*entry));
    entry->text = text;
    HASH_ADD_KEYPTR(hh, *set, entry->text, strlen(entry->text), entry);
    return true;
}

static void free_names(struct name **set)
{
    struct name *entry, *next;
    HASH_ITER(hh, *set, entry, next)
    {
        HASH_DEL(*set, entry);
        free(entry->text);
        free(entry);
    }
}

/* --- topics --- */

static void judge_topic(const struct planning *planning, struct plan_topic *topic)
{
    struct error error;
    const struct new_topic *here = new_hub_find_topic(planning->here, topic->topic);
    const struct ledger_topic *moved = ledger_find_topic(planning->ledger, topic->topic);
    if (topic_check(topic->topic, &error) != 0) {
        topic->fate = PLAN_LEFT_OUT;
        topic->reason = "this hub takes no topic of this form";
    } else if (moved) {
        topic->fate = PLAN_MOVED;
        if (!here)
            topic->reason = "it was ended here since";
        else if (moved->first >= 0 && !location_equal(&moved->location, &here->location))
            topic->reason = "it was ended here since, and registered again";
    } else {
        topic->fate = here ? PLAN_HERE : PLAN_NEW;
    }
}

static struct plan_topic *get_topic(const struct planning *planning, const char *name)
{
    struct plan_topic *topic;
    char *normalised = xstrdup(name);
    url_normalize(normalised);
    HASH_FIND_STR(planning->plan->topics, normalised, topic);
    if (topic) {
        free(normalised);
        return topic;
    }
    topic = xcalloc(1, sizeof(*topic));
    topic->topic = normalised;
    judge_topic(planning, topic);
    HASH_ADD_KEYPTR(hh, planning->plan->topics, topic->topic, strlen(topic->topic), topic);
    return topic;
}

/* --- subscriptions --- */

static void leave_out(struct plan_subscription *s, const char *reason)
{
    s->fate = PLAN_LEFT_OUT;
    free(s->reason);
    s->reason = xstrdup(reason);
}

static void judge_callback(const struct planning *planning, struct plan_subscription *s)
{
    struct error error;
    if (url_check_callback(s->callback, &error) != 0) {
        error_prefix(&error, "its callback");
        leave_out(s, error.message);
    } else if (planning->config->security.require_https_callbacks && !url_is_https(s->callback)) {
        leave_out(s, "its callback: this hub calls https URLs only");
    } else if (!address_guard_permits_port(&planning->guard, url_port(s->callback))) {
        leave_out(s, "its callback: this hub does not call this port");
    }
}

/** Whose it is to decide: ours, or nobody's any more. */
static void judge_presence(const struct planning *planning, struct plan_subscription *s)
{
    bool is_here = new_hub_has_subscription(planning->here, s->id);
    bool topic_ended = s->topic->fate == PLAN_MOVED && s->topic->reason;
    if (s->topic->fate == PLAN_LEFT_OUT)
        leave_out(s, "its topic is left out");
    else if (ledger_has_subscription(planning->ledger, s->id) || topic_ended)
        s->fate = PLAN_MOVED;
    else if (is_here)
        s->fate = PLAN_HERE;
    if (s->fate == PLAN_MOVED && !is_here)
        s->reason = xstrdup("it was ended here since");
    else if (s->fate == PLAN_MOVED || s->fate == PLAN_HERE)
        s->topic->subscriptions++;
}

static void take_secret(const struct planning *planning, struct plan_subscription *s)
{
    struct stored_secret stored = {0};
    struct error error;
    if (!s->old->secret)
        return;
    if (!keyring_parse_mosip(s->old->secret, &stored)) {
        if (strncmp(s->old->secret, "cipher{", strlen("cipher{")) == 0)
            leave_out(s, "its secret is not of the form that MOSIP's hub encrypts to");
        else
            s->secret = xstrdup(s->old->secret); /* of releases that did not encrypt */
        return;
    }
    if (keyring_open(planning->keyring, s->id, &stored, &s->secret, &error) != 0) {
        if (error.code == ERROR_NOT_FOUND)
            leave_out(s, "its secret is encrypted: give the old hub's key with --old-key-file");
        else
            leave_out(s, "its secret cannot be decrypted with the old hub's key");
    } else if (!utf8_valid(s->secret, strlen(s->secret))) {
        leave_out(s, "its secret is not UTF-8 text");
    }
    stored_secret_fini(&stored);
}

static void take_lease(const struct planning *planning, struct plan_subscription *s)
{
    const struct config *config = planning->config;
    int64_t lease = planning->options->lease_seconds;
    if (lease == 0)
        lease = s->old->lease_seconds;
    if (lease <= 0)
        lease = config->hub.lease_seconds_default;
    if (lease > config->hub.lease_seconds_max)
        lease = config->hub.lease_seconds_max;
    s->lease_seconds =
        lease < config->hub.lease_seconds_min ? config->hub.lease_seconds_min : lease;
}

/**
 * Without a committed offset the hub would go on with what is published after its start: it leaves
 * Kafka's auto.offset.reset at "latest" (its hub/modules/connections). That is also what a consumer
 * does with an offset beyond the end, of a topic that was made anew.
 */
static void take_position(const struct planning *planning, struct plan_subscription *s,
                          const int64_t *committed)
{
    const struct old_topic *source = s->topic->source;
    s->next = xcalloc((size_t)source->partition_count + 1, sizeof(*s->next));
    s->without_position = true;
    for (int32_t i = 0; i < source->partition_count; i++) {
        int64_t low = source->low[i], end = source->end[i];
        int64_t next = committed[i] > end ? end : committed[i];
        if (committed[i] < 0)
            next = planning->options->from_start ? low : end;
        else
            s->without_position = false;
        if (next < low) {
            s->expired += low - next;
            next = low;
        }
        s->next[i] = next;
        s->waiting += end - next;
    }
}

static void plan_one(struct planning *planning, size_t index)
{
    const struct mosip_subscription *old = &planning->old->subscriptions.items[index];
    struct plan_subscription *s = &planning->plan->subscriptions[index];
    struct name *listed;
    char *name = mosip_name(old->topic);
    HASH_FIND_STR(planning->listed, name, listed);
    free(name);
    *s = (struct plan_subscription){.old = old, .fate = PLAN_NEW, .offset = -1};
    s->callback = xstrdup(old->callback);
    if (!listed) {
        leave_out(s, "its topic is not registered there");
        return;
    }
    s->topic = get_topic(planning, old->topic);
    s->topic->source = old_hub_find(planning->old, old->topic);
    judge_callback(planning, s);
    if (s->fate == PLAN_LEFT_OUT)
        return;
    url_normalize(s->callback);
    id_subscription(s->topic->topic, s->callback, s->id);
    if (!add_name(&planning->ids, xstrdup(s->id))) {
        leave_out(s, "another one has the same topic and callback");
        return;
    }
    judge_presence(planning, s);
    if (s->fate == PLAN_NEW)
        take_secret(planning, s);
    if (s->fate != PLAN_NEW)
        return;
    s->topic->subscriptions++;
    take_lease(planning, s);
    take_position(planning, s, planning->old->committed[index]);
}

/* --- what is to be copied --- */

static bool is_copying(const struct planning *planning, const struct plan_topic *topic,
                       const struct ledger_topic **begun)
{
    *begun = ledger_find_topic(planning->ledger, topic->topic);
    return *begun && (*begun)->first >= 0;
}

/** From where on, before any subscription was looked at: its end means nothing. */
static void begin_ranges(const struct planning *planning, struct plan_topic *topic)
{
    const struct old_topic *source = topic->source;
    const struct ledger_topic *begun;
    bool copying = is_copying(planning, topic, &begun);
    topic->ranges = xcalloc((size_t)source->partition_count + 1, sizeof(*topic->ranges));
    for (int32_t i = 0; i < source->partition_count; i++) {
        struct ledger_range *range = &topic->ranges[i];
        range->next = source->end[i];
        range->from = range->next;
        if (copying && topic->subscriptions > 0)
            range->from = (size_t)i < begun->range_count ? begun->ranges[i].next : source->low[i];
        if (range->from < source->low[i])
            range->from = source->low[i];
        if (range->from > range->next)
            range->from = range->next; /* the topic was made anew */
    }
}

/** What was copied, or will be, must hold all that the subscription needs. */
static void require(const struct planning *planning, struct plan_subscription *s)
{
    const struct ledger_topic *begun;
    bool copying = is_copying(planning, s->topic, &begun);
    for (int32_t i = 0; i < s->topic->source->partition_count; i++) {
        if (!copying && s->next[i] < s->topic->ranges[i].from)
            s->topic->ranges[i].from = s->next[i];
        else if (copying && (size_t)i < begun->range_count && s->next[i] < begun->ranges[i].from)
            leave_out(s, "it needs messages before those that were copied already");
    }
}

static void plan_copies(struct planning *planning)
{
    struct plan *plan = planning->plan;
    struct plan_topic *topic, *next;
    HASH_ITER(hh, plan->topics, topic, next)
    {
        if (topic->source)
            begin_ranges(planning, topic);
    }
    for (size_t i = 0; i < plan->subscription_count; i++)
        if (plan->subscriptions[i].fate == PLAN_NEW)
            require(planning, &plan->subscriptions[i]);
    HASH_ITER(hh, plan->topics, topic, next)
    {
        for (int32_t i = 0; topic->source && i < topic->source->partition_count; i++)
            topic->to_copy += topic->ranges[i].next - topic->ranges[i].from;
    }
}

void plan_make(struct plan *plan, const struct plan_options *options, const struct config *config,
               const struct keyring *keyring, const struct old_hub *old, const struct new_hub *here,
               const struct ledger *ledger)
{
    struct planning planning = {.plan = plan,
                                .options = options,
                                .config = config,
                                .keyring = keyring,
                                .old = old,
                                .here = here,
                                .ledger = ledger};
    *plan = (struct plan){.subscription_count = old->subscriptions.count};
    plan->subscriptions = xcalloc(plan->subscription_count + 1, sizeof(*plan->subscriptions));
    address_guard_init(&planning.guard, config);
    for (size_t i = 0; i < old->topics.count; i++) {
        add_name(&planning.listed, mosip_name(old->topics.items[i]));
        get_topic(&planning, old->topics.items[i])->listed = true;
    }
    for (size_t i = 0; i < plan->subscription_count; i++)
        plan_one(&planning, i);
    plan_copies(&planning);
    address_guard_fini(&planning.guard);
    free_names(&planning.listed);
    free_names(&planning.ids);
}

void plan_fini(struct plan *plan)
{
    struct plan_topic *topic, *next;
    for (size_t i = 0; i < plan->subscription_count; i++) {
        struct plan_subscription *s = &plan->subscriptions[i];
        free(s->callback);
        free(s->reason);
        secret_free(s->secret);
        free(s->next);
    }
    free(plan->subscriptions);
    HASH_ITER(hh, plan->topics, topic, next)
    {
        HASH_DEL(plan->topics, topic);
        free(topic->topic);
        free(topic->ranges);
        free(topic);
    }
}
