#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dispatcher/link.h"

static void test_both_relations_stand_in_one_header(void **state)
{
    (void)state;
    char *line = link_header("https://hub.example/hub", "https://registry.example/births?a=1,2;b");
    assert_string_equal(line, "Link: <https://hub.example/hub>; rel=\"hub\", "
                              "<https://registry.example/births?a=1,2;b>; rel=\"self\"");
    free(line);
}

static void test_what_cannot_stand_in_the_brackets_is_encoded(void **state)
{
    (void)state;
    static const struct {
        const char *topic;
        const char *reference;
    } cases[] = {
        {"partner/CREDENTIAL_ISSUED", "partner/CREDENTIAL_ISSUED"},
        {"a b", "a%20b"},
        {"a>b<c", "a%3Eb%3Cc"},
        {"\"quoted\" \\ ^ ` { | }", "%22quoted%22%20%5C%20%5E%20%60%20%7B%20%7C%20%7D"},
        {"100%25", "100%25"},
        {"\xc3\xbc", "%C3%BC"},
        {"\xf0\x9f\x93\xac", "%F0%9F%93%AC"},
        {"line\r\nX-Evil: 1", "line%0D%0AX-Evil:%201"},
        {"\x01\x1f\x7f\t", "%01%1F%7F%09"},
        {"!#$&'()*+,-./:;=?@[]_~", "!#$&'()*+,-./:;=?@[]_~"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char expected[256];
        snprintf(expected, sizeof(expected), "Link: <h>; rel=\"hub\", <%s>; rel=\"self\"",
                 cases[i].reference);
        char *line = link_header("h", cases[i].topic);
        assert_string_equal(line, expected);
        free(line);
    }
}

static void test_no_byte_can_end_the_reference_or_the_line(void **state)
{
    (void)state;
    char topic[256];
    for (int i = 0; i < 255; i++)
        topic[i] = (char)(i + 1);
    topic[255] = '\0';
    char *line = link_header(topic, topic);
    int opens = 0, closes = 0;
    for (const char *c = line; *c; c++) {
        assert_true(*c >= ' ' && *c < 127);
        opens += *c == '<';
        closes += *c == '>';
    }
    assert_int_equal(opens, 2);
    assert_int_equal(closes, 2);
    free(line);
}

static void test_the_longest_topic_fits(void **state)
{
    (void)state;
    char topic[4097];
    memset(topic, '\x80', sizeof(topic) - 1);
    topic[4096] = '\0';
    char *line = link_header("h", topic);
    assert_int_equal(strlen(line), strlen("Link: <h>; rel=\"hub\", <>; rel=\"self\"") + 3 * 4096);
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_relations_stand_in_one_header),
        cmocka_unit_test(test_what_cannot_stand_in_the_brackets_is_encoded),
        cmocka_unit_test(test_no_byte_can_end_the_reference_or_the_line),
        cmocka_unit_test(test_the_longest_topic_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
