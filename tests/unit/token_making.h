/** Keys and signed tokens made on the spot, with OpenSSL and libjwt's encoder. */
#ifndef WEBSUB_TESTS_UNIT_TOKEN_MAKING_H
#define WEBSUB_TESTS_UNIT_TOKEN_MAKING_H

#include <jansson.h>
#include <jwt.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"

static inline char *bio_text(BIO *bio)
{
    char *data;
    long length = BIO_get_mem_data(bio, &data);
    char *text = strndup(data, (size_t)length);
    BIO_free(bio);
    return text;
}

/** For the caller to free, as the other texts here. */
static inline char *key_public_pem(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
    return bio_text(bio);
}

static inline char *key_private_pem(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    return bio_text(bio);
}

static inline char *base64url_encode(const unsigned char *bytes, size_t length)
{
    char *text = malloc(length * 4 / 3 + 8);
    int size = EVP_EncodeBlock((unsigned char *)text, bytes, (int)length);
    while (size > 0 && text[size - 1] == '=')
        size--;
    text[size] = '\0';
    for (char *c = text; *c; c++)
        *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
    return text;
}

/** A number of the key, in `size` bytes (0: as few as it needs). */
static inline char *key_number(EVP_PKEY *key, const char *parameter, int size)
{
    BIGNUM *number = NULL;
    unsigned char bytes[2100];
    assert_int_equal(EVP_PKEY_get_bn_param(key, parameter, &number), 1);
    if (size == 0)
        size = BN_num_bytes(number);
    assert_int_equal(BN_bn2binpad(number, bytes, size), size);
    BN_free(number);
    return base64url_encode(bytes, (size_t)size);
}

/** As an issuer publishes it. `kid` may be NULL. */
static inline json_t *key_jwk(EVP_PKEY *key, const char *kid)
{
    bool is_rsa = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
    int bits = EVP_PKEY_get_bits(key), size = is_rsa ? 0 : (bits + 7) / 8;
    char *first = key_number(key, is_rsa ? OSSL_PKEY_PARAM_RSA_N : OSSL_PKEY_PARAM_EC_PUB_X, size);
    char *second = key_number(key, is_rsa ? OSSL_PKEY_PARAM_RSA_E : OSSL_PKEY_PARAM_EC_PUB_Y, size);
    json_t *jwk = json_pack("{s:s, s:s, s:s, s:s*}", "kty", is_rsa ? "RSA" : "EC",
                            is_rsa ? "n" : "x", first, is_rsa ? "e" : "y", second, "kid", kid);
    assert_non_null(jwk);
    if (!is_rsa)
        json_object_set_new(jwk, "crv",
                            json_string(bits == 256   ? "P-256"
                                        : bits == 384 ? "P-384"
                                                      : "P-521"));
    free(first);
    free(second);
    return jwk;
}

/** `keys` is consumed. */
static inline char *jwk_set_text(json_t *keys)
{
    json_t *set = json_pack("{s:o}", "keys", keys);
    char *text = json_dumps(set, JSON_COMPACT);
    json_decref(set);
    return text;
}

/** libjwt's own token over `claims`, with `kid` (or NULL) in its header. */
static inline char *token_sign(EVP_PKEY *key, jwt_alg_t algorithm, const char *kid,
                               const char *claims)
{
    jwt_t *jwt;
    char *pem = key_private_pem(key);
    assert_int_equal(jwt_new(&jwt), 0);
    if (kid)
        assert_int_equal(jwt_add_header(jwt, "kid", kid), 0);
    assert_int_equal(jwt_add_grants_json(jwt, claims), 0);
    assert_int_equal(jwt_set_alg(jwt, algorithm, (unsigned char *)pem, (int)strlen(pem)), 0);
    char *token = jwt_encode_str(jwt);
    assert_non_null(token);
    jwt_free(jwt);
    free(pem);
    return token;
}

/** A token of any header and claims; the signature is that of another token, or "AAAA". */
static inline char *token_forge(const char *header, const char *claims, const char *signed_token)
{
    struct buffer token = {0};
    char *first = base64url_encode((const unsigned char *)header, strlen(header));
    char *second = base64url_encode((const unsigned char *)claims, strlen(claims));
    const char *signature = signed_token ? strrchr(signed_token, '.') : ".AAAA";
    buffer_append_string(&token, first);
    buffer_append_string(&token, ".");
    buffer_append_string(&token, second);
    buffer_append_string(&token, signature);
    free(first);
    free(second);
    return token.data;
}

#endif
