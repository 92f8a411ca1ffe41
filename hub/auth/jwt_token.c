/*
 * What libjwt 1.10.2 (Debian 12) leaves to us, as its source and our tests show:
 *
 * - jwt_decode without a key verifies nothing, whatever the algorithm, and with a key takes the
 *   algorithm from the token: a public key then serves as secret of an HS256. So it is called only
 *   with a key of the type that the algorithm needs, after the algorithm was found to be allowed,
 *   and is asked for the algorithm again afterwards.
 * - Names of algorithms are compared without regard to case; ES256 goes with any curve.
 * - Its base64 passes over foreign characters, points among them: "a.b.c.d" and "a.b.c~" are as
 * good as "a.b.c". An empty part leads to a write beyond its buffer. So a token is taken apart
 * strictly before libjwt sees it.
 * - "crit", times, and members that are there twice are nothing to it. "typ" must be "JWT" or
 * absent: a token of another type cannot be verified with it, and is refused with that reason.
 */
#include "hub/auth/jwt_token.h"

#include <jwt.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/panic.h"
#include "hub/auth/base64url.h"

/* Our numbers for libjwt's. */
static const jwt_alg_t libjwt_algorithms[JWK_ALGORITHM_COUNT] = {
    [JWT_RS256] = JWT_ALG_RS256, [JWT_RS384] = JWT_ALG_RS384, [JWT_RS512] = JWT_ALG_RS512,
    [JWT_ES256] = JWT_ALG_ES256, [JWT_ES384] = JWT_ALG_ES384, [JWT_ES512] = JWT_ALG_ES512,
};

/* --- taking apart --- */

struct parts {
    const char *header, *claims, *signature;
    size_t header_length, claims_length, signature_length;
};

/** Three parts, none of them empty. */
static bool split(struct parts *parts, const char *text, size_t length)
{
    const char *end = text + length;
    const char *first = memchr(text, '.', length);
    const char *second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
    if (!second || memchr(second + 1, '.', (size_t)(end - second - 1)))
        return false;
    *parts = (struct parts){
        .header = text,
        .header_length = (size_t)(first - text),
        .claims = first + 1,
        .claims_length = (size_t)(second - first - 1),
        .signature = second + 1,
        .signature_length = (size_t)(end - second - 1),
    };
    return parts->header_length > 0 && parts->claims_length > 0 && parts->signature_length > 0;
}

/** The JSON object of a part, or NULL. */
static json_t *decode_object(const char *text, size_t length)
{
    json_error_t error;
    size_t decoded = 0;
    unsigned char *bytes = base64url_decode(text, length, &decoded);
    json_t *object =
        bytes ? json_loadb((const char *)bytes, decoded, JSON_REJECT_DUPLICATES, &error) : NULL;
    free(bytes);
    if (object && !json_is_object(object)) {
        json_decref(object);
        object = NULL;
    }
    return object;
}

static bool is_base64url(const char *text, size_t length)
{
    size_t decoded;
    unsigned char *bytes = base64url_decode(text, length, &decoded);
    free(bytes);
    return bytes;
}

static bool is_allowed(int algorithm, const struct choice_list *allowed)
{
    for (size_t i = 0; i < allowed->count; i++)
        if (allowed->items[i] == algorithm)
            return true;
    return false;
}

static const char *read_header(struct jwt_token *token, const json_t *header,
                               const struct choice_list *allowed)
{
    const char *name = json_string_value(json_object_get(header, "alg"));
    const char *type = json_string_value(json_object_get(header, "typ"));
    const json_t *kid = json_object_get(header, "kid");
    int algorithm = name ? jwk_algorithm_find(name) : -1;
    if (algorithm < 0 || !is_allowed(algorithm, allowed))
        return "the token's algorithm is not allowed";
    if (json_object_get(header, "crit"))
        return "the token has critical extensions (crit), and none is known here";
    if (type && strcasecmp(type, "JWT") != 0)
        return "the token's type (typ) is not JWT";
    if (kid && (!json_is_string(kid) || json_string_length(kid) > JWK_MAX_KID))
        return "the token's key (kid) has no usable name";
    token->algorithm = (enum jwt_algorithm)algorithm;
    token->kid = xstrdup_or_null(json_string_value(kid));
    return NULL;
}

const char *jwt_token_read(struct jwt_token *token, const char *text, size_t length,
                           const struct choice_list *allowed)
{
    static const char not_a_token[] = "the token is no signed JWT";
    struct parts parts;
    *token = (struct jwt_token){0};
    if (!split(&parts, text, length) || !is_base64url(parts.signature, parts.signature_length))
        return not_a_token;
    json_t *header = decode_object(parts.header, parts.header_length);
    const char *reason = header ? read_header(token, header, allowed) : not_a_token;
    json_decref(header);
    if (!reason) {
        token->text = xstrndup(text, length);
        token->claims = decode_object(parts.claims, parts.claims_length);
        if (!token->claims)
            reason = "the token's claims are no JSON object";
    }
    if (reason)
        jwt_token_fini(token);
    return reason;
}

void jwt_token_fini(struct jwt_token *token)
{
    free(token->text);
    free(token->kid);
    json_decref(token->claims);
    *token = (struct jwt_token){0};
}

/* --- verification --- */

static bool fits(const struct jwt_token *token, const struct jwk *key)
{
    return key->algorithms & 1U << token->algorithm;
}

/** Of a key that fits the token's algorithm. */
static bool is_signed_with(const struct jwt_token *token, const struct jwk *key)
{
    jwt_t *verified = NULL;
    size_t length = strlen(key->pem);
    ENSURE(fits(token, key) && length > 0);
    bool good =
        jwt_decode(&verified, token->text, (const unsigned char *)key->pem, (int)length) == 0 &&
        jwt_get_alg(verified) == libjwt_algorithms[token->algorithm];
    jwt_free(verified);
    ERR_clear_error();
    return good;
}

/** Whether the token calls the key by its name, or leaves open which it is. */
static bool is_meant(const struct jwt_token *token, const struct jwk *key)
{
    return !token->kid || (key->kid && strcmp(key->kid, token->kid) == 0);
}

/** A key without a name may be the one that a token calls by name: those of PEM files have none. */
static bool may_be_meant(const struct jwt_token *token, const struct jwk *key)
{
    return token->kid && !key->kid;
}

struct search {
    const struct jwt_token *token;
    size_t tries;
    bool found; /* a key that is meant, fit or not */
};

static bool try_keys(struct search *search, const struct jwk_set *set,
                     bool (*is_candidate)(const struct jwt_token *token, const struct jwk *key))
{
    for (size_t i = 0; set && i < set->count && search->tries < JWT_MAX_TRIES; i++) {
        const struct jwk *key = &set->keys[i];
        if (!is_candidate(search->token, key))
            continue;
        search->found |= search->token->kid && key->kid;
        if (!fits(search->token, key))
            continue;
        search->tries++;
        if (is_signed_with(search->token, key))
            return true;
    }
    return false;
}

enum jwt_verdict jwt_token_verify(const struct jwt_token *token, struct jwk_set *const *sets,
                                  size_t set_count)
{
    struct search search = {.token = token};
    for (size_t i = 0; i < set_count; i++)
        if (try_keys(&search, sets[i], is_meant))
            return JWT_VERIFIED;
    for (size_t i = 0; i < set_count; i++)
        if (try_keys(&search, sets[i], may_be_meant))
            return JWT_VERIFIED;
    if (search.tries > 0)
        return JWT_WRONG;
    return search.found ? JWT_UNFIT_KEY : JWT_NO_KEY;
}
