#include "hub/auth/http_authentication.h"

#include <stdio.h>

void http_authenticate(struct authenticator *authenticator, struct authentication *authentication,
                       struct http_request *http)
{
    const char *problem =
        credentials_read(&authentication->credentials, http_request_header(http, "Authorization"),
                         http_request_header(http, "Cookie"), http_request_client_name(http));
    if (!problem) {
        authenticator_start(authenticator, authentication);
        return;
    }
    snprintf(authentication->reason, sizeof(authentication->reason), "%s", problem);
    authentication->done(authentication, AUTH_REFUSED);
}

static void add_challenge(void *http, const char *value)
{
    http_response_header(http, "WWW-Authenticate", value);
}

void http_challenge(const struct authenticator *authenticator,
                    const struct authentication *authentication, enum auth_outcome outcome,
                    struct http_request *http)
{
    /* "invalid_token" is no word for a wrong password. */
    bool token = !(authentication->credentials.kinds & CREDENTIALS_PASSWORD);
    authenticator_challenge(authenticator,
                            outcome == AUTH_REFUSED && token ? authentication->reason : NULL,
                            add_challenge, http);
}
