/** Reads partitions of the state topic from the beginning to the end that they have now. Blocking.
 */
#ifndef WEBSUB_COMMON_STATE_LOADER_H
#define WEBSUB_COMMON_STATE_LOADER_H

#include "common/kafka.h"
#include "common/metrics.h"
#include "common/state.h"

/**
 * A property for whoever reads the state topic from its beginning. librdkafka looks only once a
 * second whether a queue that was full has room again, so what it holds must last about as long;
 * 100,000 records, the default, do not. Its bound in bytes (64 MiB) is what counts now.
 */
#define STATE_READER_QUEUE "queued.min.messages", "1000000"

struct state_loader;

/** Called for each well-formed record in order; takes over what it sets to NULL in `*record`. */
typedef void (*state_record_fn)(void *context, int32_t partition, const char *key,
                                size_t key_length, struct state_record *record);

struct state_loader *state_loader_new(const struct config *config, const struct kafka_names *names,
                                      struct counter *malformed, struct error *error);
void state_loader_free(struct state_loader *loader);

/**
 * Reads `count` partitions completely, all of them at the same time: each up to the end of what was
 * written, including a transaction that was decided but whose marker has not arrived yet. (Reading
 * only to the last stable offset could miss the records of a transaction whose offsets are
 * committed already.) Records of one partition come in order.
 *
 * ERROR_TIMEOUT after `timeout_ms` without any progress; then records may have been passed already.
 */
int state_loader_load(struct state_loader *loader, const int32_t *partitions, size_t count,
                      int timeout_ms, state_record_fn take, void *context, struct error *error);

/**
 * Decodes a consumed state message and hands it to `take`; a malformed one is logged
 * ("state.malformed"), counted in `malformed` (if not NULL) and skipped.
 */
void state_take_message(const rd_kafka_message_t *message, state_record_fn take, void *context,
                        struct counter *malformed);

#endif
