/** Which operation a request on the hub's URL is. */
#ifndef WEBSUB_HUB_ROUTER_H
#define WEBSUB_HUB_ROUTER_H

#include "hub/hub.h"

#define HUB_PATH "/hub"

/** Handles a request that is none of the health endpoints: leads to exactly one answer. */
void router_handle(struct hub *hub, struct http_request *http);

#endif
