/** What both interfaces of the hub do to find out who makes an HTTP request, and to ask for proof.
 */
#ifndef WEBSUB_HUB_AUTH_HTTP_AUTHENTICATION_H
#define WEBSUB_HUB_AUTH_HTTP_AUTHENTICATION_H

#include "common/http_server.h"
#include "hub/auth/authenticator.h"

/**
 * Reads the credentials of the request and judges them: as authenticator_start, and AUTH_REFUSED
 * when they have not the right form. @locality server thread
 */
void http_authenticate(struct authenticator *authenticator, struct authentication *authentication,
                       struct http_request *http);

/** Adds the challenges to an answer 401, after AUTH_MISSING or AUTH_REFUSED. Thread-safe. */
void http_challenge(const struct authenticator *authenticator,
                    const struct authentication *authentication, enum auth_outcome outcome,
                    struct http_request *http);

#endif
