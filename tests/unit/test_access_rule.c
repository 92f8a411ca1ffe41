/* Rules of auth.rules: what is one, and what it matches. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/access_rule.h"

static void what_is_no_rule_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "publish",
        "publish orders",
        "publish orders ",
        " publish orders any",
        "publish orders any ",
        "publish  orders any",
        "publish orders  any",
        "publish orders nobody",
        "publish orders role:",
        "publish orders user:",
        "publish orders ROLE:x",
        "publish orders any,role:x",
        "read orders any",
        "publish, orders any",
        ",publish orders any",
        "publish,,register orders any",
        "PUBLISH orders any",
        "*,publish orders any",
        "publish** orders any",
        "publish orders* any",
        "publish */x* any",
        "publish ** any",
        "publish a{b} any",
        "publish {b}a any",
        "publish {} any",
        "publish {a any",
        "publish a} any",
        "publish {a}{b} any",
        "publish {{a}} any",
        "publish {a/b} any",
        "publish {a} role:{b}",
        "publish {a} role:{",
        "publish {a} role:}",
        "publish {a} role:{a",
        "publish {a} role:a}",
        "publish {a} role:{}",
        "publish {a} role:{{a}}",
        "publish * role:{*}",
        "publish a/b role:{a}",
        "publish {a} role:{A}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct access_rule rule;
        struct error error = {0};
        if (access_rule_parse(texts[i], &rule, &error) == 0)
            fail_msg("accepted: '%s'", texts[i]);
        assert_int_equal(error.code, ERROR_CONFIG);
        assert_true(error.message[0] != '\0');
    }
}

static void too_many_segments_are_refused(void **state)
{
    struct access_rule rule;
    struct error error;
    char text[200];
    (void)state;
    for (int count = 31; count <= 33; count++) {
        strcpy(text, "publish {s}");
        for (int i = 1; i < count; i++)
            strcat(text, "/{s}");
        strcat(text, " any");
        bool good = access_rule_parse(text, &rule, &error) == 0;
        assert_true(good == (count <= 32));
        if (good)
            access_rule_fini(&rule);
    }
}

static void operations_are_a_set(void **state)
{
    static const struct {
        const char *text;
        unsigned operations;
    } cases[] = {
        {"publish t any", 1u << ACCESS_PUBLISH},
        {"publish,publish t any", 1u << ACCESS_PUBLISH},
        {"subscribe,unsubscribe t any", 1u << ACCESS_SUBSCRIBE | 1u << ACCESS_UNSUBSCRIBE},
        {"register,deregister t any", 1u << ACCESS_REGISTER | 1u << ACCESS_DEREGISTER},
        {"* t any", (1u << ACCESS_OPERATION_COUNT) - 1},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct access_rule rule;
        struct error error;
        assert_int_equal(access_rule_parse(cases[i].text, &rule, &error), 0);
        assert_int_equal(rule.operations, cases[i].operations);
        access_rule_fini(&rule);
    }
}

/* `required` NULL: the rule is not about it. */
static void check(const char *text, const char *topic, const char *user, const char *required)
{
    struct access_rule rule;
    struct error error;
    struct buffer filled = {0};
    buffer_append_string(&filled, "left from before");
    if (access_rule_parse(text, &rule, &error) != 0)
        fail_msg("%s: %s", text, error.message);
    bool matches = access_rule_matches(&rule, ACCESS_PUBLISH, topic, user, &filled);
    if (matches != (required != NULL))
        fail_msg("'%s' %s '%s'", text, matches ? "matches" : "does not match", topic);
    if (required)
        assert_string_equal(filled.data, required);
    assert_false(access_rule_matches(&rule, ACCESS_DEREGISTER, topic, user, &filled));
    access_rule_fini(&rule);
    buffer_fini(&filled);
}

static void patterns_match_segment_by_segment(void **state)
{
    static const struct {
        const char *pattern, *topic;
        bool matches;
    } cases[] = {
        {"orders", "orders", true},
        {"orders", "Orders", false},
        {"orders", "order", false},
        {"orders", "orders2", false},
        {"orders", "orders/", false},
        {"orders", "/orders", false},
        {"orders/eu", "orders/eu", true},
        {"orders/eu", "orders//eu", false},
        {"orders/eu", "orders/eu/x", false},
        {"a//b", "a//b", true},
        {"a/", "a/", true},
        {"a/", "a", false},
        {"with blanks in it", "with blanks in it", true},
        /* "*" in the middle: exactly one, not empty */
        {"*/b", "a/b", true},
        {"*/b", "/b", false},
        {"*/b", "a/a/b", false},
        {"a/*/c", "a/b/c", true},
        {"a/*/c", "a//c", false},
        {"a/*/c", "a/b/b/c", false},
        {"a/*/c", "a/c", false},
        /* at the end: all that follow */
        {"*", "a", true},
        {"*", "a/b/c", true},
        {"*", "http://publisher.example/feed?x=1", true},
        {"a/*", "a/b", true},
        {"a/*", "a/b/c", true},
        {"a/*", "a/", true},
        {"a/*", "a", false},
        {"a/*", "ab/c", false},
        {"*/*", "a", false},
        {"*/*", "a/b/c", true},
        {"http://publisher.example/*", "http://publisher.example/feed", true},
        {"http://publisher.example/*", "http://publisher.example.evil.example/feed", false},
        {"http://publisher.example/*", "https://publisher.example/feed", false},
        /* placeholders: one, not empty */
        {"{x}", "a", true},
        {"{x}", "a/b", false},
        {"{x}/b", "/b", false},
        {"a/{x}", "a/", false},
        {"{x}/{y}", "a/b", true},
        {"{x}/{x}", "a/a", true},
        {"{x}/{x}", "a/b", false},
        {"{x}/{x}", "a/ab", false},
        {"{x}/{y}/{x}", "a/b/a", true},
        {"{x}/{y}/{x}", "a/b/b", false},
        {"{x}/*", "a/b/c", true},
        {"*/{x}", "a/b", true},
        /* the user is alice */
        {"{user}/inbox", "alice/inbox", true},
        {"{user}/inbox", "bob/inbox", false},
        {"{user}/inbox", "alicebob/inbox", false},
        {"{user}/inbox", "ali/inbox", false},
        {"{user}/inbox", "{user}/inbox", false},
        {"{user}/{user}", "alice/alice", true},
        {"{user}/{user}", "alice/bob", false},
        /* what a stranger may try */
        {"orders/eu", "orders/eu/../../secret", false},
        {"orders/{x}", "orders/eu/../../secret", false},
        {"orders/eu", "*", false},
        {"orders/eu", "orders/*", false},
        {"orders/eu", "{x}/eu", false},
        {"{x}", "{x}", true},
        {"*/b", "*/b", true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char text[200];
        snprintf(text, sizeof(text), "publish %s role:r", cases[i].pattern);
        check(text, cases[i].topic, "alice", cases[i].matches ? "r" : NULL);
    }
}

static void placeholders_are_filled_in(void **state)
{
    (void)state;
    check("publish orders/{region} role:ORDERS_{region}", "orders/EU", "alice", "ORDERS_EU");
    check("publish {a}/{b} role:{b}-{a}-{b}", "x/y", "alice", "y-x-y");
    check("publish {a}/* role:{a}_{user}", "x/y/z", "alice", "x_alice");
    check("publish {a} user:{a}", "alice", "alice", "alice");
    check("publish * user:{user}", "anything", "alice", "alice");
    check("publish {a} any", "x", "alice", "");
}

/* What stands in for a placeholder is text: never a placeholder, pattern or format again. */
static void values_are_not_looked_at_again(void **state)
{
    (void)state;
    check("publish {a}/{b} role:{a}", "{b}/secret", "alice", "{b}");
    check("publish {a}/{b} role:{a}{b}", "{user}/%s%n", "alice", "{user}%s%n");
    check("publish {a} role:{a}_{user}", "x", "{a}", "x_{a}");
    check("publish {a} role:PUBLISH_{a}", "*", "alice", "PUBLISH_*");
    check("publish {a} role:{a}", "}{", "alice", "}{");
}

/* A user whose name is no segment has no topic of that pattern. */
static void strange_users_get_nothing_of_others(void **state)
{
    (void)state;
    check("publish {user}/x any", "a/x", "a/x", NULL);
    check("publish {user}/x any", "/x", "", NULL);
    check("publish {user} any", "*", "*", "");
    check("publish {user} any", "alice", "*", NULL);
}

static void names_of_operations_are_those_of_rules(void **state)
{
    (void)state;
    for (int i = 0; i < ACCESS_OPERATION_COUNT; i++) {
        char text[100];
        struct access_rule rule;
        struct error error;
        snprintf(text, sizeof(text), "%s t any", access_operation_name((enum access_operation)i));
        assert_int_equal(access_rule_parse(text, &rule, &error), 0);
        assert_int_equal(rule.operations, 1u << i);
        access_rule_fini(&rule);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_rule_is_refused),
        cmocka_unit_test(too_many_segments_are_refused),
        cmocka_unit_test(operations_are_a_set),
        cmocka_unit_test(patterns_match_segment_by_segment),
        cmocka_unit_test(placeholders_are_filled_in),
        cmocka_unit_test(values_are_not_looked_at_again),
        cmocka_unit_test(strange_users_get_nothing_of_others),
        cmocka_unit_test(names_of_operations_are_those_of_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
