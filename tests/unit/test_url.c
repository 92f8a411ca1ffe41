#include "tests/unit/unit.h"

#include <string.h>

#include "common/url.h"

static void test_callback_accepted(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "http://a.example",
        "http://a.example/",
        "https://a.example:8443/cb?id=1&x=%20",
        "HTTPS://A.Example/cb",
        "http://127.0.0.1:9000/cb",
        "http://[::1]:9000/cb",
        "http://a.example:65535/",
        "http://a.example?query",
        "http://localhost/a//b/../c?hub.mode=x",
        "http://a.example/{id}|^`",
    };
    struct error error;
    for (size_t i = 0; i < ARRAY_COUNT(urls); i++) {
        if (url_check_callback(urls[i], &error) != 0)
            fail_msg("%s: %s", urls[i], error.message);
    }
}

static void assert_callback_refused(const char *url, const char *message)
{
    struct error error;
    struct buffer origin = {0};
    assert_int_equal(url_check_callback(url, &error), -1);
    assert_int_equal(error.code, ERROR_INVALID);
    if (message)
        assert_string_equal(error.message, message);
    assert_int_equal(url_origin(url, &origin), -1);
    assert_int_equal(origin.length, 0);
    buffer_fini(&origin);
}

static void test_callback_refused(void **state)
{
    (void)state;
    const char *absolute = "is not an absolute http or https URL";
    assert_callback_refused("", "is empty");
    assert_callback_refused("a.example/cb", absolute);
    assert_callback_refused("/cb", absolute);
    assert_callback_refused("//a.example/cb", absolute);
    assert_callback_refused("ftp://a.example/", absolute);
    assert_callback_refused("file:///etc/passwd", absolute);
    assert_callback_refused("gopher://a.example/", absolute);
    assert_callback_refused("javascript:alert(1)", absolute);
    assert_callback_refused("http:/a.example/", absolute);
    assert_callback_refused("http:a.example", absolute);
    assert_callback_refused(" http://a.example/", absolute);
    assert_callback_refused("http://", "has no host");
    assert_callback_refused("http:///cb", "has no host");
    assert_callback_refused("http://?x", "has no host");
    assert_callback_refused("http://:80/", "has no host");
    assert_callback_refused("http://a.example/#f", "must not have a fragment");
    assert_callback_refused("http://a.example/#", "must not have a fragment");
    const char *blank = "contains a space or control character";
    assert_callback_refused("http://a.example/a b", blank);
    assert_callback_refused("http://a.example/a\nb", blank);
    assert_callback_refused("http://a.example/\r\nHost: b", blank);
    assert_callback_refused("http://a.example/\x7f", blank);
    assert_callback_refused("http://a.example\\@b.example/",
                            "contains '\\', which must be percent-encoded");
    assert_callback_refused("http://a.example/\xc3\xbc",
                            "contains a character that is not ASCII and must be percent-encoded");
    const char *user = "must not contain a user name or password";
    assert_callback_refused("http://user@a.example/", user);
    assert_callback_refused("http://user:secret@a.example/", user);
    assert_callback_refused("http://a.example:0/", NULL);
    assert_callback_refused("http://a.example:65536/", NULL);
    assert_callback_refused("http://a.example:x/", NULL);
    assert_callback_refused("http://a.example:-1/", NULL);
    assert_callback_refused("http://[::1/", NULL);
    assert_callback_refused("http://[zz]/", NULL);
}

static void test_scheme_and_port(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool https;
        uint16_t port;
    } urls[] = {
        {"http://a.example", false, 80},
        {"https://a.example/", true, 443},
        {"HTTPS://a.example:8443/x", true, 8443},
        {"http://[::1]:1/", false, 1},
        {"http://a.example:00080/", false, 80},
        {"http://a.example:65535?x:1", false, 65535},
        {"http://https.example/https://", false, 80},
        {"ftp://a.example/", false, 0},
        {"http://a.example:65536/", false, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(urls); i++) {
        assert_int_equal(url_is_https(urls[i].url), urls[i].https);
        assert_int_equal(url_port(urls[i].url), urls[i].port);
    }
}

static void test_callback_length(void **state)
{
    (void)state;
    struct error error;
    char url[URL_MAX_LENGTH + 2];
    memset(url, 'a', sizeof(url));
    memcpy(url, "http://a.example/", strlen("http://a.example/"));
    url[URL_MAX_LENGTH + 1] = '\0';
    assert_callback_refused(url, "is longer than 2048 bytes");
    url[URL_MAX_LENGTH] = '\0';
    assert_int_equal(url_check_callback(url, &error), 0);
}

static void test_topic(void **state)
{
    (void)state;
    static const char *const good[] = {
        "a",          "http://a.example/f?x#y", "partner/CREDENTIAL_ISSUED",
        "with space", "gr\xc3\xbc\xc3\x9f",     "%00",
        "\\<>\"|"};
    struct error error;
    for (size_t i = 0; i < ARRAY_COUNT(good); i++)
        assert_int_equal(topic_check(good[i], &error), 0);

    static const struct {
        const char *topic, *message;
    } bad[] = {
        {"", "is empty"},
        {"a\nb", "contains a control character"},
        {"\t", "contains a control character"},
        {"\x7f", "contains a control character"},
        {"\xc2\x85", "contains a control character"},
        {"\xff", "is not valid UTF-8"},
        {"a\xed\xa0\x80", "is not valid UTF-8"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(topic_check(bad[i].topic, &error), -1);
        assert_int_equal(error.code, ERROR_INVALID);
        assert_string_equal(error.message, bad[i].message);
    }
}

static void test_topic_length(void **state)
{
    (void)state;
    struct error error;
    char topic[TOPIC_MAX_LENGTH + 2];
    memset(topic, 't', sizeof(topic));
    topic[TOPIC_MAX_LENGTH + 1] = '\0';
    assert_int_equal(topic_check(topic, &error), -1);
    assert_string_equal(error.message, "is longer than 4096 bytes");
    topic[TOPIC_MAX_LENGTH] = '\0';
    assert_int_equal(topic_check(topic, &error), 0);
}

static void assert_query(const char *url, const char *parameters, const char *expected)
{
    struct buffer out = {0};
    url_append_query(&out, url, parameters);
    assert_string_equal(out.data, expected);
    buffer_fini(&out);
}

/* Conformance item 14: the callback's own query stays, same-named parameters too. */
static void test_append_query(void **state)
{
    (void)state;
    assert_query("http://a/cb", "hub.mode=x&b=2", "http://a/cb?hub.mode=x&b=2");
    assert_query("http://a/cb?x=1", "b=2", "http://a/cb?x=1&b=2");
    assert_query("http://a/cb?hub.mode=mine&%7e=+", "hub.mode=x",
                 "http://a/cb?hub.mode=mine&%7e=+&hub.mode=x");
    assert_query("http://a/cb?", "b=2", "http://a/cb?b=2");
    assert_query("http://a/cb?x=1&", "b=2", "http://a/cb?x=1&b=2");
    assert_query("http://a/cb?x?y", "b=2", "http://a/cb?x?y&b=2");
    assert_query("http://a", "b=2", "http://a?b=2");
    assert_query("http://a/cb?x=1", "", "http://a/cb?x=1");
}

static void assert_origin(const char *url, const char *expected)
{
    struct buffer out = {0};
    assert_int_equal(url_origin(url, &out), 0);
    assert_string_equal(out.data, expected);
    buffer_fini(&out);
}

static void test_origin(void **state)
{
    (void)state;
    assert_origin("http://a.example", "http://a.example:80");
    assert_origin("https://a.example/x", "https://a.example:443");
    assert_origin("HTTP://A.ExAmple:80/X?Y", "http://a.example:80");
    assert_origin("http://a.example:8080/", "http://a.example:8080");
    assert_origin("http://a.example:08080/", "http://a.example:8080");
    assert_origin("https://[2001:DB8::1]:9/", "https://[2001:db8::1]:9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_callback_accepted),
        cmocka_unit_test(test_callback_refused),
        cmocka_unit_test(test_scheme_and_port),
        cmocka_unit_test(test_callback_length),
        cmocka_unit_test(test_topic),
        cmocka_unit_test(test_topic_length),
        cmocka_unit_test(test_append_query),
        cmocka_unit_test(test_origin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
