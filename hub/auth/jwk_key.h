/** One public key in OpenSSL's form: made from a JWK, checked, and what it is good for. Pure. */
#ifndef WEBSUB_HUB_AUTH_JWK_KEY_H
#define WEBSUB_HUB_AUTH_JWK_KEY_H

#include <jansson.h>
#include <openssl/evp.h>
#include <stdbool.h>

/** A sound key (RFC 7518, section 6) that the caller frees; NULL: of another kind, or broken. A key
 * whose private half is published with it is broken: anybody can sign with it. */
EVP_PKEY *jwk_key_from_json(const json_t *jwk);

/** Whether it is an RSA or EC key whose numbers can be one, and of no absurd cost. */
bool jwk_key_is_sound(EVP_PKEY *key);

/** The algorithms of its type, size and curve: bits (1 << enum jwt_algorithm); 0: none. */
unsigned jwk_key_algorithms(EVP_PKEY *key);

/** SubjectPublicKeyInfo as PEM text, for the caller to free. */
char *jwk_key_to_pem(EVP_PKEY *key);

#endif
