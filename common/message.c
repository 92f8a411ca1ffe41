#include "common/message.h"

#include <string.h>

enum { TRACEPARENT_LENGTH = 55 };

bool message_header_is_sendable(const char *value, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)value[i];
        if ((c < ' ' && c != '\t') || c == 127)
            return false;
    }
    return true;
}

bool message_traceparent_is_valid(const char *value, size_t length)
{
    /* version - trace id - parent id - flags */
    static const char form[] = "xx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
    if (length < TRACEPARENT_LENGTH || strncmp(value, "ff", 2) == 0)
        return false;
    for (size_t i = 0; i < TRACEPARENT_LENGTH; i++) {
        bool hex = value[i] && strchr("0123456789abcdef", value[i]);
        if (form[i] == 'x' ? !hex : value[i] != '-')
            return false;
    }
    if (length == TRACEPARENT_LENGTH)
        return true;
    return strncmp(value, "00", 2) != 0 && value[TRACEPARENT_LENGTH] == '-' &&
           message_header_is_sendable(value, length);
}
