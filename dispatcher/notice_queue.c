#include "dispatcher/notice_queue.h"

#include <stdlib.h>

#include "common/panic.h"

static void queued_notice_free(struct queued_notice *notice)
{
    free(notice->subscription);
    free(notice->value);
    free(notice);
}

void notice_queue_init(struct notice_queue *queue)
{
    *queue = (struct notice_queue){.done = -1};
}

void notice_queue_fini(struct notice_queue *queue)
{
    while (queue->first) {
        struct queued_notice *next = queue->first->next;
        queued_notice_free(queue->first);
        queue->first = next;
    }
    notice_queue_init(queue);
}

void notice_queue_add(struct notice_queue *queue, int64_t offset, int64_t written_ms,
                      const char *subscription, size_t subscription_length, const char *value,
                      size_t length)
{
    struct queued_notice *notice = xcalloc(1, sizeof(*notice));
    notice->offset = offset;
    notice->written_ms = written_ms;
    notice->subscription = xstrndup(subscription ? subscription : "", subscription_length);
    notice->value = xmemdup(value, length);
    notice->length = length;
    if (queue->last)
        queue->last->next = notice;
    else
        queue->first = notice;
    queue->last = notice;
    queue->count++;
}

bool notice_queue_is_full(const struct notice_queue *queue)
{
    return queue->count >= NOTICE_QUEUE_FULL;
}

bool notice_queue_has_room(const struct notice_queue *queue)
{
    return queue->count <= NOTICE_QUEUE_FULL / 4;
}

const struct queued_notice *notice_queue_next(const struct notice_queue *queue, int64_t now_ms)
{
    return queue->sending || now_ms < queue->not_before_ms ? NULL : queue->first;
}

void notice_queue_begin(struct notice_queue *queue)
{
    ENSURE(queue->first && !queue->sending);
    queue->sending = true;
}

void notice_queue_settle(struct notice_queue *queue)
{
    struct queued_notice *settled = queue->first;
    ENSURE(settled);
    queue->done = settled->offset + 1;
    queue->first = settled->next;
    if (!queue->first)
        queue->last = NULL;
    queue->count--;
    queue->sending = false;
    queue->failures = 0;
    queue->not_before_ms = 0;
    queued_notice_free(settled);
}

void notice_queue_postpone(struct notice_queue *queue, int64_t again_ms)
{
    ENSURE(queue->first && queue->sending);
    queue->sending = false;
    queue->failures++;
    queue->not_before_ms = again_ms;
}
