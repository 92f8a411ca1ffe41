#include "tests/unit/unit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/notice.h"
#include "tests/unit/json_edit.h"
#include "tests/unit/mutate.h"

#define TEXT(literal) ((char *)(uintptr_t)(literal))
#define ID            "ba7816bf-8f01-8fea-8141-40de5dae2223"
#define SUBSCRIPTION  "0123456789abcdef0123456789abcdef"

static const char *const names[NOTICE_TYPE_COUNT] = {
    "subscription.suspended", "subscription.recovered", "subscription.lapsing",
    "subscription.lapsed",    "subscription.gone",      "delivery.dead_lettered",
};

/** With everything; borrows its strings. */
static struct notice sample(enum notice_type type)
{
    return (struct notice){
        .type = type,
        .id = ID,
        .at_ms = 1700000000123,
        .subscription = SUBSCRIPTION,
        .topic = TEXT("https://registry.example/births?x=\"1\"&\xc3\xa9"),
        .callback = TEXT("https://bank.example/hooks/1"),
        .owner = TEXT("bank \xc3\xa9"),
        .reason = TEXT("status_5xx"),
        .lease_end_ms = 1700086400777,
        .message = TEXT("01890a5d-ac96-774b-bcce-b302099a8057"),
        .offset = 123456789012,
    };
}

static char *encode(const struct notice *notice)
{
    size_t length;
    char *text = notice_encode(notice, &length);
    assert_int_equal(length, strlen(text));
    return text;
}

static json_t *encoded(const struct notice *notice)
{
    char *text = encode(notice);
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    free(text);
    return object;
}

/* --- writing --- */

static void test_all_that_is_there_is_written(void **state)
{
    (void)state;
    for (int type = 0; type < NOTICE_TYPE_COUNT; type++) {
        const struct notice notice = sample((enum notice_type)type);
        assert_string_equal(notice_type_name(notice.type), names[type]);
        json_t *got = encoded(&notice);
        json_t *wanted =
            json_pack("{s:i, s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:I}", "v", 1, "id",
                      ID, "type", names[type], "at", (json_int_t)1700000000123, "subscription",
                      SUBSCRIPTION, "topic", notice.topic, "callback", notice.callback, "owner",
                      notice.owner, "reason", notice.reason, "lease_end", (json_int_t)1700086400777,
                      "message", notice.message, "offset", (json_int_t)123456789012);
        assert_true(json_equal(got, wanted));
        json_decref(got);
        json_decref(wanted);
    }
}

static void test_what_is_not_there_is_left_out(void **state)
{
    (void)state;
    struct notice notice = sample(NOTICE_GONE);
    notice.owner = notice.reason = notice.message = NULL;
    notice.lease_end_ms = 0;
    json_t *object = encoded(&notice);
    assert_int_equal(json_object_size(object), 7);
    json_decref(object);
}

static void test_a_message_at_the_first_offset_has_one(void **state)
{
    (void)state;
    struct notice notice = sample(NOTICE_DEAD_LETTERED);
    notice.offset = 0;
    json_t *object = encoded(&notice);
    assert_true(json_is_integer(json_object_get(object, "offset")));
    json_decref(object);
}

/** It often carries tokens. */
static void test_of_a_callback_the_query_is_left_out(void **state)
{
    (void)state;
    static const char *const urls[][2] = {
        {"https://a.example/b?token=c", "https://a.example/b"},
        {"https://a.example/b?c?d", "https://a.example/b"},
        {"https://a.example?b", "https://a.example"},
        {"https://a.example/b", "https://a.example/b"},
    };
    struct notice notice = {0};
    for (size_t i = 0; i < ARRAY_COUNT(urls); i++) {
        notice_set_callback(&notice, urls[i][0]);
        assert_string_equal(notice.callback, urls[i][1]);
    }
    notice_fini(&notice);
}

static void test_an_id_tells_types_subscriptions_and_occasions_apart(void **state)
{
    (void)state;
    struct notice notices[] = {sample(NOTICE_GONE), sample(NOTICE_GONE), sample(NOTICE_LAPSED),
                               sample(NOTICE_GONE), sample(NOTICE_GONE)};
    notices[3].subscription[0] = 'f';
    const char *const occasions[] = {"7/8", "7/8", "7/8", "7/8", "7/9"};
    for (size_t i = 0; i < ARRAY_COUNT(notices); i++)
        notice_set_id(&notices[i], occasions[i]);
    assert_int_equal(strlen(notices[0].id), ID_UUID_SIZE - 1);
    assert_string_equal(notices[0].id, notices[1].id);
    for (size_t i = 1; i < ARRAY_COUNT(notices); i++)
        for (size_t j = i + 1; j < ARRAY_COUNT(notices); j++)
            assert_string_not_equal(notices[i].id, notices[j].id);
}

/* --- reading --- */

static int read_head(const char *text, struct notice_head *head)
{
    struct error error = {0};
    int result = notice_read_head(text, strlen(text), head, &error);
    if (result != 0) {
        assert_int_equal(error.code, ERROR_INVALID);
        assert_false(error.retriable);
        assert_true(*error.message);
    }
    return result;
}

static void test_the_head_of_what_was_written_can_be_read(void **state)
{
    (void)state;
    for (int type = 0; type < NOTICE_TYPE_COUNT; type++) {
        const struct notice notice = sample((enum notice_type)type);
        struct notice_head head;
        char *text = encode(&notice);
        assert_int_equal(read_head(text, &head), 0);
        assert_string_equal(head.id, ID);
        assert_string_equal(head.type, names[type]);
        free(text);
    }
}

/** Of a later version of the programs, while both run. */
static void test_a_type_that_is_not_known_can_be_passed_on(void **state)
{
    (void)state;
    struct notice_head head;
    assert_int_equal(
        read_head("{\"v\":1,\"id\":\"" ID "\",\"type\":\"topic.lost\",\"x\":[]}", &head), 0);
    assert_string_equal(head.type, "topic.lost");
}

static void test_what_is_no_notice_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
    } edits[] = {
        {"v", NULL},
        {"v", "2"},
        {"v", "\"1\""},
        {"id", NULL},
        {"id", "7"},
        {"id", "\"\""},
        {"id", "\"ba7816bf-8f01-8fea-8141-40de5dae222\""},
        {"id", "\"ba7816bf-8f01-8fea-8141-40de5dae22233\""},
        {"id", "\"ba7816bf-8f01-8fea-8141-40de5dae22\\r\\n\""},
        {"id", "\"BA7816BF-8F01-8FEA-8141-40DE5DAE2223\""},
        {"type", NULL},
        {"type", "null"},
        {"type", "\"\""},
        {"type", "\"a b\""},
        {"type", "\"01234567890123456789012345678901234567890123456789012345678901234\""},
    };
    struct notice_head head;
    const struct notice notice = sample(NOTICE_GONE);
    char *text = encode(&notice);
    for (size_t i = 0; i < ARRAY_COUNT(edits); i++) {
        char *edited = json_edit(text, edits[i].name, edits[i].value);
        if (read_head(edited, &head) == 0)
            fail_msg("accepted: %s", edited);
        free(edited);
    }
    free(text);
    static const char *const others[] = {"", "{", "[]", "null", "7", "{\"v\":1,\"v\":1}"};
    for (size_t i = 0; i < ARRAY_COUNT(others); i++)
        assert_int_equal(read_head(others[i], &head), -1);
    struct error error;
    assert_int_equal(notice_read_head(NULL, 0, &head, &error), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_that_is_there_is_written),
        cmocka_unit_test(test_what_is_not_there_is_left_out),
        cmocka_unit_test(test_a_message_at_the_first_offset_has_one),
        cmocka_unit_test(test_of_a_callback_the_query_is_left_out),
        cmocka_unit_test(test_an_id_tells_types_subscriptions_and_occasions_apart),
        cmocka_unit_test(test_the_head_of_what_was_written_can_be_read),
        cmocka_unit_test(test_a_type_that_is_not_known_can_be_passed_on),
        cmocka_unit_test(test_what_is_no_notice_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
