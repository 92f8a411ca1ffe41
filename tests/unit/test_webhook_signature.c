#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/webhook_signature.h"

/* The example of Svix, whose scheme became Standard Webhooks. */
#define SECRET    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define ID        "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define BODY      "{\"test\": 2432232314}"
#define SIGNATURE "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

static void check(const char *secret, const char *id, int64_t timestamp_s, const char *body,
                  const char *signature)
{
    struct error error;
    struct webhook_key key;
    assert_int_equal(webhook_key_read(&key, secret, &error), 0);
    char *got = webhook_sign(&key, id, timestamp_s, body, strlen(body));
    assert_string_equal(got, signature);
    free(got);
    webhook_key_fini(&key);
}

static void test_known_signatures(void **state)
{
    (void)state;
    check(SECRET, ID, 1614265330, BODY, SIGNATURE);
    /* A text that is no such secret stands for itself. */
    check("a plain secret of some length", "id", 0, "",
          "v1,wDUdOiHsuCa1pId2rGL4m2LQHH6ThU2FIYpERc0YGmI=");
}

static void assert_refused(const char *secret, const char *message)
{
    struct error error = {0};
    struct webhook_key key;
    assert_int_equal(webhook_key_read(&key, secret, &error), -1);
    assert_int_equal(error.code, ERROR_CONFIG);
    assert_string_equal(error.message, message);
}

static void test_secrets_that_cannot_be_used(void **state)
{
    (void)state;
    static const char no_base64[] = "after \"whsec_\" base64 must follow";
    static const char too_short[] = "a secret has at least 24 bytes";
    assert_refused("whsec_", no_base64);
    assert_refused("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", no_base64);
    assert_refused("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS*", no_base64);
    assert_refused("whsec_ MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", no_base64);
    assert_refused("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaR=", no_base64); /* stray bits */
    assert_refused("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaQ=", too_short); /* 23 */
    assert_refused("", too_short);
    assert_refused("12345678901234567890123", too_short);
    struct error error;
    struct webhook_key key;
    assert_int_equal(webhook_key_read(&key, "123456789012345678901234", &error), 0);
    assert_int_equal(key.length, 24);
    webhook_key_fini(&key);
    assert_null(key.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_signatures),
        cmocka_unit_test(test_secrets_that_cannot_be_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
