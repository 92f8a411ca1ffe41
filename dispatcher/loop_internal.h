/**
 * Inside a delivery loop: what its files share. @locality everything here: the loop's thread
 *
 *   loop.c          thread, tasks about subscriptions and messages, the periodic tick
 *   loop_shards.c   tasks about shards: positions, giving shards up
 *   subscription.c  what a subscription may be given, and what is told of it
 *   operator_command.c  what a pause, a resume and a move change
 *   source.c        where its next message comes from: log, backlog, chunk
 *   delivery.c      one message to one subscription: request, result, retry
 *   delivery_request.c  the request itself
 *   redelivery.c    messages that an operator wants delivered once more
 *   letter_run.c    the same for all dead letters
 *   dead_letter.c   one that is given up by policy
 *   report_sweep.c  what operators are to see of subscriptions
 *   coverage.c      what the shard's offset may pass
 *   verification.c  intent and denial, with verification_jobs.c
 */
#ifndef WEBSUB_DISPATCHER_LOOP_INTERNAL_H
#define WEBSUB_DISPATCHER_LOOP_INTERNAL_H

#include <pthread.h>
#include <uthash.h>
#include <uv.h>

#include "dispatcher/catch_up.h"
#include "dispatcher/loop.h"
#include "dispatcher/loop_stats.h"
#include "dispatcher/report_queue.h"
#include "dispatcher/topic_log.h"

/** How far the tail reader has fed one message partition to this loop. */
struct partition_progress {
    struct message_partition *partition;
    int64_t end;    /**< -1: not known yet */
    uint32_t users; /**< logs of channels in it */
    UT_hash_handle hh;
};

/**
 * The subscriptions of one shard on one message partition that the shard's offset covers, that is,
 * all but the detached ones. Those that have everything up to the partition's end are only counted.
 */
struct coverage {
    struct {
        int32_t shard;
        uint32_t partition;
    } key;
    struct message_partition *partition;
    struct partition_progress *progress;
    uint32_t members;
    struct subscription *behind; /**< members that do not have everything */
    UT_hash_handle hh;
};

struct delivery;
struct redeliveries;

/** The last ones of each kind, of what is delivered in order. Wall clock ms, 0: not known. */
struct last_outcomes {
    int64_t success_ms;
    int64_t failure_ms;
    uint16_t status; /**< of the failure's answer; 0: there was none */
    uint8_t reason;  /**< enum http_reason */
};

struct subscription {
    char id[ID_HEX_SIZE];
    int32_t shard;
    struct loop *loop;
    char *callback;
    struct host *host; /**< of the callback */
    char *owner;       /**< kept only for notices of dead letters; else NULL */
    char *secret;      /**< or NULL */
    bool locked;       /**< it has a secret, but we cannot decrypt it: nothing is sent */
    size_t secret_length;
    enum signature_method method;
    uint16_t max_in_flight;
    enum subscription_status status;
    int64_t lease_end_ms;
    int64_t resumed;          /**< as in state */
    struct position position; /**< as in state */

    /* where it reads */
    struct topic_log *log;
    struct subscription *log_previous, *log_next; /**< all subscriptions of the log */
    bool gone;    /**< its callback answered 410: nothing is sent until state says that it ended */
    bool revoked; /**< its shard is being given up: nothing new is sent */
    bool in_log;
    uint64_t number;       /**< next log entry, while in_log */
    int64_t next_offset;   /**< it has been given everything before this offset */
    struct chunk *backlog; /**< messages to give before those of the log, or NULL */
    size_t backlog_at;
    struct chunk *requested; /**< a chunk that is being read, or NULL */
    uint16_t chunk_capacity; /**< of the next one; 0: it had none yet */

    /* what is being delivered, oldest first; confirmed ones stay until all before them are */
    struct delivery *deliveries;
    int delivery_count;  /**< confirmed ones included */
    int open_deliveries; /**< not confirmed yet */
    unsigned failures;   /**< in a row */
    int64_t failing_since_ms;
    /** Wall clock: its oldest message, if not in memory, is no older; 0: unknown */
    int64_t oldest_published_ms;
    uv_timer_t *retry; /**< while waiting to try again */

    struct redeliveries *redeliveries; /**< what an operator wants once more, or NULL */
    struct letter_run *letter_run;     /**< likewise, of all dead letters */

    /* what is told to the outside */
    struct coverage *coverage; /**< NULL: detached */
    struct subscription *behind_previous, *behind_next;
    bool is_behind;
    int64_t behind_since_ms; /**< monotonic: since when its oldest message has been waiting here */
    int64_t told_offset;     /**< last position written as an event */
    int64_t told_ms;
    int64_t event_sent_ms; /**< an event about it is under way since; 0: none */
    bool is_restless;
    struct subscription *restless_previous, *restless_next;
    struct report_mark report;
    struct last_outcomes outcomes;
    UT_hash_handle hh;
};

struct job;

struct loop {
    struct dispatcher *dispatcher;
    int index;
    uv_thread_t thread;
    uv_loop_t uv;
    uv_async_t wake;
    uv_timer_t tick;
    struct mailbox mailbox;
    struct http_client *http;
    struct host_limits *hosts;
    struct signer *signer;
    struct subscription *subscriptions;
    struct subscription *restless; /**< those that the tick is for */
    unsigned tick_events_left;     /**< position events that this tick may still write */
    struct report_queue reports;
    uv_timer_t sweep; /**< for them */
    struct loop_stats stats;
    struct partition_progress *progress; /**< by partition */
    struct coverage *coverage;
    struct job *jobs; /**< by subscription id */
    struct delivery *idle_deliveries;
    uint32_t open_serial;
    uint64_t random;
    bool stopping;       /**< the thread is about to end */
    atomic_bool stopped; /**< it has ended */
};

/* subscription.c */
struct subscription *subscription_new(struct loop *loop, int32_t shard, struct channel *channel,
                                      struct subscription_state *state, int64_t resume);
void subscription_update(struct subscription *subscription, struct subscription_state *state);
/** Ends its transfers and forgets it. */
void subscription_free(struct subscription *subscription);
/** Delivers what can be delivered now. Call whenever something may have changed. */
void subscription_pump(struct subscription *subscription);
/** The offset of the next message that it has not confirmed. */
int64_t subscription_position(const struct subscription *subscription);
/** The same, further on if all that follows up to the end of what was read is for others. */
int64_t subscription_standing(const struct subscription *subscription);
/** When its oldest unconfirmed message was published, wall clock ms; 0: not known. */
int64_t subscription_oldest_published(const struct subscription *subscription);
/** Wall clock ms; 0: it waits for no other attempt. */
int64_t subscription_next_attempt(const struct subscription *subscription);
/** Whether it may be given messages now. */
bool subscription_may_deliver(const struct subscription *subscription);
/** As if the last attempt had succeeded. */
void subscription_forget_failures(struct subscription *subscription);
/** Tries again after `pause_ms`. */
void subscription_wait(struct subscription *subscription, int64_t pause_ms);
/** Lets go of messages that wait for it: they are read again when they are needed. */
void subscription_let_go(struct subscription *subscription);
/** Writes a position event (detached, attached, ...) for it. */
void subscription_tell(struct subscription *subscription, enum event_type type, const char *reason);
/** Once a second: detaches what holds its shard back, attaches what does no more, tells progress.
 */
void subscription_tick(struct subscription *subscription, int64_t now_ms);

/* operator_command.c */
/** What state said of it before an update. */
struct command_view {
    bool paused;
    int64_t base;
    int64_t resumed;
};
struct command_view operator_command_view(const struct subscription *subscription);
/**
 * After it took over what `state` says: does what was commanded since `before` and records that
 * among the attempts. @returns whether it is to be tried again at once
 */
bool operator_command_take(struct subscription *subscription, const struct command_view *before,
                           const struct subscription_state *state);

/* source.c */
/** Takes the next message and a reference to it; NULL: none is there now. */
struct message *source_take(struct subscription *subscription);
/** The next message, borrowed, if it is in memory. */
const struct message *source_peek(const struct subscription *subscription);
/** Whether it has been given everything that the tail reader has fed. */
bool source_is_exhausted(const struct subscription *subscription);
/** Messages that it has not been given, at most: those of others between them count as well. */
int64_t source_backlog(const struct subscription *subscription);
/** Lets go of what is not given yet. The caller sets next_offset. */
void source_let_go(struct subscription *subscription);
/** Stops reading the log: what it needs of it is read again later. */
void source_leave_log(struct subscription *subscription);
/** When memory is tight: readers that others have left behind leave the log. */
void source_relieve_memory(struct topic_log *log);

void chunk_free(struct chunk *chunk);

/* redelivery.c */
/** Takes over what `state` says is to be delivered once more. */
void redelivery_take(struct subscription *subscription, const struct subscription_state *state);
/** Begins what can begin now. Call whenever something may have changed, and once a second. */
void redelivery_pump(struct subscription *subscription);
/** Takes over the answer to a request for its message. */
void redelivery_on_chunk(struct chunk *chunk);
bool redelivery_is_sending(const struct subscription *subscription);
/** Ends what is under way, without result, and forgets the rest. */
void redelivery_drop(struct subscription *subscription);

/** Whether the message at `offset` is one of them. */
bool redelivery_lists(const struct subscription *subscription, int64_t offset);
/** Whether something may be sent beside what is delivered in order. */
bool redelivery_may_send(const struct subscription *subscription);

/* letter_run.c */
/** Takes over how far `state` says that dead letters are wanted. */
void letter_run_take(struct subscription *subscription, const struct subscription_state *state);
/** Begins what can begin now. Call whenever something may have changed, and once a second. */
void letter_run_pump(struct subscription *subscription);
/** Takes over the answer to a request for letters or marks. */
void letter_run_on_chunk(struct chunk *chunk);
/** The message at `origin` was redelivered, as the mark at `offset` says. */
void letter_run_note_mark(struct subscription *subscription, int64_t origin, int64_t offset);
/** Tells how far it has come, if that is not told yet: nothing more will begin. */
void letter_run_tell(struct subscription *subscription);
bool letter_run_is_sending(const struct subscription *subscription);
/** Ends what is under way, without result, and forgets the rest. */
void letter_run_drop(struct subscription *subscription);

/* delivery.c */
/** The callback answered 410: nothing is sent any more, and the subscription ends. */
void delivery_end_gone(struct subscription *subscription);
void delivery_start(struct subscription *subscription, struct message *message);
/** Sends again what waits after a failure: the oldest, or all once one got through. */
void delivery_restart(struct subscription *subscription);
bool delivery_is_sending(const struct subscription *subscription);
/** Ends all of a subscription's deliveries without result. */
void delivery_drop_all(struct subscription *subscription);
/** The oldest message that is not confirmed; there must be one. */
const struct message *delivery_oldest(const struct subscription *subscription);
void delivery_pool_fini(struct loop *loop);

/* coverage.c */
void coverage_join(struct subscription *subscription);
void coverage_leave(struct subscription *subscription);
void coverage_set_behind(struct subscription *subscription, bool behind);
/** Adds this loop's positions to `collection`; of one shard, or of all (-1). */
void coverage_collect(struct loop *loop, int32_t shard, struct collection *collection);
void coverage_fini(struct loop *loop);

/* report_sweep.c */
/** One of its messages was confirmed, at `now_ms` (wall clock). */
void report_success(struct subscription *subscription, int64_t now_ms);
void report_failure(struct subscription *subscription, const struct http_result *result);
/** Something else that operators are to see changed. */
void report_change(struct subscription *subscription);
/** Once a second while it is behind: notices that it has been so for too long. */
void report_tick(struct subscription *subscription);
/** Before its shard goes to another owner, who does not know of it: what was not reported yet. */
void report_last_news(struct subscription *subscription);
void report_sweep_start(struct loop *loop);

/* loop.c */
struct topic_log *loop_log(struct loop *loop, struct channel *channel, int64_t from);
void loop_drop_log(struct loop *loop, struct topic_log *log);
uint32_t loop_random(struct loop *loop);

/* verification_jobs.c */
void verification_drop_shard(struct loop *loop, int32_t shard); /**< -1: all */

#endif
