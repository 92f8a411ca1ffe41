#include "tests/benchmark/programs/wire.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static size_t content_length(const char *head, size_t length)
{
    static const char name[] = "\r\nContent-Length:";
    const char *end = head + length - strlen("\r\n\r\n");
    for (const char *line = memchr(head, '\r', length); line && line < end;
         line = memchr(line + 1, '\r', (size_t)(end - line - 1)))
        if (strncasecmp(line, name, strlen(name)) == 0)
            return strtoul(line + strlen(name), NULL, 10);
    return 0;
}

int wire_complete(const char *bytes, size_t length, struct wire_message *message)
{
    const char *end = memmem(bytes, length, "\r\n\r\n", 4);
    if (!end)
        return 0;
    message->head_length = (size_t)(end - bytes) + 4;
    message->body_length = content_length(bytes, message->head_length);
    return length >= message->head_length + message->body_length;
}
