#include "hub/auth/jwk.h"

#include <jansson.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "common/panic.h"
#include "hub/auth/jwk_key.h"

static const char *const algorithm_names[JWK_ALGORITHM_COUNT] = {
    [JWT_RS256] = "RS256", [JWT_RS384] = "RS384", [JWT_RS512] = "RS512",
    [JWT_ES256] = "ES256", [JWT_ES384] = "ES384", [JWT_ES512] = "ES512",
};

const char *jwk_algorithm_name(enum jwt_algorithm algorithm)
{
    return algorithm_names[algorithm];
}

int jwk_algorithm_find(const char *name)
{
    for (int i = 0; i < JWK_ALGORITHM_COUNT; i++)
        if (strcmp(algorithm_names[i], name) == 0)
            return i;
    return -1;
}

/* --- sets --- */

static struct jwk_set *set_new(void)
{
    struct jwk_set *set = xcalloc(1, sizeof(*set));
    atomic_init(&set->references, 1);
    return set;
}

/** Adds `key` (NULL: none, it was broken), which it consumes, for those of `algorithms` that it
 * fits. */
static void add(struct jwk_set *set, EVP_PKEY *key, const char *kid, unsigned algorithms)
{
    if (key)
        algorithms &= jwk_key_algorithms(key);
    if (!key || algorithms == 0 || set->count == JWK_MAX_KEYS) {
        set->passed_over++;
    } else {
        set->keys = xrealloc(set->keys, (set->count + 1) * sizeof(*set->keys));
        set->keys[set->count++] = (struct jwk){
            .kid = xstrdup_or_null(kid), .algorithms = algorithms, .pem = jwk_key_to_pem(key)};
    }
    EVP_PKEY_free(key);
}

struct jwk_set *jwk_set_ref(struct jwk_set *set)
{
    atomic_fetch_add(&set->references, 1);
    return set;
}

void jwk_set_unref(struct jwk_set *set)
{
    if (!set || atomic_fetch_sub(&set->references, 1) > 1)
        return;
    for (size_t i = 0; i < set->count; i++) {
        free(set->keys[i].kid);
        free(set->keys[i].pem);
    }
    free(set->keys);
    free(set);
}

static bool key_equal(const struct jwk *a, const struct jwk *b)
{
    bool same_kid = a->kid && b->kid ? strcmp(a->kid, b->kid) == 0 : a->kid == b->kid;
    return same_kid && a->algorithms == b->algorithms && strcmp(a->pem, b->pem) == 0;
}

bool jwk_set_equal(const struct jwk_set *a, const struct jwk_set *b)
{
    if (!a || !b || a->count != b->count)
        return a == b;
    for (size_t i = 0; i < a->count; i++)
        if (!key_equal(&a->keys[i], &b->keys[i]))
            return false;
    return true;
}

bool jwk_set_has(const struct jwk_set *set, const char *kid)
{
    for (size_t i = 0; set && i < set->count; i++)
        if (set->keys[i].kid && strcmp(set->keys[i].kid, kid) == 0)
            return true;
    return false;
}

/* --- JSON --- */

/** Whether the key is meant for verifying signatures ("use", "key_ops": RFC 7517, section 4). */
static bool is_for_signatures(const json_t *jwk)
{
    const json_t *use = json_object_get(jwk, "use");
    const json_t *operations = json_object_get(jwk, "key_ops");
    if (use && (!json_is_string(use) || strcmp(json_string_value(use), "sig") != 0))
        return false;
    if (!operations)
        return true;
    for (size_t i = 0; i < json_array_size(operations); i++) {
        const char *operation = json_string_value(json_array_get(operations, i));
        if (operation && strcmp(operation, "verify") == 0)
            return true;
    }
    return false;
}

/** What "alg" leaves: one, all without it, or nothing. */
static unsigned meant_algorithms(const json_t *jwk)
{
    const json_t *name = json_object_get(jwk, "alg");
    if (!name)
        return ~0U;
    int algorithm = json_is_string(name) ? jwk_algorithm_find(json_string_value(name)) : -1;
    return algorithm < 0 ? 0 : 1U << algorithm;
}

static void add_json(struct jwk_set *set, const json_t *jwk)
{
    const json_t *kid = json_object_get(jwk, "kid");
    bool named = !kid || (json_is_string(kid) && json_string_length(kid) <= JWK_MAX_KID);
    EVP_PKEY *key = NULL;
    /* Beyond the bound nothing is computed. */
    if (named && set->count < JWK_MAX_KEYS && is_for_signatures(jwk))
        key = jwk_key_from_json(jwk);
    add(set, key, json_string_value(kid), meant_algorithms(jwk));
}

struct jwk_set *jwk_set_parse(const char *text, size_t length, struct error *error)
{
    json_error_t json_error;
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &json_error);
    json_t *keys = json_object_get(root, "keys");
    struct jwk_set *set = NULL;
    if (json_is_array(keys)) {
        set = set_new();
        for (size_t i = 0; i < json_array_size(keys); i++)
            add_json(set, json_array_get(keys, i));
    } else {
        error_set(error, ERROR_INVALID, false, "no JWK set: %s",
                  root ? "there is no list \"keys\"" : "no JSON");
    }
    json_decref(root);
    return set;
}

/* --- PEM --- */

static EVP_PKEY *read_block(const char *name, const unsigned char *data, long length)
{
    if (strcmp(name, PEM_STRING_PUBLIC) == 0)
        return d2i_PUBKEY(NULL, &data, length);
    if (strcmp(name, PEM_STRING_RSA_PUBLIC) == 0)
        return d2i_PublicKey(EVP_PKEY_RSA, NULL, &data, length);
    if (strcmp(name, PEM_STRING_X509) != 0)
        return NULL;
    X509 *certificate = d2i_X509(NULL, &data, length);
    EVP_PKEY *key = certificate ? X509_get_pubkey(certificate) : NULL;
    X509_free(certificate);
    return key;
}

struct jwk_set *jwk_set_parse_pem(const char *text, size_t length, struct error *error)
{
    struct jwk_set *set = set_new();
    BIO *bio = BIO_new_mem_buf(text, (int)length);
    char *name, *header;
    unsigned char *data;
    long data_length;
    ENSURE(bio);
    while (PEM_read_bio(bio, &name, &header, &data, &data_length) == 1) {
        EVP_PKEY *key = read_block(name, data, data_length);
        if (key && !jwk_key_is_sound(key)) {
            EVP_PKEY_free(key);
            key = NULL;
        }
        add(set, key, NULL, ~0U);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(data, (size_t)data_length);
    }
    BIO_free(bio);
    ERR_clear_error();
    if (set->count > 0)
        return set;
    jwk_set_unref(set);
    error_set(error, ERROR_INVALID, false,
              "there is no public key or certificate in it with RSA of 2048 to 8192 bits, P-256, "
              "P-384 or P-521");
    return NULL;
}
