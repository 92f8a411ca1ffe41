/**
 * Positions beyond the end of their message partition. Only one thing leads there: Kafka has lost
 * messages that it had confirmed (an unclean leader election, too few replicas, a restored backup).
 * What is published next gets the offsets of what was lost, and whoever waits at the old position
 * would be passed over by it, silently, until the partition has grown back to there.
 *
 * Hence, when a shard is taken over, whoever is beyond the end is set back, durably: the shard's
 * commit by another commit, positions in state by a move (the operators' command), which makes a
 * new base. Not back to the end, as publishers may have gone on since the loss, but to what was
 * published in the last minute: some of it may come twice. A dispatcher that sees a partition end
 * before what it has read (tail_check_end) gives up, so that another process takes its shards over.
 *
 * @locality control thread
 */
#ifndef WEBSUB_DISPATCHER_LOST_MESSAGES_H
#define WEBSUB_DISPATCHER_LOST_MESSAGES_H

#include "dispatcher/shard.h"

/**
 * Finds out where the partitions that the shard needs end (`end` of its offsets, -1 where Kafka
 * does not tell), and sets back commits that are beyond. Before the shard is live. Blocks for up to
 * a second, two if something was lost.
 */
void lost_messages_look_up(struct dispatcher *dispatcher, struct shard *shard);

/** Sets the position in `state`, whose messages are in the partition of `offset`, back if it is
 * beyond. Blocks only for the first one of a partition, as above. */
void lost_messages_set_back(struct dispatcher *dispatcher, struct shard_offset *offset,
                            struct subscription_state *state);

#endif
