#include "hub/auth/mosip.h"

#include <jansson.h>
#include <string.h>

#include "common/buffer.h"

/* --- the answer --- */

/** Whether the error tells of the service's own trouble; all others are about the token. */
static bool is_own_trouble(const json_t *error)
{
    static const char *const codes[] = {
        "KER-ATH-001", /* cannot read the answer of a service that it asks itself */
        "KER-ATH-002", /* cannot connect to such a service */
        "KER-ATH-500",
    };
    const char *code = json_string_value(json_object_get(error, "errorCode"));
    for (size_t i = 0; code && i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strcmp(code, codes[i]) == 0)
            return true;
    return false;
}

static struct provider_verdict judge_errors(const json_t *errors)
{
    for (size_t i = 0; i < json_array_size(errors); i++)
        if (is_own_trouble(json_array_get(errors, i)))
            return provider_fails("the auth service reports trouble of its own");
    return provider_refuses("the auth service finds the token not valid");
}

static struct provider_verdict judge_user(const struct config *config, const json_t *user)
{
    const char *name = json_string_value(json_object_get(user, "userId"));
    const char *roles = json_string_value(json_object_get(user, "role"));
    if (!name)
        return provider_fails("the answer of the auth service has no user");
    struct identity *identity = identity_new("mosip", name, config->auth.user_prefix);
    if (!identity)
        return provider_refuses("the token's user has a name that cannot be used");
    if (roles)
        identity_add_roles(identity, roles, ",");
    return (struct provider_verdict){
        .outcome = AUTH_GRANTED, .identity = identity, .expires_ms = INT64_MAX};
}

struct provider_verdict mosip_judge(const struct config *config,
                                    const struct http_fetch_result *result, int64_t now_ms)
{
    (void)now_ms;
    if (result->status == 401 || result->status == 403)
        return provider_refuses("the auth service finds the token not valid");
    if (result->status != 200)
        return provider_fails("the auth service answers with a status that it should not have");
    json_t *answer = json_loadb(result->body, result->length, JSON_REJECT_DUPLICATES, NULL);
    const json_t *errors = json_object_get(answer, "errors");
    struct provider_verdict verdict;
    if (errors && !json_is_null(errors) && !json_is_array(errors))
        verdict = provider_fails("the answer of the auth service has errors of an unknown form");
    else if (json_array_size(errors) > 0)
        verdict = judge_errors(errors);
    else
        verdict = judge_user(config, json_object_get(answer, "response"));
    json_decref(answer);
    return verdict;
}

/* --- the question --- */

static void ask(const struct config *config, const char *token, struct http_fetcher *fetcher,
                struct http_fetch_request *request)
{
    const char *base = config->auth.mosip_base_url;
    size_t length = strlen(base);
    struct buffer url = {0}, cookie = {0};
    while (length > 0 && base[length - 1] == '/')
        length--;
    buffer_append(&url, base, length);
    buffer_append_string(&url, config->auth.mosip_validate_path);
    buffer_append_format(&cookie, "Cookie: Authorization=%s", token);
    const char *const headers[] = {cookie.data, "Accept: application/json", NULL};
    request->url = url.data;
    request->headers = headers;
    http_fetch_start(fetcher, request);
    buffer_fini(&url);
    buffer_fini(&cookie);
}

struct auth_method *auth_mosip_new(const struct config *config, struct auth_cache *cache,
                                   struct error *error)
{
    static const struct provider_kind kind = {"mosip", ask, mosip_judge};
    (void)cache;
    return provider_method_new(&kind, config, error);
}
