#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "dispatcher/topic_log.h"
#include "tests/unit/random.h"

static struct memory_pool pool = {.limit = INT64_MAX};
static struct memory_account account = {.pool = &pool};
static struct topic_log *made_log;

static struct message *make_message(int64_t offset, size_t cost)
{
    struct message *message = calloc(1, sizeof(*message));
    atomic_init(&message->references, 1);
    message->account = &account;
    message->offset = offset;
    message->cost = cost;
    memory_charge(&account, (int64_t)cost);
    return message;
}

static int set_up(void **state)
{
    (void)state;
    made_log = topic_log_new(NULL, strdup("Link: ..."));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (made_log)
        topic_log_free(made_log);
    made_log = NULL;
    return memory_pool_used(&pool) == 0 ? 0 : -1; /* every reference was released */
}

static void append(int64_t offset)
{
    topic_log_append(made_log, make_message(offset, 10));
}

static void assert_entry(uint64_t number, int64_t offset)
{
    const struct message *message = topic_log_get(made_log, number);
    assert_non_null(message);
    assert_int_equal(message->offset, offset);
}

/* --- single steps --- */

static void test_without_readers_nothing_is_kept(void **state)
{
    (void)state;
    append(5);
    append(9);
    assert_int_equal(made_log->bytes, 0);
    assert_int_equal(made_log->base, 10);
    assert_int_equal(made_log->first, made_log->next);
    assert_int_equal(memory_pool_used(&pool), 0);
}

static void test_a_reader_gets_what_comes_after_it_joined_in_order(void **state)
{
    (void)state;
    append(5);
    uint64_t number = topic_log_join(made_log, 6);
    assert_null(topic_log_get(made_log, number));
    append(7);
    append(11);
    assert_entry(number, 7);
    topic_log_pass(made_log, number++);
    assert_entry(number, 11);
    topic_log_pass(made_log, number++);
    assert_null(topic_log_get(made_log, number));
    assert_int_equal(made_log->bytes, 0);
    assert_int_equal(made_log->base, 12);
    topic_log_leave(made_log, number);
}

static void test_an_entry_stays_until_the_slowest_reader_has_passed_it(void **state)
{
    (void)state;
    uint64_t slow = topic_log_join(made_log, 0), fast = topic_log_join(made_log, 0);
    append(1);
    append(2);
    topic_log_pass(made_log, fast++);
    topic_log_pass(made_log, fast++);
    assert_int_equal(made_log->bytes, 20);
    assert_entry(slow, 1);
    topic_log_pass(made_log, slow++);
    assert_int_equal(made_log->bytes, 10);
    assert_int_equal(made_log->base, 2);
    topic_log_leave(made_log, slow);
    assert_int_equal(made_log->bytes, 0);
    assert_int_equal(made_log->base, 3);
    topic_log_leave(made_log, fast);
}

static void test_one_who_joins_finds_the_first_entry_at_or_after_its_offset(void **state)
{
    (void)state;
    static const struct {
        int64_t offset;
        unsigned index; /**< of the entries below; 3: behind all */
    } cases[] = {{0, 0}, {10, 0}, {11, 1}, {19, 1}, {20, 1}, {21, 2}, {30, 2}, {31, 3}, {99, 3}};
    uint64_t first = topic_log_join(made_log, 0);
    append(10);
    append(20);
    append(30);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint64_t number = topic_log_join(made_log, cases[i].offset);
        assert_int_equal(number, first + cases[i].index);
        topic_log_leave(made_log, number);
    }
    assert_int_equal(made_log->bytes, 30);
    topic_log_leave(made_log, first);
}

static void test_freeing_releases_what_is_still_kept(void **state)
{
    (void)state;
    topic_log_join(made_log, 0);
    for (int i = 0; i < 100; i++)
        append(i);
    assert_int_equal(memory_pool_used(&pool), 1000);
    topic_log_free(made_log);
    made_log = NULL;
    assert_int_equal(memory_pool_used(&pool), 0);
}

static void test_a_message_that_someone_holds_outlives_its_entry(void **state)
{
    (void)state;
    uint64_t number = topic_log_join(made_log, 0);
    append(1);
    struct message *held = message_hold(topic_log_get(made_log, number));
    topic_log_pass(made_log, number++);
    assert_int_equal(memory_pool_used(&pool), 10);
    assert_int_equal(held->offset, 1);
    message_release(held);
    topic_log_leave(made_log, number);
}

/* --- against a reference that keeps everything --- */

enum { READERS = 5, MESSAGES = 4000, STEPS = 12000 };

struct reference {
    int64_t offsets[MESSAGES];
    size_t costs[MESSAGES];
    uint64_t count; /**< entry number i is the i-th message from the beginning */
    bool reads[READERS];
    uint64_t next[READERS];
};

/** The oldest entry that some reader needs: older ones must be gone, younger ones must be there. */
static uint64_t oldest_needed(const struct reference *reference)
{
    uint64_t oldest = reference->count;
    for (int i = 0; i < READERS; i++)
        if (reference->reads[i] && reference->next[i] < oldest)
            oldest = reference->next[i];
    return oldest;
}

static uint64_t expected_join(const struct reference *reference, int64_t offset)
{
    uint64_t number = oldest_needed(reference);
    while (number < reference->count && reference->offsets[number] < offset)
        number++;
    return number;
}

static void compare(const struct reference *reference)
{
    uint64_t oldest = oldest_needed(reference);
    size_t bytes = 0;
    assert_int_equal(made_log->first, oldest);
    assert_int_equal(made_log->next, reference->count);
    for (uint64_t i = oldest; i < reference->count; i++) {
        assert_entry(i, reference->offsets[i]);
        bytes += reference->costs[i];
    }
    assert_null(topic_log_get(made_log, reference->count));
    assert_int_equal(made_log->bytes, bytes);
    assert_int_equal(memory_pool_used(&pool), bytes);
    assert_int_equal(made_log->base, oldest > 0 ? reference->offsets[oldest - 1] + 1 : 0);
}

static void random_step(struct random *random, struct reference *reference)
{
    uint32_t reader = random_below(random, READERS);
    int64_t end = reference->count > 0 ? reference->offsets[reference->count - 1] + 1 : 0;
    uint32_t choice = random_below(random, 20);
    if (choice < 6 && reference->count < MESSAGES) {
        int64_t offset = end + random_below(random, 3);
        size_t cost = 1 + random_below(random, 100);
        topic_log_append(made_log, make_message(offset, cost));
        reference->offsets[reference->count] = offset;
        reference->costs[reference->count++] = cost;
    } else if (choice < 7 && !reference->reads[reader]) {
        int64_t offset = end - random_below(random, 30);
        uint64_t expected = expected_join(reference, offset);
        uint64_t number = topic_log_join(made_log, offset);
        assert_int_equal(number, expected);
        reference->reads[reader] = true;
        reference->next[reader] = number;
    } else if (choice < 19 && reference->reads[reader] &&
               reference->next[reader] < reference->count) {
        topic_log_pass(made_log, reference->next[reader]++);
    } else if (choice == 19 && reference->reads[reader] && random_one_in(random, 4)) {
        topic_log_leave(made_log, reference->next[reader]);
        reference->reads[reader] = false;
    }
}

static void test_it_behaves_as_a_list_that_keeps_everything(void **state)
{
    (void)state;
    struct reference *reference = calloc(1, sizeof(*reference));
    struct random random = {0xFEED};
    size_t most = 0;
    for (int i = 0; i < STEPS; i++) {
        random_step(&random, reference);
        compare(reference);
        size_t kept = (size_t)(made_log->next - made_log->first);
        most = kept > most ? kept : most;
    }
    assert_true(most > 32); /* it has grown, and gone round */
    for (int i = 0; i < READERS; i++)
        if (reference->reads[i])
            topic_log_leave(made_log, reference->next[i]);
    assert_int_equal(made_log->bytes, 0);
    free(reference);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_without_readers_nothing_is_kept),
        TEST(test_a_reader_gets_what_comes_after_it_joined_in_order),
        TEST(test_an_entry_stays_until_the_slowest_reader_has_passed_it),
        TEST(test_one_who_joins_finds_the_first_entry_at_or_after_its_offset),
        TEST(test_freeing_releases_what_is_still_kept),
        TEST(test_a_message_that_someone_holds_outlives_its_entry),
        TEST(test_it_behaves_as_a_list_that_keeps_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
