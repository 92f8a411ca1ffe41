/**
 * How threads talk: each owns its data, and others post tasks to it. Tasks of one sender run in the
 * order in which they were posted. Posting never blocks and may come from any thread.
 */
#ifndef WEBSUB_DISPATCHER_MAILBOX_H
#define WEBSUB_DISPATCHER_MAILBOX_H

#include <pthread.h>

/**
 * Embedded in what is sent. `run` is called on the receiving thread with the receiver's `owner` and
 * owns the task from then on (it frees it).
 */
struct task {
    void (*run)(struct task *task, void *owner);
    struct task *next;
};

struct mailbox {
    pthread_mutex_t lock;
    struct task *first, **last;
    void (*wake)(void *context); /**< tells the receiver, from the sender's thread */
    void *context;
};

void mailbox_init(struct mailbox *mailbox, void (*wake)(void *context), void *context);
/** Must be empty. */
void mailbox_fini(struct mailbox *mailbox);
void mailbox_post(struct mailbox *mailbox, struct task *task);
/** Runs what is there. @locality the receiving thread */
void mailbox_run(struct mailbox *mailbox, void *owner);

#endif
