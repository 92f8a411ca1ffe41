/** Filling a struct websub_error, in the library's own files. */
#ifndef WEBSUB_CLIENT_FAIL_H
#define WEBSUB_CLIENT_FAIL_H

#include "client/websub.h"

/** Always returns -1. Control characters in the text, which may come from a hub, become '?'. */
int fail_set(struct websub_error *error, enum websub_error_code code, int http_status,
             const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
