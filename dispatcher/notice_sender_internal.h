/** Inside the thread that sends notices: what its files share. @locality the thread
 *
 *   notice_sender.c    the thread; the consumer, its partitions, commits
 *   notice_attempt.c   what is sent when, and what became of it
 *   notice_queue.c     the notices of one partition
 */
#ifndef WEBSUB_DISPATCHER_NOTICE_SENDER_INTERNAL_H
#define WEBSUB_DISPATCHER_NOTICE_SENDER_INTERNAL_H

#include <pthread.h>
#include <uthash.h>

#include "dispatcher/mailbox.h"
#include "dispatcher/notice_queue.h"
#include "dispatcher/notice_sender.h"
#include "dispatcher/webhook.h"

/** A partition that the group gave us. */
struct notice_partition {
    int32_t number;
    uint32_t incarnation; /* tells it from an earlier one of the same number */
    struct notice_queue queue;
    bool paused;
    int64_t committed; /* as far as we have asked for it */
    UT_hash_handle hh;
};

struct notice_sender {
    struct dispatcher *dispatcher;
    struct webhook *webhook;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue; /* of the consumer, to wake the thread */
    struct mailbox mailbox;  /* attempts that were answered */
    pthread_t thread;
    atomic_bool stopping;

    /* the thread's own */
    struct notice_partition *partitions;
    uint32_t incarnations;
    unsigned under_way; /* attempts */
    int64_t next_commit_ms;
    bool closing;
};

/** The partition, or NULL: it is not ours. */
struct notice_partition *notice_sender_find(struct notice_sender *sender, int32_t number);

/** Begins what can be sent now, and passes over what cannot be sent at all. */
void notice_attempt_pump(struct notice_sender *sender, struct notice_partition *partition,
                         int64_t now_ms);

#endif
