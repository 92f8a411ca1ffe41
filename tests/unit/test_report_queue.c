#include "tests/unit/unit.h"

#include <string.h>

#include "dispatcher/report_queue.h"
#include "tests/unit/random.h"

enum { REST_MS = 60000 };

/** Reports all that is due now, as `well` says of each, and returns how many there were. */
static int sweep(struct report_queue *queue, int64_t now_ms, bool well)
{
    struct report_mark *mark;
    int count = 0;
    report_queue_end_rests(queue, now_ms);
    for (; (mark = report_queue_next(queue)); count++)
        report_queue_reported(queue, mark, well, now_ms);
    return count;
}

static void test_what_is_idle_is_not_looked_at(void **state)
{
    (void)state;
    struct report_queue queue = {.rest_ms = REST_MS};
    struct report_mark mark = {0};
    assert_null(report_queue_next(&queue));
    assert_false(report_queue_has_news(&mark));
    report_queue_forget(&queue, &mark);
    assert_int_equal(sweep(&queue, 1, true), 0);
}

static void test_the_first_success_is_reported_and_then_one_for_each_rest(void **state)
{
    (void)state;
    struct report_queue queue = {.rest_ms = REST_MS};
    struct report_mark mark = {0};
    report_queue_note_success(&queue, &mark);
    assert_true(report_queue_has_news(&mark));
    assert_int_equal(sweep(&queue, 1000, true), 1);
    assert_false(report_queue_has_news(&mark));
    for (int64_t now = 2000; now < 1000 + REST_MS; now += 1000) {
        report_queue_note_success(&queue, &mark);
        assert_true(report_queue_has_news(&mark));
        assert_int_equal(sweep(&queue, now, true), 0);
    }
    assert_int_equal(sweep(&queue, 1000 + REST_MS, true), 1);
    assert_int_equal(sweep(&queue, 1000 + REST_MS, true), 0);
}

static void test_a_rest_without_success_ends_in_silence(void **state)
{
    (void)state;
    struct report_queue queue = {.rest_ms = REST_MS};
    struct report_mark mark = {0};
    report_queue_note_success(&queue, &mark);
    assert_int_equal(sweep(&queue, 0, true), 1);
    assert_int_equal(sweep(&queue, REST_MS, true), 0);
    assert_int_equal(mark.place, REPORT_IDLE);
    report_queue_note_success(&queue, &mark);
    assert_int_equal(sweep(&queue, REST_MS + 1, true), 1);
}

static void test_trouble_is_reported_at_once_even_during_a_rest(void **state)
{
    (void)state;
    struct report_queue queue = {.rest_ms = REST_MS};
    struct report_mark mark = {0};
    report_queue_note_success(&queue, &mark);
    assert_int_equal(sweep(&queue, 0, true), 1);
    report_queue_note_change(&queue, &mark);
    assert_int_equal(sweep(&queue, 1, false), 1);
    assert_int_equal(sweep(&queue, 2, false), 0);
    report_queue_note_change(&queue, &mark);
    report_queue_note_change(&queue, &mark);
    assert_int_equal(sweep(&queue, 3, false), 1);
}

/* One that is not well never rests: each step of its catch-up is to be seen, and its end. */
static void test_whoever_was_unwell_is_reported_with_every_success_until_well(void **state)
{
    (void)state;
    struct report_queue queue = {.rest_ms = REST_MS};
    struct report_mark mark = {0};
    report_queue_note_change(&queue, &mark);
    assert_int_equal(sweep(&queue, 0, false), 1);
    report_queue_note_success(&queue, &mark);
    assert_int_equal(mark.place, REPORT_URGENT);
    assert_int_equal(sweep(&queue, 1, false), 1);
    report_queue_note_success(&queue, &mark);
    assert_int_equal(sweep(&queue, 2, true), 1);
    report_queue_note_success(&queue, &mark);
    assert_int_equal(sweep(&queue, 3, true), 0);
    assert_int_equal(sweep(&queue, 2 + REST_MS, true), 1);
}

static void test_trouble_goes_before_success_and_each_in_its_order(void **state)
{
    (void)state;
    struct report_queue queue = {.rest_ms = REST_MS};
    struct report_mark marks[4] = {0};
    report_queue_note_success(&queue, &marks[0]);
    report_queue_note_change(&queue, &marks[1]);
    report_queue_note_success(&queue, &marks[2]);
    report_queue_note_change(&queue, &marks[3]);
    const int order[] = {1, 3, 0, 2};
    for (size_t i = 0; i < ARRAY_COUNT(order); i++) {
        assert_ptr_equal(report_queue_next(&queue), &marks[order[i]]);
        /* A sweep that is cut short goes on with the same. */
        report_queue_end_rests(&queue, 0);
        assert_ptr_equal(report_queue_next(&queue), &marks[order[i]]);
        report_queue_reported(&queue, &marks[order[i]], true, 0);
    }
    assert_null(report_queue_next(&queue));
}

static void test_one_that_is_forgotten_is_in_no_list(void **state)
{
    (void)state;
    struct report_queue queue = {.rest_ms = REST_MS};
    struct report_mark urgent = {0}, due = {0}, resting = {0};
    report_queue_note_success(&queue, &resting);
    assert_int_equal(sweep(&queue, 0, true), 1);
    report_queue_note_change(&queue, &urgent);
    report_queue_note_success(&queue, &due);
    report_queue_forget(&queue, &urgent);
    report_queue_forget(&queue, &due);
    report_queue_forget(&queue, &resting);
    assert_null(queue.urgent);
    assert_null(queue.due);
    assert_null(queue.resting);
}

/* --- against a model that looks at everything --- */

enum { MARKS = 40, STEPS = 200000 };

struct model {
    bool news;    /* something is to be told */
    bool success; /* and it is no more than a success of one that is well */
    bool unwell;
    int64_t rest_until_ms; /* 0: not resting */
};

static bool is_due(const struct model *model, int64_t now_ms)
{
    return model->news && !(model->success && model->rest_until_ms > now_ms);
}

static void note(struct report_queue *queue, struct report_mark *mark, struct model *model,
                 bool success)
{
    if (success)
        report_queue_note_success(queue, mark);
    else
        report_queue_note_change(queue, mark);
    bool plain = success && !model->unwell;
    model->success = plain && (!model->news || model->success);
    model->news = true;
}

static void check_sweep(struct random *random, struct report_queue *queue,
                        struct report_mark *marks, struct model *models, int64_t now_ms)
{
    struct report_mark *mark;
    report_queue_end_rests(queue, now_ms);
    for (uint32_t left = random_below(random, MARKS); left > 0; left--) {
        if (!(mark = report_queue_next(queue)))
            break;
        struct model *model = &models[mark - marks];
        bool well = random_below(random, 3) > 0;
        assert_true(is_due(model, now_ms));
        report_queue_reported(queue, mark, well, now_ms);
        *model = (struct model){.unwell = !well, .rest_until_ms = well ? now_ms + REST_MS : 0};
    }
    if (report_queue_next(queue))
        return;
    for (int i = 0; i < MARKS; i++)
        assert_false(is_due(&models[i], now_ms));
}

static void test_it_reports_what_a_look_at_everything_would(void **state)
{
    (void)state;
    struct random random = {20240607};
    struct report_queue queue = {.rest_ms = REST_MS};
    struct report_mark marks[MARKS] = {0};
    struct model models[MARKS] = {0};
    int64_t now = 1;
    for (int step = 0; step < STEPS; step++) {
        uint32_t i = random_below(&random, MARKS);
        switch (random_below(&random, 8)) {
        case 0:
            note(&queue, &marks[i], &models[i], false);
            break;
        case 1:
            now += random_below(&random, REST_MS / 4);
            check_sweep(&random, &queue, marks, models, now);
            break;
        case 2:
            report_queue_forget(&queue, &marks[i]);
            memset(&marks[i], 0, sizeof(marks[i]));
            models[i] = (struct model){0};
            break;
        default:
            note(&queue, &marks[i], &models[i], true);
        }
        assert_int_equal(report_queue_has_news(&marks[i]), models[i].news);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_idle_is_not_looked_at),
        cmocka_unit_test(test_the_first_success_is_reported_and_then_one_for_each_rest),
        cmocka_unit_test(test_a_rest_without_success_ends_in_silence),
        cmocka_unit_test(test_trouble_is_reported_at_once_even_during_a_rest),
        cmocka_unit_test(test_whoever_was_unwell_is_reported_with_every_success_until_well),
        cmocka_unit_test(test_trouble_goes_before_success_and_each_in_its_order),
        cmocka_unit_test(test_one_that_is_forgotten_is_in_no_list),
        cmocka_unit_test(test_it_reports_what_a_look_at_everything_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
