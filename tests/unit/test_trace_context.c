#include "tests/unit/unit.h"

#include <string.h>

#include "common/trace_context.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN  "00f067aa0ba902b7"

static void test_parses_what_the_recommendation_allows(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool valid, sampled;
    } cases[] = {
        {"00-" TRACE "-" SPAN "-01", true, true},
        {"00-" TRACE "-" SPAN "-00", true, false},
        {"00-" TRACE "-" SPAN "-ff", true, true},
        {"00-" TRACE "-" SPAN "-02", true, false},
        {"cc-" TRACE "-" SPAN "-01-later", true, true},
        {"00-" TRACE "-" SPAN "-01-later", false, false},
        {"ff-" TRACE "-" SPAN "-01", false, false},
        {"00-00000000000000000000000000000000-" SPAN "-01", false, false},
        {"00-" TRACE "-0000000000000000-01", false, false},
        {"00-" TRACE "-" SPAN, false, false},
        {"00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01", false, false},
        {"", false, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct trace_context context;
        const char *text = cases[i].text;
        assert_int_equal(trace_context_parse(text, strlen(text), &context), cases[i].valid);
        if (!cases[i].valid)
            continue;
        assert_string_equal(context.trace, TRACE);
        assert_string_equal(context.span, SPAN);
        assert_int_equal(context.sampled, cases[i].sampled);
    }
}

static void test_what_is_written_can_be_parsed(void **state)
{
    (void)state;
    for (int sampled = 0; sampled < 2; sampled++) {
        struct trace_context root, child, parsed;
        char text[TRACE_PARENT_SIZE];
        trace_context_root(sampled, &root);
        trace_context_child(&root, &child);
        trace_context_write(&child, text);
        assert_int_equal(strlen(text), TRACE_PARENT_SIZE - 1);
        assert_true(trace_context_parse(text, strlen(text), &parsed));
        assert_string_equal(parsed.trace, root.trace);
        assert_string_equal(parsed.span, child.span);
        assert_string_not_equal(child.span, root.span);
        assert_int_equal(parsed.sampled, sampled);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parses_what_the_recommendation_allows),
        cmocka_unit_test(test_what_is_written_can_be_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
