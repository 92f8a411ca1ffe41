#include "common/audit.h"

#include <errno.h>
#include <string.h>

#include "common/log.h"

int audit_open(const struct config *config, struct error *error)
{
    if (log_audit_open(config->log.audit_file) == 0)
        return 0;
    return error_set(error, ERROR_CONFIG, false, "log.audit_file: cannot open %s: %s",
                     config->log.audit_file, strerror(errno));
}

void audit_reopen(void)
{
    if (log_audit_reopen() != 0)
        log_error("audit.not_reopened", LOG_STR("error", strerror(errno)));
}

void audit_write(enum audit_scope scope, const struct audit_entry *entry)
{
    if (scope == AUDIT_OFF)
        return;
    const struct log_field fields[] = {
        LOG_STR("operation", entry->operation), LOG_STR("user", entry->user),
        LOG_STR("method", entry->method),       LOG_STR("address", entry->address),
        LOG_STR("topic", entry->topic),         LOG_URL("callback", entry->callback),
        LOG_STR("request", entry->request),     LOG_STR("reason", entry->reason),
    };
    log_write(LOG_AUDIT, entry->allowed ? "audit.allowed" : "audit.denied", fields,
              sizeof(fields) / sizeof(fields[0]));
}
