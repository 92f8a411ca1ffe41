/**
 * A Kafka broker in memory: librdkafka's mock cluster with one broker, on loopback, without TLS.
 *
 * It serves produce, fetch, list offsets, consumer groups, commits and transactions. What it does
 * not do, as of librdkafka 2.0:
 *   - keep anything after it has ended;
 *   - keep more than 5 MB or 100,000 messages a partition: the oldest go, compacted or not;
 *   - create topics on request (it has no controller), describe or honour their settings, compact.
 *     A topic that is asked for and does not exist is made with 4 partitions;
 *   - hide the messages of aborted transactions from readers;
 *   - answer a waiting fetch as soon as a message comes: it arrives up to the reader's
 * fetch.wait.max.ms (500 ms) later. Hence: for trying out and for tests, never for messages that
 * matter.
 */
#ifndef WEBSUB_DEVBROKER_BROKER_H
#define WEBSUB_DEVBROKER_BROKER_H

#include <stdint.h>

#include "common/config.h"
#include "common/error.h"

struct broker;

/**
 * Starts a broker with the suite's fixed topics, on 127.0.0.1 and `port` (0: any). It serves
 * clients on a thread of its own when this returns. @returns NULL on failure.
 */
struct broker *broker_new(const struct config *config, uint16_t port, struct error *error);
/** "127.0.0.1:<port>", the value for kafka.bootstrap_servers; lives as long as the broker. */
const char *broker_address(const struct broker *broker);
void broker_free(struct broker *broker);

#endif
