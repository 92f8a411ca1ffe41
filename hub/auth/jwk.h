/**
 * Public keys that tokens are verified with, as an issuer publishes them: a JWK set (RFC 7517,
 * RFC 7518 section 6) or PEM. Pure.
 *
 * Taken are RSA keys of 2048 to 8192 bits and EC keys of P-256, P-384 and P-521, for signatures.
 * What else a set holds (encryption keys, broken ones, secrets) is passed over and counted: an
 * issuer must be able to add a key of a new kind without locking everybody out.
 */
#ifndef WEBSUB_HUB_AUTH_JWK_H
#define WEBSUB_HUB_AUTH_JWK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"
#include "common/error.h"

/** Of one set; more are passed over. */
#define JWK_MAX_KEYS 100
/** A longer name of a key is none. */
#define JWK_MAX_KID 256

#define JWK_ALGORITHM_COUNT (JWT_ES512 + 1)

struct jwk {
    char *kid; /**< the name that tokens call it by; NULL: it has none */
    unsigned
        algorithms; /**< that it fits and is meant for: bits (1 << enum jwt_algorithm); not 0 */
    char *pem;      /**< SubjectPublicKeyInfo, NUL-terminated: as libjwt takes it */
};

/** Immutable and reference counted: who judges a token keeps the set for as long. */
struct jwk_set {
    atomic_int references;
    struct jwk *keys;
    size_t count;
    size_t passed_over;
};

/** "RS256" */
const char *jwk_algorithm_name(enum jwt_algorithm algorithm);
/** -1: none that we know. Case matters (RFC 7515, section 4.1.1). */
int jwk_algorithm_find(const char *name);

/** A set, maybe without keys, or NULL (ERROR_INVALID) when `text` is no JWK set at all. */
struct jwk_set *jwk_set_parse(const char *text, size_t length, struct error *error);
/** The public keys and certificates of a PEM text, without kid. NULL (ERROR_INVALID) when there is
 * none that can be used. `length` is far below INT_MAX. */
struct jwk_set *jwk_set_parse_pem(const char *text, size_t length, struct error *error);

struct jwk_set *jwk_set_ref(struct jwk_set *set);
/** NULL is allowed. */
void jwk_set_unref(struct jwk_set *set);

/** The same keys in the same order. NULL equals NULL only. */
bool jwk_set_equal(const struct jwk_set *a, const struct jwk_set *b);
/** Whether one of its keys has that name. False for NULL. */
bool jwk_set_has(const struct jwk_set *set, const char *kid);

#endif
