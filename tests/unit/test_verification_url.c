/* Where a callback is asked, and what. */
#include "tests/unit/unit.h"

#include "dispatcher/verification_url.h"

#define C "https://s.example/cb"

static void assert_url(const struct verification *verification, const char *expected)
{
    struct buffer url = {0};
    buffer_append_string(&url, "something old");
    verification_url(&url, verification);
    assert_string_equal(url.data, expected);
    buffer_fini(&url);
}

static struct verification sample(enum verification_mode mode, const char *callback)
{
    return (struct verification){
        .mode = mode,
        .topic = "a b",
        .callback = callback,
        .challenge = "xyz",
        .lease_seconds = 864000,
    };
}

static void test_modes(void **state)
{
    (void)state;
    struct verification v = sample(VERIFY_SUBSCRIBE, C "?x=1");
    assert_url(&v, C "?x=1&hub.mode=subscribe&hub.topic=a%20b&hub.challenge=xyz"
                     "&hub.lease_seconds=864000");
    v = sample(VERIFY_UNSUBSCRIBE, C);
    assert_url(&v, C "?hub.mode=unsubscribe&hub.topic=a%20b&hub.challenge=xyz");
    v = sample(VERIFY_DENIED, C);
    assert_url(&v, C "?hub.mode=denied&hub.topic=a%20b&hub.reason=ended%20by%20the%20hub");
    v.reason = "no";
    assert_url(&v, C "?hub.mode=denied&hub.topic=a%20b&hub.reason=no");
}

static void test_verify_token(void **state)
{
    (void)state;
    struct verification v = sample(VERIFY_SUBSCRIBE, C);
    v.verify_token = "t&=";
    assert_url(&v, C "?hub.mode=subscribe&hub.topic=a%20b&hub.challenge=xyz"
                     "&hub.lease_seconds=864000&hub.verify_token=t%26%3D");
    v.mode = VERIFY_UNSUBSCRIBE;
    assert_url(&v, C "?hub.mode=unsubscribe&hub.topic=a%20b&hub.challenge=xyz"
                     "&hub.verify_token=t%26%3D");
    v.mode = VERIFY_DENIED;
    v.reason = "no";
    assert_url(&v, C "?hub.mode=denied&hub.topic=a%20b&hub.reason=no");
}

static void test_intent_mode(void **state)
{
    (void)state;
    struct verification v = sample(VERIFY_UNSUBSCRIBE, C "?intentMode=subscribe");
    assert_url(&v,
               C "?intentMode=subscribe&hub.mode=unsubscribe&hub.topic=a%20b&hub.challenge=xyz");
    v.mosip = true;
    assert_url(&v,
               C "?intentMode=unsubscribe&hub.mode=unsubscribe&hub.topic=a%20b&hub.challenge=xyz");
    v.callback = C;
    assert_url(&v, C "?hub.mode=unsubscribe&hub.topic=a%20b&hub.challenge=xyz");
    v = sample(VERIFY_DENIED, C "?intentMode=subscribe");
    v.mosip = true;
    v.reason = "no";
    assert_url(&v, C "?intentMode=subscribe&hub.mode=denied&hub.topic=a%20b&hub.reason=no");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_verify_token),
        cmocka_unit_test(test_intent_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
