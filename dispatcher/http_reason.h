/** Why an exchange failed, in one word for logs, metrics and the attempts topic. Pure. */
#ifndef WEBSUB_DISPATCHER_HTTP_REASON_H
#define WEBSUB_DISPATCHER_HTTP_REASON_H

#include "dispatcher/http_client.h"

enum http_reason {
    HTTP_REASON_NONE, /**< 2xx: a failure only as the wrong answer to a verification */
    HTTP_REASON_REDIRECT,
    HTTP_REASON_GONE, /**< 410 */
    HTTP_REASON_CLIENT_ERROR,
    HTTP_REASON_BUSY, /**< 429, 503 */
    HTTP_REASON_SERVER_ERROR,
    HTTP_REASON_DNS,
    HTTP_REASON_REFUSED,
    HTTP_REASON_FORBIDDEN,
    HTTP_REASON_FORBIDDEN_PORT,
    HTTP_REASON_FORBIDDEN_URL,
    HTTP_REASON_TLS,
    HTTP_REASON_CONNECT_TIMEOUT,
    HTTP_REASON_TIMEOUT,
    HTTP_REASON_BROKEN,
    HTTP_REASON_SECRET, /**< ours: the secret to sign with cannot be decrypted */
    HTTP_REASON_COUNT
};

enum http_reason http_result_reason(const struct http_result *result);
/** The stable name: "status_5xx", "dns", … */
const char *http_reason_name(enum http_reason reason);

#endif
