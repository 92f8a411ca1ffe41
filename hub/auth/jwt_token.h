/**
 * One signed token (RFC 7519 in the compact form of RFC 7515): taken apart, and verified with the
 * issuer's keys. Pure. Reasons are literals, fit for the client: they hold nothing of the token.
 *
 * Invariant: which algorithm and which key are used is settled by the configuration and by us. The
 * token may name one of the algorithms that are allowed (HMAC and "none" are not among them, by
 * construction) and one of the keys that we have, of the type that the algorithm needs. Whatever
 * else its header says (jwk, jku, x5c, …) is not looked at; "crit" makes it unusable.
 */
#ifndef WEBSUB_HUB_AUTH_JWT_TOKEN_H
#define WEBSUB_HUB_AUTH_JWT_TOKEN_H

#include <jansson.h>
#include <stddef.h>

#include "common/config.h"
#include "hub/auth/jwk.h"

/** A token that was taken apart. Its claims are anybody's until it is verified. */
struct jwt_token {
    char *text;
    enum jwt_algorithm algorithm;
    char *kid;      /**< NULL: it names no key */
    json_t *claims; /**< an object */
};

/**
 * Takes `text` apart, strictly. `allowed`: of enum jwt_algorithm.
 *
 * @returns NULL, or why it cannot be used; `token` needs no cleanup then.
 */
const char *jwt_token_read(struct jwt_token *token, const char *text, size_t length,
                           const struct choice_list *allowed);
void jwt_token_fini(struct jwt_token *token);

enum jwt_verdict {
    JWT_VERIFIED,  /**< signed with one of the keys */
    JWT_WRONG,     /**< signed with none of those that it may be signed with */
    JWT_UNFIT_KEY, /**< the key that it names is not for its algorithm */
    JWT_NO_KEY,    /**< there is no key of that name (or, without a name, of its algorithm) */
};

/**
 * Tries the keys of all sets (NULL: no set) that fit the token's algorithm and have its kid or
 * none; for a token without kid all that fit. At most JWT_MAX_TRIES; a try takes up to a
 * millisecond.
 */
enum jwt_verdict jwt_token_verify(const struct jwt_token *token, struct jwk_set *const *sets,
                                  size_t set_count);

#define JWT_MAX_TRIES 8

#endif
