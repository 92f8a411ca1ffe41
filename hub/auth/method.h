/**
 * What the methods of authentication have in common: each judges some kinds of credentials, at once
 * or later. To add one: a file that makes a struct auth_method, and a line in authenticator.c.
 */
#ifndef WEBSUB_HUB_AUTH_METHOD_H
#define WEBSUB_HUB_AUTH_METHOD_H

#include <stdint.h>

#include "common/config.h"
#include "common/error.h"
#include "hub/auth/credentials.h"
#include "hub/auth/identity.h"

struct auth_cache;

enum auth_outcome {
    AUTH_GRANTED,
    AUTH_MISSING,     /**< no credentials of a kind that is accepted (401) */
    AUTH_REFUSED,     /**< not good (401) */
    AUTH_UNAVAILABLE, /**< cannot be told now: a provider is down (503) */
};

/** One question to a method. Kept by the asker until `done`. */
struct auth_check {
    const struct credentials *credentials;
    /** Called by the method exactly once, before check() returns or later on any thread. */
    void (*done)(struct auth_check *check, enum auth_outcome outcome);

    /* filled in by the method before `done` */
    struct identity *identity; /**< AUTH_GRANTED: the asker's reference */
    int64_t expires_ms;        /**< wall clock: until when the answer may be remembered at most */
    char reason[160]; /**< else: for the client and the log; never holds any of the credentials */

    void *context; /**< the method's own while it works on it */
};

struct auth_method {
    const char *name; /**< as in auth.mode */
    unsigned kinds;   /**< enum credentials_kind: what it judges */
    /** Never blocks. */
    void (*check)(struct auth_method *method, struct auth_check *check);
    /** Settles all checks that are under way (AUTH_UNAVAILABLE), ends its threads, and frees it. No
     * check is started any more. */
    void (*free)(struct auth_method *method);
};

/** Sets the reason, printf-like, cut when it is long. */
void auth_check_set_reason(struct auth_check *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Makers: NULL on failure (ERROR_CONFIG: a file that cannot be read, …). A provider that is down is
 * no failure. `cache` is for methods that must have it forget what was judged by old keys or users
 * (auth_cache_clear); it outlives them, as `config` does.
 */
struct auth_method *auth_jwt_new(const struct config *config, struct auth_cache *cache,
                                 struct error *error);
struct auth_method *auth_introspection_new(const struct config *config, struct auth_cache *cache,
                                           struct error *error);
struct auth_method *auth_mosip_new(const struct config *config, struct auth_cache *cache,
                                   struct error *error);
struct auth_method *auth_basic_new(const struct config *config, struct auth_cache *cache,
                                   struct error *error);
struct auth_method *auth_certificate_new(const struct config *config, struct auth_cache *cache,
                                         struct error *error);

#endif
