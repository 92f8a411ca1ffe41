#include "common/http_security_headers.h"

#include <string.h>
#include <strings.h>

static const struct {
    const char *name, *value;
} headers[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"Cache-Control", "no-store"},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    {"Referrer-Policy", "no-referrer"},
    {"X-Frame-Options", "DENY"},
};

static bool ends_with(const char *text, size_t length, const char *end)
{
    size_t tail = strlen(end);
    return length >= tail && strncasecmp(text + length - tail, end, tail) == 0;
}

static bool is_for_browsers(const char *content_type)
{
    size_t length = strcspn(content_type, "; ");
    return (length == strlen("text/html") && strncasecmp(content_type, "text/html", length) == 0) ||
           ends_with(content_type, length, "/json") || ends_with(content_type, length, "+json");
}

void http_security_headers_add(struct MHD_Response *response, const char *content_type)
{
    if (!content_type || !is_for_browsers(content_type))
        return;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        if (!MHD_get_response_header(response, headers[i].name))
            MHD_add_response_header(response, headers[i].name, headers[i].value);
}
