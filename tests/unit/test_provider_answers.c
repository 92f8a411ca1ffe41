/* hub/auth/introspection and hub/auth/mosip: what the answers of providers mean. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/auth/introspection.h"
#include "hub/auth/mosip.h"

/* 2023-11-14T22:13:20Z */
#define NOW_S  1700000000
#define NOW_MS (INT64_C(1000) * NOW_S)

static struct config config;

static int set_up(void **state)
{
    (void)state;
    struct error error;
    return config_load(&config, NULL, &error);
}

static int tear_down(void **state)
{
    (void)state;
    config_fini(&config);
    return 0;
}

typedef struct provider_verdict (*judge_fn)(const struct config *config,
                                            const struct http_fetch_result *result, int64_t now_ms);

/** "granted USER: ROLE, ROLE", "refused: REASON" or "unavailable: REASON". */
static const char *describe(judge_fn judge, long status, const char *body)
{
    static char line[512];
    const struct http_fetch_result result = {
        .status = status, .body = body, .length = strlen(body)};
    struct provider_verdict verdict = judge(&config, &result, NOW_MS);
    if (verdict.outcome != AUTH_GRANTED) {
        assert_null(verdict.identity);
        snprintf(line, sizeof(line), "%s: %s",
                 verdict.outcome == AUTH_REFUSED ? "refused" : "unavailable", verdict.reason);
        return line;
    }
    int length = snprintf(line, sizeof(line), "granted %s:", verdict.identity->name);
    for (size_t i = 0; i < verdict.identity->role_count; i++)
        length += snprintf(line + length, sizeof(line) - (size_t)length, "%s %s", i > 0 ? "," : "",
                           verdict.identity->roles[i]);
    identity_unref(verdict.identity);
    return line;
}

struct answer_case {
    long status;
    const char *body;
    const char *expected; /* how the description begins */
};

static void run(judge_fn judge, const struct answer_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *found = describe(judge, cases[i].status, cases[i].body);
        if (strncmp(found, cases[i].expected, strlen(cases[i].expected)) != 0)
            fail_msg("%s: \"%s\", expected \"%s\"", cases[i].body, found, cases[i].expected);
    }
}

static void test_introspection(void **state)
{
    (void)state;
    const struct answer_case cases[] = {
        {200, "{\"active\": true, \"sub\": \"ann\", \"scope\": \"read write\"}",
         "granted ann: read, write"},
        {200, "{\"active\": true, \"sub\": \"service-account-ann\"}", "granted ann:"},
        {200, "{\"active\": true, \"username\": \"bob\", \"client_id\": \"c\"}", "granted bob:"},
        {200, "{\"active\": true, \"client_id\": \"c\"}", "granted c:"},
        {200, "{\"active\": true}", "refused: the token has no claim with the name"},
        {200, "{\"active\": true, \"sub\": \"a\\u0007\"}", "refused: the token's user has a name"},
        {200, "{\"active\": true, \"sub\": \"ann\", \"exp\": 1600000000}",
         "refused: the token has expired"},
        {200, "{\"active\": true, \"sub\": \"ann\", \"nbf\": 1800000000}",
         "refused: the token is not valid yet"},
        {200, "{\"active\": false}", "refused: the token is not active"},
        {200, "{\"active\": false, \"sub\": \"ann\"}", "refused: the token is not active"},
        /* what only looks like a yes */
        {200, "{\"active\": \"true\", \"sub\": \"ann\"}", "unavailable: the answer does not say"},
        {200, "{\"active\": 1, \"sub\": \"ann\"}", "unavailable: the answer does not say"},
        {200, "{\"active\": null, \"sub\": \"ann\"}", "unavailable: the answer does not say"},
        {200, "{\"active\": [true], \"sub\": \"ann\"}", "unavailable: the answer does not say"},
        {200, "{\"sub\": \"ann\"}", "unavailable: the answer does not say"},
        {200, "{\"active\": false, \"active\": true, \"sub\": \"ann\"}",
         "unavailable: the provider's"},
        {200, "{\"active\": true, \"sub\": \"ann\"} {}",
         "unavailable: the provider's answer is no JSON"},
        {200, "[{\"active\": true, \"sub\": \"ann\"}]",
         "unavailable: the provider's answer is no JSON"},
        {200, "true", "unavailable: the provider's answer is no JSON"},
        {200, "", "unavailable: the provider's answer is no JSON"},
        {200, "<html>", "unavailable: the provider's answer is no JSON"},
        /* other statuses, whatever they say */
        {401, "{\"active\": true, \"sub\": \"ann\"}", "unavailable: the provider refuses us"},
        {403, "{\"active\": true, \"sub\": \"ann\"}", "unavailable: the provider refuses us"},
        {201, "{\"active\": true, \"sub\": \"ann\"}", "unavailable: the provider answers with"},
        {302, "{\"active\": true, \"sub\": \"ann\"}", "unavailable: the provider answers with"},
        {400, "{\"active\": false}", "unavailable: the provider answers with"},
        {404, "{\"active\": false}", "unavailable: the provider answers with"},
        {500, "{\"active\": false}", "unavailable: the provider answers with"},
    };
    run(introspection_judge, cases, ARRAY_COUNT(cases));
}

static void test_introspection_obeys_issuer_and_audience(void **state)
{
    (void)state;
    free(config.auth.issuer);
    free(config.auth.audience);
    config.auth.issuer = strdup("https://id.example");
    config.auth.audience = strdup("hub");
    const struct answer_case cases[] = {
        {200,
         "{\"active\": true, \"sub\": \"ann\", \"iss\": \"https://id.example\", \"aud\": \"hub\"}",
         "granted ann:"},
        {200,
         "{\"active\": true, \"sub\": \"ann\", \"iss\": \"https://other.example\", \"aud\": "
         "\"hub\"}",
         "refused: the token is not from the issuer"},
        {200,
         "{\"active\": true, \"sub\": \"ann\", \"iss\": \"https://id.example\", \"aud\": "
         "\"other\"}",
         "refused: the token is for another audience"},
        {200, "{\"active\": true, \"sub\": \"ann\"}", "refused: the token is not from the issuer"},
    };
    run(introspection_judge, cases, ARRAY_COUNT(cases));
}

static void test_introspection_tells_the_end(void **state)
{
    (void)state;
    const char body[] = "{\"active\": true, \"sub\": \"ann\", \"exp\": 1700000060}";
    const struct http_fetch_result result = {.status = 200, .body = body, .length = strlen(body)};
    struct provider_verdict verdict = introspection_judge(&config, &result, NOW_MS);
    assert_int_equal(verdict.outcome, AUTH_GRANTED);
    assert_int_equal(verdict.expires_ms, NOW_MS + 60000);
    assert_string_equal(verdict.identity->method, "introspection");
    identity_unref(verdict.identity);
}

#define REFUSED(code)                                                                              \
    "{\"id\": null, \"version\": null, \"responsetime\": \"2023-11-14T22:13:20.000Z\", "           \
    "\"metadata\": null, \"response\": null, \"errors\": [{\"errorCode\": \"" code                 \
    "\", \"message\": \"Invalid Token\"}]}"

static void test_mosip(void **state)
{
    (void)state;
    const char user[] =
        "{\"id\": null, \"version\": null, \"responsetime\": null, \"metadata\": null, "
        "\"response\": {\"userId\": \"service-account-partner\", \"mobile\": null, \"mail\": null, "
        "\"langCode\": null, \"userPassword\": null, \"name\": null, "
        "\"role\": \"default-roles,PUBLISH_X_GENERAL,SUBSCRIBE_X_INDIVIDUAL\", "
        "\"token\": \"planted\", \"rId\": null}, \"errors\": null}";
    const struct answer_case cases[] = {
        {200, user, "granted partner: default-roles, PUBLISH_X_GENERAL, SUBSCRIBE_X_INDIVIDUAL"},
        {200, "{\"response\": {\"userId\": \"p\", \"role\": \"A\"}, \"errors\": []}",
         "granted p: A"},
        {200, "{\"response\": {\"userId\": \"p\", \"role\": \"A, ,B,\"}}", "granted p: A, B"},
        {200, "{\"response\": {\"userId\": \"p\", \"role\": null}, \"errors\": null}",
         "granted p:"},
        {200, "{\"response\": {\"userId\": \"p\"}, \"errors\": null}", "granted p:"},
        {200, "{\"response\": {\"userId\": \"\"}, \"errors\": null}", "refused: the token's user"},
        {200, REFUSED("KER-ATH-401"), "refused: the auth service finds"},
        {200, REFUSED("KER-ATH-402"), "refused: the auth service finds"},
        {200, REFUSED("KER-ATH-403"), "refused: the auth service finds"},
        {401, REFUSED("KER-ATH-401"), "refused: the auth service finds"},
        {403, REFUSED("KER-ATH-403"), "refused: the auth service finds"},
        {401, "", "refused: the auth service finds"},
        /* an error beside a user is an error */
        {200, "{\"response\": {\"userId\": \"p\"}, \"errors\": [{\"errorCode\": \"KER-ATH-401\"}]}",
         "refused: the auth service finds"},
        {200, "{\"response\": {\"userId\": \"p\"}, \"errors\": [null]}",
         "refused: the auth service"},
        {200, "{\"response\": {\"userId\": \"p\"}, \"errors\": {\"errorCode\": \"KER-ATH-401\"}}",
         "unavailable: the answer of the auth service has errors"},
        {200, "{\"response\": {\"userId\": \"p\"}, \"errors\": false}",
         "unavailable: the answer of the auth service has errors"},
        {200, REFUSED("KER-ATH-001"), "unavailable: the auth service reports"},
        {200, REFUSED("KER-ATH-002"), "unavailable: the auth service reports"},
        {200, REFUSED("KER-ATH-500"), "unavailable: the auth service reports"},
        {500, user, "unavailable: the auth service answers with"},
        {302, user, "unavailable: the auth service answers with"},
        {404, user, "unavailable: the auth service answers with"},
        {200, "{\"response\": {\"userId\": 5}, \"errors\": null}", "unavailable: the answer"},
        {200, "{\"response\": null, \"errors\": null}", "unavailable: the answer"},
        {200, "{\"response\": \"ok\"}", "unavailable: the answer"},
        {200, "{}", "unavailable: the answer"},
        {200, "[]", "unavailable: the answer"},
        {200, "", "unavailable: the answer"},
        {200, "<html>", "unavailable: the answer"},
    };
    run(mosip_judge, cases, ARRAY_COUNT(cases));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_introspection),
        TEST(test_introspection_obeys_issuer_and_audience),
        TEST(test_introspection_tells_the_end),
        TEST(test_mosip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
