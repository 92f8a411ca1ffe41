#include "dispatcher/letter_marks.h"

#include <stdlib.h>
#include <string.h>

#include "common/panic.h"

void letter_marks_fini(struct letter_marks *marks)
{
    free(marks->marks);
    memset(marks, 0, sizeof(*marks));
}

void letter_marks_restart(struct letter_marks *marks, int64_t from)
{
    marks->count = 0;
    marks->from = from;
    marks->forgotten = 0;
}

/** Index of the first one that is not before `origin`. */
static size_t find(const struct letter_marks *marks, int64_t origin)
{
    size_t low = 0, high = marks->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (marks->marks[middle].origin < origin)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_forgotten(const struct letter_marks *marks, int64_t origin)
{
    return marks->forgotten > 0 && origin >= marks->forgotten;
}

static void make_room(struct letter_marks *marks)
{
    if (marks->count == LETTER_MARKS_MAX)
        marks->forgotten = marks->marks[--marks->count].origin;
    if (marks->count < marks->capacity)
        return;
    marks->capacity = marks->capacity ? 2 * marks->capacity : 16;
    marks->marks = xrealloc(marks->marks, marks->capacity * sizeof(*marks->marks));
}

void letter_marks_add(struct letter_marks *marks, int64_t origin, int64_t offset)
{
    if (origin < marks->from || is_forgotten(marks, origin))
        return;
    size_t at = find(marks, origin);
    if (at < marks->count && marks->marks[at].origin == origin) {
        if (offset > marks->marks[at].offset)
            marks->marks[at].offset = offset;
        return;
    }
    if (at == LETTER_MARKS_MAX) {
        marks->forgotten = origin;
        return;
    }
    make_room(marks);
    memmove(marks->marks + at + 1, marks->marks + at, (marks->count - at) * sizeof(*marks->marks));
    marks->marks[at] = (struct letter_mark){origin, offset};
    marks->count++;
}

enum letter_fate letter_marks_judge(const struct letter_marks *marks, int64_t origin,
                                    int64_t offset)
{
    if (origin < 0)
        return LETTER_OPEN;
    if (origin < marks->from || is_forgotten(marks, origin))
        return LETTER_UNKNOWN;
    size_t at = find(marks, origin);
    bool marked = at < marks->count && marks->marks[at].origin == origin;
    return marked && marks->marks[at].offset > offset ? LETTER_SETTLED : LETTER_OPEN;
}
