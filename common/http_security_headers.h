/** Headers that keep browsers from doing more with an answer than showing it. */
#ifndef WEBSUB_COMMON_HTTP_SECURITY_HEADERS_H
#define WEBSUB_COMMON_HTTP_SECURITY_HEADERS_H

#include <microhttpd.h>
#include <stdbool.h>

/**
 * Adds them to an answer in HTML or JSON, but for those that it has already: a handler may have its
 * own. Other answers stay as they are. `content_type` may be NULL.
 */
void http_security_headers_add(struct MHD_Response *response, const char *content_type);

#endif
