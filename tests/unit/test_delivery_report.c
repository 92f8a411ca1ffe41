#include "tests/unit/unit.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/delivery_report.h"
#include "common/json.h"
#include "tests/unit/json_edit.h"
#include "tests/unit/mutate.h"

#define TEXT(literal) ((char *)(uintptr_t)(literal))
#define ID            "dd9f5c222de925eb6d9cc2ba84772ae3"
#define DISPATCHER    "dispatcher/host-9193"

/* --- samples; they borrow their strings --- */

static int32_t sample_shards[] = {0, 3, INT32_MAX};

static const struct subscription_report failing = {
    .id = ID,
    .at_ms = 1700000000123,
    .next = 41,
    .base = 17,
    .oldest_ms = 1699999000000,
    .last_success_ms = 1699998000000,
    .last_failure_ms = 1700000000000,
    .next_attempt_ms = 1700000030000,
    .reason = TEXT("status_5xx"),
    .status = 503,
    .failures = 7,
};

static const struct dispatcher_report dispatcher = {
    .id = TEXT("host-9193"),
    .at_ms = 1700000000123,
    .started_ms = 1699999000000,
    .interval_ms = 5000,
    .version = TEXT("1.0.0"),
    .shards = sample_shards,
    .shard_count = ARRAY_COUNT(sample_shards),
    .subscriptions = 100000,
    .delivered = 123456789012,
    .failed = 3,
    .in_flight = 4,
};

static char *encode_subscription(const struct subscription_report *report)
{
    size_t length;
    char *text = delivery_report_encode_subscription(report, &length);
    assert_int_equal(length, strlen(text));
    return text;
}

static char *encode_dispatcher(const struct dispatcher_report *report)
{
    size_t length;
    char *text = delivery_report_encode_dispatcher(report, &length);
    assert_int_equal(length, strlen(text));
    return text;
}

static int decode(const char *key, const char *text, struct delivery_report *report)
{
    struct error error = {0};
    int result =
        delivery_report_decode(key, strlen(key), text, text ? strlen(text) : 0, report, &error);
    if (result != 0) {
        assert_int_equal(error.code, ERROR_INVALID);
        assert_false(error.retriable);
        assert_true(*error.message);
    }
    return result;
}

static void assert_same_string(const char *a, const char *b)
{
    assert_int_equal(!a, !b);
    if (a)
        assert_string_equal(a, b);
}

static void assert_same_subscription(const struct subscription_report *a,
                                     const struct subscription_report *b)
{
    assert_string_equal(a->id, b->id);
    assert_int_equal(a->at_ms, b->at_ms);
    assert_int_equal(a->next, b->next);
    assert_int_equal(a->base, b->base);
    assert_int_equal(a->oldest_ms, b->oldest_ms);
    assert_int_equal(a->last_success_ms, b->last_success_ms);
    assert_int_equal(a->last_failure_ms, b->last_failure_ms);
    assert_int_equal(a->next_attempt_ms, b->next_attempt_ms);
    assert_same_string(a->reason, b->reason);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->failures, b->failures);
}

static void assert_same_dispatcher(const struct dispatcher_report *a,
                                   const struct dispatcher_report *b)
{
    assert_same_string(a->id, b->id);
    assert_int_equal(a->at_ms, b->at_ms);
    assert_int_equal(a->started_ms, b->started_ms);
    assert_int_equal(a->interval_ms, b->interval_ms);
    assert_same_string(a->version, b->version);
    assert_int_equal(a->shard_count, b->shard_count);
    for (size_t i = 0; i < a->shard_count; i++)
        assert_int_equal(a->shards[i], b->shards[i]);
    assert_int_equal(a->subscriptions, b->subscriptions);
    assert_int_equal(a->delivered, b->delivered);
    assert_int_equal(a->failed, b->failed);
    assert_int_equal(a->in_flight, b->in_flight);
}

static void assert_subscription_comes_back(const struct subscription_report *report)
{
    struct delivery_report decoded;
    char *text = encode_subscription(report);
    if (decode(report->id, text, &decoded) != 0)
        fail_msg("refused: %s", text);
    assert_int_equal(decoded.kind, REPORT_SUBSCRIPTION);
    assert_false(decoded.tombstone);
    assert_same_subscription(&decoded.value.subscription, report);
    delivery_report_fini(&decoded);
    free(text);
}

static void assert_dispatcher_comes_back(const struct dispatcher_report *report)
{
    struct delivery_report decoded;
    char *text = encode_dispatcher(report), *key = delivery_report_key_dispatcher(report->id);
    if (decode(key, text, &decoded) != 0)
        fail_msg("refused: %s", text);
    assert_int_equal(decoded.kind, REPORT_DISPATCHER);
    assert_false(decoded.tombstone);
    assert_same_dispatcher(&decoded.value.dispatcher, report);
    delivery_report_fini(&decoded);
    free(key);
    free(text);
}

/** Refused once `name` is `value` (JSON), or is not there (NULL). */
static void assert_refused_with(const char *key, const char *record, const char *name,
                                const char *value)
{
    struct delivery_report decoded;
    char *text = json_edit(record, name, value);
    if (decode(key, text, &decoded) == 0)
        fail_msg("accepted: %s", text);
    free(text);
}

/* --- round trips --- */

static void test_reports_come_back_as_they_were(void **state)
{
    (void)state;
    assert_subscription_comes_back(&failing);
    assert_dispatcher_comes_back(&dispatcher);
}

static void test_extreme_values_come_back_as_they_were(void **state)
{
    (void)state;
    struct subscription_report subscription = failing;
    subscription.next = subscription.base = 0;
    assert_subscription_comes_back(&subscription);
    subscription.next = subscription.base = INT64_MAX;
    subscription.at_ms = subscription.oldest_ms = subscription.last_success_ms = RECORD_MAX_MS;
    subscription.last_failure_ms = subscription.next_attempt_ms = RECORD_MAX_MS;
    subscription.failures = UINT_MAX;
    subscription.reason = TEXT("\x01 \xf0\x9f\x93\xac \"\\");
    assert_subscription_comes_back(&subscription);

    char id[DISPATCHER_ID_MAX + 1] = "";
    memset(id, 'x', DISPATCHER_ID_MAX);
    struct dispatcher_report report = dispatcher;
    report.id = id;
    report.subscriptions = report.delivered = report.failed = report.in_flight = INT64_MAX;
    assert_dispatcher_comes_back(&report);
    report.id = TEXT("h\xc3\xb6st/1");
    report.shards = NULL;
    report.shard_count = 0;
    report.version = NULL;
    assert_dispatcher_comes_back(&report);
}

static void test_what_is_not_known_is_left_out(void **state)
{
    (void)state;
    const struct subscription_report unknown = {.id = ID, .at_ms = 5, .next = -1, .base = -1};
    char *text = encode_subscription(&unknown);
    assert_string_equal(text, "{\"v\":1,\"at\":5}");
    free(text);
    assert_subscription_comes_back(&unknown);
}

/* The contract with other readers of the topic. */
static void test_records_have_the_documented_members(void **state)
{
    (void)state;
    char *text = encode_subscription(&failing);
    assert_string_equal(
        text,
        "{\"v\":1,\"at\":1700000000123,\"next\":41,\"base\":17,"
        "\"oldest\":1699999000000,\"last_success\":1699998000000,\"last_failure\":1700000000000,"
        "\"reason\":\"status_5xx\",\"status\":503,\"failures\":7,"
        "\"next_attempt\":1700000030000}");
    free(text);
    text = encode_dispatcher(&dispatcher);
    assert_string_equal(text, "{\"v\":1,\"at\":1700000000123,\"started\":1699999000000,"
                              "\"interval_ms\":5000,\"version\":\"1.0.0\","
                              "\"shards\":[0,3,2147483647],\"subscriptions\":100000,"
                              "\"delivered\":123456789012,\"failed\":3,\"in_flight\":4}");
    free(text);
    text = delivery_report_key_dispatcher("host-9193");
    assert_string_equal(text, DISPATCHER);
    free(text);
}

static void test_unknown_members_are_ignored(void **state)
{
    (void)state;
    static const char *const values[] = {"1", "\"x\"", "null", "{\"v\":2}", "[1,[2]]", "1e300"};
    char *text = encode_subscription(&failing);
    for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
        struct delivery_report decoded;
        char *newer = json_edit(text, "added later", values[i]);
        assert_int_equal(decode(ID, newer, &decoded), 0);
        assert_same_subscription(&decoded.value.subscription, &failing);
        delivery_report_fini(&decoded);
        free(newer);
    }
    free(text);
}

static void test_a_record_without_a_value_is_a_tombstone_of_its_key(void **state)
{
    (void)state;
    struct delivery_report decoded;
    assert_int_equal(decode(DISPATCHER, NULL, &decoded), 0);
    assert_true(decoded.tombstone);
    assert_int_equal(decoded.kind, REPORT_DISPATCHER);
    assert_string_equal(decoded.value.dispatcher.id, "host-9193");
    delivery_report_fini(&decoded);
    assert_int_equal(decode(ID, NULL, &decoded), 0);
    assert_true(decoded.tombstone);
    assert_int_equal(decoded.kind, REPORT_SUBSCRIPTION);
    assert_string_equal(decoded.value.subscription.id, ID);
    delivery_report_fini(&decoded);
}

/* --- what is refused --- */

static void test_unknown_keys_are_refused(void **state)
{
    (void)state;
    char too_long[sizeof("dispatcher/") + DISPATCHER_ID_MAX + 1] = "dispatcher/";
    memset(too_long + strlen(too_long), 'x', DISPATCHER_ID_MAX + 1);
    const char *const keys[] = {
        "",
        "d",
        "dispatcher",
        "dispatcher/",
        "Dispatcher/x",
        "subscription:" ID,
        ID "0",
        "dd9f5c222de925eb6d9cc2ba84772ae",
        "DD9F5C222DE925EB6D9CC2BA84772AE3",
        "dd9f5c222de925eb6d9cc2ba84772ag3",
        "dispatcher/a\nb",
        "dispatcher/\x7f",
        "dispatcher/\xc2\x85",
        "dispatcher/\xff",
        "dispatcher/\xed\xa0\x80",
        too_long,
    };
    char *text = encode_subscription(&failing);
    struct delivery_report decoded;
    struct error error;
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        if (decode(keys[i], text, &decoded) == 0 || decode(keys[i], NULL, &decoded) == 0)
            fail_msg("accepted: %s", keys[i]);
    }
    assert_int_equal(delivery_report_decode(NULL, 0, text, strlen(text), &decoded, &error), -1);
    assert_int_equal(delivery_report_decode("dispatcher/a\0b", 14, NULL, 0, &decoded, &error), -1);
    free(text);
}

static void test_a_report_says_when_it_was_made(void **state)
{
    (void)state;
    char *text = encode_subscription(&failing);
    assert_refused_with(ID, text, "at", NULL);
    assert_refused_with(ID, text, "v", NULL);
    assert_refused_with(ID, text, "v", "2");
    free(text);
    text = encode_dispatcher(&dispatcher);
    assert_refused_with(DISPATCHER, text, "at", NULL);
    assert_refused_with(DISPATCHER, text, "v", NULL);
    free(text);
}

static void test_badly_typed_members_are_refused(void **state)
{
    (void)state;
    static const char *const of_subscription[] = {"at",           "next",         "oldest",
                                                  "base",         "last_success", "last_failure",
                                                  "next_attempt", "status",       "failures"};
    static const char *const of_dispatcher[] = {"at",        "started", "interval_ms",  "in_flight",
                                                "delivered", "failed",  "subscriptions"};
    char *text = encode_subscription(&failing);
    for (size_t i = 0; i < ARRAY_COUNT(of_subscription); i++)
        for (const char *const *bad = json_not_an_integer(); *bad; bad++)
            assert_refused_with(ID, text, of_subscription[i], *bad);
    for (const char *const *bad = json_not_a_string(); *bad; bad++)
        assert_refused_with(ID, text, "reason", *bad);
    free(text);

    text = encode_dispatcher(&dispatcher);
    for (size_t i = 0; i < ARRAY_COUNT(of_dispatcher); i++)
        for (const char *const *bad = json_not_an_integer(); *bad; bad++)
            assert_refused_with(DISPATCHER, text, of_dispatcher[i], *bad);
    for (const char *const *bad = json_not_a_string(); *bad; bad++)
        assert_refused_with(DISPATCHER, text, "version", *bad);
    static const char *const no_shards[] = {
        "null", "1", "\"1\"", "{}", "[1.5]", "[\"1\"]", "[null]", "[[1]]", "[-1]", "[2147483648]",
    };
    for (size_t i = 0; i < ARRAY_COUNT(no_shards); i++)
        assert_refused_with(DISPATCHER, text, "shards", no_shards[i]);
    free(text);
}

static void test_values_out_of_range_are_refused(void **state)
{
    (void)state;
    static const char *const times[] = {"at", "oldest", "last_success", "last_failure",
                                        "next_attempt"};
    char *text = encode_subscription(&failing);
    for (size_t i = 0; i < ARRAY_COUNT(times); i++) {
        assert_refused_with(ID, text, times[i], "-1");
        assert_refused_with(ID, text, times[i], "9223372036854775807");
    }
    assert_refused_with(ID, text, "next", "-1");
    assert_refused_with(ID, text, "base", "-1");
    assert_refused_with(ID, text, "status", "-1");
    assert_refused_with(ID, text, "status", "1000");
    assert_refused_with(ID, text, "failures", "-1");
    assert_refused_with(ID, text, "failures", "4294967296");
    free(text);
    text = encode_dispatcher(&dispatcher);
    assert_refused_with(DISPATCHER, text, "delivered", "-1");
    assert_refused_with(DISPATCHER, text, "interval_ms", "9223372036854775807");
    free(text);
}

/* --- damage --- */

static void test_truncated_records_are_refused(void **state)
{
    (void)state;
    char *texts[] = {encode_subscription(&failing), encode_dispatcher(&dispatcher)};
    static const char *const keys[] = {ID, DISPATCHER};
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        for (size_t cut = 0; cut < strlen(texts[i]); cut++) {
            struct error error;
            struct delivery_report decoded;
            /* Of its very size, so that reading beyond the end is seen. */
            char *prefix = malloc(cut > 0 ? cut : 1);
            memcpy(prefix, texts[i], cut);
            assert_int_equal(
                delivery_report_decode(keys[i], strlen(keys[i]), prefix, cut, &decoded, &error),
                -1);
            free(prefix);
        }
        free(texts[i]);
    }
}

static void test_damaged_records_are_refused_or_still_make_sense(void **state)
{
    (void)state;
    enum { ROUNDS = 25000 };
    struct random random = {0x5DEECE66D};
    unsigned accepted = 0;
    char *texts[] = {encode_subscription(&failing), encode_dispatcher(&dispatcher)};
    static const char *const keys[] = {ID, DISPATCHER};
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t i = random_below(&random, ARRAY_COUNT(texts));
        size_t length = strlen(texts[i]);
        char *damaged = malloc(length + 4 * MUTATE_GROWTH);
        memcpy(damaged, texts[i], length);
        length = mutate(&random, damaged, length);
        struct error error;
        struct delivery_report decoded;
        if (delivery_report_decode(keys[i], strlen(keys[i]), damaged, length, &decoded, &error) ==
            0) {
            if (decoded.kind == REPORT_SUBSCRIPTION)
                assert_subscription_comes_back(&decoded.value.subscription);
            else
                assert_dispatcher_comes_back(&decoded.value.dispatcher);
            delivery_report_fini(&decoded);
            accepted++;
        } else {
            assert_int_equal(error.code, ERROR_INVALID);
        }
        free(damaged);
    }
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        free(texts[i]);
    assert_in_range(accepted, ROUNDS / 100, ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reports_come_back_as_they_were),
        cmocka_unit_test(test_extreme_values_come_back_as_they_were),
        cmocka_unit_test(test_what_is_not_known_is_left_out),
        cmocka_unit_test(test_records_have_the_documented_members),
        cmocka_unit_test(test_unknown_members_are_ignored),
        cmocka_unit_test(test_a_record_without_a_value_is_a_tombstone_of_its_key),
        cmocka_unit_test(test_unknown_keys_are_refused),
        cmocka_unit_test(test_a_report_says_when_it_was_made),
        cmocka_unit_test(test_badly_typed_members_are_refused),
        cmocka_unit_test(test_values_out_of_range_are_refused),
        cmocka_unit_test(test_truncated_records_are_refused),
        cmocka_unit_test(test_damaged_records_are_refused_or_still_make_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
