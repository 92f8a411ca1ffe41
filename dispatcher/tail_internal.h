/**
 * Inside the tail reader: what its files share. @locality everything here: the tail thread
 *
 *   tail.c             the thread; reading, and feeding what was read to the loops
 *   tail_partitions.c  which partitions are read, for whom, and which of them pause
 */
#ifndef WEBSUB_DISPATCHER_TAIL_INTERNAL_H
#define WEBSUB_DISPATCHER_TAIL_INTERNAL_H

#include <pthread.h>
#include <uthash.h>

#include "dispatcher/mailbox.h"
#include "dispatcher/tail.h"

#define TAIL_BATCH 1000

/** Who gets the messages of one channel. */
struct tail_route {
    struct channel *channel;
    uint32_t loops; /**< a bit each */
    UT_hash_handle hh;
};

struct tail_opening;

struct tail_partition {
    struct message_partition *partition;
    int64_t position; /**< everything before has been fed */
    bool assigned;
    bool paused;
    /** Keeps librdkafka's knowledge of its leader; with the partition's number it is how records
     * are told apart. */
    struct {
        rd_kafka_topic_t *topic;
        int64_t number;
    } handle;
    struct tail_opening *openings; /**< to be answered once it is assigned */
    bool unsettled;                /**< it was opened or closed since the last batch */
    struct tail_partition *next_unsettled;
    struct tail_route *routes;
    uint32_t routes_of_loop[MAX_LOOPS];
    UT_hash_handle hh;        /**< by message partition */
    UT_hash_handle by_handle; /**< once assigned */
};

struct tail_fed {
    struct tail_route *route;
    struct message *message;
};

struct tail {
    struct dispatcher *dispatcher;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    pthread_t thread;
    atomic_bool stopping;
    struct mailbox mailbox;
    struct tail_partition *partitions;
    struct tail_partition *assigned; /**< by handle */
    struct tail_partition *unsettled;
    int paused; /**< how many are */
    /* the run of messages of one partition that is being collected */
    struct tail_partition *current;
    const rd_kafka_topic_t *current_handle;
    struct tail_fed fed[TAIL_BATCH];
    size_t fed_count;
};

/** The partition that a record comes from; NULL when it is not read any more. */
struct tail_partition *tail_find_partition(struct tail *tail, const rd_kafka_message_t *record);

/** Looks whether a partition of which the end has been reached ends too early (lost_messages.h). */
void tail_check_end(struct tail *tail, const rd_kafka_message_t *eof);

/** Between two batches: begins to read what was asked for, answers, ends what nobody wants. */
void tail_settle_partitions(struct tail *tail);

/** Reading of a partition pauses while its messages use up their share of the memory. */
void tail_pause_if_used_up(struct tail *tail, struct tail_partition *partition);
/** Reading goes on where there is room again. */
void tail_resume_where_possible(struct tail *tail);

void tail_free_partitions(struct tail *tail);

#endif
