/**
 * librdkafka, as all programs use it: handles made from the configuration, topics created and
 * checked, confirmed produce, waiting for the broker.
 *
 * librdkafka's own log lines and errors go to our log ("kafka.client"); its threads call nothing
 * else of ours. A property that librdkafka rejects is ERROR_CONFIG with librdkafka's message.
 */
#ifndef WEBSUB_COMMON_KAFKA_H
#define WEBSUB_COMMON_KAFKA_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "common/error.h"

/** Names of topics and groups under the configured prefix; strings owned by the struct. */
struct kafka_names {
    char *events;
    char *state;
    char *dead_letters;
    char *attempts;
    char *notices;         /**< only there when notices.enabled */
    char *status;          /**< reports of the dispatchers (delivery_report.h) */
    char *pool;            /**< the message topic that pooled WebSub topics share */
    char *messages_prefix; /**< of dedicated message topics */
    char *migration;       /**< what was moved from another hub; only migrations use it */
    char *group_consolidator;
    char *group_dispatchers;
    char *group_notices;      /**< of the dispatchers that send notices to the webhook */
    char *group_shard_prefix; /**< + shard number */
};

void kafka_names_init(struct kafka_names *names, const struct config *config);
void kafka_names_fini(struct kafka_names *names);

/** A property over the common ones; `value` NULL ends an array of them. */
struct kafka_property {
    const char *name;
    const char *value;
};

/**
 * A client handle: bootstrap servers, then `properties`, then the user's kafka.properties.
 * Consumers get enable.auto.commit=false, isolation.level=read_committed and partition EOF events
 * from here, and the group "<prefix>readers", which is for those that join none. `opaque` is what
 * librdkafka's callbacks get. `configure` (or NULL) may set callbacks on the conf. Does not wait
 * for a broker. @returns NULL on failure.
 */
rd_kafka_t *kafka_client_new(const struct config *config, rd_kafka_type_t type,
                             const struct kafka_property *properties,
                             void (*configure)(rd_kafka_conf_t *conf), void *opaque,
                             struct error *error);
/**
 * Frees a handle; NULL is fine. Waits for its threads, for no broker: a member of a group must have
 * been closed before. (Closing a handle that has a group's name and is in none, as
 * rd_kafka_destroy() does, has been seen to wait for a broker that was gone for ever.)
 */
void kafka_client_free(rd_kafka_t *rk);

/**
 * Waits up to `timeout_ms` for a first message, then takes what is there already, up to `max`. (A
 * plain rd_kafka_consume_batch_queue waits its full time-out for the batch to fill.) @returns how
 * many.
 */
size_t kafka_consume(rd_kafka_queue_t *queue, int timeout_ms, rd_kafka_message_t **messages,
                     size_t max);

/** The error of a librdkafka call as ours. */
int kafka_error(struct error *error, rd_kafka_resp_err_t code, const char *what);

/** Adds a text header to a record that is to be produced; none when `value` is NULL. */
void kafka_add_header(rd_kafka_headers_t *headers, const char *name, const char *value);

/** Value of header `name` of a consumed message; false when it is not there. Not NUL-terminated. */
bool kafka_header(const rd_kafka_message_t *message, const char *name, const char **value,
                  size_t *length);

#endif
