/* What a subscriber's callback is asked, and how it knows the hub's deliveries. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/fail.h"
#include "client/websub.h"
#include "common/error.h"
#include "common/form.h"
#include "common/panic.h"
#include "common/signature.h"

/* The hub appends its parameters to the callback's own, so the last one of a name is the hub's. */
static const char *last_of(const struct form *form, const char *name)
{
    for (size_t i = form->count; i > 0; i--)
        if (strcmp(form->fields[i - 1].name, name) == 0)
            return form->fields[i - 1].value;
    return NULL;
}

static int parse_intent(const char *mode, enum websub_intent *intent)
{
    static const char *const names[] = {
        [WEBSUB_INTENT_SUBSCRIBE] = "subscribe",
        [WEBSUB_INTENT_UNSUBSCRIBE] = "unsubscribe",
        [WEBSUB_INTENT_DENIED] = "denied",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (mode && strcmp(mode, names[i]) == 0) {
            *intent = (enum websub_intent)i;
            return 0;
        }
    }
    return -1;
}

/* NULL is 0: the hub did not say. */
static int parse_lease(const char *text, int64_t *seconds)
{
    *seconds = 0;
    if (!text)
        return 0;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || *end || end == text || text[0] < '0' || text[0] > '9')
        return -1;
    *seconds = value;
    return 0;
}

static int read_fields(const struct form *form, struct websub_verification *verification,
                       struct websub_error *error)
{
    const char *topic = last_of(form, "hub.topic");
    const char *challenge = last_of(form, "hub.challenge");
    enum websub_intent intent;
    int64_t lease_seconds;
    if (parse_intent(last_of(form, "hub.mode"), &intent) != 0)
        return fail_set(error, WEBSUB_ERROR_PROTOCOL, 0,
                        "hub.mode is none of subscribe, unsubscribe, denied");
    if (!topic || !topic[0])
        return fail_set(error, WEBSUB_ERROR_PROTOCOL, 0, "hub.topic is missing");
    if (intent != WEBSUB_INTENT_DENIED && (!challenge || !challenge[0]))
        return fail_set(error, WEBSUB_ERROR_PROTOCOL, 0, "hub.challenge is missing");
    if (parse_lease(last_of(form, "hub.lease_seconds"), &lease_seconds) != 0)
        return fail_set(error, WEBSUB_ERROR_PROTOCOL, 0, "hub.lease_seconds is no number");
    bool denied = intent == WEBSUB_INTENT_DENIED;
    *verification = (struct websub_verification){
        .intent = intent,
        .topic = xstrdup(topic),
        .challenge = denied ? NULL : xstrdup(challenge),
        .reason = denied ? xstrdup_or_null(last_of(form, "hub.reason")) : NULL,
        .lease_seconds = lease_seconds,
    };
    return 0;
}

int websub_verification_parse(const char *query, struct websub_verification *verification,
                              struct websub_error *error)
{
    struct form form = {0};
    struct error cause;
    int result;
    if (form_parse(&form, query, strlen(query), &cause) != 0)
        result = fail_set(error, WEBSUB_ERROR_PROTOCOL, 0, "%s", cause.message);
    else
        result = read_fields(&form, verification, error);
    form_fini(&form);
    return result;
}

void websub_verification_fini(struct websub_verification *verification)
{
    free(verification->topic);
    free(verification->challenge);
    free(verification->reason);
}

bool websub_signature_verify(const char *header, const char *secret, const void *body,
                             size_t length)
{
    return header && signature_verify(header, secret, strlen(secret), body, length);
}
