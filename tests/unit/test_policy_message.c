/* hub/policy_message: the question to the policy service, and what its answers mean. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "hub/policy_message.h"

/* --- questions --- */

static void check_question(const struct policy_question *question, const char *expected)
{
    size_t length;
    char *body = policy_write_question(question, &length);
    assert_int_equal(length, strlen(body));
    assert_string_equal(body, expected);
    free(body);
}

static void test_question(void **state)
{
    (void)state;
    struct identity *identity = identity_new("jwt", "ann", "");
    identity_add_roles(identity, "read write", " ");
    identity_add_roles(identity, "\xff", "");
    const struct policy_question question = {
        .operation = ACCESS_SUBSCRIBE,
        .topic = "partner/\"NAME\"",
        .callback = "https://subscriber.example/?a=b",
        .identity = identity,
    };
    check_question(&question,
                   "{\"input\":{\"operation\":\"subscribe\",\"topic\":\"partner/\\\"NAME\\\"\","
                   "\"callback\":\"https://subscriber.example/?a=b\",\"identity\":{\"name\":"
                   "\"ann\",\"method\":\"jwt\",\"roles\":[\"read\",\"write\"]}}}");
    identity_unref(identity);
}

static void test_what_there_is_not_is_left_out(void **state)
{
    (void)state;
    const struct policy_question question = {.operation = ACCESS_PUBLISH, .topic = "t"};
    check_question(&question, "{\"input\":{\"operation\":\"publish\",\"topic\":\"t\"}}");
}

/* --- answers --- */

static struct policy_question asked;

static enum policy_answer read_answer(long status, const char *body, const char **problem)
{
    const struct http_fetch_result result = {
        .status = status, .body = body, .length = strlen(body)};
    memset(asked.reason, 'x', sizeof(asked.reason));
    return policy_read_answer(&result, &asked, problem);
}

static void test_answers(void **state)
{
    (void)state;
    const char plain[] = "the policy does not allow it";
    const struct {
        const char *body;
        enum policy_answer answer;
        const char *reason;
        long status; /* 0: 200 */
    } cases[] = {
        {"{\"result\": true}", POLICY_ALLOWS, NULL, 0},
        {"{\"result\": {\"allow\": true}}", POLICY_ALLOWS, NULL, 0},
        {"{\"result\": {\"allow\": true, \"reason\": \"why\"}}", POLICY_ALLOWS, NULL, 0},
        {"{\"decision_id\": \"1\", \"result\": true}", POLICY_ALLOWS, NULL, 0},
        {"{\"result\": false}", POLICY_DENIES, plain, 0},
        {"{\"result\": {\"allow\": false}}", POLICY_DENIES, plain, 0},
        {"{\"result\": {\"allow\": false, \"reason\": \"\"}}", POLICY_DENIES, plain, 0},
        {"{\"result\": {\"allow\": false, \"reason\": \"\\n \"}}", POLICY_DENIES, plain, 0},
        {"{\"result\": {\"allow\": false, \"reason\": 5}}", POLICY_DENIES, plain, 0},
        {"{\"result\": {\"allow\": false, \"reason\": \"not in May\"}}", POLICY_DENIES,
         "not in May", 0},
        {"{\"result\": {\"allow\": false, \"reason\": \"a\\r\\nb\\u0085c\"}}", POLICY_DENIES,
         "a  b c", 0},
        {"{}", POLICY_FAILS, NULL, 0}, /* OPA: the rule is not defined */
        {"{\"result\": null}", POLICY_FAILS, NULL, 0},
        {"{\"result\": \"true\"}", POLICY_FAILS, NULL, 0},
        {"{\"result\": 1}", POLICY_FAILS, NULL, 0},
        {"{\"result\": [true]}", POLICY_FAILS, NULL, 0},
        {"{\"result\": {}}", POLICY_FAILS, NULL, 0},
        {"{\"result\": {\"allow\": \"true\"}}", POLICY_FAILS, NULL, 0},
        {"{\"result\": {\"allow\": {\"allow\": true}}}", POLICY_FAILS, NULL, 0},
        {"{\"result\": false, \"result\": true}", POLICY_FAILS, NULL, 0},
        {"true", POLICY_FAILS, NULL, 0},
        {"", POLICY_FAILS, NULL, 0},
        {"<html>", POLICY_FAILS, NULL, 0},
        {"{\"result\": true}", POLICY_FAILS, NULL, 500},
        {"{\"result\": true}", POLICY_FAILS, NULL, 302},
        {"{\"result\": true}", POLICY_FAILS, NULL, 204},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const char *problem = NULL;
        enum policy_answer answer =
            read_answer(cases[i].status ? cases[i].status : 200, cases[i].body, &problem);
        if (answer != cases[i].answer)
            fail_msg("%s: %d", cases[i].body, (int)answer);
        assert_true(!problem == (answer != POLICY_FAILS));
        if (cases[i].reason)
            assert_string_equal(asked.reason, cases[i].reason);
    }
}

static void test_no_answer(void **state)
{
    (void)state;
    const char *problem = NULL;
    const struct http_fetch_result result = {.problem = "there is no answer in time"};
    assert_int_equal(policy_read_answer(&result, &asked, &problem), POLICY_FAILS);
    assert_string_equal(problem, "there is no answer in time");
    assert_string_equal(asked.reason, "it cannot be found out now whether this is allowed");
}

static void test_a_long_reason_is_cut_between_characters(void **state)
{
    (void)state;
    char body[1000] = "{\"result\": {\"allow\": false, \"reason\": \"a";
    const char *problem;
    for (int i = 0; i < 200; i++)
        strcat(body, "\xc3\xa9");
    strcat(body, "\"}}");
    assert_int_equal(read_answer(200, body, &problem), POLICY_DENIES);
    assert_int_equal(strlen(asked.reason), sizeof(asked.reason) - 1);
    assert_string_equal(asked.reason + sizeof(asked.reason) - 5, "\xc3\xa9\xc3\xa9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_question),
        cmocka_unit_test(test_what_there_is_not_is_left_out),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_a_long_reason_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
