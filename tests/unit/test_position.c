/* The decision where a subscription continues. That it is right is in test_position_model.c. */
#include "tests/unit/unit.h"

#include "common/position.h"

static void test_where_a_subscription_continues(void **state)
{
    (void)state;
    static const struct {
        const char *title;
        struct position position;   /**< offset, set, base, detached */
        struct shard_commit commit; /**< offset, folded */
        int64_t resume;
    } cases[] = {
        {"nothing was committed", {10, 5, 5, false}, {-1, 0}, 10},
        {"nothing was committed, whatever was folded", {10, 5, 5, false}, {-1, 100}, 10},
        {"the shard is further and covers it", {10, 5, 5, false}, {20, 6}, 20},
        {"the shard covers it since long", {10, 5, 5, false}, {20, 1000}, 20},
        {"the shard did not know of it", {10, 5, 5, false}, {20, 5}, 10},
        {"the shard was committed long before it", {10, 5, 5, false}, {20, 0}, 10},
        {"the shard is behind it", {30, 5, 5, false}, {20, 6}, 30},
        {"the shard is where it is", {20, 5, 5, false}, {20, 6}, 20},
        {"it is detached", {10, 5, 5, true}, {20, 6}, 10},
        {"it was detached after its beginning", {10, 9, 5, true}, {20, 100}, 10},
        {"it was attached again, which the shard did not know", {10, 9, 5, false}, {20, 9}, 10},
        {"it was attached again, which the shard knew", {10, 9, 5, false}, {20, 10}, 20},
        {"all is new", {0, 0, 0, false}, {0, 1}, 0},
        {"the first event of a partition", {3, 0, 0, false}, {7, 0}, 3},
        {"the largest of all", {INT64_MAX, 5, 5, false}, {INT64_MAX, INT64_MAX}, INT64_MAX},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        int64_t resume = position_resume(&cases[i].position, &cases[i].commit);
        if (resume != cases[i].resume)
            fail_msg("%s: expected %lld, got %lld", cases[i].title, (long long)cases[i].resume,
                     (long long)resume);
    }
}

static void test_what_a_commit_was_made_with(void **state)
{
    (void)state;
    assert_int_equal(position_parse_folded("1234", 4), 1234);
    assert_int_equal(position_parse_folded("12345", 2), 12);
    assert_int_equal(position_parse_folded("", 0), 0);
    assert_int_equal(position_parse_folded(NULL, 0), 0);
    assert_int_equal(position_parse_folded("somebody else's", 15), 0);
    assert_int_equal(position_parse_folded("111111111111111111111111111111", 30), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_where_a_subscription_continues),
        cmocka_unit_test(test_what_a_commit_was_made_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
