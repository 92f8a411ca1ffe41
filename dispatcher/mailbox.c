#include "dispatcher/mailbox.h"

#include <stddef.h>

#include "common/panic.h"

void mailbox_init(struct mailbox *mailbox, void (*wake)(void *context), void *context)
{
    pthread_mutex_init(&mailbox->lock, NULL);
    mailbox->first = NULL;
    mailbox->last = &mailbox->first;
    mailbox->wake = wake;
    mailbox->context = context;
}

void mailbox_fini(struct mailbox *mailbox)
{
    ENSURE(!mailbox->first);
    pthread_mutex_destroy(&mailbox->lock);
}

void mailbox_post(struct mailbox *mailbox, struct task *task)
{
    task->next = NULL;
    pthread_mutex_lock(&mailbox->lock);
    *mailbox->last = task;
    mailbox->last = &task->next;
    pthread_mutex_unlock(&mailbox->lock);
    mailbox->wake(mailbox->context);
}

void mailbox_run(struct mailbox *mailbox, void *owner)
{
    pthread_mutex_lock(&mailbox->lock);
    struct task *task = mailbox->first;
    mailbox->first = NULL;
    mailbox->last = &mailbox->first;
    pthread_mutex_unlock(&mailbox->lock);
    while (task) {
        struct task *next = task->next;
        task->run(task, owner);
        task = next;
    }
}
