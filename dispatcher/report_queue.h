/**
 * Which subscriptions are due to be reported, and in which order. Pure; one thread.
 *
 *   IDLE     there is nothing to tell: costs nothing, however many there are
 *   URGENT   something went wrong or was changed, or goes well again: to be reported, first of all
 *   DUE      a delivery succeeded, as before: to be reported, after those
 *   RESTING  reported as well less than `rest_ms` ago: that more succeeds is told later
 *
 * Every operation takes the same time, whatever the number of subscriptions; ending rests takes
 * that for each rest that ends.
 */
#ifndef WEBSUB_DISPATCHER_REPORT_QUEUE_H
#define WEBSUB_DISPATCHER_REPORT_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

enum report_place { REPORT_IDLE, REPORT_URGENT, REPORT_DUE, REPORT_RESTING };

/** Embedded in what is reported. Zero-initialised: IDLE. */
struct report_mark {
    struct report_mark *prev, *next;
    int64_t rest_until_ms; /**< while RESTING: monotonic */
    uint8_t place;         /**< enum report_place */
    bool unwell;           /**< what was reported last */
    bool stirred;          /**< while RESTING: something succeeded */
};

/** Each list: first come, first served. Zero-initialised but for `rest_ms`: empty. */
struct report_queue {
    struct report_mark *urgent;
    struct report_mark *due;
    struct report_mark *resting;
    int64_t rest_ms;
};

void report_queue_note_change(struct report_queue *queue, struct report_mark *mark);
void report_queue_note_success(struct report_queue *queue, struct report_mark *mark);

/** Makes those due whose rest is over and who have something to tell. */
void report_queue_end_rests(struct report_queue *queue, int64_t now_ms);
/** The next one to report; it stays the next one until report_queue_reported. NULL: none. */
struct report_mark *report_queue_next(const struct report_queue *queue);
/** It was reported, as well or not. */
void report_queue_reported(struct report_queue *queue, struct report_mark *mark, bool well,
                           int64_t now_ms);

/** Whether something about it was not reported yet. */
bool report_queue_has_news(const struct report_mark *mark);
/** Takes it out; to be called before it is freed. */
void report_queue_forget(struct report_queue *queue, struct report_mark *mark);

#endif
