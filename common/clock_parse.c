#include "common/clock.h"

#include <string.h>
#include <time.h>

/** Reads exactly `digits` digits at `*text`, and moves behind them. */
static bool take_number(const char **text, int digits, int low, int high, int *number)
{
    *number = 0;
    for (int i = 0; i < digits; i++, (*text)++) {
        if (**text < '0' || **text > '9')
            return false;
        *number = *number * 10 + (**text - '0');
    }
    return *number >= low && *number <= high;
}

static bool take_char(const char **text, char c)
{
    if (**text != c)
        return false;
    (*text)++;
    return true;
}

static bool take_date(const char **text, struct tm *tm)
{
    bool taken = take_number(text, 4, 1, 9999, &tm->tm_year) && take_char(text, '-') &&
                 take_number(text, 2, 1, 12, &tm->tm_mon) && take_char(text, '-') &&
                 take_number(text, 2, 1, 31, &tm->tm_mday);
    tm->tm_year -= 1900;
    tm->tm_mon--;
    return taken;
}

static bool take_fraction(const char **text, int *ms)
{
    int digits = 0;
    if (!take_char(text, '.'))
        return true;
    for (; **text >= '0' && **text <= '9'; (*text)++, digits++)
        if (digits < 3)
            *ms = *ms * 10 + (**text - '0');
    for (int i = digits; i < 3; i++)
        *ms *= 10;
    return digits >= 1 && digits <= 9;
}

static bool take_time(const char **text, struct tm *tm, int *ms)
{
    if (!take_number(text, 2, 0, 23, &tm->tm_hour) || !take_char(text, ':') ||
        !take_number(text, 2, 0, 59, &tm->tm_min))
        return false;
    if (!take_char(text, ':'))
        return true;
    return take_number(text, 2, 0, 59, &tm->tm_sec) && take_fraction(text, ms);
}

/** Seconds that local time is ahead of UTC. */
static bool take_zone(const char **text, int *ahead)
{
    int hours, minutes;
    if (**text == '\0' || take_char(text, 'Z'))
        return true;
    int sign = **text == '-' ? -1 : 1;
    if (!take_char(text, '+') && !take_char(text, '-'))
        return false;
    if (!take_number(text, 2, 0, 18, &hours))
        return false;
    take_char(text, ':');
    if (!take_number(text, 2, 0, 59, &minutes))
        return false;
    *ahead = sign * (hours * 3600 + minutes * 60);
    return true;
}

bool clock_parse(const char *text, int64_t *wall_ms)
{
    struct tm tm = {0};
    int fraction = 0, ahead = 0;
    if (!take_date(&text, &tm) || !take_char(&text, 'T') || !take_time(&text, &tm, &fraction) ||
        !take_zone(&text, &ahead) || *text)
        return false;
    int day = tm.tm_mday;
    int64_t seconds = timegm(&tm);
    *wall_ms = (seconds - ahead) * 1000 + fraction;
    return tm.tm_mday == day; /* else the month has no such day */
}
