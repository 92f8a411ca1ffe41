/* Bytes of messages in memory: who may read on when the pool is used up. */
#include "tests/unit/unit.h"

#include "dispatcher/memory.h"

static struct memory_pool pool;
static struct memory_account one, two;

static int set_up(void **state)
{
    (void)state;
    memory_pool_init(&pool, 1000);
    one = two = (struct memory_account){0};
    memory_account_open(&one, &pool);
    memory_account_open(&two, &pool);
    return 0;
}

static void test_one_account_may_use_what_nobody_else_needs(void **state)
{
    (void)state;
    memory_charge(&one, 1000);
    assert_false(memory_is_used_up(&one));
    memory_charge(&one, 1);
    assert_true(memory_is_used_up(&one));
}

static void test_account_within_its_share_goes_on_when_another_has_used_up_the_pool(void **state)
{
    (void)state;
    memory_charge(&one, 5000);
    memory_charge(&two, 500);
    assert_true(memory_is_used_up(&one));
    assert_false(memory_is_used_up(&two));
    memory_charge(&two, 1);
    assert_true(memory_is_used_up(&two));
}

static void test_memory_is_tight_at_half(void **state)
{
    (void)state;
    memory_charge(&one, 500);
    assert_false(memory_is_tight(&one));
    memory_charge(&one, 1);
    assert_true(memory_is_tight(&one));
    assert_false(memory_is_tight(&two));
    assert_false(memory_is_used_up(&one));
}

static void test_share_of_a_closed_account_goes_to_the_others(void **state)
{
    (void)state;
    memory_charge(&one, 900);
    memory_charge(&two, 200);
    assert_true(memory_is_used_up(&one));
    memory_account_close(&two);
    assert_false(memory_is_used_up(&one));
    memory_account_open(&two, &pool);
    assert_true(memory_is_used_up(&one));
}

static void test_what_is_refunded_is_free_again(void **state)
{
    (void)state;
    memory_charge(&one, 1500);
    memory_refund(&one, 1500);
    assert_int_equal(memory_pool_used(&pool), 0);
    assert_false(memory_is_tight(&one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_one_account_may_use_what_nobody_else_needs, set_up),
        cmocka_unit_test_setup(
            test_account_within_its_share_goes_on_when_another_has_used_up_the_pool, set_up),
        cmocka_unit_test_setup(test_memory_is_tight_at_half, set_up),
        cmocka_unit_test_setup(test_share_of_a_closed_account_goes_to_the_others, set_up),
        cmocka_unit_test_setup(test_what_is_refunded_is_free_again, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
