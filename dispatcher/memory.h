/**
 * How many bytes of messages are in memory, and whose they are. Messages are charged to an account,
 * accounts share a pool. As long as the pool has room anybody may use it; once it is used up each
 * account is held to its share, so that one that is full never keeps another from working.
 *
 * The tail reader's messages are charged to an account for each message partition; those that were
 * read again, to an account of the catch-up readers, in a pool of their own. So subscriptions that
 * are behind cannot take the memory of those at the tail, nor the other way round.
 *
 * All functions are thread-safe. They bound what is read next: a pool may be exceeded by what is
 * being read when it is used up.
 */
#ifndef WEBSUB_DISPATCHER_MEMORY_H
#define WEBSUB_DISPATCHER_MEMORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct memory_pool {
    int64_t limit;
    atomic_int_least64_t used;
    atomic_int shares;
};

/** Zero-initialised until it is opened; stays as long as any message charged to it. */
struct memory_account {
    struct memory_pool *pool;
    atomic_int_least64_t used;
};

void memory_pool_init(struct memory_pool *pool, int64_t limit);
int64_t memory_pool_used(const struct memory_pool *pool);

/** The account gets a share of the pool; it may be opened again in the same pool. */
void memory_account_open(struct memory_account *account, struct memory_pool *pool);
/** Its share goes to the others. What is charged to it stays charged. */
void memory_account_close(struct memory_account *account);

void memory_charge(struct memory_account *account, int64_t bytes);
void memory_refund(struct memory_account *account, int64_t bytes);

/** Half of the pool is used, and by this account more than half of its share: who holds messages
 * that could be read again should let go of them. */
bool memory_is_tight(const struct memory_account *account);
/** The pool is used up, and by this account its share: nothing more may be read for it. */
bool memory_is_used_up(const struct memory_account *account);

#endif
