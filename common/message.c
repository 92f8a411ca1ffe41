#include "common/message.h"

#include <string.h>

enum { TRACEPARENT_LENGTH = 55, MAX_TRACE_HEADER = 512, TRACE_ID_AT = 3, PARENT_ID_AT = 36 };

bool message_header_is_sendable(const char *value, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)value[i];
        if ((c < ' ' && c != '\t') || c == 127)
            return false;
    }
    return true;
}

static bool has_form_of_traceparent(const char *value, size_t length)
{
    /* version - trace id - parent id - flags */
    static const char form[] = "xx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
    if (length < TRACEPARENT_LENGTH || length > MAX_TRACE_HEADER)
        return false;
    for (size_t i = 0; i < TRACEPARENT_LENGTH; i++) {
        bool hex = value[i] && strchr("0123456789abcdef", value[i]);
        if (form[i] == 'x' ? !hex : value[i] != '-')
            return false;
    }
    return true;
}

/** What ends at the next hyphen is all zeros. */
static bool is_zero_id(const char *id)
{
    return id[strspn(id, "0")] == '-';
}

bool message_traceparent_is_valid(const char *value, size_t length)
{
    if (!has_form_of_traceparent(value, length) || strncmp(value, "ff", 2) == 0 ||
        is_zero_id(value + TRACE_ID_AT) || is_zero_id(value + PARENT_ID_AT))
        return false;
    if (length == TRACEPARENT_LENGTH)
        return true;
    return strncmp(value, "00", 2) != 0 && value[TRACEPARENT_LENGTH] == '-' &&
           message_header_is_sendable(value, length);
}

bool message_tracestate_is_sendable(const char *value, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((value[i] < ' ' && value[i] != '\t') || value[i] > '~')
            return false;
    return length > 0 && length <= MAX_TRACE_HEADER;
}
