/* The fold: the promises about subscriptions (P2, P4, P5) as stories of several events. */
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

#define assert_folds(expected, ...) assert_int_equal(fold(__VA_ARGS__), expected)

static struct event verified(char letter, int64_t at_ms, int64_t offset)
{
    struct event event = make_request(EVENT_SUBSCRIPTION_VERIFIED, letter);
    event.at_ms = at_ms;
    event.offset = offset;
    return event;
}

/** Requested and verified: starts at `offset`. */
static void subscribe(char letter, int64_t offset)
{
    assert_folds(FOLD_CHANGED, make_request(EVENT_SUBSCRIPTION_REQUESTED, letter));
    assert_folds(FOLD_CHANGED, verified(letter, 1000, offset));
}

static void unsubscribe(char letter)
{
    assert_folds(FOLD_CHANGED, make_request(EVENT_UNSUBSCRIPTION_REQUESTED, letter));
    assert_folds(FOLD_REMOVED, make_request(EVENT_UNSUBSCRIPTION_VERIFIED, letter));
    assert_null(s);
}

static void assert_position(int64_t offset, int64_t set, int64_t base, bool detached)
{
    assert_int_equal(s->position.offset, offset);
    assert_int_equal(s->position.set, set);
    assert_int_equal(s->position.base, base);
    assert_int_equal(s->position.detached, detached);
}

static void assert_ignored(struct event event)
{
    char *before = picture(s);
    assert_folds(FOLD_IGNORED, event);
    char *after = picture(s);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void test_a_first_verification_takes_everything_from_its_request(void **state)
{
    (void)state;
    struct event requested = make_request(EVENT_SUBSCRIPTION_REQUESTED, 'a');
    requested.at_ms = 5000;
    requested.secret.text = (char *)(uintptr_t) "s3cret";
    requested.secret.key_id = (char *)(uintptr_t) "key";
    requested.method = SIGNATURE_SHA384;
    requested.lease_seconds = 3600;
    requested.location.partition = 5;
    assert_folds(FOLD_CHANGED, requested);
    assert_int_equal(s->status, SUBSCRIPTION_REQUESTED);
    assert_int_equal(s->pending_count, 1);
    assert_int_equal(s->pending[0].requested_at_ms, 5000);
    assert_null(s->secret.text);
    char id[ID_HEX_SIZE];
    id_subscription(TOPIC, CALLBACK, id);
    assert_string_equal(s->id, id);

    assert_folds(FOLD_CHANGED, verified('a', 7000, 42));
    assert_int_equal(s->status, SUBSCRIPTION_ACTIVE);
    assert_string_equal(s->secret.text, "s3cret");
    assert_string_equal(s->secret.key_id, "key");
    assert_int_equal(s->method, SIGNATURE_SHA384);
    assert_int_equal(s->created_at_ms, 5000);
    assert_int_equal(s->verified_at_ms, 7000);
    assert_int_equal(s->lease_seconds, 3600);
    assert_int_equal(s->lease_end_ms, 7000 + 3600 * 1000);
    assert_string_equal(s->location.kafka_topic, KAFKA);
    assert_int_equal(s->location.partition, 5);
    assert_int_equal(s->pending_count, 0);
    assert_null(s->pending);
    assert_position(42, 101, 101, false);
}

static void test_a_renewal_keeps_the_position_and_changes_the_rest(void **state)
{
    (void)state;
    subscribe('a', 10);
    assert_folds(FOLD_CHANGED, make_delivery(EVENT_DELIVERY_DETACHED, 101, 15));
    struct event requested = make_request(EVENT_SUBSCRIPTION_REQUESTED, 'b');
    requested.secret.text = (char *)(uintptr_t) "other";
    requested.method = SIGNATURE_SHA1;
    requested.lease_seconds = 60;
    assert_folds(FOLD_CHANGED, requested);
    assert_null(s->secret.text);
    assert_folds(FOLD_CHANGED, verified('b', 90000, 99));
    assert_position(15, 102, 101, true);
    assert_string_equal(s->secret.text, "other");
    assert_null(s->secret.key_id);
    assert_int_equal(s->method, SIGNATURE_SHA1);
    assert_int_equal(s->lease_end_ms, 150000);
    assert_int_equal(s->created_at_ms, 1000);

    /* ... and may drop the secret and the method. */
    subscribe('c', 120);
    assert_position(15, 102, 101, true);
    assert_null(s->secret.text);
    assert_int_equal(s->method, -1);
}

static void test_a_suspended_one_that_renews_is_active_and_continues_where_it_was(void **state)
{
    (void)state;
    subscribe('a', 10);
    struct event suspended = make_delivery(EVENT_DELIVERY_SUSPENDED, 101, 12);
    suspended.reason = (char *)(uintptr_t) "status 500";
    assert_folds(FOLD_CHANGED, suspended);
    assert_int_equal(s->status, SUBSCRIPTION_SUSPENDED);
    assert_string_equal(s->reason, "status 500");
    subscribe('b', 500);
    assert_int_equal(s->status, SUBSCRIPTION_ACTIVE);
    assert_null(s->reason);
    assert_position(12, 102, 101, true);
}

static void test_a_lapsed_one_that_comes_back_continues_where_it_was(void **state)
{
    (void)state;
    subscribe('a', 10);
    struct event expired = make_event(EVENT_SUBSCRIPTION_EXPIRED);
    expired.deadline = s->lease_end_ms;
    assert_folds(FOLD_CHANGED, expired);
    assert_int_equal(s->status, SUBSCRIPTION_LAPSED);
    assert_position(10, 101, 101, false);
    /* The dispatcher writes down where it stood, so that its shard may go on without it. */
    assert_folds(FOLD_CHANGED, make_delivery(EVENT_DELIVERY_DETACHED, 101, 17));
    assert_int_equal(s->status, SUBSCRIPTION_LAPSED);
    subscribe('b', 500);
    assert_int_equal(s->status, SUBSCRIPTION_ACTIVE);
    assert_position(17, 103, 101, true);
}

static void test_unsubscribing_and_subscribing_again_starts_anew(void **state)
{
    (void)state;
    subscribe('a', 10);
    unsubscribe('b');
    subscribe('c', 500);
    assert_position(500, 105, 105, false);
}

static void test_the_same_in_quick_succession_starts_anew_too(void **state)
{
    (void)state;
    subscribe('a', 10);
    assert_folds(FOLD_CHANGED, make_request(EVENT_UNSUBSCRIPTION_REQUESTED, 'b'));
    assert_folds(FOLD_CHANGED, make_request(EVENT_SUBSCRIPTION_REQUESTED, 'c'));
    assert_folds(FOLD_CHANGED, make_request(EVENT_UNSUBSCRIPTION_VERIFIED, 'b'));
    assert_non_null(s);
    assert_int_equal(s->status, SUBSCRIPTION_REQUESTED);
    assert_int_equal(s->pending_count, 1);
    assert_position(0, 0, 0, false);
    assert_folds(FOLD_CHANGED, verified('c', 2000, 500));
    assert_position(500, 105, 105, false);
}

static void test_a_topic_that_lies_elsewhere_now_starts_anew(void **state)
{
    (void)state;
    subscribe('a', 10);
    struct event requested = make_request(EVENT_SUBSCRIPTION_REQUESTED, 'b');
    requested.location.kafka_topic = (char *)(uintptr_t)ELSEWHERE;
    assert_folds(FOLD_CHANGED, requested);
    assert_folds(FOLD_CHANGED, verified('b', 2000, 3));
    assert_string_equal(s->location.kafka_topic, ELSEWHERE);
    assert_position(3, 103, 103, false);

    requested = make_request(EVENT_SUBSCRIPTION_REQUESTED, 'c');
    requested.location.kafka_topic = (char *)(uintptr_t)ELSEWHERE;
    requested.location.partition = 1;
    assert_folds(FOLD_CHANGED, requested);
    assert_folds(FOLD_CHANGED, verified('c', 2000, 1));
    assert_position(1, 105, 105, false);
}

static void test_a_refused_request_leaves_everything_as_it_was(void **state)
{
    (void)state;
    subscribe('a', 10);
    char *before = picture(s);
    struct event requested = make_request(EVENT_SUBSCRIPTION_REQUESTED, 'b');
    requested.secret.text = (char *)(uintptr_t) "other";
    requested.lease_seconds = 1;
    requested.location.kafka_topic = (char *)(uintptr_t)ELSEWHERE;
    assert_folds(FOLD_CHANGED, requested);
    assert_folds(FOLD_CHANGED, make_request(EVENT_SUBSCRIPTION_REFUSED, 'b'));
    char *after = picture(s);
    assert_string_equal(before, after);
    free(before);
    free(after);

    assert_folds(FOLD_CHANGED, make_request(EVENT_UNSUBSCRIPTION_REQUESTED, 'c'));
    assert_folds(FOLD_CHANGED, make_request(EVENT_SUBSCRIPTION_REFUSED, 'c'));
    assert_int_equal(s->status, SUBSCRIPTION_ACTIVE);
}

static void test_a_refused_first_request_leaves_nothing(void **state)
{
    (void)state;
    assert_folds(FOLD_CHANGED, make_request(EVENT_SUBSCRIPTION_REQUESTED, 'a'));
    assert_folds(FOLD_REMOVED, make_request(EVENT_SUBSCRIPTION_REFUSED, 'a'));
    assert_null(s);
    assert_ignored(make_request(EVENT_SUBSCRIPTION_REFUSED, 'a'));
    assert_ignored(verified('a', 1000, 1));
}

static void test_requests_wait_in_their_order(void **state)
{
    (void)state;
    for (char letter = 'a'; letter <= 'e'; letter++)
        assert_folds(FOLD_CHANGED, make_request(letter == 'c' ? EVENT_UNSUBSCRIPTION_REQUESTED
                                                              : EVENT_SUBSCRIPTION_REQUESTED,
                                                letter));
    assert_int_equal(s->pending_count, 5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(s->pending[i].request_id[0], 'a' + i);
        assert_int_equal(s->pending[i].unsubscribe, i == 2);
    }
    /* Settling one drops those before it, and no other. */
    assert_folds(FOLD_CHANGED, verified('b', 1000, 10));
    assert_int_equal(s->pending_count, 3);
    assert_int_equal(s->pending[0].request_id[0], 'c');
    assert_ignored(verified('a', 1000, 10));
    assert_folds(FOLD_CHANGED, make_request(EVENT_SUBSCRIPTION_REFUSED, 'd'));
    assert_int_equal(s->pending_count, 1);
    assert_int_equal(s->pending[0].request_id[0], 'e');
    assert_int_equal(s->status, SUBSCRIPTION_ACTIVE);
}

static void test_when_too_many_wait_the_newest_takes_the_last_place(void **state)
{
    (void)state;
    for (int i = 0; i < STATE_MAX_PENDING + 3; i++)
        assert_folds(FOLD_CHANGED, make_request(EVENT_SUBSCRIPTION_REQUESTED, (char)('a' + i)));
    assert_int_equal(s->pending_count, STATE_MAX_PENDING);
    for (int i = 0; i < STATE_MAX_PENDING - 1; i++)
        assert_int_equal(s->pending[i].request_id[0], 'a' + i);
    assert_int_equal(s->pending[STATE_MAX_PENDING - 1].request_id[0], 'a' + STATE_MAX_PENDING + 2);
}

static void test_a_verification_of_the_wrong_kind_settles_nothing(void **state)
{
    (void)state;
    subscribe('a', 10);
    assert_folds(FOLD_CHANGED, make_request(EVENT_SUBSCRIPTION_REQUESTED, 'b'));
    assert_ignored(make_request(EVENT_UNSUBSCRIPTION_VERIFIED, 'b'));
    assert_folds(FOLD_CHANGED, make_request(EVENT_UNSUBSCRIPTION_REQUESTED, 'c'));
    assert_ignored(verified('c', 1000, 10));
}

static void test_duplicates_of_requests_and_answers_are_ignored(void **state)
{
    (void)state;
    assert_folds(FOLD_CHANGED, make_request(EVENT_SUBSCRIPTION_REQUESTED, 'a'));
    assert_ignored(make_request(EVENT_SUBSCRIPTION_REQUESTED, 'a'));
    assert_folds(FOLD_CHANGED, verified('a', 1000, 10));
    assert_ignored(verified('a', 2000, 20));
    assert_ignored(make_request(EVENT_SUBSCRIPTION_REFUSED, 'a'));
    unsubscribe('b');
    assert_ignored(make_request(EVENT_UNSUBSCRIPTION_VERIFIED, 'b'));
}

static void test_late_events_under_an_old_base_have_no_effect(void **state)
{
    (void)state;
    subscribe('a', 10);
    int64_t old = s->position.base;
    unsubscribe('b');
    subscribe('c', 500);
    assert_ignored(make_delivery(EVENT_DELIVERY_DETACHED, old, 700));
    assert_ignored(make_delivery(EVENT_DELIVERY_PROGRESSED, old, 700));
    assert_ignored(make_delivery(EVENT_DELIVERY_ATTACHED, old, 700));
    assert_ignored(make_delivery(EVENT_DELIVERY_SUSPENDED, old, 700));
    assert_ignored(make_delivery(EVENT_DELIVERY_RECOVERED, old, 0));
    assert_ignored(make_delivery(EVENT_DELIVERY_GONE, old, 0));
}

static void test_a_position_never_goes_back_by_delivering(void **state)
{
    (void)state;
    subscribe('a', 10);
    int64_t base = s->position.base;
    assert_folds(FOLD_CHANGED, make_delivery(EVENT_DELIVERY_DETACHED, base, 20));
    assert_position(20, 102, base, true);
    assert_folds(FOLD_CHANGED, make_delivery(EVENT_DELIVERY_PROGRESSED, base, 30));
    assert_position(30, 103, base, true);
    /* One who lost the shard long ago wakes up. */
    assert_folds(FOLD_CHANGED, make_delivery(EVENT_DELIVERY_PROGRESSED, base, 25));
    assert_position(30, 104, base, true);
    assert_folds(FOLD_CHANGED, make_delivery(EVENT_DELIVERY_ATTACHED, base, 40));
    assert_position(40, 105, base, false);
    assert_folds(FOLD_CHANGED, make_delivery(EVENT_DELIVERY_DETACHED, base, 15));
    assert_position(40, 106, base, true);
}

static void test_progress_of_one_that_is_attached_leaves_it_attached(void **state)
{
    (void)state;
    subscribe('a', 10);
    int64_t set = s->position.set;
    assert_folds(FOLD_CHANGED, make_delivery(EVENT_DELIVERY_PROGRESSED, s->position.base, 20));
    assert_int_equal(s->position.offset, 20);
    assert_true(s->position.set > set);
    assert_false(s->position.detached);
}

static void test_recovery_ends_a_suspension_and_keeps_the_position(void **state)
{
    (void)state;
    subscribe('a', 10);
    int64_t base = s->position.base;
    assert_ignored(make_delivery(EVENT_DELIVERY_RECOVERED, base, 0));
    assert_folds(FOLD_CHANGED, make_delivery(EVENT_DELIVERY_SUSPENDED, base, 20));
    assert_folds(FOLD_CHANGED, make_delivery(EVENT_DELIVERY_RECOVERED, base, 0));
    assert_int_equal(s->status, SUBSCRIPTION_ACTIVE);
    assert_null(s->reason);
    assert_position(20, 103, base, true);
}

static void test_an_expiry_that_a_renewal_overtook_is_ignored(void **state)
{
    (void)state;
    subscribe('a', 10);
    struct event expired = make_event(EVENT_SUBSCRIPTION_EXPIRED);
    expired.deadline = s->lease_end_ms;
    assert_folds(FOLD_CHANGED, make_request(EVENT_SUBSCRIPTION_REQUESTED, 'b'));
    assert_folds(FOLD_CHANGED, verified('b', 50000, 30));
    assert_ignored(expired);
    assert_int_equal(s->status, SUBSCRIPTION_ACTIVE);
}

static void test_what_is_forgotten_is_the_lapsed_lease_and_no_later_one(void **state)
{
    (void)state;
    subscribe('a', 10);
    int64_t lease_end = s->lease_end_ms;
    struct event expired = make_event(EVENT_SUBSCRIPTION_EXPIRED);
    struct event forgotten = make_event(EVENT_SUBSCRIPTION_FORGOTTEN);
    expired.deadline = forgotten.deadline = lease_end;
    assert_ignored(forgotten);
    assert_folds(FOLD_CHANGED, expired);
    assert_ignored(expired);
    assert_folds(FOLD_CHANGED, make_request(EVENT_SUBSCRIPTION_REQUESTED, 'b'));
    assert_folds(FOLD_CHANGED, verified('b', 200000, 30));
    assert_ignored(forgotten);
    expired.deadline = s->lease_end_ms;
    assert_folds(FOLD_CHANGED, expired);
    assert_ignored(forgotten);
    forgotten.deadline = s->lease_end_ms;
    assert_folds(FOLD_REMOVED, forgotten);
}

static void test_a_topic_that_ends_takes_its_subscription_along_with_a_notice(void **state)
{
    (void)state;
    subscribe('a', 10);
    assert_folds(FOLD_CHANGED, make_request(EVENT_SUBSCRIPTION_REQUESTED, 'b'));
    struct event ended = make_event(EVENT_TOPIC_ENDED);
    ended.callback = NULL;
    assert_folds(FOLD_CHANGED, ended);
    assert_int_equal(s->status, SUBSCRIPTION_ENDING);
    assert_non_null(s->reason);
    assert_int_equal(s->pending_count, 0);
    assert_ignored(ended);
    assert_ignored(verified('b', 1000, 10));
    assert_ignored(make_delivery(EVENT_DELIVERY_DETACHED, 101, 20));
    assert_folds(FOLD_REMOVED, make_event(EVENT_SUBSCRIPTION_DENIED));
}

static void test_a_topic_that_ends_denies_requests_that_wait_behind_an_earlier_end(void **state)
{
    (void)state;
    subscribe('a', 10);
    assert_folds(FOLD_CHANGED, make_event(EVENT_TOPIC_ENDED));
    /* Registered again, asked for again, deregistered again, and still no notice was sent. */
    assert_folds(FOLD_CHANGED, make_request(EVENT_SUBSCRIPTION_REQUESTED, 'b'));
    assert_folds(FOLD_CHANGED, make_event(EVENT_TOPIC_ENDED));
    assert_int_equal(s->status, SUBSCRIPTION_ENDING);
    assert_int_equal(s->pending_count, 0);
    assert_folds(FOLD_REMOVED, make_event(EVENT_SUBSCRIPTION_DENIED));
}

static void test_gone_with_a_request_behind_it_leaves_the_request(void **state)
{
    (void)state;
    struct event requested = make_request(EVENT_SUBSCRIPTION_REQUESTED, 'a');
    requested.secret.text = (char *)(uintptr_t) "old";
    assert_folds(FOLD_CHANGED, requested);
    assert_folds(FOLD_CHANGED, verified('a', 1000, 10));
    int64_t old = s->position.base;
    requested = make_request(EVENT_SUBSCRIPTION_REQUESTED, 'b');
    requested.secret.text = (char *)(uintptr_t) "new";
    assert_folds(FOLD_CHANGED, requested);
    assert_folds(FOLD_CHANGED, make_delivery(EVENT_DELIVERY_GONE, old, 0));
    assert_int_equal(s->status, SUBSCRIPTION_REQUESTED);
    assert_null(s->secret.text);
    assert_ignored(make_delivery(EVENT_DELIVERY_GONE, old, 0));
    assert_folds(FOLD_CHANGED, verified('b', 1000, 77));
    assert_string_equal(s->secret.text, "new");
    assert_position(77, 105, 105, false);
    assert_ignored(make_delivery(EVENT_DELIVERY_GONE, old, 0));
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, forget, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_a_first_verification_takes_everything_from_its_request),
        STORY(test_a_renewal_keeps_the_position_and_changes_the_rest),
        STORY(test_a_suspended_one_that_renews_is_active_and_continues_where_it_was),
        STORY(test_a_lapsed_one_that_comes_back_continues_where_it_was),
        STORY(test_unsubscribing_and_subscribing_again_starts_anew),
        STORY(test_the_same_in_quick_succession_starts_anew_too),
        STORY(test_a_topic_that_lies_elsewhere_now_starts_anew),
        STORY(test_a_refused_request_leaves_everything_as_it_was),
        STORY(test_a_refused_first_request_leaves_nothing),
        STORY(test_requests_wait_in_their_order),
        STORY(test_when_too_many_wait_the_newest_takes_the_last_place),
        STORY(test_a_verification_of_the_wrong_kind_settles_nothing),
        STORY(test_duplicates_of_requests_and_answers_are_ignored),
        STORY(test_late_events_under_an_old_base_have_no_effect),
        STORY(test_a_position_never_goes_back_by_delivering),
        STORY(test_progress_of_one_that_is_attached_leaves_it_attached),
        STORY(test_recovery_ends_a_suspension_and_keeps_the_position),
        STORY(test_an_expiry_that_a_renewal_overtook_is_ignored),
        STORY(test_what_is_forgotten_is_the_lapsed_lease_and_no_later_one),
        STORY(test_a_topic_that_ends_takes_its_subscription_along_with_a_notice),
        STORY(test_a_topic_that_ends_denies_requests_that_wait_behind_an_earlier_end),
        STORY(test_gone_with_a_request_behind_it_leaves_the_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
