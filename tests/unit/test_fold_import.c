/* The fold: subscriptions that another hub verified. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/folding.h"

static struct subscription_state *s;
static int64_t sequence;

static int forget(void **state)
{
    (void)state;
    subscription_state_free(s);
    s = NULL;
    sequence = 100;
    return 0;
}

static enum fold_outcome fold(struct event event)
{
    return fold_subscription(&s, &event, sequence++);
}

static struct event imported(int64_t offset)
{
    struct event event = make_event(EVENT_SUBSCRIPTION_IMPORTED);
    event.offset = offset;
    event.secret.text = (char *)(uintptr_t) "old";
    event.owner = (char *)(uintptr_t) "partner-1";
    return event;
}

static void test_it_is_active_and_continues_where_it_stood(void **state)
{
    (void)state;
    assert_int_equal(fold(imported(7)), FOLD_CHANGED);
    assert_int_equal(s->status, SUBSCRIPTION_ACTIVE);
    assert_string_equal(s->topic, TOPIC);
    assert_string_equal(s->callback, CALLBACK);
    assert_string_equal(s->secret.text, "old");
    assert_string_equal(s->owner, "partner-1");
    assert_string_equal(s->location.kafka_topic, KAFKA);
    assert_int_equal(s->pending_count, 0);
    assert_int_equal(s->position.offset, 7);
    assert_int_equal(s->position.set, 100);
    assert_int_equal(s->position.base, 100);
    assert_true(s->position.detached);
}

static void test_its_lease_begins_when_it_is_imported_and_ends(void **state)
{
    (void)state;
    enum event_type type;
    int64_t deadline;
    const struct fold_times times = {.resume_window_ms = 5000};
    fold(imported(7));
    assert_int_equal(s->verified_at_ms, 1000);
    assert_int_equal(s->lease_end_ms, 1000 + 100 * 1000);
    assert_int_equal(fold_next_due(s, &times, &type, &deadline), s->lease_end_ms);
    assert_int_equal(type, EVENT_SUBSCRIPTION_EXPIRED);
}

static void test_once_more_it_changes_nothing(void **state)
{
    (void)state;
    fold(imported(7));
    assert_int_equal(fold(make_delivery(EVENT_DELIVERY_PROGRESSED, 100, 9)), FOLD_CHANGED);
    assert_int_equal(fold(imported(7)), FOLD_IGNORED);
    assert_int_equal(s->position.offset, 9);
}

static void test_a_renewal_keeps_the_position_and_brings_the_new_secret(void **state)
{
    (void)state;
    struct event requested = make_request(EVENT_SUBSCRIPTION_REQUESTED, 'a');
    requested.secret.text = (char *)(uintptr_t) "new";
    requested.owner = (char *)(uintptr_t) "partner-1";
    struct event verified = make_request(EVENT_SUBSCRIPTION_VERIFIED, 'a');
    verified.at_ms = 5000;
    verified.offset = 50;
    fold(imported(7));
    assert_int_equal(fold(requested), FOLD_CHANGED);
    assert_int_equal(fold(verified), FOLD_CHANGED);
    assert_int_equal(s->position.offset, 7);
    assert_int_equal(s->position.base, 100);
    assert_string_equal(s->secret.text, "new");
    assert_int_equal(s->verified_at_ms, 5000);
}

static void test_a_request_that_waits_renews_what_was_imported(void **state)
{
    (void)state;
    struct event verified = make_request(EVENT_SUBSCRIPTION_VERIFIED, 'a');
    verified.offset = 50;
    fold(make_request(EVENT_SUBSCRIPTION_REQUESTED, 'a'));
    assert_int_equal(fold(imported(7)), FOLD_CHANGED);
    assert_int_equal(s->pending_count, 1);
    assert_int_equal(fold(verified), FOLD_CHANGED);
    assert_int_equal(s->position.offset, 7);
    assert_null(s->secret.text);
}

static void test_one_that_was_verified_here_is_left_alone(void **state)
{
    (void)state;
    struct event verified = make_request(EVENT_SUBSCRIPTION_VERIFIED, 'a');
    verified.offset = 50;
    fold(make_request(EVENT_SUBSCRIPTION_REQUESTED, 'a'));
    fold(verified);
    char *before = picture(s);
    assert_int_equal(fold(imported(7)), FOLD_IGNORED);
    char *after = picture(s);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_it_is_active_and_continues_where_it_stood, forget,
                                        forget),
        cmocka_unit_test_setup_teardown(test_its_lease_begins_when_it_is_imported_and_ends, forget,
                                        forget),
        cmocka_unit_test_setup_teardown(test_once_more_it_changes_nothing, forget, forget),
        cmocka_unit_test_setup_teardown(test_a_renewal_keeps_the_position_and_brings_the_new_secret,
                                        forget, forget),
        cmocka_unit_test_setup_teardown(test_a_request_that_waits_renews_what_was_imported, forget,
                                        forget),
        cmocka_unit_test_setup_teardown(test_one_that_was_verified_here_is_left_alone, forget,
                                        forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
