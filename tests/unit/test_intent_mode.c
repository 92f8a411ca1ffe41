/* Callbacks of MOSIP's clients that say what is intended. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "common/intent_mode.h"

#define C "https://s.example/cb"

static void test_one_subscription(void **state)
{
    (void)state;
    static const struct {
        const char *callback, *normal;
    } cases[] = {
        {C "?intentMode=unsubscribe", C "?intentMode=subscribe"},
        {C "?a=b&intentMode=unsubscribe", C "?a=b&intentMode=subscribe"},
        {C "?intentMode=subscribe", C "?intentMode=subscribe"},
        {C, C},
        {C "?", C "?"},
        {C "?intentMode=unsubscribe&a=b", C "?intentMode=unsubscribe&a=b"},
        {C "?myintentMode=unsubscribe", C "?myintentMode=unsubscribe"},
        {C "?intentMode=unsubscribed", C "?intentMode=unsubscribed"},
        {C "?intentmode=unsubscribe", C "?intentmode=unsubscribe"},
        {C "&intentMode=unsubscribe", C "&intentMode=unsubscribe"},
        {"intentMode=unsubscribe", "intentMode=unsubscribe"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char text[128];
        strcpy(text, cases[i].callback);
        intent_mode_normalize(text);
        assert_string_equal(text, cases[i].normal);
        intent_mode_normalize(text);
        assert_string_equal(text, cases[i].normal);
    }
}

static void test_where_to_verify(void **state)
{
    (void)state;
    static const struct {
        const char *callback, *other;
    } cases[] = {
        {C "?intentMode=subscribe", C "?intentMode=unsubscribe"},
        {C "?a=b&intentMode=subscribe", C "?a=b&intentMode=unsubscribe"},
        {C "?intentMode=subscribe&a=b", NULL},
        {C "?a=b", NULL},
        {C, NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char *other = intent_mode_to_unsubscribe(cases[i].callback);
        assert_int_equal(!other, !cases[i].other);
        if (other)
            assert_string_equal(other, cases[i].other);
        free(other);
    }
}

static void test_how_it_is_known(void **state)
{
    (void)state;
    char *callback = intent_mode_to_subscribe(C);
    assert_string_equal(callback, C "?intentMode=subscribe");
    free(callback);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_subscription),
        cmocka_unit_test(test_where_to_verify),
        cmocka_unit_test(test_how_it_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
