/* What MOSIP's hub writes: names, lists. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "client/migration/mosip_list.h"
#include "client/migration/mosip_name.h"

static void test_names_keep_letters_and_digits_only(void **state)
{
    (void)state;
    static const struct {
        const char *topic, *name;
    } cases[] = {
        {"partner-1/CREDENTIAL_ISSUED", "partner_1_CREDENTIAL_ISSUED"},
        {"a/b", "a_b"},
        {"https://x.example/?q=1", "https___x_example__q_1"},
        {"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80.z", "____z"}, /* characters, not bytes */
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char *name = mosip_name(cases[i].topic);
        assert_string_equal(name, cases[i].name);
        free(name);
    }
    char *group = mosip_group("a/b", "http://c.example/d");
    assert_string_equal(group, "a_b___http___c_example_d");
    free(group);
}

static void test_topics_are_read(void **state)
{
    (void)state;
    static const char text[] = "[{\"topic\":\"a/b\",\"hubMode\":\"register\"},{\"topic\":\"c\"}]";
    struct string_list topics = {0};
    struct error error;
    assert_int_equal(mosip_list_parse_topics(text, strlen(text), &topics, &error), 0);
    assert_int_equal(topics.count, 2);
    assert_string_equal(topics.items[0], "a/b");
    assert_string_equal(topics.items[1], "c");
    mosip_topics_fini(&topics);
    assert_int_equal(mosip_list_parse_topics("[]", 2, &topics, &error), 0);
    assert_int_equal(topics.count, 0);
    mosip_topics_fini(&topics);
}

static void test_subscriptions_are_read(void **state)
{
    (void)state;
    static const char text[] =
        "[{\"hub\":\"h\",\"hubMode\":\"subscribe\",\"hubCallback\":\"http://c.example/\","
        "\"hubTopic\":\"a/b\",\"hubLeaseSeconds\":\"864000\",\"hubSecret\":\"cipher{AAAA}\","
        "\"verificationSuccess\":true,\"consumerGroup\":\"a_b___1_5_\"},"
        "{\"hubCallback\":\"http://d.example/\",\"hubTopic\":\"a/b\",\"hubLeaseSeconds\":null,"
        "\"hubSecret\":null}]";
    struct mosip_subscriptions list = {0};
    struct error error;
    assert_int_equal(mosip_list_parse_subscriptions(text, strlen(text), &list, &error), 0);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0].topic, "a/b");
    assert_string_equal(list.items[0].callback, "http://c.example/");
    assert_string_equal(list.items[0].secret, "cipher{AAAA}");
    assert_string_equal(list.items[0].group, "a_b___1_5_");
    assert_int_equal(list.items[0].lease_seconds, 864000);
    assert_null(list.items[1].secret);
    assert_int_equal(list.items[1].lease_seconds, 0);
    assert_string_equal(list.items[1].group, "a_b___http___d_example_");
    mosip_subscriptions_fini(&list);
}

static void test_odd_leases_count_as_none(void **state)
{
    (void)state;
    static const struct {
        const char *lease;
        int64_t seconds;
    } cases[] = {{"\"\"", 0},    {"\"-5\"", 0}, {"\"1e3\"", 0},
                 {"\" 7\"", 0},  {"864000", 0}, {"\"0\"", 0},
                 {"\"60\"", 60}, {"true", 0},   {"\"99999999999999999999\"", INT64_MAX}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char text[256];
        struct mosip_subscriptions list = {0};
        struct error error;
        snprintf(text, sizeof(text),
                 "[{\"hubTopic\":\"t\",\"hubCallback\":\"c\",\"hubLeaseSeconds\":%s}]",
                 cases[i].lease);
        assert_int_equal(mosip_list_parse_subscriptions(text, strlen(text), &list, &error), 0);
        assert_int_equal(list.items[0].lease_seconds, cases[i].seconds);
        mosip_subscriptions_fini(&list);
    }
}

static void test_what_is_no_list_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "not JSON"},
        {"{}", "not a JSON array"},
        {"[{\"hubTopic\":\"t\",\"hubCallback\":\"c\",\"topic\":\"t\"},{}]", "entry 2 has no"},
        {"[{\"topic\":7,\"hubTopic\":7,\"hubCallback\":\"c\"}]", "entry 1 has no"},
        {"[7]", "entry 1 has no"},
        {"[{\"topic\":\"t\",\"hubTopic\":\"t\",\"hubCallback\":\"c\"}", "not JSON"},
        {"[{\"topic\":\"t\\u0000\",\"hubTopic\":\"t\\u0000\",\"hubCallback\":\"c\"}]", "not JSON"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct string_list topics = {0};
        struct mosip_subscriptions list = {0};
        struct error error;
        size_t length = strlen(cases[i].text);
        assert_int_equal(mosip_list_parse_topics(cases[i].text, length, &topics, &error), -1);
        assert_int_equal(error.code, ERROR_INVALID);
        assert_non_null(strstr(error.message, cases[i].message));
        assert_int_equal(mosip_list_parse_subscriptions(cases[i].text, length, &list, &error), -1);
        assert_non_null(strstr(error.message, cases[i].message));
        assert_int_equal(topics.count + list.count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_keep_letters_and_digits_only),
        cmocka_unit_test(test_topics_are_read),
        cmocka_unit_test(test_subscriptions_are_read),
        cmocka_unit_test(test_odd_leases_count_as_none),
        cmocka_unit_test(test_what_is_no_list_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
