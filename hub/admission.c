#include "hub/admission.h"

#include <stdio.h>
#include <string.h>

#include "common/address.h"
#include "common/clock.h"
#include "common/container.h"
#include "hub/auth/http_authentication.h"
#include "hub/request_audit.h"
#include "hub/router.h"

/* --- the parts --- */

static int open_authentication(struct hub *hub, struct error *error)
{
    if (config_auth_has(&hub->config, AUTH_NONE))
        return 0;
    hub->authorisation = authorisation_new(&hub->config);
    hub->authenticator = authenticator_new(&hub->config, &hub->metrics.authentications, error);
    return hub->authenticator ? 0 : -1;
}

int admission_open(struct hub *hub, struct error *error)
{
    const struct config *config = &hub->config;
    if (open_authentication(hub, error) != 0)
        return -1;
    for (int i = 0; i < OPERATION_OTHER; i++) {
        double rate =
            i == OPERATION_PUBLISH ? config->hub.publish_rate_limit : config->hub.change_rate_limit;
        if (rate > 0)
            hub->rate_limits[i] = rate_limit_new(rate);
    }
    if (!config->auth.policy_url[0])
        return 0;
    hub->policy = policy_new(config, error);
    return hub->policy ? 0 : -1;
}

void admission_close(struct hub *hub)
{
    authenticator_free(hub->authenticator);
    policy_free(hub->policy);
    authorisation_free(hub->authorisation);
    for (int i = 0; i < OPERATION_OTHER; i++)
        rate_limit_free(hub->rate_limits[i]);
    hub->authenticator = NULL;
    hub->policy = NULL;
    hub->authorisation = NULL;
    memset(hub->rate_limits, 0, sizeof(hub->rate_limits));
}

/* --- audit --- */

static const char *operation_name(enum operation operation)
{
    if (operation == OPERATION_MISSED_MESSAGES)
        return "missed-messages";
    return operation == OPERATION_OTHER ? NULL
                                        : access_operation_name((enum access_operation)operation);
}

static void audit_operation(const struct operation_request *request, enum operation operation,
                            bool allowed, const char *id, const char *reason)
{
    const struct audit_entry entry = {
        .allowed = allowed,
        .operation = operation_name(operation),
        .topic = request->topic,
        .callback = form_get(&request->parameters, "hub.callback"),
        .request = id,
        .reason = reason,
    };
    request_audit(request->hub, request->http, request->identity, entry);
}

static void audit(const struct operation_request *request, bool allowed, const char *id,
                  const char *reason)
{
    audit_operation(request, request->operation, allowed, id, reason);
}

void admission_audit_registered(const struct operation_request *request)
{
    audit_operation(request, OPERATION_REGISTER, true, NULL, "on first use");
}

void admission_audit_allowed(const struct operation_request *request, const char *id)
{
    if (request->operation != OPERATION_PUBLISH || request->hub->config.log.audit == AUDIT_ALL)
        audit(request, true, id, request->is_operator ? "operator" : NULL);
}

void admission_deny(struct operation_request *request, unsigned status, const char *reason)
{
    audit(request, false, NULL, reason);
    operation_refuse(request, status, "%s", reason);
}

/* --- who --- */

static void refuse_unknown(struct operation_request *request, enum auth_outcome outcome)
{
    struct authentication *authentication = &request->authentication;
    http_challenge(request->hub->authenticator, authentication, outcome, request->http);
    router_identify(request);
    admission_deny(request, 401, authentication->reason);
}

/* @locality any thread */
static void on_authenticated(struct authentication *authentication, enum auth_outcome outcome)
{
    struct operation_request *request =
        CONTAINER_OF(authentication, struct operation_request, authentication);
    if (outcome == AUTH_UNAVAILABLE) {
        operation_unavailable(request, authentication->reason);
    } else if (outcome != AUTH_GRANTED) {
        refuse_unknown(request, outcome);
    } else {
        request->identity = authentication->identity;
        request->is_operator =
            authorisation_is_operator(request->hub->authorisation, request->identity);
        request->next(request);
    }
}

void admission_authenticate(struct operation_request *request,
                            void (*next)(struct operation_request *request))
{
    struct authentication *authentication = &request->authentication;
    if (!request->hub->authenticator) {
        next(request);
        return;
    }
    request->next = next;
    authentication->done = on_authenticated;
    http_authenticate(request->hub->authenticator, authentication, request->http);
}

/* --- how fast --- */

bool admission_take_turn(struct operation_request *request)
{
    struct rate_limit *limit = request->hub->rate_limits[request->operation];
    char address[ADDRESS_TEXT_SIZE];
    const char *key = address;
    if (!limit)
        return true;
    if (request->identity)
        key = request->identity->name;
    else
        address_write(http_request_client_address(request->http), address);
    int64_t wait_ms = rate_limit_take(limit, key, clock_monotonic_us());
    if (wait_ms == 0)
        return true;
    char seconds[24];
    snprintf(seconds, sizeof(seconds), "%lld", (long long)((wait_ms + 999) / 1000));
    http_response_header(request->http, "Retry-After", seconds);
    operation_refuse(request, 429, "too many requests of this kind");
    return false;
}

/* --- what --- */

bool admission_permits(const struct operation_request *request, enum access_operation operation)
{
    return !request->hub->authorisation ||
           authorisation_permits(request->hub->authorisation, operation, request->topic,
                                 request->identity);
}

/* @locality any thread */
static void on_policy(struct policy_question *question, bool allowed)
{
    struct operation_request *request =
        CONTAINER_OF(question, struct operation_request, policy_question);
    bool about_subscription =
        request->operation == OPERATION_SUBSCRIBE || request->operation == OPERATION_UNSUBSCRIBE;
    if (!allowed && !about_subscription) {
        admission_deny(request, 403, question->reason);
        return;
    }
    if (!allowed) {
        audit(request, false, NULL, question->reason);
        request->denial = question->reason;
    }
    request->next(request);
}

/** Whether it is about a subscription that is known to be another's. Who is denied nothing here may
 * still be denied by the consolidator, which knows all that is before it (fold.h). */
static bool is_anothers(const struct operation_request *request, const char *callback)
{
    char id[ID_HEX_SIZE];
    if (!callback || !request->identity || request->is_operator)
        return false;
    id_subscription(request->topic, callback, id);
    return catalog_is_anothers(request->hub->catalog, id, request->identity->name);
}

void admission_decide(struct operation_request *request, const char *callback,
                      void (*next)(struct operation_request *request))
{
    enum access_operation operation = (enum access_operation)request->operation;
    if (!admission_permits(request, operation)) {
        admission_deny(request, 403, "not allowed for this topic");
        return;
    }
    if (is_anothers(request, callback)) {
        admission_deny(request, 403, "the subscription is another's");
        return;
    }
    if (!request->hub->policy) {
        next(request);
        return;
    }
    request->next = next;
    request->policy_question = (struct policy_question){
        .done = on_policy,
        .operation = operation,
        .topic = request->topic,
        .callback = callback,
        .identity = request->identity,
    };
    policy_ask(request->hub->policy, &request->policy_question);
}
