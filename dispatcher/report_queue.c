#include "dispatcher/report_queue.h"

#include <stddef.h>
#include <utlist.h>

static struct report_mark **list_at(struct report_queue *queue, uint8_t place)
{
    switch ((enum report_place)place) {
    case REPORT_URGENT:
        return &queue->urgent;
    case REPORT_DUE:
        return &queue->due;
    case REPORT_RESTING:
        return &queue->resting;
    case REPORT_IDLE:
        break;
    }
    return NULL;
}

static void put(struct report_queue *queue, struct report_mark *mark, enum report_place place)
{
    struct report_mark **from = list_at(queue, mark->place);
    struct report_mark **to = list_at(queue, (uint8_t)place);
    if (from)
        DL_DELETE(*from, mark);
    if (to)
        DL_APPEND(*to, mark);
    mark->place = (uint8_t)place;
    mark->stirred = false;
}

void report_queue_note_change(struct report_queue *queue, struct report_mark *mark)
{
    if (mark->place != REPORT_URGENT)
        put(queue, mark, REPORT_URGENT);
}

void report_queue_note_success(struct report_queue *queue, struct report_mark *mark)
{
    if (mark->place == REPORT_RESTING)
        mark->stirred = true;
    else if (mark->place == REPORT_IDLE)
        put(queue, mark, mark->unwell ? REPORT_URGENT : REPORT_DUE);
}

void report_queue_end_rests(struct report_queue *queue, int64_t now_ms)
{
    /* All rest equally long, so the rest of the first one ends first. */
    struct report_mark *mark;
    while ((mark = queue->resting) && mark->rest_until_ms <= now_ms)
        put(queue, mark, mark->stirred ? REPORT_DUE : REPORT_IDLE);
}

struct report_mark *report_queue_next(const struct report_queue *queue)
{
    return queue->urgent ? queue->urgent : queue->due;
}

void report_queue_reported(struct report_queue *queue, struct report_mark *mark, bool well,
                           int64_t now_ms)
{
    put(queue, mark, well ? REPORT_RESTING : REPORT_IDLE);
    mark->unwell = !well;
    mark->rest_until_ms = now_ms + queue->rest_ms;
}

bool report_queue_has_news(const struct report_mark *mark)
{
    return mark->place == REPORT_URGENT || mark->place == REPORT_DUE || mark->stirred;
}

void report_queue_forget(struct report_queue *queue, struct report_mark *mark)
{
    put(queue, mark, REPORT_IDLE);
}
