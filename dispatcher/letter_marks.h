/**
 * Which dead letters were settled one by one: what the marks (dead_letter.h) of one subscription
 * say, as far as bounded memory holds it. So many are kept as there is room for, those of the least
 * origins; of the rest it is known that it is not known, and the marks are read again. Pure.
 */
#ifndef WEBSUB_DISPATCHER_LETTER_MARKS_H
#define WEBSUB_DISPATCHER_LETTER_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LETTER_MARKS_MAX 4096

struct letter_mark {
    int64_t origin; /**< offset of the message where it lies */
    int64_t offset; /**< of the last mark of it, in the dead letters topic */
};

/** Zero-initialised: there are no marks. */
struct letter_marks {
    struct letter_mark *marks; /* by origin */
    size_t count, capacity;
    int64_t from;
    int64_t forgotten; /* marks of this origin and greater ones were dropped; 0: none were */
};

void letter_marks_fini(struct letter_marks *marks);
/** Forgets all: marks of origins from `from` on will be added. */
void letter_marks_restart(struct letter_marks *marks, int64_t from);
void letter_marks_add(struct letter_marks *marks, int64_t origin, int64_t offset);

enum letter_fate { LETTER_OPEN, LETTER_SETTLED, LETTER_UNKNOWN };
/** What became of the letter at `offset` of the message at `origin`, -1: that has no marks. */
enum letter_fate letter_marks_judge(const struct letter_marks *marks, int64_t origin,
                                    int64_t offset);

#endif
