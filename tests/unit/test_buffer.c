#include "tests/unit/unit.h"

#include <string.h>

#include "common/buffer.h"

static void test_empty(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    buffer_clear(&buffer);
    assert_null(buffer.data);
    buffer_append(&buffer, NULL, 0);
    assert_string_equal(buffer.data, "");
    assert_int_equal(buffer.length, 0);
    buffer_fini(&buffer);
    assert_null(buffer.data);
    buffer_fini(&buffer);
}

static void test_append(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    buffer_append_string(&buffer, "abc");
    buffer_append(&buffer, "d\0e", 3);
    assert_int_equal(buffer.length, 6);
    assert_memory_equal(buffer.data, "abcd\0e\0", 7);

    buffer_clear(&buffer);
    assert_string_equal(buffer.data, "");
    assert_true(buffer.capacity > 0);
    buffer_append_format(&buffer, "%d-%s", 42, "x");
    assert_string_equal(buffer.data, "42-x");
    buffer_fini(&buffer);
}

/* Lengths around every size that the buffer grows at. */
static void test_grow(void **state)
{
    (void)state;
    static char text[600];
    memset(text, 'x', sizeof(text) - 1);
    for (size_t length = 0; length < sizeof(text) - 1; length++) {
        struct buffer buffer = {0};
        buffer_append_format(&buffer, "<%.*s>", (int)length, text);
        assert_int_equal(buffer.length, length + 2);
        assert_int_equal(strlen(buffer.data), length + 2);
        buffer_append(&buffer, text, length);
        assert_int_equal(strlen(buffer.data), 2 * length + 2);
        assert_int_equal(buffer.data[length + 1], '>');
        buffer_fini(&buffer);
    }
}

static void test_reserve(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    buffer_reserve(&buffer, 1000);
    const char *before = buffer.data;
    for (int i = 0; i < 1000; i++)
        buffer_append(&buffer, "y", 1);
    assert_ptr_equal(buffer.data, before);
    assert_int_equal(buffer.length, 1000);
    buffer_fini(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_grow),
        cmocka_unit_test(test_reserve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
