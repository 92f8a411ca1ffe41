#include "common/intent_mode.h"

#include <stdbool.h>
#include <string.h>

#include "common/buffer.h"
#include "common/panic.h"

static const char subscribe[] = "intentMode=subscribe";
static const char unsubscribe[] = "intentMode=unsubscribe";

/** Where `parameter` begins, if it is the last of the callback's query. */
static const char *find_last(const char *callback, const char *parameter)
{
    size_t length = strlen(callback), wanted = strlen(parameter);
    if (length <= wanted || !strchr(callback, '?'))
        return NULL;
    const char *at = callback + length - wanted;
    bool begins = at[-1] == '?' || at[-1] == '&';
    return begins && strcmp(at, parameter) == 0 ? at : NULL;
}

void intent_mode_normalize(char *callback)
{
    const char *at = find_last(callback, unsubscribe);
    if (at)
        memcpy(callback + (at - callback), subscribe, sizeof(subscribe));
}

static char *join(const char *start, size_t length, const char *separator, const char *end)
{
    struct buffer joined = {0};
    buffer_append(&joined, start, length);
    buffer_append_string(&joined, separator);
    buffer_append_string(&joined, end);
    char *copy = xstrdup(joined.data);
    buffer_fini(&joined);
    return copy;
}

char *intent_mode_to_unsubscribe(const char *callback)
{
    const char *at = find_last(callback, subscribe);
    return at ? join(callback, (size_t)(at - callback), "", unsubscribe) : NULL;
}

char *intent_mode_to_subscribe(const char *callback)
{
    return join(callback, strlen(callback), "?", subscribe);
}
