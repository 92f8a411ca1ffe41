/**
 * Inside the control thread: what its files share. @locality everything here: the control thread
 *
 *   control.c      the thread; events of librdkafka, records of the state
 *   takeover.c     from being assigned a shard to serving it
 *   handover.c     from being asked for a shard to having given it back
 *   commits.c      positions from the loops to the shards' groups
 *   own_report.c   what the dispatcher reports of itself
 *   membership.c   whether this process still is a member of the group: the fence
 */
#ifndef WEBSUB_DISPATCHER_CONTROL_INTERNAL_H
#define WEBSUB_DISPATCHER_CONTROL_INTERNAL_H

#include <pthread.h>

#include "dispatcher/control.h"
#include "dispatcher/loop.h"
#include "dispatcher/shard_offsets.h"

struct control {
    struct dispatcher *dispatcher;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    rd_kafka_topic_t *state_topic; /* keeps what librdkafka knows of its leaders */
    pthread_t thread;
    struct mailbox mailbox;
    atomic_bool stopping;
    atomic_bool ready;
    atomic_bool dead;

    struct channels channels;
    struct shard_offsets *offsets;
    uint32_t incarnations;
    int32_t shard_count;
    struct shard **shards; /* by number; NULL: not ours */
    uint64_t serial;
    bool collecting;
    int64_t next_collect_ms;
    int64_t next_check_ms;
    int64_t next_report_ms;
    int64_t started_ms; /* wall clock */
    bool checking;
    bool closed; /* the thread has ended, or is about to */

    /* a hand-over that librdkafka waits for */
    rd_kafka_topic_partition_list_t *handover;
    bool handover_drained;
    int64_t handover_deadline_ms;
};

/** NULL: not ours. */
struct shard *control_shard(struct control *control, int32_t number);
/** Looks again whether all shards are served. `joined`: the group has given us some, or none to
 * give. */
void control_update_ready(struct control *control, bool joined);
int64_t control_heartbeat_ms(const struct control *control);
/** Logs and frees what a rebalancing call returned; NULL is fine. */
void control_note(rd_kafka_error_t *error, const char *call);

/* takeover.c */
void takeover_begin(struct control *control, rd_kafka_topic_partition_list_t *list);
/** The state of a shard has been read to its end. */
void takeover_on_loaded(struct control *control, struct shard *shard);
void takeover_on_offsets(void *control, struct shard *shard, const struct error *error);
/** Goes on with what waits for time or for state. */
void takeover_continue(struct control *control, int64_t now);

/* handover.c */
void handover_begin(struct control *control, rd_kafka_topic_partition_list_t *list);
/** What the loops report is complete: lets them drop the shards. */
void handover_release(struct control *control);
/** Gives the shards back once everything is committed, or time is up. */
void handover_continue(struct control *control, int64_t now);
/** Gives them back now: what librdkafka waits for. */
void handover_finish(struct control *control);

/* own_report.c */
void own_report_send(struct control *control);
/** Takes the report back. */
void own_report_end(struct control *control);

/* commits.c */
/** Asks the loops for their positions, and commits what they answer. */
void commits_collect(struct control *control);
/** The same for shards that are given up; with `drain` only after what is under way has ended.
 * handover_release follows. */
void commits_collect_last(struct control *control, const rd_kafka_topic_partition_list_t *list,
                          bool drain);
/** Commits what is known of all shards in `phase`. */
void commits_send(struct control *control, enum shard_phase phase);
void commits_on_done(void *control, struct shard *shard, const struct error *error);

/* membership.c */
void membership_check(struct control *control);
void membership_on_checked(void *control, int64_t sent_ms, const struct error *error);

#endif
