/* What a topic in a query may mean. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "hub/topic_readings.h"

static void test_readings(void **state)
{
    (void)state;
    static const struct {
        const char *sent;
        const char *readings[TOPIC_READINGS_MAX + 1];
    } cases[] = {
        {"partner/CREDENTIAL_ISSUED", {"partner/CREDENTIAL_ISSUED"}},
        {"partner%2FCREDENTIAL_ISSUED", {"partner/CREDENTIAL_ISSUED"}},
        {"a%2520b", {"a%20b", "a b"}},
        {"a%20b", {"a b"}},
        {"a+b", {"a b", "a+b"}},
        {"a%2Bb", {"a+b"}},
        {"a+%2525b", {"a %25b", "a+%25b", "a %b", "a+%b"}},
        {"a%2500b", {"a%00b"}},
        {"a%25C3%25A4", {"a%C3%A4", "a\xc3\xa4"}},
        {"a%25FFb", {"a%FFb"}},
        {"a%2507b", {"a%07b"}},
        {"100%25", {"100%"}},
        {"%2500", {"%00"}},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct topic_readings readings;
        struct error error;
        char query[256];
        snprintf(query, sizeof(query), "hub.mode=publish&hub.topic=%s", cases[i].sent);
        if (topic_readings_init(&readings, query, "hub.topic", &error) != 0)
            fail_msg("%s: %s", query, error.message);
        for (size_t j = 0; j < readings.count; j++) {
            if (!cases[i].readings[j])
                fail_msg("%s: %s too", cases[i].sent, readings.topics[j]);
            assert_string_equal(readings.topics[j], cases[i].readings[j]);
        }
        assert_null(cases[i].readings[readings.count]);
        topic_readings_fini(&readings);
        assert_int_equal(readings.count, 0);
    }
}

static void test_no_topic(void **state)
{
    (void)state;
    static const struct {
        const char *query, *reason;
    } cases[] = {
        {"", "is missing"},
        {"topic=a", "is missing"},
        {"hub.topic=", "is empty"},
        {"hub.topic=%07", "contains"},
        {"hub.topic=%f", "a '%' is not followed"},
        {"hub.topic=a&x=%00", "a parameter contains a NUL"},
        {"hub.topic=%ff", "a parameter is not valid UTF-8"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct topic_readings readings;
        struct error error;
        assert_int_equal(topic_readings_init(&readings, cases[i].query, "hub.topic", &error), -1);
        assert_int_equal(error.code, ERROR_INVALID);
        if (strncmp(error.message, cases[i].reason, strlen(cases[i].reason)) != 0)
            fail_msg("%s: %s", cases[i].query, error.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readings),
        cmocka_unit_test(test_no_topic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
