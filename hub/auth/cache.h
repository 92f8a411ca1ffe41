/**
 * What was found good a short while ago, by the SHA-256 of the credentials: a publisher shows the
 * same token with every message. Bounded; the oldest gives way. Thread-safe.
 *
 * Only good answers are kept. A bad one may become good (a new key of the issuer), and a flood of
 * different bad tokens must not push the good ones out.
 */
#ifndef WEBSUB_HUB_AUTH_CACHE_H
#define WEBSUB_HUB_AUTH_CACHE_H

#include <stdint.h>

#include "hub/auth/credentials.h"
#include "hub/auth/identity.h"

#define AUTH_CACHE_KEY_SIZE    32
#define AUTH_CACHE_MAX_ENTRIES 10000

struct auth_cache;

/** Keeps entries for `cache_ms` at most; 0: none at all. */
struct auth_cache *auth_cache_new(int64_t cache_ms);
void auth_cache_free(struct auth_cache *cache);

/** The key of everything that is offered together: what one part is good for never goes to another
 * alone, and with a certificate that auth.mode asks about first, what the token alone is good for
 * does not count. */
void auth_cache_key(const struct credentials *credentials, unsigned char key[AUTH_CACHE_KEY_SIZE]);

/** A new reference, or NULL. `now_ms`: wall clock; when it was set back since, entries from what
 * is now the future are not good, or they would live longer than they may. */
struct identity *auth_cache_get(struct auth_cache *cache,
                                const unsigned char key[AUTH_CACHE_KEY_SIZE], int64_t now_ms);

/** A number that changes with each auth_cache_clear: take it before the credentials are judged. */
unsigned auth_cache_generation(struct auth_cache *cache);
/** Remembers `identity` (of which it takes a reference), unless the cache was cleared since
 * `generation` was taken: what was judged by old keys must not survive them. */
void auth_cache_put(struct auth_cache *cache, const unsigned char key[AUTH_CACHE_KEY_SIZE],
                    struct identity *identity, int64_t expires_ms, int64_t now_ms,
                    unsigned generation);
void auth_cache_clear(struct auth_cache *cache);

#endif
