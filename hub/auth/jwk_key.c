#include "hub/auth/jwk_key.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/panic.h"
#include "hub/auth/base64url.h"

/* The cost of a verification grows with the square of the size. */
enum { MIN_RSA_BITS = 2048, MAX_RSA_BITS = 8192, MAX_COORDINATE = 66 };

struct curve {
    const char *jwk_name;
    const char *openssl_name;
    size_t coordinate_size; /* bytes */
    enum jwt_algorithm algorithm;
};

static const struct curve curves[] = {
    {"P-256", SN_X9_62_prime256v1, 32, JWT_ES256},
    {"P-384", SN_secp384r1, 48, JWT_ES384},
    {"P-521", SN_secp521r1, MAX_COORDINATE, JWT_ES512},
};

enum { CURVE_COUNT = sizeof(curves) / sizeof(curves[0]) };

/** NULL: none that we know; so for a name that is NULL. */
static const struct curve *find_curve(const char *jwk_name)
{
    for (size_t i = 0; jwk_name && i < CURVE_COUNT; i++)
        if (strcmp(curves[i].jwk_name, jwk_name) == 0)
            return &curves[i];
    return NULL;
}

/* --- checks --- */

unsigned jwk_key_algorithms(EVP_PKEY *key)
{
    char name[64];
    int bits = EVP_PKEY_get_bits(key);
    /* Keys of RSA-PSS are of another type, and must not be used for RS256. */
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS)
        return 1U << JWT_RS256 | 1U << JWT_RS384 | 1U << JWT_RS512;
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
        EVP_PKEY_get_group_name(key, name, sizeof(name), NULL) != 1)
        return 0;
    for (size_t i = 0; i < CURVE_COUNT; i++)
        if (strcmp(curves[i].openssl_name, name) == 0)
            return 1U << curves[i].algorithm;
    return 0;
}

static bool is_odd_number(EVP_PKEY *key, const char *parameter)
{
    BIGNUM *number = NULL;
    bool odd = EVP_PKEY_get_bn_param(key, parameter, &number) == 1 && BN_is_odd(number) &&
               !BN_is_one(number);
    BN_free(number);
    return odd;
}

/** Not EVP_PKEY_public_check: it looks for factors of the modulus by chance, slowly, so that of a
 * broken key one cannot say whether it will be taken the next time. */
static bool is_sound_rsa(EVP_PKEY *key)
{
    return EVP_PKEY_get_bits(key) <= MAX_RSA_BITS && is_odd_number(key, OSSL_PKEY_PARAM_RSA_N) &&
           is_odd_number(key, OSSL_PKEY_PARAM_RSA_E);
}

static bool is_sound_ec(EVP_PKEY *key)
{
    int spelt_out = 0;
    /* A curve that is not named but spelt out in numbers of the sender's choice. */
    if (EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &spelt_out) !=
            1 ||
        spelt_out)
        return false;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool sound = context && EVP_PKEY_public_check(context) == 1;
    EVP_PKEY_CTX_free(context);
    return sound;
}

bool jwk_key_is_sound(EVP_PKEY *key)
{
    bool sound = false;
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
        sound = is_sound_rsa(key);
    else if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC)
        sound = is_sound_ec(key);
    ERR_clear_error();
    return sound;
}

/* --- from JSON --- */

/** The bytes of a member; NULL: it is not there, or has another form. */
static unsigned char *take_bytes(const json_t *jwk, const char *name, size_t *length)
{
    const json_t *value = json_object_get(jwk, name);
    if (!json_is_string(value))
        return NULL;
    return base64url_decode(json_string_value(value), json_string_length(value), length);
}

/** Makes a key of what was pushed to `builder`, which it frees. */
static EVP_PKEY *build(const char *type, OSSL_PARAM_BLD *builder)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    ENSURE(params && context);
    if (EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1 ||
        !jwk_key_is_sound(key)) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    ERR_clear_error();
    return key;
}

static EVP_PKEY *read_rsa(const json_t *jwk)
{
    size_t modulus_length = 0, exponent_length = 0;
    unsigned char *modulus = take_bytes(jwk, "n", &modulus_length);
    unsigned char *exponent = take_bytes(jwk, "e", &exponent_length);
    EVP_PKEY *key = NULL;
    /* A large exponent costs as much as a large modulus. */
    if (modulus && exponent && modulus_length <= MAX_RSA_BITS / 8 + 1 && exponent_length <= 8) {
        OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
        BIGNUM *n = BN_bin2bn(modulus, (int)modulus_length, NULL);
        BIGNUM *e = BN_bin2bn(exponent, (int)exponent_length, NULL);
        ENSURE(builder && n && e && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) &&
               OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e));
        key = build("RSA", builder);
        BN_free(n);
        BN_free(e);
    }
    free(modulus);
    free(exponent);
    return key;
}

static EVP_PKEY *read_ec(const json_t *jwk)
{
    const struct curve *curve = find_curve(json_string_value(json_object_get(jwk, "crv")));
    size_t x_length = 0, y_length = 0;
    unsigned char *x = take_bytes(jwk, "x", &x_length);
    unsigned char *y = take_bytes(jwk, "y", &y_length);
    EVP_PKEY *key = NULL;
    if (curve && x && y && x_length == curve->coordinate_size &&
        y_length == curve->coordinate_size) {
        unsigned char point[1 + 2 * MAX_COORDINATE] = {POINT_CONVERSION_UNCOMPRESSED};
        memcpy(point + 1, x, x_length);
        memcpy(point + 1 + x_length, y, y_length);
        OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
        ENSURE(builder &&
               OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME,
                                               curve->openssl_name, 0) &&
               OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point,
                                                1 + x_length + y_length));
        key = build("EC", builder);
    }
    free(x);
    free(y);
    return key;
}

EVP_PKEY *jwk_key_from_json(const json_t *jwk)
{
    const char *type = json_string_value(json_object_get(jwk, "kty"));
    if (!type || json_object_get(jwk, "d"))
        return NULL;
    if (strcmp(type, "RSA") == 0)
        return read_rsa(jwk);
    if (strcmp(type, "EC") == 0)
        return read_ec(jwk);
    return NULL;
}

/* --- to PEM --- */

char *jwk_key_to_pem(EVP_PKEY *key)
{
    char *data;
    BIO *bio = BIO_new(BIO_s_mem());
    ENSURE(bio && PEM_write_bio_PUBKEY(bio, key) == 1);
    long length = BIO_get_mem_data(bio, &data);
    char *pem = xstrndup(data, (size_t)length);
    BIO_free(bio);
    return pem;
}
