/** Random numbers that are the same in every run, for tests that try many cases: xorshift64*. */
#ifndef WEBSUB_TESTS_UNIT_RANDOM_H
#define WEBSUB_TESTS_UNIT_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state; /**< not 0 */
};

static inline uint32_t random_next(struct random *random)
{
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return (uint32_t)((random->state * 0x2545F4914F6CDD1DULL) >> 32);
}

/** 0 … bound - 1 */
static inline uint32_t random_below(struct random *random, uint32_t bound)
{
    return (uint32_t)(((uint64_t)random_next(random) * bound) >> 32);
}

/** True once in `n` times. */
static inline bool random_one_in(struct random *random, uint32_t n)
{
    return random_below(random, n) == 0;
}

#endif
