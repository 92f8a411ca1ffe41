/**
 * The tail reader: one thread and one consumer that reads each message partition once, from where
 * the first subscription needs it, and feeds each message to the delivery loops that asked for its
 * channel.
 */
#ifndef WEBSUB_DISPATCHER_TAIL_H
#define WEBSUB_DISPATCHER_TAIL_H

#include "dispatcher/dispatcher.h"

struct tail;

struct tail *tail_new(struct dispatcher *dispatcher, struct error *error);
/** Stops the thread. Nothing is fed any more. */
void tail_stop(struct tail *tail);
void tail_free(struct tail *tail);

#define TAIL_ANYWHERE (-1)

/**
 * Starts feeding `channel` to a loop. Answered by loop_opened, with `serial` and the offset from
 * which on every message comes: `from` (or less) if nobody reads the partition yet, else where its
 * reading stands. TAIL_ANYWHERE: the end will do; for one who is far behind, and for whom others
 * are not to wait. Thread-safe; requests of one loop are handled in order.
 */
void tail_open(struct tail *tail, struct channel *channel, int loop, uint32_t serial, int64_t from);
/** Stops it. What was fed before may still be under way: it comes before the next tail_open's
 * answer. */
void tail_close(struct tail *tail, struct channel *channel, int loop);

#endif
