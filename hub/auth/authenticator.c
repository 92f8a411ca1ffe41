#include "hub/auth/authenticator.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/panic.h"

typedef struct auth_method *(*auth_method_new_fn)(const struct config *config,
                                                  struct auth_cache *cache, struct error *error);

static const auth_method_new_fn makers[] = {
    [AUTH_JWT] = auth_jwt_new,
    [AUTH_INTROSPECTION] = auth_introspection_new,
    [AUTH_MOSIP] = auth_mosip_new,
    [AUTH_BASIC] = auth_basic_new,
    [AUTH_CERTIFICATE] = auth_certificate_new,
};
enum { MAX_METHODS = sizeof(makers) / sizeof(makers[0]) };

struct authenticator {
    struct authenticator_metrics metrics;
    struct auth_cache *cache;
    struct auth_method *methods[MAX_METHODS];
    size_t count;
    unsigned kinds; /* of all methods */
};

struct authenticator *authenticator_new(const struct config *config,
                                        const struct authenticator_metrics *metrics,
                                        struct error *error)
{
    struct authenticator *authenticator = xcalloc(1, sizeof(*authenticator));
    authenticator->metrics = *metrics;
    authenticator->cache = auth_cache_new(config->auth.cache_time);
    for (size_t i = 0; i < config->auth.mode.count; i++) {
        struct auth_method *method =
            makers[config->auth.mode.items[i]](config, authenticator->cache, error);
        if (!method) {
            authenticator_free(authenticator);
            return NULL;
        }
        authenticator->methods[authenticator->count++] = method;
        authenticator->kinds |= method->kinds;
    }
    return authenticator;
}

void authenticator_free(struct authenticator *authenticator)
{
    if (!authenticator)
        return;
    for (size_t i = 0; i < authenticator->count; i++)
        authenticator->methods[i]->free(authenticator->methods[i]);
    auth_cache_free(authenticator->cache);
    free(authenticator);
}

void auth_check_set_reason(struct auth_check *check, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(check->reason, sizeof(check->reason), format, arguments);
    va_end(arguments);
}

/** Tokens and passwords. Whom a certificate stands for must never be remembered for the token that
 * came with it. */
static bool is_cacheable(unsigned kinds)
{
    return kinds & (CREDENTIALS_TOKEN | CREDENTIALS_PASSWORD);
}

static void grant(struct authentication *authentication, struct identity *identity,
                  struct counter *how)
{
    authentication->identity = identity;
    counter_add(how, 1);
    authentication->done(authentication, AUTH_GRANTED);
}

static void conclude(struct authentication *authentication)
{
    const struct authenticator_metrics *metrics = &authentication->authenticator->metrics;
    bool unavailable = authentication->unavailable;
    counter_add(unavailable ? metrics->unavailable : metrics->refused, 1);
    authentication->done(authentication, unavailable ? AUTH_UNAVAILABLE : AUTH_REFUSED);
}

static void ask_next(struct authentication *authentication);

/* @locality any thread */
static void on_checked(struct auth_check *check, enum auth_outcome outcome)
{
    struct authentication *authentication = CONTAINER_OF(check, struct authentication, check);
    struct authenticator *authenticator = authentication->authenticator;
    if (outcome == AUTH_GRANTED) {
        if (is_cacheable(authenticator->methods[authentication->next - 1]->kinds))
            auth_cache_put(authenticator->cache, authentication->key, check->identity,
                           check->expires_ms, clock_wall_ms(), authentication->generation);
        grant(authentication, check->identity, authenticator->metrics.granted);
        return;
    }
    /* Of several, the reason of the one that cannot tell is what the client can do nothing about.
     */
    if (outcome == AUTH_UNAVAILABLE || !authentication->unavailable)
        memcpy(authentication->reason, check->reason, sizeof(authentication->reason));
    authentication->unavailable |= outcome == AUTH_UNAVAILABLE;
    ask_next(authentication);
}

static void ask_next(struct authentication *authentication)
{
    struct authenticator *authenticator = authentication->authenticator;
    while (authentication->next < authenticator->count) {
        struct auth_method *method = authenticator->methods[authentication->next++];
        if (!(method->kinds & authentication->credentials.kinds))
            continue;
        authentication->check = (struct auth_check){
            .credentials = &authentication->credentials,
            .done = on_checked,
        };
        method->check(method, &authentication->check);
        return;
    }
    conclude(authentication);
}

void authenticator_start(struct authenticator *authenticator, struct authentication *authentication)
{
    authentication->authenticator = authenticator;
    authentication->next = 0;
    authentication->unavailable = false;
    authentication->identity = NULL;
    authentication->reason[0] = '\0';
    if (!(authentication->credentials.kinds & authenticator->kinds)) {
        counter_add(authenticator->metrics.refused, 1);
        snprintf(authentication->reason, sizeof(authentication->reason),
                 "authentication is required");
        authentication->done(authentication, AUTH_MISSING);
        return;
    }
    struct identity *known = NULL;
    if (is_cacheable(authentication->credentials.kinds)) {
        auth_cache_key(&authentication->credentials, authentication->key);
        authentication->generation = auth_cache_generation(authenticator->cache);
        known = auth_cache_get(authenticator->cache, authentication->key, clock_wall_ms());
    }
    if (known)
        grant(authentication, known, authenticator->metrics.cached);
    else
        ask_next(authentication);
}

/** RFC 6750 allows printable ASCII without quotes and backslashes in the description. */
static void add_bearer(const char *reason, void (*add)(void *context, const char *value),
                       void *context)
{
    char value[256];
    int length = snprintf(value, sizeof(value), "Bearer realm=\"websub\"");
    if (reason) {
        length += snprintf(value + length, sizeof(value) - (size_t)length,
                           ", error=\"invalid_token\", error_description=\"");
        for (; *reason && length < (int)sizeof(value) - 2; reason++) {
            bool plain = *reason >= ' ' && *reason <= '~' && *reason != '"' && *reason != '\\';
            value[length++] = plain ? *reason : '\'';
        }
        value[length++] = '"';
        value[length] = '\0';
    }
    add(context, value);
}

void authenticator_challenge(const struct authenticator *authenticator, const char *reason,
                             void (*add)(void *context, const char *value), void *context)
{
    if (authenticator->kinds & CREDENTIALS_TOKEN)
        add_bearer(reason, add, context);
    if (authenticator->kinds & CREDENTIALS_PASSWORD)
        add(context, "Basic realm=\"websub\", charset=\"UTF-8\"");
    /* No scheme of HTTP, but a 401 has to name something (RFC 9110, section 11.6.1). */
    if (authenticator->kinds == CREDENTIALS_CERTIFICATE)
        add(context, "Certificate realm=\"websub\"");
}
