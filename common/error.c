#include "common/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *error, enum error_code code, bool retriable, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    error->code = code;
    error->retriable = retriable;
    vsnprintf(error->message, sizeof(error->message), format, arguments);
    va_end(arguments);
    return -1;
}

int error_prefix(struct error *error, const char *format, ...)
{
    char message[sizeof(error->message)];
    memcpy(message, error->message, sizeof(message));

    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof(error->message), format, arguments);
    va_end(arguments);

    size_t used = strlen(error->message);
    snprintf(error->message + used, sizeof(error->message) - used, ": %s", message);
    return -1;
}

const char *error_code_name(enum error_code code)
{
    switch (code) {
    case ERROR_NONE:
        return "none";
    case ERROR_INVALID:
        return "invalid";
    case ERROR_NOT_FOUND:
        return "not_found";
    case ERROR_TOO_LARGE:
        return "too_large";
    case ERROR_UNAVAILABLE:
        return "unavailable";
    case ERROR_TIMEOUT:
        return "timeout";
    case ERROR_CONFLICT:
        return "conflict";
    case ERROR_CONFIG:
        return "config";
    case ERROR_RESOURCE:
        return "resource";
    case ERROR_INTERNAL:
        return "internal";
    }
    return "internal";
}
