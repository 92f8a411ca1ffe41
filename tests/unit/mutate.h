/** Damages records at random, as a broken disk or a foreign writer would. */
#ifndef WEBSUB_TESTS_UNIT_MUTATE_H
#define WEBSUB_TESTS_UNIT_MUTATE_H

#include <string.h>

#include "tests/unit/random.h"

enum { MUTATE_GROWTH = 16 };

/**
 * Makes one to four small changes to `bytes`, for which there must be room for 4 * MUTATE_GROWTH
 * more.
 * @returns the new length
 */
static inline size_t mutate(struct random *random, char *bytes, size_t length)
{
    static const char *const pieces[] = {
        "\"",
        "\\",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "null",
        "true",
        "-1",
        "1.5",
        "1e99",
        "\\u0000",
        "\xff",
        "\xc3",
        "9223372036854775808",
        "\"v\":1,",
        "-0",
        "\\ud800",
    };
    for (uint32_t changes = 1 + random_below(random, 4); changes > 0 && length > 0; changes--) {
        size_t at = random_below(random, (uint32_t)length);
        const char *piece = pieces[random_below(random, sizeof(pieces) / sizeof(pieces[0]))];
        size_t size = strlen(piece) < MUTATE_GROWTH ? strlen(piece) : MUTATE_GROWTH;
        switch (random_below(random, 5)) {
        case 0:
            bytes[at] = (char)((unsigned char)bytes[at] ^ (1u << random_below(random, 8)));
            break;
        case 1:
            bytes[at] = (char)random_next(random);
            break;
        case 2: /* something in between */
            memmove(bytes + at + size, bytes + at, length - at);
            memcpy(bytes + at, piece, size);
            length += size;
            break;
        case 3: /* something is missing */
            size = random_below(random, 12) + 1;
            size = size < length - at ? size : length - at;
            memmove(bytes + at, bytes + at + size, length - at - size);
            length -= size;
            break;
        case 4: /* a digit is another one */
            for (; at < length && (bytes[at] < '0' || bytes[at] > '9'); at++)
                ;
            if (at < length)
                bytes[at] = (char)('0' + random_below(random, 10));
            break;
        }
    }
    return length;
}

#endif
