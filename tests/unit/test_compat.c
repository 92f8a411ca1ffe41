/* How answers differ for clients of other hubs. */
#include "tests/unit/unit.h"

#include "common/form.h"
#include "hub/compat.h"

static const struct config plain;
static const struct config mosip = {.compat.mosip = true};
static const struct config old_ballerina = {.compat.ballerina_1 = true};

static void test_accepted(void **state)
{
    (void)state;
    for (int i = 0; i < OPERATION_COUNT; i++) {
        bool registration = i == OPERATION_REGISTER || i == OPERATION_DEREGISTER;
        assert_int_equal(compat_accepted_status(&plain, i, 200), 200);
        assert_int_equal(compat_accepted_status(&mosip, i, 202), 202);
        assert_int_equal(compat_accepted_status(&old_ballerina, i, 200), registration ? 202 : 200);
    }
}

static void test_where_refusals_are_told(void **state)
{
    (void)state;
    static const unsigned in_body[] = {403, 404, 413, 503};
    static const unsigned by_status[] = {400, 401, 405, 415, 429, 431, 500, 501};
    for (int i = 0; i < OPERATION_COUNT; i++) {
        bool decided =
            i == OPERATION_REGISTER || i == OPERATION_DEREGISTER || i == OPERATION_PUBLISH;
        for (size_t j = 0; j < ARRAY_COUNT(in_body); j++) {
            assert_int_equal(compat_refuses_in_body(&mosip, i, in_body[j]), decided);
            assert_false(compat_refuses_in_body(&plain, i, in_body[j]));
        }
        for (size_t j = 0; j < ARRAY_COUNT(by_status); j++)
            assert_false(compat_refuses_in_body(&mosip, i, by_status[j]));
    }
}

static void test_reasons(void **state)
{
    (void)state;
    static const struct {
        const char *reason, *body;
    } cases[] = {
        {"not allowed for this topic", "hub.mode=denied&hub.reason=not allowed for this topic"},
        {"1+1=2 & 100%", "hub.mode=denied&hub.reason=1%2B1%3D2 %26 100%25"},
        {"&&", "hub.mode=denied&hub.reason=%26%26"},
        {"", "hub.mode=denied&hub.reason="},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buffer body = {0};
        struct form form = {0};
        struct error error;
        compat_write_refusal(&body, cases[i].reason);
        assert_string_equal(body.data, cases[i].body);
        assert_int_equal(form_parse(&form, body.data, body.length, &error), 0);
        assert_string_equal(form_get(&form, "hub.reason"), cases[i].reason);
        form_fini(&form);
        buffer_fini(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_where_refusals_are_told),
        cmocka_unit_test(test_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
