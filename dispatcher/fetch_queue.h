/**
 * Whose turn it is to be fetched: at most so many at the same time, and of one host at most so
 * many. What waits is let in host by host, in turn, so that a slow host's topics keep only each
 * other waiting. Not thread-safe.
 */
#ifndef WEBSUB_DISPATCHER_FETCH_QUEUE_H
#define WEBSUB_DISPATCHER_FETCH_QUEUE_H

#include <stddef.h>
#include <stdint.h>

struct fetch_queue;
struct fetch_host;

/** Embedded in what waits; zero-initialised is neither waiting nor in. */
struct fetch_place {
    /** Called when it is its turn, never from within fetch_queue_enter. */
    void (*enter)(struct fetch_place *place);
    /* private */
    struct fetch_host *host; /* NULL: neither waiting nor in */
    int is_in;
    struct fetch_place *prev, *next;
};

struct fetch_queue *fetch_queue_new(int64_t max, int64_t max_per_host);
/** All must have left. */
void fetch_queue_free(struct fetch_queue *queue);

/** 1: it is in at once; 0: `enter` will be called. */
int fetch_queue_enter(struct fetch_queue *queue, struct fetch_place *place, const char *url);
/** Whether it is in, waits, or neither: it does not any more. Lets others in. */
void fetch_queue_leave(struct fetch_queue *queue, struct fetch_place *place);

#endif
