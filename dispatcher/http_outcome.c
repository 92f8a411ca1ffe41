#include "dispatcher/http_outcome.h"

enum http_outcome http_outcome_of_code(CURLcode code, bool was_connected)
{
    switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL: /* of the URL, or of the answer */
        return was_connected ? HTTP_BROKEN : HTTP_FORBIDDEN_URL;
    case CURLE_LOGIN_DENIED:
        return HTTP_FORBIDDEN_URL;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_URL_MALFORMAT: /* a name that cannot be one */
        return HTTP_DNS_FAILED;
    case CURLE_COULDNT_CONNECT:
        return HTTP_REFUSED;
    case CURLE_OPERATION_TIMEDOUT:
        return was_connected ? HTTP_TIMED_OUT : HTTP_CONNECT_TIMED_OUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CLIENTCERT:
        return HTTP_TLS_FAILED;
    default:
        return HTTP_BROKEN;
    }
}
