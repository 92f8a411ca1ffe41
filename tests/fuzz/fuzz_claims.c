/* Answers of the services that the hub asks: whoever is let in has a usable name and roles, and was
 * said to be good; a reason can be passed on. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/panic.h"
#include "common/utf8.h"
#include "hub/auth/introspection.h"
#include "hub/auth/mosip.h"
#include "hub/policy_message.h"
#include "tests/fuzz/fuzz.h"

/* 2023-11-14T22:13:20Z */
#define NOW_MS INT64_C(1700000000000)

static void check_text(const char *text)
{
    size_t length = strlen(text);
    ENSURE(length > 0 && utf8_valid(text, length) && !utf8_has_control(text, length));
}

static void check_verdict(const struct config *config, const struct provider_verdict *verdict)
{
    const struct identity *identity = verdict->identity;
    ENSURE((verdict->outcome == AUTH_GRANTED) == (identity != NULL));
    if (!identity) {
        check_text(verdict->reason);
        return;
    }
    check_text(identity->name);
    ENSURE(verdict->expires_ms > NOW_MS - config->auth.leeway);
    for (size_t i = 0; i < identity->role_count; i++)
        ENSURE(identity->roles[i][0] && utf8_valid(identity->roles[i], strlen(identity->roles[i])));
}

/** A grant says so in the answer itself, in the one way that counts. */
static void try_introspection(const struct config *config, const struct http_fetch_result *result)
{
    struct provider_verdict verdict = introspection_judge(config, result, NOW_MS);
    check_verdict(config, &verdict);
    if (verdict.identity) {
        json_t *claims = json_loadb(result->body, result->length, 0, NULL);
        ENSURE(json_is_true(json_object_get(claims, "active")));
        json_decref(claims);
    }
    identity_unref(verdict.identity);
}

static void try_mosip(const struct config *config, const struct http_fetch_result *result)
{
    struct provider_verdict verdict = mosip_judge(config, result, NOW_MS);
    check_verdict(config, &verdict);
    identity_unref(verdict.identity);
}

static void try_policy(const struct http_fetch_result *result)
{
    struct policy_question question;
    const char *problem = NULL;
    memset(&question, 'x', sizeof(question));
    enum policy_answer answer = policy_read_answer(result, &question, &problem);
    ENSURE((answer == POLICY_FAILS) == (problem != NULL));
    if (answer != POLICY_ALLOWS)
        check_text(question.reason);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config config, strict;
    struct error error;
    if (!config.auth.issuer) {
        ENSURE(config_load(&config, NULL, &error) == 0);
        strict = config;
        strict.auth.issuer = xstrdup("https://id.example");
        strict.auth.audience = xstrdup("hub");
        strict.auth.user_claim = xstrdup("profile.name");
    }
    char *body = xmalloc(size + 1);
    memcpy(body, data, size);
    body[size] = '\0'; /* as of a fetcher */
    const struct http_fetch_result result = {.status = 200, .body = body, .length = size};
    try_introspection(&config, &result);
    try_introspection(&strict, &result);
    try_mosip(&config, &result);
    try_policy(&result);
    free(body);
    return 0;
}
