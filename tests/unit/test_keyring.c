/* Keys and what they encrypt: who may read what, and that nothing that was changed is taken. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "common/keyring.h"

/* 32 bytes each; the first is 0, 1, … 31. */
#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
#define ID    "0123456789abcdef0123456789abcdef"
#define OTHER "0123456789abcdef0123456789abcdee"

#define TEXT(literal) ((char *)(uintptr_t)(literal))

/* --- short ways --- */

static struct keyring *try_keyring(const char *first, const char *second, struct error *error)
{
    char *items[] = {TEXT(first), TEXT(second)};
    const struct string_list list = {items, (first != NULL) + (size_t)(second != NULL)};
    return keyring_new(&list, error);
}

static struct keyring *make_keyring(const char *first, const char *second)
{
    struct error error;
    struct keyring *keyring = try_keyring(first, second, &error);
    if (!keyring)
        fail_msg("%s", error.message);
    return keyring;
}

static void assert_opens(const struct keyring *keyring, const char *id,
                         const struct stored_secret *secret, const char *expected)
{
    struct error error;
    char *plain;
    if (keyring_open(keyring, id, secret, &plain, &error) != 0)
        fail_msg("%s", error.message);
    assert_string_equal(plain, expected);
    secret_free(plain);
}

static void assert_locked(const struct keyring *keyring, const char *id,
                          const struct stored_secret *secret, enum error_code code)
{
    struct error error;
    char *plain;
    assert_int_equal(keyring_open(keyring, id, secret, &plain, &error), -1);
    assert_int_equal(error.code, code);
    assert_null(plain);
    assert_null(strstr(error.message, secret->text));
}

/* --- keys --- */

static void test_a_bad_key_is_refused_by_its_place_and_never_shown(void **state)
{
    (void)state;
    static const struct {
        const char *item, *problem;
    } cases[] = {
        {"hunter2=", "base64 of exactly 32 bytes"},
        {"k=hunter2", "base64 of exactly 32 bytes"},
        {"k=hunter22", "base64 of exactly 32 bytes"},
        {"k= " KEY_B, "base64 of exactly 32 bytes"},
        {"k=" KEY_B "\n", "base64 of exactly 32 bytes"},
        /* 31 and 33 bytes */
        {"k=ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pg==", "base64 of exactly 32 bytes"},
        {"k=ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9A", "base64 of exactly 32 bytes"},
        /* no padding, padding within, bits beyond the end, the alphabet of URLs */
        {"k=ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8", "base64 of exactly 32 bytes"},
        {"k=ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9P==8", "base64 of exactly 32 bytes"},
        {"k=ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9=", "base64 of exactly 32 bytes"},
        {"k=_-EiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=", "base64 of exactly 32 bytes"},
        {"=" KEY_B, "an id has"},
        {"hunter 2=" KEY_B, "an id has"},
        {"hunter\"2=" KEY_B, "an id has"},
        {"hunt\xc3\xa9r2=" KEY_B, "an id has"},
        {"a2345678901234567890123456789012345678901234567890123456789012345=" KEY_B, "an id has"},
        {KEY_B, "base64 of exactly 32 bytes"}, /* whose id was forgotten */
        {"first=" KEY_B, "the same id"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct error error;
        assert_null(try_keyring("first=" KEY_A, cases[i].item, &error));
        assert_int_equal(error.code, ERROR_CONFIG);
        assert_non_null(strstr(error.message, "item 2"));
        assert_non_null(strstr(error.message, cases[i].problem));
        assert_null(strstr(error.message, "unt"));
        assert_null(strstr(error.message, "ICEiIyQl"));
    }
}

static void test_the_check_names_the_configuration_key(void **state)
{
    (void)state;
    struct error error;
    char *items[] = {TEXT("a=" KEY_A), TEXT("b=x")};
    struct config config = {.security = {.secret_keys = {items, 1}}};
    assert_int_equal(keyring_check_config(&config, &error), 0);
    config.security.secret_keys.count = 2;
    assert_int_equal(keyring_check_config(&config, &error), -1);
    assert_non_null(strstr(error.message, "security.secret_keys: item 2"));
}

static void test_ids_may_have_letters_digits_and_a_few_marks(void **state)
{
    (void)state;
    struct keyring *keyring = make_keyring("2024-06_Key.1=" KEY_A, "b=" KEY_B);
    assert_int_equal(keyring_count(keyring), 2);
    assert_string_equal(keyring_id(keyring, 0), "2024-06_Key.1");
    assert_int_equal(keyring_find(keyring, "b"), 1);
    assert_int_equal(keyring_find(keyring, "B"), 2);
    keyring_free(keyring);
}

/* --- sealing and opening --- */

static void test_what_is_sealed_opens_again_and_is_not_in_the_text(void **state)
{
    (void)state;
    char longest[200];
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    const char *const secrets[] = {"s3cret", "", "s\xc3\xa9 \"\\\x01", longest};
    struct keyring *keyring = make_keyring("a=" KEY_A, NULL);
    for (size_t i = 0; i < ARRAY_COUNT(secrets); i++) {
        struct stored_secret secret;
        keyring_seal(keyring, ID, secrets[i], &secret);
        assert_string_equal(secret.key_id, "a");
        assert_int_equal(strlen(secret.text), (12 + strlen(secrets[i]) + 16 + 2) / 3 * 4);
        assert_true(!*secrets[i] || !strstr(secret.text, secrets[i]));
        assert_false(keyring_is_outdated(keyring, &secret));
        assert_opens(keyring, ID, &secret, secrets[i]);
        stored_secret_fini(&secret);
    }
    keyring_free(keyring);
}

static void test_the_same_secret_is_sealed_differently_each_time(void **state)
{
    (void)state;
    struct stored_secret one, two;
    struct keyring *keyring = make_keyring("a=" KEY_A, NULL);
    keyring_seal(keyring, ID, "s3cret", &one);
    keyring_seal(keyring, ID, "s3cret", &two);
    assert_string_not_equal(one.text, two.text);
    stored_secret_fini(&one);
    stored_secret_fini(&two);
    keyring_free(keyring);
}

static void test_no_secret_stays_none(void **state)
{
    (void)state;
    struct error error;
    struct stored_secret secret;
    char *plain = TEXT("");
    struct keyring *keyring = make_keyring("a=" KEY_A, NULL);
    keyring_seal(keyring, ID, NULL, &secret);
    assert_null(secret.text);
    assert_null(secret.key_id);
    assert_false(keyring_is_outdated(keyring, &secret));
    assert_int_equal(keyring_open(keyring, ID, &secret, &plain, &error), 0);
    assert_null(plain);
    keyring_free(keyring);
}

/* Every bit counts: nonce, ciphertext and tag. */
static void test_a_changed_text_does_not_open(void **state)
{
    (void)state;
    struct stored_secret secret;
    struct keyring *keyring = make_keyring("a=" KEY_A, NULL);
    keyring_seal(keyring, ID, "s3cret", &secret);
    for (size_t i = 0; secret.text[i]; i++) {
        char was = secret.text[i];
        for (int bit = 0; bit < 8; bit++) {
            secret.text[i] = (char)(was ^ 1 << bit);
            if (secret.text[i])
                assert_locked(keyring, ID, &secret, ERROR_INVALID);
        }
        secret.text[i] = was;
    }
    assert_opens(keyring, ID, &secret, "s3cret");
    for (size_t length = strlen(secret.text); length-- > 0;) {
        struct stored_secret shorter = {.key_id = TEXT("a"), .text = strndup(secret.text, length)};
        struct error error;
        char *plain;
        assert_int_equal(keyring_open(keyring, ID, &shorter, &plain, &error), -1);
        stored_secret_fini(&(struct stored_secret){.text = shorter.text});
    }
    stored_secret_fini(&secret);
    keyring_free(keyring);
}

static void test_a_secret_of_another_subscription_does_not_open(void **state)
{
    (void)state;
    struct stored_secret secret;
    struct keyring *keyring = make_keyring("a=" KEY_A, NULL);
    keyring_seal(keyring, ID, "s3cret", &secret);
    assert_locked(keyring, OTHER, &secret, ERROR_INVALID);
    assert_locked(keyring, "", &secret, ERROR_INVALID);
    stored_secret_fini(&secret);
    keyring_free(keyring);
}

static void test_the_wrong_key_and_no_key_are_told_apart(void **state)
{
    (void)state;
    struct stored_secret secret;
    struct keyring *keyring = make_keyring("a=" KEY_A, NULL);
    struct keyring *wrong = make_keyring("a=" KEY_B, NULL),
                   *lacking = make_keyring("b=" KEY_A, NULL);
    keyring_seal(keyring, ID, "s3cret", &secret);
    assert_locked(wrong, ID, &secret, ERROR_INVALID);
    assert_locked(lacking, ID, &secret, ERROR_NOT_FOUND);
    assert_locked(NULL, ID, &secret, ERROR_NOT_FOUND);
    stored_secret_fini(&secret);
    keyring_free(keyring);
    keyring_free(wrong);
    keyring_free(lacking);
}

static void test_without_keys_secrets_are_plain(void **state)
{
    (void)state;
    struct stored_secret secret;
    struct keyring *empty = make_keyring(NULL, NULL), *mosip = make_keyring("mosip=" KEY_A, NULL);
    const struct keyring *const keyrings[] = {NULL, empty, mosip};
    for (size_t i = 0; i < ARRAY_COUNT(keyrings); i++) {
        keyring_seal(keyrings[i], ID, "s3cret", &secret);
        assert_null(secret.key_id);
        assert_string_equal(secret.text, "s3cret");
        assert_false(keyring_is_outdated(keyrings[i], &secret));
        assert_opens(keyrings[i], ID, &secret, "s3cret");
        stored_secret_fini(&secret);
    }
    keyring_free(empty);
    keyring_free(mosip);
}

/* --- rotation --- */

static void test_the_first_key_encrypts_and_all_decrypt(void **state)
{
    (void)state;
    struct stored_secret old, new, plain = {.text = TEXT("s3cret")};
    struct keyring *before = make_keyring("a=" KEY_A, "b=" KEY_B);
    struct keyring *after = make_keyring("b=" KEY_B, "a=" KEY_A);
    struct keyring *without = make_keyring("b=" KEY_B, NULL);
    keyring_seal(before, ID, "s3cret", &old);
    keyring_seal(after, ID, "s3cret", &new);
    assert_string_equal(old.key_id, "a");
    assert_string_equal(new.key_id, "b");
    assert_opens(after, ID, &old, "s3cret");
    assert_opens(before, ID, &new, "s3cret");
    assert_opens(after, ID, &plain, "s3cret");
    assert_true(keyring_is_outdated(after, &old));
    assert_true(keyring_is_outdated(after, &plain));
    assert_false(keyring_is_outdated(after, &new));
    assert_true(keyring_is_outdated(without, &old));
    assert_locked(without, ID, &old, ERROR_NOT_FOUND);
    stored_secret_fini(&old);
    stored_secret_fini(&new);
    keyring_free(before);
    keyring_free(after);
    keyring_free(without);
}

/* --- vectors, made with Python's cryptography (AESGCM) --- */

/* As after a roll-back to a version that does not know keys, and wrote the record. */
static void test_what_lost_the_id_of_its_key_opens(void **state)
{
    (void)state;
    struct keyring *before = make_keyring("a=" KEY_A, NULL);
    struct keyring *after = make_keyring("b=" KEY_B, "a=" KEY_A);
    struct stored_secret secret;
    keyring_seal(before, ID, "confidential", &secret);
    free(secret.key_id);
    secret.key_id = NULL;
    assert_opens(after, ID, &secret, "confidential");
    assert_true(keyring_is_outdated(after, &secret));
    assert_opens(after, OTHER, &secret, secret.text);
    assert_opens(NULL, ID, &secret, secret.text);
    stored_secret_fini(&secret);
    keyring_free(before);
    keyring_free(after);
}

static void test_our_form_is_nonce_ciphertext_tag(void **state)
{
    (void)state;
    const struct stored_secret secret = {
        TEXT("a"), TEXT("AAECAwQFBgcICQoLKHekO7aAoWnoNYG9Cgjg8+bHx2yGZH9jOrE=")};
    struct keyring *keyring = make_keyring("a=" KEY_A, NULL);
    assert_opens(keyring, ID, &secret, "our secret");
    keyring_free(keyring);
}

static void test_secrets_of_mosip_are_read_and_never_written(void **state)
{
    (void)state;
    struct stored_secret secret = {0}, ours;
    assert_true(keyring_parse_mosip(
        "cipher{tdwwOJQzVPjBnM77IqOCsaKCvMjDzn334+ljrye8ZGVmZ2hpamtsbW5vcHFycw==}", &secret));
    assert_string_equal(secret.key_id, "mosip");
    /* First in the list, and still it does not encrypt. */
    struct keyring *keyring = make_keyring("mosip=" KEY_A, "b=" KEY_B);
    assert_opens(keyring, ID, &secret, "mosip's secret");
    assert_opens(keyring, OTHER, &secret, "mosip's secret");
    assert_true(keyring_is_outdated(keyring, &secret));
    keyring_seal(keyring, ID, "s3cret", &ours);
    assert_string_equal(ours.key_id, "b");
    secret.text[0] = 'u';
    assert_locked(keyring, ID, &secret, ERROR_INVALID);
    stored_secret_fini(&ours);
    stored_secret_fini(&secret);
    keyring_free(keyring);
}

static void test_what_is_no_cipher_of_mosip_is_told_apart(void **state)
{
    (void)state;
    static const char *const others[] = {
        "",
        "s3cret",
        "cipher",
        "cipher{",
        "cipher{}",
        "cipher{}}",
        "cipher",
        "cipher{AAAA",
        "cipher{AA}AA",
        "cipher{AAAA} ",
        " cipher{AAAA}",
        "{AAAA}",
        "Cipher{AAAA}",
        "cipher{AA\nAA}",
        "cipher{AAAA}}",
        "cipher{{AAAA}",
    };
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        struct stored_secret secret = {0};
        assert_false(keyring_parse_mosip(others[i], &secret));
        assert_null(secret.text);
        assert_null(secret.key_id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_bad_key_is_refused_by_its_place_and_never_shown),
        cmocka_unit_test(test_the_check_names_the_configuration_key),
        cmocka_unit_test(test_ids_may_have_letters_digits_and_a_few_marks),
        cmocka_unit_test(test_what_is_sealed_opens_again_and_is_not_in_the_text),
        cmocka_unit_test(test_the_same_secret_is_sealed_differently_each_time),
        cmocka_unit_test(test_no_secret_stays_none),
        cmocka_unit_test(test_a_changed_text_does_not_open),
        cmocka_unit_test(test_a_secret_of_another_subscription_does_not_open),
        cmocka_unit_test(test_the_wrong_key_and_no_key_are_told_apart),
        cmocka_unit_test(test_without_keys_secrets_are_plain),
        cmocka_unit_test(test_the_first_key_encrypts_and_all_decrypt),
        cmocka_unit_test(test_what_lost_the_id_of_its_key_opens),
        cmocka_unit_test(test_our_form_is_nonce_ciphertext_tag),
        cmocka_unit_test(test_secrets_of_mosip_are_read_and_never_written),
        cmocka_unit_test(test_what_is_no_cipher_of_mosip_is_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
