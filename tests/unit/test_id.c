#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/id.h"
#include "common/kafka_name.h"

#define PAIRS 5000

/* The vectors were computed with sha256sum: a change would orphan every stored subscription. */
static void test_known(void **state)
{
    (void)state;
    char id[ID_HEX_SIZE];
    id_topic("abc", id);
    assert_string_equal(id, "ba7816bf8f01cfea414140de5dae2223");
    id_topic("", id);
    assert_string_equal(id, "e3b0c44298fc1c149afbf4c8996fb924");
    id_subscription("http://a.example/feed", "http://b.example/cb", id);
    assert_string_equal(id, "f3b3f094eb5539ec3e69ac5414d31635");
}

static void test_separator(void **state)
{
    (void)state;
    char one[ID_HEX_SIZE], two[ID_HEX_SIZE];
    id_subscription("ab", "c", one);
    id_subscription("a", "bc", two);
    assert_string_not_equal(one, two);
    id_subscription("", "abc", two);
    assert_string_not_equal(one, two);
}

static void test_keys(void **state)
{
    (void)state;
    char *topic = id_topic_key("http://a/b c");
    assert_string_equal(topic, "topic:http://a/b c");
    free(topic);
    char *subscription = id_subscription_key("00ff");
    assert_string_equal(subscription, "subscription:00ff");
    free(subscription);
}

static bool is_hex(const char *text, size_t length)
{
    return strspn(text, "0123456789abcdef") >= length;
}

static void test_uuid7(void **state)
{
    (void)state;
    int64_t before = clock_wall_ms();
    char last[ID_UUID_SIZE] = "";
    for (int i = 0; i < 1000; i++) {
        char id[ID_UUID_SIZE];
        id_uuid7(id);
        assert_int_equal(strlen(id), 36);
        assert_true(is_hex(id, 8) && is_hex(id + 9, 4) && is_hex(id + 14, 4));
        assert_true(is_hex(id + 19, 4) && is_hex(id + 24, 12));
        assert_true(id[8] == '-' && id[13] == '-' && id[18] == '-' && id[23] == '-');
        assert_int_equal(id[14], '7');
        assert_non_null(strchr("89ab", id[19]));
        assert_string_not_equal(id, last);
        assert_true(memcmp(id, last, 13) >= 0); /* the time part never falls */
        memcpy(last, id, sizeof(last));

        unsigned long high = strtoul(id, NULL, 16);
        unsigned long low = strtoul(id + 9, NULL, 16);
        int64_t time = (int64_t)(high << 16 | low), read;
        assert_true(time >= before && time <= clock_wall_ms());
        assert_true(id_uuid7_time(id, &read));
        assert_int_equal(read, time);
    }
}

static void test_uuid8(void **state)
{
    (void)state;
    char id[ID_UUID_SIZE], again[ID_UUID_SIZE];
    /* SHA-256("abc") = ba7816bf 8f01cfea 414140de 5dae2223 ..., with version and variant. */
    id_uuid8("abc", id);
    assert_string_equal(id, "ba7816bf-8f01-8fea-8141-40de5dae2223");
    id_uuid8("abc", again);
    assert_string_equal(id, again);
    id_uuid8("abd", again);
    assert_string_not_equal(id, again);
}

static void test_uuid7_that_follows_from_a_name(void **state)
{
    (void)state;
    char id[ID_UUID_SIZE], again[ID_UUID_SIZE], other[ID_UUID_SIZE];
    /* SHA-256("abc") is ba7816bf8f01cfea414140de5dae2223...; 0x0123456789ab ms. */
    id_uuid7_of(0x0123456789ab, "abc", id);
    assert_string_equal(id, "01234567-89ab-7fea-8141-40de5dae2223");
    id_uuid7_of(0x0123456789ab, "abc", again);
    assert_string_equal(id, again);
    id_uuid7_of(0x0123456789ab, "abd", other);
    assert_string_not_equal(id, other);
}

static void test_what_is_no_uuid7(void **state)
{
    (void)state;
    static const char *const others[] = {
        "",
        "x",
        "019ab7c0-1234-7abc-8def-0123456789a",
        "019ab7c0-1234-7abc-8def-0123456789abc",
        "019ab7c0-1234-4abc-8def-0123456789ab",
        "019ab7c0-1234-7abc-cdef-0123456789ab",
        "019ab7c0-1234-7abc-8def-0123456789AB",
        "019ab7c0+1234-7abc-8def-0123456789ab",
        "019ab7c0-1234-7abc-8def-01234567 9ab",
    };
    int64_t ms;
    for (size_t i = 0; i < ARRAY_COUNT(others); i++)
        assert_false(id_uuid7_time(others[i], &ms));
    assert_true(id_uuid7_time("017f22e2-79b0-7cc3-98c4-dc0c0c07398f", &ms)); /* RFC 9562, A.6 */
    assert_int_equal(ms, 1645557742000);
}

static void test_partition(void **state)
{
    (void)state;
    /* SHA-256("abc") starts with ba7816bf8f01cfea. */
    assert_int_equal(id_partition("abc", 3, 1000), (int)(UINT64_C(0xba7816bf8f01cfea) % 1000));
    assert_int_equal(id_partition("abc", 3, 1), 0);

    int counts[32] = {0};
    for (int i = 0; i < 32000; i++) {
        char key[32];
        int length = snprintf(key, sizeof(key), "subscription:%d", i);
        int32_t partition = id_partition(key, (size_t)length, 32);
        assert_in_range(partition, 0, 31);
        counts[partition]++;
    }
    for (int i = 0; i < 32; i++)
        assert_in_range(counts[i], 800, 1200);
}

/* A random string of characters that tempt a sanitiser; seeded, so that a failure can be repeated.
 */
static void random_text(unsigned *seed, const char *start, char *out, size_t size)
{
    static const char alphabet[] = "ab01/_-.:?&=%~ ";
    size_t length = strlen(start);
    memcpy(out, start, length);
    size_t end = length + 3 + (size_t)rand_r(seed) % (size - length - 4);
    while (length < end)
        out[length++] = alphabet[(size_t)rand_r(seed) % (sizeof(alphabet) - 1)];
    out[length] = '\0';
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void assert_distinct(void *strings, size_t count, size_t size)
{
    qsort(strings, count, size, compare);
    for (size_t i = 1; i < count; i++) {
        const char *previous = (const char *)strings + (i - 1) * size;
        assert_string_not_equal(previous, previous + size);
    }
}

static void test_distinct(void **state)
{
    (void)state;
    static char topics[PAIRS][80];
    static char pairs[PAIRS][160];
    static char ids[PAIRS][ID_HEX_SIZE];
    static char names[PAIRS][KAFKA_NAME_MAX + 1];
    unsigned seed = 20260101;
    for (size_t i = 0; i < PAIRS; i++) {
        char callback[72];
        random_text(&seed, "http://x/", topics[i], 40);
        /* The end keeps the inputs distinct, and differs where sanitising makes everything alike.
         */
        snprintf(topics[i] + strlen(topics[i]), 30, "%c%zu", "/_-."[i % 4], i / 4);
        random_text(&seed, "http://y/", callback, sizeof(callback));
        int length = snprintf(pairs[i], sizeof(pairs[i]), "%s\n%s", topics[i], callback);
        assert_in_range(length, 1, sizeof(pairs[i]) - 1);
        id_subscription(topics[i], callback, ids[i]);
        kafka_name_messages("websub-", topics[i], names[i]);
        assert_true(kafka_name_valid(names[i]));
    }
    assert_distinct(topics, PAIRS, sizeof(topics[0]));
    assert_distinct(pairs, PAIRS, sizeof(pairs[0]));
    assert_distinct(ids, PAIRS, sizeof(ids[0]));
    assert_distinct(names, PAIRS, sizeof(names[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_separator),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_uuid7),
        cmocka_unit_test(test_uuid7_that_follows_from_a_name),
        cmocka_unit_test(test_what_is_no_uuid7),
        cmocka_unit_test(test_uuid8),
        cmocka_unit_test(test_partition),
        cmocka_unit_test(test_distinct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
