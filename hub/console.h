/**
 * The operators' console: a page at /console/ that shows what the operator API tells. The files in
 * console/ are parts of the program, the same for everybody, and hold nothing secret: all that the
 * page shows it asks of /api/v1, with the credentials of whoever looks at it.
 */
#ifndef WEBSUB_HUB_CONSOLE_H
#define WEBSUB_HUB_CONSOLE_H

#include <stdbool.h>

#include "common/http_server.h"

/** Whether the request is for the console; if so it has been answered. Needs nothing but the
 * request: works while Kafka is away. @locality server thread */
bool console_handle(struct http_request *http);

#endif
