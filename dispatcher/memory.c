#include "dispatcher/memory.h"

#include <stddef.h>

void memory_pool_init(struct memory_pool *pool, int64_t limit)
{
    pool->limit = limit;
    atomic_init(&pool->used, 0);
    atomic_init(&pool->shares, 0);
}

static int64_t load(const atomic_int_least64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

int64_t memory_pool_used(const struct memory_pool *pool)
{
    return load(&pool->used);
}

void memory_account_open(struct memory_account *account, struct memory_pool *pool)
{
    account->pool = pool;
    atomic_fetch_add(&pool->shares, 1);
}

void memory_account_close(struct memory_account *account)
{
    atomic_fetch_sub(&account->pool->shares, 1);
}

void memory_charge(struct memory_account *account, int64_t bytes)
{
    atomic_fetch_add_explicit(&account->used, bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&account->pool->used, bytes, memory_order_relaxed);
}

void memory_refund(struct memory_account *account, int64_t bytes)
{
    memory_charge(account, -bytes);
}

/** Whether more than 1/divisor of the pool and of the account's share is used. */
static bool exceeds(const struct memory_account *account, int64_t divisor)
{
    const struct memory_pool *pool = account->pool;
    int64_t shares = atomic_load_explicit(&pool->shares, memory_order_relaxed);
    int64_t limit = pool->limit / divisor;
    return load(&pool->used) > limit && load(&account->used) > limit / (shares > 0 ? shares : 1);
}

bool memory_is_tight(const struct memory_account *account)
{
    return exceeds(account, 2);
}

bool memory_is_used_up(const struct memory_account *account)
{
    return exceeds(account, 1);
}
