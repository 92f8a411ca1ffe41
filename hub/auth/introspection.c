#include "hub/auth/introspection.h"

#include <openssl/crypto.h>
#include <string.h>

#include "common/form.h"
#include "hub/auth/claims.h"

/* --- the answer --- */

static struct provider_verdict judge_claims(const struct config *config, const json_t *claims,
                                            int64_t now_ms)
{
    /* RFC 7662, section 2.2, has names for those who have no "sub". */
    static const char *const names[] = {"username", "client_id", NULL};
    const json_t *active = json_object_get(claims, "active");
    if (!json_is_boolean(active))
        return provider_fails("the answer does not say whether the token is active");
    if (!json_is_true(active))
        return provider_refuses("the token is not active: expired, revoked or unknown");
    const char *reason = claims_check(config, claims, now_ms);
    struct identity *identity =
        reason ? NULL : claims_to_identity(config, "introspection", claims, names, &reason);
    if (!identity)
        return provider_refuses(reason);
    return (struct provider_verdict){
        .outcome = AUTH_GRANTED,
        .identity = identity,
        .expires_ms = claims_expires_ms(claims),
    };
}

struct provider_verdict introspection_judge(const struct config *config,
                                            const struct http_fetch_result *result, int64_t now_ms)
{
    if (result->status == 401 || result->status == 403)
        return provider_fails("the provider refuses us: auth.introspection_client_id, "
                              "auth.introspection_client_secret");
    if (result->status != 200)
        return provider_fails("the provider answers with another status than 200");
    json_t *claims = json_loadb(result->body, result->length, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(claims)) {
        json_decref(claims);
        return provider_fails("the provider's answer is no JSON object");
    }
    struct provider_verdict verdict = judge_claims(config, claims, now_ms);
    json_decref(claims);
    return verdict;
}

/* --- the question --- */

static void wipe(struct buffer *buffer)
{
    if (buffer->data)
        OPENSSL_cleanse(buffer->data, buffer->length);
    buffer_fini(buffer);
}

static void ask(const struct config *config, const char *token, struct http_fetcher *fetcher,
                struct http_fetch_request *request)
{
    static const char *const headers[] = {
        "Content-Type: application/x-www-form-urlencoded",
        "Accept: application/json",
        NULL,
    };
    const char *id = config->auth.introspection_client_id;
    const char *secret = config->auth.introspection_client_secret;
    struct buffer user = {0}, password = {0}, body = {0};
    form_append(&body, "token", token);
    form_append(&body, "token_type_hint", "access_token");
    request->url = config->auth.introspection_url;
    request->headers = headers;
    request->body = body.data;
    request->length = body.length;
    if (id[0]) {
        /* RFC 6749, section 2.3.1: form-encoded before they are joined by ':'. */
        form_encode(&user, id, strlen(id));
        form_encode(&password, secret, strlen(secret));
        request->user = user.data;
        request->password = password.data ? password.data : "";
    }
    http_fetch_start(fetcher, request);
    wipe(&user);
    wipe(&password);
    wipe(&body);
}

struct auth_method *auth_introspection_new(const struct config *config, struct auth_cache *cache,
                                           struct error *error)
{
    static const struct provider_kind kind = {"introspection", ask, introspection_judge};
    (void)cache;
    return provider_method_new(&kind, config, error);
}
