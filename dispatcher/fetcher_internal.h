/**
 * Inside the fetcher: what its files share. @locality everything here: the fetcher's thread
 *
 *   fetcher.c         the thread, the topics that something is to be done for, shards
 *   fetch_job.c       one topic: when it is fetched
 *   fetch_end.c       and what became of it
 *   fetch_settlement.c  what Kafka says to that
 *   fetch_queue.c     whose turn it is
 *   fetch_transfer.c  HTTP, redirects
 *   fetch_content.c   what the content means: fetch_head.c, self_link.c, feed_diff.c
 *   fetch_message.c   the message
 *   fetch_trace.c     its span
 */
#ifndef WEBSUB_DISPATCHER_FETCHER_INTERNAL_H
#define WEBSUB_DISPATCHER_FETCHER_INTERNAL_H

#include <uthash.h>
#include <uv.h>

#include "dispatcher/fetch_content.h"
#include "dispatcher/fetch_queue.h"
#include "dispatcher/fetch_trace.h"
#include "dispatcher/fetch_transfer.h"
#include "dispatcher/fetcher.h"
#include "dispatcher/mailbox.h"

struct fetch_job;

struct fetcher {
    struct dispatcher *dispatcher;
    uv_thread_t thread;
    uv_loop_t uv;
    uv_async_t wake;
    struct mailbox mailbox;
    struct http_client *http;
    struct host_limits *hosts;
    struct fetch_queue *queue;
    struct fetch_job *jobs; /* by topic */
    bool *open;             /* by shard */
    uint64_t random;
    atomic_int publishing;
    bool stopping;       /* the thread is about to end */
    atomic_bool stopped; /* it has ended */
};

/** What a topic is at. */
enum fetch_phase {
    FETCH_IDLE,       /**< nothing to do, as far as we know */
    FETCH_PAUSING,    /**< to be begun at a later time */
    FETCH_QUEUED,     /**< waits for its turn */
    FETCH_ANNOUNCING, /**< Kafka is being told that a fetch begins */
    FETCH_FETCHING,
    FETCH_PUBLISHING, /**< Kafka is being given the message */
    FETCH_TELLING,    /**< and being told how it ended */
};

struct fetch_job {
    struct fetcher *fetcher;
    char *topic;
    int32_t shard;
    enum fetch_phase phase;
    bool dropped; /* freed when nothing refers to it any more */
    bool timer_closed;
    int settlements;           /* that come from the producer's thread */
    struct topic_state *state; /* newest that is known */
    struct topic_state taken;  /* as of the fetch that is under way, which is about its oldest ping;
                                  its topic is borrowed */
    struct fetch_place place;
    struct fetch_transfer transfer;
    struct fetch_verdict verdict;
    struct fetch_trace trace;
    rd_kafka_topic_t *messages;
    uv_timer_t timer;
    int64_t announced;     /* event with which our newest fetch began; 0: none */
    int64_t settled;       /* the ping that our last fetch settled; 0: none */
    int64_t begun_ms;      /* monotonic: when our newest fetch began; 0: never */
    int64_t not_before_ms; /* likewise: what Retry-After asked for */
    unsigned failures;     /* in a row */
    int64_t failing_since_ms;
    UT_hash_handle hh;
};

/* fetch_job.c */

/** Made when there is something to do for a topic; `state` is taken over. */
struct fetch_job *fetch_job_new(struct fetcher *fetcher, int32_t shard, struct topic_state *state);
/** There is a new state, which is taken over. */
void fetch_job_update(struct fetch_job *job, struct topic_state *state);
/** Its shard is served. */
void fetch_job_open(struct fetch_job *job);
/** Ends what can be ended, takes it out of the table, and frees it as soon as that can be. */
void fetch_job_drop(struct fetch_job *job);
void fetch_job_free_when_done(struct fetch_job *job);

bool fetch_job_is_member(const struct fetch_job *job);
/** Others may be fetched meanwhile. */
void fetch_job_leave(struct fetch_job *job);
/** When the next fetch may begin (monotonic). */
int64_t fetch_job_next_ms(const struct fetch_job *job);
/** To spread retries. */
uint32_t fetch_job_random(struct fetch_job *job);
void fetch_job_pause_until(struct fetch_job *job, int64_t at_ms);
/** What we could not do ourselves is tried again soon, from the beginning. */
void fetch_job_try_again(struct fetch_job *job);
/** Nothing is under way for it: is there something to do? */
void fetch_job_consider(struct fetch_job *job);

/* fetch_end.c */
void fetch_end_on_fetched(struct fetch_transfer *transfer, const struct fetch_result *result);
/** A topic that is only a name: that it was pinged is all that can be told of it. */
void fetch_end_without_content(struct fetch_job *job);

#endif
