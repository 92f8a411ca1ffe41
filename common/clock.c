#include "common/clock.h"

#include <stdio.h>
#include <time.h>

#include "common/panic.h"

static int64_t read_us(clockid_t clock)
{
    struct timespec now;
    ENSURE(clock_gettime(clock, &now) == 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_wall_ms(void)
{
    return clock_wall_us() / 1000;
}

int64_t clock_wall_us(void)
{
    return read_us(CLOCK_REALTIME);
}

int64_t clock_monotonic_ms(void)
{
    return clock_monotonic_us() / 1000;
}

int64_t clock_monotonic_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

void clock_format(int64_t wall_ms, char out[CLOCK_TIMESTAMP_SIZE])
{
    /* RFC 3339 has four digits for the year: times may come from a peer, so they are bounded here.
     */
    const int64_t first = INT64_C(-62167219200000); /* 0000-01-01T00:00:00.000Z */
    const int64_t last = INT64_C(253402300799999);  /* 9999-12-31T23:59:59.999Z */
    if (wall_ms < first)
        wall_ms = first;
    if (wall_ms > last)
        wall_ms = last;

    int64_t milliseconds = wall_ms % 1000;
    if (milliseconds < 0)
        milliseconds += 1000;
    time_t seconds = (time_t)((wall_ms - milliseconds) / 1000);
    struct tm tm;
    ENSURE(gmtime_r(&seconds, &tm) != NULL);

    char text[128]; /* as large as the compiler fears the numbers may be */
    snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)milliseconds);
    snprintf(out, CLOCK_TIMESTAMP_SIZE, "%.24s", text);
}

void clock_sleep_ms(int milliseconds)
{
    struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    nanosleep(&left, NULL);
}
