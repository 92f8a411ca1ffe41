#include "hub/request_audit.h"

#include "common/address.h"

void request_audit(const struct hub *hub, const struct http_request *http,
                   const struct identity *identity, struct audit_entry entry)
{
    char address[ADDRESS_TEXT_SIZE];
    address_write(http_request_client_address(http), address);
    entry.user = identity ? identity->name : NULL;
    entry.method = identity ? identity->method : NULL;
    entry.address = address;
    audit_write(hub->config.log.audit, &entry);
}
