#include "dispatcher/letter_progress.h"

#include "common/panic.h"

int64_t letter_progress_position(const struct letter_progress *progress)
{
    int64_t least = progress->next < progress->wanted ? progress->next : progress->wanted;
    for (size_t i = 0; i < progress->refused_count; i++)
        if (progress->refused[i].offset < least)
            least = progress->refused[i].offset;
    return least;
}

bool letter_progress_choose(struct letter_progress *progress, int64_t *from, int64_t *to)
{
    bool more = progress->next < progress->wanted && progress->refused_count < LETTER_MAX_REFUSED;
    bool try_refused = progress->refused_count > 0 && (progress->try_refused || !more);
    progress->try_refused = !try_refused;
    if (try_refused) {
        *from = progress->refused[progress->turn++ % progress->refused_count].offset;
        *to = *from + 1;
    } else {
        *from = progress->next;
        *to = progress->wanted;
    }
    return try_refused || more;
}

static struct letter_refused *find(struct letter_progress *progress, int64_t offset)
{
    for (size_t i = 0; i < progress->refused_count; i++)
        if (progress->refused[i].offset == offset)
            return &progress->refused[i];
    return NULL;
}

void letter_progress_pass(struct letter_progress *progress, int64_t from, int64_t next)
{
    if (find(progress, from))
        letter_progress_settle(progress, from);
    else
        progress->next = next;
}

void letter_progress_settle(struct letter_progress *progress, int64_t offset)
{
    struct letter_refused *refused = find(progress, offset);
    if (refused)
        *refused = progress->refused[--progress->refused_count];
    else
        progress->next = offset + 1;
}

const struct letter_refused *letter_progress_refuse(struct letter_progress *progress,
                                                    int64_t offset, int64_t now_ms)
{
    struct letter_refused *refused = find(progress, offset);
    if (!refused) {
        ENSURE(progress->refused_count < LETTER_MAX_REFUSED); /* or it had not been chosen */
        refused = &progress->refused[progress->refused_count++];
        *refused = (struct letter_refused){offset, 0, now_ms, progress->delivered};
        progress->next = offset + 1;
    }
    refused->failures++;
    return refused;
}

bool letter_progress_is_exhausted(const struct letter_progress *progress,
                                  const struct letter_refused *refused, int64_t give_up_after_ms,
                                  int64_t now_ms)
{
    return (refused->failures >= LETTER_MAX_REFUSALS && progress->delivered > refused->delivered) ||
           now_ms - refused->since_ms >= give_up_after_ms;
}
