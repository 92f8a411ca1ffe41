#include "hub/catalog_entry.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/panic.h"

static const char *secret_text(const struct entry *entry)
{
    return entry->has_secret ? entry->callback + strlen(entry->callback) + 1 : NULL;
}

void entry_free(struct entry *entry, struct names *names)
{
    names_leave(names, entry->topic);
    names_leave(names, entry->kafka_topic);
    names_leave(names, entry->owner);
    names_leave(names, entry->reason);
    names_leave(names, entry->secret_key);
    kept_report_free(entry->report, names);
    if (entry->has_secret)
        explicit_bzero(entry->callback + strlen(entry->callback) + 1, strlen(secret_text(entry)));
    free(entry);
}

struct entry *entry_new(struct names *names, int32_t shard, const struct subscription_state *state)
{
    size_t callback = strlen(state->callback) + 1;
    size_t secret = state->secret.text ? strlen(state->secret.text) + 1 : 0;
    struct entry *entry = xcalloc(1, sizeof(*entry) + callback + secret);
    memcpy(entry->id, state->id, ID_DIGITS);
    memcpy(entry->callback, state->callback, callback);
    if (secret > 0)
        memcpy(entry->callback + callback, state->secret.text, secret);
    entry->has_secret = secret > 0;
    entry->status = (uint8_t)state->status;
    entry->method = (int8_t)state->method;
    entry->detached = state->position.detached;
    entry->max_in_flight = (uint16_t)state->max_in_flight;
    entry->shard = (uint16_t)shard;
    entry->pending_count = (uint8_t)state->pending_count;
    entry->lease_seconds = (int32_t)state->lease_seconds;
    entry->partition = state->location.partition;
    entry->topic = names_take(names, state->topic);
    entry->kafka_topic = names_take(names, state->location.kafka_topic);
    entry->owner = names_take(names, state->owner);
    entry->reason = names_take(names, state->reason);
    entry->secret_key = names_take(names, state->secret.key_id);
    entry->created_at_ms = state->created_at_ms;
    entry->verified_at_ms = state->verified_at_ms;
    entry->lease_end_ms = state->lease_end_ms;
    entry->offset = state->position.offset;
    entry->set = state->position.set;
    entry->base = state->position.base;
    entry->settled = state->letters.settled;
    entry->marked = state->letters.marked;
    return entry;
}

static void copy_report(const struct kept_report *report, struct catalog_subscription *out)
{
    out->last_success_ms = report->last_success_ms;
    out->last_failure_ms = report->last_failure_ms;
    out->next_attempt_ms = report->next_attempt_ms;
    out->failure = xstrdup_or_null(name_text(report->reason));
    out->failure_status = report->status;
    out->failures = report->failures;
}

void entry_copy_out(const struct entry *entry, struct catalog_subscription *out)
{
    *out = (struct catalog_subscription){
        .topic = xstrdup(name_text(entry->topic)),
        .callback = xstrdup(entry->callback),
        .status = (enum subscription_status)entry->status,
        .secret = {xstrdup_or_null(name_text(entry->secret_key)),
                   xstrdup_or_null(secret_text(entry))},
        .method = entry->method,
        .max_in_flight = entry->max_in_flight,
        .created_at_ms = entry->created_at_ms,
        .verified_at_ms = entry->verified_at_ms,
        .lease_seconds = entry->lease_seconds,
        .lease_end_ms = entry->lease_end_ms,
        .reason = xstrdup_or_null(name_text(entry->reason)),
        .owner = xstrdup_or_null(name_text(entry->owner)),
        .location = {xstrdup_or_null(name_text(entry->kafka_topic)), entry->partition},
        .position = {entry->offset, entry->set, entry->base, entry->detached},
        .letters = {.settled = entry->settled, .marked = entry->marked},
        .pending_count = entry->pending_count,
        .lag = LAG_UNKNOWN,
    };
    memcpy(out->id, entry->id, ID_DIGITS);
    if (entry->report)
        copy_report(entry->report, out);
}

void catalog_subscription_fini(struct catalog_subscription *subscription)
{
    free(subscription->topic);
    free(subscription->callback);
    free(subscription->reason);
    free(subscription->owner);
    free(subscription->failure);
    stored_secret_fini(&subscription->secret);
    location_fini(&subscription->location);
    memset(subscription, 0, sizeof(*subscription));
}

void entry_see(const struct entry *entry, struct catalog_sight *sight)
{
    *sight = (struct catalog_sight){
        .id = entry->id,
        .status = (enum subscription_status)entry->status,
        .verified = entry->verified_at_ms > 0 && entry->kafka_topic,
        .shard = entry->shard,
        .kafka_topic = name_text(entry->kafka_topic),
        .partition = entry->partition,
        .position = {entry->offset, entry->set, entry->base, entry->detached},
        .report = entry->report ? entry->report->lag : (struct lag_report){0},
    };
}

/* --- filters --- */

static bool has_host(const char *callback, const char *host)
{
    size_t length = strlen(host);
    const char *at = strstr(callback, "://");
    if (!at || strncasecmp(at + 3, host, length) != 0)
        return false;
    return strchr(":/?", at[3 + length]); /* or it ends here */
}

bool entry_passes(const struct entry *entry, const struct catalog_filter *filter)
{
    if (filter->statuses && !(filter->statuses & 1u << entry->status))
        return false;
    if (filter->owner && (!entry->owner || strcmp(name_text(entry->owner), filter->owner) != 0))
        return false;
    if (filter->topic && !strstr(name_text(entry->topic), filter->topic))
        return false;
    return !filter->callback_host || has_host(entry->callback, filter->callback_host);
}
