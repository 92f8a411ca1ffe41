/**
 * The notices of one partition on their way to the webhook: in their order, one at a time, each
 * repeated with growing pauses until it is taken or too old. Pure.
 *
 * What is before notice_queue_done has been settled, and only that: the offset to be committed.
 */
#ifndef WEBSUB_DISPATCHER_NOTICE_QUEUE_H
#define WEBSUB_DISPATCHER_NOTICE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** So many are held in memory; what is read beyond that is held, too, but reading is to pause. */
#define NOTICE_QUEUE_FULL 32

struct queued_notice {
    int64_t offset;
    int64_t written_ms; /**< wall clock */
    char *subscription; /**< the record's key */
    char *value;
    size_t length;
    struct queued_notice *next;
};

/** Zero-initialised is empty, with `done` set to -1. */
struct notice_queue {
    struct queued_notice *first, *last;
    size_t count;
    bool sending;          /**< the first one */
    unsigned failures;     /**< of the first one */
    int64_t not_before_ms; /**< monotonic: when it is to be sent again */
    int64_t done;          /**< everything before this offset is settled; -1: nothing yet */
};

void notice_queue_init(struct notice_queue *queue);
/** Whatever is being sent is forgotten. */
void notice_queue_fini(struct notice_queue *queue);

/** Adds what was read, copied. */
void notice_queue_add(struct notice_queue *queue, int64_t offset, int64_t written_ms,
                      const char *subscription, size_t subscription_length, const char *value,
                      size_t length);
bool notice_queue_is_full(const struct notice_queue *queue);
/** Whether there is room again for some. */
bool notice_queue_has_room(const struct notice_queue *queue);

/** The notice that is to be sent now, or NULL. Borrowed; it stays the first until it is settled. */
const struct queued_notice *notice_queue_next(const struct notice_queue *queue, int64_t now_ms);
/** notice_queue_next is being sent. */
void notice_queue_begin(struct notice_queue *queue);
/** The first one needs to be sent no more. */
void notice_queue_settle(struct notice_queue *queue);
/** It was not taken: it is to be sent again at `again_ms`. */
void notice_queue_postpone(struct notice_queue *queue, int64_t again_ms);

#endif
