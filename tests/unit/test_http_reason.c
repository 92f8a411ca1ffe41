/* Why an attempt failed: one word for each, which operators and dashboards rely on. */
#include "tests/unit/unit.h"

#include "dispatcher/http_reason.h"

static const char *reason(enum http_outcome outcome, long status)
{
    const struct http_result result = {.outcome = outcome, .status = status};
    return http_reason_name(http_result_reason(&result));
}

static void test_answers_are_told_apart_by_their_status(void **state)
{
    (void)state;
    static const struct {
        long status;
        const char *name;
    } cases[] = {
        {200, "status_2xx"}, {204, "status_2xx"}, {299, "status_2xx"}, {300, "status_3xx"},
        {308, "status_3xx"}, {400, "status_4xx"}, {404, "status_4xx"}, {410, "status_410"},
        {429, "busy"},       {499, "status_4xx"}, {500, "status_5xx"}, {503, "busy"},
        {599, "status_5xx"}, {999, "status_5xx"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_string_equal(reason(HTTP_ANSWERED, cases[i].status), cases[i].name);
}

static void test_without_an_answer_the_outcome_tells(void **state)
{
    (void)state;
    assert_string_equal(reason(HTTP_DNS_FAILED, 0), "dns");
    assert_string_equal(reason(HTTP_REFUSED, 0), "refused");
    assert_string_equal(reason(HTTP_FORBIDDEN, 0), "forbidden_address");
    assert_string_equal(reason(HTTP_FORBIDDEN_PORT, 0), "forbidden_port");
    assert_string_equal(reason(HTTP_FORBIDDEN_URL, 0), "forbidden_url");
    assert_string_equal(reason(HTTP_TLS_FAILED, 0), "tls");
    assert_string_equal(reason(HTTP_CONNECT_TIMED_OUT, 0), "connect_timeout");
    assert_string_equal(reason(HTTP_TIMED_OUT, 0), "timeout");
    assert_string_equal(reason(HTTP_NOT_SENT, 0), "secret_key");
    /* A status of which the rest did not come is no answer. */
    assert_string_equal(reason(HTTP_BROKEN, 200), "broken_connection");
}

static void test_every_reason_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < HTTP_REASON_COUNT; i++) {
        assert_non_null(http_reason_name((enum http_reason)i));
        for (int other = 0; other < i; other++)
            assert_string_not_equal(http_reason_name((enum http_reason)i),
                                    http_reason_name((enum http_reason)other));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_are_told_apart_by_their_status),
        cmocka_unit_test(test_without_an_answer_the_outcome_tells),
        cmocka_unit_test(test_every_reason_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
