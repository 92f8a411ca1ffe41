/**
 * Whether a request may do what it asks for. In this order: who is it (authenticator.h), is it
 * within its rate, may it (authorisation.h, and for subscriptions whether they are its own), and
 * what does the policy service say (policy.h). What is denied is answered and audited here.
 */
#ifndef WEBSUB_HUB_ADMISSION_H
#define WEBSUB_HUB_ADMISSION_H

#include "hub/operation.h"

/** Makes the parts that the configuration asks for: fields of `hub`. */
int admission_open(struct hub *hub, struct error *error);
/** Settles what is under way, and frees. */
void admission_close(struct hub *hub);

/** Goes on with `next` once request->identity is known (NULL without authentication), or answers
 * 401 or 503. On the server thread; `next` may be on another. */
void admission_authenticate(struct operation_request *request,
                            void (*next)(struct operation_request *request));

/** Once request->operation is known: false when the client is too fast, and was told so (429). */
bool admission_take_turn(struct operation_request *request);

/**
 * Once the topic (and `callback`, or NULL) is known and well-formed: goes on with `next`, or
 * answers 403. A subscribe or unsubscribe request that the policy service denies goes on too, with
 * request->denial set: it is accepted, and the denial sent to the callback (WebSub section 5.2).
 */
void admission_decide(struct operation_request *request, const char *callback,
                      void (*next)(struct operation_request *request));

/** Whether the request may do something else on its topic as well: register it on first use. */
bool admission_permits(const struct operation_request *request, enum access_operation operation);

/** Answers that it may not, and audits that. */
void admission_deny(struct operation_request *request, unsigned status, const char *reason);

/** Audits what was done. `id` names it in other logs, or is NULL. */
void admission_audit_allowed(const struct operation_request *request, const char *id);
/** Audits that the request registered its topic on the way to what it is about. */
void admission_audit_registered(const struct operation_request *request);

#endif
