#include "tests/unit/unit.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/container.h"
#include "dispatcher/mailbox.h"

enum { SENDERS = 4, EACH = 20000 };

/** One who receives: woken by a semaphore. */
struct receiver {
    struct mailbox mailbox;
    sem_t wake;
    pthread_t thread;
    unsigned got[SENDERS]; /**< number of the next task of each */
    unsigned total;
    bool out_of_order;
};

struct note {
    struct task task;
    unsigned sender;
    unsigned number;
};

static void wake(void *context)
{
    struct receiver *receiver = context;
    sem_post(&receiver->wake);
}

static void init(struct receiver *receiver)
{
    *receiver = (struct receiver){0};
    sem_init(&receiver->wake, 0, 0);
    mailbox_init(&receiver->mailbox, wake, receiver);
}

static void fini(struct receiver *receiver)
{
    mailbox_fini(&receiver->mailbox);
    sem_destroy(&receiver->wake);
}

static void run_note(struct task *task, void *owner)
{
    struct note *note = CONTAINER_OF(task, struct note, task);
    struct receiver *receiver = owner;
    receiver->out_of_order |= receiver->got[note->sender] != note->number;
    receiver->got[note->sender] = note->number + 1;
    receiver->total++;
    free(note);
}

static void post_note(struct receiver *receiver, unsigned sender, unsigned number)
{
    struct note *note = calloc(1, sizeof(*note));
    note->task.run = run_note;
    note->sender = sender;
    note->number = number;
    mailbox_post(&receiver->mailbox, &note->task);
}

static void test_nothing_runs_before_the_receiver_wants_it(void **state)
{
    (void)state;
    struct receiver receiver;
    int woken;
    init(&receiver);
    mailbox_run(&receiver.mailbox, &receiver);
    post_note(&receiver, 0, 0);
    post_note(&receiver, 0, 1);
    sem_getvalue(&receiver.wake, &woken);
    assert_int_equal(woken, 2);
    assert_int_equal(receiver.total, 0);
    mailbox_run(&receiver.mailbox, &receiver);
    assert_int_equal(receiver.total, 2);
    assert_false(receiver.out_of_order);
    mailbox_run(&receiver.mailbox, &receiver);
    assert_int_equal(receiver.total, 2);
    fini(&receiver);
}

static void run_and_post(struct task *task, void *owner)
{
    struct receiver *receiver = owner;
    free(task);
    post_note(receiver, 1, 0);
}

static void test_a_task_may_post_to_its_own_mailbox(void **state)
{
    (void)state;
    struct receiver receiver;
    init(&receiver);
    struct task *task = calloc(1, sizeof(*task));
    task->run = run_and_post;
    mailbox_post(&receiver.mailbox, task);
    post_note(&receiver, 0, 0);
    mailbox_run(&receiver.mailbox, &receiver);
    assert_int_equal(receiver.got[0], 1);
    assert_int_equal(receiver.got[1], 0); /* later, so that no one can keep it busy for ever */
    mailbox_run(&receiver.mailbox, &receiver);
    assert_int_equal(receiver.got[1], 1);
    fini(&receiver);
}

struct sender {
    struct receiver *receiver;
    unsigned index;
    pthread_t thread;
};

static void *send_main(void *context)
{
    struct sender *sender = context;
    for (unsigned i = 0; i < EACH; i++)
        post_note(sender->receiver, sender->index, i);
    return NULL;
}

static void *receive_main(void *context)
{
    struct receiver *receiver = context;
    while (receiver->total < SENDERS * EACH) {
        sem_wait(&receiver->wake);
        mailbox_run(&receiver->mailbox, receiver);
    }
    return NULL;
}

static void test_many_senders_lose_nothing_and_each_keeps_its_order(void **state)
{
    (void)state;
    struct receiver receiver;
    struct sender senders[SENDERS];
    init(&receiver);
    assert_int_equal(pthread_create(&receiver.thread, NULL, receive_main, &receiver), 0);
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){&receiver, i, 0};
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_main, &senders[i]), 0);
    }
    for (unsigned i = 0; i < SENDERS; i++)
        pthread_join(senders[i].thread, NULL);
    pthread_join(receiver.thread, NULL);
    assert_int_equal(receiver.total, SENDERS * EACH);
    assert_false(receiver.out_of_order);
    fini(&receiver);
}

/* A ball between two threads: a wake that got lost would end the game. */
struct ball {
    struct task task;
    struct receiver *players;
    unsigned hits;
};

enum { GAME = 4000 };

static void run_ball(struct task *task, void *owner)
{
    struct ball *ball = CONTAINER_OF(task, struct ball, task);
    struct receiver *player = owner;
    ball->hits++;
    player->total++;
    mailbox_post(&ball->players[ball->hits % 2].mailbox, task);
}

static void *play_main(void *context)
{
    struct receiver *player = context;
    while (player->total < GAME) {
        sem_wait(&player->wake);
        mailbox_run(&player->mailbox, player);
    }
    return NULL;
}

static void test_two_that_post_to_each_other_never_miss_a_wake(void **state)
{
    (void)state;
    struct receiver players[2];
    init(&players[0]);
    init(&players[1]);
    struct ball ball = {.task = {.run = run_ball}, .players = players};
    mailbox_post(&players[0].mailbox, &ball.task);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&players[i].thread, NULL, play_main, &players[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(players[i].thread, NULL);
    assert_int_equal(ball.hits, 2 * GAME);
    /* It lies with the first one; taking it off without playing on. */
    assert_ptr_equal(players[0].mailbox.first, &ball.task);
    players[0].mailbox.first = NULL;
    fini(&players[0]);
    fini(&players[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_runs_before_the_receiver_wants_it),
        cmocka_unit_test(test_a_task_may_post_to_its_own_mailbox),
        cmocka_unit_test(test_many_senders_lose_nothing_and_each_keeps_its_order),
        cmocka_unit_test(test_two_that_post_to_each_other_never_miss_a_wake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
