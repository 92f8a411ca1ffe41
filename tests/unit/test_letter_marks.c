/* Which dead letters were settled one by one, in bounded memory. */
#include "tests/unit/unit.h"

#include "dispatcher/letter_marks.h"

static void test_a_mark_settles_the_letters_before_it(void **state)
{
    (void)state;
    struct letter_marks marks = {0};
    assert_int_equal(letter_marks_judge(&marks, 7, 100), LETTER_OPEN);
    letter_marks_add(&marks, 7, 110);
    letter_marks_add(&marks, 3, 120);
    letter_marks_add(&marks, 7, 105); /* read again */
    assert_int_equal(letter_marks_judge(&marks, 7, 100), LETTER_SETTLED);
    assert_int_equal(letter_marks_judge(&marks, 7, 109), LETTER_SETTLED);
    assert_int_equal(letter_marks_judge(&marks, 7, 111), LETTER_OPEN); /* given up again since */
    assert_int_equal(letter_marks_judge(&marks, 3, 100), LETTER_SETTLED);
    assert_int_equal(letter_marks_judge(&marks, 5, 100), LETTER_OPEN);
    assert_int_equal(letter_marks_judge(&marks, -1, 100), LETTER_OPEN);
    letter_marks_fini(&marks);
}

/** Marks of all even origins up to `last`, in some order. */
static void fill(struct letter_marks *marks, int64_t last)
{
    int64_t count = last / 2 + 1;
    for (int64_t i = 0; i < count; i++)
        letter_marks_add(marks, i * 7919 % count * 2, 1000000 + i);
}

static void check_all(const struct letter_marks *marks, int64_t from, int64_t below)
{
    for (int64_t origin = from; origin < below; origin++)
        assert_int_equal(letter_marks_judge(marks, origin, 5),
                         origin % 2 ? LETTER_OPEN : LETTER_SETTLED);
}

static void test_what_does_not_fit_is_unknown_until_it_is_read_again(void **state)
{
    (void)state;
    const int64_t last = 2 * LETTER_MARKS_MAX + 2000, fitting = 2 * LETTER_MARKS_MAX;
    struct letter_marks marks = {0};
    fill(&marks, last);
    check_all(&marks, 0, fitting);
    assert_int_equal(letter_marks_judge(&marks, fitting, 5), LETTER_UNKNOWN);
    assert_int_equal(letter_marks_judge(&marks, last + 1000, 5), LETTER_UNKNOWN);
    letter_marks_restart(&marks, fitting);
    fill(&marks, last);
    check_all(&marks, fitting, last + 1);
    assert_int_equal(letter_marks_judge(&marks, last + 1001, 5), LETTER_OPEN);
    assert_int_equal(letter_marks_judge(&marks, fitting - 1, 5), LETTER_UNKNOWN);
    letter_marks_fini(&marks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_mark_settles_the_letters_before_it),
        cmocka_unit_test(test_what_does_not_fit_is_unknown_until_it_is_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
