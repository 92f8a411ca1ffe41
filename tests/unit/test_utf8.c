#include "tests/unit/unit.h"

#include <string.h>

#include "common/utf8.h"

static void test_valid(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "plain",
        "\xc2\x80",
        "gr\xc3\xbc\xc3\x9f",
        "\xe2\x82\xac",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xf0\x90\x80\x80",
        "\xf0\x9f\x98\x80",
        "\xf4\x8f\xbf\xbf",
    };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        assert_true(utf8_valid(texts[i], strlen(texts[i])));
    assert_true(utf8_valid("a\0b", 3));
}

static void test_invalid(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\x80", /* continuation alone */
        "\xff",
        "\xfe",             /* never used */
        "\xc0\xaf",         /* overlong '/' */
        "\xc1\xbf",         /* overlong */
        "\xe0\x9f\xbf",     /* overlong, three bytes */
        "\xf0\x8f\xbf\xbf", /* overlong, four bytes */
        "\xed\xa0\x80",     /* surrogate */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xe2\x82",
        "\xe2\x28\xa1",
        "\xf0\x9f\x98",
        "\xf0\x9f\x98\x28",
        "ok\xc3",
    };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        assert_false(utf8_valid(texts[i], strlen(texts[i])));
}

static void assert_repaired(const char *text, const char *expected)
{
    struct buffer out = {0};
    utf8_append_repaired(&out, text, strlen(text));
    assert_string_equal(out.data ? out.data : "", expected);
    assert_true(utf8_valid(out.data, out.length));
    buffer_fini(&out);
}

static void test_repair(void **state)
{
    (void)state;
    assert_repaired("gr\xc3\xbcn", "gr\xc3\xbcn");
    assert_repaired("a\xff z", "a\xef\xbf\xbd z");
    assert_repaired("\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd");
    assert_repaired("", "");
}

static void test_control(void **state)
{
    (void)state;
    assert_false(utf8_has_control("abc \xc2\xa0 \xc3\xbc", 9));
    assert_true(utf8_has_control("a\nb", 3));
    assert_true(utf8_has_control("a\0b", 3));
    assert_true(utf8_has_control("\x7f", 1));
    assert_true(utf8_has_control("\xc2\x85", 2)); /* next line */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_repair),
        cmocka_unit_test(test_control),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
