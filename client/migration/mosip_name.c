#include "client/migration/mosip_name.h"

#include <stdlib.h>
#include <string.h>

#include "common/panic.h"

static int is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Java's regular expressions replace whole characters: a sequence of UTF-8 becomes one '_'. */
char *mosip_name(const char *topic)
{
    char *name = xmalloc(strlen(topic) + 1), *to = name;
    for (const char *from = topic; *from; from++) {
        if (((unsigned char)*from & 0xC0) == 0x80)
            continue; /* inside of a sequence */
        *to++ = is_alphanumeric(*from) ? *from : '_';
    }
    *to = '\0';
    return name;
}

char *mosip_group(const char *topic, const char *callback)
{
    char *both = xasprintf("%s:::%s", topic, callback);
    char *group = mosip_name(both);
    free(both);
    return group;
}
