#include "hub/auth/cache.h"

#include "common/panic.h"
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) PANIC("uthash: %s", message)
#include <uthash.h>

struct entry {
    unsigned char key[AUTH_CACHE_KEY_SIZE];
    struct identity *identity;
    int64_t since_ms, expires_ms;
    UT_hash_handle hh;
};

struct auth_cache {
    int64_t cache_ms;
    pthread_mutex_t lock;  /* what follows */
    struct entry *entries; /* oldest first: uthash keeps the order in which they were added */
    unsigned generation;
};

struct auth_cache *auth_cache_new(int64_t cache_ms)
{
    struct auth_cache *cache = xcalloc(1, sizeof(*cache));
    cache->cache_ms = cache_ms;
    pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

static void remove_entry(struct auth_cache *cache, struct entry *entry)
{
    HASH_DEL(cache->entries, entry);
    identity_unref(entry->identity);
    free(entry);
}

static void remove_all(struct auth_cache *cache)
{
    while (cache->entries)
        remove_entry(cache, cache->entries);
}

void auth_cache_free(struct auth_cache *cache)
{
    if (!cache)
        return;
    remove_all(cache);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

void auth_cache_key(const struct credentials *credentials, unsigned char key[AUTH_CACHE_KEY_SIZE])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const char *certificate = credentials->certificate ? credentials->certificate : "";
    /* Only the last of them can contain a blank. */
    ENSURE(context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
           EVP_DigestUpdate(context, credentials->token, credentials->token_length) == 1 &&
           EVP_DigestUpdate(context, " ", 1) == 1 &&
           EVP_DigestUpdate(context, credentials->password, credentials->password_length) == 1 &&
           EVP_DigestUpdate(context, " ", 1) == 1 &&
           EVP_DigestUpdate(context, certificate, strlen(certificate)) == 1 &&
           EVP_DigestFinal_ex(context, key, NULL) == 1);
    EVP_MD_CTX_free(context);
}

struct identity *auth_cache_get(struct auth_cache *cache,
                                const unsigned char key[AUTH_CACHE_KEY_SIZE], int64_t now_ms)
{
    struct entry *entry;
    struct identity *identity = NULL;
    pthread_mutex_lock(&cache->lock);
    HASH_FIND(hh, cache->entries, key, AUTH_CACHE_KEY_SIZE, entry);
    if (entry && now_ms >= entry->since_ms && now_ms < entry->expires_ms)
        identity = identity_ref(entry->identity);
    pthread_mutex_unlock(&cache->lock);
    return identity;
}

unsigned auth_cache_generation(struct auth_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    unsigned generation = cache->generation;
    pthread_mutex_unlock(&cache->lock);
    return generation;
}

void auth_cache_put(struct auth_cache *cache, const unsigned char key[AUTH_CACHE_KEY_SIZE],
                    struct identity *identity, int64_t expires_ms, int64_t now_ms,
                    unsigned generation)
{
    int64_t latest = now_ms + cache->cache_ms;
    struct entry *entry;
    if (expires_ms > latest)
        expires_ms = latest;
    if (expires_ms <= now_ms)
        return;
    pthread_mutex_lock(&cache->lock);
    if (generation == cache->generation) {
        HASH_FIND(hh, cache->entries, key, AUTH_CACHE_KEY_SIZE, entry);
        if (entry)
            remove_entry(cache, entry);
        else if (HASH_COUNT(cache->entries) >= AUTH_CACHE_MAX_ENTRIES)
            remove_entry(cache, cache->entries);
        entry = xcalloc(1, sizeof(*entry));
        memcpy(entry->key, key, AUTH_CACHE_KEY_SIZE);
        entry->identity = identity_ref(identity);
        entry->since_ms = now_ms;
        entry->expires_ms = expires_ms;
        HASH_ADD(hh, cache->entries, key, AUTH_CACHE_KEY_SIZE, entry);
    }
    pthread_mutex_unlock(&cache->lock);
}

void auth_cache_clear(struct auth_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    cache->generation++;
    remove_all(cache);
    pthread_mutex_unlock(&cache->lock);
}
