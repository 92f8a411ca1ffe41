/* hub/auth/claims: which claims make a good token, and who it stands for. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "hub/auth/claims.h"

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

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *claims = json_loads(text, 0, &error);
    if (!claims)
        fail_msg("%s: %s", text, error.text);
    return claims;
}

/* --- good or not --- */

static const char expired[] = "the token has expired";
static const char early[] = "the token is not valid yet";
static const char issuer[] = "the token is not from the issuer that is trusted here";
static const char audience[] = "the token is for another audience";
static const char no_end[] = "the token's end (exp) is no time";
static const char no_begin[] = "the token's begin (nbf) is no time";

struct check_case {
    const char *claims;
    const char *reason; /* NULL: good */
};

static void run_checks(const struct check_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        json_t *claims = parse(cases[i].claims);
        const char *reason = claims_check(&config, claims, NOW_MS);
        if (!reason != !cases[i].reason || (reason && strcmp(reason, cases[i].reason) != 0))
            fail_msg("%s: %s", cases[i].claims, reason ? reason : "good");
        json_decref(claims);
    }
}

static void test_times(void **state)
{
    (void)state;
    config.auth.leeway = 30000;
    const struct check_case cases[] = {
        {"{}", NULL},
        {"{\"exp\": 1700000060}", NULL},
        {"{\"exp\": 1700000000}", NULL}, /* within the leeway */
        {"{\"exp\": 1699999971}", NULL},
        {"{\"exp\": 1699999970.001}", NULL},
        {"{\"exp\": 1699999970}", expired}, /* RFC 7519: must be before it */
        {"{\"exp\": 1699990000}", expired},
        {"{\"exp\": 0}", expired},
        {"{\"exp\": -1}", expired},
        {"{\"exp\": -1e300}", expired},
        {"{\"exp\": 9223372036854775807}", NULL},
        {"{\"exp\": 1e300}", NULL},
        {"{\"exp\": \"1700000060\"}", no_end},
        {"{\"exp\": null}", no_end},
        {"{\"exp\": true}", no_end},
        {"{\"exp\": [1700000060]}", no_end},
        {"{\"nbf\": 1700000030}", NULL},
        {"{\"nbf\": 1700000030.001}", early},
        {"{\"nbf\": 1700000031}", early},
        {"{\"nbf\": 9223372036854775807}", early},
        {"{\"nbf\": 1e300}", early},
        {"{\"nbf\": -1e300}", NULL},
        {"{\"nbf\": \"1\"}", no_begin},
        {"{\"nbf\": {}}", no_begin},
        {"{\"nbf\": 1699990000, \"exp\": 1700000060}", NULL},
        {"{\"iat\": 1800000000}", NULL}, /* no rule refuses it */
    };
    run_checks(cases, ARRAY_COUNT(cases));
}

static void test_without_leeway(void **state)
{
    (void)state;
    config.auth.leeway = 0;
    const struct check_case cases[] = {
        {"{\"exp\": 1700000001}", NULL},
        {"{\"exp\": 1700000000}", expired},
        {"{\"nbf\": 1700000000}", NULL},
        {"{\"nbf\": 1700000001}", early},
    };
    run_checks(cases, ARRAY_COUNT(cases));
}

static void test_issuer_and_audience_are_not_looked_at_unless_told(void **state)
{
    (void)state;
    const struct check_case cases[] = {
        {"{\"iss\": \"https://anyone.example\", \"aud\": \"anything\"}", NULL},
        {"{\"iss\": 1, \"aud\": {}}", NULL},
    };
    run_checks(cases, ARRAY_COUNT(cases));
}

static void test_issuer(void **state)
{
    (void)state;
    free(config.auth.issuer);
    config.auth.issuer = strdup("https://id.example");
    const struct check_case cases[] = {
        {"{\"iss\": \"https://id.example\"}", NULL},
        {"{\"iss\": \"https://id.example/\"}", issuer},
        {"{\"iss\": \"https://ID.example\"}", issuer},
        {"{\"iss\": \"https://id.exampl\"}", issuer},
        {"{\"iss\": \"\"}", issuer},
        {"{\"iss\": [\"https://id.example\"]}", issuer},
        {"{\"iss\": null}", issuer},
        {"{}", issuer},
    };
    run_checks(cases, ARRAY_COUNT(cases));
}

static void test_audience(void **state)
{
    (void)state;
    free(config.auth.audience);
    config.auth.audience = strdup("hub");
    const struct check_case cases[] = {
        {"{\"aud\": \"hub\"}", NULL},
        {"{\"aud\": [\"hub\"]}", NULL},
        {"{\"aud\": [\"other\", 1, null, \"hub\"]}", NULL},
        {"{\"aud\": \"other\"}", audience},
        {"{\"aud\": \"hub other\"}", audience},
        {"{\"aud\": [\"other\", \"hubs\"]}", audience},
        {"{\"aud\": [[\"hub\"]]}", audience},
        {"{\"aud\": []}", audience},
        {"{\"aud\": {\"hub\": \"hub\"}}", audience},
        {"{}", audience},
    };
    run_checks(cases, ARRAY_COUNT(cases));
}

static void test_expiry_for_the_cache(void **state)
{
    (void)state;
    const struct {
        const char *claims;
        int64_t expires_ms;
    } cases[] = {
        {"{}", INT64_MAX},
        {"{\"exp\": 1700000000}", NOW_MS},
        {"{\"exp\": 1700000000.5}", NOW_MS + 500},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        json_t *claims = parse(cases[i].claims);
        assert_int_equal(claims_expires_ms(claims), cases[i].expires_ms);
        json_decref(claims);
    }
    json_t *claims = parse("{\"exp\": 1e300}");
    assert_true(claims_expires_ms(claims) > NOW_MS * 1000);
    json_decref(claims);
}

/* --- who --- */

/** "name: role, role", or the reason. */
static const char *describe(const char *text, const char *const *fallbacks)
{
    static char line[512];
    const char *reason = NULL;
    json_t *claims = parse(text);
    struct identity *identity = claims_to_identity(&config, "jwt", claims, fallbacks, &reason);
    json_decref(claims);
    if (!identity) {
        assert_non_null(reason);
        return reason;
    }
    assert_string_equal(identity->method, "jwt");
    int length = snprintf(line, sizeof(line), "%s:", identity->name);
    for (size_t i = 0; i < identity->role_count; i++)
        length += snprintf(line + length, sizeof(line) - (size_t)length, "%s %s", i > 0 ? "," : "",
                           identity->roles[i]);
    identity_unref(identity);
    return line;
}

static const char nobody[] = "the token has no claim with the name of its user";
static const char unusable[] = "the token's user has a name that cannot be used";

static void test_name(void **state)
{
    (void)state;
    const struct {
        const char *claims, *expected;
    } cases[] = {
        {"{\"sub\": \"ann\"}", "ann:"},
        {"{\"sub\": \"service-account-ann\"}", "ann:"},
        {"{\"sub\": \"\\u00e9va\"}", "\xc3\xa9va:"},
        {"{\"sub\": \"\"}", unusable},
        {"{\"sub\": \"service-account-\"}", unusable},
        {"{\"sub\": \"a\\nb\"}", unusable},
        {"{\"sub\": 7}", nobody},
        {"{\"sub\": null, \"username\": \"bob\"}", nobody},
        {"{\"username\": \"bob\"}", nobody},
        {"{}", nobody},
        {"[]", nobody},
        {"[\"sub\"]", nobody},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_string_equal(describe(cases[i].claims, NULL), cases[i].expected);
}

static void test_fallbacks_come_in_their_order(void **state)
{
    (void)state;
    const char *const fallbacks[] = {"username", "client_id", NULL};
    const struct {
        const char *claims, *expected;
    } cases[] = {
        {"{\"client_id\": \"c\", \"username\": \"u\", \"sub\": \"s\"}", "s:"},
        {"{\"client_id\": \"c\", \"username\": \"u\"}", "u:"},
        {"{\"client_id\": \"c\"}", "c:"},
        {"{\"sub\": \"\", \"username\": \"u\"}", unusable},
        {"{}", nobody},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_string_equal(describe(cases[i].claims, fallbacks), cases[i].expected);
}

static void test_name_from_another_claim(void **state)
{
    (void)state;
    free(config.auth.user_claim);
    config.auth.user_claim = strdup("profile.name");
    assert_string_equal(describe("{\"sub\": \"s\", \"profile\": {\"name\": \"p\"}}", NULL), "p:");
    assert_string_equal(describe("{\"sub\": \"s\", \"profile\": \"name\"}", NULL), nobody);
    assert_string_equal(describe("{\"sub\": \"s\", \"profile\": [\"name\"]}", NULL), nobody);
}

static void test_roles(void **state)
{
    (void)state;
    const struct {
        const char *claims, *expected;
    } cases[] = {
        {"{\"sub\": \"a\", \"scope\": \"read  write \"}", "a: read, write"},
        {"{\"sub\": \"a\", \"scp\": [\"read\", \"write\"]}", "a: read, write"},
        {"{\"sub\": \"a\", \"roles\": [\"two words\", \"\", \" x \"]}", "a: two words, x"},
        {"{\"sub\": \"a\", \"realm_access\": {\"roles\": [\"r\"]}}", "a: r"},
        {"{\"sub\": \"a\", \"realm_access.roles\": [\"whole\"], \"realm_access\": {\"roles\": "
         "[\"r\"]}}",
         "a: whole"},
        {"{\"sub\": \"a\", \"realm_access\": \"roles\"}", "a:"},
        {"{\"sub\": \"a\", \"realm_access\": [{\"roles\": \"r\"}]}", "a:"},
        {"{\"sub\": \"a\", \"scope\": \"s\", \"scp\": \"t\", \"roles\": \"u v\", \"realm_access\": "
         "{\"roles\": \"w\"}}",
         "a: s, t, u, v, w"},
        {"{\"sub\": \"a\", \"roles\": [1, null, {\"roles\": \"x\"}, [\"y\"], true, \"z\"]}",
         "a: z"},
        {"{\"sub\": \"a\", \"roles\": {\"x\": \"y\"}, \"scope\": 5}", "a:"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_string_equal(describe(cases[i].claims, NULL), cases[i].expected);
}

static void test_roles_from_a_claim_with_points_in_its_name(void **state)
{
    (void)state;
    free(config.auth.role_claims.items[0]);
    config.auth.role_claims.items[0] = strdup("https://a.example/access.roles");
    assert_string_equal(
        describe("{\"sub\": \"a\", \"https://a.example/access.roles\": \"x\"}", NULL), "a: x");
    assert_string_equal(
        describe("{\"sub\": \"a\", \"https://a.example/access\": {\"roles\": \"x\"}}", NULL),
        "a: x");
    assert_string_equal(
        describe("{\"sub\": \"a\", \"https://a\": {\"example/access\": {\"roles\": \"x\"}}}", NULL),
        "a: x");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_times),
        TEST(test_without_leeway),
        TEST(test_issuer_and_audience_are_not_looked_at_unless_told),
        TEST(test_issuer),
        TEST(test_audience),
        TEST(test_expiry_for_the_cache),
        TEST(test_name),
        TEST(test_fallbacks_come_in_their_order),
        TEST(test_name_from_another_claim),
        TEST(test_roles),
        TEST(test_roles_from_a_claim_with_points_in_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
