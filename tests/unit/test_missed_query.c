/* What MOSIP's call for missed messages asks for, and whether it is signed. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "hub/missed_query.h"

/* base64url of http://localhost:8080/callback, as in the unit tests of MOSIP's client */
#define CALLBACK "callback=aHR0cDovL2xvY2FsaG9zdDo4MDgwL2NhbGxiYWNr"
#define TIME     "timestamp=2026-01-31T12:00:00.000Z"

static void parse(struct missed_query *query, const char *text)
{
    struct error error;
    if (missed_query_parse(query, text, &error) != 0)
        fail_msg("%s: %s", text, error.message);
}

static void test_what_is_asked_for(void **state)
{
    (void)state;
    struct missed_query query;
    parse(&query, "topic=demo&" CALLBACK "&" TIME "&pageindex=20&messageCount=1000&other=x");
    assert_int_equal(query.topics.count, 1);
    assert_string_equal(query.topics.topics[0], "demo");
    assert_string_equal(query.callback, "http://localhost:8080/callback");
    assert_int_equal(query.since_ms, 1769860800000);
    assert_int_equal(query.skip, 20);
    assert_int_equal(query.count, 1000);
    missed_query_fini(&query);
    static const char *const no_counts[] = {
        "topic=demo&" CALLBACK "&" TIME "&pageindex=0",
        "topic=demo&" CALLBACK "&" TIME "&pageindex=0&messageCount",
        "topic=demo&" CALLBACK "&" TIME "&pageindex=0&messageCount=",
    };
    for (size_t i = 0; i < ARRAY_COUNT(no_counts); i++) {
        parse(&query, no_counts[i]);
        assert_int_equal(query.count, 10);
        assert_null(query.message_count);
        missed_query_fini(&query);
    }
}

static void test_what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *query, *reason;
    } cases[] = {
        {"", "topic is missing"},
        {CALLBACK "&" TIME "&pageindex=0", "topic is missing"},
        {"topic=&" CALLBACK "&" TIME "&pageindex=0", "topic is empty"},
        {"topic=a&topic=a&" CALLBACK "&" TIME "&pageindex=0", "topic is given more than once"},
        {"topic=%07&" CALLBACK "&" TIME "&pageindex=0", "topic: "},
        {"topic=%ff&" CALLBACK "&" TIME "&pageindex=0", "a parameter is not valid UTF-8"},
        {"topic=a&" TIME "&pageindex=0", "callback is missing"},
        {"topic=a&callback=http://s.example/&" TIME "&pageindex=0",
         "callback must be the base64url"},
        {"topic=a&callback=c%2B%2B/&" TIME "&pageindex=0", "callback must be the base64url"},
        {"topic=a&callback====&" TIME "&pageindex=0", "callback must be the base64url"},
        {"topic=a&callback=YWJj&" TIME "&pageindex=0", "callback: "},
        {"topic=a&" CALLBACK "&pageindex=0", "timestamp is missing"},
        {"topic=a&" CALLBACK "&timestamp=yesterday&pageindex=0", "timestamp must be a time"},
        {"topic=a&" CALLBACK "&" TIME, "pageindex is missing"},
        {"topic=a&" CALLBACK "&" TIME "&pageindex=-1", "pageindex must be"},
        {"topic=a&" CALLBACK "&" TIME "&pageindex=2147483648", "pageindex must be"},
        {"topic=a&" CALLBACK "&" TIME "&pageindex=99999999999999999999", "pageindex must be"},
        {"topic=a&" CALLBACK "&" TIME "&pageindex=1e1", "pageindex must be"},
        {"topic=a&" CALLBACK "&" TIME "&pageindex=0&messageCount=0", "messageCount must be"},
        {"topic=a&" CALLBACK "&" TIME "&pageindex=0&messageCount=1001", "messageCount must be"},
        {"topic=a&" CALLBACK "&" TIME "&pageindex=0&messageCount=x", "messageCount must be"},
        {"topic=a&" CALLBACK "&" TIME "&pageindex=0&messageCount=1&messageCount=2",
         "messageCount is given more than once"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct missed_query query;
        struct error error;
        assert_int_equal(missed_query_parse(&query, cases[i].query, &error), -1);
        assert_int_equal(error.code, ERROR_INVALID);
        if (strncmp(error.message, cases[i].reason, strlen(cases[i].reason)) != 0)
            fail_msg("%s: %s", cases[i].query, error.message);
    }
}

/* Made with Python's hmac: see each text. */
#define SIGNED   "topic=demo&" CALLBACK "&" TIME "&pageindex=0&messageCount=10"
#define SIGNED_0 "topic=demo&" CALLBACK "&" TIME "&pageindex=0&messageCount"
static const char secret[] = "OIUAShdasoi";
/* demohttp://localhost:8080/callback2026-01-31T12:00:00.000Z010 */
static const char signature[] = "Ur3+dZ8wprDLx09llkoo2ZeJFLUO6fcG8Zen+tXe9bI=";
/* demohttp://localhost:8080/callback2026-01-31T12:00:00.000Z0 */
static const char signature_0[] = "R+aUL6kKKN4QfDykZKXeJR+ymMZ/DANPT5bYrSsCe/0=";

static void test_right_signatures(void **state)
{
    (void)state;
    struct missed_query query;
    parse(&query, SIGNED);
    assert_true(missed_query_is_signed(&query, "demo", signature, secret));
    missed_query_fini(&query);
    parse(&query, SIGNED_0);
    assert_true(missed_query_is_signed(&query, "demo", signature_0, secret));
    missed_query_fini(&query);
}

static void test_whatever_was_changed_the_signature_is_wrong(void **state)
{
    (void)state;
    static const char *const queries[] = {
        "topic=demo&" CALLBACK "&" TIME "&pageindex=0&messageCount=11",
        "topic=demo&" CALLBACK "&" TIME "&pageindex=1&messageCount=10",
        "topic=demo&" CALLBACK "&" TIME "&pageindex=0",
        "topic=demo&" CALLBACK "&timestamp=2026-01-31T12:00:00.001Z&pageindex=0&messageCount=10",
        "topic=demo&" CALLBACK "&timestamp=2026-01-31T12:00:00.000&pageindex=0&messageCount=10",
        "topic=demo&callback=aHR0cDovL2xvY2FsaG9zdDo4MDgwL2NhbGxiYWNy&" TIME
        "&pageindex=0&messageCount=10",
    };
    struct missed_query query;
    for (size_t i = 0; i < ARRAY_COUNT(queries); i++) {
        parse(&query, queries[i]);
        assert_false(missed_query_is_signed(&query, "demo", signature, secret));
        missed_query_fini(&query);
    }
    parse(&query, SIGNED);
    assert_false(missed_query_is_signed(&query, "demos", signature, secret));
    assert_false(missed_query_is_signed(&query, "demo", signature, "OIUAShdasoj"));
    assert_false(missed_query_is_signed(&query, "demo", signature, ""));
    assert_false(missed_query_is_signed(&query, "demo", signature_0, secret));
    missed_query_fini(&query);
}

static void test_what_is_no_signature(void **state)
{
    (void)state;
    struct missed_query query;
    char changed[sizeof(signature)];
    parse(&query, SIGNED);
    static const char *const texts[] = {
        NULL,
        "",
        "=",
        "sha256=",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
        "????????????????????????????????????????????",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        assert_false(missed_query_is_signed(&query, "demo", texts[i], secret));
    for (size_t i = 0; i < strlen(signature) - 1; i++) {
        strcpy(changed, signature);
        changed[i] = changed[i] == 'A' ? 'Q' : 'A';
        assert_false(missed_query_is_signed(&query, "demo", changed, secret));
    }
    missed_query_fini(&query);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_asked_for),
        cmocka_unit_test(test_what_is_wrong_is_named),
        cmocka_unit_test(test_right_signatures),
        cmocka_unit_test(test_whatever_was_changed_the_signature_is_wrong),
        cmocka_unit_test(test_what_is_no_signature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
