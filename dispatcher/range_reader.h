/**
 * Reads ranges of message partitions, one after the other. It stays where the last range ended, so
 * that going on there costs nothing: a long backlog is read in one go, chunk by chunk.
 *
 * @locality one catch-up thread
 */
#ifndef WEBSUB_DISPATCHER_RANGE_READER_H
#define WEBSUB_DISPATCHER_RANGE_READER_H

#include "dispatcher/catch_up.h"

struct range_reader;

/** `config` must outlive it. `stopping` ends a read early; messages are charged to `account`. */
struct range_reader *range_reader_new(const struct config *config, struct memory_account *account,
                                      const atomic_bool *stopping, struct counter *malformed,
                                      struct error *error);
void range_reader_free(struct range_reader *reader);

/** Fills the answer of `chunk`. Blocks until it is full, the range ends, or nothing comes for some
 * seconds. */
void range_reader_read(struct range_reader *reader, struct chunk *chunk);

/** Whether a range that begins at `from` goes on where the last one ended. */
bool range_reader_stands_at(const struct range_reader *reader,
                            const struct message_partition *partition, int64_t from);
/** Whether it fetches ahead: not to be left so without use. */
bool range_reader_is_open(const struct range_reader *reader);
void range_reader_close(struct range_reader *reader);

#endif
