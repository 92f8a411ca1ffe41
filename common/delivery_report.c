#include "common/delivery_report.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/panic.h"
#include "common/utf8.h"

#define DISPATCHER_PREFIX "dispatcher/"

enum { MAX_HTTP_STATUS = 999 };

/* --- encoding --- */

char *delivery_report_encode_subscription(const struct subscription_report *report, size_t *length)
{
    json_t *object = json_object();
    json_put_integer(object, "v", 1);
    json_put_integer(object, "at", report->at_ms);
    if (report->next >= 0)
        json_put_integer(object, "next", report->next);
    if (report->base >= 0)
        json_put_integer(object, "base", report->base);
    json_put_positive(object, "oldest", report->oldest_ms);
    json_put_positive(object, "last_success", report->last_success_ms);
    json_put_positive(object, "last_failure", report->last_failure_ms);
    json_put_string(object, "reason", report->reason);
    json_put_positive(object, "status", report->status);
    json_put_positive(object, "failures", report->failures);
    json_put_positive(object, "next_attempt", report->next_attempt_ms);
    return json_finish(object, length);
}

char *delivery_report_encode_dispatcher(const struct dispatcher_report *report, size_t *length)
{
    json_t *object = json_object(), *shards = json_array();
    json_put_integer(object, "v", 1);
    json_put_integer(object, "at", report->at_ms);
    json_put_integer(object, "started", report->started_ms);
    json_put_integer(object, "interval_ms", report->interval_ms);
    json_put_string(object, "version", report->version);
    for (size_t i = 0; i < report->shard_count; i++)
        ENSURE(json_array_append_new(shards, json_integer(report->shards[i])) == 0);
    ENSURE(json_object_set_new(object, "shards", shards) == 0);
    json_put_integer(object, "subscriptions", report->subscriptions);
    json_put_integer(object, "delivered", report->delivered);
    json_put_integer(object, "failed", report->failed);
    json_put_integer(object, "in_flight", report->in_flight);
    return json_finish(object, length);
}

char *delivery_report_key_dispatcher(const char *id)
{
    return xasprintf(DISPATCHER_PREFIX "%s", id);
}

/* --- decoding --- */

/** When the report was made: all of them say so. */
static int64_t take_at(const json_t *object, struct error *problem)
{
    if (!json_object_get(object, "at"))
        error_set(problem, ERROR_INVALID, false, "a report needs \"at\"");
    return json_take_bounded(object, "at", RECORD_MAX_MS, problem);
}

/** -1: it is not there. */
static int64_t take_offset(const json_t *object, const char *name, struct error *problem)
{
    return json_object_get(object, name) ? json_take_bounded(object, name, INT64_MAX, problem) : -1;
}

static void decode_subscription(const json_t *object, struct subscription_report *report,
                                struct error *problem)
{
    report->at_ms = take_at(object, problem);
    report->next = take_offset(object, "next", problem);
    report->base = take_offset(object, "base", problem);
    report->oldest_ms = json_take_bounded(object, "oldest", RECORD_MAX_MS, problem);
    report->last_success_ms = json_take_bounded(object, "last_success", RECORD_MAX_MS, problem);
    report->last_failure_ms = json_take_bounded(object, "last_failure", RECORD_MAX_MS, problem);
    report->next_attempt_ms = json_take_bounded(object, "next_attempt", RECORD_MAX_MS, problem);
    report->reason = json_take_string(object, "reason", problem);
    report->status = (unsigned)json_take_bounded(object, "status", MAX_HTTP_STATUS, problem);
    report->failures = (unsigned)json_take_bounded(object, "failures", UINT_MAX, problem);
}

static void decode_shards(const json_t *object, struct dispatcher_report *report,
                          struct error *problem)
{
    const json_t *array = json_object_get(object, "shards");
    if (!array)
        return;
    if (!json_is_array(array)) {
        error_set(problem, ERROR_INVALID, false, "\"shards\" is no array");
        return;
    }
    report->shard_count = json_array_size(array);
    if (report->shard_count > 0)
        report->shards = xcalloc(report->shard_count, sizeof(*report->shards));
    for (size_t i = 0; i < report->shard_count; i++) {
        const json_t *item = json_array_get(array, i);
        int64_t shard = json_is_integer(item) ? json_integer_value(item) : -1;
        if (shard < 0 || shard > INT32_MAX)
            error_set(problem, ERROR_INVALID, false, "\"shards\" has what is no shard");
        else
            report->shards[i] = (int32_t)shard;
    }
}

static void decode_dispatcher(const json_t *object, struct dispatcher_report *report,
                              struct error *problem)
{
    report->at_ms = take_at(object, problem);
    report->started_ms = json_take_bounded(object, "started", RECORD_MAX_MS, problem);
    report->interval_ms = json_take_bounded(object, "interval_ms", RECORD_MAX_MS, problem);
    report->version = json_take_string(object, "version", problem);
    decode_shards(object, report, problem);
    report->subscriptions = json_take_bounded(object, "subscriptions", INT64_MAX, problem);
    report->delivered = json_take_bounded(object, "delivered", INT64_MAX, problem);
    report->failed = json_take_bounded(object, "failed", INT64_MAX, problem);
    report->in_flight = json_take_bounded(object, "in_flight", INT64_MAX, problem);
}

static bool is_subscription_id(const char *key, size_t length)
{
    if (length != ID_HEX_SIZE - 1)
        return false;
    for (size_t i = 0; i < length; i++)
        if ((key[i] < '0' || key[i] > '9') && (key[i] < 'a' || key[i] > 'f'))
            return false;
    return true;
}

/** Fills in kind and id: the key has them, tombstones included. */
static int decode_key(const char *key, size_t length, struct delivery_report *report,
                      struct error *error)
{
    const size_t prefix = strlen(DISPATCHER_PREFIX);
    if (key && is_subscription_id(key, length)) {
        report->kind = REPORT_SUBSCRIPTION;
        memcpy(report->value.subscription.id, key, length);
        return 0;
    }
    if (key && length > prefix && length <= prefix + DISPATCHER_ID_MAX &&
        memcmp(key, DISPATCHER_PREFIX, prefix) == 0 && utf8_valid(key, length) &&
        !utf8_has_control(key, length)) {
        report->kind = REPORT_DISPATCHER;
        report->value.dispatcher.id = xstrndup(key + prefix, length - prefix);
        return 0;
    }
    return error_set(error, ERROR_INVALID, false, "unknown kind of key");
}

int delivery_report_decode(const char *key, size_t key_length, const void *value,
                           size_t value_length, struct delivery_report *report, struct error *error)
{
    memset(report, 0, sizeof(*report));
    if (decode_key(key, key_length, report, error) != 0)
        return -1;
    if (!value) {
        report->tombstone = true;
        return 0;
    }
    struct error problem = {0};
    json_t *object = json_parse_record(value, value_length, &problem);
    if (object && report->kind == REPORT_SUBSCRIPTION)
        decode_subscription(object, &report->value.subscription, &problem);
    else if (object)
        decode_dispatcher(object, &report->value.dispatcher, &problem);
    json_decref(object);
    if (problem.code == ERROR_NONE)
        return 0;
    delivery_report_fini(report);
    *error = problem;
    return -1;
}

void delivery_report_fini(struct delivery_report *report)
{
    if (report->kind == REPORT_SUBSCRIPTION) {
        free(report->value.subscription.reason);
    } else {
        free(report->value.dispatcher.id);
        free(report->value.dispatcher.version);
        free(report->value.dispatcher.shards);
    }
    memset(report, 0, sizeof(*report));
}
