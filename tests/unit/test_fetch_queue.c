#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "dispatcher/fetch_queue.h"
#include "tests/unit/random.h"

#define A "http://a.example/1"
#define B "http://b.example/1"
#define C "http://c.example/1"

enum { PLACES = 64 };

static struct fetch_place places[PLACES];
static struct fetch_place *entered[4096];
static size_t entered_count;

static void note(struct fetch_place *place)
{
    entered[entered_count++] = place;
}

static struct fetch_queue *make(int64_t max, int64_t max_per_host)
{
    memset(places, 0, sizeof(places));
    for (int i = 0; i < PLACES; i++)
        places[i].enter = note;
    entered_count = 0;
    return fetch_queue_new(max, max_per_host);
}

/** Leaves, and returns the number of the only one that was let in, or -1. */
static int leave(struct fetch_queue *queue, int number)
{
    entered_count = 0;
    fetch_queue_leave(queue, &places[number]);
    assert_true(entered_count <= 1);
    return entered_count == 0 ? -1 : (int)(entered[0] - places);
}

static void test_one_host_is_let_in_as_often_as_it_may(void **state)
{
    (void)state;
    struct fetch_queue *queue = make(10, 2);
    assert_true(fetch_queue_enter(queue, &places[0], A));
    assert_true(fetch_queue_enter(queue, &places[1], "HTTP://A.example:80/other"));
    assert_false(fetch_queue_enter(queue, &places[2], A));
    assert_false(fetch_queue_enter(queue, &places[3], A));
    assert_true(fetch_queue_enter(queue, &places[4], B));
    assert_int_equal(leave(queue, 1), 2);
    assert_int_equal(leave(queue, 3), -1); /* it waited */
    assert_int_equal(leave(queue, 0), -1);
    assert_int_equal(leave(queue, 2), -1);
    assert_int_equal(leave(queue, 2), -1); /* it is not in any more */
    assert_int_equal(leave(queue, 4), -1);
    fetch_queue_free(queue);
}

static void test_hosts_take_turns(void **state)
{
    (void)state;
    struct fetch_queue *queue = make(1, 1);
    assert_true(fetch_queue_enter(queue, &places[0], A));
    assert_false(fetch_queue_enter(queue, &places[1], A));
    assert_false(fetch_queue_enter(queue, &places[2], A));
    assert_false(fetch_queue_enter(queue, &places[3], B));
    assert_false(fetch_queue_enter(queue, &places[4], "no url"));
    /* B and the odd one became ready first: A had somebody in. */
    assert_int_equal(leave(queue, 0), 3);
    assert_int_equal(leave(queue, 3), 4);
    assert_int_equal(leave(queue, 4), 1);
    assert_int_equal(leave(queue, 1), 2);
    assert_int_equal(leave(queue, 2), -1);
    fetch_queue_free(queue);
}

static void test_bounds_hold_and_nobody_is_forgotten(void **state)
{
    (void)state;
    static const char *const urls[] = {A, B, C, "x"};
    struct random source = {20261124};
    struct fetch_queue *queue = make(5, 2);
    int host_of[PLACES];
    for (int step = 0; step < 100000; step++) {
        uint32_t number = random_below(&source, PLACES);
        entered_count = 0;
        if (places[number].host) {
            fetch_queue_leave(queue, &places[number]);
        } else {
            host_of[number] = (int)random_below(&source, ARRAY_COUNT(urls));
            fetch_queue_enter(queue, &places[number], urls[host_of[number]]);
            assert_int_equal(entered_count, 0);
        }
        int in = 0, in_host[ARRAY_COUNT(urls)] = {0}, waiting[ARRAY_COUNT(urls)] = {0};
        for (int i = 0; i < PLACES; i++) {
            if (!places[i].host)
                continue;
            in += places[i].is_in;
            in_host[host_of[i]] += places[i].is_in;
            waiting[host_of[i]] += !places[i].is_in;
        }
        assert_true(in <= 5);
        for (size_t i = 0; i < ARRAY_COUNT(urls); i++) {
            assert_true(in_host[i] <= 2);
            assert_true(waiting[i] == 0 || in_host[i] == 2 || in == 5);
        }
    }
    for (int i = 0; i < PLACES; i++)
        fetch_queue_leave(queue, &places[i]);
    fetch_queue_free(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_host_is_let_in_as_often_as_it_may),
        cmocka_unit_test(test_hosts_take_turns),
        cmocka_unit_test(test_bounds_hold_and_nobody_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
