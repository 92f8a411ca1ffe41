/* One partition's notices: in their order, one at a time, and never committed before they are
 * settled. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dispatcher/notice_queue.h"
#include "tests/unit/random.h"

static struct notice_queue queue;

static int set_up(void **state)
{
    (void)state;
    notice_queue_init(&queue);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    notice_queue_fini(&queue);
    return 0;
}

static void add(int64_t offset)
{
    char value[32];
    int length = snprintf(value, sizeof(value), "value %d", (int)offset);
    notice_queue_add(&queue, offset, offset * 10, "key and more", 3, value, (size_t)length);
}

/** Begins what is next at `now_ms`, which must be the one at `offset`. */
static void begin(int64_t now_ms, int64_t offset)
{
    const struct queued_notice *next = notice_queue_next(&queue, now_ms);
    assert_non_null(next);
    assert_int_equal(next->offset, offset);
    notice_queue_begin(&queue);
    assert_null(notice_queue_next(&queue, INT64_MAX));
}

static void test_an_empty_one_has_nothing_to_send_or_to_commit(void **state)
{
    (void)state;
    assert_null(notice_queue_next(&queue, INT64_MAX));
    assert_int_equal(queue.done, -1);
    assert_false(notice_queue_is_full(&queue));
    assert_true(notice_queue_has_room(&queue));
}

static void test_what_was_read_is_copied(void **state)
{
    (void)state;
    char key[] = "key", value[] = "value";
    notice_queue_add(&queue, 7, 70, key, 3, value, 5);
    notice_queue_add(&queue, 8, 80, NULL, 0, NULL, 0); /* no key, a tombstone */
    memset(key, 'x', 3);
    memset(value, 'x', 5);
    const struct queued_notice *next = notice_queue_next(&queue, 0);
    assert_string_equal(next->subscription, "key");
    assert_memory_equal(next->value, "value", 5);
    assert_int_equal(next->length, 5);
    assert_int_equal(next->written_ms, 70);
    notice_queue_settle(&queue);
    next = notice_queue_next(&queue, 0);
    assert_string_equal(next->subscription, "");
    assert_int_equal(next->length, 0);
}

static void test_one_after_the_other(void **state)
{
    (void)state;
    add(5);
    add(6);
    add(9); /* offsets have gaps: markers of transactions */
    begin(0, 5);
    notice_queue_settle(&queue);
    assert_int_equal(queue.done, 6);
    begin(0, 6);
    notice_queue_settle(&queue);
    begin(0, 9);
    assert_int_equal(queue.done, 7);
    notice_queue_settle(&queue);
    assert_int_equal(queue.done, 10);
    assert_null(notice_queue_next(&queue, 0));
    add(10);
    begin(0, 10);
}

static void test_one_that_is_not_taken_holds_up_the_others(void **state)
{
    (void)state;
    add(5);
    add(6);
    begin(0, 5);
    notice_queue_postpone(&queue, 1000);
    assert_int_equal(queue.failures, 1);
    assert_int_equal(queue.done, -1);
    assert_null(notice_queue_next(&queue, 999));
    begin(1000, 5);
    notice_queue_postpone(&queue, 3000);
    assert_int_equal(queue.failures, 2);
    begin(3000, 5);
    notice_queue_settle(&queue);
    assert_int_equal(queue.failures, 0);
    begin(3000, 6); /* at once, whatever the first one was to wait */
}

static void test_one_can_be_passed_over(void **state)
{
    (void)state;
    add(5);
    add(6);
    begin(0, 5);
    notice_queue_postpone(&queue, 1000);
    notice_queue_settle(&queue); /* too old */
    assert_int_equal(queue.done, 6);
    begin(0, 6);
}

static void test_reading_pauses_and_goes_on(void **state)
{
    (void)state;
    int64_t offset = 0;
    while (!notice_queue_is_full(&queue))
        add(offset++);
    assert_int_equal(offset, NOTICE_QUEUE_FULL);
    add(offset++); /* was on its way */
    assert_true(notice_queue_is_full(&queue));
    int settled = 0;
    for (; !notice_queue_has_room(&queue); settled++)
        notice_queue_settle(&queue);
    assert_in_range(settled, NOTICE_QUEUE_FULL / 2, NOTICE_QUEUE_FULL);
    assert_false(notice_queue_is_full(&queue));
    assert_int_equal(queue.done, settled);
}

/** Whatever happens in between: each is sent until it is settled, in order, and then committed. */
static void test_nothing_is_lost_or_overtaken(void **state)
{
    (void)state;
    struct random random = {0x1234567};
    int64_t added = 0, settled = 0, now = 0;
    for (int round = 0; round < 20000; round++) {
        const struct queued_notice *next = notice_queue_next(&queue, now);
        assert_int_equal(queue.count, added - settled);
        assert_int_equal(queue.done, settled > 0 ? settled : -1);
        if (random_one_in(&random, 3))
            add(added++);
        now += random_below(&random, 20);
        if (queue.sending && random_one_in(&random, 3)) {
            notice_queue_postpone(&queue, now + random_below(&random, 50));
        } else if (queue.sending && random_one_in(&random, 3)) {
            notice_queue_settle(&queue);
            settled++;
        } else if (next) {
            assert_int_equal(next->offset, settled);
            notice_queue_begin(&queue);
        }
    }
    assert_in_range(settled, 1000, added);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_empty_one_has_nothing_to_send_or_to_commit),
        TEST(test_what_was_read_is_copied),
        TEST(test_one_after_the_other),
        TEST(test_one_that_is_not_taken_holds_up_the_others),
        TEST(test_one_can_be_passed_over),
        TEST(test_reading_pauses_and_goes_on),
        TEST(test_nothing_is_lost_or_overtaken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
