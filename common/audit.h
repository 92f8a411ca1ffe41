/**
 * The audit log: who was allowed or denied what, when, and why. One line each, never left out
 * (log.h, LOG_AUDIT). The hub writes what it decides about requests; the consolidator what it
 * denies when it folds an event.
 */
#ifndef WEBSUB_COMMON_AUDIT_H
#define WEBSUB_COMMON_AUDIT_H

#include "common/config.h"
#include "common/error.h"

struct audit_entry {
    bool allowed;
    const char *operation; /**< "subscribe", … */
    const char *topic;
    const char *callback; /**< without its query in the log */
    const char *user;     /**< who; NULL: without authentication, or before it */
    const char *method;   /**< how the user proved who it is; "jwt", … */
    const char *address;  /**< where the request came from */
    const char *request;  /**< id of what was written, for following it through the other logs */
    const char *reason;   /**< why it was denied, or why it was allowed if that needs a word */
};

/** Opens log.audit_file. ERROR_CONFIG when that fails. */
int audit_open(const struct config *config, struct error *error);
/** Opens it again, after it was moved away; on failure says so and goes on with the old one. */
void audit_reopen(void);

/** Thread-safe. Writes nothing when `scope` (log.audit) is AUDIT_OFF; what AUDIT_CHANGES leaves out
 * the caller knows. */
void audit_write(enum audit_scope scope, const struct audit_entry *entry);

#endif
