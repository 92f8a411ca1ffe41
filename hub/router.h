/** Which operation a request on the hub's URL is. */
#ifndef WEBSUB_HUB_ROUTER_H
#define WEBSUB_HUB_ROUTER_H

#include "hub/hub.h"

#define HUB_PATH "/hub"

/** Handles a request that is none of the health endpoints: leads to exactly one answer. */
void router_handle(struct hub *hub, struct http_request *http);

struct operation_request;
/** Finds out what a request that is denied unread is about, as far as that can be told: sets its
 * operation and topic, for the audit. Never answers. */
void router_identify(struct operation_request *request);

#endif
