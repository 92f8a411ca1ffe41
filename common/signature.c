#include "common/signature.h"

#include <ctype.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/panic.h"

static const char *const names[] = {
    [SIGNATURE_SHA1] = "sha1",
    [SIGNATURE_SHA256] = "sha256",
    [SIGNATURE_SHA384] = "sha384",
    [SIGNATURE_SHA512] = "sha512",
};

#define METHOD_COUNT (sizeof(names) / sizeof(names[0]))

static const EVP_MD *digest_of(enum signature_method method)
{
    switch (method) {
    case SIGNATURE_SHA1:
        return EVP_sha1();
    case SIGNATURE_SHA256:
        return EVP_sha256();
    case SIGNATURE_SHA384:
        return EVP_sha384();
    case SIGNATURE_SHA512:
        return EVP_sha512();
    }
    PANIC("no such signature method: %d", (int)method);
}

const char *signature_method_name(enum signature_method method)
{
    ENSURE((size_t)method < METHOD_COUNT);
    return names[method];
}

int signature_method_parse(const char *name, enum signature_method *method)
{
    for (size_t i = 0; i < METHOD_COUNT; i++) {
        if (strcmp(name, names[i]) == 0) {
            *method = (enum signature_method)i;
            return 0;
        }
    }
    return -1;
}

static void print_signature(enum signature_method method, const unsigned char *digest,
                            size_t length, char out[SIGNATURE_HEADER_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    size_t name_length = strlen(names[method]);
    memcpy(out, names[method], name_length);
    char *position = out + name_length;
    *position++ = '=';
    for (size_t i = 0; i < length; i++) {
        *position++ = digits[digest[i] >> 4];
        *position++ = digits[digest[i] & 15];
    }
    *position = '\0';
}

void signature_compute(enum signature_method method, const char *secret, size_t secret_length,
                       const void *body, size_t body_length, char out[SIGNATURE_HEADER_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    /* A NULL key would mean "the key of last time" to HMAC; secrets are short, so int is enough. */
    ENSURE(secret_length <= INT16_MAX);
    ENSURE(HMAC(digest_of(method), secret ? secret : "", (int)secret_length,
                body ? body : (const void *)"", body_length, digest, &length) != NULL);
    print_signature(method, digest, length, out);
}

struct signer {
    EVP_MAC *mac;
    EVP_MAC_CTX *contexts[METHOD_COUNT];
};

struct signer *signer_new(void)
{
    struct signer *signer = xcalloc(1, sizeof(*signer));
    signer->mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
    ENSURE(signer->mac);
    for (size_t i = 0; i < METHOD_COUNT; i++) {
        const char *digest = EVP_MD_get0_name(digest_of((enum signature_method)i));
        OSSL_PARAM parameters[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)digest, 0),
            OSSL_PARAM_construct_end(),
        };
        signer->contexts[i] = EVP_MAC_CTX_new(signer->mac);
        ENSURE(signer->contexts[i] && EVP_MAC_CTX_set_params(signer->contexts[i], parameters));
    }
    return signer;
}

void signer_free(struct signer *signer)
{
    if (!signer)
        return;
    for (size_t i = 0; i < METHOD_COUNT; i++)
        EVP_MAC_CTX_free(signer->contexts[i]);
    EVP_MAC_free(signer->mac);
    free(signer);
}

void signer_compute(struct signer *signer, enum signature_method method, const char *secret,
                    size_t secret_length, const void *body, size_t body_length,
                    char out[SIGNATURE_HEADER_SIZE])
{
    EVP_MAC_CTX *context = signer->contexts[method];
    unsigned char digest[EVP_MAX_MD_SIZE];
    size_t length = 0;
    ENSURE(EVP_MAC_init(context, (const unsigned char *)secret, secret_length, NULL) == 1);
    ENSURE(EVP_MAC_update(context, body, body_length) == 1);
    ENSURE(EVP_MAC_final(context, digest, &length, sizeof(digest)) == 1);
    print_signature(method, digest, length, out);
}

bool signature_verify(const char *header, const char *secret, size_t secret_length,
                      const void *body, size_t body_length)
{
    const char *equals = strchr(header, '=');
    char name[sizeof("sha512")];
    enum signature_method method;
    if (!equals || (size_t)(equals - header) >= sizeof(name))
        return false;
    memcpy(name, header, (size_t)(equals - header));
    name[equals - header] = '\0';
    if (signature_method_parse(name, &method) != 0)
        return false;

    char expected[SIGNATURE_HEADER_SIZE];
    signature_compute(method, secret, secret_length, body, body_length, expected);
    /* Only the length, which is public, decides how much is compared. */
    size_t length = strlen(expected);
    if (strnlen(header, length + 1) != length)
        return false;
    char given[SIGNATURE_HEADER_SIZE];
    for (size_t i = 0; i <= length; i++)
        given[i] = (char)tolower((unsigned char)header[i]);
    return CRYPTO_memcmp(given, expected, length) == 0;
}
