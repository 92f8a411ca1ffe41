/**
 * How far a run through dead letters has come (letter_run.c): they are taken in their order, but
 * those that are refused wait for their next try while others go on, as long as there is room for
 * such ones. Pure.
 */
#ifndef WEBSUB_DISPATCHER_LETTER_PROGRESS_H
#define WEBSUB_DISPATCHER_LETTER_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LETTER_MAX_REFUSED  64 /**< at the same time */
#define LETTER_MAX_REFUSALS 5  /**< of one, while others get through */

struct letter_refused {
    int64_t offset;
    unsigned failures;
    int64_t since_ms;
    uint64_t delivered; /**< of the run, at its first failure */
};

/** Offsets are of the dead letters topic. Zero-initialised but for `next` and `wanted`. */
struct letter_progress {
    int64_t next; /**< those before are done, or refused */
    int64_t wanted;
    uint64_t delivered;
    struct letter_refused refused[LETTER_MAX_REFUSED];
    size_t refused_count, turn;
    bool try_refused; /* it is their turn, not that of the next letter */
};

/** All letters before are done. */
int64_t letter_progress_position(const struct letter_progress *progress);

/** What to read next: one letter in [*from, *to). False: nothing, until it is wanted. The refused
 * and the others take turns. */
bool letter_progress_choose(struct letter_progress *progress, int64_t *from, int64_t *to);

/** There is no letter in what was read from `from` on, up to `next`. */
void letter_progress_pass(struct letter_progress *progress, int64_t from, int64_t next);
/** The letter at `offset` is done with. */
void letter_progress_settle(struct letter_progress *progress, int64_t offset);
/** The letter was refused once more; valid until the next call. */
const struct letter_refused *letter_progress_refuse(struct letter_progress *progress,
                                                    int64_t offset, int64_t now_ms);
/** Whether it has been refused so often although others got through, or for so long. */
bool letter_progress_is_exhausted(const struct letter_progress *progress,
                                  const struct letter_refused *refused, int64_t give_up_after_ms,
                                  int64_t now_ms);

#endif
