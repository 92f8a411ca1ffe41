/**
 * Reports of the dispatchers, in the compacted status topic: how deliveries to a subscription go,
 * and how a dispatcher fares. What the hub shows to operators and nothing decides by: written at
 * intervals, best effort, so a report can be some seconds old, or missing where all is well.
 *
 * A subscription is reported at the end of an interval in which something about it changed, while
 * it is not well: failing, detached, suspended, paused, or its oldest message published more than
 * an interval ago; and once more when it is well again. One that is well is reported after a
 * success, but rarely, and without `oldest`: what it has not confirmed is younger than an interval.
 * Whoever takes a shard over reports those that are detached or not active, and knows nothing of
 * what happened before.
 *
 * Key: the subscription's id, or "dispatcher/<instance>". Value: a JSON object with "v": 1; what is
 * not known is left out; unknown fields are ignored. NULL is a tombstone: a dispatcher that ended.
 * Partition: id_partition of the key. Reports of subscriptions that ended go with the topic's
 * retention.
 */
#ifndef WEBSUB_COMMON_DELIVERY_REPORT_H
#define WEBSUB_COMMON_DELIVERY_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/id.h"

#define DISPATCHER_ID_MAX 300 /**< bytes of an instance's id, UTF-8 without control characters */

/** Times are wall clock ms, 0: none. Strings are owned. */
struct subscription_report {
    char id[ID_HEX_SIZE];
    int64_t at_ms;
    int64_t next;      /**< offset of the oldest message that is not confirmed; -1: not known */
    int64_t base;      /**< position.base (state.h) that `next` belongs to; -1: not known */
    int64_t oldest_ms; /**< when that message was published; 0: it is young, or that is not known */
    int64_t last_success_ms;
    int64_t last_failure_ms;
    int64_t next_attempt_ms;
    char *reason;      /**< of the last failure, as in the attempts topic; NULL: none */
    unsigned status;   /**< of the last failure's answer; 0: there was none */
    unsigned failures; /**< in a row, up to now */
};

struct dispatcher_report {
    char *id; /**< instance */
    int64_t at_ms;
    int64_t started_ms;
    int64_t interval_ms; /**< until the next report */
    char *version;       /**< NULL: not known */
    int32_t *shards;     /**< that it owns; NULL when shard_count is 0 */
    size_t shard_count;
    int64_t subscriptions;
    int64_t delivered; /**< since it started: confirmed deliveries */
    int64_t failed;    /**< attempts that failed */
    int64_t in_flight;
};

enum delivery_report_kind { REPORT_SUBSCRIPTION, REPORT_DISPATCHER };

struct delivery_report {
    enum delivery_report_kind kind;
    bool tombstone; /**< then only the id is filled in */
    union {
        struct subscription_report subscription;
        struct dispatcher_report dispatcher;
    } value;
};

/** The caller frees the results with free(). */
char *delivery_report_encode_subscription(const struct subscription_report *report, size_t *length);
char *delivery_report_encode_dispatcher(const struct dispatcher_report *report, size_t *length);
char *delivery_report_key_dispatcher(const char *id);

/** Decodes foreign bytes; `value` NULL is a tombstone. ERROR_INVALID when malformed, of another
 * version or of an unknown kind of key; `*report` then needs no delivery_report_fini. */
int delivery_report_decode(const char *key, size_t key_length, const void *value,
                           size_t value_length, struct delivery_report *report,
                           struct error *error);
void delivery_report_fini(struct delivery_report *report);

#endif
