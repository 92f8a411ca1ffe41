/** Kafka topics: created with our settings when missing, checked when they exist. Blocking calls.
 */
#ifndef WEBSUB_COMMON_KAFKA_ADMIN_H
#define WEBSUB_COMMON_KAFKA_ADMIN_H

#include "common/kafka.h"

/** What exists in Kafka; existing partition counts win over configured ones. */
struct kafka_layout {
    int32_t partitions;      /**< of events and of state that are in use: the number of shards */
    int32_t pool_partitions; /**< of the pooled message topic */
    int32_t attempts_partitions;
    int32_t dead_letters_partitions;
    int32_t notices_partitions; /**< 0: there is no such topic */
    int32_t status_partitions;
    bool is_mock; /**< librdkafka's mock cluster, which knows less than Kafka */
};

/**
 * Waits for a broker to answer (logs "kafka.waiting" meanwhile), creates what is missing of the
 * fixed topics (events, state, dead letters, attempts, status, pool; notices where they are
 * enabled), and checks what exists: events and state have the same number of partitions, or at
 * least as many as there are shards already (kafka_shards.h; those beyond are left alone, with the
 * warning "kafka.partitions_ignored"), state is compacted, events and notices are not, status both
 * forgets and is compacted (else ERROR_CONFIG).
 *
 * A broker that cannot create topics (no controller: an embedded one) is expected to have them, or
 * to make them when they are asked for.
 *
 * @param stop asked about once a second; when it answers true, ERROR_CONFLICT is returned.
 */
int kafka_admin_prepare(const struct config *config, const struct kafka_names *names,
                        bool (*stop)(void), struct kafka_layout *layout, struct error *error);

/**
 * Makes sure that the message topic `name` with one partition exists. `rk`: any client handle.
 * Blocks up to `timeout_ms`. Calling it for a topic that exists is no error.
 */
int kafka_admin_create_messages(rd_kafka_t *rk, const struct config *config, const char *name,
                                int timeout_ms, struct error *error);

/** Makes sure that the ledger of migrations exists: compacted, with one partition. As above. */
int kafka_admin_create_migration(rd_kafka_t *rk, const struct config *config,
                                 const struct kafka_names *names, int timeout_ms,
                                 struct error *error);

/**
 * The number of partitions of an existing topic; 0: it does not exist; -1: no answer in time. With
 * a consumer's handle, asking never creates it.
 */
int kafka_admin_count_partitions(rd_kafka_t *rk, const char *name, int timeout_ms);

#endif
