/*
 * The fold of subscriptions: every event in every status, then the promises (docs: P2, P4, P5) as
 * stories.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/folding.h"

/* --- every event in every status --- */

enum { NONE = -1, STATUS_COUNT = 6, BASE = 40, START = 7, LEASE_END = 500 * 1000 };

enum waiting { NOTHING_WAITS, SUBSCRIBE_WAITS, UNSUBSCRIBE_WAITS };

static void add_pending(struct subscription_state *s, bool unsubscribe)
{
    s->pending = calloc(1, sizeof(*s->pending));
    s->pending_count = 1;
    strcpy(s->pending->request_id, request_id('p'));
    s->pending->unsubscribe = unsubscribe;
    s->pending->secret.text = strdup("new secret");
    s->pending->method = SIGNATURE_SHA512;
    s->pending->lease_seconds = 100;
    s->pending->location.kafka_topic = strdup(KAFKA);
}

/** In `status`, verified at BASE; those that fail or lapsed are detached. */
static struct subscription_state *make_state(int status, enum waiting waiting)
{
    if (status == NONE)
        return NULL;
    struct subscription_state *s = calloc(1, sizeof(*s));
    id_subscription(TOPIC, CALLBACK, s->id);
    s->topic = strdup(TOPIC);
    s->callback = strdup(CALLBACK);
    s->status = (enum subscription_status)status;
    s->method = -1;
    if (waiting != NOTHING_WAITS || status == SUBSCRIPTION_REQUESTED)
        add_pending(s, waiting == UNSUBSCRIBE_WAITS);
    if (status == SUBSCRIPTION_REQUESTED)
        return s;
    s->secret.text = strdup("old secret");
    s->verified_at_ms = LEASE_END - 300 * 1000;
    s->lease_seconds = 300;
    s->lease_end_ms = LEASE_END;
    s->location.kafka_topic = strdup(KAFKA);
    s->paused = status == SUBSCRIPTION_PAUSED;
    bool detached = status == SUBSCRIPTION_SUSPENDED || status == SUBSCRIPTION_LAPSED;
    s->position = (struct position){START, BASE, BASE, detached};
    return s;
}

/**
 * For each type of event what becomes of none, requested, active, suspended, lapsed, ending and
 * paused:
 *   .  ignored   R A S L E P  changed, and now in that status   x  removed
 */
struct matrix {
    const char *title;
    enum waiting waiting;
    const char *outcomes[EVENT_TYPE_COUNT];
};

static char letter_of(enum fold_outcome outcome, const struct subscription_state *s)
{
    if (outcome == FOLD_IGNORED)
        return '.';
    return outcome == FOLD_REMOVED ? 'x' : "RASLEP"[s->status];
}

/** Folds `event` into a state in each status and compares with `expected`, e.g. ".RASL.". */
static int count_wrong(const char *title, enum waiting waiting, const struct event *event,
                       const char *expected)
{
    int wrong = 0;
    for (int status = NONE; status < STATUS_COUNT; status++) {
        struct subscription_state *s = make_state(status, waiting);
        char *before = picture(s);
        enum fold_outcome outcome = fold_subscription(&s, event, BASE + 5);
        char got = letter_of(outcome, s);
        char *after = picture(s);
        bool kept = strcmp(before, after) == 0;
        if (got != expected[status + 1] || kept != (outcome == FOLD_IGNORED) ||
            (outcome == FOLD_REMOVED) != (status != NONE && !s)) {
            print_error("%s: %s in status %s: expected '%c', got '%c'\n  before %s\n  after  %s\n",
                        title, event_type_name(event->type),
                        status == NONE ? "none" : subscription_status_name(status),
                        expected[status + 1], got, before, after);
            wrong++;
        }
        free(before);
        free(after);
        subscription_state_free(s);
    }
    return wrong;
}

static struct event fitting_event(enum event_type type)
{
    bool new_request =
        type == EVENT_SUBSCRIPTION_REQUESTED || type == EVENT_UNSUBSCRIPTION_REQUESTED;
    struct event event = make_request(type, new_request ? 'n' : 'p');
    event.base = BASE;
    event.offset = START + 3;
    event.deadline = LEASE_END;
    event.reason = (char *)(uintptr_t) "why";
    return event;
}

static void check_matrix(const struct matrix *matrix)
{
    int wrong = 0;
    for (int type = 0; type < EVENT_TYPE_COUNT; type++) {
        struct event event = fitting_event((enum event_type)type);
        assert_non_null(matrix->outcomes[type]);
        wrong += count_wrong(matrix->title, matrix->waiting, &event, matrix->outcomes[type]);
    }
    assert_int_equal(wrong, 0);
}

static void test_every_event_in_every_status_while_nothing_waits(void **state)
{
    (void)state;
    static const struct matrix matrix = {
        "nothing waits",
        NOTHING_WAITS,
        {
            [EVENT_TOPIC_REGISTERED] = ".......",
            [EVENT_TOPIC_DEREGISTERED] = ".......",
            [EVENT_TOPIC_PINGED] = ".......",
            [EVENT_TOPIC_FETCHING] = ".......",
            [EVENT_TOPIC_FETCHED] = ".......",
            [EVENT_TOPIC_NOT_FETCHED] = ".......",
            [EVENT_TOPIC_ENDED] = ".EEEx.E",
            [EVENT_SUBSCRIPTION_REQUESTED] = "RRASLEP",
            [EVENT_UNSUBSCRIPTION_REQUESTED] = "RRASLEP",
            [EVENT_SUBSCRIPTION_VERIFIED] = ".A.....",
            [EVENT_SUBSCRIPTION_REFUSED] = ".x.....",
            [EVENT_UNSUBSCRIPTION_VERIFIED] = ".......",
            [EVENT_SUBSCRIPTION_DENIED] = ".....x.",
            [EVENT_SUBSCRIPTION_LAPSING] = "..AS..P",
            [EVENT_SUBSCRIPTION_EXPIRED] = "..LL..L",
            [EVENT_SUBSCRIPTION_FORGOTTEN] = "....x..",
            [EVENT_DELIVERY_DETACHED] = "..ASL.P",
            [EVENT_DELIVERY_PROGRESSED] = "..ASL.P",
            [EVENT_DELIVERY_ATTACHED] = "..ASL.P",
            [EVENT_DELIVERY_SUSPENDED] = "..SSL.P",
            [EVENT_DELIVERY_RECOVERED] = "...A...",
            [EVENT_DELIVERY_GONE] = "..xxx.x",
            [EVENT_DELIVERY_RESUME] = "..AS..A",
            [EVENT_DELIVERY_PAUSE] = "..PP...",
            [EVENT_DELIVERY_MOVE] = "..AS..P",
            [EVENT_DELIVERY_REDELIVER] = "..AS..P",
            [EVENT_DELIVERY_REDELIVERED] = ".......",
            [EVENT_DELIVERY_REDELIVER_LETTERS] = "..AS..P",
            [EVENT_DELIVERY_LETTERS_SETTLED] = ".......",
            [EVENT_SUBSCRIPTION_DELETE] = ".EEEx.E",
            [EVENT_SUBSCRIPTION_IMPORTED] = "AA.....",
        },
    };
    check_matrix(&matrix);
}

static void test_every_event_in_every_status_while_a_subscribe_request_waits(void **state)
{
    (void)state;
    static const struct matrix matrix = {
        "a subscribe request waits",
        SUBSCRIBE_WAITS,
        {
            [EVENT_TOPIC_REGISTERED] = ".......",
            [EVENT_TOPIC_DEREGISTERED] = ".......",
            [EVENT_TOPIC_PINGED] = ".......",
            [EVENT_TOPIC_FETCHING] = ".......",
            [EVENT_TOPIC_FETCHED] = ".......",
            [EVENT_TOPIC_NOT_FETCHED] = ".......",
            [EVENT_TOPIC_ENDED] = ".EEEEEE",
            [EVENT_SUBSCRIPTION_REQUESTED] = "RRASLEP",
            [EVENT_UNSUBSCRIPTION_REQUESTED] = "RRASLEP",
            [EVENT_SUBSCRIPTION_VERIFIED] = ".AAAAAP",
            [EVENT_SUBSCRIPTION_REFUSED] = ".xASLEP",
            [EVENT_UNSUBSCRIPTION_VERIFIED] = ".......",
            [EVENT_SUBSCRIPTION_DENIED] = ".....R.",
            [EVENT_SUBSCRIPTION_LAPSING] = "..AS..P",
            [EVENT_SUBSCRIPTION_EXPIRED] = "..LL..L",
            [EVENT_SUBSCRIPTION_FORGOTTEN] = "....R..",
            [EVENT_DELIVERY_DETACHED] = "..ASL.P",
            [EVENT_DELIVERY_PROGRESSED] = "..ASL.P",
            [EVENT_DELIVERY_ATTACHED] = "..ASL.P",
            [EVENT_DELIVERY_SUSPENDED] = "..SSL.P",
            [EVENT_DELIVERY_RECOVERED] = "...A...",
            [EVENT_DELIVERY_GONE] = "..RRR.R",
            [EVENT_DELIVERY_RESUME] = "..AS..A",
            [EVENT_DELIVERY_PAUSE] = "..PP...",
            [EVENT_DELIVERY_MOVE] = "..AS..P",
            [EVENT_DELIVERY_REDELIVER] = "..AS..P",
            [EVENT_DELIVERY_REDELIVERED] = ".......",
            [EVENT_DELIVERY_REDELIVER_LETTERS] = "..AS..P",
            [EVENT_DELIVERY_LETTERS_SETTLED] = ".......",
            [EVENT_SUBSCRIPTION_DELETE] = ".EEEE.E",
            [EVENT_SUBSCRIPTION_IMPORTED] = "AA.....",
        },
    };
    check_matrix(&matrix);
}

static void test_every_event_in_every_status_while_an_unsubscribe_request_waits(void **state)
{
    (void)state;
    static const struct matrix matrix = {
        "an unsubscribe request waits",
        UNSUBSCRIBE_WAITS,
        {
            [EVENT_TOPIC_REGISTERED] = ".......",
            [EVENT_TOPIC_DEREGISTERED] = ".......",
            [EVENT_TOPIC_PINGED] = ".......",
            [EVENT_TOPIC_FETCHING] = ".......",
            [EVENT_TOPIC_FETCHED] = ".......",
            [EVENT_TOPIC_NOT_FETCHED] = ".......",
            [EVENT_TOPIC_ENDED] = ".EEEEEE",
            [EVENT_SUBSCRIPTION_REQUESTED] = "RRASLEP",
            [EVENT_UNSUBSCRIPTION_REQUESTED] = "RRASLEP",
            [EVENT_SUBSCRIPTION_VERIFIED] = ".......",
            [EVENT_SUBSCRIPTION_REFUSED] = ".xASLEP",
            [EVENT_UNSUBSCRIPTION_VERIFIED] = ".xxxxxx",
            [EVENT_SUBSCRIPTION_DENIED] = ".....R.",
            [EVENT_SUBSCRIPTION_LAPSING] = "..AS..P",
            [EVENT_SUBSCRIPTION_EXPIRED] = "..LL..L",
            [EVENT_SUBSCRIPTION_FORGOTTEN] = "....R..",
            [EVENT_DELIVERY_DETACHED] = "..ASL.P",
            [EVENT_DELIVERY_PROGRESSED] = "..ASL.P",
            [EVENT_DELIVERY_ATTACHED] = "..ASL.P",
            [EVENT_DELIVERY_SUSPENDED] = "..SSL.P",
            [EVENT_DELIVERY_RECOVERED] = "...A...",
            [EVENT_DELIVERY_GONE] = "..RRR.R",
            [EVENT_DELIVERY_RESUME] = "..AS..A",
            [EVENT_DELIVERY_PAUSE] = "..PP...",
            [EVENT_DELIVERY_MOVE] = "..AS..P",
            [EVENT_DELIVERY_REDELIVER] = "..AS..P",
            [EVENT_DELIVERY_REDELIVERED] = ".......",
            [EVENT_DELIVERY_REDELIVER_LETTERS] = "..AS..P",
            [EVENT_DELIVERY_LETTERS_SETTLED] = ".......",
            [EVENT_SUBSCRIPTION_DELETE] = ".EEEE.E",
            [EVENT_SUBSCRIPTION_IMPORTED] = "AA.....",
        },
    };
    check_matrix(&matrix);
}

static void test_what_belongs_to_an_earlier_life_is_ignored_in_every_status(void **state)
{
    (void)state;
    static const struct {
        enum event_type type;
        const char *outcome;
    } late[] = {
        {EVENT_SUBSCRIPTION_VERIFIED, "......."},   {EVENT_SUBSCRIPTION_REFUSED, "......."},
        {EVENT_UNSUBSCRIPTION_VERIFIED, "......."}, {EVENT_SUBSCRIPTION_EXPIRED, "......."},
        {EVENT_SUBSCRIPTION_LAPSING, "......."},    {EVENT_SUBSCRIPTION_FORGOTTEN, "......."},
        {EVENT_DELIVERY_DETACHED, "......."},       {EVENT_DELIVERY_PROGRESSED, "......."},
        {EVENT_DELIVERY_ATTACHED, "......."},       {EVENT_DELIVERY_SUSPENDED, "......."},
        {EVENT_DELIVERY_RECOVERED, "......."},      {EVENT_DELIVERY_GONE, "......."},
    };
    int wrong = 0;
    for (int waiting = NOTHING_WAITS; waiting <= UNSUBSCRIBE_WAITS; waiting++) {
        for (size_t i = 0; i < ARRAY_COUNT(late); i++) {
            struct event event = make_request(late[i].type, 'x');
            event.base = BASE - 1;
            event.offset = START + 100;
            event.deadline = LEASE_END - 1;
            wrong += count_wrong("late", (enum waiting)waiting, &event, late[i].outcome);
        }
    }
    assert_int_equal(wrong, 0);
}

/* --- what is due --- */

static void test_what_is_due_follows_from_the_status(void **state)
{
    (void)state;
    /* The lease has 300 s, so it is warned of 150 s before its end at the earliest. */
    static const struct {
        int status;
        bool warned;
        int64_t warning; /**< ms before the end */
        int64_t due;
        enum event_type type;
    } cases[] = {
        {SUBSCRIPTION_REQUESTED, false, 0, INT64_MAX, EVENT_TYPE_COUNT},
        {SUBSCRIPTION_ACTIVE, false, 0, LEASE_END, EVENT_SUBSCRIPTION_EXPIRED},
        {SUBSCRIPTION_SUSPENDED, false, 0, LEASE_END, EVENT_SUBSCRIPTION_EXPIRED},
        {SUBSCRIPTION_PAUSED, false, 0, LEASE_END, EVENT_SUBSCRIPTION_EXPIRED},
        {SUBSCRIPTION_LAPSED, false, 0, LEASE_END + 7000, EVENT_SUBSCRIPTION_FORGOTTEN},
        {SUBSCRIPTION_ENDING, false, 0, INT64_MAX, EVENT_TYPE_COUNT},
        {SUBSCRIPTION_REQUESTED, false, 9000, INT64_MAX, EVENT_TYPE_COUNT},
        {SUBSCRIPTION_ACTIVE, false, 9000, LEASE_END - 9000, EVENT_SUBSCRIPTION_LAPSING},
        {SUBSCRIPTION_SUSPENDED, false, 9000, LEASE_END - 9000, EVENT_SUBSCRIPTION_LAPSING},
        {SUBSCRIPTION_PAUSED, false, 9000, LEASE_END - 9000, EVENT_SUBSCRIPTION_LAPSING},
        {SUBSCRIPTION_ACTIVE, false, 150000, LEASE_END - 150000, EVENT_SUBSCRIPTION_LAPSING},
        {SUBSCRIPTION_ACTIVE, false, 150001, LEASE_END - 150000, EVENT_SUBSCRIPTION_LAPSING},
        {SUBSCRIPTION_ACTIVE, true, 9000, LEASE_END, EVENT_SUBSCRIPTION_EXPIRED},
        {SUBSCRIPTION_LAPSED, false, 9000, LEASE_END + 7000, EVENT_SUBSCRIPTION_FORGOTTEN},
        {SUBSCRIPTION_ENDING, false, 9000, INT64_MAX, EVENT_TYPE_COUNT},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        enum event_type type = EVENT_TYPE_COUNT;
        int64_t deadline;
        const struct fold_times times = {7000, cases[i].warning};
        struct subscription_state *due = make_state(cases[i].status, NOTHING_WAITS);
        due->warned = cases[i].warned;
        assert_int_equal(fold_next_due(due, &times, &type, &deadline), cases[i].due);
        assert_int_equal(type, cases[i].type);
        if (type != EVENT_TYPE_COUNT)
            assert_int_equal(deadline, LEASE_END);
        subscription_state_free(due);
    }
}

static void test_a_lease_is_warned_of_once_until_it_is_renewed(void **state)
{
    (void)state;
    struct subscription_state *s = make_state(SUBSCRIPTION_ACTIVE, SUBSCRIBE_WAITS);
    struct event lapsing = fitting_event(EVENT_SUBSCRIPTION_LAPSING);
    assert_int_equal(fold_subscription(&s, &lapsing, 50), FOLD_CHANGED);
    assert_true(s->warned);
    assert_int_equal(fold_subscription(&s, &lapsing, 51), FOLD_IGNORED);

    struct event verified = fitting_event(EVENT_SUBSCRIPTION_VERIFIED);
    verified.at_ms = LEASE_END - 1000;
    assert_int_equal(fold_subscription(&s, &verified, 52), FOLD_CHANGED);
    assert_false(s->warned);
    assert_int_equal(fold_subscription(&s, &lapsing, 53), FOLD_IGNORED); /* of the old lease */
    lapsing.deadline = s->lease_end_ms;
    assert_int_equal(fold_subscription(&s, &lapsing, 54), FOLD_CHANGED);
    assert_true(s->warned);
    subscription_state_free(s);
}

/* --- topics --- */

static void test_topics_begin_once_and_end_once(void **state)
{
    (void)state;
    struct topic_state *topic = NULL;
    struct event registered = make_event(EVENT_TOPIC_REGISTERED);
    struct event deregistered = make_event(EVENT_TOPIC_DEREGISTERED);
    assert_int_equal(fold_topic(&topic, &deregistered, 1), FOLD_IGNORED);
    assert_null(topic);
    assert_int_equal(fold_topic(&topic, &registered, 1), FOLD_CHANGED);
    assert_string_equal(topic->topic, TOPIC);
    assert_int_equal(topic->registered_at_ms, 1000);
    assert_string_equal(topic->location.kafka_topic, KAFKA);

    /* Two replicas chose a place for it at the same time: the first one stands. */
    registered.location.kafka_topic = (char *)(uintptr_t)ELSEWHERE;
    registered.at_ms = 2000;
    assert_int_equal(fold_topic(&topic, &registered, 1), FOLD_IGNORED);
    assert_string_equal(topic->location.kafka_topic, KAFKA);
    assert_int_equal(topic->registered_at_ms, 1000);

    assert_int_equal(fold_topic(&topic, &deregistered, 1), FOLD_REMOVED);
    assert_null(topic);
    assert_int_equal(fold_topic(&topic, &registered, 1), FOLD_CHANGED);
    assert_string_equal(topic->location.kafka_topic, ELSEWHERE);
    for (int type = EVENT_TOPIC_ENDED; type < EVENT_TYPE_COUNT; type++) {
        struct event other = make_event((enum event_type)type);
        assert_int_equal(fold_topic(&topic, &other, 1), FOLD_IGNORED);
    }
    topic_state_free(topic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_event_in_every_status_while_nothing_waits),
        cmocka_unit_test(test_every_event_in_every_status_while_a_subscribe_request_waits),
        cmocka_unit_test(test_every_event_in_every_status_while_an_unsubscribe_request_waits),
        cmocka_unit_test(test_what_belongs_to_an_earlier_life_is_ignored_in_every_status),
        cmocka_unit_test(test_what_is_due_follows_from_the_status),
        cmocka_unit_test(test_a_lease_is_warned_of_once_until_it_is_renewed),
        cmocka_unit_test(test_topics_begin_once_and_end_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
