/* hub/auth/jwt_token: what is a token of ours. */
#include "tests/unit/unit.h"

#include "common/panic.h"
#include "hub/auth/jwt_token.h"
#include "tests/unit/token_making.h"

static const char claims[] = "{\"sub\":\"ann\"}";

static struct choice_list all = {.count = JWK_ALGORITHM_COUNT};

/* One key for each algorithm, in the order of enum jwt_algorithm. */
static EVP_PKEY *keys[JWK_ALGORITHM_COUNT];
static EVP_PKEY *stranger;
static struct jwk_set *set; /* all of them: "key-0" … */

static const jwt_alg_t libjwt_algorithms[] = {JWT_ALG_RS256, JWT_ALG_RS384, JWT_ALG_RS512,
                                              JWT_ALG_ES256, JWT_ALG_ES384, JWT_ALG_ES512};
static const char *const kids[] = {"key-0", "key-1", "key-2", "key-3", "key-4", "key-5"};

static struct jwk_set *parse_set(json_t *list)
{
    struct error error;
    char *text = jwk_set_text(list);
    struct jwk_set *parsed = jwk_set_parse(text, strlen(text), &error);
    assert_non_null(parsed);
    free(text);
    return parsed;
}

static int set_up(void **state)
{
    (void)state;
    json_t *list = json_array();
    for (int i = 0; i < JWK_ALGORITHM_COUNT; i++) {
        all.items[i] = i;
        keys[i] = i < JWT_ES256    ? EVP_RSA_gen(2048)
                  : i == JWT_ES256 ? EVP_EC_gen("P-256")
                  : i == JWT_ES384 ? EVP_EC_gen("P-384")
                                   : EVP_EC_gen("P-521");
        json_array_append_new(list, key_jwk(keys[i], kids[i]));
    }
    stranger = EVP_EC_gen("P-256");
    set = parse_set(list);
    return set->count == JWK_ALGORITHM_COUNT ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    jwk_set_unref(set);
    EVP_PKEY_free(stranger);
    for (int i = 0; i < JWK_ALGORITHM_COUNT; i++)
        EVP_PKEY_free(keys[i]);
    return 0;
}

static char *sign(int algorithm, const char *kid)
{
    return token_sign(keys[algorithm], libjwt_algorithms[algorithm], kid, claims);
}

/** NULL when it could be read and was verified as `verdict`, else what happened. Frees `text`. */
static const char *judge_with(char *text, enum jwt_verdict verdict, struct jwk_set *const *sets,
                              size_t count)
{
    struct jwt_token token;
    const char *reason = jwt_token_read(&token, text, strlen(text), &all);
    if (!reason && jwt_token_verify(&token, sets, count) != verdict)
        reason = "another verdict";
    jwt_token_fini(&token);
    free(text);
    return reason;
}

static void check_verdict(char *text, enum jwt_verdict verdict)
{
    const char *reason = judge_with(text, verdict, &set, 1);
    if (reason)
        fail_msg("%s", reason);
}

/** What is read, and what for; `text` is freed. */
static void check_refused(const char *what, char *text, const char *reason)
{
    const char *found = judge_with(text, JWT_VERIFIED, &set, 1);
    if (!found || !strstr(found, reason))
        fail_msg("%s: %s", what, found ? found : "good");
}

/* --- good ones --- */

static void test_each_algorithm_with_its_key(void **state)
{
    (void)state;
    for (int i = 0; i < JWK_ALGORITHM_COUNT; i++) {
        struct jwt_token token;
        char *text = sign(i, kids[i]);
        assert_null(jwt_token_read(&token, text, strlen(text), &all));
        assert_int_equal(token.algorithm, i);
        assert_string_equal(token.kid, kids[i]);
        assert_string_equal(json_string_value(json_object_get(token.claims, "sub")), "ann");
        assert_int_equal(jwt_token_verify(&token, &set, 1), JWT_VERIFIED);
        assert_int_equal(jwt_token_verify(&token, NULL, 0), JWT_NO_KEY);
        jwt_token_fini(&token);
        free(text);
    }
}

static void test_a_token_without_kid_is_tried_with_all_that_fit(void **state)
{
    (void)state;
    for (int i = 0; i < JWK_ALGORITHM_COUNT; i++)
        check_verdict(sign(i, NULL), JWT_VERIFIED);
    check_verdict(token_sign(stranger, JWT_ALG_ES256, NULL, claims), JWT_WRONG);
}

static void test_a_key_without_kid_is_tried_with_any(void **state)
{
    (void)state;
    struct jwk_set *nameless = parse_set(json_pack("[o]", key_jwk(keys[JWT_ES256], NULL)));
    struct jwk_set *const sets[] = {set, NULL, nameless};
    assert_null(judge_with(sign(JWT_ES256, "other"), JWT_VERIFIED, sets, 3));
    assert_null(judge_with(sign(JWT_ES256, "other"), JWT_VERIFIED, &nameless, 1));
    assert_null(judge_with(sign(JWT_ES384, "other"), JWT_NO_KEY, sets, 3));
    assert_null(
        judge_with(token_sign(stranger, JWT_ALG_ES256, "other", claims), JWT_WRONG, sets, 3));
    jwk_set_unref(nameless);
}

static void test_many_keys_are_not_all_tried(void **state)
{
    (void)state;
    json_t *list = json_array();
    for (int i = 0; i < JWT_MAX_TRIES; i++)
        json_array_append_new(list, key_jwk(stranger, NULL));
    json_array_append_new(list, key_jwk(keys[JWT_ES256], "key-3"));
    struct jwk_set *many = parse_set(list);
    assert_null(judge_with(sign(JWT_ES256, NULL), JWT_WRONG, &many, 1));
    /* The one that it calls by name goes first. */
    assert_null(judge_with(sign(JWT_ES256, "key-3"), JWT_VERIFIED, &many, 1));
    jwk_set_unref(many);
}

/* --- keys --- */

static void test_only_keys_of_that_name_count(void **state)
{
    (void)state;
    check_verdict(sign(JWT_RS256, "unknown"), JWT_NO_KEY);
    check_verdict(sign(JWT_RS256, ""), JWT_NO_KEY);
    check_verdict(sign(JWT_RS256, kids[JWT_RS384]), JWT_WRONG);
    check_verdict(sign(JWT_RS256, kids[JWT_ES256]), JWT_UNFIT_KEY);
    check_verdict(sign(JWT_ES256, kids[JWT_ES384]), JWT_UNFIT_KEY);
    check_verdict(token_sign(stranger, JWT_ALG_ES256, kids[JWT_ES256], claims), JWT_WRONG);
}

static void test_a_curve_goes_with_its_algorithm_only(void **state)
{
    (void)state;
    /* libjwt signs and verifies ES256 with P-384. */
    char *text = token_sign(keys[JWT_ES384], JWT_ALG_ES256, kids[JWT_ES384], claims);
    char *pem = key_public_pem(keys[JWT_ES384]);
    jwt_t *jwt;
    assert_int_equal(jwt_decode(&jwt, text, (unsigned char *)pem, (int)strlen(pem)), 0);
    jwt_free(jwt);
    free(pem);
    check_verdict(text, JWT_UNFIT_KEY);
    check_verdict(token_sign(keys[JWT_ES384], JWT_ALG_ES256, NULL, claims), JWT_WRONG);
}

static void test_the_algorithm_of_a_key_binds(void **state)
{
    (void)state;
    json_t *jwk = key_jwk(keys[JWT_RS256], "key-0");
    json_object_set_new(jwk, "alg", json_string("RS512"));
    struct jwk_set *bound = parse_set(json_pack("[o]", jwk));
    assert_null(judge_with(sign(JWT_RS256, "key-0"), JWT_UNFIT_KEY, &bound, 1));
    assert_null(judge_with(token_sign(keys[JWT_RS256], JWT_ALG_RS512, "key-0", claims),
                           JWT_VERIFIED, &bound, 1));
    jwk_set_unref(bound);
}

/* --- algorithms --- */

static void test_a_public_key_is_no_secret(void **state)
{
    (void)state;
    static const jwt_alg_t hmacs[] = {JWT_ALG_HS256, JWT_ALG_HS384, JWT_ALG_HS512};
    char *pem = key_public_pem(keys[JWT_RS256]);
    for (size_t i = 0; i < ARRAY_COUNT(hmacs); i++) {
        jwt_t *jwt;
        assert_int_equal(jwt_new(&jwt), 0);
        jwt_add_header(jwt, "kid", "key-0");
        jwt_add_grants_json(jwt, claims);
        jwt_set_alg(jwt, hmacs[i], (unsigned char *)pem, (int)strlen(pem));
        char *text = jwt_encode_str(jwt);
        jwt_free(jwt);
        /* What libjwt alone would think of it. */
        assert_int_equal(jwt_decode(&jwt, text, (unsigned char *)pem, (int)strlen(pem)), 0);
        jwt_free(jwt);
        check_refused("HMAC", text, "algorithm is not allowed");
    }
    free(pem);
}

static void test_only_algorithms_that_are_allowed(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",   "{\"alg\":\"nOnE\"}",    "{\"alg\":\"rs256\"}",
        "{\"alg\":\"RS256 \"}", "{\"alg\":\"PS256\"}",   "{\"alg\":\"\"}",
        "{\"alg\":null}",       "{\"alg\":[\"RS256\"]}", "{}",
    };
    for (size_t i = 0; i < ARRAY_COUNT(headers); i++)
        check_refused(headers[i], token_forge(headers[i], claims, NULL),
                      "algorithm is not allowed");
    const struct choice_list one = {.items = {JWT_ES384}, .count = 1}, none = {.count = 0};
    struct jwt_token token;
    char *text = sign(JWT_RS256, NULL);
    assert_non_null(jwt_token_read(&token, text, strlen(text), &one));
    assert_non_null(jwt_token_read(&token, text, strlen(text), &none));
    free(text);
}

/* --- forms --- */

static void test_headers_that_cannot_be_taken(void **state)
{
    (void)state;
    static const struct {
        const char *header, *reason;
    } cases[] = {
        {"{\"alg\":\"RS256\",\"crit\":[\"exp\"]}", "(crit)"},
        {"{\"alg\":\"RS256\",\"crit\":null}", "(crit)"},
        {"{\"alg\":\"RS256\",\"typ\":\"at+jwt\"}", "(typ)"},
        {"{\"alg\":\"RS256\",\"kid\":5}", "(kid)"},
        {"{\"alg\":\"RS256\",\"kid\":null}", "(kid)"},
        {"{\"alg\":\"RS256\",\"alg\":\"RS256\"}", "no signed JWT"},
        {"{\"alg\":\"RS256\",\"kid\":\"a\\u0000b\"}", "no signed JWT"},
        {"[]", "no signed JWT"},
        {"\"RS256\"", "no signed JWT"},
        {"{", "no signed JWT"},
        {"{\"alg\":\"RS256\"} {}", "no signed JWT"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        check_refused(cases[i].header, token_forge(cases[i].header, claims, NULL), cases[i].reason);
}

static void test_claims_that_are_no_object(void **state)
{
    (void)state;
    static const char *const bad[] = {"[]", "5", "null", "{", "{}{}", "{\"a\":1,\"a\":2}"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        check_refused(bad[i], token_forge("{\"alg\":\"RS256\"}", bad[i], NULL), "no JSON object");
}

static void test_what_libjwt_passes_over_is_refused(void **state)
{
    (void)state;
    static const char *const suffixes[] = {".", ".AAAA", "~", "=", "==", " ", "\n", "AAA", ".A.A"};
    char *good = sign(JWT_RS256, kids[JWT_RS256]);
    for (size_t i = 0; i < ARRAY_COUNT(suffixes); i++)
        check_refused(suffixes[i], xasprintf("%s%s", good, suffixes[i]), "no signed JWT");
    for (size_t i = 0; i < strlen(good); i += 7) {
        char *text = xasprintf("%.*s~%s", (int)i, good, good + i);
        check_refused("a foreign character", text, "the token");
    }
    free(good);
}

static void test_every_changed_character_is_noticed(void **state)
{
    (void)state;
    char *good = sign(JWT_ES256, kids[JWT_ES256]);
    for (size_t i = 0; i < strlen(good); i++) {
        char *text = xstrdup(good);
        text[i] = text[i] == 'A' ? 'B' : 'A';
        if (!judge_with(text, JWT_VERIFIED, &set, 1))
            fail_msg("good with another character at %zu", i);
    }
    for (size_t length = 0; length < strlen(good); length++)
        if (!judge_with(xstrndup(good, length), JWT_VERIFIED, &set, 1))
            fail_msg("good though cut at %zu", length);
    free(good);
}

static void test_only_its_length_is_read(void **state)
{
    (void)state;
    struct jwt_token token;
    char *good = sign(JWT_ES256, kids[JWT_ES256]);
    char *longer = xasprintf("%s; other=1", good);
    assert_null(jwt_token_read(&token, longer, strlen(good), &all));
    assert_string_equal(token.text, good);
    assert_int_equal(jwt_token_verify(&token, &set, 1), JWT_VERIFIED);
    jwt_token_fini(&token);
    free(longer);
    free(good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_algorithm_with_its_key),
        cmocka_unit_test(test_a_token_without_kid_is_tried_with_all_that_fit),
        cmocka_unit_test(test_a_key_without_kid_is_tried_with_any),
        cmocka_unit_test(test_many_keys_are_not_all_tried),
        cmocka_unit_test(test_only_keys_of_that_name_count),
        cmocka_unit_test(test_a_curve_goes_with_its_algorithm_only),
        cmocka_unit_test(test_the_algorithm_of_a_key_binds),
        cmocka_unit_test(test_a_public_key_is_no_secret),
        cmocka_unit_test(test_only_algorithms_that_are_allowed),
        cmocka_unit_test(test_headers_that_cannot_be_taken),
        cmocka_unit_test(test_claims_that_are_no_object),
        cmocka_unit_test(test_what_libjwt_passes_over_is_refused),
        cmocka_unit_test(test_every_changed_character_is_noticed),
        cmocka_unit_test(test_only_its_length_is_read),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
