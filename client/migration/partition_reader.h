/**
 * Reads a range of one partition in order. One at a time, then the next: a handle is dear.
 * Blocking; not thread-safe.
 */
#ifndef WEBSUB_CLIENT_MIGRATION_PARTITION_READER_H
#define WEBSUB_CLIENT_MIGRATION_PARTITION_READER_H

#include "common/kafka.h"

struct partition_reader;

/** A reader of the Kafka that `config` names, without a group. */
struct partition_reader *partition_reader_new(const struct config *config, struct error *error);
void partition_reader_free(struct partition_reader *reader);

/** The handle, for look-ups. It is a consumer: asking for a topic never creates it. */
rd_kafka_t *partition_reader_handle(struct partition_reader *reader);

/** Begins with the offsets [from, end), in place of what was read before. */
int partition_reader_open(struct partition_reader *reader, const char *topic, int32_t partition,
                          int64_t from, int64_t end, struct error *error);

/**
 * The next message, until the next call of this reader; NULL when all were read, or on failure
 * (then `*error` has a code): ERROR_TIMEOUT when Kafka has sent nothing for half a minute.
 */
const rd_kafka_message_t *partition_reader_next(struct partition_reader *reader,
                                                struct error *error);

#endif
