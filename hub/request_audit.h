/** Audits what is decided about a request to the hub: to its protocol, or to its API. */
#ifndef WEBSUB_HUB_REQUEST_AUDIT_H
#define WEBSUB_HUB_REQUEST_AUDIT_H

#include "common/audit.h"
#include "hub/hub.h"

/** Writes `entry`, in which only who asks is still to be filled in; `identity` NULL: nobody knows.
 */
void request_audit(const struct hub *hub, const struct http_request *http,
                   const struct identity *identity, struct audit_entry entry);

#endif
