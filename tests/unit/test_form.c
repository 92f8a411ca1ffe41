#include "tests/unit/unit.h"

#include <string.h>

#include "common/form.h"

static struct form form;

static int reset(void **state)
{
    (void)state;
    form_fini(&form);
    return 0;
}

static void parse(const char *text)
{
    struct error error;
    assert_int_equal(form_parse(&form, text, strlen(text), &error), 0);
}

static void assert_refused(const char *text, size_t length, enum error_code code,
                           const char *message)
{
    struct error error;
    struct form refused = {0};
    assert_int_equal(form_parse(&refused, text, length, &error), -1);
    assert_int_equal(error.code, code);
    assert_string_equal(error.message, message);
    assert_false(error.retriable);
    form_fini(&refused);
}

static void test_fields(void **state)
{
    (void)state;
    parse("hub.mode=subscribe&hub.topic=http%3A%2F%2Fa.example%2F%3Fx%3D1%26y&hub.secret=a+b%2bc");
    assert_int_equal(form.count, 3);
    assert_string_equal(form_get(&form, "hub.mode"), "subscribe");
    assert_string_equal(form_get(&form, "hub.topic"), "http://a.example/?x=1&y");
    assert_string_equal(form_get(&form, "hub.secret"), "a b+c");
    assert_null(form_get(&form, "hub.callback"));
    assert_null(form_get(&form, "HUB.MODE"));
}

static void test_odd_pairs(void **state)
{
    (void)state;
    parse("&&a=1&&b&=c&d==&e=%C3%BC&%66=%66&");
    assert_int_equal(form.count, 6);
    assert_string_equal(form_get(&form, "a"), "1");
    assert_string_equal(form_get(&form, "b"), "");
    assert_string_equal(form_get(&form, ""), "c");
    assert_string_equal(form_get(&form, "d"), "=");
    assert_string_equal(form_get(&form, "e"), "\xc3\xbc");
    assert_string_equal(form_get(&form, "f"), "f");
}

static void test_plus_that_is_one(void **state)
{
    (void)state;
    struct error error;
    const char text[] = "a+b=c+d%20e%2B";
    assert_int_equal(form_parse_literal(&form, text, strlen(text), &error), 0);
    assert_int_equal(form.count, 1);
    assert_string_equal(form_get(&form, "a+b"), "c+d e+");
    assert_int_equal(form_parse_literal(&form, "a=%", 3, &error), -1);
}

static void test_empty(void **state)
{
    (void)state;
    struct error error;
    assert_int_equal(form_parse(&form, NULL, 0, &error), 0);
    parse("");
    parse("&");
    assert_int_equal(form.count, 0);
    assert_int_equal(form_count(&form, "a"), 0);
}

static void test_query_and_body(void **state)
{
    (void)state;
    parse("hub.mode=publish&a=query");
    parse("a=body&b=2");
    assert_int_equal(form_count(&form, "a"), 2);
    assert_string_equal(form_get(&form, "a"), "query");
    assert_string_equal(form_get(&form, "b"), "2");
}

static void test_refused(void **state)
{
    (void)state;
    const char *percent = "a '%' is not followed by two hex digits";
    assert_refused("a=%", 3, ERROR_INVALID, percent);
    assert_refused("a=%4", 4, ERROR_INVALID, percent);
    assert_refused("a=%4&b=1", 8, ERROR_INVALID, percent);
    assert_refused("a=%zz", 5, ERROR_INVALID, percent);
    assert_refused("%4g=1", 5, ERROR_INVALID, percent);
    assert_refused("a=%-1", 5, ERROR_INVALID, percent);
    assert_refused("a=%00", 5, ERROR_INVALID, "a parameter contains a NUL character");
    assert_refused("a=b\0c", 5, ERROR_INVALID, "a parameter contains a NUL character");
    assert_refused("a\0=b", 4, ERROR_INVALID, "a parameter contains a NUL character");
    assert_refused("a=\xff", 3, ERROR_INVALID, "a parameter is not valid UTF-8");
    assert_refused("a=%C0%AF", 8, ERROR_INVALID, "a parameter is not valid UTF-8");
    assert_refused("%ED%A0%80=1", 11, ERROR_INVALID, "a parameter is not valid UTF-8");
}

/* What came before the error stays, and is freed. */
static void test_partial(void **state)
{
    (void)state;
    struct error error;
    assert_int_equal(form_parse(&form, "a=1&b=%", 7, &error), -1);
    assert_string_equal(form_get(&form, "a"), "1");
}

static void test_too_many(void **state)
{
    (void)state;
    struct buffer text = {0};
    for (int i = 0; i < FORM_MAX_FIELDS; i++)
        buffer_append_format(&text, "&n%d=%d", i, i);
    parse(text.data);
    assert_int_equal(form.count, FORM_MAX_FIELDS);
    buffer_append_string(&text, "&more=1");
    assert_refused(text.data, text.length, ERROR_TOO_LARGE, "more than 64 parameters");
    buffer_fini(&text);
}

/* Whatever is encoded comes back: every byte but NUL, as far as the whole is UTF-8. */
static void test_round_trip(void **state)
{
    (void)state;
    struct buffer value = {0};
    for (int byte = 1; byte < 0x80; byte++) {
        char c = (char)byte;
        buffer_append(&value, &c, 1);
    }
    buffer_append_string(&value, "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80");
    struct buffer encoded = {0};
    form_append(&encoded, "a b&c=", value.data);
    form_append(&encoded, "second", "");
    parse(encoded.data);
    assert_int_equal(form.count, 2);
    assert_string_equal(form_get(&form, "a b&c="), value.data);
    assert_string_equal(form_get(&form, "second"), "");
    assert_null(strpbrk(encoded.data, " +"));
    buffer_fini(&encoded);
    buffer_fini(&value);
}

static void assert_appended(const char *start, const char *expected)
{
    struct buffer out = {0};
    buffer_append_string(&out, start);
    form_append(&out, "n", "a b");
    assert_string_equal(out.data, expected);
    buffer_fini(&out);
}

static void test_append(void **state)
{
    (void)state;
    assert_appended("", "n=a%20b");
    assert_appended("?", "?n=a%20b");
    assert_appended("x=1&", "x=1&n=a%20b");
    assert_appended("x=1", "x=1&n=a%20b");
    struct buffer out = {0};
    form_encode(&out, "-._~aZ9/\0", 9);
    assert_string_equal(out.data, "-._~aZ9%2F%00");
    buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_fields, reset),
        cmocka_unit_test_teardown(test_odd_pairs, reset),
        cmocka_unit_test_teardown(test_plus_that_is_one, reset),
        cmocka_unit_test_teardown(test_empty, reset),
        cmocka_unit_test_teardown(test_query_and_body, reset),
        cmocka_unit_test_teardown(test_refused, reset),
        cmocka_unit_test_teardown(test_partial, reset),
        cmocka_unit_test_teardown(test_too_many, reset),
        cmocka_unit_test_teardown(test_round_trip, reset),
        cmocka_unit_test_teardown(test_append, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
