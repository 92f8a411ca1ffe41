#include "hub/lag_history.h"

#include <stdlib.h>
#include <string.h>

#include "common/panic.h"

void lag_history_fini(struct lag_history *history)
{
    free(history->samples);
    memset(history, 0, sizeof(*history));
}

/** How much worse it would be to do without the sample: the gap that it leaves, in proportion to
 * how long ago that is. */
static double worth(const struct lag_history *history, size_t index, int64_t now_ms)
{
    const struct lag_sample *before = &history->samples[index - 1];
    const struct lag_sample *after = &history->samples[index + 1];
    return (double)(after->at_ms - before->at_ms) / (double)(now_ms - before->at_ms + 1);
}

/** Takes out the one between the first and the last that tells the least. */
static void thin(struct lag_history *history, int64_t now_ms)
{
    size_t least = 1;
    for (size_t i = 2; i + 1 < history->count; i++)
        if (worth(history, i, now_ms) < worth(history, least, now_ms))
            least = i;
    memmove(&history->samples[least], &history->samples[least + 1],
            (history->count - least - 1) * sizeof(*history->samples));
    history->count--;
}

static void insert(struct lag_history *history, size_t index, int64_t at_ms, int64_t end)
{
    if (history->count == LAG_HISTORY_MAX)
        thin(history, history->samples[history->count - 1].at_ms);
    if (index > history->count)
        index = history->count;
    if (history->count == history->capacity) {
        history->capacity = history->capacity ? 2 * history->capacity : 4;
        history->samples =
            xrealloc(history->samples, history->capacity * sizeof(*history->samples));
    }
    memmove(&history->samples[index + 1], &history->samples[index],
            (history->count - index) * sizeof(*history->samples));
    history->samples[index] = (struct lag_sample){at_ms, end};
    history->count++;
}

void lag_history_add(struct lag_history *history, int64_t at_ms, int64_t end)
{
    struct lag_sample *last = history->count > 0 ? &history->samples[history->count - 1] : NULL;
    if (last && end < last->end)
        history->count = 0;
    else if (last && end == last->end) {
        last->at_ms = at_ms; /* nothing came since: later tells more */
        return;
    }
    insert(history, history->count, at_ms, end);
}

void lag_history_add_older(struct lag_history *history, int64_t at_ms, int64_t end)
{
    const struct lag_sample *first = &history->samples[0];
    if (at_ms < first->at_ms && end < first->end)
        insert(history, 0, at_ms, end);
}

bool lag_history_published(const struct lag_history *history, int64_t offset, int64_t *at_ms)
{
    size_t next = 0; /* the first sample that has the record */
    while (next < history->count && history->samples[next].end <= offset)
        next++;
    if (next == 0)
        return false;
    const struct lag_sample *before = &history->samples[next - 1];
    *at_ms = before->at_ms;
    if (next < history->count) {
        const struct lag_sample *after = &history->samples[next];
        double part = (double)(offset - before->end) / (double)(after->end - before->end);
        *at_ms += (int64_t)(part * (double)(after->at_ms - before->at_ms));
    }
    return true;
}
