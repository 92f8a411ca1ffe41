#include "tests/benchmark/programs/wire.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *wire_header(const char *head, size_t length, const char *name)
{
    size_t name_length = strlen(name);
    const char *end = head + length - strlen("\r\n\r\n");
    for (const char *line = memchr(head, '\r', length); line && line < end;
         line = memchr(line + 1, '\r', (size_t)(end - line - 1))) {
        const char *value = line + strlen("\r\n") + name_length;
        if (value < end && strncasecmp(line + strlen("\r\n"), name, name_length) == 0 &&
            *value == ':')
            return value + 1 + strspn(value + 1, " ");
    }
    return NULL;
}

static size_t content_length(const char *head, size_t length)
{
    const char *value = wire_header(head, length, "Content-Length");
    return value ? strtoul(value, NULL, 10) : 0;
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
