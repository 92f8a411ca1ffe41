/**
 * Limits on what one callback host (an origin: scheme, host, port) gets at a time: exchanges under
 * way, and exchanges begun per second. What is above waits its turn here, first come, first served,
 * and its time-outs begin when it is let in. So a host with a thousand subscriptions is not
 * flooded, and no delivery fails because it stood in our own queue.
 *
 * @locality the loop's thread. A host belongs to one loop (shard.c), so its limits hold for the
 * process.
 */
#ifndef WEBSUB_DISPATCHER_HOST_LIMIT_H
#define WEBSUB_DISPATCHER_HOST_LIMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct host_limits;
struct host;

/** Embedded in what waits. */
struct host_entry {
    struct host *host;
    struct host_entry *prev, *next;
    bool waiting;
    /** Called when it is its turn, never from within host_enter. */
    void (*enter)(struct host_entry *entry);
};

/** @param per_second 0: no limit */
struct host_limits *host_limits_new(uv_loop_t *loop, int64_t max_active, double per_second);
/** All hosts must have been released. */
void host_limits_free(struct host_limits *limits);

/** The host of a callback; release it as often as it was got. */
struct host *host_get(struct host_limits *limits, const char *url);
void host_release(struct host *host);

/**
 * Whether the host has shown to speak HTTP/1 only, which takes a connection for each exchange under
 * way. False at first.
 */
bool host_is_serial(const struct host *host);
void host_set_serial(struct host *host, bool serial);

/** True: go on at once; false: `enter` will be called later. Sets entry->host. */
bool host_enter(struct host *host, struct host_entry *entry);
/** After an exchange that was let in; lets the next ones in. */
void host_leave(struct host_entry *entry);
/** Gives up waiting. */
void host_cancel(struct host_entry *entry);

#endif
