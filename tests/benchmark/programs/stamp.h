/** When a message was published, at the start of its body: 20 decimal digits of nanoseconds since
 * 1970. */
#ifndef WEBSUB_BENCHMARK_STAMP_H
#define WEBSUB_BENCHMARK_STAMP_H

#include <stdint.h>
#include <time.h>

enum { STAMP_LENGTH = 20 };

static inline int64_t stamp_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline void stamp_write(char *body, int64_t nanoseconds)
{
    for (int i = STAMP_LENGTH - 1; i >= 0; i--) {
        body[i] = (char)('0' + nanoseconds % 10);
        nanoseconds /= 10;
    }
}

/** -1 when the body does not start with a stamp. */
static inline int64_t stamp_read(const char *body, size_t length)
{
    int64_t nanoseconds = 0;
    if (length < STAMP_LENGTH)
        return -1;
    for (int i = 0; i < STAMP_LENGTH; i++) {
        if (body[i] < '0' || body[i] > '9')
            return -1;
        nanoseconds = nanoseconds * 10 + (body[i] - '0');
    }
    return nanoseconds;
}

#endif
