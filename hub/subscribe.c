/*
 * hub.mode=subscribe and unsubscribe (WebSub section 5.1). The request is checked, written down,
 * and answered 202; a dispatcher then verifies the subscriber's intent. The answer does not depend
 * on that, nor on whether there is a subscription (section 5.1.2).
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/intent_mode.h"
#include "common/json.h"
#include "common/log.h"
#include "common/url.h"
#include "hub/admission.h"

enum { MAX_VERIFY_TOKEN = 1024 };

/**
 * What the dispatcher would refuse to dial whatever the name resolves to is refused at once. Not
 * where it leads: that is known only then, and is not for strangers to find out. Whoever wants to
 * leave may ask for it with any callback.
 */
static bool check_callback_rules(struct operation_request *request, const char *callback)
{
    if (request->operation == OPERATION_UNSUBSCRIBE)
        return true;
    if (request->hub->config.security.require_https_callbacks && !url_is_https(callback)) {
        operation_refuse(request, 400, "hub.callback: this hub calls https URLs only");
        return false;
    }
    if (!address_guard_permits_port(&request->hub->guard, url_port(callback))) {
        operation_refuse(request, 400, "hub.callback: this hub does not call port %u",
                         url_port(callback));
        return false;
    }
    return true;
}

static bool take_callback(struct operation_request *request, const char **callback)
{
    struct error error;
    bool refused;
    *callback = operation_parameter(request, "hub.callback", true, &refused);
    if (refused)
        return false;
    if (url_check_callback(*callback, &error) == 0) {
        url_normalize(form_get_mutable(&request->parameters, "hub.callback"));
        if (request->hub->config.compat.mosip)
            intent_mode_normalize(form_get_mutable(&request->parameters, "hub.callback"));
        return check_callback_rules(request, *callback);
    }
    operation_refuse(request, 400, "hub.callback: %s", error.message);
    return false;
}

static bool take_secret(struct operation_request *request, const char **secret)
{
    bool refused;
    *secret = operation_parameter(request, "hub.secret", false, &refused);
    if (refused)
        return false;
    if (*secret && strlen(*secret) > SIGNATURE_MAX_SECRET) {
        operation_refuse(request, 400, "hub.secret must be less than 200 bytes");
        return false;
    }
    if (*secret && !**secret)
        *secret = NULL; /* a form's empty field: no secret */
    return true;
}

static bool take_method(struct operation_request *request, int *method)
{
    enum signature_method parsed;
    bool refused;
    const char *name = operation_parameter(request, "hub.signature_method", false, &refused);
    *method = request->hub->config.compat.pubsubhubbub_sha1 &&
                      form_get(&request->parameters, "hub.verify")
                  ? SIGNATURE_SHA1 /* PubSubHubbub 0.3, section 7.4, has no other */
                  : -1;
    if (refused)
        return false;
    if (!name || !*name)
        return true;
    if (signature_method_parse(name, &parsed) != 0) {
        operation_refuse(request, 400,
                         "hub.signature_method must be sha1, sha256, sha384 or sha512");
        return false;
    }
    *method = (int)parsed;
    return true;
}

/**
 * PubSubHubbub 0.3, section 6.1: what the subscriber wants to be shown when it is asked whether it
 * meant the request. Its hub.verify is ignored: the answer never waits for the verification.
 */
static bool take_verify_token(struct operation_request *request, const char **token)
{
    bool refused;
    *token = operation_parameter(request, "hub.verify_token", false, &refused);
    if (refused)
        return false;
    if (*token && strlen(*token) > MAX_VERIFY_TOKEN) {
        operation_refuse(request, 400, "hub.verify_token must have at most %d bytes",
                         MAX_VERIFY_TOKEN);
        return false;
    }
    if (*token && !**token)
        *token = NULL;
    return true;
}

/** How many messages may be under way to the subscriber at a time (an extension). */
static bool take_max_in_flight(struct operation_request *request, int64_t *max_in_flight)
{
    bool refused;
    const char *text = operation_parameter(request, "hub.max_in_flight", false, &refused);
    *max_in_flight = 0;
    if (refused)
        return false;
    if (!text || !*text)
        return true;
    if (strspn(text, "0123456789") == strlen(text) && strlen(text) <= 4)
        *max_in_flight = strtoll(text, NULL, 10);
    if (*max_in_flight >= 1 && *max_in_flight <= RECORD_MAX_IN_FLIGHT)
        return true;
    operation_refuse(request, 400, "hub.max_in_flight must be a decimal integer from 1 to %d",
                     RECORD_MAX_IN_FLIGHT);
    return false;
}

/** The lease to grant: what was asked for, within the configured bounds (sections 5.1, 5.3). */
static bool take_lease(struct operation_request *request, int64_t *lease_seconds)
{
    const struct config *config = &request->hub->config;
    bool refused;
    const char *text = operation_parameter(request, "hub.lease_seconds", false, &refused);
    if (refused)
        return false;
    *lease_seconds = config->hub.lease_seconds_default;
    if (!text || !*text)
        return true;
    if (strspn(text, "0123456789") != strlen(text) || strspn(text, "0") == strlen(text)) {
        operation_refuse(request, 400, "hub.lease_seconds must be a positive decimal integer");
        return false;
    }
    errno = 0;
    long long wanted = strtoll(text, NULL, 10);
    if (errno == ERANGE || wanted > config->hub.lease_seconds_max)
        wanted = config->hub.lease_seconds_max;
    if (wanted < config->hub.lease_seconds_min)
        wanted = config->hub.lease_seconds_min;
    *lease_seconds = wanted;
    return true;
}

/* @locality producer thread */
static void on_written(void *context, rd_kafka_resp_err_t code, int32_t partition, int64_t offset)
{
    (void)partition;
    (void)offset;
    struct operation_request *request = context;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        operation_unavailable(request, rd_kafka_err2str(code));
        return;
    }
    admission_audit_allowed(request, request->id);
    log_info(request->operation == OPERATION_SUBSCRIBE ? "subscription.requested"
                                                       : "unsubscription.requested",
             LOG_STR("topic", request->topic),
             LOG_URL("callback", form_get(&request->parameters, "hub.callback")));
    operation_accept(request, 202);
}

static void write_request(struct operation_request *request)
{
    struct event event = {
        .type = request->operation == OPERATION_SUBSCRIBE ? EVENT_SUBSCRIPTION_REQUESTED
                                                          : EVENT_UNSUBSCRIPTION_REQUESTED,
        .method = -1,
    };
    const char *callback, *verify_token, *secret = NULL;
    if (!take_callback(request, &callback) || !take_verify_token(request, &verify_token))
        return;
    if (request->operation == OPERATION_SUBSCRIBE) {
        if (!take_secret(request, &secret) || !take_method(request, &event.method) ||
            !take_max_in_flight(request, &event.max_in_flight) ||
            !take_lease(request, &event.lease_seconds))
            return;
        event.location.kafka_topic = (char *)(uintptr_t)request->view_wait.found.messages->name;
        event.location.partition = request->view_wait.found.partition;
    }
    id_uuid7(request->id);
    event.request_id = request->id;
    event.callback = (char *)(uintptr_t)callback; /* borrowed, as all strings here but the secret */
    event.owner = request->identity ? request->identity->name : NULL;
    event.by_operator = request->is_operator;
    event.reason = (char *)(uintptr_t)request->denial;
    event.verify_token = (char *)(uintptr_t)verify_token;
    char id[ID_HEX_SIZE];
    id_subscription(request->topic, callback, id);
    keyring_seal(request->hub->keyring, id, secret, &event.secret);
    operation_write_event(request, &event, on_written);
    stored_secret_fini(&event.secret);
}

/** All parameters are checked before the topic is looked up: nobody waits for a bad request. */
static bool check_parameters(struct operation_request *request)
{
    const char *callback, *secret, *verify_token;
    int64_t lease_seconds, max_in_flight;
    int method;
    if (!take_callback(request, &callback) || !take_verify_token(request, &verify_token))
        return false;
    return request->operation == OPERATION_UNSUBSCRIBE ||
           (take_secret(request, &secret) && take_method(request, &method) &&
            take_max_in_flight(request, &max_in_flight) && take_lease(request, &lease_seconds));
}

static void go_on(struct operation_request *request)
{
    if (request->operation == OPERATION_SUBSCRIBE)
        operation_with_topic(request, write_request);
    else
        write_request(request); /* whoever wants to leave may, whatever became of the topic */
}

void subscribe_handle(struct operation_request *request)
{
    if (!operation_take_topic(request, NULL) || !check_parameters(request))
        return;
    admission_decide(request, form_get(&request->parameters, "hub.callback"), go_on);
}
