/* Runs through dead letters against subscribers of all kinds. */
#include "tests/unit/unit.h"

#include <string.h>

#include "dispatcher/letter_progress.h"

enum { LETTERS = 400, WANTED = 1000, GIVE_UP_MS = 1000000 };

/* Letter i lies at 2 i + 1; between them lies what is others'. */
static const int64_t first_offset = 1;

struct run {
    struct letter_progress progress;
    int delivered[LETTERS], tries[LETTERS], buried[LETTERS];
    int64_t now_ms;
};

static int64_t letter_in(int64_t from, int64_t to)
{
    int64_t offset = from % 2 ? from : from + 1;
    return offset < to && offset < first_offset + 2 * LETTERS ? offset : -1;
}

static void check_position(const struct run *run)
{
    int64_t position = letter_progress_position(&run->progress);
    for (int i = 0; i < LETTERS; i++)
        if (first_offset + 2 * i < position)
            assert_int_equal(run->delivered[i] + run->buried[i], 1);
}

/** One read and, if there is a letter, its delivery. */
static bool step(struct run *run, bool (*refuses)(int letter, int tries))
{
    int64_t from, to;
    if (!letter_progress_choose(&run->progress, &from, &to))
        return false;
    int64_t offset = letter_in(from, to);
    run->now_ms += 10;
    if (offset < 0) {
        letter_progress_pass(&run->progress, from, to);
        return true;
    }
    int letter = (int)(offset / 2);
    if (!refuses(letter, ++run->tries[letter])) {
        run->delivered[letter]++;
        run->progress.delivered++;
        letter_progress_settle(&run->progress, offset);
        return true;
    }
    const struct letter_refused *refused =
        letter_progress_refuse(&run->progress, offset, run->now_ms);
    if (letter_progress_is_exhausted(&run->progress, refused, GIVE_UP_MS, run->now_ms)) {
        run->buried[letter]++;
        letter_progress_settle(&run->progress, offset);
    }
    return true;
}

static struct run run_through(bool (*refuses)(int letter, int tries), int max_steps)
{
    struct run run = {.progress = {.wanted = WANTED}};
    for (int i = 0; i < max_steps && step(&run, refuses); i++)
        check_position(&run);
    return run;
}

static bool nothing(int letter, int tries)
{
    (void)letter;
    (void)tries;
    return false;
}

static bool everything(int letter, int tries)
{
    (void)letter;
    (void)tries;
    return true;
}

static bool every_third(int letter, int tries)
{
    (void)tries;
    return letter % 3 == 0;
}

static bool each_at_first(int letter, int tries)
{
    (void)letter;
    return tries < 3;
}

static void test_all_are_delivered_once_in_order(void **state)
{
    (void)state;
    struct run run = run_through(nothing, 10 * WANTED);
    for (int i = 0; i < LETTERS; i++)
        assert_int_equal(run.delivered[i], 1);
    assert_int_equal(letter_progress_position(&run.progress), WANTED);
}

static void test_those_that_are_always_refused_hold_nothing_up(void **state)
{
    (void)state;
    struct run run = run_through(every_third, 200 * WANTED);
    for (int i = 0; i < LETTERS; i++) {
        assert_int_equal(run.delivered[i], i % 3 != 0);
        assert_int_equal(run.buried[i], i % 3 == 0);
        assert_true(i % 3 != 0 || run.tries[i] >= LETTER_MAX_REFUSALS);
    }
    assert_int_equal(letter_progress_position(&run.progress), WANTED);
}

static void test_who_is_down_is_given_nothing_up_for_long(void **state)
{
    (void)state;
    struct run run = run_through(everything, 10000);
    for (int i = 0; i < LETTERS; i++)
        assert_int_equal(run.buried[i], 0);
    assert_int_equal(run.progress.refused_count, LETTER_MAX_REFUSED);
    assert_int_equal(letter_progress_position(&run.progress), first_offset);
    while (step(&run, everything) && run.now_ms < 3 * GIVE_UP_MS)
        check_position(&run);
    assert_true(run.buried[0] == 1 && run.buried[LETTER_MAX_REFUSED - 1] == 1);
    while (step(&run, nothing))
        check_position(&run);
    for (int i = 0; i < LETTERS; i++)
        assert_int_equal(run.buried[i] + run.delivered[i], 1);
}

static void test_those_that_are_refused_at_first_are_delivered(void **state)
{
    (void)state;
    struct run run = run_through(each_at_first, 100 * WANTED);
    for (int i = 0; i < LETTERS; i++)
        assert_int_equal(run.delivered[i], 1);
    assert_int_equal(letter_progress_position(&run.progress), WANTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_are_delivered_once_in_order),
        cmocka_unit_test(test_those_that_are_always_refused_hold_nothing_up),
        cmocka_unit_test(test_who_is_down_is_given_nothing_up_for_long),
        cmocka_unit_test(test_those_that_are_refused_at_first_are_delivered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
