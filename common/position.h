/**
 * Where a subscription continues: the one place that decides it. Pure.
 *
 * What is durable about a subscription x of shard s, whose messages lie in partition m:
 *
 *   position(x) = {offset, set, base, detached}   in its state record (common/state.h)
 *   commit(s,m) = {offset, folded}                in the consumer group of the shard
 *
 * `folded` is the events offset up to which the committer had seen the shard's state. A commit
 * COVERS x when folded > position(x).set and x is not detached. The committer guarantees:
 *
 *   (C) commit(s,m).offset <= the next undelivered message of each x that the commit covers.
 *
 * Hence: covered -> the greater of both offsets; everything else -> the position in state.
 *
 * Why a late commit harms nobody. A dispatcher that was stopped (SIGSTOP) past its session time-out
 * and commits when it wakes up commits what it knew: offset and folded are both old. Subscriptions
 * that were verified, detached, moved by a command, or subscribed again since then have
 * position.set >= folded and are not covered: the old commit says nothing about them. For all
 * others (C) held when the commit was made, and what was delivered then stays delivered. So the
 * worst that it does is to set the shard back, until the owner's next commit: duplicates after a
 * crash in that moment, never a gap.
 *
 * And a commit is only read with a state at least as new as its own (takeover.c, go_live; the hub's
 * positions.c): an older view could take a subscription for covered that the committer already knew
 * to be detached.
 *
 * Why nothing depends on offsets that Kafka forgets: without a commit the position in state is
 * used. Owners also commit again now and then what did not move.
 */
#ifndef WEBSUB_COMMON_POSITION_H
#define WEBSUB_COMMON_POSITION_H

#include "common/state.h"

struct shard_commit {
    int64_t offset; /**< -1: there is none */
    int64_t folded;
};

/** `folded` from the metadata of a committed offset; 0 when it is not ours: then it covers nothing.
 */
int64_t position_parse_folded(const void *metadata, size_t length);

/** The offset of the next message to deliver. */
int64_t position_resume(const struct position *position, const struct shard_commit *commit);

#endif
