/**
 * The policy hook (auth.policy_url): a service of the operator's that is asked whether something
 * may be done, over HTTP with the shape of Open Policy Agent's data API:
 *
 *   POST {"input": {"operation": "subscribe", "topic": "…", "callback": "…",
 *                   "identity": {"name": "…", "method": "jwt", "roles": ["…"]}}}
 *   200  {"result": true} or {"result": {"allow": false, "reason": "…"}}
 *
 * "callback" and "identity" are left out when there is none. What is not a clear answer within
 * auth.policy_timeout counts as auth.policy_on_failure says.
 */
#ifndef WEBSUB_HUB_POLICY_H
#define WEBSUB_HUB_POLICY_H

#include "common/access_rule.h"
#include "common/config.h"
#include "common/error.h"
#include "hub/auth/identity.h"

struct policy;

/** Embedded by the asker, who keeps it and what it points to until `done`. */
struct policy_question {
    /** Called exactly once, before policy_ask returns or later on any thread. */
    void (*done)(struct policy_question *question, bool allowed);
    enum access_operation operation;
    const char *topic;
    const char *callback;            /**< or NULL */
    const struct identity *identity; /**< or NULL */

    char reason[200]; /**< when denied: why, fit for the client; UTF-8 without control characters */
    void *context;    /**< the policy's own */
};

/** NULL on failure. `config` must outlive it. */
struct policy *policy_new(const struct config *config, struct error *error);
/** Settles what is under way as failed. NULL is allowed. */
void policy_free(struct policy *policy);

/** Thread-safe, never blocks. */
void policy_ask(struct policy *policy, struct policy_question *question);

#endif
