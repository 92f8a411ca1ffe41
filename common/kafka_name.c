#include "common/kafka_name.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/id.h"
#include "common/panic.h"

#define HASH_DIGITS 16

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Writes at most `room` bytes of the readable part, which neither starts nor ends in '-'. */
static size_t write_readable(const char *topic, char *out, size_t room)
{
    size_t used = 0;
    for (; *topic && used < room; topic++) {
        if (is_alphanumeric(*topic))
            out[used++] = *topic;
        else if (used > 0 && out[used - 1] != '-')
            out[used++] = '-';
    }
    while (used > 0 && out[used - 1] == '-')
        used--;
    return used;
}

void kafka_name_messages(const char *prefix, const char *topic, char out[KAFKA_NAME_MAX + 1])
{
    size_t prefix_length = strlen(prefix);
    ENSURE(prefix_length + 1 + HASH_DIGITS <= KAFKA_NAME_MAX);
    char id[ID_HEX_SIZE];
    id_topic(topic, id);

    memcpy(out, prefix, prefix_length);
    size_t room = KAFKA_NAME_MAX - prefix_length - 1 - HASH_DIGITS;
    size_t used = prefix_length + write_readable(topic, out + prefix_length, room);
    if (used > prefix_length)
        out[used++] = '-';
    memcpy(out + used, id, HASH_DIGITS);
    out[used + HASH_DIGITS] = '\0';
}

bool kafka_name_valid(const char *name)
{
    size_t length = strnlen(name, KAFKA_NAME_MAX + 1);
    if (length == 0 || length > KAFKA_NAME_MAX)
        return false;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!is_alphanumeric(name[i]) && name[i] != '.' && name[i] != '_' && name[i] != '-')
            return false;
    }
    return true;
}
