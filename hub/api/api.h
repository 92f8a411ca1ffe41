/**
 * The operator API: /api/v1, JSON, errors as problem documents (RFC 9457). openapi.json describes
 * it, and is served.
 *
 * Who may: operators (auth.operator_role) everything; where authentication is on, anybody else sees
 * only what is his own. Without authentication everybody is an operator, which needs a loopback
 * address (auth.mode).
 */
#ifndef WEBSUB_HUB_API_API_H
#define WEBSUB_HUB_API_API_H

#include "hub/hub.h"

/** Whether the request is for the API; if so it leads to exactly one answer. @locality server
 * thread
 */
bool api_handle(struct hub *hub, struct http_request *http);

#endif
