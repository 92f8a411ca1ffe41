/* Operators' commands: pause, resume, move, redeliver and delete. */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "tests/unit/folding.h"

#define TEXT(literal) ((char *)(uintptr_t)(literal))

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

static enum fold_outcome fold(struct event event)
{
    return fold_subscription(&s, &event, sequence++);
}

static void assert_ignored(struct event event)
{
    char *before = picture(s);
    assert_int_equal(fold(event), FOLD_IGNORED);
    char *after = picture(s);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void assert_changed(struct event event)
{
    assert_int_equal(fold(event), FOLD_CHANGED);
}

static void verify(char letter, int64_t offset)
{
    assert_changed(make_request(EVENT_SUBSCRIPTION_REQUESTED, letter));
    struct event verified = make_request(EVENT_SUBSCRIPTION_VERIFIED, letter);
    verified.offset = offset;
    assert_changed(verified);
}

static void expire(void)
{
    struct event expired = make_event(EVENT_SUBSCRIPTION_EXPIRED);
    expired.deadline = s->lease_end_ms;
    assert_changed(expired);
}

/** Command `letter`, by the operator "ops". */
static struct event command(enum event_type type, char letter)
{
    struct event event = make_request(type, letter);
    event.location = (struct location){NULL, 0};
    event.owner = TEXT("ops");
    event.by_operator = true;
    return event;
}

static struct event pause_command(char letter)
{
    struct event event = command(EVENT_DELIVERY_PAUSE, letter);
    event.at_ms = 5000;
    event.reason = TEXT("moves house");
    return event;
}

static struct event move_command(char letter, int64_t offset)
{
    struct event event = command(EVENT_DELIVERY_MOVE, letter);
    event.offset = offset;
    return event;
}

static void assert_paused(void)
{
    assert_int_equal(s->status, SUBSCRIPTION_PAUSED);
    assert_true(s->paused);
    assert_int_equal(s->paused_at_ms, 5000);
    assert_string_equal(s->paused_by, "ops");
    assert_string_equal(s->reason, "moves house");
}

static void assert_not_paused(enum subscription_status status)
{
    assert_int_equal(s->status, status);
    assert_false(s->paused);
    assert_null(s->paused_by);
    assert_null(s->reason);
}

static void assert_position(int64_t offset, int64_t set, int64_t base, bool detached)
{
    assert_int_equal(s->position.offset, offset);
    assert_int_equal(s->position.set, set);
    assert_int_equal(s->position.base, base);
    assert_int_equal(s->position.detached, detached);
}

/* --- pause and resume --- */

static void test_a_pause_tells_who_and_why_and_leaves_the_position(void **state)
{
    (void)state;
    verify('a', 10);
    const struct position before = s->position;
    assert_changed(pause_command('p'));
    assert_paused();
    assert_string_equal(s->commanded_by, "ops");
    assert_position(before.offset, before.set, before.base, before.detached);
}

static void test_only_a_resume_ends_a_pause(void **state)
{
    (void)state;
    verify('a', 10);
    assert_changed(pause_command('p'));
    int64_t base = s->position.base;
    verify('b', 99);
    assert_paused();
    assert_changed(make_delivery(EVENT_DELIVERY_DETACHED, base, 20));
    assert_changed(make_delivery(EVENT_DELIVERY_SUSPENDED, base, 21));
    assert_ignored(make_delivery(EVENT_DELIVERY_RECOVERED, base, 0));
    assert_changed(move_command('m', 5));
    assert_paused();
    assert_changed(command(EVENT_DELIVERY_RESUME, 'r'));
    assert_not_paused(SUBSCRIPTION_ACTIVE);
    assert_int_equal(s->resumed, sequence - 1);
}

static void test_a_pause_outlives_a_lapsed_lease(void **state)
{
    (void)state;
    verify('a', 10);
    assert_changed(pause_command('p'));
    expire();
    assert_int_equal(s->status, SUBSCRIPTION_LAPSED);
    verify('b', 99);
    assert_paused();
    assert_int_equal(s->position.offset, 10);
}

static void test_a_paused_one_that_lapsed_can_be_resumed(void **state)
{
    (void)state;
    verify('a', 10);
    assert_changed(pause_command('p'));
    expire();
    assert_changed(command(EVENT_DELIVERY_RESUME, 'r'));
    assert_not_paused(SUBSCRIPTION_LAPSED);
    verify('b', 99);
    assert_not_paused(SUBSCRIPTION_ACTIVE);
}

static void test_a_new_life_is_not_paused(void **state)
{
    (void)state;
    verify('a', 10);
    assert_changed(pause_command('p'));
    assert_changed(make_request(EVENT_UNSUBSCRIPTION_REQUESTED, 'u'));
    assert_changed(make_request(EVENT_SUBSCRIPTION_REQUESTED, 'b'));
    assert_changed(make_request(EVENT_UNSUBSCRIPTION_VERIFIED, 'u'));
    assert_not_paused(SUBSCRIPTION_REQUESTED);
    assert_string_equal(s->command, "");
    assert_null(s->commanded_by);
    assert_changed(make_request(EVENT_SUBSCRIPTION_VERIFIED, 'b'));
    assert_not_paused(SUBSCRIPTION_ACTIVE);
}

static void test_a_suspended_one_that_was_paused_is_active_when_resumed(void **state)
{
    (void)state;
    verify('a', 10);
    assert_changed(make_delivery(EVENT_DELIVERY_SUSPENDED, s->position.base, 20));
    assert_changed(pause_command('p'));
    assert_paused();
    assert_changed(command(EVENT_DELIVERY_RESUME, 'r'));
    assert_not_paused(SUBSCRIPTION_ACTIVE);
    assert_position(20, 102, 101, true);
}

/* --- move --- */

static void test_a_move_makes_a_new_base_either_way(void **state)
{
    (void)state;
    static const int64_t offsets[] = {500, 3};
    verify('a', 10);
    for (size_t i = 0; i < ARRAY_COUNT(offsets); i++) {
        int64_t old = s->position.base, at = sequence;
        assert_changed(move_command((char)('m' + (char)i), offsets[i]));
        assert_position(offsets[i], at, at, true);
        assert_int_equal(s->status, SUBSCRIPTION_ACTIVE);
        assert_ignored(make_delivery(EVENT_DELIVERY_PROGRESSED, old, 700));
        assert_ignored(make_delivery(EVENT_DELIVERY_ATTACHED, old, 700));
        assert_ignored(make_delivery(EVENT_DELIVERY_SUSPENDED, old, 700));
        assert_ignored(make_delivery(EVENT_DELIVERY_GONE, old, 0));
    }
    assert_changed(make_delivery(EVENT_DELIVERY_PROGRESSED, s->position.base, 4));
    assert_int_equal(s->position.offset, 4);
}

static void test_a_move_keeps_a_suspension(void **state)
{
    (void)state;
    verify('a', 10);
    struct event suspended = make_delivery(EVENT_DELIVERY_SUSPENDED, s->position.base, 20);
    suspended.reason = TEXT("status_5xx");
    assert_changed(suspended);
    assert_changed(move_command('m', 5));
    assert_int_equal(s->status, SUBSCRIPTION_SUSPENDED);
    assert_string_equal(s->reason, "status_5xx");
}

static void test_a_move_within_another_partition_is_ignored(void **state)
{
    (void)state;
    verify('a', 10);
    struct event elsewhere = move_command('m', 5);
    elsewhere.location = (struct location){TEXT(ELSEWHERE), 0};
    assert_ignored(elsewhere);
    struct event here = move_command('m', 5);
    here.location = (struct location){TEXT(KAFKA), 0};
    assert_changed(here);
}

/* --- redeliver --- */

static struct event redeliver_command(char letter, int64_t offset)
{
    struct event event = command(EVENT_DELIVERY_REDELIVER, letter);
    event.offset = offset;
    return event;
}

static void test_messages_to_redeliver_wait_in_their_order_and_leave_the_position(void **state)
{
    (void)state;
    verify('a', 10);
    const struct position before = s->position;
    int64_t at = sequence;
    assert_changed(redeliver_command('m', 7));
    assert_changed(redeliver_command('n', 3));
    assert_changed(redeliver_command('o', 12));
    assert_ignored(redeliver_command('p', 7)); /* it waits already */
    assert_int_equal(s->redeliver_count, 3);
    static const int64_t offsets[] = {3, 7, 12}, commands[] = {1, 0, 2};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(s->redeliver[i].offset, offsets[i]);
        assert_int_equal(s->redeliver[i].command, at + commands[i]);
    }
    assert_position(before.offset, before.set, before.base, before.detached);
}

static void test_a_redelivery_is_settled_by_its_own_command(void **state)
{
    (void)state;
    verify('a', 10);
    int64_t first = sequence;
    assert_changed(redeliver_command('m', 7));
    assert_ignored(make_delivery(EVENT_DELIVERY_REDELIVERED, first, 8));
    assert_ignored(make_delivery(EVENT_DELIVERY_REDELIVERED, first + 1, 7));
    assert_changed(make_delivery(EVENT_DELIVERY_REDELIVERED, first, 7));
    assert_int_equal(s->redeliver_count, 0);
    int64_t second = sequence;
    assert_changed(redeliver_command('n', 7));
    assert_ignored(make_delivery(EVENT_DELIVERY_REDELIVERED, first, 7));
    assert_changed(make_delivery(EVENT_DELIVERY_REDELIVERED, second, 7));
}

static void test_only_so_many_messages_wait_for_redelivery(void **state)
{
    (void)state;
    verify('a', 10);
    for (int i = 0; i < STATE_MAX_REDELIVERIES; i++)
        assert_changed(redeliver_command((char)('a' + i % 2), i * 7919 % 100000));
    assert_ignored(redeliver_command('z', 100001));
}

static struct event letters_event(enum event_type type, char letter, int64_t offset)
{
    struct event event = command(type, letter);
    event.offset = offset;
    return event;
}

static struct event letters_settled(int64_t offset)
{
    return letters_event(EVENT_DELIVERY_LETTERS_SETTLED, 's', offset);
}

static void assert_letters(int64_t settled, int64_t wanted)
{
    assert_int_equal(s->letters.settled, settled);
    assert_int_equal(s->letters.wanted, wanted);
}

static void test_dead_letters_are_wanted_and_settled_up_to_an_offset(void **state)
{
    (void)state;
    verify('a', 10);
    const struct position before = s->position;
    assert_changed(letters_event(EVENT_DELIVERY_REDELIVER_LETTERS, 'l', 7));
    assert_letters(0, 7);
    assert_ignored(letters_event(EVENT_DELIVERY_REDELIVER_LETTERS, 'l', 9)); /* the same command */
    assert_ignored(letters_event(EVENT_DELIVERY_REDELIVER_LETTERS, 'm', 7));
    assert_ignored(letters_event(EVENT_DELIVERY_REDELIVER_LETTERS, 'm', 5));
    assert_changed(letters_settled(3));
    assert_ignored(letters_settled(3));
    assert_ignored(letters_settled(2)); /* by one who lost the shard */
    assert_ignored(letters_settled(8)); /* nobody wanted that */
    assert_changed(letters_event(EVENT_DELIVERY_REDELIVER_LETTERS, 'n', 9));
    assert_letters(3, 9);
    assert_changed(letters_settled(9));
    assert_ignored(letters_event(EVENT_DELIVERY_REDELIVER_LETTERS, 'o', 9));
    assert_letters(9, 9);
    assert_position(before.offset, before.set, before.base, before.detached);
}

static void test_a_redelivered_message_is_marked(void **state)
{
    (void)state;
    verify('a', 10);
    for (int i = 0; i < 2; i++) {
        int64_t at = sequence;
        assert_changed(redeliver_command((char)('m' + (char)i), 7));
        struct event told = make_delivery(EVENT_DELIVERY_REDELIVERED, at, 7);
        told.marked = 40 - i;
        assert_changed(told);
        assert_int_equal(s->letters.marked, 40);
    }
    assert_changed(letters_event(EVENT_DELIVERY_REDELIVER_LETTERS, 'l', 50));
    int64_t at = sequence;
    assert_changed(redeliver_command('o', 7));
    assert_changed(make_delivery(EVENT_DELIVERY_REDELIVERED, at, 7));
    assert_letters(0, 50);
}

static void test_dead_letters_are_wanted_no_more_when_the_subscription_ends(void **state)
{
    (void)state;
    verify('a', 10);
    assert_changed(letters_event(EVENT_DELIVERY_REDELIVER_LETTERS, 'l', 7));
    assert_changed(letters_settled(3));
    expire();
    assert_letters(3, 7);
    assert_ignored(letters_event(EVENT_DELIVERY_REDELIVER_LETTERS, 'm', 9));
    verify('b', 20);
    assert_letters(3, 7);
    assert_changed(make_request(EVENT_UNSUBSCRIPTION_REQUESTED, 'u'));
    struct event again = make_request(EVENT_SUBSCRIPTION_REQUESTED, 'c');
    again.at_ms = 7777;
    assert_changed(again);
    assert_changed(make_request(EVENT_UNSUBSCRIPTION_VERIFIED, 'u'));
    assert_letters(0, 0);
    assert_int_equal(s->created_at_ms, 7777);
    assert_ignored(letters_settled(5));
}

static void test_redeliveries_end_with_the_subscription(void **state)
{
    (void)state;
    verify('a', 10);
    assert_changed(redeliver_command('m', 7));
    expire();
    assert_int_equal(s->redeliver_count, 1);
    verify('b', 20);
    assert_int_equal(s->redeliver_count, 1);
    assert_changed(command(EVENT_SUBSCRIPTION_DELETE, 'd'));
    assert_int_equal(s->redeliver_count, 0);
}

static void test_redeliveries_end_when_the_topic_lies_elsewhere(void **state)
{
    (void)state;
    verify('a', 10);
    assert_changed(redeliver_command('m', 7));
    struct event requested = make_request(EVENT_SUBSCRIPTION_REQUESTED, 'b');
    requested.location = (struct location){TEXT(ELSEWHERE), 3};
    assert_changed(requested);
    assert_changed(make_request(EVENT_SUBSCRIPTION_VERIFIED, 'b'));
    assert_int_equal(s->redeliver_count, 0);
}

/* --- delete --- */

static void test_a_deleted_one_is_owed_a_notice_and_its_requests_are_dropped(void **state)
{
    (void)state;
    verify('a', 10);
    assert_changed(pause_command('p'));
    assert_changed(make_request(EVENT_SUBSCRIPTION_REQUESTED, 'b'));
    struct event deleted = command(EVENT_SUBSCRIPTION_DELETE, 'd');
    deleted.reason = TEXT("the contract ended");
    assert_changed(deleted);
    assert_int_equal(s->status, SUBSCRIPTION_ENDING);
    assert_false(s->paused);
    assert_string_equal(s->reason, "the contract ended");
    assert_int_equal(s->pending_count, 0);
    assert_ignored(deleted);
    assert_ignored(command(EVENT_SUBSCRIPTION_DELETE, 'e'));
    assert_ignored(make_request(EVENT_SUBSCRIPTION_VERIFIED, 'b'));
    assert_int_equal(fold(make_event(EVENT_SUBSCRIPTION_DENIED)), FOLD_REMOVED);
    assert_ignored(deleted);
}

static void test_a_lapsed_one_is_deleted_without_a_notice(void **state)
{
    (void)state;
    verify('a', 10);
    expire();
    assert_int_equal(fold(command(EVENT_SUBSCRIPTION_DELETE, 'd')), FOLD_REMOVED);
}

static void test_a_deletion_gives_a_reason_in_any_case(void **state)
{
    (void)state;
    verify('a', 10);
    assert_changed(command(EVENT_SUBSCRIPTION_DELETE, 'd'));
    assert_non_null(s->reason);
}

/* --- all --- */

static void test_a_command_that_comes_twice_is_done_once(void **state)
{
    (void)state;
    verify('a', 10);
    assert_changed(move_command('m', 5));
    assert_changed(make_delivery(EVENT_DELIVERY_PROGRESSED, s->position.base, 8));
    assert_ignored(move_command('m', 5));
    assert_changed(pause_command('p'));
    assert_ignored(pause_command('p'));
    assert_ignored(pause_command('q')); /* another, but it is paused already */
    assert_changed(command(EVENT_DELIVERY_RESUME, 'r'));
    assert_ignored(command(EVENT_DELIVERY_RESUME, 'r'));
    assert_changed(move_command('n', 5));
    assert_int_equal(s->position.offset, 5);
}

static void test_a_resume_needs_no_id(void **state)
{
    (void)state;
    verify('a', 10);
    assert_changed(pause_command('p'));
    assert_changed(make_event(EVENT_DELIVERY_RESUME));
    assert_not_paused(SUBSCRIPTION_ACTIVE);
    assert_null(s->commanded_by);
    assert_changed(pause_command('p'));
}

static void test_commands_that_make_no_sense_are_ignored(void **state)
{
    (void)state;
    static const enum event_type types[] = {EVENT_DELIVERY_PAUSE, EVENT_DELIVERY_MOVE,
                                            EVENT_DELIVERY_RESUME};
    for (size_t i = 0; i < ARRAY_COUNT(types); i++)
        assert_ignored(command(types[i], 'c'));
    assert_ignored(command(EVENT_SUBSCRIPTION_DELETE, 'c'));
    assert_changed(make_request(EVENT_SUBSCRIPTION_REQUESTED, 'a'));
    for (size_t i = 0; i < ARRAY_COUNT(types); i++)
        assert_ignored(command(types[i], 'c'));
    assert_changed(make_request(EVENT_SUBSCRIPTION_VERIFIED, 'a'));
    expire();
    for (size_t i = 0; i < ARRAY_COUNT(types); i++)
        assert_ignored(command(types[i], 'c'));
}

static void test_nobody_commands_what_is_anothers(void **state)
{
    (void)state;
    static const enum event_type types[] = {EVENT_DELIVERY_PAUSE, EVENT_DELIVERY_MOVE,
                                            EVENT_DELIVERY_RESUME, EVENT_SUBSCRIPTION_DELETE};
    struct event requested = make_request(EVENT_SUBSCRIPTION_REQUESTED, 'a');
    requested.owner = TEXT("bank");
    assert_changed(requested);
    assert_changed(make_request(EVENT_SUBSCRIPTION_VERIFIED, 'a'));
    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        struct event event = command(types[i], 'c');
        event.by_operator = false;
        event.owner = TEXT("thief");
        assert_ignored(event);
    }
    struct event own = command(EVENT_DELIVERY_PAUSE, 'c');
    own.by_operator = false;
    own.owner = TEXT("bank");
    assert_changed(own);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_a_pause_tells_who_and_why_and_leaves_the_position),
        STORY(test_only_a_resume_ends_a_pause),
        STORY(test_a_pause_outlives_a_lapsed_lease),
        STORY(test_a_paused_one_that_lapsed_can_be_resumed),
        STORY(test_a_new_life_is_not_paused),
        STORY(test_a_suspended_one_that_was_paused_is_active_when_resumed),
        STORY(test_a_move_makes_a_new_base_either_way),
        STORY(test_a_move_keeps_a_suspension),
        STORY(test_a_move_within_another_partition_is_ignored),
        STORY(test_messages_to_redeliver_wait_in_their_order_and_leave_the_position),
        STORY(test_a_redelivery_is_settled_by_its_own_command),
        STORY(test_only_so_many_messages_wait_for_redelivery),
        STORY(test_dead_letters_are_wanted_and_settled_up_to_an_offset),
        STORY(test_a_redelivered_message_is_marked),
        STORY(test_dead_letters_are_wanted_no_more_when_the_subscription_ends),
        STORY(test_redeliveries_end_with_the_subscription),
        STORY(test_redeliveries_end_when_the_topic_lies_elsewhere),
        STORY(test_a_deleted_one_is_owed_a_notice_and_its_requests_are_dropped),
        STORY(test_a_lapsed_one_is_deleted_without_a_notice),
        STORY(test_a_deletion_gives_a_reason_in_any_case),
        STORY(test_a_command_that_comes_twice_is_done_once),
        STORY(test_a_resume_needs_no_id),
        STORY(test_commands_that_make_no_sense_are_ignored),
        STORY(test_nobody_commands_what_is_anothers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
