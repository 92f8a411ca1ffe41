#include "hub/rate_limit.h"

#include "common/panic.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) PANIC("uthash: %s", message)
#include <uthash.h>

enum { MAX_BUCKETS = RATE_LIMIT_MAX_KEYS };

#define SECOND_NS  1e9
#define LONGEST_NS (365 * 86400 * SECOND_NS) /* so that sums cannot overflow */

/** Instead of counting tokens: when the bucket is full again. One token is worth `interval_ns`. */
struct bucket {
    int64_t full_ns;
    UT_hash_handle hh;
    char key[];
};

struct rate_limit {
    int64_t interval_ns;
    int64_t depth_ns; /* what a full bucket is worth */
    pthread_mutex_t lock;
    struct bucket *buckets; /* the one used longest ago first */
};

struct rate_limit *rate_limit_new(double per_second)
{
    struct rate_limit *limit = xcalloc(1, sizeof(*limit));
    double interval_ns = SECOND_NS / per_second;
    limit->interval_ns = interval_ns < LONGEST_NS ? (int64_t)interval_ns : (int64_t)LONGEST_NS;
    if (limit->interval_ns < 1)
        limit->interval_ns = 1;
    limit->depth_ns = limit->interval_ns > SECOND_NS ? limit->interval_ns : (int64_t)SECOND_NS;
    pthread_mutex_init(&limit->lock, NULL);
    return limit;
}

static void remove_bucket(struct rate_limit *limit, struct bucket *bucket)
{
    HASH_DEL(limit->buckets, bucket);
    free(bucket);
}

void rate_limit_free(struct rate_limit *limit)
{
    if (!limit)
        return;
    while (limit->buckets)
        remove_bucket(limit, limit->buckets);
    pthread_mutex_destroy(&limit->lock);
    free(limit);
}

static struct bucket *add_bucket(struct rate_limit *limit, const char *key, int64_t now_ns)
{
    while (limit->buckets &&
           (limit->buckets->full_ns <= now_ns || HASH_COUNT(limit->buckets) >= MAX_BUCKETS))
        remove_bucket(limit, limit->buckets);
    size_t length = strlen(key);
    struct bucket *bucket = xcalloc(1, sizeof(*bucket) + length + 1);
    memcpy(bucket->key, key, length);
    bucket->full_ns = now_ns;
    HASH_ADD_STR(limit->buckets, key, bucket);
    return bucket;
}

static int64_t take(struct rate_limit *limit, const char *key, int64_t now_ns)
{
    struct bucket *bucket;
    HASH_FIND_STR(limit->buckets, key, bucket);
    if (!bucket) {
        bucket = add_bucket(limit, key, now_ns);
    } else { /* to the end of the order of use */
        HASH_DEL(limit->buckets, bucket);
        HASH_ADD_STR(limit->buckets, key, bucket);
    }
    int64_t full_ns = (bucket->full_ns > now_ns ? bucket->full_ns : now_ns) + limit->interval_ns;
    int64_t missing_ns = full_ns - (now_ns + limit->depth_ns);
    if (missing_ns > 0)
        return (missing_ns + 999999) / 1000000;
    bucket->full_ns = full_ns;
    return 0;
}

int64_t rate_limit_take(struct rate_limit *limit, const char *key, int64_t now_us)
{
    pthread_mutex_lock(&limit->lock);
    int64_t wait_ms = take(limit, key, now_us * 1000);
    pthread_mutex_unlock(&limit->lock);
    return wait_ms;
}
