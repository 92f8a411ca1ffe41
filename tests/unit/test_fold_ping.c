/* Light pings: what is to be fetched, through pings, fetches, crashes and late news. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/folding.h"
#include "tests/unit/random.h"

#define TEXT(literal) ((char *)(uintptr_t)(literal))

static struct topic_state *topic;
static int64_t sequence;

static int begin(void **state)
{
    (void)state;
    struct event registered = make_event(EVENT_TOPIC_REGISTERED);
    sequence = 0;
    return fold_topic(&topic, &registered, sequence) == FOLD_CHANGED ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    topic_state_free(topic);
    topic = NULL;
    return 0;
}

static enum fold_outcome fold(struct event event)
{
    event.callback = NULL;
    return fold_topic(&topic, &event, ++sequence);
}

/** @returns the event's sequence */
static int64_t ping(enum fold_outcome expected)
{
    assert_int_equal(fold(make_event(EVENT_TOPIC_PINGED)), expected);
    return sequence;
}

static int64_t start(void)
{
    assert_int_equal(fold(make_event(EVENT_TOPIC_FETCHING)), FOLD_CHANGED);
    return sequence;
}

static enum fold_outcome fetched(int64_t base, const char *digest, bool distributed)
{
    struct event event = make_event(EVENT_TOPIC_FETCHED);
    event.base = base;
    event.distributed = distributed;
    event.fetched.digest = TEXT(digest);
    event.fetched.etag = TEXT("tag");
    return fold(event);
}

static void test_a_ping_is_settled_by_the_fetch_that_it_led_to(void **state)
{
    (void)state;
    int64_t first = ping(FOLD_CHANGED);
    assert_int_equal(topic->pings.oldest, first);
    assert_int_equal(topic->pings.oldest_at_ms, 1000);
    assert_int_equal(fetched(start(), "a", true), FOLD_CHANGED);
    assert_int_equal(topic->pings.oldest, 0);
    assert_int_equal(topic->pings.fetching, 0);
    assert_string_equal(topic->fetched.digest, "a");
    assert_string_equal(topic->fetched.etag, "tag");
}

static void test_only_the_first_of_many_pings_changes_anything(void **state)
{
    (void)state;
    int64_t first = ping(FOLD_CHANGED);
    for (int i = 0; i < 1000; i++)
        ping(FOLD_IGNORED);
    assert_int_equal(topic->pings.oldest, first);
    int64_t fetching = start();
    int64_t again = ping(FOLD_CHANGED);
    for (int i = 0; i < 1000; i++)
        ping(FOLD_IGNORED);
    assert_int_equal(fetched(fetching, "a", true), FOLD_CHANGED);
    assert_int_equal(topic->pings.oldest, again);
    assert_int_equal(fetched(start(), "a", false), FOLD_CHANGED);
    assert_int_equal(topic->pings.oldest, 0);
}

static void test_a_new_fetch_takes_the_place_of_one_that_was_cut_off(void **state)
{
    (void)state;
    int64_t first = ping(FOLD_CHANGED);
    int64_t lost = start();
    ping(FOLD_CHANGED);
    int64_t fetching = start(); /* after the second ping: it stands for both */
    assert_int_equal(topic->pings.oldest, first);
    assert_int_equal(topic->pings.again, 0);
    assert_int_equal(fetched(lost, "a", false), FOLD_IGNORED);
    assert_int_equal(topic->pings.oldest, first);
    assert_int_equal(fetched(fetching, "a", true), FOLD_CHANGED);
    assert_int_equal(topic->pings.oldest, 0);
}

static void test_giving_up_keeps_what_is_known_and_the_next_ping_begins_anew(void **state)
{
    (void)state;
    ping(FOLD_CHANGED);
    fetched(start(), "a", true);
    ping(FOLD_CHANGED);
    struct event given_up = make_event(EVENT_TOPIC_NOT_FETCHED);
    given_up.base = start();
    assert_int_equal(fold(given_up), FOLD_CHANGED);
    assert_int_equal(topic->pings.oldest, 0);
    assert_string_equal(topic->fetched.digest, "a");
    ping(FOLD_CHANGED);
}

static void test_what_comes_late_after_the_end_is_put_right_by_another_fetch(void **state)
{
    (void)state;
    ping(FOLD_CHANGED);
    int64_t stopped = start();
    fetched(start(), "new", true);
    /* The stopped dispatcher wakes up: what it distributes is old, and lies behind the newest. */
    assert_int_equal(fetched(stopped, "old", true), FOLD_CHANGED);
    assert_int_equal(topic->pings.oldest, sequence);
    assert_null(topic->fetched.digest); /* so that what is fetched is distributed */
    assert_int_equal(fetched(start(), "new", true), FOLD_CHANGED);
    assert_int_equal(topic->pings.oldest, 0);
}

static void test_what_comes_late_during_a_fetch_is_put_right_by_another_one(void **state)
{
    (void)state;
    ping(FOLD_CHANGED);
    int64_t stopped = start();
    int64_t fetching = start();
    assert_int_equal(fetched(stopped, "old", true), FOLD_CHANGED);
    assert_int_equal(fetched(fetching, "new", true), FOLD_CHANGED);
    assert_true(topic->pings.oldest > 0);
    assert_null(topic->fetched.digest);
    assert_false(topic->pings.disturbed);
}

static void test_a_disturbance_is_not_forgotten_when_the_fetch_begins_again(void **state)
{
    (void)state;
    ping(FOLD_CHANGED);
    int64_t stopped = start();
    start();
    assert_int_equal(fetched(stopped, "old", true), FOLD_CHANGED);
    int64_t fetching = start();
    assert_int_equal(fetched(fetching, "new", true), FOLD_CHANGED);
    assert_int_equal(topic->pings.oldest, sequence);
    assert_null(topic->fetched.digest);
}

static void test_what_comes_late_but_is_the_same_changes_nothing(void **state)
{
    (void)state;
    ping(FOLD_CHANGED);
    int64_t stopped = start();
    fetched(start(), "same", true);
    assert_int_equal(fetched(stopped, "same", true), FOLD_IGNORED);
    assert_int_equal(fetched(stopped, "other", false), FOLD_IGNORED);
    assert_int_equal(topic->pings.oldest, 0);
}

static void test_nothing_is_fetched_that_was_not_pinged(void **state)
{
    (void)state;
    assert_int_equal(fold(make_event(EVENT_TOPIC_FETCHING)), FOLD_IGNORED);
    assert_int_equal(fetched(0, "a", false), FOLD_IGNORED);
    struct topic_state *none = NULL;
    for (int type = EVENT_TOPIC_PINGED; type <= EVENT_TOPIC_NOT_FETCHED; type++) {
        struct event event = make_event((enum event_type)type);
        assert_int_equal(fold_topic(&none, &event, 1), FOLD_IGNORED);
    }
}

static void test_a_topic_that_is_registered_again_has_nothing_to_do(void **state)
{
    (void)state;
    ping(FOLD_CHANGED);
    int64_t fetching = start();
    assert_int_equal(fold(make_event(EVENT_TOPIC_DEREGISTERED)), FOLD_REMOVED);
    assert_int_equal(fold(make_event(EVENT_TOPIC_REGISTERED)), FOLD_CHANGED);
    assert_int_equal(topic->pings.oldest, 0);
    fetched(fetching, "a", false);
    assert_int_equal(topic->pings.oldest, 0);
}

/** @returns the event's sequence */
static int64_t traced_ping(enum fold_outcome expected, const char *parent)
{
    struct event event = make_event(EVENT_TOPIC_PINGED);
    event.trace.parent = TEXT(parent);
    event.trace.state = TEXT("a=1");
    assert_int_equal(fold(event), expected);
    return sequence;
}

static void test_a_fetch_belongs_to_the_trace_of_the_ping_that_asked_for_it(void **state)
{
    (void)state;
    traced_ping(FOLD_CHANGED, "first");
    traced_ping(FOLD_IGNORED, "with the first");
    int64_t fetching = start();
    assert_string_equal(topic->pings.trace.parent, "first");
    assert_string_equal(topic->pings.trace.state, "a=1");
    traced_ping(FOLD_CHANGED, "during the fetch");
    traced_ping(FOLD_IGNORED, "with that");
    assert_int_equal(fetched(fetching, "a", true), FOLD_CHANGED);
    assert_string_equal(topic->pings.trace.parent, "during the fetch");
    assert_null(topic->pings.again_trace.parent);
    assert_int_equal(fetched(start(), "b", true), FOLD_CHANGED);
    assert_null(topic->pings.trace.parent);
    ping(FOLD_CHANGED);
    assert_null(topic->pings.trace.parent);
    /* One that begins again is still for the first of them. */
    traced_ping(FOLD_IGNORED, "with one that is not traced");
    start();
    traced_ping(FOLD_CHANGED, "during a fetch that is cut off");
    start();
    assert_null(topic->pings.trace.parent);
    assert_null(topic->pings.again_trace.parent);
}

/**
 * Whatever happens in whatever order: there is something to do as long as a ping came after the
 * beginning of every fetch that was settled.
 */
static void test_no_ping_is_ever_lost(void **state)
{
    (void)state;
    struct random source = {20261124};
    int64_t last_ping = 0, settled = 0, starts[4] = {0};
    for (int i = 0; i < 100000; i++) {
        switch (random_below(&source, 4)) {
        case 0: {
            struct event pinged = make_event(EVENT_TOPIC_PINGED);
            pinged.trace.parent = random_one_in(&source, 2) ? TEXT("trace") : NULL;
            fold(pinged);
            last_ping = sequence;
            break;
        }
        case 1:
            if (fold(make_event(EVENT_TOPIC_FETCHING)) == FOLD_CHANGED)
                starts[random_below(&source, 4)] = sequence;
            break;
        default: {
            int64_t base = starts[random_below(&source, 4)];
            bool counts = topic->pings.fetching > 0 && base == topic->pings.fetching;
            fetched(base, random_one_in(&source, 2) ? "a" : "b", random_one_in(&source, 2));
            if (counts && base > settled)
                settled = base;
        }
        }
        assert_true(last_ping <= settled || topic->pings.oldest > 0);
        assert_true(topic->pings.oldest > 0 || topic->pings.fetching == 0);
        assert_true(topic->pings.again == 0 || topic->pings.again > topic->pings.fetching);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_ping_is_settled_by_the_fetch_that_it_led_to),
        TEST(test_only_the_first_of_many_pings_changes_anything),
        TEST(test_a_new_fetch_takes_the_place_of_one_that_was_cut_off),
        TEST(test_giving_up_keeps_what_is_known_and_the_next_ping_begins_anew),
        TEST(test_what_comes_late_after_the_end_is_put_right_by_another_fetch),
        TEST(test_what_comes_late_during_a_fetch_is_put_right_by_another_one),
        TEST(test_a_disturbance_is_not_forgotten_when_the_fetch_begins_again),
        TEST(test_what_comes_late_but_is_the_same_changes_nothing),
        TEST(test_nothing_is_fetched_that_was_not_pinged),
        TEST(test_a_topic_that_is_registered_again_has_nothing_to_do),
        TEST(test_a_fetch_belongs_to_the_trace_of_the_ping_that_asked_for_it),
        TEST(test_no_ping_is_ever_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
