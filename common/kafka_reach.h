/** Waiting for Kafka at the start, and saying why it cannot be used: TLS, passwords, addresses. */
#ifndef WEBSUB_COMMON_KAFKA_REACH_H
#define WEBSUB_COMMON_KAFKA_REACH_H

#include "common/kafka.h"

struct kafka_reach {
    rd_kafka_t *rk; /**< a client handle for whoever waits, until fini */
    const char *servers;
    char reason[512]; /**< why the broker could not be used last; "": not known */
};

/**
 * Warns ("kafka.old_scram") of a librdkafka that cannot do what kafka.properties ask for. Does not
 * wait. `reach` must stay where it is and `config` must outlive it. @returns -1 on failure, with
 * nothing to free: ERROR_CONFIG.
 */
int kafka_reach_init(struct kafka_reach *reach, const struct config *config, struct error *error);

/**
 * Waits for a broker to answer. Meanwhile logs "kafka.waiting" once a second, with librdkafka's
 * reason, which never contains a password.
 *
 * @param stop asked about once a second; when it answers true, ERROR_CONFLICT is returned.
 */
int kafka_reach_wait(struct kafka_reach *reach, bool (*stop)(void), struct error *error);

void kafka_reach_fini(struct kafka_reach *reach);

#endif
