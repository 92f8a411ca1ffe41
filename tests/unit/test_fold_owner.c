/* Whose a subscription is: the first that it is verified for, until it ends. */
#include "tests/unit/folding.h"
#include "tests/unit/unit.h"

static struct subscription_state *s;
static int64_t sequence;

static int set_up(void **state)
{
    (void)state;
    s = NULL;
    sequence = 100;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    subscription_state_free(s);
    return 0;
}

static enum fold_outcome fold(const struct event *event)
{
    return fold_subscription(&s, event, sequence++);
}

static enum fold_outcome request(enum event_type type, char letter, const char *owner)
{
    struct event event = make_request(type, letter);
    event.owner = (char *)(uintptr_t)owner;
    return fold(&event);
}

static enum fold_outcome settle(enum event_type type, char letter)
{
    const struct event event = make_request(type, letter);
    return fold(&event);
}

static void subscribe(char letter, const char *owner)
{
    assert_int_equal(request(EVENT_SUBSCRIPTION_REQUESTED, letter, owner), FOLD_CHANGED);
    assert_int_equal(settle(EVENT_SUBSCRIPTION_VERIFIED, letter), FOLD_CHANGED);
}

static void assert_denied(enum event_type type, const char *owner)
{
    char *before = picture(s);
    assert_int_equal(request(type, 'x', owner), FOLD_DENIED);
    char *after = picture(s);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void test_first_verified_is_owner(void **state)
{
    (void)state;
    assert_int_equal(request(EVENT_SUBSCRIPTION_REQUESTED, 'a', "bank"), FOLD_CHANGED);
    assert_null(s->owner);
    settle(EVENT_SUBSCRIPTION_VERIFIED, 'a');
    assert_string_equal(s->owner, "bank");
}

static void test_another_is_denied(void **state)
{
    (void)state;
    subscribe('a', "bank");
    assert_denied(EVENT_SUBSCRIPTION_REQUESTED, "thief");
    assert_denied(EVENT_UNSUBSCRIPTION_REQUESTED, "thief");
}

static void test_owner_renews_and_leaves(void **state)
{
    (void)state;
    subscribe('a', "bank");
    subscribe('b', "bank");
    assert_int_equal(request(EVENT_UNSUBSCRIPTION_REQUESTED, 'c', "bank"), FOLD_CHANGED);
    assert_int_equal(settle(EVENT_UNSUBSCRIPTION_VERIFIED, 'c'), FOLD_REMOVED);
}

/* Who unsubscribed has nothing there any more, not even the place. */
static void test_free_for_others_after_the_end(void **state)
{
    (void)state;
    test_owner_renews_and_leaves(state);
    subscribe('d', "other");
    assert_string_equal(s->owner, "other");
}

static void test_operator_may_and_takes_nothing_away(void **state)
{
    (void)state;
    struct event event = make_request(EVENT_SUBSCRIPTION_REQUESTED, 'b');
    subscribe('a', "bank");
    event.owner = (char *)(uintptr_t) "operator";
    event.by_operator = true;
    assert_int_equal(fold(&event), FOLD_CHANGED);
    settle(EVENT_SUBSCRIPTION_VERIFIED, 'b');
    assert_string_equal(s->owner, "bank");
}

/* Authentication was off, or is off now. */
static void test_without_authentication_anybody_may(void **state)
{
    (void)state;
    subscribe('a', NULL);
    subscribe('b', "bank");
    assert_string_equal(s->owner, "bank");
    subscribe('c', NULL);
    assert_string_equal(s->owner, "bank");
}

/* Both asked while nobody was the owner: the first that is verified is, the other gets nothing. */
static void test_race_of_two_has_one_winner(void **state)
{
    (void)state;
    request(EVENT_SUBSCRIPTION_REQUESTED, 'a', "bank");
    request(EVENT_SUBSCRIPTION_REQUESTED, 'b', "thief");
    request(EVENT_UNSUBSCRIPTION_REQUESTED, 'c', "thief");
    settle(EVENT_SUBSCRIPTION_VERIFIED, 'a');
    assert_int_equal(settle(EVENT_SUBSCRIPTION_VERIFIED, 'b'), FOLD_CHANGED);
    assert_int_equal(settle(EVENT_UNSUBSCRIPTION_VERIFIED, 'c'), FOLD_CHANGED);
    assert_string_equal(s->owner, "bank");
    assert_int_equal(s->status, SUBSCRIPTION_ACTIVE);
    assert_int_equal(s->pending_count, 0);
}

/* Lapsed, it is still its owner's: it keeps the position. */
static void test_lapsed_is_still_the_owners(void **state)
{
    (void)state;
    subscribe('a', "bank");
    struct event expired = make_event(EVENT_SUBSCRIPTION_EXPIRED);
    expired.deadline = s->lease_end_ms;
    assert_int_equal(fold(&expired), FOLD_CHANGED);
    assert_denied(EVENT_SUBSCRIPTION_REQUESTED, "thief");
}

static void test_denial_stays_with_the_request(void **state)
{
    (void)state;
    struct event event = make_request(EVENT_SUBSCRIPTION_REQUESTED, 'a');
    event.reason = (char *)(uintptr_t) "not in this country";
    assert_int_equal(fold(&event), FOLD_CHANGED);
    assert_string_equal(s->pending[0].denial, "not in this country");
    assert_int_equal(settle(EVENT_SUBSCRIPTION_REFUSED, 'a'), FOLD_REMOVED);
}

static void deny(enum event_type type, char letter)
{
    struct event event = make_request(type, letter);
    event.reason = (char *)(uintptr_t) "not in this country";
    assert_int_equal(fold(&event), FOLD_CHANGED);
}

/* A dispatcher of an older version asks the subscriber instead, who says yes. */
static void test_denied_one_that_was_verified_all_the_same_changes_nothing(void **state)
{
    (void)state;
    deny(EVENT_SUBSCRIPTION_REQUESTED, 'a');
    assert_int_equal(settle(EVENT_SUBSCRIPTION_VERIFIED, 'a'), FOLD_REMOVED);
    subscribe('b', "bank");
    int64_t lease_end = s->lease_end_ms;
    deny(EVENT_SUBSCRIPTION_REQUESTED, 'c');
    deny(EVENT_UNSUBSCRIPTION_REQUESTED, 'd');
    assert_int_equal(settle(EVENT_SUBSCRIPTION_VERIFIED, 'c'), FOLD_CHANGED);
    assert_int_equal(settle(EVENT_UNSUBSCRIPTION_VERIFIED, 'd'), FOLD_CHANGED);
    assert_int_equal(s->status, SUBSCRIPTION_ACTIVE);
    assert_int_equal(s->lease_end_ms, lease_end);
    assert_int_equal(s->pending_count, 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_first_verified_is_owner),
        TEST(test_another_is_denied),
        TEST(test_owner_renews_and_leaves),
        TEST(test_free_for_others_after_the_end),
        TEST(test_operator_may_and_takes_nothing_away),
        TEST(test_without_authentication_anybody_may),
        TEST(test_race_of_two_has_one_winner),
        TEST(test_lapsed_is_still_the_owners),
        TEST(test_denial_stays_with_the_request),
        TEST(test_denied_one_that_was_verified_all_the_same_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
