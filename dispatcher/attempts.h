/**
 * The attempts topic: failed delivery attempts, failed verifications, and changes of a
 * subscription's condition, one JSON object a record, keyed by subscription id; what operators look
 * at to see why a subscriber is behind. Best effort: when Kafka does not keep up, records are
 * dropped (and counted), since positions and other events go through the same producer.
 *
 *   {"v":1, "type":"delivery.failed", "at":<ms>, "topic":…, "callback":…, "message":<id>,
 *    "offset":…, "reason":"status_5xx", "status":503, "duration_us":…, "failures":…,
 *    "retry_in_ms":…, "excerpt":"first bytes of the answer"}
 *
 * Operators' commands are `delivery.paused` (with `by` and `reason`), `delivery.resumed` (`by`) and
 * `delivery.moved` (`by`, and `offset`: the next message); `delivery.redelivered` and
 * `delivery.not_redelivered` (`reason`) tell what became of a `delivery.redeliver`. Fields that a
 * type does not have are left out. An attempt that failed for "secret_key" was never made: there
 * was nothing to sign it with.
 */
#ifndef WEBSUB_DISPATCHER_ATTEMPTS_H
#define WEBSUB_DISPATCHER_ATTEMPTS_H

#include "dispatcher/dispatcher.h"

enum attempt_type {
    ATTEMPT_DELIVERY_FAILED,
    ATTEMPT_VERIFICATION_FAILED,
    ATTEMPT_SUSPENDED,
    ATTEMPT_RECOVERED,
    ATTEMPT_GONE,
    ATTEMPT_DEAD_LETTERED,
    ATTEMPT_REDELIVERED,
    ATTEMPT_NOT_REDELIVERED, /**< reason, offset: given up */
    ATTEMPT_PAUSED,          /**< by, reason */
    ATTEMPT_RESUMED,         /**< by */
    ATTEMPT_MOVED,           /**< by, offset: where it continues */
};

/** Zero-initialised but for what there is; strings are borrowed. */
struct attempt {
    enum attempt_type type;
    const char *subscription; /**< id */
    const char *topic;
    const char *callback;
    const struct message *message;    /**< or NULL */
    const struct http_result *result; /**< or NULL */
    const char *reason;               /**< or NULL */
    const char *by;                   /**< the operator, or NULL */
    int64_t offset;                   /**< of ATTEMPT_MOVED and _NOT_REDELIVERED */
    unsigned failures;                /**< in a row */
    int64_t retry_in_ms;
};

struct attempts;

struct attempts *attempts_new(struct dispatcher *dispatcher, struct error *error);
/** Only after the producer was drained. NULL is fine. */
void attempts_free(struct attempts *attempts);

/** Thread-safe, never blocks. */
void attempts_record(struct attempts *attempts, const struct attempt *attempt);

#endif
