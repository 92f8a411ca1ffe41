#include "tests/unit/unit.h"

#include <time.h>

#include "common/clock.h"

static void assert_format(int64_t wall_ms, const char *expected)
{
    char text[CLOCK_TIMESTAMP_SIZE];
    clock_format(wall_ms, text);
    assert_string_equal(text, expected);
}

static void test_format(void **state)
{
    (void)state;
    assert_format(0, "1970-01-01T00:00:00.000Z");
    assert_format(1, "1970-01-01T00:00:00.001Z");
    assert_format(-1, "1969-12-31T23:59:59.999Z");
    assert_format(951782400000, "2000-02-29T00:00:00.000Z");
    assert_format(1767225599999, "2025-12-31T23:59:59.999Z");
    assert_format(4102444800123, "2100-01-01T00:00:00.123Z");
}

/* Times may come from a peer: four digits of a year are all there is. */
static void test_format_bounds(void **state)
{
    (void)state;
    assert_format(INT64_MAX, "9999-12-31T23:59:59.999Z");
    assert_format(INT64_MIN, "0000-01-01T00:00:00.000Z");
    assert_format(253402300799999, "9999-12-31T23:59:59.999Z");
    assert_format(253402300800000, "9999-12-31T23:59:59.999Z");
}

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* -1: no time */
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:00", 0},
        {"1970-01-01T00:01", 60000},
        {"1970-01-01T00:00:01.5Z", 1500},
        {"1970-01-01T00:00:01.05Z", 1050},
        {"1970-01-01T00:00:01.005", 1005},
        {"1970-01-01T00:00:01.005999999Z", 1005},
        {"2026-01-31T12:00:00.123Z", 1769860800123},
        {"2026-01-31T13:00:00.123+01:00", 1769860800123},
        {"2026-01-31T13:00:00.123+0100", 1769860800123},
        {"2026-01-31T06:30:00.123-05:30", 1769860800123},
        {"2024-02-29T00:00:00Z", 1709164800000},
        {"9999-12-31T23:59:59.999Z", 253402300799999},
        {"2026-02-29T00:00:00Z", -1},
        {"2026-04-31T00:00:00Z", -1},
        {"2026-13-01T00:00:00Z", -1},
        {"2026-00-01T00:00:00Z", -1},
        {"2026-01-01T24:00:00Z", -1},
        {"2026-01-01T00:60:00Z", -1},
        {"2026-01-01T00:00:60Z", -1},
        {"2026-01-01T00:00:00.Z", -1},
        {"2026-01-01T00:00:00.0000000001Z", -1},
        {"2026-01-01T00:00:00ZZ", -1},
        {"2026-01-01T00:00:00 ", -1},
        {"2026-01-01T00:00:00+1", -1},
        {"2026-01-01T00:00:00+19:00", -1},
        {"2026-01-01 00:00:00", -1},
        {"2026-01-01", -1},
        {"20260101T000000Z", -1},
        {"-026-01-01T00:00:00Z", -1},
        {"1769860800123", -1},
        {"now", -1},
        {"", -1},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        int64_t ms = 0;
        bool parsed = clock_parse(cases[i].text, &ms);
        if (parsed != (cases[i].ms >= 0) || (parsed && ms != cases[i].ms))
            fail_msg("%s: %lld", cases[i].text, (long long)ms);
    }
}

static void test_wall(void **state)
{
    (void)state;
    int64_t now = clock_wall_ms();
    int64_t seconds = (int64_t)time(NULL);
    assert_in_range((uint64_t)(now / 1000), (uint64_t)seconds - 2, (uint64_t)seconds + 2);
}

static void test_monotonic(void **state)
{
    (void)state;
    int64_t last = clock_monotonic_us();
    for (int i = 0; i < 10000; i++) {
        int64_t now = clock_monotonic_us();
        assert_true(now >= last);
        last = now;
    }
    int64_t ms = clock_monotonic_ms();
    assert_true(ms >= last / 1000 && ms <= last / 1000 + 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),    cmocka_unit_test(test_format_bounds),
        cmocka_unit_test(test_parse),     cmocka_unit_test(test_wall),
        cmocka_unit_test(test_monotonic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
