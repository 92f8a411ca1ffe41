/**
 * The claims of a token (RFC 7519, section 4), as a provider states them in JSON: whether they make
 * a token that is good here and now, and who it stands for. Pure; that the claims are the
 * provider's is for others to have made sure.
 *
 * Reasons are literals, fit for the client: they hold nothing of the claims.
 */
#ifndef WEBSUB_HUB_AUTH_CLAIMS_H
#define WEBSUB_HUB_AUTH_CLAIMS_H

#include <jansson.h>
#include <stdint.h>

#include "common/config.h"
#include "hub/auth/identity.h"

/**
 * Looks at "exp", "nbf" (each only when it is there) with auth.leeway, and at "iss" and "aud" when
 * auth.issuer and auth.audience ask for it.
 *
 * @returns NULL when the token is good, else why not.
 */
const char *claims_check(const struct config *config, const json_t *claims, int64_t now_ms);

/** "exp" in milliseconds of the wall clock; INT64_MAX when there is none. Of claims that
 * claims_check found good. */
int64_t claims_expires_ms(const json_t *claims);

/**
 * The user's name from auth.user_claim, or else from the first of `fallbacks` (names of claims up
 * to a NULL; NULL: none) that is there; roles from all of auth.role_claims: text with blanks
 * between them, or a list of texts. What has another type is no role.
 *
 * A point in a claim's name leads into an object, unless there is a claim of the whole name.
 *
 * @param method a literal: identity_new
 * @returns one reference, or NULL and `*reason`.
 */
struct identity *claims_to_identity(const struct config *config, const char *method,
                                    const json_t *claims, const char *const *fallbacks,
                                    const char **reason);

#endif
