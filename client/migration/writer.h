/**
 * Writes in Kafka transactions: all of a step, or nothing of it. Blocking; not thread-safe.
 *
 * There is one writer of a suite at a time: making one ends what another one has not committed, and
 * all that it tries from then on fails (transactional id `<prefix>migration`).
 */
#ifndef WEBSUB_CLIENT_MIGRATION_WRITER_H
#define WEBSUB_CLIENT_MIGRATION_WRITER_H

#include "common/event.h"
#include "common/kafka.h"

struct writer;

/** `partitions`: how many the events topic has. */
struct writer *writer_new(const struct config *config, const struct kafka_names *names,
                          int32_t partitions, struct error *error);
/** What is not committed is never seen by anybody. NULL is fine. */
void writer_free(struct writer *writer);

/** The handle, for making topics. */
rd_kafka_t *writer_handle(struct writer *writer);

int writer_begin(struct writer *writer, struct error *error);

/** A record of the ledger; `value` (taken over) is JSON. */
int writer_note(struct writer *writer, const char *key, char *value, size_t length,
                struct error *error);

/** An event. */
int writer_event(struct writer *writer, const struct event *event, struct error *error);

/** A message with its headers (taken over, also on failure), now. */
int writer_message(struct writer *writer, const struct location *location, const char *topic,
                   const void *value, size_t length, rd_kafka_headers_t *headers,
                   struct error *error);

/**
 * Waits until Kafka has all messages so far. `*last` is the offset of the last one since the last
 * time, or -1.
 */
int writer_settle(struct writer *writer, int64_t *last, struct error *error);

/** -1: nothing of it was written, or (a time-out) all or nothing. Then only writer_free is left. */
int writer_commit(struct writer *writer, struct error *error);

#endif
