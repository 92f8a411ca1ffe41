/* Messages are shared by threads. Made by hand: librdkafka cannot run under the thread sanitizer.
 */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdlib.h>

#include "dispatcher/message.h"

enum { THREADS = 4, EACH = 20000, COST = 100 };

static struct memory_pool pool = {.limit = INT64_MAX};
static struct memory_account account = {.pool = &pool};

static struct message *make_message(void)
{
    struct message *message = calloc(1, sizeof(*message));
    atomic_init(&message->references, 1);
    message->account = &account;
    message->cost = COST;
    memory_charge(&account, COST);
    return message;
}

static void *hold_main(void *context)
{
    struct message *message = context;
    for (int i = 0; i < EACH; i++)
        message_release(message_hold(message));
    message_release(message);
    return NULL;
}

static void share(struct message *message, pthread_t threads[THREADS])
{
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hold_main, message_hold(message)), 0);
}

static void join(pthread_t threads[THREADS])
{
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void test_a_message_stays_as_long_as_someone_holds_it(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    struct message *message = make_message();
    share(message, threads);
    join(threads);
    assert_int_equal(atomic_load(&message->references), 1);
    assert_int_equal(memory_pool_used(&pool), COST);
    message_release(message);
    assert_int_equal(memory_pool_used(&pool), 0);
}

static void test_whoever_is_last_gives_the_memory_back(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    struct message *message = make_message();
    share(message, threads);
    message_release(message);
    join(threads);
    assert_int_equal(memory_pool_used(&pool), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_message_stays_as_long_as_someone_holds_it),
        cmocka_unit_test(test_whoever_is_last_gives_the_memory_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
