#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "common/id.h"
#include "common/kafka_name.h"

static void assert_name(const char *topic, const char *readable)
{
    char name[KAFKA_NAME_MAX + 1];
    char expected[KAFKA_NAME_MAX + 1];
    char id[ID_HEX_SIZE];
    id_topic(topic, id);
    snprintf(expected, sizeof(expected), "websub-%s%.16s", readable, id);
    kafka_name_messages("websub-", topic, name);
    assert_string_equal(name, expected);
    assert_true(kafka_name_valid(name));
}

static void test_readable(void **state)
{
    (void)state;
    assert_name("http://a.example/feed", "http-a-example-feed-");
    assert_name("partner/CREDENTIAL_ISSUED", "partner-CREDENTIAL-ISSUED-");
    assert_name("a", "a-");
    assert_name("--a--", "a-");
    assert_name("///", "");
    assert_name("\x01\xff\xc3\xbc%\n", "");
    assert_name("gr\xc3\xbcn..", "gr-n-");
}

/* The Ballerina hubs mix these up. */
static void test_alike(void **state)
{
    (void)state;
    static const char *const topics[] = {"http://x/a/b", "http://x/a_b",  "http://x/a.b",
                                         "http://x/a-b", "http://x/a//b", "http_x_a_b",
                                         "HTTP://x/a/b", "http://x/a/b/"};
    char names[ARRAY_COUNT(topics)][KAFKA_NAME_MAX + 1];
    for (size_t i = 0; i < ARRAY_COUNT(topics); i++) {
        kafka_name_messages("websub-", topics[i], names[i]);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(names[i], names[j]);
    }
}

static void test_long(void **state)
{
    (void)state;
    char topic[4097];
    char one[KAFKA_NAME_MAX + 1], two[KAFKA_NAME_MAX + 1];
    memset(topic, 'x', sizeof(topic) - 1);
    topic[4096] = '\0';
    kafka_name_messages("websub-", topic, one);
    assert_int_equal(strlen(one), KAFKA_NAME_MAX);
    assert_true(kafka_name_valid(one));
    topic[4095] = 'y'; /* beyond the cut: the hash alone tells them apart */
    kafka_name_messages("websub-", topic, two);
    assert_int_equal(strlen(two), KAFKA_NAME_MAX);
    assert_string_not_equal(one, two);
    assert_memory_equal(one, two, KAFKA_NAME_MAX - 16);
}

/* Every length around the cut, with a '-' at it too. */
static void test_cut(void **state)
{
    (void)state;
    char topic[300];
    char name[KAFKA_NAME_MAX + 1];
    for (size_t length = 215; length < 235; length++) {
        for (size_t dash = 215; dash < length; dash++) {
            memset(topic, 'x', length);
            topic[dash] = '/';
            topic[length] = '\0';
            kafka_name_messages("websub-", topic, name);
            assert_true(kafka_name_valid(name));
            assert_null(strstr(name, "--"));
        }
    }
}

static void test_prefix(void **state)
{
    (void)state;
    char prefix[101];
    char name[KAFKA_NAME_MAX + 1];
    memset(prefix, 'p', 100);
    prefix[100] = '\0';
    kafka_name_messages(prefix, "topic", name);
    assert_memory_equal(name, prefix, 100);
    assert_true(kafka_name_valid(name));
    kafka_name_messages("", "topic", name);
    assert_memory_equal(name, "topic-", 6);
}

static void test_valid(void **state)
{
    (void)state;
    assert_true(kafka_name_valid("websub-events"));
    assert_true(kafka_name_valid("A.b_c-9"));
    assert_true(kafka_name_valid("..."));
    assert_false(kafka_name_valid(""));
    assert_false(kafka_name_valid("."));
    assert_false(kafka_name_valid(".."));
    assert_false(kafka_name_valid("a/b"));
    assert_false(kafka_name_valid("a b"));
    assert_false(kafka_name_valid("\xc3\xbc"));
    char name[KAFKA_NAME_MAX + 2];
    memset(name, 'n', sizeof(name));
    name[KAFKA_NAME_MAX + 1] = '\0';
    assert_false(kafka_name_valid(name));
    name[KAFKA_NAME_MAX] = '\0';
    assert_true(kafka_name_valid(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readable), cmocka_unit_test(test_alike),
        cmocka_unit_test(test_long),     cmocka_unit_test(test_cut),
        cmocka_unit_test(test_prefix),   cmocka_unit_test(test_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
