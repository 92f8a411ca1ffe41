/**
 * What the dispatcher's threads share, and who owns what.
 *
 *   control thread    membership in the group, the shards and their subscriptions, offsets
 *   tail reader       one consumer: reads each message partition once, feeds the loops
 *   catch-up readers  read ranges again for subscriptions that fell behind the tail
 *   fetcher           fetches topics that were pinged, and writes them as messages
 *   delivery loops    subscriptions, timers, HTTP; a subscription belongs to the loop of its
 *                     callback's origin, so that connections and per-host limits need no locks
 *   notice sender     a consumer of its own; notices to the operator's webhook, if there is one
 *
 * Threads talk by mailbox (mailbox.h). Messages are shared by reference; everything else has one
 * owner.
 */
#ifndef WEBSUB_DISPATCHER_DISPATCHER_H
#define WEBSUB_DISPATCHER_DISPATCHER_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/address_guard.h"
#include "common/config.h"
#include "common/event_writer.h"
#include "common/kafka_admin.h"
#include "common/keyring.h"
#include "common/metrics.h"
#include "common/tracer.h"
#include "dispatcher/channel.h"
#include "dispatcher/http_reason.h"
#include "dispatcher/message.h"

struct attempts;
struct control;
struct dead_letters;
struct fetcher;
struct notice_sender;
struct status_reports;
struct tail;
struct catch_up;
struct loop;

/** What became of a fetch. */
enum fetch_end {
    FETCH_END_DISTRIBUTED,
    FETCH_END_UNCHANGED,
    FETCH_END_FAILED, /**< to be tried again */
    FETCH_END_GIVEN_UP,
    FETCH_END_COUNT
};

struct dispatcher_metrics {
    struct counter *delivered;
    struct counter *failed[HTTP_REASON_COUNT];
    struct counter *dead_letters;
    struct counter *notices_sent;
    struct counter *notices_given_up;
    struct counter *notices_malformed;
    struct counter *notices_not_taken; /**< attempts */
    struct counter *notices_refused;   /**< by Kafka */
    struct gauge *notices_failing;     /**< partitions */
    struct counter *attempts_dropped;
    struct counter *reports_written;
    struct counter *reports_failed;
    struct counter *sweeps_cut;
    struct counter *pauses; /**< of reading a partition, for want of memory */
    struct counter *gone;
    struct counter *verified;
    struct counter *refused;
    struct counter *malformed;
    struct counter *malformed_state;
    struct counter *commits;
    struct counter *commits_failed;
    struct counter *rebalances;
    struct gauge *shards;
    struct gauge *subscriptions;
    struct gauge *in_flight;
    struct gauge *failing;
    struct gauge *catch_up_waiting;
    struct histogram *latency;  /**< from publication to confirmation */
    struct histogram *delivery; /**< one attempt */
    struct counter *fetches[FETCH_END_COUNT];
    struct gauge *fetching;
    struct histogram *fetch_duration;
};

struct dispatcher {
    struct config config;
    struct kafka_names names;
    struct kafka_layout layout;
    struct address_guard guard;
    struct trust *trust;
    struct keyring *keyring;            /**< of subscriptions' secrets */
    struct memory_pool tail_memory;     /**< messages of those at the tail */
    struct memory_pool catch_up_memory; /**< and of those that are behind it */
    struct memory_account catch_up_account;
    struct kafka_producer *producer;
    struct event_writer *events;
    struct attempts *attempts;
    struct dead_letters *dead_letters;
    struct notice_sender *notice_sender; /**< NULL: there is no webhook */
    struct status_reports *reports;
    struct dispatcher_metrics metrics;
    struct tracer *tracer; /**< NULL: no tracing */
    atomic_int loop_count; /**< set once all are there */
    struct loop *loops[MAX_LOOPS];
    struct tail *tail;
    struct catch_up *catch_up;
    struct control *control;
    struct fetcher *fetcher;
    /**
     * Monotonic ms until which this process is certainly a member of the group: deliveries start
     * only before that. Written by the control thread.
     */
    atomic_int_least64_t member_until_ms;
    /** A partition ends before what was read of it (lost_messages.h): to be started again. */
    atomic_bool messages_lost;
};

#endif
