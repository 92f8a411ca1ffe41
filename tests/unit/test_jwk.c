/* hub/auth/jwk, jwk_key, base64url: which published keys are taken, and for what. */
#include "tests/unit/unit.h"

#include <openssl/rsa.h>

#include "hub/auth/base64url.h"
#include "hub/auth/jwk.h"
#include "tests/unit/token_making.h"

#define RSA_ALL (1U << JWT_RS256 | 1U << JWT_RS384 | 1U << JWT_RS512)

static EVP_PKEY *rsa, *p256, *p384, *p521;

static int set_up(void **state)
{
    (void)state;
    rsa = EVP_RSA_gen(2048);
    p256 = EVP_EC_gen("P-256");
    p384 = EVP_EC_gen("P-384");
    p521 = EVP_EC_gen("P-521");
    return rsa && p256 && p384 && p521 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(p256);
    EVP_PKEY_free(p384);
    EVP_PKEY_free(p521);
    return 0;
}

/* --- base64url --- */

static void test_base64url_takes_one_text_for_each_sequence_of_bytes(void **state)
{
    (void)state;
    for (size_t length = 1; length < 40; length++) {
        unsigned char bytes[40];
        for (size_t i = 0; i < length; i++)
            bytes[i] = (unsigned char)(255 - i * 37 * length);
        char *text = base64url_encode(bytes, length);
        size_t decoded = 0;
        unsigned char *again = base64url_decode(text, strlen(text), &decoded);
        assert_non_null(again);
        assert_int_equal(decoded, length);
        assert_memory_equal(again, bytes, length);
        free(again);
        free(text);
    }
}

static void test_base64url_refuses_what_others_pass_over(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",     "A",    "AAAAA", "AA==",         "AAA=", "A A", "AA\n",   " AAAA", "AAAA ",
        "+AAA", "/AAA", "AA.A",  "AAAA\xc3\xa4", "AB",   "AAB", "AAAAAB", "====",
    };
    size_t decoded;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        if (base64url_decode(bad[i], strlen(bad[i]), &decoded))
            fail_msg("taken: \"%s\"", bad[i]);
    assert_null(base64url_decode("AA\0A", 4, &decoded));
}

/* --- JWK sets --- */

/** The set of one key, which is consumed. */
static struct jwk_set *set_of(json_t *jwk)
{
    struct error error;
    char *text = jwk_set_text(json_pack("[o]", jwk));
    struct jwk_set *set = jwk_set_parse(text, strlen(text), &error);
    assert_non_null(set);
    assert_int_equal(set->count + set->passed_over, 1);
    free(text);
    return set;
}

static void check_taken(json_t *jwk, EVP_PKEY *key, unsigned algorithms)
{
    struct jwk_set *set = set_of(jwk);
    char *pem = key_public_pem(key);
    assert_int_equal(set->count, 1);
    assert_string_equal(set->keys[0].kid, "k");
    assert_string_equal(set->keys[0].pem, pem);
    assert_int_equal(set->keys[0].algorithms, algorithms);
    free(pem);
    jwk_set_unref(set);
}

static void check_passed_over(const char *what, json_t *jwk)
{
    struct jwk_set *set = set_of(jwk);
    if (set->count != 0)
        fail_msg("taken: %s", what);
    jwk_set_unref(set);
}

static json_t *with(EVP_PKEY *key, const char *name, json_t *value)
{
    json_t *jwk = key_jwk(key, "k");
    json_object_set_new(jwk, name, value);
    return jwk;
}

static json_t *without(EVP_PKEY *key, const char *name)
{
    json_t *jwk = key_jwk(key, "k");
    assert_int_equal(json_object_del(jwk, name), 0);
    return jwk;
}

static void test_keys_are_for_the_algorithms_of_their_type_and_curve(void **state)
{
    (void)state;
    check_taken(key_jwk(rsa, "k"), rsa, RSA_ALL);
    check_taken(key_jwk(p256, "k"), p256, 1U << JWT_ES256);
    check_taken(key_jwk(p384, "k"), p384, 1U << JWT_ES384);
    check_taken(key_jwk(p521, "k"), p521, 1U << JWT_ES512);
}

static void test_use_operations_and_algorithm_restrict_a_key(void **state)
{
    (void)state;
    check_taken(with(rsa, "use", json_string("sig")), rsa, RSA_ALL);
    check_taken(with(rsa, "alg", json_string("RS384")), rsa, 1U << JWT_RS384);
    check_taken(with(rsa, "key_ops", json_pack("[s, s]", "encrypt", "verify")), rsa, RSA_ALL);
    check_passed_over("for encryption", with(rsa, "use", json_string("enc")));
    check_passed_over("for what is no text", with(rsa, "use", json_integer(1)));
    check_passed_over("to sign", with(rsa, "key_ops", json_pack("[s]", "sign")));
    check_passed_over("for nothing", with(rsa, "key_ops", json_array()));
    check_passed_over("for PS256", with(rsa, "alg", json_string("PS256")));
    check_passed_over("for HS256", with(rsa, "alg", json_string("HS256")));
    check_passed_over("for none", with(rsa, "alg", json_string("none")));
    check_passed_over("for rs256", with(rsa, "alg", json_string("rs256")));
    check_passed_over("for an alg that is no text", with(rsa, "alg", json_null()));
    check_passed_over("RSA for ES256", with(rsa, "alg", json_string("ES256")));
    check_passed_over("P-256 for ES384", with(p256, "alg", json_string("ES384")));
}

static char *some_bytes(size_t length, unsigned char value)
{
    unsigned char bytes[2100];
    memset(bytes, value, length);
    return base64url_encode(bytes, length);
}

static json_t *bytes_json(size_t length, unsigned char value)
{
    char *text = some_bytes(length, value);
    json_t *json = json_string(text);
    free(text);
    return json;
}

static void test_broken_rsa_keys_are_passed_over(void **state)
{
    (void)state;
    EVP_PKEY *small = EVP_RSA_gen(1024);
    check_passed_over("1024 bits", key_jwk(small, "k"));
    EVP_PKEY_free(small);
    check_passed_over("no n", without(rsa, "n"));
    check_passed_over("no e", without(rsa, "e"));
    check_passed_over("e = 1", with(rsa, "e", json_string("AQ")));
    check_passed_over("e = 0", with(rsa, "e", json_string("AA")));
    check_passed_over("an even e", with(rsa, "e", json_string("AQAA")));
    check_passed_over("a huge e", with(rsa, "e", bytes_json(256, 255)));
    check_passed_over("n in base64", with(rsa, "n", json_string("++++")));
    check_passed_over("n is no text", with(rsa, "n", json_integer(5)));
    check_passed_over("an even n", with(rsa, "n", bytes_json(256, 254)));
    check_passed_over("a huge n", with(rsa, "n", bytes_json(2048, 255)));
    check_passed_over("private", with(rsa, "d", json_string("AQAB")));
    check_passed_over("lower-case kty", with(rsa, "kty", json_string("rsa")));
    check_passed_over("no kty", without(rsa, "kty"));
    check_passed_over("kid is no text", with(rsa, "kid", json_integer(5)));
    char long_kid[JWK_MAX_KID + 2] = {0};
    memset(long_kid, 'k', JWK_MAX_KID + 1);
    check_passed_over("kid is long", with(rsa, "kid", json_string(long_kid)));
}

static void test_broken_ec_keys_are_passed_over(void **state)
{
    (void)state;
    check_passed_over("no x", without(p256, "x"));
    check_passed_over("no crv", without(p256, "crv"));
    check_passed_over("another curve", with(p256, "crv", json_string("P-384")));
    check_passed_over("unknown curve", with(p256, "crv", json_string("secp256k1")));
    check_passed_over("OpenSSL's name", with(p256, "crv", json_string("prime256v1")));
    check_passed_over("a short y", with(p256, "y", json_string("AQAB")));
    check_passed_over("not on the curve", with(p256, "y", bytes_json(32, 1)));
    check_passed_over("beyond the field", with(p256, "x", bytes_json(32, 255)));
    check_passed_over("private", with(p256, "d", json_string("AQAB")));
    check_passed_over("a secret", json_pack("{s:s, s:s}", "kty", "oct", "k", "AQAB"));
    check_passed_over("Ed25519", json_pack("{s:s, s:s, s:s}", "kty", "OKP", "crv", "Ed25519", "x",
                                           "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
    check_passed_over("a list", json_array());
    check_passed_over("null", json_null());
}

static void test_a_broken_key_leaves_the_others_alone(void **state)
{
    (void)state;
    struct error error;
    char *text =
        jwk_set_text(json_pack("[o, {}, o, i]", key_jwk(rsa, "a"), key_jwk(p256, NULL), 5));
    struct jwk_set *set = jwk_set_parse(text, strlen(text), &error);
    assert_int_equal(set->count, 2);
    assert_int_equal(set->passed_over, 2);
    assert_null(set->keys[1].kid);
    assert_true(jwk_set_has(set, "a"));
    assert_false(jwk_set_has(set, "b"));
    assert_false(jwk_set_has(NULL, "a"));
    jwk_set_unref(set);
    free(text);
}

static void test_the_number_of_keys_is_bounded(void **state)
{
    (void)state;
    struct error error;
    json_t *keys = json_array();
    for (int i = 0; i < JWK_MAX_KEYS + 5; i++)
        json_array_append_new(keys, key_jwk(p256, "k"));
    char *text = jwk_set_text(keys);
    struct jwk_set *set = jwk_set_parse(text, strlen(text), &error);
    assert_int_equal(set->count, JWK_MAX_KEYS);
    assert_int_equal(set->passed_over, 5);
    jwk_set_unref(set);
    free(text);
}

static void test_what_is_no_set_is_an_error(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "5",
        "null",
        "{}",
        "{\"keys\": {}}",
        "{\"keys\": null}",
        "{\"keys\": []} x",
        "{\"keys\": [], \"keys\": []}",
        "<html>",
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct error error = {0};
        if (jwk_set_parse(bad[i], strlen(bad[i]), &error))
            fail_msg("taken: %s", bad[i]);
        assert_int_equal(error.code, ERROR_INVALID);
    }
    struct error error;
    struct jwk_set *empty = jwk_set_parse("{\"keys\": []}", 12, &error);
    assert_int_equal(empty->count, 0);
    jwk_set_unref(empty);
}

static struct jwk_set *set_with(EVP_PKEY *key, const char *kid)
{
    return set_of(key_jwk(key, kid));
}

static void test_sets_are_equal_when_their_keys_are(void **state)
{
    (void)state;
    struct jwk_set *sets[] = {set_with(p256, "a"),
                              set_with(p256, "b"),
                              set_with(p256, NULL),
                              set_with(p384, "a"),
                              set_of(with(rsa, "alg", json_string("RS256"))),
                              set_of(key_jwk(rsa, "k"))};
    struct jwk_set *again = set_with(p256, "a");
    assert_true(jwk_set_equal(sets[0], again));
    assert_true(jwk_set_equal(NULL, NULL));
    for (size_t i = 0; i < ARRAY_COUNT(sets); i++)
        for (size_t k = 0; k < ARRAY_COUNT(sets); k++)
            assert_int_equal(jwk_set_equal(sets[i], sets[k]), i == k);
    assert_false(jwk_set_equal(sets[0], NULL));
    assert_false(jwk_set_equal(NULL, sets[0]));
    jwk_set_unref(again);
    for (size_t i = 0; i < ARRAY_COUNT(sets); i++)
        jwk_set_unref(sets[i]);
}

/* --- PEM --- */

static void append_and_free(struct buffer *buffer, char *text)
{
    buffer_append_string(buffer, text);
    free(text);
}

static void test_pem_holds_several_keys_among_other_things(void **state)
{
    (void)state;
    struct error error;
    struct buffer text = {0};
    EVP_PKEY *small = EVP_RSA_gen(1024), *pss = NULL,
             *edwards = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA_PSS, NULL);
    EVP_PKEY_keygen_init(context);
    assert_int_equal(EVP_PKEY_keygen(context, &pss), 1);
    EVP_PKEY_CTX_free(context);
    buffer_append_string(&text, "Keys of the issuer:\n");
    append_and_free(&text, key_public_pem(small));
    append_and_free(&text, key_public_pem(rsa));
    append_and_free(&text, key_public_pem(pss));
    append_and_free(&text, key_public_pem(edwards));
    append_and_free(&text, key_private_pem(p256));
    append_and_free(&text, key_public_pem(p384));
    struct jwk_set *set = jwk_set_parse_pem(text.data, text.length, &error);
    assert_non_null(set);
    assert_int_equal(set->count, 2);
    assert_int_equal(set->passed_over, 4);
    assert_null(set->keys[0].kid);
    assert_int_equal(set->keys[0].algorithms, RSA_ALL);
    assert_int_equal(set->keys[1].algorithms, 1U << JWT_ES384);
    jwk_set_unref(set);
    buffer_fini(&text);
    EVP_PKEY_free(small);
    EVP_PKEY_free(pss);
    EVP_PKEY_free(edwards);
}

static void test_a_curve_that_is_spelt_out_is_not_taken(void **state)
{
    (void)state;
    struct error error;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_int_equal(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING,
                                                    OSSL_PKEY_EC_ENCODING_EXPLICIT),
                     1);
    char *text = key_public_pem(key);
    assert_null(jwk_set_parse_pem(text, strlen(text), &error));
    free(text);
    EVP_PKEY_free(key);
}

static void test_pem_without_usable_key_is_an_error(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "key",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN PUBLIC KEY-----\n",
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct error error = {0};
        assert_null(jwk_set_parse_pem(bad[i], strlen(bad[i]), &error));
        assert_int_equal(error.code, ERROR_INVALID);
    }
}

static void test_algorithms_have_the_names_of_the_configuration(void **state)
{
    (void)state;
    struct config config;
    struct error error;
    assert_int_equal(config_load(&config, NULL, &error), 0);
    assert_int_equal(config.auth.algorithms.count, JWK_ALGORITHM_COUNT);
    for (int i = 0; i < JWK_ALGORITHM_COUNT; i++) {
        assert_int_equal(config.auth.algorithms.items[i], i);
        assert_int_equal(jwk_algorithm_find(jwk_algorithm_name((enum jwt_algorithm)i)), i);
    }
    assert_int_equal(jwk_algorithm_find("none"), -1);
    assert_int_equal(jwk_algorithm_find("HS256"), -1);
    config_fini(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64url_takes_one_text_for_each_sequence_of_bytes),
        cmocka_unit_test(test_base64url_refuses_what_others_pass_over),
        cmocka_unit_test(test_keys_are_for_the_algorithms_of_their_type_and_curve),
        cmocka_unit_test(test_use_operations_and_algorithm_restrict_a_key),
        cmocka_unit_test(test_broken_rsa_keys_are_passed_over),
        cmocka_unit_test(test_broken_ec_keys_are_passed_over),
        cmocka_unit_test(test_a_broken_key_leaves_the_others_alone),
        cmocka_unit_test(test_the_number_of_keys_is_bounded),
        cmocka_unit_test(test_what_is_no_set_is_an_error),
        cmocka_unit_test(test_sets_are_equal_when_their_keys_are),
        cmocka_unit_test(test_pem_holds_several_keys_among_other_things),
        cmocka_unit_test(test_a_curve_that_is_spelt_out_is_not_taken),
        cmocka_unit_test(test_pem_without_usable_key_is_an_error),
        cmocka_unit_test(test_algorithms_have_the_names_of_the_configuration),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
