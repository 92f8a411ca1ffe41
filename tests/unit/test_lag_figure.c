/* How far behind a subscription is, from all that is known of it. */
#include "tests/unit/unit.h"

#include <stdbool.h>
#include <string.h>

#include "hub/lag_figure.h"
#include "hub/lag_summary.h"

/* Ends were 50 at 1000, 100 at 11000, 200 at 21000; monotonic. The wall clock is 1000000 ahead. */
static struct lag_sample samples[] = {{1000, 50}, {11000, 100}, {21000, 200}};
static const struct lag_history history = {samples, 3, 3};
enum { NOW = 21000, WALL = 1000000 + NOW };

enum { NONE = -1, UNKNOWN = -2 }; /* commits */

/** What the hub knows, and what it makes of it. The base of the state's position is 7. */
struct lag_case {
    const char *what;
    int64_t offset; /* in the state, as of event 20 */
    bool detached;
    int64_t commit, folded;
    int64_t report_next, report_base, report_oldest, report_at;
    int64_t end;
    bool alone;
    int64_t position, messages;
    bool exact;
    int64_t age;
};

static const struct lag_case cases[] = {
    {"all confirmed, dedicated", 40, false, 200, 30, -1, 7, 0, 0, 200, true, 200, 0, true, 0},
    {"all confirmed, pooled", 40, false, 200, 30, -1, 7, 0, 0, 200, false, 200, 0, true, 0},
    {"confirmed after the end was told", 40, false, 210, 30, -1, 7, 0, 0, 200, true, 210, 0, true,
     0},
    {"behind, dedicated", 40, false, 150, 30, -1, 7, 0, 0, 200, true, 150, 50, true, 5000},
    {"behind, pooled: others' too", 40, false, 150, 30, -1, 7, 0, 0, 200, false, 150, 50, false,
     5000},
    {"nothing was ever committed", 150, false, NONE, 0, -1, 7, 0, 0, 200, true, 150, 50, true,
     5000},
    {"the commit is not known now", 150, false, UNKNOWN, 0, -1, 7, 0, 0, 200, true, -1, -1, false,
     -1},
    {"a commit from before the state", 150, false, 190, 20, -1, 7, 0, 0, 200, true, 150, 50, true,
     5000},
    {"a commit that is behind the state", 150, false, 120, 30, -1, 7, 0, 0, 200, true, 150, 50,
     true, 5000},
    {"detached: the state alone tells", 150, true, 190, 30, -1, 7, 0, 0, 200, true, 150, 50, true,
     5000},
    {"detached, and no commit known", 150, true, UNKNOWN, 0, -1, 7, 0, 0, 200, true, 150, 50, true,
     5000},
    {"the end is not known now", 150, true, UNKNOWN, 0, -1, 7, 0, 0, -1, true, 150, -1, false, -1},
    {"older than what was looked at", 40, true, UNKNOWN, 0, -1, 7, 0, 0, 200, true, 40, 160, true,
     -1},

    {"reported with its oldest", 150, true, NONE, 0, 150, 7, WALL - 9999, WALL - 2000, 200, true,
     150, 50, true, 9999},
    {"reported further", 150, true, NONE, 0, 180, 7, WALL - 1234, WALL - 2000, 200, true, 180, 20,
     true, 1234},
    {"reported further, attached", 40, false, 150, 30, 180, 7, WALL - 1234, WALL, 200, true, 180,
     20, true, 1234},
    {"reported before the last commit", 40, false, 150, 30, 120, 7, WALL - 9999, WALL, 200, true,
     150, 50, true, 5000},
    {"reported before it was moved back", 60, true, NONE, 0, 180, 5, WALL - 9999, WALL, 200, true,
     60, 140, true, 18000},
    {"reported of an unknown base", 60, true, NONE, 0, 180, -1, WALL - 9999, WALL, 200, true, 60,
     140, true, 18000},
    {"reported without a position", 150, true, NONE, 0, -1, 7, 0, WALL, 200, true, 150, 50, true,
     5000},
    {"reported without the age", 150, true, NONE, 0, 180, 7, 0, WALL, 200, true, 180, 20, true,
     2000},
    {"reported from the future", 150, true, NONE, 0, 150, 7, WALL + 50, WALL + 50, 200, true, 150,
     50, true, 0},
    {"reported beyond the end", 150, true, NONE, 0, 300, 7, WALL - 50, WALL, 200, true, 300, 0,
     true, 0},
};

static struct lag_figure make(const struct lag_case *c, int64_t start)
{
    const struct shard_commit commit = {c->commit, c->folded};
    const struct lag_facts facts = {
        .position = {c->offset, 20, 7, c->detached},
        .commit = c->commit == UNKNOWN ? NULL : &commit,
        .report = {c->report_at, c->report_next, c->report_base, c->report_oldest},
        .start = start,
        .end = c->end,
        .end_ms = NOW,
        .history = &history,
        .alone = c->alone,
        .now_wall_ms = WALL,
    };
    struct lag_figure figure;
    lag_figure_make(&figure, &facts);
    return figure;
}

static void test_figures(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct lag_case *c = &cases[i];
        struct lag_figure got = make(c, 0);
        if (got.position != c->position || got.messages != c->messages || got.exact != c->exact ||
            got.age_ms != c->age)
            fail_msg("%s: position %lld, messages %lld, exact %d, age %lld", c->what,
                     (long long)got.position, (long long)got.messages, (int)got.exact,
                     (long long)got.age_ms);
    }
}

/* Retention has taken what was before 180: it cannot be missed any more. */
static void test_what_kafka_has_deleted_is_not_counted(void **state)
{
    (void)state;
    struct lag_figure got = make(&cases[3], 180);
    assert_int_equal(got.position, 150);
    assert_int_equal(got.messages, 20);
    assert_int_equal(got.age_ms, 2000);
    got = make(&cases[3], 200);
    assert_int_equal(got.messages, 0);
    assert_int_equal(got.age_ms, 0);
}

/* --- of all of them --- */

static void add(struct lag_summary *summary, char digit, enum subscription_status status,
                int64_t messages, int64_t age_ms)
{
    char id[ID_HEX_SIZE] = "";
    memset(id, digit, sizeof(id) - 1);
    const struct catalog_sight sight = {.id = id, .status = status, .verified = true};
    const struct lag_figure figure = {0, messages, true, age_ms};
    lag_summary_add(summary, &sight, &figure);
}

static void test_who_is_behind(void **state)
{
    (void)state;
    struct lag_summary summary = {0};
    add(&summary, 'a', SUBSCRIPTION_ACTIVE, 5, LAG_BEHIND_MS);
    add(&summary, 'b', SUBSCRIPTION_ACTIVE, 500, LAG_BEHIND_MS - 1);
    add(&summary, 'c', SUBSCRIPTION_SUSPENDED, 1, -1); /* unknown, and not 0 */
    add(&summary, 'd', SUBSCRIPTION_PAUSED, 1, 3600000);
    add(&summary, 'e', SUBSCRIPTION_ACTIVE, 0, 0);
    add(&summary, 'f', SUBSCRIPTION_ACTIVE, -1, -1); /* nothing is known */
    add(&summary, '0', SUBSCRIPTION_LAPSED, 7, 3600000);
    add(&summary, '1', SUBSCRIPTION_ENDING, 7, 3600000);
    add(&summary, '2', SUBSCRIPTION_REQUESTED, 7, 3600000);
    assert_int_equal(summary.behind, 3);
    assert_int_equal(summary.top_count, 4);
    const char order[] = "dabc";
    for (size_t i = 0; i < summary.top_count; i++)
        assert_int_equal(summary.top[i].id[0], order[i]);
}

static void test_the_ten_that_are_furthest_behind(void **state)
{
    (void)state;
    struct lag_summary summary = {0};
    const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) /* 7 × i mod 16: in no order */
        add(&summary, digits[7 * i % 16], SUBSCRIPTION_ACTIVE, 1 + 7 * i % 16, 20000);
    assert_int_equal(summary.behind, 16);
    assert_int_equal(summary.top_count, LAG_TOP);
    for (int i = 0; i < LAG_TOP; i++) {
        assert_int_equal(summary.top[i].id[0], digits[15 - i]);
        assert_int_equal(summary.top[i].id[ID_HEX_SIZE - 2], digits[15 - i]);
        assert_int_equal(summary.top[i].id[ID_HEX_SIZE - 1], '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_what_kafka_has_deleted_is_not_counted),
        cmocka_unit_test(test_who_is_behind),
        cmocka_unit_test(test_the_ten_that_are_furthest_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
