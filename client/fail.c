#include "client/fail.h"

#include <stdarg.h>
#include <stdio.h>

int fail_set(struct websub_error *error, enum websub_error_code code, int http_status,
             const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    error->code = code;
    error->http_status = http_status;
    vsnprintf(error->message, sizeof(error->message), format, arguments);
    va_end(arguments);
    /* It will be shown on terminals, which obey control characters. */
    for (char *c = error->message; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    return -1;
}
