#include "dispatcher/http_reason.h"

static const char *const names[HTTP_REASON_COUNT] = {
    [HTTP_REASON_NONE] = "status_2xx",
    [HTTP_REASON_REDIRECT] = "status_3xx",
    [HTTP_REASON_GONE] = "status_410",
    [HTTP_REASON_CLIENT_ERROR] = "status_4xx",
    [HTTP_REASON_BUSY] = "busy",
    [HTTP_REASON_SERVER_ERROR] = "status_5xx",
    [HTTP_REASON_DNS] = "dns",
    [HTTP_REASON_REFUSED] = "refused",
    [HTTP_REASON_FORBIDDEN] = "forbidden_address",
    [HTTP_REASON_FORBIDDEN_PORT] = "forbidden_port",
    [HTTP_REASON_FORBIDDEN_URL] = "forbidden_url",
    [HTTP_REASON_TLS] = "tls",
    [HTTP_REASON_CONNECT_TIMEOUT] = "connect_timeout",
    [HTTP_REASON_TIMEOUT] = "timeout",
    [HTTP_REASON_BROKEN] = "broken_connection",
    [HTTP_REASON_SECRET] = "secret_key",
};

const char *http_reason_name(enum http_reason reason)
{
    return names[reason];
}

static enum http_reason reason_of_status(long status)
{
    if (status < 300)
        return HTTP_REASON_NONE;
    if (status < 400)
        return HTTP_REASON_REDIRECT;
    if (status == 410)
        return HTTP_REASON_GONE;
    if (status == 429 || status == 503)
        return HTTP_REASON_BUSY;
    return status < 500 ? HTTP_REASON_CLIENT_ERROR : HTTP_REASON_SERVER_ERROR;
}

enum http_reason http_result_reason(const struct http_result *result)
{
    switch (result->outcome) {
    case HTTP_ANSWERED:
        return reason_of_status(result->status);
    case HTTP_DNS_FAILED:
        return HTTP_REASON_DNS;
    case HTTP_REFUSED:
        return HTTP_REASON_REFUSED;
    case HTTP_FORBIDDEN:
        return HTTP_REASON_FORBIDDEN;
    case HTTP_FORBIDDEN_PORT:
        return HTTP_REASON_FORBIDDEN_PORT;
    case HTTP_FORBIDDEN_URL:
        return HTTP_REASON_FORBIDDEN_URL;
    case HTTP_TLS_FAILED:
        return HTTP_REASON_TLS;
    case HTTP_CONNECT_TIMED_OUT:
        return HTTP_REASON_CONNECT_TIMEOUT;
    case HTTP_TIMED_OUT:
        return HTTP_REASON_TIMEOUT;
    case HTTP_NOT_SENT:
        return HTTP_REASON_SECRET;
    default:
        return HTTP_REASON_BROKEN;
    }
}
