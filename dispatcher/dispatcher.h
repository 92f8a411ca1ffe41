/**
 * What the dispatcher's threads share, and who owns what.
 *
 *   control thread    membership in the group, the shards and which subscriptions they hold,
 * offsets tail reader       one consumer: reads each message partition once, feeds the loops
 *   catch-up readers  read ranges again for subscriptions that fell behind the tail
 *   delivery loops    subscriptions, timers, HTTP; a subscription belongs to the loop of its
 * callback's origin, so that connections and per-host limits need no locks
 *
 * Threads talk by mailbox (mailbox.h). Messages are shared by reference; everything else has one
 * owner.
 */
#ifndef WEBSUB_DISPATCHER_DISPATCHER_H
#define WEBSUB_DISPATCHER_DISPATCHER_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/address.h"
#include "common/config.h"
#include "common/event_writer.h"
#include "common/kafka_admin.h"
#include "common/metrics.h"
#include "dispatcher/channel.h"
#include "dispatcher/http_client.h"
#include "dispatcher/message.h"

struct control;
struct tail;
struct catch_up;
struct loop;

struct dispatcher_metrics {
    struct counter *delivered;
    struct counter *failed[HTTP_REASON_COUNT];
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
    struct histogram *latency;  /**< from publication to confirmation */
    struct histogram *delivery; /**< one attempt */
};

struct dispatcher {
    struct config config;
    struct kafka_names names;
    struct kafka_layout layout;
    struct address_guard guard;
    struct trust *trust;
    struct memory_budget budget;
    struct kafka_producer *producer;
    struct event_writer *events;
    struct dispatcher_metrics metrics;
    int loop_count;
    struct loop *loops[MAX_LOOPS];
    struct tail *tail;
    struct catch_up *catch_up;
    struct control *control;
    /**
     * Monotonic ms until which this process is certainly a member of the group: deliveries start
     * only before that. Written by the control thread.
     */
    atomic_int_least64_t member_until_ms;
};

#endif
